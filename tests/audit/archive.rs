//! Retention: what is past it goes into files that are whole before anything is removed, and the chain goes on over the cut.

use super::place::{FAR, Place, T0, close, found, now, write};
use rusqlite::Connection;
use std::time::Duration;
use trunkwarden::journal::{
    Against, Archive, Batch, Fault, Filter, Journal, Options, OutboxChange, Subscription, WriterMode,
};
use trunkwarden::policy::WallMs;

fn journal(place: &Place) -> Journal {
    Journal::open(Options { mode: WriterMode::Thread, ..place.options(5) }).unwrap().0
}

/// A log of which two segments are archived and removed.
pub fn archived() -> Place {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(async {
        let place = Place::with(12, 5);
        for n in 0..2 {
            let journal = journal(&place);
            journal.archive(FAR).await.unwrap();
            journal.prune(T0).await.unwrap();
            for m in 0..12 {
                let entry = super::place::entry(20 + n * 12 + m);
                let batch = trunkwarden::journal::Batch { entries: vec![entry], ..Default::default() };
                journal.submit(batch).await.unwrap();
            }
            journal.close().await;
        }
        place
    })
}

fn count(place: &Place, sql: &str) -> i64 {
    Connection::open(place.path()).unwrap().query_row(sql, [], |r| r.get(0)).unwrap()
}

#[test]
fn what_is_archived_is_removed_and_verified_as_before() {
    let place = archived();
    let verified = place.verify().unwrap();
    assert!(verified.archived >= 20 && verified.archives_read, "{verified:?}");
    let first = count(&place, "SELECT min(seq) FROM audit");
    assert_eq!(u64::try_from(first).unwrap(), verified.archived + 1);
    assert_eq!(count(&place, "SELECT count(*) FROM segments"), 2);
    // Every entry is still there, once, in order.
    let mut seqs = Vec::new();
    place
        .reader()
        .list(&Filter::default(), &Archive::Beside, |l| {
            seqs.push(l.seq);
            true
        })
        .unwrap();
    assert_eq!(seqs, (1..=verified.entries).collect::<Vec<_>>());
    let of_channel = Filter {
        channel_id: Some("ch-0002".into()),
        since: Some(T0),
        event_type: Some("health.".into()),
        ..Filter::default()
    };
    let mut found = 0;
    place
        .reader()
        .list(&of_channel, &Archive::Beside, |_| {
            found += 1;
            true
        })
        .unwrap();
    assert_eq!(found, 12, "archived and not, the filter is the same");
}

#[test]
fn the_log_goes_on_after_the_cut_with_the_same_tree() {
    let place = archived();
    let kept = place.newest();
    let journal = place.open(5);
    (100..120).for_each(|n| write(&journal, n));
    close(journal);
    let verified = place.verify_with(&kept).unwrap();
    assert!(verified.covered > kept.size);
    // Proofs of archived entries and of live ones, by the newest checkpoint.
    for seq in [1, 2, verified.archived, verified.archived + 1, verified.covered] {
        place.reader().prove(seq, None).unwrap().verify(&[place.key()]).unwrap();
    }
}

#[test]
fn without_the_archive_the_log_is_verified_from_the_cut_on_and_that_is_said() {
    let place = archived();
    let without = Against { archive: Archive::NotAtHand, ..place.against() };
    std::fs::rename(place.archive(), place.state().join("elsewhere")).unwrap();
    let verified = place.reader().verify_against(&without).unwrap();
    assert!(!verified.archives_read && verified.archived > 0);
    let elsewhere = Against { archive: Archive::In(place.state().join("elsewhere")), ..place.against() };
    assert_eq!(place.reader().verify_against(&elsewhere).unwrap().entries, verified.entries);
    assert_eq!(found(&place.verify()), (1, Fault::Archive), "a missing archive is no whole log");
    // What was removed without being archived shows all the same.
    place
        .unguarded()
        .execute("DELETE FROM audit WHERE seq = ?", [i64::try_from(verified.archived + 1).unwrap()])
        .unwrap();
    let result = place.reader().verify_against(&without);
    assert_eq!(found(&result), (verified.archived + 1, Fault::Missing), "{result:?}");
}

