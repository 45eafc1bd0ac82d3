//! `kill -9` in the middle of a failover: after the restart on the same state directory, nothing is repeated and nothing
//! forgotten.

use super::daemon::Daemon;
use super::line::Line;
use super::world::{World, unlimited};
use std::time::Duration;
use trunkwarden::sim::{FaultKind, Incident, PatchMode, Scenario};

/// Answers take long enough that a process can be killed between one and the next.
fn slow() -> Scenario {
    let mut scenario = unlimited(4);
    scenario.options.latency = Duration::from_millis(150);
    scenario
}

/// Kills the daemon after the platform took its first PATCH and before it could read anything back.
async fn kill_at_first_patch(world: &mut World) {
    let mut daemon: Option<Daemon> = Some(world.take_daemon());
    world
        .until("the platform was sent a PATCH", async || {
            let model = world.platform.model();
            if model.patches().next().is_some() {
                // No request is answered while the model is held.
                daemon.take().unwrap().kill_now();
            }
            daemon.is_none()
        })
        .await;
    assert_eq!(world.entries("failover.intended", "ch-0001").len(), 1);
    assert_eq!(world.entries("failover.completed", "ch-0001").len(), 0);
    assert_eq!(world.journal().open_operations().unwrap().len(), 1);
}

async fn comes_home(world: &World) {
    world.platform.turn("ch-0001", "healthy");
    world.entry("failback.completed", "ch-0001").await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0001");
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_the_platform_makes_late_is_neither_repeated_nor_forgotten() {
    let mut world = World::of(slow(), str::to_owned).await;
    world.start().await;
    world.all_up().await;
    world.platform.patching(PatchMode::Delay, Some(Duration::from_secs(2)));
    world.platform.turn("ch-0001", "unhealthy");
    kill_at_first_patch(&mut world).await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0001", "the change is still to come");
    world.platform.patching_as_usual();

    world.start().await;
    world.entry("failover.completed", "ch-0001").await;
    world.until("the daemon is ready to act", async || world.get("/readyz").await.0 == 200).await;
    assert_eq!(world.entries("journal.orphan_resolved", "ch-0001").len(), 1);
    assert_eq!(world.platform.route("ch-0001"), "ch-0002");
    assert_eq!(world.platform.patches().len(), 1);
    comes_home(&world).await;
    assert_eq!(world.platform.patches().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_whose_answer_was_lost_is_neither_repeated_nor_forgotten() {
    let mut world = World::of(slow(), str::to_owned).await;
    world.start().await;
    world.all_up().await;
    world.platform.patching(PatchMode::LoseAnswer, None);
    world.platform.turn("ch-0001", "unhealthy");
    kill_at_first_patch(&mut world).await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0002", "the change was made");
    world.platform.patching_as_usual();

    world.start().await;
    world.entry("failover.completed", "ch-0001").await;
    assert_eq!(world.entries("journal.orphan_resolved", "ch-0001").len(), 1);
    assert_eq!(world.entries("channel.route_changed", "ch-0001").len(), 0, "the route is ours, not a stranger's");
    assert_eq!(world.platform.patches().len(), 1);
    comes_home(&world).await;
    assert_eq!(world.platform.patches().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_never_reached_the_platform_is_found_not_made_and_made_once() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    let line = Line::to(&world.platform.url).await;
    let direct = world.platform.url.clone();
    world.rewrite(|text| text.replace(&direct, &line.url).replace(r#"verify_for     = "5s""#, r#"verify_for = "1s""#));
    world.start().await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.until("the PATCH is on its way", async || line.is_waiting()).await;
    world.take_daemon().kill().await;
    line.lose();
    assert_eq!(world.journal().open_operations().unwrap().len(), 1);
    assert_eq!(world.platform.patches(), []);

    world.start().await;
    let resolved = world.entry("journal.orphan_resolved", "ch-0001").await;
    assert_eq!(resolved["details"]["reason"]["outcome"]["outcome"], "not_applied", "{resolved}");
    world.entry("failover.failed", "ch-0001").await;
    world.entry("failover.completed", "ch-0001").await;
    assert_eq!(world.entries("journal.orphan_resolved", "ch-0001").len(), 1);
    assert_eq!(world.platform.route("ch-0001"), "ch-0002");
    assert_eq!(world.platform.patches().len(), 1);
    comes_home(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_failover_is_read_back_once_the_platform_answers_however_often_the_daemon_dies() {
    let mut world = World::of(slow(), str::to_owned).await;
    world.start().await;
    world.all_up().await;
    world.platform.patching(PatchMode::LoseAnswer, None);
    world.platform.turn("ch-0001", "unhealthy");
    kill_at_first_patch(&mut world).await;
    world.platform.patching_as_usual();
    // The channels alone: a token endpoint that fails is asked ever more seldom, which is another test's.
    let paths = vec!["/api/v2/channels".to_owned()];
    let outage = Incident::Fault { kind: FaultKind::Unavailable, lasts: Duration::from_secs(4), paths };
    world.platform.happen(outage);

    for _ in 0..2 {
        world.start().await;
        let (status, why) = world.get("/readyz").await;
        assert!(status == 503 && why.contains("not resolved yet"), "{status} {why}");
        world.take_daemon().kill().await;
    }
    world.start().await;
    world.entry("failover.completed", "ch-0001").await;
    world.until("the daemon is ready to act", async || world.get("/readyz").await.0 == 200).await;
    assert_eq!(world.entries("journal.orphan_resolved", "ch-0001").len(), 1);
    assert_eq!(world.platform.patches().len(), 1);
    comes_home(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_pauses_outlive_the_process() {
    let mut world =
        World::of(unlimited(4), |text| text.replace(r#"block_period   = "1s""#, r#"block_period = "10m""#)).await;
    world.start().await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    world.take_daemon().kill().await;

    world.platform.turn("ch-0001", "healthy");
    world.start().await;
    let held = world.entry("failback.held", "ch-0001").await;
    assert!(held["reason"].as_str().unwrap().contains("blocked"), "{held}");
    world.order(&["pause"]).await;
    world.take_daemon().kill().await;

    world.start().await;
    world.until("everything is still paused", async || world.tenant().await["paused"] == true).await;
    assert!(world.channel("ch-0001").await["blocked_for_seconds"].is_f64());
    assert_eq!(world.platform.patches().len(), 1);
}
