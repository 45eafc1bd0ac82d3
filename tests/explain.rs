//! `explain --at` and `replay`: over a journal that the real daemon wrote on the simulated platform, under paused time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "explain/story.rs"]
mod story;

use serde_json::Value;
use std::process::Output;
use std::time::Duration;
use story::{Story, secs};

fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&ok(output)).unwrap()
}

/// What stays the same from run to run.
fn settled(text: &str, story: &Story) -> String {
    let text = text.replace(story.folder().to_str().unwrap(), "DIR");
    // How many facts there are is the daemon's business.
    let Some((before, after)) = text.split_once(" facts") else { return text };
    format!("{} N facts{after}", before.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end())
}

#[test]
fn a_past_moment_is_explained_from_the_journal_alone() {
    let story = Story::told();
    for (name, channel, after) in [
        ("all_is_well", "acme/ch-0001", 100),
        ("suspect", "acme/ch-0001", 170),
        ("failed_over", "acme/ch-0001", 300),
        ("soon_home", "acme/ch-0001", 1400),
    ] {
        let text = ok(&story.run(&["explain", channel, "--at", &Story::at(secs(after))]));
        insta::assert_snapshot!(name, settled(&text, &story));
    }
}

#[test]
fn what_is_rebuilt_is_what_the_daemon_concluded_at_every_moment() {
    let story = Story::told();
    let mut seen = std::collections::BTreeSet::new();
    for after in (60..5400).step_by(149).chain([150, 170, 190, 191, 192, 3010, 3025, 3034]) {
        for channel in ["acme/ch-0001", "acme/ch-0002"] {
            let told = json(&story.run(&["explain", channel, "--json", "--at", &Story::at(secs(after))]));
            let rests = told["rests_on"].to_string();
            assert!(!rests.contains("doubt"), "{channel} after {after} s: {rests}");
            seen.insert(told["channel"]["reason_detail"]["code"].to_string());
        }
    }
    assert!(seen.len() >= 3, "{seen:?}");
}

#[test]
fn under_the_same_configuration_a_replay_decides_what_was_decided() {
    let story = Story::told();
    let told = json(&story.run(&["replay", "--journal", &story.journal(), "--json"]));
    let summary = &told["summary"];
    assert_eq!((summary["only_then"].as_u64(), summary["only_now"].as_u64()), (Some(0), Some(0)), "{told:#}");
    assert!(summary["same"].as_u64().unwrap() >= 2, "{told:#}");
}

#[test]
fn a_replay_under_another_threshold_shows_what_it_would_have_done() {
    let story = Story::told();
    let new = story.configured("fall = 3", "new.toml");
    let arguments = ["replay", "--journal", &story.journal(), "--config", &new];
    let told = json(&story.run(&[&arguments[..], &["--json"]].concat()));
    let only_now: Vec<&Value> = told["decisions"].as_array().unwrap().iter().filter(|d| d["then"].is_null()).collect();
    let moved = only_now.iter().find(|d| d["now"]["event"] == "failover.intended").unwrap();
    assert_eq!((&moved["now"]["channel"], &moved["now"]["target"]), (&"acme/ch-0002".into(), &"ch-0003".into()));
    assert_eq!(told["summary"]["only_then"], 0, "{told:#}");
    insta::assert_snapshot!("another_threshold", settled(&ok(&story.run(&arguments)), &story));
}

#[test]
fn a_replay_is_deterministic() {
    let story = Story::told();
    let new = story.configured("fall = 3", "new.toml");
    let once = || ok(&story.run(&["replay", "--journal", &story.journal(), "--config", &new, "--json"]));
    assert_eq!(once(), once());
}

#[test]
fn where_the_configuration_was_another_one_the_answer_says_so() {
    let story = Story::told();
    let new = story.configured("fall = 3", "new.toml");
    let at = Story::at(Story::FLAP + secs(36));
    let told = json(&story.run(&["explain", "acme/ch-0002", "--json", "--at", &at, "--config", &new]));
    assert!(told["rests_on"].to_string().contains("do not trust this"), "{told:#}");
    // What was really done is imposed: nothing was moved then.
    assert_eq!(told["channel"]["route"], "ch-0002");
}

#[test]
fn a_restart_loses_nothing_of_the_past() {
    let story = Story::told_in_two_processes();
    let at = Story::at(Story::HEALED.saturating_sub(secs(60)));
    let told = json(&story.run(&["explain", "acme/ch-0001", "--json", "--at", &at]));
    assert_eq!(told["channel"]["route"], "ch-0002", "{told:#}");
    assert_eq!(told["channel"]["route_foreign"], false);
    assert!(!told["rests_on"].to_string().contains("doubt"), "{told:#}");
    let told = json(&story.run(&["replay", "--journal", &story.journal(), "--json"]));
    assert_eq!(told["summary"]["only_now"], 0, "{told:#}");
    assert_eq!(told["summary"]["only_then"], 0, "{told:#}");
}

#[test]
fn bad_questions_are_refused_in_a_line() {
    let story = Story::told();
    let journal = story.journal();
    let early = Story::at(Duration::ZERO).replace("2025", "2024");
    for (arguments, code, words) in [
        (vec!["explain", "acme", "--at", "2026-11-21T00:00:00Z"], 2, "expected TENANT/CHANNEL"),
        (vec!["explain", "acme/ch-0001", "--at", "yesterday"], 2, "2026-11-21T08:55:00Z"),
        (vec!["explain", "acme/ch-0001", "--at", "2999-01-01T00:00:00Z"], 2, "is in the future"),
        (vec!["explain", "acme/ch-0001", "--at", &early], 1, "the journal has nothing about 2024"),
        (vec!["explain", "acme/ch-0009", "--at", &Story::at(secs(100))], 1, "acme/ch-0009 is not configured"),
        (vec!["replay", "--journal", "/nowhere/journal.db"], 1, "/nowhere/journal.db"),
        (
            vec!["replay", "--journal", &journal, "--from", "2999-01-01T00:00:00Z"],
            1,
            "nothing lies between --from (2999-01-01T00:00:00.000Z) and --to (",
        ),
        (vec!["replay", "--journal", &journal, "--to", "2024-01-01T00:00:00Z"], 1, "observations begin at 2025"),
    ] {
        let output = story.run(&arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}
