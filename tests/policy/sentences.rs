//! Every sentence there is, with example values, in one file that is reviewed: `tests/snapshots/sentences.txt`. A sentence that
//! changed fails this, and so does a variant without one.

#[path = "sentences/engine.rs"]
mod engine;
#[path = "sentences/outlook.rs"]
mod outlook;
#[path = "sentences/samples.rs"]
mod samples;

use serde::de::DeserializeOwned;
use std::fmt::{Display, Write as _};
use std::fs;
use std::path::Path;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/sentences.txt");
const ACCEPT: &str = "TRUNKWARDEN_ACCEPT_SENTENCES";

/// The variants of an enum, written once: as an exhaustive match, so that a new one does not compile until it stands here, and
/// as the list that its samples have to cover.
macro_rules! variants {
    ($type:ident: $($variant:ident),* $(,)?) => {
        impl super::Variants for $type {
            const ALL: &'static [&'static str] = &[$(stringify!($variant)),*];
            fn variant(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => stringify!($variant),)*
                }
            }
        }
    };
}
use variants;

/// An enum whose sentences stand in the file, one group for each variant.
trait Variants {
    const ALL: &'static [&'static str];
    fn variant(&self) -> &'static str;
}

/// A group of sentences under a label.
struct Group {
    label: String,
    sentences: Vec<String>,
}

/// The sentences of samples, grouped by variant in the order in which the variants stand.
fn of_variants<T: Variants>(samples: &[T], say: impl Fn(&T) -> String) -> Vec<Group> {
    let group = |label: &&'static str| Group {
        label: (*label).to_owned(),
        sentences: samples.iter().filter(|sample| sample.variant() == *label).map(&say).collect(),
    };
    let mut groups: Vec<Group> = T::ALL.iter().map(group).collect();
    for Group { label, sentences } in &mut groups {
        sentences.dedup();
        assert!(!sentences.is_empty(), "{label} has no sample: give it one in tests/policy/sentences/samples.rs");
    }
    groups
}

fn display<T: Variants + Display>(samples: &[T]) -> Vec<Group> {
    of_variants(samples, ToString::to_string)
}

/// Variants that say the same, under one label.
fn joined(groups: Vec<Group>) -> Vec<Group> {
    let mut all: Vec<Group> = Vec::new();
    for group in groups {
        match all.iter_mut().find(|other| other.sentences == group.sentences) {
            Some(same) => write!(same.label, ", {}", group.label).unwrap(),
            None => all.push(group),
        }
    }
    all
}

fn section(text: &mut String, heading: &str, groups: Vec<Group>) {
    writeln!(text, "\n== {heading} ==").unwrap();
    for Group { label, sentences } in groups {
        writeln!(text, "{label}").unwrap();
        for sentence in sentences {
            assert!(!sentence.trim().is_empty(), "{heading}, {label}: says nothing");
            writeln!(text, "    {sentence}").unwrap();
        }
    }
}

fn everything() -> String {
    let mut text =
        "Every sentence that the engine says of a channel, a tenant or an order, with example values. A test writes\n\
                    it; read what changes in it as an operations engineer would at night.\n"
            .to_owned();
    section(&mut text, "Reason", display(&samples::reasons()));
    section(&mut text, "Cause: why traffic has to move", display(&samples::causes()));
    section(&mut text, "Ineligible: why a candidate is not fit", display(&samples::ineligible()));
    section(
        &mut text,
        "Ineligible: what would have to change",
        of_variants(&samples::ineligible(), |why| format!("ch-0002 {}", why.remedy())),
    );
    section(&mut text, "Hold: why an action waits", display(&samples::holds()));
    section(&mut text, "Hold: what ends it", of_variants(&samples::holds(), outlook::of_hold));
    section(&mut text, "CodecHold: why the codecs stay", display(&samples::codec_holds()));
    section(&mut text, "Outcome: what came of an action", of_variants(&samples::outcomes(), samples::outcome));
    section(
        &mut text,
        "Outlook: what would have to change",
        joined(of_variants(&samples::reasons(), outlook::of_reason)),
    );
    section(&mut text, "Outlook: its other branches", outlook::branches());
    section(&mut text, "Order: what is refused, in the log", display(&samples::orders()));
    section(&mut text, "Ordered: what a person did", engine::ordered());
    section(&mut text, "Lapsed: what ended by itself", engine::lapsed());
    section(&mut text, "Refusal: why an order is not taken", engine::refused());
    text
}

