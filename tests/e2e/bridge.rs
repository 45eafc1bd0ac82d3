//! `trunkwarden bridge`, through the daemon and without one, over real sockets.

use super::world::{World, unlimited};
use serde_json::{Value, json};
use trunkwarden::sim::{BridgeMode, Incident};

const CALL: &str = "12345678-1234-1234-1234-123456789012";
const KEYS: &str = "[tenants.acme.bridge]\nverify_for = \"2s\"\ntimeout = \"2s\"\n";
const PATHS: &str =
    "[tenants.acme.paths]\ncall = \"/api/v2/cti/calls/{call}\"\ncalls = \"/api/v2/cti/calls?channel={id}\"\n";

fn with_bridging(text: &str, more: &str) -> String {
    text.replacen("[policies.default]", &format!("{KEYS}{more}\n[policies.default]"), 1)
}

async fn world(more: &str) -> World {
    let world = World::of(unlimited(4), |text| with_bridging(text, more)).await;
    on(&world, CALL, "ch-0001");
    world
}

fn on(world: &World, call: &str, channel: &str) {
    let (call, channel) = (call.to_owned(), channel.to_owned());
    happen(world, Incident::Call { call, channel, direction: "inbound".to_owned(), legs: 1 });
}

fn happen(world: &World, incident: Incident) {
    let now = world.platform.now();
    world.platform.model().apply(now, incident).unwrap();
}

/// Exit code, standard output and error of one bridge.
async fn bridge(world: &World, more: &[&str]) -> (i32, String, String) {
    let args = [&["bridge", CALL, "--target", "phone:+12025550100", "--direction", "transfer"], more].concat();
    let output = world.cli(&args).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_daemon_bridges_and_the_same_key_tells_the_first_result() {
    let mut world = world(PATHS).await;
    world.start().await;
    let (code, out, err) = bridge(&world, &["--idempotency-key", "k1"]).await;
    assert_eq!((code, out.as_str()), (0, &*format!("bridged call {CALL} to 1 target\n")), "{err}");
    let (code, out, _) = bridge(&world, &["--idempotency-key", "k1", "--json"]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["repeated"], &told["outcome"]), (0, &json!(true), &json!("completed")));
    assert_eq!(world.platform.model().bridges_made(), 1);
    assert!(world.entry("bridge.completed", "").await["actor"].as_str().unwrap().starts_with("operator:uid:"));
    world.metric_becomes(r#"trunkwarden_bridge_success_ratio{tenant="acme"}"#, 1.0).await;

    let (code, out, err) = bridge(&world, &[]).await;
    assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
    assert!(err.contains("bridged already"), "{err}");
    let (code, _, err) = bridge(&world, &["--target", "fax:1", "--matrix", "0:9"]).await;
    assert!(code == 1 && err.contains("targets[1].type") && err.contains("bridgeMatrix[0].target"), "{err}");
    assert_eq!(bridge(&world, &["--matrix", "0-1"]).await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_the_command_does_the_same_with_the_same_journal() {
    let world = world("").await;
    let (code, out, err) = bridge(&world, &["--idempotency-key", "k1"]).await;
    assert_eq!((code, out.as_str()), (0, &*format!("bridged call {CALL} to 1 target\n")), "{err}");
    let (code, out, _) = bridge(&world, &["--idempotency-key", "k1"]).await;
    assert!(code == 0 && out.contains("the first result under this key"), "{out}");
    assert_eq!(world.platform.model().bridges_made(), 1);
    let events: Vec<Value> = world.audit().iter().map(|entry| entry["event_type"].clone()).collect();
    let bridges = |event: &&Value| event.as_str().is_some_and(|event| event.starts_with("bridge."));
    assert_eq!(events.iter().filter(bridges).collect::<Vec<_>>(), ["bridge.requested", "bridge.completed"]);
    world.verify_journal();

    std::fs::write(world.config(), "nonsense = [").unwrap();
    assert_eq!(bridge(&world, &[]).await.0, 78);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_ends_with_3_and_one_line() {
    let mut world = world("").await;
    world.start().await;
    let lasts = std::time::Duration::from_mins(10);
    happen(&world, Incident::Bridge { mode: BridgeMode::LoseAnswer, lasts, delay: None });
    let (code, out, err) = bridge(&world, &[]).await;
    assert_eq!((code, out.as_str(), err.lines().count()), (3, "", 1), "{err}");
    assert!(err.contains("not known whether"), "{err}");
    assert_eq!(world.platform.model().bridges_made(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn observing_or_paused_nothing_is_bridged_with_or_without_a_daemon() {
    let mut world = World::of(unlimited(4), |text| {
        with_bridging(text, "").replacen(r#"mode      = "enforce""#, r#"mode = "observe""#, 1)
    })
    .await;
    on(&world, CALL, "ch-0001");
    let (code, _, err) = bridge(&world, &[]).await;
    assert!(code == 1 && err.contains("observe"), "{err}");
    world.start().await;
    world.all_up().await;
    let (code, _, err) = bridge(&world, &[]).await;
    assert!(code == 1 && err.contains("observe"), "{err}");
    world.order(&["pause", "acme"]).await;
    world.rewrite(|text| text.replacen(r#"mode = "observe""#, r#"mode = "enforce""#, 1));
    world.until("only the pause holds it", async || bridge(&world, &[]).await.2.contains("acme is paused")).await;
    world.take_daemon().stop().await;
    let (code, _, err) = bridge(&world, &[]).await;
    assert!(code == 1 && err.contains("acme is paused"), "the journal remembers: {err}");
    assert_eq!(world.platform.model().bridges_made(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_a_channel_that_went_down_are_rescued_once() {
    let rescue = format!("{PATHS}[policies.default.rescue]\ntarget = \"phone:+12025550100\"\n");
    let mut world = world(&rescue).await;
    on(&world, "00000000-0000-0000-0000-000000000002", "ch-0001");
    on(&world, "00000000-0000-0000-0000-000000000003", "ch-0002");
    world.start().await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    let ended = world.entry("rescue.ended", "ch-0001").await;
    assert_eq!(ended["details"]["rescued"], 2, "{ended}");
    assert_eq!(world.platform.model().bridges_made(), 2);
    let moved = world.entry("failover.completed", "ch-0001").await;
    let first = world.entry("bridge.requested", "ch-0001").await;
    assert!(moved["seq"].as_u64() < first["seq"].as_u64(), "over the backup: {moved} {first}");
    world.metric_becomes(r#"trunkwarden_rescued_calls_total{result="completed",tenant="acme"}"#, 2.0).await;
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_scopes_check_and_start_say_so_and_the_rest_works() {
    let mut scenario = unlimited(4);
    scenario.options.scopes.retain(|scope| !scope.starts_with("cti:"));
    let mut world = World::of(scenario, |text| with_bridging(text, "")).await;
    let checked = world.cli(&["check", "--online"]).await;
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("FAIL  token for bridging") && said.contains("cti:"), "{said}");
    assert_eq!(said.matches("FAIL").count(), 1, "{said}");
    world.start().await;
    world.all_up().await;
    world.until("it is said", async || world.logs().contains("no token for bridging")).await;
    assert_eq!(world.logs().matches("no token for bridging").count(), 1);
}
