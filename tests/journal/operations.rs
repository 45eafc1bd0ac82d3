//! Operations in the journal: begun before they are sent, found again by id and key, ended once, kept while open.

use super::{Place, T0, entries, entry, now, texts};
use futures_util::FutureExt;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::time::Duration;
use trunkwarden::clock::Clock;
use trunkwarden::journal::{Batch, Ended, Entry, IdSource, Journal, JournalError, Operation, Receipt, WriterMode};
use trunkwarden::policy::{OpId, WallMs};
use uuid::Uuid;

const EVER: WallMs = WallMs(0);

fn bridge(id: Uuid, key: Option<&str>) -> Operation {
    Operation {
        id,
        op: None,
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

fn begin(journal: &Journal, operation: Operation) -> Result<Receipt, JournalError> {
    let requested = Entry { operation: Some(operation.id), ..entry("bridge.requested") };
    journal.begin(operation, entries(vec![requested])).now_or_never().expect("in line, the answer is there at once")
}

#[test]
fn an_operation_is_begun_once_with_its_entries_and_found_by_id_and_key() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    let id = journal.new_operation_id();
    assert_eq!(begin(&journal, bridge(id, Some("k1"))).unwrap().operation(), id);

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
    let ids: Vec<Uuid> = recovered.open.iter().map(|k| k.operation.id).collect();
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

/// The second schema as it was released: actions in a table of their own, and operations where bridging was known.
const SECOND_SCHEMA: &str = include_str!("second_schema.sql");

/// A journal as the second schema left it, with what `rows` put into it.
fn of_the_second_schema(rows: &str) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path().parent().unwrap()).unwrap();
    Connection::open(place.path()).unwrap().execute_batch(&format!("{SECOND_SCHEMA}{rows}")).unwrap();
    place
}

#[test]
fn a_journal_of_the_second_schema_is_opened_and_its_open_intents_are_found() {
    let [done, action, bridge] = [1, 2, 3].map(Uuid::from_u128);
    let rows = format!(
        "INSERT INTO intents VALUES (7, '{done}', 'acme', 'ch-0001', 'codec', '{{}}', 10, 'applied', '{{\"a\":1}}', 20);
         INSERT INTO intents VALUES (8, '{action}', 'acme', 'ch-0002', 'failover', '{{\"op\":8}}', 30, NULL, NULL, NULL);
         INSERT INTO operations VALUES ('{bridge}', 'bridge', 'acme', 'call-1', 'k', 'alice', '{{}}', 40, NULL, NULL, NULL);"
    );
    let place = of_the_second_schema(&rows);
    let (journal, recovered) = Journal::open(place.options(WriterMode::Inline)).unwrap();
    let open: Vec<_> = recovered.open.iter().map(|kept| (kept.operation.id, kept.opened_at)).collect();
    assert_eq!(open, [(action, WallMs(30)), (bridge, WallMs(40))]);
    let orphan = Operation {
        id: action,
        op: Some(OpId(8)),
        kind: "failover".into(),
        tenant: "acme".into(),
        subject: "ch-0002".into(),
        key: None,
        actor: "engine".into(),
        request: json!({"op": 8}),
    };
    assert_eq!((&recovered.open[0].operation, recovered.last_op), (&orphan, OpId(8)));
    let kept = journal.reader().operation(done).unwrap().unwrap();
    let outcome = Ended { id: done, outcome: "applied".into(), result: json!({"a": 1}) };
    assert_eq!((kept.operation.op, kept.ended), (Some(OpId(7)), Some((WallMs(20), outcome))));
    let by_key = journal.reader().operation_by_key("acme", "bridge", "k", EVER).unwrap().unwrap();
    assert_eq!((by_key.operation.id, by_key.operation.op), (bridge, None));

    // What came of it is written down like anything else's, and its entries bear its id.
    let told = Entry { op: Some(OpId(8)), ..entry("journal.orphan_resolved") };
    let end = vec![Ended { id: action, outcome: "unknown".into(), result: Value::Null }];
    now(journal.submit(Batch { end, ..entries(vec![told]) })).unwrap();
    let text: Value = serde_json::from_str(&texts(&place.path())[0]).unwrap();
    assert_eq!(text["operation_id"], action.to_string());
    journal.close().now_or_never().unwrap();
    let (_, recovered) = Journal::open(place.options(WriterMode::Inline)).unwrap();
    assert_eq!(recovered.open.iter().map(|kept| kept.operation.id).collect::<Vec<_>>(), [bridge]);
}

#[test]
fn a_journal_from_before_operations_is_opened_and_gets_them() {
    let place = of_the_second_schema("DROP TABLE operations;");
    let journal = place.open(WriterMode::Inline);
    let id = journal.new_operation_id();
    begin(&journal, bridge(id, None)).unwrap();
    assert!(journal.reader().operation(id).unwrap().is_some());
}

#[test]
fn the_number_of_an_action_is_used_once() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    let numbered = |op| Operation { op: Some(OpId(op)), ..bridge(journal.new_operation_id(), None) };
    begin(&journal, numbered(1)).unwrap();
    assert!(begin(&journal, numbered(1)).is_err());
    assert!(begin(&journal, numbered(u64::MAX)).unwrap_err().is_permanent(), "greater than SQLite keeps");
    begin(&journal, numbered(2)).unwrap();
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
    assert_eq!(receipt.operation(), id);
    assert!(journal.reader().operation(id).unwrap().is_some(), "a connection of its own sees it");
}
