//! Searches of a long log: bounded, on a connection of their own, and over once nobody waits for them.

use super::{Place, entries, entry};
use rusqlite::{Connection, params};
use std::time::Duration;
use trunkwarden::clock::Clock;
use trunkwarden::journal::{Cancel, Filter, Journal, JournalError, ReadFor, WriterMode};
use trunkwarden::policy::WallMs;

const LONG: i64 = 120_000;

/// A journal with a long log, whose entries are shaped as ours and written past the chain: one in a thousand is `rare.one`.
fn long() -> (Place, Journal) {
    let place = Place::new();
    let journal = place.open(WriterMode::Thread);
    let mut db = Connection::open(place.path()).unwrap();
    db.pragma_update(None, "synchronous", "OFF").unwrap();
    let tx = db.transaction().unwrap();
    for seq in 1..=LONG {
        let event = if seq % 1000 == 7 { "rare.one" } else { "health.changed" };
        let text = format!("{{\"seq\":{seq},\"filling\":\"{}\"}}", "x".repeat(300));
        tx.prepare_cached("INSERT INTO audit VALUES (?, ?, 'h', ?, ?, 'acme', ?)")
            .unwrap()
            .execute(params![seq, text, seq, event, format!("ch-{:04}", seq % 7)])
            .unwrap();
    }
    tx.commit().unwrap();
    (place, journal)
}

fn all(journal: &Journal, filter: &Filter) -> (Vec<u64>, usize) {
    let (mut seqs, mut pages, mut before) = (Vec::new(), 0, None);
    loop {
        let page = journal.reader().entries(&Filter { before_seq: before, ..filter.clone() }).unwrap();
        seqs.extend(page.entries.iter().map(|e| e["seq"].as_u64().unwrap()));
        pages += 1;
        before = page.next;
        if before.is_none() {
            return (seqs, pages);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_looks_through_a_bound_and_its_pages_lead_to_everything() {
    let (_place, journal) = long();
    let rare: Vec<u64> = (1..=LONG.unsigned_abs()).rev().filter(|seq| seq % 1000 == 7).collect();
    let glob = Filter { event_type: Some("*.one".into()), limit: 1000, ..Filter::default() };
    let (found, pages) = all(&journal, &glob);
    assert_eq!(found, rare);
    assert!(pages > 2, "{pages}: each looks through a part");
    let two = Filter { event_type: Some("rare.one".into()), tenant: Some("acme".into()), ..glob.clone() };
    assert_eq!(all(&journal, &two).0, rare);
    // What an index leads to is found at once.
    for filter in [
        Filter { event_type: Some("rare.one".into()), ..glob.clone() },
        Filter { tenant: Some("nobody".into()), event_type: None, ..glob.clone() },
        Filter { channel_id: Some("ch-0003".into()), event_type: None, limit: 10, ..glob.clone() },
        Filter { event_type: None, limit: 10, ..glob.clone() },
    ] {
        let page = journal.reader().entries(&filter).unwrap();
        assert_eq!(page.entries.len() == filter.limit, page.next.is_some(), "{filter:?}");
    }
    // A span of time is gone to, not waded to.
    let (since, until) = (Some(WallMs(1_000)), Some(WallMs(3_000)));
    let early = Filter { since, until, ..glob.clone() };
    let page = journal.reader().entries(&early).unwrap();
    assert_eq!(page.entries.iter().map(|e| e["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [2007, 1007]);
    assert_eq!(page.next, None);
    let nothing = Filter { until: Some(WallMs(1)), event_type: None, ..glob };
    assert_eq!(all(&journal, &nothing), (vec![], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_hold_up_neither_sinks_nor_calls_and_end_with_their_request() {
    let (_place, journal) = long();
    let people = journal.reader();
    // Somebody's search is under way for as long as this is held.
    let (held, release) = (std::sync::mpsc::channel::<()>(), std::sync::mpsc::channel::<()>());
    let looking = people.clone();
    let search = tokio::task::spawn_blocking(move || {
        looking
            .list(&Filter::default(), &trunkwarden::journal::Archive::NotAtHand, |_| {
                let _ = held.0.send(());
                let _ = release.1.recv();
                false
            })
            .unwrap();
    });
    held.1.recv().unwrap();
    for purpose in [ReadFor::Sinks, ReadFor::Calls] {
        let reader = journal.reader_for(purpose);
        let read = tokio::task::spawn_blocking(move || reader.outbox_due("nobody", &[], 1));
        let read = tokio::time::timeout(Duration::from_secs(20), read).await;
        assert!(read.expect("it waits for nobody's search").unwrap().unwrap().is_empty());
    }
    release.0.send(()).unwrap();
    search.await.unwrap();

    let cancel = Cancel::default();
    drop(cancel.on_drop());
    let glob = Filter { event_type: Some("*no.such*".into()), ..Filter::default() };
    let ended = people.entries_unless(&glob, &cancel).unwrap_err();
    assert!(matches!(ended, JournalError::Closed), "it does not even begin: {ended}");
    // One that is under way is interrupted; whoever comes next finds the connection as it was.
    let cancel = Cancel::default();
    let guard = cancel.on_drop();
    let (looking, filter, watched) = (people.clone(), glob.clone(), cancel.clone());
    let search = tokio::task::spawn_blocking(move || {
        loop {
            if let Err(error) = looking.entries_unless(&filter, &watched) {
                return error;
            }
        }
    });
    drop(guard);
    search.await.unwrap();
    assert!(people.entries(&glob).unwrap().entries.is_empty());
    let in_memory = Journal::in_memory(trunkwarden::journal::IdSource::Seeded(1), Clock::system()).unwrap();
    super::now(in_memory.submit(entries(vec![entry("a.b")]))).unwrap();
    assert_eq!(in_memory.reader_for(ReadFor::Calls).head().unwrap().unwrap().0, 1);
}
