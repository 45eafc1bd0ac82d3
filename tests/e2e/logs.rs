//! What the log says: each line about an action or an operation bears its id, in both formats, and once.

use super::daemon;
use super::world::{World, unlimited};
use serde_json::Value;
use trunkwarden::sim::Incident;

const CALL: &str = "12345678-1234-1234-1234-123456789012";

/// A daemon that moves one channel's traffic and bridges one call, and what it logged in this format.
async fn logged(format: &str) -> (World, Vec<String>) {
    let bridging = "[tenants.acme.bridge]\n[policies.default]";
    let mut world = World::of(unlimited(4), |text| text.replacen("[policies.default]", bridging, 1)).await;
    let call = Incident::Call {
        call: CALL.to_owned(),
        channel: "ch-0004".to_owned(),
        direction: "inbound".to_owned(),
        legs: 1,
    };
    world.platform.happen(call);
    let mut command = daemon::binary();
    command.env("TRUNKWARDEN_LOG_FORMAT", format);
    world.start_as(command).await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    world.order(&["bridge", CALL, "--target", "phone:+12025550100", "--direction", "transfer"]).await;
    assert!(world.take_daemon().stop().await.success());
    let lines = world.logs().lines().map(str::to_owned).collect();
    (world, lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_text_bears_the_id_of_what_it_is_about() {
    let (world, lines) = logged("text").await;
    // Where the disk is slow the first one is called back, and the second one made.
    let bears = |line: &&String| {
        let span = line.split_once("action{op=").and_then(|(_, rest)| rest.split_once(' '));
        span.is_some_and(|(op, rest)| op.parse::<u64>().is_ok() && rest.starts_with("tenant=acme channel=ch-0001}"))
    };
    for words in ["failover.intended", "failover.completed", "action ended"] {
        let about: Vec<_> = lines.iter().filter(|line| line.contains(words)).collect();
        assert!(!about.is_empty() && about.iter().all(bears), "{words}: {lines:#?}");
    }
    let id = world.entry("bridge.completed", "").await["operation_id"].as_str().unwrap().to_owned();
    let over = lines.iter().find(|line| line.contains("bridge ended")).unwrap();
    assert!(over.contains(&format!("operation{{id={id} ")), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_json_bears_the_id_of_what_it_is_about() {
    let (world, lines) = logged("json").await;
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let span = |line: &Value, name: &str| -> Value {
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        spans.into_iter().find(|span| span["name"] == name).unwrap_or_default()
    };
    let is_moved = |line: &&Value| matches!(line["event"].as_str(), Some("failover.intended" | "failover.completed"));
    let moved: Vec<&Value> = lines.iter().filter(is_moved).collect();
    assert!(!moved.is_empty(), "{lines:#?}");
    for line in moved {
        let action = span(line, "action");
        let whose = (action["op"].is_u64(), &action["tenant"], &action["channel"]);
        assert_eq!(whose, (true, &"acme".into(), &"ch-0001".into()), "{line}");
        assert!(line.get("tenant").is_none() && line.get("channel").is_none(), "said twice: {line}");
    }
    let over = lines.iter().find(|line| line["message"] == "bridge ended").unwrap();
    let bridged = world.entry("bridge.completed", "").await;
    assert_eq!(span(over, "operation")["id"], bridged["operation_id"], "{over}");
}
