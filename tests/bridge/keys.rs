//! The idempotency key: within a day the same key is the same bridge, with the same first result.

use super::world::{CALL, World, order};
use std::time::Duration;
use trunkwarden::calls::{Refusal, Switchboard};
use trunkwarden::sim::BridgeMode;

#[tokio::test(start_paused = true)]
async fn the_same_key_tells_the_first_result_and_sends_nothing() {
    let world = World::new();
    let first = world.bridge_under("k1").await.unwrap();
    let again = world.bridge_under("k1").await.unwrap();
    assert_eq!((again.id, &again.outcome), (first.id, &first.outcome));
    assert!(again.repeated && !first.repeated);
    assert_eq!((world.made(), world.sent(), world.events().len()), (1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_while_it_is_under_way_waits_for_the_same_result() {
    let world = World::blindfolded();
    world.bridges(BridgeMode::Slow, Duration::from_secs(5));
    let (first, second) = tokio::join!(world.bridge_under("k1"), world.bridge_under("k1"));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.id, second.id);
    assert_eq!(first.outcome.name(), "completed");
    assert!(second.repeated);
    assert_eq!((world.made(), world.sent()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn another_bridge_under_the_same_key_is_refused() {
    let world = World::new();
    world.bridge_under("k1").await.unwrap();
    let mut other = order(CALL, Some("k1"));
    other.request.direction = "consult".to_owned();
    assert!(matches!(world.board.bridge(other).await, Err(Refusal::KeyReused(_))));
    assert_eq!(world.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_day_the_key_is_free_again() {
    let world = World::new();
    world.bridge_under("k1").await.unwrap();
    tokio::time::sleep(Duration::from_secs(24 * 3600 + 1)).await;
    let again = world.bridge_under("k1").await.unwrap();
    assert!(!again.repeated);
    assert_eq!(world.sent(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_key_and_the_share_of_successes_outlive_the_process() {
    let world = World::new();
    let first = world.bridge_under("k1").await.unwrap();
    close(&world.board, &world).await;
    let (next, recovered) = world.restarted();
    assert_eq!(recovered.open, []);
    next.board.remember(&next.journal.reader());
    assert_eq!(next.metric("trunkwarden_bridge_success_ratio", &[("tenant", "acme")]), Some(1.0));
    assert_eq!(next.bridge_under("k1").await.unwrap().id, first.id);
    assert_eq!(next.sent(), 1);
    tokio::time::sleep(Duration::from_hours(2)).await;
    assert_eq!(next.metric("trunkwarden_bridge_success_ratio", &[("tenant", "acme")]), None, "the hour is over");
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_stops_nothing() {
    let world = World::blindfolded();
    world.bridges(BridgeMode::Slow, Duration::from_secs(5));
    let asked = tokio::time::timeout(Duration::from_secs(1), world.bridge_under("k1")).await;
    assert!(asked.is_err());
    assert_eq!(world.bridge_under("k1").await.unwrap().outcome.name(), "completed");
    assert_eq!(world.sent(), 1);
}

async fn close(board: &Switchboard, world: &World) {
    board.stop(Duration::from_secs(1)).await;
    world.journal.clone().close().await;
}

#[tokio::test]
async fn whoever_leaves_while_it_is_written_down_leaves_nothing_open() {
    let world = World::in_real_time();
    // Asked once, and gone before the journal's thread has answered.
    let asked = tokio::time::timeout(Duration::ZERO, world.bridge()).await;
    assert!(asked.is_err());
    for _ in 0..500 {
        if world.events().len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.events(), ["bridge.requested", "bridge.completed"]);
}