#[tokio::test]
async fn the_database_removes_nothing_that_is_not_archived() {
    let place = Place::with(12, 5);
    let journal = journal(&place);
    let refused = |sql: &str| Connection::open(place.path()).unwrap().execute(sql, []).unwrap_err().to_string();
    assert!(refused("DELETE FROM audit WHERE seq = 1").contains("before they are archived"));
    journal.archive(FAR).await.unwrap();
    let last = count(&place, "SELECT max(last) FROM segments");
    assert!(refused(&format!("DELETE FROM audit WHERE seq = {}", last + 1)).contains("before they are archived"));
    // A made-up segment permits nothing: it must follow the last one and end at a checkpoint before the newest entry.
    for made_up in [
        "INSERT INTO segments VALUES (1000, 1, 'x', '', '', 9)".to_owned(),
        format!("INSERT INTO segments VALUES ({}, {}, 'x', '', '', 9)", last + 1, last + 1),
    ] {
        assert!(refused(&made_up).contains("end at a checkpoint"), "{made_up}");
    }
    assert!(refused("UPDATE segments SET last = 1000").contains("never changed"));
    assert!(refused("DELETE FROM segments").contains("never removed"));
    assert!(refused("DELETE FROM checkpoints").contains("never removed"));
    assert!(refused("UPDATE checkpoints SET at = 0").contains("never changed"));
    journal.close().await;
}

#[tokio::test]
async fn what_is_archived_and_not_removed_yet_is_held_against_the_archive() {
    let place = Place::with(12, 5);
    let journal = journal(&place);
    journal.archive(FAR).await.unwrap();
    journal.close().await;
    assert_eq!(count(&place, "SELECT min(seq) FROM audit"), 1);
    assert!(place.verify().is_ok());
    // Half of it removed, as after a crash in between.
    let half = place.copy();
    Connection::open(half.path()).unwrap().execute("DELETE FROM audit WHERE seq <= 4", []).unwrap();
    assert!(half.verify().is_ok());
    half.unguarded().execute("UPDATE audit SET entry = replace(entry, 'look', 'lock') WHERE seq = 6", []).unwrap();
    assert_eq!(found(&half.verify()), (6, Fault::Changed));
}

#[tokio::test]
async fn only_what_is_old_enough_goes_and_never_past_a_checkpoint() {
    let place = Place::with(12, 5);
    let journal = journal(&place);
    // The journal's own entries are of today; the first of them is the very first entry.
    assert_eq!(journal.archive(T0).await.unwrap(), 0);
    assert_eq!(journal.archive(WallMs(0)).await.unwrap(), 0);
    assert_eq!(count(&place, "SELECT count(*) FROM segments"), 0);
    assert_eq!(journal.archive(FAR).await.unwrap(), 1);
    assert_eq!(count(&place, "SELECT count(*) FROM checkpoints WHERE size = (SELECT max(last) FROM segments)"), 1);
    journal.close().await;
}

#[tokio::test]
async fn a_log_that_is_not_whole_is_not_archived() {
    let place = Place::with(12, 5);
    place.unguarded().execute("UPDATE audit SET entry = replace(entry, 'look', 'lock') WHERE seq = 4", []).unwrap();
    let journal = journal(&place);
    let refused = journal.archive(FAR).await.unwrap_err().to_string();
    assert!(refused.contains("entry 4 is not as it was written"), "{refused}");
    assert_eq!(count(&place, "SELECT count(*) FROM segments"), 0);
    assert_eq!(std::fs::read_dir(place.archive()).unwrap().count(), 0, "nothing is left behind");
    journal.close().await;
}

#[tokio::test]
async fn an_archive_that_cannot_be_written_leaves_the_log_as_it_is() {
    let place = Place::with(12, 5);
    std::fs::write(place.archive(), "a file, no folder").unwrap();
    let journal = journal(&place);
    let refused = journal.archive(FAR).await.unwrap_err().to_string();
    assert!(refused.contains("archive"), "{refused}");
    journal.prune(FAR).await.unwrap();
    assert_eq!(count(&place, "SELECT min(seq) FROM audit"), 1);
    assert!(*journal.writable().borrow(), "that says nothing of the journal");
    journal.close().await;
    std::fs::remove_file(place.archive()).unwrap();
    assert!(place.verify().is_ok());
}

