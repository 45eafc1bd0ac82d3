//! Sinks that are slow, break, refuse, redirect: each is waited for, nobody else notices, and nothing is lost.

use super::sink::{Act, Sink};
use super::world::{World, until};
use std::time::Duration;
use tokio::net::TcpListener;

fn export(name: &str, url: &str, more: &str) -> String {
    format!("[[audit.export]]\nname = \"{name}\"\nurl = \"{url}\"\nbulk = false\n{more}\n")
}

#[tokio::test]
async fn sinks_that_fail_are_waited_for_and_hold_up_nobody() {
    let (good, slow, failing) = (Sink::serve().await, Sink::serve().await, Sink::serve().await);
    slow.answers(|_| Act::Hang);
    failing.answers(|_| Act::status(500));
    let breaks = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let breaking = format!("http://{}/", breaks.local_addr().unwrap());
    let accepted = tokio::spawn(async move {
        for _ in 0..5 {
            drop(breaks.accept().await);
        }
        breaks
    });
    let world = World::of(
        &[
            export("good", &good.url, ""),
            export("slow", &slow.url, "timeout = \"150ms\""),
            export("failing", &failing.url, ""),
            export("breaking", &breaking, ""),
        ]
        .concat(),
    )
    .await;
    world.write_many(50).await;
    world.drained("good").await;
    assert_eq!(good.seqs(), (1..=50).collect::<Vec<_>>());
    let breaks = accepted.await.unwrap();
    until("all of them were tried again", || slow.seen().len() > 2 && failing.seen().len() > 2).await;
    for name in ["slow", "failing", "breaking"] {
        assert_eq!(world.state(name).pending, 50, "{name}");
    }
    // Only the first is tried while it fails.
    assert!(failing.seen().iter().all(|s| s.json()["seq"] == 1));
    assert!(world.metric("deliveries_total", &[("sink", "slow"), ("result", "timeout")]).unwrap() >= 2.0);
    until("the age of what waits is told", || {
        world.metric("outbox_pending", &[("sink", "failing")]) == Some(50.0)
            && world.metric("outbox_oldest_seconds", &[("sink", "failing")]).is_some_and(|s| s > 0.0)
    })
    .await;

    for sink in [&slow, &failing] {
        sink.answers(|_| Act::status(200));
    }
    drop(breaks);
    world.drained("slow").await;
    world.drained("failing").await;
    assert_eq!(slow.seqs(), (1..=50).collect::<Vec<_>>());
    assert_eq!(failing.seqs(), (1..=50).collect::<Vec<_>>());
    assert_eq!(world.state("breaking").pending, 50);
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let (old, new) = (Sink::serve().await, Sink::serve().await);
    let elsewhere = new.url.clone();
    old.answers(move |_| Act::Say(307, vec![("location", elsewhere.clone())]));
    let world = World::of(&export("nms", &old.url, "")).await;
    world.write_many(2).await;
    until("it was tried again", || old.seen().len() > 2).await;
    assert!(new.seen().is_empty());
    let views = tokio::task::spawn_blocking({
        let delivery = world.delivery.clone();
        move || delivery.sinks()
    });
    let view = views.await.unwrap().unwrap().remove(0);
    assert!(view.trouble().unwrap().contains("redirects are never followed"), "{view:?}");
    old.answers(|_| Act::status(202));
    world.drained("nms").await;
    assert_eq!(old.seqs(), [1, 2]);
}

#[tokio::test]
async fn one_entry_that_a_sink_cannot_take_is_set_aside_and_the_rest_passes() {
    let sink = Sink::serve().await;
    sink.answers(|seen| Act::status(if seen.json()["seq"] == 2 { 413 } else { 200 }));
    let world = World::of(&export("nms", &sink.url, "max_tries = 3")).await;
    world.write_many(5).await;
    world.drained("nms").await;
    assert_eq!(sink.seqs(), [1, 3, 4, 5]);
    assert_eq!(sink.seen().iter().filter(|s| s.json()["seq"] == 2).count(), 3);
    assert_eq!(world.state("nms").dead, 1);
    until("the metric says so", || world.metric("dead_letters", &[("sink", "nms")]) == Some(1.0)).await;
    assert_eq!(world.metric("deliveries_total", &[("sink", "nms"), ("result", "refused")]), Some(3.0));
}

#[tokio::test]
async fn wrong_credentials_or_a_wrong_path_never_cost_an_entry() {
    for code in [401, 403, 404, 410] {
        let sink = Sink::serve().await;
        sink.answers(move |_| Act::status(code));
        let world = World::of(&export("nms", &sink.url, "max_tries = 1")).await;
        world.write_many(3).await;
        until("it was tried often", || sink.seen().len() > 4).await;
        assert_eq!((world.state("nms").pending, world.state("nms").dead), (3, 0));
        sink.answers(|_| Act::status(200));
        world.drained("nms").await;
        assert_eq!(sink.seqs(), [1, 2, 3]);
    }
}

#[tokio::test]
async fn beyond_its_bound_a_sink_still_gets_every_entry() {
    let sink = Sink::serve().await;
    sink.answers(|_| Act::status(503));
    let world = World::of(&export("nms", &sink.url, "max_pending = 10")).await;
    world.write_many(100).await;
    let rows =
        world.journal.reader().outbox_rows(&trunkwarden::journal::OutboxFilter { limit: 1000, ..Default::default() });
    assert_eq!(rows.unwrap().rows.len(), 10);
    sink.answers(|_| Act::status(200));
    world.drained("nms").await;
    assert_eq!(sink.seqs(), (1..=100).collect::<Vec<_>>());
    assert_eq!(world.state("nms").given_up, 0);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_sends_nothing_that_it_could_not_acknowledge() {
    let sink = Sink::serve().await;
    sink.answers(|_| Act::status(503));
    let folder = tempfile::tempdir().unwrap();
    let clock = trunkwarden::clock::Clock::system();
    let options = trunkwarden::journal::Options {
        max_pages: Some(80),
        ..trunkwarden::journal::Options::new(folder.path().join("journal.db"), clock.clone())
    };
    let (journal, _) = trunkwarden::journal::Journal::open(options).unwrap();
    let connect = trunkwarden::delivery::over_http();
    let world = World::over(folder, journal, clock, connect, super::world::FAST);
    world.configure(&export("nms", &sink.url, "")).await;
    let mut big = super::world::entry("failover.held");
    big.details = serde_json::json!({ "filling": "x".repeat(20_000) });
    let mut committed = 0;
    while world
        .journal
        .submit(trunkwarden::journal::Batch { entries: vec![big.clone()], ..Default::default() })
        .await
        .is_ok()
    {
        committed += 1;
    }
    until("the disk is full", || !*world.journal.writable().borrow()).await;
    // What was on its way when the disk filled up has ended by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = sink.seen().len();
    sink.answers(|_| Act::status(200));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((sink.seen().len(), sink.seqs().len()), (before, 0));
    assert!(committed > 3 && world.state("nms").pending == committed);
    world.delivery.stop().await;
}