#[test]
fn every_sentence_is_the_one_that_was_reviewed() {
    let said = everything();
    if std::env::var_os(ACCEPT).is_some() {
        fs::write(FILE, &said).unwrap();
    }
    let reviewed = fs::read_to_string(FILE).unwrap_or_default();
    let differences = differences(&reviewed, &said);
    assert!(
        differences.is_empty(),
        "sentences are not those of {}:\n{}\nRead them. If they are right, accept them with\n    \
         {ACCEPT}=1 cargo test --test policy sentences\n",
        Path::new(FILE).strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display(),
        differences.join("\n"),
    );
}

/// The lines that only one of them has, each with the label that it stands under.
fn differences(old: &str, new: &str) -> Vec<String> {
    let labelled = |text: &str| {
        let mut label = String::new();
        let mut lines = Vec::new();
        for line in text.lines() {
            if !line.starts_with(' ') {
                line.clone_into(&mut label);
            }
            lines.push((label.clone(), line.trim_start().to_owned()));
        }
        lines
    };
    let (old, new) = (labelled(old), labelled(new));
    let only = |a: &[(String, String)], b: &[(String, String)], mark: char| -> Vec<String> {
        a.iter().filter(|line| !b.contains(line)).map(|(label, line)| format!("{mark} {label}: {line}")).collect()
    };
    let mut found = only(&old, &new, '-');
    found.extend(only(&new, &old, '+'));
    if found.is_empty() && old != new {
        found.push("their order changed".to_owned());
    }
    found
}

/// The names that serde knows are as many as the variants listed: none is left out of the list by mistake.
fn known<T: DeserializeOwned>(empty: &str) -> usize {
    let Err(error) = serde_json::from_str::<T>(empty) else { panic!("{empty} is no variant") };
    let error = error.to_string();
    let (_, known) = error.split_once("expected one of ").expect("serde names its variants");
    known.split('`').skip(1).step_by(2).count()
}

#[test]
fn every_variant_is_listed_once() {
    use trunkwarden::policy::{Cause, CodecHold, Hold, Ineligible, Order, Outcome, Reason, Refusal};
    assert_eq!(Reason::ALL.len(), known::<Reason>(r#"{"code":""}"#));
    assert_eq!(Cause::ALL.len(), known::<Cause>(r#"{"cause":""}"#));
    assert_eq!(Ineligible::ALL.len(), known::<Ineligible>(r#"{"code":""}"#));
    assert_eq!(Hold::ALL.len(), known::<Hold>(r#"{"why":""}"#));
    assert_eq!(CodecHold::ALL.len(), known::<CodecHold>(r#"{"code":""}"#));
    assert_eq!(Outcome::ALL.len(), known::<Outcome>(r#"{"outcome":""}"#));
    assert_eq!(Order::ALL.len(), known::<Order>(r#"{"order":""}"#));
    assert_eq!(Refusal::ALL.len(), known::<Refusal>(r#"{"":null}"#));
}

#[test]
fn a_difference_names_its_label_and_both_sentences() {
    let (old, new) = ("Fine\n    nothing is wrong\n", "Fine\n    all is well\n");
    assert_eq!(differences(old, new), ["- Fine: nothing is wrong", "+ Fine: all is well"]);
    assert_eq!(differences(old, old), [] as [&str; 0]);
    assert_eq!(differences("A\n    x\n    y\n", "A\n    y\n    x\n"), ["their order changed"]);
}
