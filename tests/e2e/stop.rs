//! SIGTERM: an end within 20 s with 0, and what is in flight finished first.

use super::platform::LONG;
use super::world::{World, unlimited};
use rustix::process::Signal;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use trunkwarden::sim::{FaultKind, PatchMode};

/// What systemd and rule 26 allow.
const WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_daemon_ends_with_0_and_says_so_in_its_audit_log() {
    let mut world = World::at_work().await;
    let daemon = world.take_daemon();
    daemon.signal(Signal::TERM);
    let (status, took) = daemon.ended().await;
    assert!(status.code() == Some(0) && took < WITHIN, "{status} after {took:?}");
    let last: Vec<_> = world.audit().iter().rev().take(2).map(|e| e["event_type"].clone()).collect();
    assert_eq!(last, ["journal.checkpoint", "process.stopped"], "the last word, and its signature");
    assert!(!world.state_dir().join("control.sock").exists());
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_in_flight_is_finished_and_its_outcome_written_down() {
    let mut world = World::at_work().await;
    world.platform.patching(PatchMode::Delay, Some(Duration::from_millis(1500)));
    world.platform.turn("ch-0001", "unhealthy");
    world.until("the change was sent", async || world.platform.patches().len() == 1).await;
    let daemon = world.take_daemon();
    daemon.signal(Signal::TERM);
    let (status, took) = daemon.ended().await;
    assert!(status.code() == Some(0) && took < WITHIN, "{status} after {took:?}");
    assert_eq!(world.entries("failover.completed", "ch-0001").len(), 1);
    world.verify_journal();

    world.start().await;
    world.platform.turn("ch-0001", "healthy");
    world.entry("failback.completed", "ch-0001").await;
    assert_eq!(world.entries("journal.orphan_resolved", "").len(), 0);
    assert_eq!(world.platform.patches().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_cannot_finish_in_time_is_left_to_the_next_start() {
    let mut world =
        World::of(unlimited(4), |text| text.replace(r#"verify_for     = "5s""#, r#"verify_for = "10m""#)).await;
    world.start().await;
    world.all_up().await;
    world.platform.patching(PatchMode::Delay, Some(LONG));
    world.platform.turn("ch-0001", "unhealthy");
    world.until("the change was sent", async || world.platform.patches().len() == 1).await;
    let daemon = world.take_daemon();
    daemon.signal(Signal::TERM);
    let (status, took) = daemon.ended().await;
    assert!(status.code() == Some(0) && took < WITHIN, "{status} after {took:?}");
    assert_eq!(world.journal().open_operations().unwrap().len(), 1);
    world.journal().verify().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_silent_platform_nor_an_open_connection_keeps_it_alive() {
    let mut world = World::at_work().await;
    let mut visitor = tokio::net::TcpStream::connect(world.page()).await.unwrap();
    visitor.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").await.unwrap();
    let unanswered = world.platform.model().unanswered();
    world.platform.fail(FaultKind::Hang);
    world.until("a request hangs", async || world.platform.model().unanswered() > unanswered).await;
    let daemon = world.take_daemon();
    daemon.signal(Signal::INT);
    let (status, took) = daemon.ended().await;
    assert!(status.code() == Some(0) && took < WITHIN, "{status} after {took:?}");
    world.verify_journal();
}
