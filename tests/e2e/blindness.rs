//! The platform, or the path to it, fails: that is never a reason to move anything, and it is over by itself.

use super::platform::Platform;
use super::world::{World, unlimited};
use std::time::Duration;
use trunkwarden::sim::{CANARY, FaultKind};

/// While every answer is `kind`, a trunk goes bad and is repaired: nobody can know, and nobody may act.
async fn nothing_moves_during(world: &World, kind: FaultKind) {
    world.platform.fail(kind);
    world.platform.turn("ch-0001", "unhealthy");
    nothing_is_known(world, kind).await;
}

async fn nothing_is_known(world: &World, kind: FaultKind) {
    world
        .until(&format!("nothing is known while every answer is {}", kind.name()), async || {
            let blind = world.tenant().await["state"] == "blind";
            blind || world.channels().await.iter().all(|c| c["health"] == "unknown")
        })
        .await;
    assert_eq!(world.get("/healthz").await.0, 200, "the daemon is well, whatever the platform is");
}

async fn recovers(world: &World) {
    world.platform.heal();
    is_seen_again_and_nothing_moved(world).await;
}

async fn is_seen_again_and_nothing_moved(world: &World) {
    world.all_up().await;
    world.until("the tenant is seen again", async || world.tenant().await["state"] == "seen").await;
    assert_eq!(world.platform.patches(), []);
    let acted = ["failover.intended", "failback.intended", "codec.intended"];
    assert!(acted.iter().all(|event| world.entries(event, "").is_empty()));
}

async fn moved_by_none_of(kinds: &[FaultKind]) -> World {
    let world = World::at_work().await;
    for kind in kinds {
        nothing_moves_during(&world, *kind).await;
        recovers(&world).await;
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_makes_the_tenant_blind_and_moves_nothing() {
    let world = World::at_work().await;
    nothing_moves_during(&world, FaultKind::Unavailable).await;
    world.entry("blind.entered", "").await;
    world
        .until("the tenant is shown blind", async || {
            world.metric(r#"trunkwarden_tenant_blind{tenant="acme"}"#).await == Some(1.0)
        })
        .await;
    recovers(&world).await;
    world.entry("blind.left", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_cut_connections_move_nothing() {
    moved_by_none_of(&[FaultKind::Hang, FaultKind::Close, FaultKind::Internal]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_no_answers_are_counted_and_their_bodies_never_logged() {
    let world = moved_by_none_of(&[FaultKind::Garbage, FaultKind::Empty, FaultKind::Huge]).await;
    let malformed = world.metric(r#"trunkwarden_malformed_total{tenant="acme",what="answer"}"#).await;
    assert!(malformed.is_some_and(|n| n >= 3.0), "{malformed:?}");
    let logs = world.logs();
    assert!(logs.contains("the platform does not answer"), "{logs}");
    for body in ["Bad gateway", "<html", CANARY] {
        assert!(!logs.contains(body), "{body} in {logs}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_stops_actions_and_says_so() {
    let world = World::at_work().await;
    // It ends by itself: the tokens that were given out before are good again.
    world.platform.fail_for(FaultKind::Unauthorised, Duration::from_secs(5));
    world.platform.turn("ch-0001", "unhealthy");
    nothing_is_known(&world, FaultKind::Unauthorised).await;
    world.until("it says so", async || world.tenant().await["not_authorised"].is_string()).await;
    world.platform.turn("ch-0001", "healthy");
    is_seen_again_and_nothing_moved(&world).await;
    world.until("it is over", async || world.tenant().await["not_authorised"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_is_missing_is_named() {
    let world = moved_by_none_of(&[FaultKind::Forbidden]).await;
    assert!(world.logs().contains("channel:read"), "{}", world.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_wants_fewer_requests_moves_nothing() {
    let world = World::at_work().await;
    world.platform.fail(FaultKind::TooMany);
    world.platform.turn("ch-0001", "unhealthy");
    // What it refuses is asked for more seldom, so that what is known grows old more slowly too.
    let slower = r#"trunkwarden_effective_interval_seconds{tenant="acme"}"#;
    world.until("it is asked more seldom", async || world.metric(slower).await.is_some_and(|every| every > 1.0)).await;
    assert_eq!(world.get("/healthz").await.0, 200, "the daemon is well, whatever the platform is");
    world.platform.turn("ch-0001", "healthy");
    recovers(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_platform_is_silent_does_not_delay_another() {
    let silent = Platform::serve(unlimited(4)).await;
    let mut world = World::of(unlimited(4), |text| {
        let tenant = text.find("[tenants.acme]").unwrap()..text.find("[policies.default]").unwrap();
        let other = text[tenant].replace("acme", "mute").replace(&base_url(text), &silent.url);
        let channels = text[text.find("[[channels]]").unwrap()..].replace("acme", "mute");
        format!("{text}\n{channels}\n{other}")
    })
    .await;
    world.start().await;
    world
        .until("eight channels are up", async || {
            world.channels().await.iter().filter(|c| c["health"] == "up").count() == 8
        })
        .await;
    silent.fail(FaultKind::Hang);
    silent.turn("ch-0001", "unhealthy");
    world
        .until("that tenant is blind", async || {
            world.metric(r#"trunkwarden_tenant_blind{tenant="mute"}"#).await == Some(1.0)
        })
        .await;
    world.platform.turn("ch-0001", "unhealthy");
    let moved = world.entry("failover.completed", "ch-0001").await;
    assert_eq!(moved["tenant"], "acme");
    assert_eq!((world.platform.patches().len(), silent.patches().len()), (1, 0));
}

fn base_url(config: &str) -> String {
    let (_, rest) = config.split_once("base_url            = \"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}
