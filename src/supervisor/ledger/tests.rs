//! What the ledger keeps while the disk is full, and what it writes afterwards.

use super::*;
use crate::journal::{IdSource, Options, WriterMode};
use crate::policy::{Command, Order, Params, Saved, WallMs};

fn order(engine: &mut Engine, order: &Order) {
    engine.operator(Time::ZERO, order, "alice", &mut Vec::<Command>::new()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_the_disk_is_not_written_over_what_is_newer() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::virtual_from(WallMs(1_795_000_000_000));
    let options = || Options {
        mode: WriterMode::Inline,
        ids: IdSource::Seeded(1),
        ..Options::new(folder.path().join("journal.db"), clock.clone())
    };
    let (journal, _) = Journal::open(options()).unwrap();
    let mut ledger = Ledger::new(journal, clock.clone(), false);
    let mut engine = Engine::new(Params::default(), Time::ZERO);

    // The disk is full, and everything is paused; it can be written again, and everything is resumed.
    ledger.set_writable(false);
    order(&mut engine, &Order::Pause { tenant: None });
    ledger.save(Time::ZERO, &mut engine);
    ledger.write(entry::of_process(clock.wall(), EventType::ConfigReloaded, &Actor::Config, String::new(), json!({})));
    ledger.commit();
    ledger.set_writable(true);
    order(&mut engine, &Order::Resume { tenant: None });
    ledger.save(Time::ZERO, &mut engine);
    ledger.commit();
    while ledger.settle().await.is_some() {}
    ledger.round(Time::ZERO);
    ledger.stop(Time::ZERO, &mut engine, Vec::new()).await;

    let (_, recovered) = Journal::open(options()).unwrap();
    let (_, value) = recovered.states.iter().find(|(key, _)| key == "engine").unwrap();
    let (_, saved, _) = state_of("engine", value, clock.wall()).unwrap();
    assert_eq!(saved, Saved::Engine { paused: false, paused_for: None });
}

/// A ledger over a journal on disk, and that journal's path.
fn ledger(folder: &tempfile::TempDir, clock: &Clock) -> (Ledger, std::path::PathBuf) {
    let path = folder.path().join("journal.db");
    let options = Options { mode: WriterMode::Inline, ..Options::new(path.clone(), clock.clone()) };
    (Ledger::new(Journal::open(options).unwrap().0, clock.clone(), false), path)
}

#[tokio::test(start_paused = true)]
async fn an_order_is_answered_after_all_of_its_commits_and_told_where_one_is_not_on_disk() {
    for (is_full, written) in [(false, true), (true, false)] {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::virtual_from(WallMs(1_795_000_000_000));
        let (mut ledger, path) = ledger(&folder, &clock);
        let mut engine = Engine::new(Params::default(), Time::ZERO);
        if is_full {
            let other = rusqlite::Connection::open(&path).unwrap();
            other
                .execute_batch("CREATE TRIGGER no BEFORE INSERT ON state BEGIN SELECT RAISE(ABORT, 'no'); END")
                .unwrap();
        }
        let (reply, mut answer) = oneshot::channel();
        order(&mut engine, &Order::Pause { tenant: None });
        ledger.answer_with_commit(reply, Ok(()), clock.now());
        ledger.save(Time::ZERO, &mut engine);
        ledger.commit();
        assert!(answer.try_recv().is_err(), "not before the commit is awaited");
        ledger.settle().await.unwrap();
        match answer.try_recv().unwrap() {
            Ok(()) => assert!(written),
            Err(error) => assert!(!written && error.to_string().contains("not on disk"), "{error}"),
        }
        let (reply, mut answer) = oneshot::channel();
        ledger.set_writable(false);
        ledger.answer_with_commit(reply, Ok(()), clock.now());
        ledger.commit();
        assert!(matches!(answer.try_recv().unwrap(), Err(OrderError::NotOnDisk)), "known to be unwritable: at once");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_taken_apart_and_never_tried_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::virtual_from(WallMs(1_795_000_000_000));
    let (mut ledger, path) = ledger(&folder, &clock);
    let mut engine = Engine::new(Params::default(), Time::ZERO);
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TRIGGER no BEFORE INSERT ON state BEGIN SELECT RAISE(ABORT, 'no'); END").unwrap();
    order(&mut engine, &Order::Pause { tenant: None });
    ledger.save(Time::ZERO, &mut engine);
    ledger.write(entry::of_process(clock.wall(), EventType::ConfigReloaded, &Actor::Config, String::new(), json!({})));
    ledger.commit();
    let mut commits = 0;
    while ledger.settle().await.is_some() {
        commits += 1;
        ledger.round(Time::ZERO);
        assert!(commits < 10, "it is tried for ever");
    }
    assert_eq!(ledger.counters().set_aside_total, 1, "the state");
    assert_eq!(ledger.journal.reader().head().unwrap().unwrap().0, 1, "the entry beside it is there");
}

#[tokio::test(start_paused = true)]
async fn what_changed_while_the_disk_was_full_is_saved_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::virtual_from(WallMs(1_795_000_000_000));
    let options =
        || Options { mode: WriterMode::Inline, ..Options::new(folder.path().join("journal.db"), clock.clone()) };
    let (journal, _) = Journal::open(options()).unwrap();
    let mut ledger = Ledger::new(journal, clock.clone(), false);
    let mut engine = Engine::new(Params::default(), Time::ZERO);
    ledger.set_writable(false);
    order(&mut engine, &Order::Pause { tenant: None });
    ledger.save(Time::ZERO, &mut engine);
    ledger.commit();
    ledger.set_writable(true);
    ledger.save(Time::ZERO, &mut engine);
    ledger.commit();
    ledger.stop(Time::ZERO, &mut engine, Vec::new()).await;
    let (_, recovered) = Journal::open(options()).unwrap();
    assert!(recovered.states.iter().any(|(key, _)| key == "engine"));
}
