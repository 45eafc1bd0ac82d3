//! Traffic that moves, comes home, and is left alone: what the platform is told, and what the audit log says of it.

use super::world::{World, unlimited};
use serde_json::json;

fn failover_to(to: &str) -> serde_json::Value {
    json!({ "status": "active", "routing": { "failover_channels": ["ch-0002", "ch-0003"], "primary_channel_id": to } })
}

fn failback() -> serde_json::Value {
    json!({ "routing": { "failover_channels": ["ch-0002", "ch-0003"], "primary_channel_id": "ch-0001" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_of_a_trunk_that_is_down_moves_is_verified_and_comes_home() {
    let world = World::at_work().await;
    world.platform.turn("ch-0001", "unhealthy");
    let moved = world.entry("failover.completed", "ch-0001").await;
    assert_eq!(moved["after"], json!({ "route": "ch-0002" }));
    assert_eq!(world.platform.route("ch-0001"), "ch-0002");
    world.metric_becomes(r#"trunkwarden_channel_failed_over{tenant="acme",channel="ch-0001"}"#, 1.0).await;

    world.platform.turn("ch-0001", "healthy");
    world.entry("failback.completed", "ch-0001").await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0001");

    let sent = [("ch-0001".to_owned(), failover_to("ch-0002")), ("ch-0001".to_owned(), failback())];
    assert_eq!(world.platform.patches(), sent);
    for action in ["failover", "failback"] {
        let series = format!(r#"trunkwarden_actions_total{{action="{action}",result="applied",tenant="acme"}}"#);
        assert_eq!(world.metric(&series).await, Some(1.0), "{series}");
    }
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_fails_too_is_left_for_the_next_one_whatever_the_block() {
    let mut world =
        World::of(unlimited(4), |text| text.replace(r#"block_period   = "1s""#, r#"block_period = "10m""#)).await;
    world.start().await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    world.platform.turn("ch-0002", "unhealthy");
    world.nth_entry(2, "failover.completed", "ch-0001").await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0003");
    let bodies: Vec<_> = world.platform.patches().into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, [failover_to("ch-0002"), failover_to("ch-0003")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_gone_is_missing_and_never_moved_nor_a_target() {
    use trunkwarden::sim::Incident;
    let world = World::at_work().await;
    world.platform.happen(Incident::Remove { channel: "ch-0002".into() });
    world.entry("channel.missing", "ch-0002").await;
    world
        .until("ch-0002 is shown as missing", async || {
            let channel = world.channel("ch-0002").await;
            channel["missing"] == true && channel["health"] == "unknown"
        })
        .await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    let [(channel, body)] = world.platform.patches().try_into().unwrap();
    assert_eq!((channel.as_str(), &body["routing"]["primary_channel_id"]), ("ch-0001", &json!("ch-0003")));
    assert_eq!(world.entries("failover.intended", "ch-0002"), Vec::<serde_json::Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_someone_else_set_is_recorded_and_left_alone() {
    let world = World::at_work().await;
    world.platform.reroute("ch-0001", "ch-0003");
    let changed = world.entry("channel.route_changed", "ch-0001").await;
    assert_eq!((&changed["actor"], &changed["after"]), (&json!("outside"), &json!({ "route": "ch-0003" })));
    // Home is good for long enough, and the way back is still a person's.
    let held = world.entry("failback.held", "ch-0001").await;
    world
        .until("the foreign route is what holds it", async || world.channel("ch-0001").await["held"] == "foreign_route")
        .await;
    assert!(held["reason"].as_str().unwrap().contains("held"), "{held}");
    assert_eq!(world.platform.patches(), []);
    assert_eq!(world.platform.route("ch-0001"), "ch-0003");

    // Until that person takes it over.
    world.order(&["acknowledge", "acme/ch-0001"]).await;
    world.entry("failback.completed", "ch-0001").await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0001");
    assert_eq!(world.platform.patches().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_routes_are_undone_twice_is_paused() {
    let world = World::at_work().await;
    world.platform.turn("ch-0001", "unhealthy");
    for undone in 1..=2 {
        world.nth_entry(undone, "failover.completed", "ch-0001").await;
        world.platform.reroute("ch-0001", "ch-0001");
        world.nth_entry(undone, "channel.route_changed", "ch-0001").await;
    }
    world.entry("operator.other_controller", "").await;
    world.until("the tenant is paused", async || world.tenant().await["paused"] == true).await;
    world.until("the failover is held", async || world.channel("ch-0001").await["held"] == "paused").await;
    assert_eq!(world.platform.patches().len(), 2);
}
