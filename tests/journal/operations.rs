//! Operations in the journal: begun before they are sent, found again by id and key, ended once, kept while open.

use super::{Place, T0, entries, entry, now, texts};
use futures_util::FutureExt;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::time::Duration;
use trunkwarden::clock::Clock;
use trunkwarden::journal::{
    Batch, Ended, Entry, IdSource, Journal, JournalError, Operation, OperationReceipt, WriterMode,
};
use trunkwarden::policy::WallMs;
use uuid::Uuid;

const EVER: WallMs = WallMs(0);

fn bridge(id: Uuid, key: Option<&str>) -> Operation {
    Operation {
        id,
        kind: "bridge".into(),
        tenant: "acme".into(),
        subject: "call-1".into(),
        key: key.map(Into::into),
        actor: "alice".into(),
        request: json!({"direction": "transfer"}),
    }
}

fn ended(id: Uuid, outcome: &str) -> Batch {
    Batch { end: vec![Ended { id, outcome: outcome.into(), result: json!({"status": 200}) }], ..Batch::default() }
}

fn begin(journal: &Journal, operation: Operation) -> Result<OperationReceipt, JournalError> {
    let requested = Entry { operation: Some(operation.id), ..entry("bridge.requested") };
    journal.begin(operation, entries(vec![requested])).now_or_never().expect("in line, the answer is there at once")
}

#[test]
fn an_operation_is_begun_once_with_its_entries_and_found_by_id_and_key() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    let id = journal.new_operation_id();
    assert_eq!(begin(&journal, bridge(id, Some("k1"))).unwrap().id(), id);

    let text: Value = serde_json::from_str(&texts(&place.path())[0]).unwrap();
    assert_eq!(text["operation_id"], id.to_string());
    let kept = journal.reader().operation(id).unwrap().unwrap();
    assert_eq!((&kept.operation, &kept.ended), (&bridge(id, Some("k1")), &None));
    let by_key = |tenant: &str, kind: &str, key: &str, since| {
        journal.reader().operation_by_key(tenant, kind, key, since).unwrap().map(|k| k.operation.id)
    };
    assert_eq!(by_key("acme", "bridge", "k1", kept.opened_at), Some(id));
    assert_eq!(by_key("acme", "bridge", "k1", WallMs(kept.opened_at.0 + 1)), None);
    assert_eq!(by_key("acme", "rescue", "k1", EVER), None);
    assert_eq!(by_key("other", "bridge", "k1", EVER), None);
    assert_eq!(by_key("acme", "bridge", "k2", EVER), None);
    assert_eq!(journal.reader().operation(Uuid::nil()).unwrap(), None);

    assert!(begin(&journal, bridge(id, None)).is_err(), "the same id is not begun twice");
    assert_eq!(texts(&place.path()).len(), 1, "and nothing of that batch is written");
}

#[test]
fn the_first_outcome_stands_and_what_has_none_is_found_at_the_next_start() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    let (done, open) = (journal.new_operation_id(), journal.new_operation_id());
    begin(&journal, bridge(done, Some("k"))).unwrap();
    begin(&journal, bridge(open, Some("k"))).unwrap();
    now(journal.submit(ended(done, "completed"))).unwrap();
    now(journal.submit(ended(done, "failed"))).unwrap();
    let (_, outcome) = journal.reader().operation(done).unwrap().unwrap().ended.unwrap();
    assert_eq!((outcome.outcome.as_str(), &outcome.result), ("completed", &json!({"status": 200})));
    let newest = journal.reader().operation_by_key("acme", "bridge", "k", EVER).unwrap().unwrap();
    assert_eq!(newest.operation.id, open);
    journal.close().now_or_never().unwrap();

    let (_, recovered) = Journal::open(place.options(WriterMode::Inline)).unwrap();
    let ids: Vec<Uuid> = recovered.open_operations.iter().map(|k| k.operation.id).collect();
    assert_eq!(ids, [open]);
}

#[test]
fn operations_that_ended_long_ago_are_removed_and_open_ones_are_not() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    let (done, open) = (journal.new_operation_id(), journal.new_operation_id());
    begin(&journal, bridge(done, None)).unwrap();
    begin(&journal, bridge(open, None)).unwrap();
    now(journal.submit(ended(done, "completed"))).unwrap();
    let closed_at = journal.reader().operation(done).unwrap().unwrap().ended.unwrap().0;
    let ninety_days = i64::try_from(Duration::from_hours(90 * 24).as_millis()).unwrap();

    now(journal.prune(WallMs(closed_at.0 + ninety_days))).unwrap();
    assert!(journal.reader().operation(done).unwrap().is_some());
    now(journal.prune(WallMs(closed_at.0 + ninety_days + 1))).unwrap();
    assert!(journal.reader().operation(done).unwrap().is_none());
    assert!(journal.reader().operation(open).unwrap().is_some());
    assert!(begin(&journal, bridge(journal.new_operation_id(), None)).is_ok());
}

#[test]
fn a_journal_from_before_operations_is_opened_and_gets_them() {
    let place = Place::with_entries(2);
    Connection::open(place.path()).unwrap().execute_batch("DROP TABLE operations").unwrap();
    let journal = place.open(WriterMode::Inline);
    let id = journal.new_operation_id();
    begin(&journal, bridge(id, None)).unwrap();
    assert!(journal.reader().operation(id).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_operation_ids() {
    let ids = |seed| {
        let journal = Journal::in_memory(IdSource::Seeded(seed), Clock::virtual_from(T0)).unwrap();
        [journal.new_operation_id(), journal.new_operation_id()]
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
    assert_ne!(ids(1)[0], ids(1)[1]);
}

#[tokio::test]
async fn under_the_writer_thread_the_receipt_comes_after_the_commit() {
    let place = Place::new();
    let journal = place.open(WriterMode::Thread);
    let id = journal.new_operation_id();
    let receipt = journal.begin(bridge(id, None), Batch::default()).await.unwrap();
    assert_eq!(receipt.id(), id);
    assert!(journal.reader().operation(id).unwrap().is_some(), "a connection of its own sees it");
}
