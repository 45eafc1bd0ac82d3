//! What a platform writes oddly, or without a bound, and what the daemon makes of it.

use super::platform::{WALL, World, file};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn pass(s: u64) {
    tokio::time::sleep(Duration::from_secs(s)).await;
}

fn world(folder: &std::path::Path, more: &str) -> World {
    World::over(folder, &(file(folder) + more), Arc::default(), WALL, Vec::new())
}

fn reasons(w: &World, event: &str) -> Vec<String> {
    let entries = w.entries().unwrap().into_iter().filter(|entry| entry["event_type"] == event);
    entries.map(|entry| entry["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_codec_without_a_priority_is_sent_back_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let telemetry = "[policies.default.telemetry]\ninterval = \"20s\"\nwindow = \"1m\"\nbucket = \"20s\"\n";
    let w = world(folder.path(), telemetry);
    let codecs = json!([
        { "name": "G722", "ptime": 20 }, { "name": "PCMU", "priority": 1.0, "n": 1e40 }, { "name": "iLBC", "priority": null },
        { "name": "OPUS", "priority": "2", "fmtp": { "useinbandfec": 1 } },
    ]);
    w.platform.with(|held| held.codecs.insert("a".into(), codecs.clone()));
    w.platform.with(|held| held.loss.insert("a".into(), 0.0));
    pass(70).await;
    w.platform.with(|held| held.loss.insert("a".into(), 3.0));
    for _ in 0..120 {
        pass(1).await;
    }
    let sent: Vec<Value> = w.platform.with(|held| held.changes.iter().map(|(_, body)| body.clone()).collect());
    let [body] = sent.as_slice() else { panic!("{sent:?} {:?}", w.entries()) };
    let expected = json!({ "configuration": { "codecs": [
        { "name": "G722", "ptime": 20 }, { "name": "OPUS", "priority": "1", "fmtp": { "useinbandfec": 1 } },
        { "name": "iLBC", "priority": null }, { "name": "PCMU", "priority": 2, "n": 1e40 },
    ] } });
    assert_eq!(*body, expected);
    assert_eq!(w.told("codec.completed").unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_it_cannot_be_sent_back_whole_nothing_is_sent_and_the_reason_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let w = world(folder.path(), "");
    w.platform.with(|held| held.backups.insert("a".into(), vec!["x".repeat(250); 300]));
    pass(70).await;
    w.platform.say("a", "unhealthy");
    pass(30).await;
    assert_eq!(w.changes(), 0);
    let failed = reasons(&w, "failover.failed");
    assert!(
        failed.iter().any(|why| why.contains("nothing was sent: `routing` as read cannot be sent back")),
        "{failed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn text_without_a_bound_costs_nobody_else_and_never_grows_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let w = world(folder.path(), "");
    pass(70).await;
    // The first candidate's route is no id: it is not taken, and the next is.
    w.platform.with(|held| held.route.insert("b".into(), "x".repeat(600_000)));
    w.platform.say("d", &format!("odd\n\u{1b}[2J{}", "x".repeat(540_000)));
    w.platform.with(|held| held.backups.insert("d".into(), vec!["y".repeat(200_000); 32]));
    pass(10).await;
    w.platform.say("a", "unhealthy");
    pass(30).await;
    assert_eq!(w.platform.with(|held| held.route.get("a").cloned()).as_deref(), Some("c"));
    for entry in w.entries().unwrap() {
        let text = entry.to_string();
        assert!(text.len() < 10_000 && !text.contains("\\u001b"), "{} bytes: {text:.200}", text.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_blank_route_is_home() {
    let folder = tempfile::tempdir().unwrap();
    let w = world(folder.path(), "");
    for (id, blank) in [("a", ""), ("b", " "), ("c", "\t")] {
        w.platform.with(|held| held.route.insert(id.into(), blank.into()));
    }
    pass(70).await;
    assert_eq!(w.told("channel.route_changed").unwrap(), 0);
    w.platform.say("a", "unhealthy");
    pass(30).await;
    assert_eq!(w.platform.with(|held| held.route.get("a").cloned()).as_deref(), Some("b"));
}
