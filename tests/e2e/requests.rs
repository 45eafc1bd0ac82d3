//! The tenant's request limit: never passed, and never in a failover's way.

use super::world::{World, unlimited};
use std::time::Duration;
use trunkwarden::sim::Scenario;

/// A platform that allows 60 requests a minute to 12 channels, and a daemon that would like many more.
async fn tight() -> World {
    let mut scenario: Scenario = unlimited(12);
    scenario.options.requests_per_minute = 60;
    let mut world =
        World::of(scenario, |text| text.replace("requests_per_minute = 6000", "requests_per_minute = 60")).await;
    world.start().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_kept_and_a_failover_does_not_wait_behind_polls() {
    let world = tight().await;
    world.all_up().await;
    // Trunks without a backup are looked at as fast as may be, for as long as they are down.
    for stranded in ["ch-0011", "ch-0012"] {
        world.platform.turn(stranded, "unhealthy");
        world.entry("failover.no_candidate", stranded).await;
    }
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    world.until("20 s of polling have passed", async || world.platform.now() >= Duration::from_secs(20)).await;

    let model = world.platform.model();
    assert_eq!(model.answers(429), 0);
    assert!(model.requests_in_last_minute_max() <= 60, "{}", model.requests_in_last_minute_max());
    // Between the last look at the channel that moves and its PATCH, at most a poll that was under way.
    let requests: Vec<_> = model.requests().collect();
    let patch = requests.iter().position(|r| r.method == "PATCH").unwrap();
    let looked = requests.iter().take(patch).rposition(|r| r.path.ends_with("/ch-0001")).unwrap();
    let between: Vec<_> = requests.get(looked + 1..patch).unwrap().iter().map(|r| r.path.as_str()).collect();
    let polls = between.iter().filter(|path| path.ends_with("/channels") || path.ends_with("/metrics")).count();
    assert!(polls <= 1 && between.len() <= 3, "{between:?}");
    assert_eq!(model.patches().count(), 1);
}
