//! PATCHes that are dropped, late, in the way of others, or not merged.

use super::line::Line;
use super::world::{World, unlimited};
use serde_json::json;
use std::time::Duration;
use trunkwarden::sim::{Incident, PatchMode};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_never_shows_is_a_failure_and_is_tried_again_with_growing_pauses() {
    let mut world = World::of(unlimited(4), |text| {
        text.replace(r#"verify_for     = "5s""#, r#"verify_for = "300ms""#)
            .replace(r#"block_period   = "1s""#, r#"block_period = "10m""#)
    })
    .await;
    world.start().await;
    world.all_up().await;
    world.platform.patching(PatchMode::Drop, None);
    world.platform.turn("ch-0001", "unhealthy");
    let failed = world.nth_entry(3, "failover.failed", "ch-0001").await;
    let outcome = &failed["details"]["reason"]["outcome"]["outcome"];
    assert_eq!(outcome, "not_applied", "{failed}");
    assert_eq!(world.platform.patches().len(), world.entries("failover.intended", "ch-0001").len());
    world.until("the next attempt waits", async || world.channel("ch-0001").await["held"] == "backoff").await;
    world.platform.patching_as_usual();
    let done = world.entry("failover.completed", "ch-0001").await;
    // The backups take turns: to whichever of them the last attempt was.
    assert_eq!(done["after"]["route"], world.platform.route("ch-0001"), "{done}");
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_shows_late_is_waited_for_and_made_once() {
    let world = World::at_work().await;
    world.platform.patching(PatchMode::Delay, Some(Duration::from_millis(1500)));
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    assert_eq!(world.platform.patches().len(), 1);
    assert_eq!(world.entries("failover.failed", "").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_is_lost_is_read_back_and_not_repeated() {
    let world = World::at_work().await;
    world.platform.patching(PatchMode::LoseAnswer, None);
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    assert_eq!(world.platform.patches().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_replaces_loses_nothing_that_was_read() {
    let mut scenario = unlimited(4);
    scenario.channels[3].codecs = Some(["PCMU", "OPUS", "G729"].map(str::to_owned).to_vec());
    let mut world = World::of(scenario, |text| text.replace("[policies.default.codec]\nenabled = false", "")).await;
    world.start().await;
    world.all_up().await;
    world.platform.patching(PatchMode::Replace, None);

    world.platform.turn("ch-0001", "unhealthy");
    let moved = world.entry("failover.completed", "ch-0001").await;
    assert_eq!(moved["details"]["reason"]["outcome"]["siblings_lost"], json!([]), "{moved}");

    let noisy = Incident::Telemetry {
        channel: "ch-0004".into(),
        latency_ms: None,
        jitter_ms: None,
        loss_pct: Some(6.0),
        lasts: None,
    };
    world.platform.happen(noisy);
    let changed = world.entry("codec.completed", "ch-0004").await;
    assert_eq!(changed["details"]["reason"]["outcome"]["siblings_lost"], json!([]), "{changed}");
    let model = world.platform.model();
    let kept = &model.channel("ch-0004").unwrap().document()["configuration"];
    assert!(kept["sip_server"].is_string() && kept["sip_port"].is_number(), "{kept}");
    assert_eq!(model.channel("ch-0004").unwrap().codecs()[0], "OPUS");
    assert!(model.patches().all(|p| !p.body.to_string().contains("authentication")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_loses_credentials_has_one_codec_order_changed_and_pages_by_the_channels_name() {
    let mut scenario = unlimited(4);
    for channel in &mut scenario.channels[2..4] {
        channel.codecs = Some(["PCMU", "OPUS", "G729"].map(str::to_owned).to_vec());
    }
    let mut world = World::of(scenario, |text| text.replace("[policies.default.codec]\nenabled = false", "")).await;
    world.start().await;
    world.all_up().await;
    world.platform.patching(PatchMode::Lose, None);
    for channel in ["ch-0003", "ch-0004"] {
        world.platform.happen(Incident::Telemetry {
            channel: channel.into(),
            latency_ms: None,
            jitter_ms: None,
            loss_pct: Some(6.0),
            lasts: None,
        });
    }
    let lost = world.entry("codec.credentials_lost", "").await;
    let channel = lost["channel_id"].as_str().unwrap().to_owned();
    let other = if channel == "ch-0003" { "ch-0004" } else { "ch-0003" };
    assert!(lost["reason"].as_str().unwrap().contains(&format!("lost the credentials of {channel}")), "{lost}");
    world.metric_becomes(&format!(r#"trunkwarden_credentials_lost{{tenant="acme",channel="{channel}"}}"#), 1.0).await;
    world.until("the other is held", async || world.channel(other).await["held"] == "credentials_lost").await;
    assert_eq!(world.platform.patches().len(), 1);
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_changed_since_it_was_read_is_read_and_decided_again() {
    let mut scenario = unlimited(4);
    scenario.options.etag = true;
    let mut world = World::of(scenario, str::to_owned).await;
    let line = Line::to(&world.platform.url).await;
    let direct = world.platform.url.clone();
    world.rewrite(|text| text.replace(&direct, &line.url));
    world.start().await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.until("the PATCH is on its way", async || line.is_waiting()).await;
    // Another version of the same.
    world.platform.turn("ch-0001", "unhealthy");
    line.release();
    let failed = world.entry("failover.failed", "ch-0001").await;
    assert_eq!(failed["details"]["reason"]["outcome"]["outcome"], "conflict", "{failed}");
    world.entry("failover.completed", "ch-0001").await;
    let answers: Vec<_> = world.platform.model().patches().map(|p| p.status).collect();
    assert_eq!(answers, [Some(412), Some(200)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_token_does_not_allow_is_refused_and_the_scope_named() {
    let scopes = r#"scopes = ["channel:read", "telemetry:read"]"#;
    let mut world = World::of(unlimited(4), |text| {
        text.replace(r#"client_id     = "cid""#, &format!("client_id = \"cid\"\n{scopes}"))
            .replace(r#"block_period   = "1s""#, r#"block_period = "10m""#)
    })
    .await;
    world.start().await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    let failed = world.nth_entry(3, "failover.failed", "ch-0001").await;
    assert_eq!(failed["details"]["reason"]["outcome"]["outcome"], "refused", "{failed}");
    assert!(failed["reason"].as_str().unwrap().contains("channel:write"), "{failed}");
    world.until("the next attempt waits", async || world.channel("ch-0001").await["held"] == "backoff").await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0001");
    assert_eq!(world.channel("ch-0002").await["health"], "up", "the watching goes on");
}