#[tokio::test]
async fn a_full_disk_stops_the_log_and_the_checkpoint_and_ends_without_a_restart() {
    let place = Place::new();
    let options = Options { mode: WriterMode::Thread, max_pages: Some(60), ..place.options(3) };
    let journal = Journal::open(options).unwrap().0;
    let row = |n: usize| trunkwarden::journal::ObservationRow {
        at: T0,
        tenant: "acme".into(),
        channel: "ch-0001".into(),
        body: format!("{n:0>4000}"),
    };
    let mut n = 0;
    while journal.submit(trunkwarden::journal::Batch { observations: vec![row(n)], ..Default::default() }).await.is_ok()
    {
        n += 1;
        assert!(n < 1000, "the disk never fills");
    }
    let large = |n| trunkwarden::journal::Entry { reason: "x".repeat(20_000), ..super::place::entry(n) };
    let batch = |n| trunkwarden::journal::Batch { entries: vec![large(n)], ..Default::default() };
    assert!(journal.submit(batch(1)).await.is_err());
    let before = journal.counters();
    journal.prune(FAR).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), journal.writable().wait_for(|w| *w)).await.unwrap().unwrap();
    for n in 0..3 {
        journal.submit(batch(n)).await.unwrap();
    }
    assert!(journal.counters().checkpoint_size > before.checkpoint_size);
    journal.close().await;
    place.verify().unwrap();
}

#[test]
fn what_a_killed_process_left_of_an_archive_is_removed_at_the_next_start() {
    let place = archived();
    let files = || -> std::collections::BTreeSet<_> {
        std::fs::read_dir(place.archive()).unwrap().map(|file| file.unwrap().file_name()).collect()
    };
    let before = files();
    let left = place.archive().join(".audit-h4lfWr1tt3n.part");
    std::fs::write(&left, "half of an archive").unwrap();
    // Looking at the journal removes nothing: only who holds its lock knows that nobody is writing there.
    place.verify().unwrap();
    assert!(left.exists());
    close(place.open(5));
    assert_eq!(files(), before);
    place.verify().unwrap();
}

#[test]
fn in_line_as_in_a_simulation_nothing_is_different() {
    let place = Place::with(12, 5);
    let journal = place.open(5);
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(journal.archive(FAR)).unwrap();
    now(journal.prune(T0));
    close(journal);
    assert!(place.verify().unwrap().archived > 0);
}

#[tokio::test]
async fn what_a_sink_still_waits_for_is_not_archived() {
    let place = Place::new();
    let journal = journal(&place);
    let subscription = Subscription { sink: "nms".into(), events: vec!["health.*".into()], max_pending: 1000 };
    let subscribe = OutboxChange::Subscribe(vec![subscription]);
    journal.submit(Batch { outbox: vec![subscribe], ..Batch::default() }).await.unwrap();
    for n in 0..12 {
        journal.submit(Batch { entries: vec![super::place::entry(n)], ..Batch::default() }).await.unwrap();
    }
    let waiting = |journal: &Journal| journal.reader().outbox_due("nms", &["health.*".to_owned()], 16).unwrap();
    // The first few are delivered, the rest are not.
    for due in waiting(&journal).into_iter().take(5) {
        let delivered = OutboxChange::Delivered { row: due.row, next: due.next };
        journal.submit(Batch { outbox: vec![delivered], ..Batch::default() }).await.unwrap();
    }
    let first = waiting(&journal)[0].seq.unwrap();
    journal.archive(FAR).await.unwrap();
    journal.prune(T0).await.unwrap();
    let mark = count(&place, "SELECT max(last) FROM segments");
    assert!(mark > 0 && u64::try_from(mark).unwrap() < first, "{mark} {first}");
    assert_eq!(waiting(&journal).len(), 7, "each still has its text");
    assert!(waiting(&journal).iter().all(|due| due.text.is_some()));
    // Checkpoints leave with whoever subscribes to them, like any other entry.
    let all = Subscription { sink: "auditor".into(), events: vec!["journal.*".into()], max_pending: 1000 };
    let subscribe = OutboxChange::Subscribe(vec![all]);
    journal.submit(Batch { outbox: vec![subscribe], ..Batch::default() }).await.unwrap();
    for n in 0..6 {
        journal.submit(Batch { entries: vec![super::place::entry(n)], ..Batch::default() }).await.unwrap();
    }
    let sent = journal.reader().outbox_due("auditor", &["journal.*".to_owned()], 16).unwrap();
    assert!(sent.iter().any(|due| due.text.as_ref().is_some_and(|t| t.contains("log.example/audit\\n"))));
    journal.close().await;
}
