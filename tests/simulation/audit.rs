//! What the audit log must tell after a run: a whole chain, an outcome for every intent, and no intent at a time at which
//! nothing may be done.

use crate::oracle::Oracle;
use crate::rules::{Rules, SECRET};
use crate::schedule::secs;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use trunkwarden::journal::{Filter, Reader};
use trunkwarden::sim::CANARY;

/// Whoever is told of as another controller has set routes within this time; what cannot be seen is noticed later.
const MEDDLED_WITHIN: Duration = secs(3 * 3600);

/// Every entry, oldest first, as text.
pub fn entries(reader: &Reader) -> Vec<String> {
    let mut all = Vec::new();
    let mut before_seq = None;
    loop {
        let page = reader.entries(&Filter { before_seq, limit: 1000, ..Filter::default() }).unwrap();
        all.extend(page.entries.iter().map(Value::to_string));
        before_seq = page.next;
        if before_seq.is_none() {
            all.reverse();
            return all;
        }
    }
}

/// What is wrong with the log of a world that began at `began`, in milliseconds since the epoch.
pub fn check(reader: &Reader, oracle: &Oracle, began: i64) -> Result<Vec<String>, String> {
    let rules = &oracle.rules;
    let verified = reader.verify().map_err(|broken| broken.to_string())?;
    let texts = entries(reader);
    if texts.len() as u64 != verified.entries {
        return Err(format!("{} entries are read and {} verified", texts.len(), verified.entries));
    }
    if let Some(leak) = texts.iter().find(|t| [CANARY, SECRET, "sim-token-"].iter().any(|secret| t.contains(secret))) {
        return Err(format!("a secret is in the log: {leak}"));
    }
    if let Some(open) = reader.open_operations().map_err(|e| e.to_string())?.first() {
        return Err(format!("operation {} has no outcome", open.operation.id));
    }
    let entries: Vec<Value> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    told_once(&entries)?;
    oracle.register.check(&entries, began)?;
    paused_for_others_only(&entries, &oracle.meddled, began)?;
    never_at_the_wrong_time(&entries)?;
    never_too_many(&entries, rules)?;
    taken_back_in_time(&entries, rules)?;
    Ok(texts)
}

fn kind(entry: &Value) -> &str {
    entry["event_type"].as_str().unwrap()
}

fn intended(entry: &Value) -> bool {
    kind(entry).ends_with(".intended")
}

/// A pause for another controller has one: somebody else set routes not long before, and not we ourselves.
fn paused_for_others_only(entries: &[Value], meddled: &[Duration], began: i64) -> Result<(), String> {
    for entry in entries.iter().filter(|entry| kind(entry) == "operator.other_controller") {
        let at: jiff::Timestamp = entry["timestamp"].as_str().unwrap().parse().unwrap();
        let at = Duration::from_millis((at.as_millisecond() - began).unsigned_abs());
        let lately = meddled.iter().filter(|by| **by <= at && at.saturating_sub(**by) < MEDDLED_WITHIN).count();
        if lately < 2 {
            return Err(format!("paused for another controller, who set {lately} routes in the hours before: {entry}"));
        }
    }
    Ok(())
}

/// Each intent is told once, under a number of its own, and so is what came of it.
fn told_once(entries: &[Value]) -> Result<(), String> {
    let mut open: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for entry in entries {
        let Some(op) = entry["operation_id"].as_str() else { continue };
        if intended(entry) {
            if !seen.insert(op) {
                return Err(format!("the intent is told twice: {entry}"));
            }
            open.insert(op, entry);
        } else if [".completed", ".failed", ".unknown", ".orphan_resolved"].iter().any(|end| kind(entry).ends_with(end))
        {
            if !seen.contains(op) {
                return Err(format!("an outcome without an intent: {entry}"));
            }
            open.remove(op);
        }
    }
    open.values().next().map_or(Ok(()), |entry| Err(format!("what came of it is never told: {entry}")))
}

