//! What the outbox keeps through commits, bounds, failures and reopening.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use super::*;
use crate::clock::Clock;
use crate::journal::{Batch, Entry, IdSource, Journal};
use crate::policy::WallMs;
use serde_json::{Value, json};
use uuid::Uuid;

fn journal() -> Journal {
    // A virtual clock follows tokio's, so each test has a runtime.
    Journal::in_memory(IdSource::Seeded(1), Clock::virtual_from(WallMs(1_000))).unwrap()
}

fn subscription(sink: &str, events: &[&str], max_pending: u32) -> Subscription {
    Subscription { sink: sink.into(), events: events.iter().map(|e| (*e).to_owned()).collect(), max_pending }
}

async fn change(journal: &Journal, change: OutboxChange) {
    journal.submit(Batch { outbox: vec![change], ..Batch::default() }).await.unwrap();
}

async fn write(journal: &Journal, event_type: &str) {
    journal.submit(Batch { entries: vec![entry(event_type)], ..Batch::default() }).await.unwrap();
}

fn entry(event_type: &str) -> Entry {
    Entry {
        at: WallMs(5),
        event_type: event_type.into(),
        tenant: None,
        channel_id: None,
        actor: "engine".into(),
        reason: "because".into(),
        before: Value::Null,
        after: Value::Null,
        op: None,
        operation: None,
        details: json!({}),
    }
}

fn due(journal: &Journal, sink: &str, events: &[&str]) -> Vec<Due> {
    let events: Vec<String> = events.iter().map(|e| (*e).to_owned()).collect();
    journal.reader().outbox_due(sink, &events, 16).unwrap()
}

fn seqs(due: &[Due]) -> Vec<u64> {
    due.iter().filter_map(|d| d.text.as_ref().and(d.seq)).collect()
}

fn state(journal: &Journal, sink: &str) -> SinkState {
    journal.reader().outbox_sinks().unwrap().into_iter().find(|s| s.name == sink).unwrap()
}

#[tokio::test]
async fn entries_are_queued_for_whoever_subscribed_from_then_on_and_in_order() {
    let journal = journal();
    write(&journal, "failover.held").await;
    let sinks = vec![subscription("all", &["*"], 9), subscription("some", &["failover.*", "*.left"], 9)];
    change(&journal, OutboxChange::Subscribe(sinks)).await;
    for event in ["failover.held", "health.changed", "blind.left"] {
        write(&journal, event).await;
    }
    assert_eq!(seqs(&due(&journal, "all", &["*"])), [2, 3, 4]);
    let some = due(&journal, "some", &["failover.*", "*.left"]);
    assert_eq!(seqs(&some), [2, 4]);
    for one in &some {
        change(&journal, OutboxChange::Delivered { row: one.row, next: one.next }).await;
    }
    assert_eq!((state(&journal, "some").pending, state(&journal, "all").pending), (0, 3));
}

#[tokio::test]
async fn a_sink_that_is_gone_keeps_its_rows_and_gets_no_more() {
    let journal = journal();
    change(&journal, OutboxChange::Subscribe(vec![subscription("a", &["*"], 9), subscription("b", &["*"], 9)])).await;
    write(&journal, "failover.held").await;
    change(&journal, OutboxChange::Subscribe(vec![subscription("b", &["*"], 9)])).await;
    write(&journal, "failover.held").await;
    let a = state(&journal, "a");
    assert_eq!((a.subscribed, a.pending, state(&journal, "b").pending), (false, 1, 2));
    change(&journal, OutboxChange::Drop("a".into(), Selection::All(i64::MAX))).await;
    assert_eq!(journal.reader().outbox_sinks().unwrap().len(), 1);
}

#[tokio::test]
async fn at_its_bound_a_sink_of_entries_grows_no_more_and_loses_nothing() {
    let journal = journal();
    let events = ["failover.*"];
    change(&journal, OutboxChange::Subscribe(vec![subscription("s", &events, 2)])).await;
    for n in 0..6 {
        write(&journal, if n == 4 { "health.changed" } else { "failover.held" }).await;
    }
    let page = journal.reader().outbox_rows(&OutboxFilter { limit: 99, ..OutboxFilter::default() }).unwrap();
    assert_eq!(
        page.rows.iter().map(|r| (r.seq, r.through)).collect::<Vec<_>>(),
        [(Some(1), Some(1)), (Some(2), Some(6))]
    );
    assert_eq!(state(&journal, "s").pending, 6);
    let mut delivered = Vec::new();
    loop {
        let next = due(&journal, "s", &events);
        if next.is_empty() {
            break;
        }
        for one in next {
            delivered.extend(one.text.as_ref().and(one.seq));
            change(&journal, OutboxChange::Delivered { row: one.row, next: one.next }).await;
        }
    }
    assert_eq!(delivered, [1, 2, 3, 4, 6]);
    assert_eq!((state(&journal, "s").pending, state(&journal, "s").given_up), (0, 0));
}

#[tokio::test]
async fn a_row_that_is_stretched_while_its_entry_is_under_way_goes_on_behind_it() {
    let journal = journal();
    change(&journal, OutboxChange::Subscribe(vec![subscription("s", &["*"], 1)])).await;
    write(&journal, "failover.held").await;
    let sent = due(&journal, "s", &["*"]).remove(0);
    write(&journal, "failover.held").await;
    change(&journal, OutboxChange::Delivered { row: sent.row, next: sent.next }).await;
    assert_eq!(seqs(&due(&journal, "s", &["*"])), [2]);
}

