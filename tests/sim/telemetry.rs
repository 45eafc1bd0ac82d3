//! Telemetry: what may be asked, and that what is answered is noise of a seed around a truth.

use crate::world::{START, World, json, secs, unlimited};
use serde_json::{Value, json};
use trunkwarden::sim::{Incident, Scenario, TelemetryForm};

const URL: &str = "/api/v2/telemetry/metrics";

fn at(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

fn query(channels: &[&str], from: i64, to: i64) -> Value {
    json!({"interval": "1m", "metrics": ["latency_ms", "jitter_ms", "packet_loss_pct"], "dimension": "channelId",
        "filter": {"type": "and", "clauses": [
            {"dimension": "channelId", "selector": "eq", "values": channels},
            {"dimension": "conversationType", "selector": "eq", "values": ["voice"]}]},
        "from": at(from), "to": at(to)})
}

fn items(world: &mut World, channels: &[&str], from: i64, to: i64) -> Vec<Value> {
    let response = world.send("POST", URL, &query(channels, from, to));
    assert_eq!(response.status, 200);
    json(&response)["metrics"].as_array().unwrap().clone()
}

fn loss(item: &Value) -> f64 {
    item["packet_loss_pct"].as_f64().unwrap()
}

#[test]
fn the_query_is_checked_to_the_letter() {
    let mut world = World::quiet();
    let good = query(&["ch-0001"], START - 300_000, START);
    assert_eq!(world.send("POST", URL, &good).status, 200);
    let cases: &[(&str, Value)] = &[
        ("/interval", json!("60")),
        ("/interval", json!("-1m")),
        ("/metrics", json!([])),
        ("/metrics", json!(["mos"])),
        ("/dimension", json!("queue")),
        ("/filter/type", json!("or")),
        ("/filter/clauses/0/values", json!("ch-0001")),
        ("/filter/clauses/0/selector", json!("in")),
        ("/filter/clauses/1/values", json!(["chat"])),
        ("/filter/clauses/1/dimension", json!("channelId")),
        ("/from", json!("yesterday")),
        ("/from", good["to"].clone()),
    ];
    for (pointer, value) in cases {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value.clone();
        assert_eq!(world.send("POST", URL, &body).status, 400, "{pointer} = {value}");
    }
    for field in ["interval", "metrics", "dimension", "filter", "from", "to"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        assert_eq!(world.send("POST", URL, &body).status, 400, "without {field}");
    }
}

#[test]
fn a_seed_gives_the_same_values_in_any_order_of_asking() {
    let (from, to) = (START - 600_000, START);
    let first = items(&mut World::quiet(), &["ch-0001", "ch-0002"], from, to);
    let mut again = World::quiet();
    let second: Vec<Value> = items(&mut again, &["ch-0002"], from, to);
    assert_eq!(first[10..], second, "the same bucket is the same whatever was asked before");
    assert_eq!(first.len(), 20);
    let other = items(&mut World::new(unlimited(Scenario::quiet(8, 4))), &["ch-0001", "ch-0002"], from, to);
    assert_ne!(first, other);
    let distinct: std::collections::BTreeSet<String> = first.iter().map(|i| i["latency_ms"].to_string()).collect();
    assert!(distinct.len() > 10, "it varies");
}

#[test]
fn the_bucket_that_is_not_over_is_there_and_partial() {
    let mut world = World::quiet();
    world.now = secs(600);
    let sick = Incident::Telemetry {
        channel: "ch-0001".to_owned(),
        latency_ms: None,
        jitter_ms: None,
        loss_pct: Some(20.0),
        lasts: None,
    };
    world.model.apply(world.now, sick).unwrap();
    world.now = secs(606);
    let to = START + 606_000;
    let young = items(&mut world, &["ch-0001"], START + 300_000, to);
    let stamps: Vec<&str> = young.iter().map(|i| i["timestamp"].as_str().unwrap()).collect();
    let expected: Vec<String> = (5..=10).map(|m| at(START + m * 60_000)).collect();
    assert_eq!(stamps, expected);
    world.now = secs(700);
    let grown = items(&mut world, &["ch-0001"], START + 300_000, START + 660_000);
    assert_eq!(young[..5], grown[..5], "buckets that are over stay as they were");
    assert_ne!(young[5], grown[5], "the young one was rougher");
    assert!(loss(&young[4]) < 2.0 && loss(&grown[5]) > 8.0, "{young:?} {grown:?}");
}

#[test]
fn a_spell_begins_where_it_was_ordered_and_ends() {
    let mut world = World::quiet();
    world.now = secs(60);
    let spell = Incident::Telemetry {
        channel: "ch-0001".to_owned(),
        latency_ms: Some(400.0),
        jitter_ms: Some(60.0),
        loss_pct: Some(6.0),
        lasts: Some(secs(120)),
    };
    world.model.apply(world.now, spell).unwrap();
    world.now = secs(300);
    let found = items(&mut world, &["ch-0001", "ch-0002"], START, START + 300_000);
    let bad: Vec<bool> = found.iter().map(|i| i["latency_ms"].as_f64().unwrap() > 200.0).collect();
    assert_eq!(bad[..5], [false, true, true, false, false]);
    assert!(bad[5..].iter().all(|b| !b), "another channel's media is its own");
}

#[test]
fn answers_come_in_the_form_that_was_ordered() {
    let mut world = World::quiet();
    let mut with = |is| {
        world.model.apply(world.now, Incident::TelemetryForm { is }).unwrap();
        items(&mut world, &["ch-0001"], START - 3_600_000, START)
    };
    assert!(with(TelemetryForm::Empty).is_empty());
    assert!(with(TelemetryForm::Undated).iter().all(|i| i.get("timestamp").is_none() && i["channelId"] == "ch-0001"));
    assert!(with(TelemetryForm::Unattributed).iter().all(|i| i.get("channelId").is_none()));
    let hostile = with(TelemetryForm::Hostile);
    assert!(hostile.iter().any(|i| !i.is_object()) && hostile.iter().any(|i| i["latency_ms"] == -5.0));

    let mut scenario = unlimited(Scenario::quiet(2, 2));
    scenario.options.missing_items = 0.5;
    scenario.channels[1].idle = true;
    let mut world = World::new(scenario);
    let some = items(&mut world, &["ch-0001"], START - 3_600_000, START).len();
    assert!((10..50).contains(&some), "{some}");
    assert!(items(&mut world, &["ch-0002"], START - 3_600_000, START).is_empty(), "a standby carries no calls");
}
