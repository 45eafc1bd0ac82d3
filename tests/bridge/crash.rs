//! A process that dies over a bridge: the next start sends nothing, finds out what it can, and says so.

use super::world::World;
use std::time::Duration;
use trunkwarden::journal::Journal;
use trunkwarden::sim::BridgeMode;

/// Begins a bridge whose answer takes its time, and dies over it.
async fn dies(world: &World) {
    world.bridges(BridgeMode::Slow, Duration::from_secs(8));
    let asked = tokio::time::timeout(Duration::from_secs(1), world.bridge_under("k1")).await;
    assert!(asked.is_err());
    // Closed under its feet: the outcome never reaches the disk.
    Journal::clone(&world.journal).close().await;
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_bridge_that_shows_on_the_call_is_completed() {
    let world = World::new();
    dies(&world).await;
    let (next, recovered) = world.restarted();
    assert_eq!(recovered.open.len(), 1);
    next.board.resolve(recovered.open).await;
    assert_eq!(next.events(), ["bridge.requested", "bridge.completed"]);
    let again = next.bridge_under("k1").await.unwrap();
    assert!(again.repeated && again.outcome.name() == "completed", "{again}");
    assert_eq!((next.made(), next.sent()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn without_a_way_to_read_an_interrupted_bridge_is_unknown() {
    let world = World::blindfolded();
    dies(&world).await;
    let (next, recovered) = world.restarted();
    next.board.resolve(recovered.open).await;
    assert_eq!(next.events(), ["bridge.requested", "bridge.unknown"]);
    let again = next.bridge_under("k1").await.unwrap();
    assert!(again.repeated && again.outcome.name() == "unknown", "{again}");
    assert_eq!(next.sent(), 1);
    assert_eq!(next.metric("trunkwarden_bridges_total", &[("tenant", "acme"), ("result", "unknown")]), Some(1.0));
    let verified = next.journal.reader().verify().unwrap();
    assert_eq!(verified.entries, 2);
}