#[tokio::test]
async fn payloads_at_their_bound_lose_the_oldest_which_is_counted() {
    let journal = journal();
    change(&journal, OutboxChange::Subscribe(vec![subscription("s.bulk", &[], 2)])).await;
    for n in 0..5 {
        let queue = OutboxChange::Queue { sink: "s.bulk".into(), id: Uuid::from_u128(n), payload: n.to_string() };
        change(&journal, queue).await;
    }
    let texts: Vec<String> = due(&journal, "s.bulk", &[]).into_iter().filter_map(|d| d.text).collect();
    assert_eq!(texts, ["3", "4"]);
    assert_eq!(state(&journal, "s.bulk").given_up, 3);
}

#[tokio::test]
async fn a_dead_letter_lets_the_rest_pass_and_returns_to_its_place() {
    let journal = journal();
    change(&journal, OutboxChange::Subscribe(vec![subscription("s", &["*"], 2)])).await;
    for _ in 0..4 {
        write(&journal, "failover.held").await;
    }
    let dead = |one: &Due| OutboxChange::Dead { row: one.row, seq: one.seq, error: "400".into() };
    let first = due(&journal, "s", &["*"]).remove(0);
    change(&journal, dead(&first)).await;
    let second = due(&journal, "s", &["*"]).remove(0);
    assert_eq!(second.seq, Some(2));
    change(&journal, dead(&second)).await;
    assert_eq!(seqs(&due(&journal, "s", &["*"])), [3, 4]);
    let now = state(&journal, "s");
    assert_eq!((now.pending, now.dead), (2, 2));
    let place = journal.reader().outbox_place("s", Selection::Dead(i64::MAX)).unwrap();
    assert_eq!(place.count, 2);
    change(&journal, OutboxChange::Retry("s".into(), Selection::Row(first.row))).await;
    assert_eq!(due(&journal, "s", &["*"]).remove(0).seq, Some(1));
    change(&journal, OutboxChange::Drop("s".into(), Selection::Dead(place.last))).await;
    assert_eq!((state(&journal, "s").dead, state(&journal, "s").pending), (0, 3));
}

#[tokio::test]
async fn a_dead_letter_that_waits_again_at_the_bound_is_not_stretched_over_what_was_queued_before() {
    let journal = journal();
    change(&journal, OutboxChange::Subscribe(vec![subscription("s", &["*"], 2)])).await;
    for _ in 0..4 {
        write(&journal, "failover.held").await;
    }
    let first = due(&journal, "s", &["*"]).remove(0);
    change(&journal, OutboxChange::Delivered { row: first.row, next: first.next }).await;
    let second = due(&journal, "s", &["*"]).remove(0);
    assert_eq!(second.seq, Some(2));
    change(&journal, OutboxChange::Dead { row: second.row, seq: second.seq, error: "422".into() }).await;
    change(&journal, OutboxChange::Retry("s".into(), Selection::Dead(i64::MAX))).await;
    for _ in 0..3 {
        write(&journal, "failover.held").await;
    }
    let mut delivered = Vec::new();
    while let Some(one) = due(&journal, "s", &["*"]).into_iter().next() {
        delivered.extend(one.seq);
        change(&journal, OutboxChange::Delivered { row: one.row, next: one.next }).await;
    }
    assert_eq!(delivered, [3, 4, 2, 5, 6, 7]);
}

#[tokio::test]
async fn what_is_read_at_once_is_bounded_however_much_waits() {
    let journal = journal();
    change(
        &journal,
        OutboxChange::Subscribe(vec![subscription("rows", &["*"], 999), subscription("range", &["*"], 1)]),
    )
    .await;
    for _ in 0..40 {
        let mut big = entry("failover.held");
        big.details = json!({ "filling": "x".repeat(200_000) });
        journal.submit(Batch { entries: vec![big], ..Batch::default() }).await.unwrap();
    }
    for sink in ["rows", "range"] {
        let due = due(&journal, sink, &["*"]);
        let bytes: usize = due.iter().filter_map(|d| d.text.as_ref()).map(String::len).sum();
        assert!(due.len() > 1 && bytes < 1_400_000, "{} of {bytes} bytes", due.len());
    }
}

#[tokio::test]
async fn failed_tries_are_kept() {
    let journal = journal();
    change(&journal, OutboxChange::Subscribe(vec![subscription("s", &["*"], 2)])).await;
    write(&journal, "failover.held").await;
    let row = due(&journal, "s", &["*"])[0].row;
    change(&journal, OutboxChange::Failed { row, error: "answered 503".into() }).await;
    assert_eq!(due(&journal, "s", &["*"])[0].tries, 1);
    assert_eq!(state(&journal, "s").error.as_deref(), Some("answered 503"));
}

#[tokio::test]
async fn what_retention_removes_is_copied_for_whoever_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let options = crate::journal::Options::new(path.clone(), Clock::system());
    let (journal, _) = Journal::open(options).unwrap();
    change(&journal, OutboxChange::Subscribe(vec![subscription("a", &["*"], 9), subscription("b", &["*"], 1)])).await;
    for _ in 0..3 {
        write(&journal, "failover.held").await;
    }
    let before = due(&journal, "a", &["*"]);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("DROP TRIGGER audit_no_delete; DELETE FROM audit WHERE seq <= 2;").unwrap();
    assert_eq!(due(&journal, "a", &["*"]), before);
    assert_eq!(seqs(&due(&journal, "b", &["*"])), [3]);
    assert_eq!((state(&journal, "a").given_up, state(&journal, "b").given_up), (0, 2));
    journal.close().await;
}
