//! The journal through its public face: durable before it answers, chained, appended only, and honest about its disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "journal/operations.rs"]
mod operations;
#[path = "journal/searches.rs"]
mod searches;

use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::clock::Clock;
use trunkwarden::journal::{
    Batch, Ended, Entry, Filter, IdSource, Journal, JournalError, ObservationRow, Operation, Options, Pending, Reader,
    Receipt, WriterMode,
};
use trunkwarden::policy::{OpId, WallMs};
use uuid::Uuid;

const T0: WallMs = WallMs(1_795_000_000_000);
const FAR: WallMs = WallMs(T0.0 + 10_000_000_000_000);

/// Does to an audit log what nobody should.
type Tamper = Box<dyn Fn(&Connection)>;

/// Makes of a file what is no journal.
type Spoil<'a> = &'a dyn Fn(&Path);

fn entry(event: &str) -> Entry {
    Entry {
        at: T0,
        event_type: event.into(),
        tenant: Some("acme".into()),
        channel_id: Some("ch-0001".into()),
        actor: "engine".into(),
        reason: "the channel is down".into(),
        before: Value::Null,
        after: Value::Null,
        op: None,
        operation: None,
        details: Value::Null,
    }
}

/// An action of the engine's.
fn action(op: u64) -> Operation {
    Operation {
        id: id_of(op),
        op: Some(OpId(op)),
        kind: "failover".into(),
        tenant: "acme".into(),
        subject: "ch-0001".into(),
        key: None,
        actor: "engine".into(),
        request: json!({"op": op, "to": "ch-0002"}),
    }
}

fn id_of(op: u64) -> Uuid {
    Uuid::from_u128(op.into())
}

fn entries(list: Vec<Entry>) -> Batch {
    Batch { entries: list, ..Batch::default() }
}

fn opening(op: u64) -> Batch {
    Batch {
        entries: vec![Entry { op: Some(OpId(op)), ..entry("failover.intended") }],
        begin: Some(action(op)),
        ..Batch::default()
    }
}

fn closing(op: u64) -> Batch {
    Batch {
        end: vec![Ended { id: id_of(op), outcome: "applied".into(), result: json!({"outcome": "applied"}) }],
        ..Batch::default()
    }
}

fn observing(at: WallMs, body: &str) -> Batch {
    let row = ObservationRow { at, tenant: "acme".into(), channel: "ch-0001".into(), body: body.into() };
    Batch { observations: vec![row], ..Batch::default() }
}

/// A state directory of its own, and the options of a journal in it.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("state/journal.db")
    }

    fn options(&self, mode: WriterMode) -> Options {
        Options { mode, ..Options::new(self.path(), Clock::system()) }
    }

    fn open(&self, mode: WriterMode) -> Journal {
        Journal::open(self.options(mode)).unwrap().0
    }

    fn refused(&self) -> String {
        Journal::open(self.options(WriterMode::Inline)).unwrap_err().to_string()
    }

    /// A journal of `count` entries, closed.
    fn with_entries(count: usize) -> Self {
        let place = Self::new();
        let journal = place.open(WriterMode::Inline);
        for n in 0..count {
            now(journal.submit(entries(vec![entry(&format!("health.n{n}"))]))).unwrap();
        }
        journal.close().now_or_never().unwrap();
        place
    }

    /// The file, without the rules that the database enforces.
    fn unguarded(&self) -> Connection {
        let db = Connection::open(self.path()).unwrap();
        db.execute_batch("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_append_only;")
            .unwrap();
        db
    }
}

/// The answer of a journal that is written in line.
fn now(pending: Pending) -> Result<(), JournalError> {
    pending.now_or_never().expect("in line, the answer is there at once")
}

fn texts(path: &Path) -> Vec<String> {
    let db = Connection::open(path).unwrap();
    let mut query = db.prepare("SELECT entry FROM audit ORDER BY seq").unwrap();
    query.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Waits for the writer thread to get somewhere.
async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if reached() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never: {what}");
}

/// Another program that holds the file: commits wait for it.
struct Busy(Connection);

impl Busy {
    fn hold(path: &Path) -> Self {
        let db = Connection::open(path).unwrap();
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(db)
    }

    fn release(self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

// --- the entry ---

#[test]
fn an_entry_has_every_field_of_the_contract_and_is_chained_to_the_one_before() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    let plain = Entry { tenant: None, channel_id: None, ..entry("process.started") };
    now(journal.submit(entries(vec![plain]))).unwrap();
    now(journal.submit(opening(7))).unwrap();

    let page = journal.reader().entries(&Filter { limit: 10, ..Filter::default() }).unwrap();
    let [second, first] = page.entries.as_slice() else { panic!("{page:?}") };
    let mut fields: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "actor",
            "after",
            "before",
            "channel_id",
            "compliance_tag",
            "details",
            "event_type",
            "hash",
            "id",
            "operation_id",
            "prev_hash",
            "reason",
            "seq",
            "tenant",
            "timestamp",
        ]
    );
    assert_eq!(first["seq"], 1);
    assert_eq!(first["prev_hash"], "0".repeat(64));
    assert_eq!(first["channel_id"], Value::Null);
    assert_eq!(first["details"], json!({}));
    assert_eq!(first["operation_id"], Value::Null);
    assert_eq!(first["compliance_tag"], "telephony_channel_audit");
    assert_eq!(first["timestamp"], "2026-11-18T11:06:40.000Z");
    assert_eq!(second["seq"], 2);
    assert_eq!(second["prev_hash"], first["hash"]);
    let id = uuid::Uuid::parse_str(second["id"].as_str().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 7);
    assert_eq!(journal.reader().head().unwrap(), Some((2, second["hash"].as_str().unwrap().to_owned())));
    assert_eq!(journal.reader().verify().unwrap().entries, 2);
}

