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
    let world = World::of(&export("nms", &sink.url, "order = \"set_aside\"")).await;
    world.write_many(5).await;
    world.drained("nms").await;
    assert_eq!(sink.seqs(), [1, 3, 4, 5]);
    assert!(
        sink.seen().iter().filter(|s| s.json()["seq"] == 2).count() >= 10,
        "tried on by itself before it is given up"
    );
    assert_eq!(world.state("nms").dead, 1);
    until("the metric says so", || world.metric("dead_letters", &[("sink", "nms")]) == Some(1.0)).await;
    assert!(world.metric("deliveries_total", &[("sink", "nms"), ("result", "refused")]) >= Some(10.0));
}

fn webhook(url: &str) -> String {
    format!("[[webhooks]]\nname = \"hook\"\nurl = \"{url}\"\nevents = [\"*\"]\n")
}

/// The number of the entry in a webhook's event.
fn number(body: &serde_json::Value) -> u64 {
    body["data"]["seq"].as_u64().unwrap()
}

#[tokio::test]
async fn one_event_that_a_webhook_answers_with_500_for_ever_holds_up_no_other() {
    let sink = Sink::serve().await;
    sink.answers(|seen| Act::status(if matches!(number(&seen.json()), 2 | 3) { 500 } else { 200 }));
    let world = World::of(&webhook(&sink.url)).await;
    world.write_many(6).await;
    let taken = || sink.taken().iter().map(number).collect::<Vec<_>>();
    until("all others arrived", || taken().len() == 4).await;
    let mut all = taken();
    all.sort_unstable();
    assert_eq!(all, [1, 4, 5, 6], "two in a row are passed over too");
    // What comes later is not held up either.
    world.write_many(3).await;
    until("these too", || taken().len() == 7).await;
    world.drained("hook").await;
    assert_eq!(world.state("hook").dead, 2);
}

