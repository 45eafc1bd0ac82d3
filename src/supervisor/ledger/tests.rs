//! What the ledger keeps while the disk is full, and what it writes afterwards.

use super::*;
use crate::journal::{IdSource, Options, WriterMode};
use crate::policy::{Command, Order, Params, Saved};

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