/// Nothing is begun while the tenant is blind, held or paused.
fn never_at_the_wrong_time(entries: &[Value]) -> Result<(), String> {
    let (mut blind, mut mass) = (false, false);
    let mut paused = BTreeSet::new();
    for entry in entries {
        let tenant = entry["tenant"].as_str();
        match (kind(entry), &entry["after"]["paused"]) {
            (_, Value::Bool(true)) => drop(paused.insert(tenant)),
            (_, Value::Bool(false)) => drop(paused.remove(&tenant)),
            ("blind.entered", _) => blind = true,
            ("blind.left", _) => blind = false,
            ("health.mass_hold", _) => mass = true,
            ("health.mass_hold_ended", _) => mass = false,
            ("operator.ordered", _) if is_approval_of_mass(entry) => mass = false,
            ("process.started", _) => (blind, mass) = (false, false),
            _ if intended(entry) && (blind || mass || !paused.is_empty()) => {
                return Err(format!("begun while blind: {blind}, held: {mass}, paused: {paused:?}: {entry}"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_approval_of_mass(entry: &Value) -> bool {
    let order = entry["details"]["reason"]["order"].as_str();
    order.is_some_and(|order| order.starts_with("approved the mass change"))
}

/// No more than `max_per_hour`, rescues and what was never sent left aside.
fn never_too_many(entries: &[Value], rules: &Rules) -> Result<(), String> {
    let uncounted = ["not_sent", "conflict", "withdrawn"];
    let is_uncounted = |e: &&Value| uncounted.iter().any(|o| e["details"]["reason"]["outcome"]["outcome"] == *o);
    let never_sent: BTreeSet<&str> =
        entries.iter().filter(is_uncounted).filter_map(|e| e["operation_id"].as_str()).collect();
    let mut hour: VecDeque<i64> = VecDeque::new();
    for entry in entries.iter().filter(|e| intended(e)) {
        let at: jiff::Timestamp = entry["timestamp"].as_str().unwrap().parse().unwrap();
        let at = at.as_millisecond();
        while hour.front().is_some_and(|earlier| at - earlier >= 3_600_000) {
            hour.pop_front();
        }
        let reason = &entry["details"]["reason"];
        let rescue = reason["backup_failed"] == true || reason["cause"].to_string().contains("backup_");
        // A person's force passes over caps; whether there was such an order is the oracle's to judge.
        let ordered = entry["actor"].as_str().is_some_and(|actor| actor.starts_with("operator"));
        if hour.len() >= rules.max_per_hour && !rescue && !ordered {
            return Err(format!("{} were begun in the hour before: {entry}", hour.len()));
        }
        if !entry["operation_id"].as_str().is_some_and(|op| never_sent.contains(op)) {
            hour.push_back(at);
        }
    }
    Ok(())
}

/// How long after a move for quality it may be found worse: a window and three rounds of telemetry, and what the last looks
/// and the change itself take.
fn probation_ms(rules: &Rules) -> i64 {
    i64::try_from((secs(300 + 120) + rules.telemetry * 3).as_millis()).unwrap()
}

/// A route taken for quality is taken back for what was found while it was on probation: what is done later was held, or
/// tried in vain, before.
fn taken_back_in_time(entries: &[Value], rules: &Rules) -> Result<(), String> {
    let mut since: BTreeMap<&str, (i64, bool)> = BTreeMap::new();
    for entry in entries {
        let Some(channel) = entry["channel_id"].as_str() else { continue };
        let at: jiff::Timestamp = entry["timestamp"].as_str().unwrap().parse().unwrap();
        let at = at.as_millisecond();
        let in_time = |from: &i64| at - from <= probation_ms(rules);
        match kind(entry) {
            "failover.completed" | "journal.orphan_resolved" => drop(since.insert(channel, (at, false))),
            "failback.intended" if entry["details"]["reason"]["cause"].to_string().contains("rollback") => {
                if since.get(channel).is_some_and(|(from, tried)| !tried && !in_time(from)) {
                    return Err(format!("it was on probation no longer: {entry}"));
                }
                since.entry(channel).and_modify(|(_, tried)| *tried = true);
            }
            "failback.held" => drop(since.entry(channel).and_modify(|(from, tried)| *tried |= in_time(from))),
            _ => {}
        }
    }
    Ok(())
}
