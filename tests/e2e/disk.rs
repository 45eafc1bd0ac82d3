//! A disk that takes nothing more: no actions, while the watching goes on; and an end of it without a restart.

use super::daemon::binary_without_xfsz;
use super::world::{World, unlimited};
use rustix::process::{Resource, Rlimit, prlimit};

fn limit_files_to(world: &World, bytes: Option<u64>) {
    prlimit(Some(world.daemon().pid()), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_written_stops_actions_and_not_the_watching() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    world.start_as(binary_without_xfsz()).await;
    world.all_up().await;
    let wal = std::fs::metadata(world.state_dir().join("journal.db-wal")).unwrap().len();
    limit_files_to(&world, Some(wal));
    world.until("it is not ready to act", async || world.get("/readyz").await.0 == 503).await;
    let (status, health) = world.get("/healthz").await;
    assert!(status == 200 && health.contains("degraded"), "{status} {health}");
    world.metric_becomes("trunkwarden_journal_writable", 0.0).await;

    world.platform.turn("ch-0001", "unhealthy");
    world
        .until("the failover is held", async || {
            let channel = world.channel("ch-0001").await;
            channel["health"] == "down" && channel["held"] == "journal"
        })
        .await;
    assert_eq!(world.platform.patches(), []);

    limit_files_to(&world, None);
    world.until("it is ready to act", async || world.get("/readyz").await.0 == 200).await;
    world.entry("failover.completed", "ch-0001").await;
    world.entry("journal.recovered", "").await;
    assert_eq!(world.entries("health.changed", "ch-0001").len(), 2, "nothing that happened meanwhile was lost");
    assert_eq!(world.platform.patches().len(), 1);
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_either_does_not_end_the_daemon() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    world.start_as(binary_without_xfsz()).await;
    world.all_up().await;
    // Nothing can be written any more, anywhere.
    limit_files_to(&world, Some(0));
    world.until("it is not ready to act", async || world.get("/readyz").await.0 == 503).await;
    for status in ["unhealthy", "healthy", "unhealthy"] {
        world.platform.turn("ch-0001", status);
        let health = if status == "healthy" { "up" } else { "down" };
        world.until("that is seen", async || world.channel("ch-0001").await["health"] == health).await;
    }
    assert_eq!(world.platform.patches(), []);

    limit_files_to(&world, None);
    world.entry("failover.completed", "ch-0001").await;
    world.verify_journal();
}