#[test]
fn entries_of_one_operation_carry_its_id_also_after_a_restart() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    now(journal.submit(opening(7))).unwrap();
    now(journal.submit(opening(8))).unwrap();
    journal.close().now_or_never().unwrap();
    let journal = place.open(WriterMode::Inline);
    let done = Entry { op: Some(OpId(7)), ..entry("failover.completed") };
    let unheard_of = Entry { op: Some(OpId(99)), ..entry("failover.held") };
    now(journal.submit(entries(vec![done, unheard_of]))).unwrap();

    let of = |n: usize| serde_json::from_str::<Value>(&texts(&place.path())[n]).unwrap()["operation_id"].clone();
    assert!(of(0).is_string());
    assert_ne!(of(0), of(1));
    assert_eq!(of(2), of(0));
    assert_eq!(of(3), Value::Null);
}

#[test]
fn the_text_is_canonical_as_rfc_8785_has_it() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    // The examples of RFC 8785, 3.2.2 and 3.2.3.
    let details: Value = serde_json::from_str(
        r#"{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#,
    )
    .unwrap();
    let keys: Value = serde_json::from_str(
        r#"{"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7}"#,
    )
    .unwrap();
    now(journal.submit(entries(vec![Entry { details, before: keys, ..entry("health.changed") }]))).unwrap();

    let text = texts(&place.path()).remove(0);
    let numbers = r#""details":{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#;
    assert!(text.contains(numbers), "{text}");
    assert!(text.contains(r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#), "{text}");
    assert!(
        text.contains("\"before\":{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}"),
        "{text}"
    );
    assert!(text.starts_with(r#"{"actor":"engine","after":null,"before":"#), "{text}");
    assert!(journal.reader().verify().is_ok());
}

#[test]
fn an_integer_that_json_would_round_is_kept_as_text() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    let before = json!([9_007_199_254_740_991_u64, 9_007_199_254_740_993_u64, i64::MIN, {"deep": u64::MAX}]);
    now(journal.submit(entries(vec![Entry { before, ..entry("health.changed") }]))).unwrap();
    let text = texts(&place.path()).remove(0);
    let kept =
        r#""before":[9007199254740991,"9007199254740993","-9223372036854775808",{"deep":"18446744073709551615"}]"#;
    assert!(text.contains(kept), "{text}");
    assert!(journal.reader().verify().is_ok());
}

#[test]
fn an_entry_that_no_reader_could_bear_is_written_without_the_rest_and_harms_nobody_else() {
    let journal = Journal::in_memory(IdSource::Seeded(1), Clock::system()).unwrap();
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let huge = "x".repeat(2 * 1024 * 1024);
    let unfit = [
        Entry { details: deep, ..entry("a.b") },
        Entry { reason: huge.clone(), ..entry("a.b") },
        Entry { channel_id: Some(huge.clone()), ..entry("a.b") },
        Entry { after: json!({ huge.clone(): 1 }), ..entry("a.b") },
    ];
    for (n, unfit) in unfit.into_iter().enumerate() {
        let batch = Batch { states: vec![("key".into(), Some(json!(n)))], ..entries(vec![entry("a.b"), unfit]) };
        now(journal.submit(batch)).unwrap();
        let newest = journal.reader().entries(&Filter { limit: 1, ..Filter::default() }).unwrap().entries.remove(0);
        assert!(newest["details"]["set_aside"].as_str().unwrap().contains("the journal refuses an audit entry"));
        assert_eq!(
            (&newest["tenant"], &newest["event_type"], &newest["actor"]),
            (&json!("acme"), &json!("a.b"), &json!("engine"))
        );
        assert_eq!(journal.reader().state("key").unwrap(), Some(json!(n)));
        assert_eq!(journal.counters().set_aside_total, n as u64 + 1);
    }
    assert!(*journal.writable().borrow());
    // An action comes with its entries: the action is not held for what is told of it.
    let receipt = Batch { entries: vec![Entry { op: Some(OpId(7)), reason: huge, ..entry("a.b") }], ..opening(7) };
    now(journal.submit(receipt)).unwrap();
    assert_eq!(journal.reader().verify().unwrap().entries, 9);
}

#[test]
fn what_one_tenant_leaves_that_can_never_be_written_costs_no_other() {
    let journal = Journal::in_memory(IdSource::Seeded(1), Clock::system()).unwrap();
    let row =
        |tenant: &str, body: String| ObservationRow { at: T0, tenant: tenant.into(), channel: "ch-0001".into(), body };
    let long = "x".repeat(2 * 1024 * 1024);
    let observations = vec![row("a", "{}".into()), row("b", long.clone()), row("c", "{}".into())];
    now(journal.submit(Batch { observations, ..Batch::default() })).unwrap();
    let seen = |tenant: &str| journal.reader().observations(tenant, "ch-0001", T0, FAR, 10).unwrap().len();
    assert_eq!(["a", "b", "c"].map(seen), [1, 0, 1]);
    let states =
        ["a", "b", "c"].map(|key| (key.to_owned(), Some(json!(if key == "b" { long.repeat(5) } else { "{}".into() }))));
    now(journal.submit(Batch { states: states.into(), ..entries(vec![entry("a.b")]) })).unwrap();
    let kept = |key: &str| journal.reader().state(key).unwrap().is_some();
    assert_eq!(["a", "b", "c"].map(kept), [true, false, true]);
    assert_eq!(journal.reader().verify().unwrap().entries, 1);
    let counters = journal.counters();
    assert_eq!((counters.set_aside_total, counters.batches_failed_total), (2, 0));
    // Of an operation nothing is left out: whoever wants to act is told.
    let huge = Batch { begin: Some(Operation { request: json!({ "to": long }), ..action(1) }), ..Batch::default() };
    assert!(now(journal.submit(huge)).unwrap_err().is_permanent());
}

// --- the chain ---

#[test]
fn the_database_refuses_to_change_remove_replace_or_skip_entries() {
    let place = Place::with_entries(3);
    let db = Connection::open(place.path()).unwrap();
    for (forbidden, words) in [
        ("UPDATE audit SET entry = '{}' WHERE seq = 2", "never changed"),
        ("UPDATE audit SET tenant = 'x'", "never changed"),
        ("DELETE FROM audit WHERE seq = 3", "never removed"),
        (
            "INSERT OR REPLACE INTO audit SELECT seq, '{}', hash, at, event_type, tenant, channel_id FROM audit",
            "in order",
        ),
        ("INSERT INTO audit VALUES (9, '{}', '', 0, '', NULL, NULL)", "in order"),
    ] {
        let refused = db.execute(forbidden, []).unwrap_err().to_string();
        assert!(refused.contains(words), "{forbidden}: {refused}");
    }
    assert_eq!(Reader::open(&place.path()).unwrap().verify().unwrap().entries, 3);
}

#[test]
fn verification_finds_every_kind_of_tampering_at_its_entry() {
    let rehash = |db: &Connection, seq: i64| {
        let text: String = db.query_row("SELECT entry FROM audit WHERE seq = ?", [seq], |r| r.get(0)).unwrap();
        let hash = sha256(&text);
        db.execute("UPDATE audit SET hash = ? WHERE seq = ?", rusqlite::params![hash, seq]).unwrap();
    };
    let sql = |statements: &'static str| move |db: &Connection| db.execute_batch(statements).unwrap();
    let cases: Vec<(&str, Tamper, u64, &str)> = vec![
        (
            "a changed text",
            Box::new(sql("UPDATE audit SET entry = replace(entry, 'is down', 'is up') WHERE seq = 3")),
            3,
            "hash that is kept",
        ),
        (
            "a changed text with a hash to match",
            Box::new(move |db| {
                sql("UPDATE audit SET entry = replace(entry, 'is down', 'is up') WHERE seq = 3")(db);
                rehash(db, 3);
            }),
            3,
            "not tied",
        ),
        (
            "the same value in another form",
            Box::new(move |db| {
                sql("UPDATE audit SET entry = replace(entry, ':null', ': null') WHERE seq = 5")(db);
                rehash(db, 5);
            }),
            5,
            "canonical",
        ),
        ("a removed entry", Box::new(sql("DELETE FROM audit WHERE seq = 2")), 2, "missing"),
        ("a removed first entry", Box::new(sql("DELETE FROM audit WHERE seq = 1")), 1, "missing"),
        (
            "a removed entry with the numbers closed up",
            Box::new(sql("DELETE FROM audit WHERE seq = 2; UPDATE audit SET seq = seq - 1 WHERE seq > 2")),
            2,
            "another number",
        ),
        (
            "an inserted entry",
            Box::new(sql(
                "UPDATE audit SET seq = -seq - 1 WHERE seq > 2; UPDATE audit SET seq = -seq WHERE seq < 0;
                 INSERT INTO audit SELECT 3, entry, hash, at, event_type, tenant, channel_id FROM audit WHERE seq = 2",
            )),
            3,
            "another number",
        ),
        (
            "two entries that changed places",
            Box::new(sql("UPDATE audit SET seq = -1 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;
                 UPDATE audit SET seq = 3 WHERE seq = -1")),
            2,
            "another number",
        ),
        (
            "a column that hides an entry from a search",
            Box::new(sql("UPDATE audit SET channel_id = 'ch-0002' WHERE seq = 4")),
            4,
            "columns",
        ),
        (
            "a text that is none",
            Box::new(move |db| {
                sql("UPDATE audit SET entry = 'gone' WHERE seq = 1")(db);
                rehash(db, 1);
            }),
            1,
            "no JSON",
        ),
    ];
    for (name, tamper, seq, what) in cases {
        let place = Place::with_entries(5);
        tamper(&place.unguarded());
        let broken = Reader::open(&place.path()).unwrap().verify().expect_err(name);
        assert_eq!(broken.seq, seq, "{name}: {broken}");
        assert!(broken.what.contains(what), "{name}: {broken}");
    }
}

#[test]
fn what_was_cut_off_at_the_end_shows_in_the_head() {
    let place = Place::with_entries(5);
    let before = Reader::open(&place.path()).unwrap().verify().unwrap();
    place.unguarded().execute("DELETE FROM audit WHERE seq = 5", []).unwrap();
    let after = Reader::open(&place.path()).unwrap().verify().unwrap();
    assert_eq!((before.entries, after.entries), (5, 4));
    assert_ne!(before.head, after.head);
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().fold(String::new(), |hex, b| hex + &format!("{b:02x}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is handed in, bad batches in between: exactly the good ones are there, in order, in a whole chain.
    #[test]
    fn the_chain_holds_exactly_what_was_committed(batches in vec((0_usize..4, option::of(1_u64..8), any::<bool>()), 1..30)) {
        let journal = Journal::in_memory(IdSource::Seeded(1), Clock::system()).unwrap();
        let (mut expected, mut opened) = (Vec::new(), BTreeSet::new());
        for (n, (count, op, unfit)) in batches.into_iter().enumerate() {
            let list: Vec<Entry> = (0..count).map(|i| entry(&format!("b{n}.e{i}"))).collect();
            let names: Vec<String> = list.iter().map(|e| e.event_type.clone()).collect();
            let huge = || Operation { request: json!("x".repeat(1024 * 1024)), ..action(99) };
            let twice = op.is_some_and(|op| opened.contains(&op));
            let begin = if unfit { Some(huge()) } else { op.map(action) };
            let answer = now(journal.submit(Batch { begin, ..entries(list) }));
            prop_assert_eq!(answer.is_ok(), !unfit && !twice);
            if answer.is_ok() {
                expected.extend(names);
                opened.extend(op);
            }
        }
        prop_assert_eq!(journal.reader().verify().unwrap().entries, expected.len() as u64);
        expected.reverse();
        prop_assert_eq!(event_types(&journal, Filter::default()), expected);
        prop_assert_eq!(journal.reader().open_operations().unwrap().len(), opened.len());
    }
}

// --- committing ---

#[tokio::test]
async fn a_receipt_comes_only_after_the_commit() {
    let place = Place::new();
    let journal = place.open(WriterMode::Thread);
    let busy = Busy::hold(&place.path());
    let requested = entries(vec![Entry { op: Some(OpId(7)), ..entry("failover.intended") }]);
    let mut pending = Box::pin(journal.begin(action(7), requested));
    until("the writer took the batch", || journal.counters().queued == 0).await;
    assert!((&mut pending).now_or_never().is_none());
    assert!(journal.reader().open_operations().unwrap().is_empty());

    busy.release();
    let receipt: Receipt = pending.await.unwrap();
    assert_eq!(receipt.operation(), id_of(7));
    let open = Reader::open(&place.path()).unwrap().open_operations().unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].operation, action(7));
    assert_eq!(texts(&place.path()).len(), 1);
    journal.close().await;
}

#[tokio::test]
async fn batches_that_wait_are_committed_together_and_a_bad_one_sinks_no_other() {
    let place = Place::new();
    let journal = place.open(WriterMode::Thread);
    journal.submit(opening(1)).await.unwrap();
    let commits = journal.counters().commits_total;

    let busy = Busy::hold(&place.path());
    let first = journal.submit(opening(2));
    until("the writer took the first", || journal.counters().queued == 0).await;
    let good: Vec<Pending> = (3..40).map(|op| journal.submit(opening(op))).collect();
    busy.release();
    first.await.unwrap();
    for pending in good {
        pending.await.unwrap();
    }
    assert_eq!(journal.counters().commits_total, commits + 2);

    let busy = Busy::hold(&place.path());
    let first = journal.submit(opening(50));
    until("the writer took the first", || journal.counters().queued == 0).await;
    let good = journal.submit(opening(51));
    let bad = journal.submit(opening(1));
    let after = journal.submit(opening(52));
    busy.release();
    assert!(first.await.is_ok() && good.await.is_ok() && after.await.is_ok());
    assert!(bad.await.is_err());
    assert!(*journal.writable().borrow(), "a bad batch says nothing of the disk");
    assert_eq!(journal.reader().verify().unwrap().entries, 42, "the bad batch left no entry");
    assert_eq!(journal.counters().batches_failed_total, 1);
    assert_eq!(journal.counters().entries_total, 42);
    journal.close().await;
}

#[tokio::test]
async fn a_full_queue_gives_up_observations_first_and_then_says_so() {
    let place = Place::new();
    let journal = Journal::open(Options { queue: 8, ..place.options(WriterMode::Thread) }).unwrap().0;
    let busy = Busy::hold(&place.path());
    let mut kept = vec![journal.submit(opening(1))];
    until("the writer took the first", || journal.counters().queued == 0).await;

    kept.extend((0..6).map(|_| journal.submit(observing(T0, "{}"))));
    now(journal.submit(observing(T0, "{}"))).expect("given up");
    assert_eq!(journal.counters().observations_dropped_total, 1);
    kept.extend((0..2).map(|_| journal.submit(entries(vec![entry("health.changed")]))));
    let refused = now(journal.submit(entries(vec![entry("health.changed")]))).unwrap_err();
    assert!(matches!(refused, JournalError::Full { bound: 8 }), "{refused}");
    assert_eq!(journal.counters().batches_refused_total, 1);

    busy.release();
    for pending in kept {
        pending.await.unwrap();
    }
    assert_eq!(journal.reader().observations("acme", "ch-0001", T0, FAR, 100).unwrap().len(), 6);
    assert_eq!(journal.reader().verify().unwrap().entries, 3);
    journal.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_thread_and_in_line_write_the_same_from_the_same_seed() {
    let mut written = Vec::new();
    for mode in [WriterMode::Thread, WriterMode::Inline] {
        let place = Place::new();
        let clock = Clock::virtual_from(T0);
        let options = Options { ids: IdSource::Seeded(42), clock, ..place.options(mode) };
        let journal = Journal::open(options).unwrap().0;
        let mut answers = Vec::new();
        for op in 1..30 {
            answers.push(journal.submit(opening(op)));
            answers.push(journal.submit(observing(T0, "{}")));
            let done = Entry { op: Some(OpId(op)), ..entry("failover.completed") };
            answers.push(journal.submit(Batch { entries: vec![done, entry("health.changed")], ..closing(op) }));
            tokio::time::advance(Duration::from_millis(250)).await;
        }
        for answer in answers {
            answer.await.unwrap();
        }
        journal.close().await;
        written.push(texts(&place.path()));
    }
    assert_eq!(written[0].len(), 87);
    assert_eq!(written[0], written[1]);
}

#[tokio::test(start_paused = true)]
async fn a_seeded_journal_that_is_opened_again_gives_new_ids() {
    let place = Place::new();
    for op in 1..=3 {
        let options =
            Options { ids: IdSource::Seeded(42), clock: Clock::virtual_from(T0), ..place.options(WriterMode::Inline) };
        let journal = Journal::open(options).unwrap().0;
        now(journal.submit(opening(op))).unwrap();
    }
    let ids: BTreeSet<String> = texts(&place.path())
        .iter()
        .map(|t| serde_json::from_str::<Value>(t).unwrap())
        .flat_map(|e| [e["id"].to_string(), e["operation_id"].to_string()])
        .collect();
    assert_eq!(ids.len(), 6);
}

#[tokio::test]
async fn closing_commits_what_was_submitted_and_takes_nothing_more() {
    let place = Place::new();
    let journal = place.open(WriterMode::Thread);
    let other = journal.clone();
    let answers: Vec<Pending> = (1..200).map(|op| journal.submit(opening(op))).collect();
    journal.close().await;
    for answer in answers {
        answer.await.unwrap();
    }
    assert!(matches!(other.submit(opening(999)).await, Err(JournalError::Closed)));
    assert!(!*other.writable().borrow());
    assert_eq!(other.reader().verify().unwrap().entries, 199);
    let wal = std::fs::metadata(place.path().with_extension("db-wal")).map_or(0, |m| m.len());
    assert_eq!(wal, 0, "the file alone is whole");
    place.open(WriterMode::Thread).close().await;
}

#[tokio::test]
async fn a_journal_that_is_dropped_still_commits_and_lets_go_of_its_lock() {
    let place = Place::new();
    let journal = place.open(WriterMode::Thread);
    drop(journal.submit(opening(1)));
    drop(journal);
    let mut found = None;
    until("the lock is free", || {
        found = Journal::open(place.options(WriterMode::Inline)).ok();
        found.is_some()
    })
    .await;
    assert_eq!(found.unwrap().1.open.len(), 1);
}

// --- starting ---

#[test]
fn a_new_journal_is_empty_and_for_its_owner_alone() {
    let place = Place::new();
    let (journal, recovered) = Journal::open(place.options(WriterMode::Inline)).unwrap();
    assert!(recovered.states.is_empty() && recovered.open.is_empty());
    assert_eq!((recovered.last_op, recovered.last_entry_at), (OpId(0), None));
    assert_eq!(journal.reader().head().unwrap(), None);
    assert_eq!(journal.reader().verify().unwrap().head, "0".repeat(64));
    now(journal.submit(opening(1))).unwrap();

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = place.path();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in ["journal.db", "journal.db-wal", "journal.lock"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
    drop(journal);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    place.open(WriterMode::Inline);
    assert_eq!(mode(&path), 0o600, "taken away again");
}

#[test]
fn a_start_finds_state_orphans_and_the_last_number() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    for op in [3, 5, 9] {
        now(journal.submit(opening(op))).unwrap();
    }
    now(journal.submit(closing(9))).unwrap();
    now(journal.submit(closing(404))).unwrap();
    let keep = |key: &str, value| (key.to_owned(), value);
    let states = vec![keep("b", Some(json!({"x": 1.5}))), keep("a", Some(json!([1]))), keep("gone", Some(json!(0)))];
    now(journal.submit(Batch { states, ..Batch::default() })).unwrap();
    let states = vec![keep("gone", None), keep("a", Some(json!([2])))];
    now(journal.submit(Batch { states, ..Batch::default() })).unwrap();

    // As after a kill: what is on disk now, without any goodbye.
    let after = Place::new();
    std::fs::create_dir(after.path().parent().unwrap()).unwrap();
    for file in ["journal.db", "journal.db-wal"] {
        std::fs::copy(place.path().with_file_name(file), after.path().with_file_name(file)).unwrap();
    }
    let (journal, recovered) = Journal::open(after.options(WriterMode::Inline)).unwrap();
    assert_eq!(
        recovered.states,
        [keep("a", Some(json!([2]))), keep("b", Some(json!({"x": 1.5})))].map(|(k, v)| (k, v.unwrap()))
    );
    let orphans: Vec<_> = recovered.open.into_iter().map(|open| open.operation).collect();
    assert_eq!(orphans, [action(3), action(5)]);
    assert_eq!(recovered.last_op, OpId(9));
    assert_eq!(recovered.last_entry_at, Some(T0));
    now(journal.submit(opening(10))).unwrap();
    assert_eq!(journal.reader().verify().unwrap().entries, 4, "the chain goes on where it was");
}

#[test]
fn a_second_daemon_is_refused_at_once_in_one_line() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    let refused = Journal::open(place.options(WriterMode::Thread)).unwrap_err();
    assert!(matches!(refused, JournalError::InUse { .. }), "{refused}");
    assert!(!refused.to_string().contains('\n'));
    assert!(Reader::open(&place.path()).is_ok(), "reading is free");
    drop(journal);
    place.open(WriterMode::Thread);
}

#[test]
fn a_place_that_cannot_be_written_is_one_clear_line() {
    let place = Place::new();
    std::fs::write(place.dir.path().join("state"), "a file, no folder").unwrap();
    let refused = place.refused();
    assert!(refused.starts_with("cannot create the state directory "), "{refused}");
    assert!(!refused.contains('\n'));
}

#[test]
fn a_file_that_is_no_journal_is_refused_and_left_as_it_is() {
    let other_program = |path: &Path| Connection::open(path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let newer = |path: &Path| Connection::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let damaged = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[8192..].iter_mut().for_each(|b| *b ^= 0x5a);
        std::fs::write(path, bytes).unwrap();
    };
    let cases: [(&str, bool, Spoil<'_>, &str); 5] = [
        ("garbage", false, &|p| std::fs::write(p, "gibberish ".repeat(1000)).unwrap(), "not an SQLite database"),
        ("a few bytes", false, &|p| std::fs::write(p, "hello").unwrap(), "not an SQLite database"),
        ("another program's", false, &other_program, "another program"),
        ("a newer version's", true, &newer, "a newer trunkwarden"),
        ("a damaged one", true, &damaged, "damaged"),
    ];
    for (name, journal_first, spoil, words) in cases {
        let place = if journal_first { Place::with_entries(200) } else { Place::new() };
        std::fs::create_dir_all(place.path().parent().unwrap()).unwrap();
        spoil(&place.path());
        let before = std::fs::read(place.path()).unwrap();
        let refused = Journal::open(place.options(WriterMode::Inline)).expect_err(name);
        assert!(matches!(refused, JournalError::Corrupt { .. }), "{name}: {refused}");
        assert!(refused.to_string().contains(words), "{name}: {refused}");
        assert!(!refused.to_string().contains('\n'), "{name}: {refused}");
        assert!(before == std::fs::read(place.path()).unwrap(), "{name}: the file was altered");
    }
}

// --- the disk ---

#[tokio::test]
async fn a_full_disk_shows_and_is_over_when_there_is_room_again() {
    let place = Place::new();
    let options = Options { max_pages: Some(120), ..place.options(WriterMode::Thread) };
    let journal = Journal::open(options).unwrap().0;
    let mut writable = journal.writable();
    journal.submit(opening(1)).await.unwrap();
    let body = "x".repeat(4000);
    let mut failed = None;
    for _ in 0..200 {
        if let Err(e) = journal.submit(observing(T0, &body)).await {
            failed = Some(e);
            break;
        }
    }
    let failed = failed.expect("the disk fills").to_string();
    assert!(failed.contains("full"), "{failed}");
    assert!(!*writable.borrow_and_update());
    let large = Entry { details: json!({"filling": body.repeat(3)}), ..entry("health.changed") };
    let refused = journal.submit(Batch { entries: vec![large.clone()], ..opening(2) }).await;
    assert!(refused.is_err(), "no receipt without a commit");

    journal.prune(FAR).await.unwrap();
    let again = tokio::time::timeout(Duration::from_secs(20), writable.wait_for(|w| *w)).await;
    assert!(again.expect("the writer tries by itself").is_ok());
    journal.submit(Batch { entries: vec![large], ..opening(2) }).await.unwrap();
    assert_eq!(journal.reader().verify().unwrap().entries, 2);
    journal.close().await;
}

#[test]
fn in_line_the_next_batch_that_fits_ends_a_full_disk() {
    let place = Place::new();
    let options = Options { max_pages: Some(120), ..place.options(WriterMode::Inline) };
    let journal = Journal::open(options).unwrap().0;
    let huge = observing(T0, &"x".repeat(900_000));
    assert!(now(journal.submit(huge)).is_err());
    assert!(!*journal.writable().borrow());
    now(journal.submit(opening(1))).unwrap();
    assert!(*journal.writable().borrow());
}

#[tokio::test]
async fn what_was_given_up_at_its_time_is_never_committed() {
    let place = Place::new();
    let journal = place.open(WriterMode::Thread);
    journal.submit(opening(1)).await.unwrap();
    let busy = Busy::hold(&place.path());
    let limit = Duration::from_millis(50);
    let mut refused = Vec::new();
    for n in 0..3 {
        let state = Batch { states: vec![(format!("late-{n}"), Some(json!(1)))], ..Batch::default() };
        refused.push(journal.submit_within(Batch { entries: vec![entry("operator.ordered")], ..state }, limit).await);
    }
    assert!(refused.iter().all(|answer| matches!(answer, Err(JournalError::Late { .. }))), "{refused:?}");
    busy.release();
    journal.submit(opening(2)).await.unwrap();
    let in_time = Batch { states: vec![("in time".into(), Some(json!(1)))], ..Batch::default() };
    journal.submit_within(in_time, Duration::from_secs(20)).await.unwrap();
    assert_eq!(texts(&place.path()).len(), 2, "of the two actions");
    let states = journal.reader().states().unwrap();
    assert_eq!(states, [("in time".to_owned(), json!(1))]);
    journal.close().await;
}

/// A name and what is done to the file behind it.
type Steal = (&'static str, fn(&Path));

#[tokio::test]
async fn a_journal_whose_file_is_gone_or_another_one_takes_nothing_until_it_is_back() {
    let removed: fn(&Path) = |path| std::fs::rename(path, path.with_extension("away")).unwrap();
    let replaced: fn(&Path) = |path| {
        std::fs::copy(path, path.with_extension("copy")).unwrap();
        std::fs::rename(path, path.with_extension("away")).unwrap();
        std::fs::rename(path.with_extension("copy"), path).unwrap();
    };
    let cases: [Steal; 5] = [
        ("journal.db", removed),
        ("journal.db", replaced),
        ("journal.db-wal", removed),
        ("journal.db-wal", replaced),
        ("journal.lock", removed),
    ];
    for (name, steal) in cases {
        for mode in [WriterMode::Inline, WriterMode::Thread] {
            let place = Place::new();
            let journal = place.open(mode);
            journal.submit(opening(1)).await.unwrap();
            let file = place.path().with_file_name(name);
            steal(&file);
            let refused = journal.submit(opening(2)).await.unwrap_err();
            assert!(matches!(refused, JournalError::Replaced { .. }), "{name}: {refused}");
            assert!(refused.to_string().contains(name), "{refused}");
            assert!(!*journal.writable().borrow(), "{name}: an action is refused, and so is all that follows");
            std::fs::rename(file.with_extension("away"), &file).unwrap();
            let mut writable = journal.writable();
            if mode == WriterMode::Thread {
                writable.wait_for(|writable| *writable).await.unwrap();
            }
            journal.submit(opening(3)).await.unwrap_or_else(|error| panic!("{name}: it is back, {error}"));
            journal.close().await;
            assert_eq!(Reader::open(&place.path()).unwrap().open_operations().unwrap().len(), 2);
        }
    }
}

#[tokio::test]
async fn an_idle_writer_notices_that_its_file_is_gone() {
    let place = Place::new();
    let journal = place.open(WriterMode::Thread);
    journal.submit(opening(1)).await.unwrap();
    std::fs::remove_file(place.path()).unwrap();
    let mut writable = journal.writable();
    writable.wait_for(|writable| !writable).await.unwrap();
}

// --- reading and forgetting ---

fn event_types(journal: &Journal, filter: Filter) -> Vec<String> {
    let page = journal.reader().entries(&Filter { limit: 100, ..filter }).unwrap();
    page.entries.iter().map(|e| e["event_type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn filters_let_through_what_they_name() {
    let journal = Journal::in_memory(IdSource::Seeded(1), Clock::system()).unwrap();
    let at = |n: i64, tenant: &str, channel: &str, event: &str| Entry {
        at: WallMs(T0.0 + n),
        tenant: Some(tenant.into()),
        channel_id: Some(channel.into()),
        ..entry(event)
    };
    let all = vec![
        at(0, "acme", "a", "failover.intended"),
        at(1, "acme", "b", "failover.completed"),
        at(2, "beta", "a", "failback.completed"),
        at(3, "beta", "c", "health.changed"),
        Entry { at: WallMs(T0.0 + 4), tenant: None, channel_id: None, ..entry("process.started") },
    ];
    now(journal.submit(entries(all))).unwrap();
    let some = |s: &str| Some(s.to_owned());
    let event = |s: &str| event_types(&journal, Filter { event_type: some(s), ..Filter::default() });

    assert_eq!(event_types(&journal, Filter::default()).len(), 5);
    assert_eq!(
        event_types(&journal, Filter { tenant: some("beta"), ..Filter::default() }),
        ["health.changed", "failback.completed"]
    );
    assert_eq!(
        event_types(&journal, Filter { channel_id: some("a"), ..Filter::default() }),
        ["failback.completed", "failover.intended"]
    );
    assert_eq!(
        event_types(&journal, Filter { tenant: some("acme"), channel_id: some("a"), ..Filter::default() }),
        ["failover.intended"]
    );
    assert_eq!(event("failover."), ["failover.completed", "failover.intended"]);
    assert_eq!(event("*.completed"), ["failback.completed", "failover.completed"]);
    assert_eq!(event("fail*ed"), ["failback.completed", "failover.completed", "failover.intended"]);
    assert_eq!(event("health.changed"), ["health.changed"]);
    assert!(event("failover").is_empty() && event("fail?ver.*").is_empty() && event("[f]*").is_empty());
    assert!(event("' OR 1 --").is_empty());
    let window = Filter { since: Some(WallMs(T0.0 + 1)), until: Some(WallMs(T0.0 + 3)), ..Filter::default() };
    assert_eq!(event_types(&journal, window), ["failback.completed", "failover.completed"]);
}

#[test]
fn the_cursor_walks_over_every_entry_once_while_new_ones_arrive() {
    let journal = Journal::in_memory(IdSource::Seeded(1), Clock::system()).unwrap();
    now(journal.submit(entries((0..25).map(|_| entry("health.changed")).collect()))).unwrap();
    let (mut seen, mut before_seq) = (Vec::new(), None);
    loop {
        let page = journal.reader().entries(&Filter { limit: 10, before_seq, ..Filter::default() }).unwrap();
        seen.extend(page.entries.iter().map(|e| e["seq"].as_u64().unwrap()));
        now(journal.submit(entries(vec![entry("health.changed")]))).unwrap();
        before_seq = page.next;
        if before_seq.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<u64>>());
}

#[test]
fn a_page_has_a_bound() {
    let journal = Journal::in_memory(IdSource::Seeded(1), Clock::system()).unwrap();
    now(journal.submit(entries((0..1100).map(|_| entry("health.changed")).collect()))).unwrap();
    let page = |limit| journal.reader().entries(&Filter { limit, ..Filter::default() }).unwrap();
    assert_eq!(page(usize::MAX).entries.len(), 1000);
    assert_eq!(page(usize::MAX).next, Some(101));
    assert_eq!(page(0).entries.len(), 1);
    assert_eq!(journal.reader().verify().unwrap().entries, 1100);
}

#[tokio::test]
async fn pruning_removes_old_observations_and_actions_that_ended_and_nothing_else() {
    let place = Place::new();
    let day = Duration::from_hours(24);
    let options = Options { observation_retention: day, ..place.options(WriterMode::Thread) };
    let journal = Journal::open(options).unwrap().0;
    for op in 1..=3 {
        journal.submit(opening(op)).await.unwrap();
    }
    journal.submit(closing(1)).await.unwrap();
    journal.submit(closing(3)).await.unwrap();
    let row =
        |at: i64| ObservationRow { at: WallMs(at), tenant: "acme".into(), channel: "c".into(), body: "{}".into() };
    let old = (0..5000).map(row).collect();
    journal.submit(Batch { observations: old, ..Batch::default() }).await.unwrap();
    journal.submit(Batch { observations: vec![row(T0.0)], ..Batch::default() }).await.unwrap();

    journal.prune(WallMs(T0.0 + 1000)).await.unwrap();
    let left = journal.reader().observations("acme", "c", WallMs(0), FAR, 10_000).unwrap();
    assert_eq!(left, [row(T0.0)]);
    let count = |sql: &str| Connection::open(place.path()).unwrap().query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM operations"), 3, "closed less than 90 days ago");

    journal.prune(FAR).await.unwrap();
    assert_eq!(count("SELECT count(*) FROM operations"), 2, "the open one and the greatest number stay");
    assert_eq!(journal.reader().open_operations().unwrap()[0].operation.op, Some(OpId(2)));
    assert_eq!(journal.reader().verify().unwrap().entries, 3);
    journal.close().await;
    assert_eq!(Journal::open(place.options(WriterMode::Inline)).unwrap().1.last_op, OpId(3));
}

#[test]
fn the_first_outcome_of_an_action_stands() {
    let place = Place::new();
    let journal = place.open(WriterMode::Inline);
    now(journal.submit(opening(1))).unwrap();
    now(journal.submit(closing(1))).unwrap();
    let late = Ended { id: id_of(1), outcome: "unknown".into(), result: Value::Null };
    now(journal.submit(Batch { end: vec![late], ..Batch::default() })).unwrap();
    let db = Connection::open(place.path()).unwrap();
    let outcome: String = db.query_row("SELECT outcome FROM operations WHERE op = 1", [], |r| r.get(0)).unwrap();
    assert_eq!(outcome, "applied");
    assert!(journal.reader().open_operations().unwrap().is_empty());
}
