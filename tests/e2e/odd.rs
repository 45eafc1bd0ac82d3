//! Platforms that do things their own way: no list, one channel a page, short tokens, another calendar, telemetry that is
//! undated, unattributed or hostile. All are served the same.

use super::world::{World, unlimited};
use std::time::Duration;
use trunkwarden::sim::{CANARY, Options, TelemetryForm};

async fn saves_a_channel_on(change: impl FnOnce(&mut Options)) -> World {
    let mut scenario = unlimited(4);
    change(&mut scenario.options);
    let mut world = World::of(scenario, str::to_owned).await;
    world.start().await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0002");
    assert_eq!(world.platform.patches().len(), 1);
    world
}

async fn is_scored(world: &World, channel: &str) {
    world.until("it has a score", async || world.channel(channel).await["quality"]["score"].is_f64()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_and_with_telemetry_that_names_no_channel() {
    let world = saves_a_channel_on(|options| {
        options.list_absent = true;
        options.telemetry = TelemetryForm::Unattributed;
    })
    .await;
    is_scored(&world, "ch-0003").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_channel_a_page_short_tokens_and_undated_telemetry() {
    let world = saves_a_channel_on(|options| {
        options.page_size = 1;
        options.token_lifetime = Duration::from_secs(2);
        options.telemetry = TelemetryForm::Undated;
    })
    .await;
    is_scored(&world, "ch-0003").await;
    assert!(world.platform.model().tokens_issued() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_calendar_an_hour_ahead() {
    let world = saves_a_channel_on(|options| options.clock_skew_seconds = 3600).await;
    is_scored(&world, "ch-0003").await;
    let skew = world.metric(r#"trunkwarden_clock_skew_seconds{tenant="acme"}"#).await.unwrap();
    assert!((-3602.0..=-3598.0).contains(&skew), "{skew}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_telemetry_that_is_absurd() {
    let mut scenario = unlimited(4);
    scenario.options.telemetry = TelemetryForm::Hostile;
    let codecs = |text: &str| text.replace("[policies.default.codec]\nenabled = false", "");
    let mut world = World::of(scenario, codecs).await;
    world.start().await;
    world.all_up().await;
    world
        .until("such samples are counted", async || {
            world.channel("ch-0001").await["samples_rejected"].as_u64().is_some_and(|n| n > 0)
        })
        .await;
    for channel in world.channels().await {
        // What is written as "41" is 41, and the only latency that can be.
        let quality = &channel["quality"];
        assert!(channel["health"] == "up" && (quality.is_null() || quality["latency_ms"] == 41.0), "{channel}");
    }
    assert_eq!(world.platform.patches(), []);
    let logs = world.logs();
    assert!(!logs.contains("yesterday") && !logs.contains("not an item") && !logs.contains(CANARY), "{logs}");
}
