//! What differs is told, and put right where the policy says so; what the engine did is none of it.

use super::scene::{DRIFT, NAME, PASSWORD, created, desiring, doc, edit, edited, up};
use super::world::World;
use serde_json::{Value, json};
use trunkwarden::sim::{Incident, PatchMode};

const NEW: &str = "ch-new-0001";

/// Created by a person's word, then left to the daemon.
async fn existing(mode: &str) -> World {
    let mut world = desiring(mode).await;
    let output = world.cli(&["channels", "apply", "--yes"]).await;
    assert!(output.status.success(), "{output:?}");
    world.start().await;
    up(&world, NEW).await;
    world
}

fn wrong_port() -> Value {
    json!({ "configuration": { "sip_port": 5077 }, "health_check": { "timeout_seconds": 20 } })
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_told_once_each_time_it_becomes_another_and_nothing_is_touched() {
    let world = existing("create").await;
    world.metric_becomes(DRIFT, 0.0).await;
    edit(&world, NEW, &wrong_port());
    let told = world.entry("provision.drift", NEW).await;
    assert_eq!(told["before"]["configuration.sip_port"], 5077);
    assert_eq!(told["after"]["configuration.sip_port"], 5061);
    assert_eq!(told["after"]["health_check.timeout_seconds"], 9);
    world.metric_becomes(DRIFT, 1.0).await;
    edit(&world, NEW, &json!({ "configuration": { "sip_port": 5078 } }));
    let other = world.nth_entry(2, "provision.drift", NEW).await;
    assert_eq!(other["before"]["configuration.sip_port"], 5078);
    edit(&world, NEW, &json!({ "configuration": { "sip_port": 5061 }, "health_check": { "timeout_seconds": 9 } }));
    world.metric_becomes(DRIFT, 0.0).await;
    let over = world.nth_entry(3, "provision.drift", NEW).await;
    assert!(over["reason"].as_str().unwrap().contains("matches the configuration"), "{over}");
    assert_eq!(world.platform.patches(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_put_right_with_everything_beside_it_as_it_was() {
    let world = existing("enforce").await;
    edit(&world, NEW, &json!({ "configuration": { "rtp_payload_type": "101", "dtmf_mode": "INFO" } }));
    world.platform.patching(PatchMode::Replace, None);
    edit(&world, NEW, &wrong_port());
    let done = world.nth_entry(2, "provision.completed", NEW).await;
    assert_eq!(done["before"]["configuration.sip_port"], 5077, "{done}");
    world.metric_becomes(DRIFT, 0.0).await;
    let now = doc(&world, NEW);
    let configuration = &now["configuration"];
    assert_eq!((&configuration["sip_port"], &configuration["rtp_payload_type"]), (&json!(5061), &json!("101")));
    assert_eq!(now["health_check"], json!({ "interval_seconds": 45, "timeout_seconds": 9 }));
    for (_, body) in world.platform.patches() {
        assert!(body["configuration"].get("authentication").is_none() && body.get("routing").is_none(), "{body}");
    }
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_putting_it_right_is_read_back() {
    for mode in [PatchMode::LoseAnswer, PatchMode::Delay] {
        let world = existing("enforce").await;
        world.platform.patching(mode, Some(std::time::Duration::from_millis(300)));
        edit(&world, NEW, &wrong_port());
        world.nth_entry(2, "provision.completed", NEW).await;
        world.metric_becomes(DRIFT, 0.0).await;
        assert_eq!(world.platform.patches().len(), 1, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_no_drift_and_backups_wait_for_it() {
    let world = existing("enforce").await;
    world.platform.turn(NEW, "unhealthy");
    world.entry("failover.completed", NEW).await;
    edit(&world, NEW, &json!({ "routing": { "failover_channels": [] } }));
    world.entry("provision.drift", NEW).await;
    world.until("it says why it waits", async || world.logs().contains("corrected once it is home")).await;
    assert_eq!(world.platform.route(NEW), "ch-0002");
    assert_eq!(world.platform.patches().len(), 1, "the failover alone");
    world.platform.turn(NEW, "healthy");
    world.entry("failback.completed", NEW).await;
    world.nth_entry(2, "provision.completed", NEW).await;
    assert_eq!(doc(&world, NEW)["routing"], json!({ "failover_channels": ["ch-0002"], "primary_channel_id": NEW }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_order_that_the_engine_set_is_no_drift() {
    let codec = "[policies.default.codec]\nenabled = true\ncooldown = \"1h\"\nmin_gain = 1.0";
    let mut world = edited("enforce", |text| {
        text.replace("[policies.default.codec]\nenabled = false", codec)
            .replace(r#"name = "OPUS", priority = 1"#, r#"name = "PCMU", priority = 1"#)
            .replace(r#"name = "PCMU", priority = 2 }]"#, r#"name = "OPUS", priority = 2 }]"#)
    })
    .await;
    world.start().await;
    up(&world, NEW).await;
    let telemetry = |loss| Incident::Telemetry {
        channel: NEW.into(),
        latency_ms: None,
        jitter_ms: None,
        loss_pct: Some(loss),
        lasts: None,
    };
    world.platform.happen(telemetry(4.0));
    let set = world.entry("codec.completed", NEW).await;
    let before = world.entries("provision.", "").len();
    let lists =
        || world.platform.model().requests().filter(|r| r.path == "/api/v2/channels" && r.method == "GET").count();
    let seen = lists();
    world.until("rounds were made", async || lists() > seen + 4).await;
    assert_eq!(world.entries("provision.", "").len(), before, "{set}");
    assert_eq!(world.platform.patches().len(), 1, "the engine's alone");
    // Another order than either is drift.
    let third = json!([{ "name": "G729", "priority": 1 }, { "name": "OPUS", "priority": 2 }]);
    edit(&world, NEW, &json!({ "configuration": { "codecs": third } }));
    world.nth_entry(2, "provision.completed", NEW).await;
    world.until("it is as desired", async || doc(&world, NEW)["configuration"]["codecs"][0]["name"] == "PCMU").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_is_sent_and_told_by_its_digest_alone() {
    let world = existing("enforce").await;
    std::fs::write(world.folder.path().join("sip-password"), format!("{PASSWORD}-2")).unwrap();
    let told = world.entry("provision.drift", NEW).await;
    assert_eq!(told["before"], json!({ "configuration.authentication.password": "(sensitive)" }));
    world.nth_entry(2, "provision.completed", NEW).await;
    let sent = &doc(&world, NEW)["configuration"]["authentication"];
    assert_eq!(*sent, json!({ "username": "west", "password": format!("{PASSWORD}-2") }));
    world.metric_becomes(DRIFT, 0.0).await;
    assert_eq!((created(&world), world.platform.patches().len()), (1, 1));
    assert_eq!(super::scene::ids(&world, NAME), [NEW]);
}