#[tokio::test]
async fn an_event_that_is_alone_is_passed_over_once_another_one_comes() {
    let sink = Sink::serve().await;
    sink.answers(|seen| Act::status(if number(&seen.json()) == 1 { 500 } else { 200 }));
    let folder = tempfile::tempdir().unwrap();
    let clock = trunkwarden::clock::Clock::system();
    let options = trunkwarden::journal::Options::new(folder.path().join("journal.db"), clock.clone());
    let (journal, _) = trunkwarden::journal::Journal::open(options).unwrap();
    // After three tries the next one of it is an hour away.
    let first = Duration::from_millis(20);
    let hour = Duration::from_hours(1);
    let pace = trunkwarden::delivery::Pace { first, probe: first, young: first, longest: hour, ..Default::default() };
    let world = World::over(folder, journal, clock, trunkwarden::delivery::over_http(), pace);
    world.configure(&webhook(&sink.url)).await;
    world.write_many(1).await;
    until("it was refused often enough", || sink.seen().len() >= 6).await;
    world.write_many(2).await;
    until("the others arrived", || sink.taken().iter().map(number).collect::<Vec<_>>() == [2, 3]).await;
    until("only the first still waits", || world.state("hook").pending == 1).await;
    assert_eq!(world.state("hook").dead, 0, "it goes on by itself for an hour");
    // Once it is taken, it is not repeated.
    sink.answers(|_| Act::status(200));
    let orders = trunkwarden::delivery::Verb::Retry;
    world.delivery.order(orders, "hook", trunkwarden::journal::Selection::All(i64::MAX), "a".into()).await.unwrap();
    world.drained("hook").await;
    let mut numbers: Vec<u64> = sink.taken().iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_webhook_that_takes_nothing_is_down_and_nothing_is_set_aside() {
    for code in [500, 400, 401, 404] {
        let sink = Sink::serve().await;
        sink.answers(move |_| Act::status(code));
        let world = World::of(&webhook(&sink.url)).await;
        world.write_many(4).await;
        until("it was tried often", || sink.seen().len() > 20).await;
        assert_eq!((world.state("hook").pending, world.state("hook").dead), (4, 0));
        assert_eq!(world.journal.reader().outbox_lane_length("hook").unwrap(), 0, "{code}");
        sink.answers(|_| Act::status(200));
        world.drained("hook").await;
        let mut numbers: Vec<u64> = sink.taken().iter().map(number).collect();
        numbers.dedup();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, [1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn beyond_its_bound_one_event_of_a_range_is_passed_over_and_the_range_goes_on() {
    let sink = Sink::serve().await;
    sink.answers(|_| Act::status(503));
    let world = World::of(&format!("{}max_pending = 3\n", webhook(&sink.url))).await;
    world.write_many(40).await;
    sink.answers(|seen| Act::status(if number(&seen.json()) % 10 == 7 { 500 } else { 200 }));
    world.drained("hook").await;
    let mut numbers: Vec<u64> = sink.taken().iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).filter(|n| n % 10 != 7).collect::<Vec<u64>>());
    assert_eq!((world.state("hook").dead, world.state("hook").given_up), (4, 0));
}

#[tokio::test]
async fn an_export_passes_nothing_over_and_says_so_at_once() {
    let sink = Sink::serve().await;
    sink.answers(|seen| Act::status(if seen.json()["seq"] == 2 { 422 } else { 200 }));
    let world = World::of(&export("nms", &sink.url, "")).await;
    world.write_many(5).await;
    until("it says so", || world.metric("outbox_refused", &[("sink", "nms")]) == Some(1.0)).await;
    until("it was tried often", || sink.seen().len() > 12).await;
    assert_eq!((sink.seqs(), world.state("nms").pending, world.state("nms").dead), (vec![1], 4, 0));
    let row =
        world.journal.reader().outbox_rows(&trunkwarden::journal::OutboxFilter { limit: 1, ..Default::default() });
    let row = trunkwarden::journal::Selection::Row(row.unwrap().rows[0].id);
    world.delivery.order(trunkwarden::delivery::Verb::Drop, "nms", row, "alice".into()).await.unwrap();
    world.drained("nms").await;
    assert_eq!(sink.seqs(), [1, 3, 4, 5, 6]);
    assert_eq!(world.metric("outbox_refused", &[("sink", "nms")]), Some(0.0));
}

#[tokio::test]
async fn what_holds_back_archiving_for_too_long_is_copied_as_dead_letters() {
    let sink = Sink::serve().await;
    sink.answers(|_| Act::status(503));
    let sinks =
        format!("{}{}max_pending = 5\n", export("nms", &sink.url, "events = [\"failover.*\"]"), webhook(&sink.url));
    let world = World::of(&sinks).await;
    for n in 0..30 {
        world.write(if n % 3 == 0 { "health.changed" } else { "failover.held" }).await;
    }
    let written_at = trunkwarden::policy::WallMs(1_700_000_000_000);
    world.journal.release_held(written_at).await.unwrap();
    assert_eq!((world.state("nms").pending, world.state("hook").pending), (20, 30), "nothing is as old as that");
    world.journal.release_held(trunkwarden::policy::WallMs(written_at.0 + 1)).await.unwrap();
    for (name, dead) in [("nms", 20), ("hook", 30)] {
        let state = world.state(name);
        assert_eq!((state.pending, state.dead, state.given_up), (0, dead, 0), "{name}");
    }
    sink.answers(|_| Act::status(200));
    let dead = trunkwarden::journal::Selection::Dead(i64::MAX);
    world.delivery.order(trunkwarden::delivery::Verb::Retry, "nms", dead, "alice".into()).await.unwrap();
    world.drained("nms").await;
    assert_eq!(sink.taken().iter().filter(|body| body["event_type"] == "failover.held").count(), 20);
}

#[tokio::test]
async fn wrong_credentials_or_a_wrong_path_never_cost_an_entry() {
    for code in [401, 403, 404, 410] {
        let sink = Sink::serve().await;
        sink.answers(move |_| Act::status(code));
        let world = World::of(&export("nms", &sink.url, "")).await;
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
    let mut committed = 0;
    // To the last page: where something small still fits, the journal can be written, and what was sent can be acknowledged.
    for filling in [20_000, 2_000, 200, 1] {
        let mut entry = super::world::entry("failover.held");
        entry.details = serde_json::json!({ "filling": "x".repeat(filling) });
        let batch = || trunkwarden::journal::Batch { entries: vec![entry.clone()], ..Default::default() };
        while world.journal.submit(batch()).await.is_ok() {
            committed += 1;
        }
    }
    until("the disk is full", || !*world.journal.writable().borrow()).await;
    sink.answers(|_| Act::status(200));
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.delivery.stop().await;
    // Where the file has room again for an acknowledgement, it goes on; nothing is taken by the sink and waits all the same.
    let taken: std::collections::BTreeSet<u64> = sink.seqs().into_iter().collect();
    assert_eq!(taken.len(), sink.seqs().len(), "nothing comes twice");
    assert_eq!(taken.len() as u64 + world.state("nms").pending, committed);
    assert!(committed > 3);
}
