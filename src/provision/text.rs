//! Plan and apply for people: one line a channel, the fields below it, and a sum.

use super::difference::Difference;
use super::plan::{Done, Item, Plan, Result as Came, What};
use serde_json::Value;
use std::fmt::Write as _;

/// The plan, field by field; never a secret.
pub fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    let mut tenant = None;
    for item in plan.items.iter().filter(|item| item.what != What::Same || item.new) {
        if tenant != Some(&item.tenant) {
            let _ = writeln!(out, "{}", item.tenant);
            tenant = Some(&item.tenant);
        }
        head(&mut out, item);
        for difference in &item.differences {
            field(&mut out, item.what, difference);
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{}", sum(plan));
    out
}

/// What came of an apply.
pub fn done(done: &[Done]) -> String {
    let mut out = String::new();
    for done in done.iter().filter(|done| done.result != Came::Unchanged) {
        let id = done.id.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
        let why = done.why.as_ref().map_or_else(String::new, |why| format!("; {why}"));
        let _ = writeln!(out, "{}/{}{id}: {}{why}", done.tenant, done.name, done.result.name());
    }
    if out.is_empty() {
        out.push_str("nothing to do\n");
    }
    out
}

fn head(out: &mut String, item: &Item) {
    let id = item.id.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
    let (sign, words) = match item.what {
        What::Create => ('+', "will be created"),
        What::Change => ('~', "will be changed"),
        What::Same => ('=', "matches"),
        What::Wait => ('?', "waits"),
        What::Problem => ('!', "needs a decision"),
        What::Unseen => ('?', "could not be read"),
    };
    let why = item.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    let _ = writeln!(out, "  {sign} {}{id} {words}{why}", item.name);
}

fn field(out: &mut String, what: What, Difference { field, is, desired, sensitive }: &Difference) {
    let _ = match (what, sensitive) {
        (What::Create, true) => writeln!(out, "      {field}: (sensitive)"),
        (_, true) => writeln!(out, "      {field}: (sensitive), differs from what was last sent"),
        (What::Create, false) => writeln!(out, "      {field}: {}", value(desired)),
        (_, false) => writeln!(out, "      {field}: {} -> {}", value(is), value(desired)),
    };
}

/// Codecs by their order; anything else as JSON.
fn value(value: &Value) -> String {
    let codec = |v: &Value| Some(format!("{} {}", v.get("name")?.as_str()?, v.get("priority")?.as_u64()?));
    match value.as_array().map(|items| items.iter().map(codec).collect::<Option<Vec<_>>>()) {
        Some(Some(codecs)) if !codecs.is_empty() => format!("[{}]", codecs.join(", ")),
        _ => value.to_string(),
    }
}

fn sum(plan: &Plan) -> String {
    let count = |what: What| plan.items.iter().filter(|item| item.what == what).count();
    let (create, change, same) = (count(What::Create), count(What::Change), count(What::Same));
    let open = plan.items.len() - create - change - same;
    if plan.items.is_empty() {
        return "No desired channels are configured.".to_owned();
    }
    if plan.is_empty() {
        return format!("No changes: {} as configured.", channels(same));
    }
    let mut sum = format!("Plan: {create} to create, {change} to change, {same} as configured");
    if open > 0 {
        let _ = write!(sum, ", {open} left alone");
    }
    sum + "."
}

fn channels(n: usize) -> String {
    if n == 1 { "1 channel is".to_owned() } else { format!("{n} channels are") }
}
