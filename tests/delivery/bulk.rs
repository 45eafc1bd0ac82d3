//! Bulk metrics: built from the snapshot in the contract's words, batched, through the outbox, apart from the entries.

use super::sink::{Act, Sink};
use super::world::{World, until};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use trunkwarden::policy::{ChannelKey, ChannelReport, Explanation, Health, Mode, Quality, Reason, Time};
use trunkwarden::snapshot::Snapshot;

fn channel(id: &str, score: Option<f64>) -> (ChannelKey, Arc<ChannelReport>) {
    let key = ChannelKey::new("acme", id);
    let report = ChannelReport {
        key: key.clone(),
        configured: true,
        policy: "default".to_owned(),
        mode: Mode::Observe,
        health: Health::Up,
        status: None,
        missing: false,
        bad_looks: 0,
        good_looks: 0,
        as_of: Time::ZERO,
        evidence_age: None,
        health_for: Duration::ZERO,
        route: None,
        failed_over: false,
        route_foreign: false,
        quality: score.map(|score| Quality {
            score,
            baseline: None,
            latency_ms: 41.5,
            jitter_ms: 4.5,
            packet_loss_pct: 0.25,
            r_factor: 88.0,
            mos: 4.2,
            samples: 5,
        }),
        samples_rejected: 0,
        codecs: Vec::new(),
        in_flight: None,
        blocked_for: None,
        proposal_left: None,
        maintenance: None,
        held: None,
        no_candidate: false,
        reason: Reason::Fine,
        reason_text: String::new(),
        candidates: Vec::new(),
        explanation: Explanation::default(),
    };
    (key, Arc::new(report))
}

fn publish(world: &World, channels: &[(&str, Option<f64>)]) {
    let channels = channels.iter().map(|(id, score)| channel(id, *score)).collect();
    world.snapshot.publish(Snapshot { channels, ..Snapshot::default() });
}

#[tokio::test]
async fn every_channel_with_data_is_told_in_batches_by_interval_and_by_cron() {
    for when in ["bulk_interval = \"1s\"", "bulk_cron = \"* * * * * *\""] {
        let sink = Sink::serve().await;
        let world = World::idle();
        publish(&world, &[("ch-1", Some(93.0)), ("ch-2", None), ("ch-3", Some(61.0)), ("ch-4", Some(80.0))]);
        world
            .configure(&format!("[[audit.export]]\nname = \"nms\"\nurl = \"{}/\"\n{when}\nbulk_batch = 2\n", sink.url))
            .await;
        until("two requests came", || sink.seen().len() >= 2).await;
        let seen = sink.seen();
        assert!(seen.iter().all(|s| s.path == "/in/metrics/bulk" && !s.header("idempotency-key").is_empty()));
        let (first, second) = (seen[0].json(), seen[1].json());
        assert_eq!(first["export_type"], "channel_quality_metrics");
        assert!(first["generated_at"].as_str().unwrap().ends_with('Z'));
        let ids = |body: &Value| -> Vec<String> {
            body["metrics"].as_array().unwrap().iter().map(|m| m["channel_id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!((ids(&first), ids(&second)), (vec!["ch-1".to_owned(), "ch-3".to_owned()], vec!["ch-4".to_owned()]));
        let metric = &first["metrics"][1];
        for (key, value) in [
            ("avg_latency_ms", json!(41.5)),
            ("avg_jitter_ms", json!(4.5)),
            ("avg_packet_loss_pct", json!(0.25)),
            ("quality_score", json!(61.0)),
            ("optimization_required", json!(true)),
        ] {
            assert_eq!(metric[key], value, "{key}");
        }
        assert_eq!(first["metrics"][0]["optimization_required"], false);
        // 80 is where re-prioritising begins, below it.
        assert_eq!(second["metrics"][0]["optimization_required"], false);
        world.delivery.stop().await;
    }
}

#[tokio::test]
async fn a_sink_without_bulk_metrics_still_gets_its_entries() {
    let sink = Sink::serve().await;
    sink.answers(|seen| Act::status(if seen.path.ends_with("/bulk") { 404 } else { 200 }));
    let world = World::idle();
    publish(&world, &[("ch-1", Some(93.0))]);
    world
        .configure(&format!("[[audit.export]]\nname = \"nms\"\nurl = \"{}\"\nbulk_interval = \"1s\"\n", sink.url))
        .await;
    until("bulk metrics were refused", || sink.seen().iter().any(|s| s.path.ends_with("/bulk"))).await;
    world.write_many(3).await;
    world.drained("nms").await;
    assert_eq!(sink.seqs(), [1, 2, 3]);
    assert!(world.state("nms.bulk").pending >= 1);
}

#[tokio::test]
async fn nothing_is_sent_where_no_channel_has_data() {
    let sink = Sink::serve().await;
    let world = World::idle();
    publish(&world, &[("ch-1", None)]);
    world
        .configure(&format!("[[audit.export]]\nname = \"nms\"\nurl = \"{}\"\nbulk_interval = \"1s\"\n", sink.url))
        .await;
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert!(sink.seen().is_empty());
}
