//! Each job by what it leaves in a real journal: run by hand, and by the real scheduler.

use super::*;
use crate::journal::{Batch, Filter, Options, Signing, signer};
use crate::policy::{Actor, EventType, WallMs};
use crate::supervisor::of_process;
use serde_json::Value;
use tempfile::TempDir;

/// A journal on disk with one sealed entry and one behind it, and the sender of how long entries stay.
struct World {
    keeper: Keeper,
    keep: watch::Sender<Keeping>,
    _folder: TempDir,
}

impl World {
    /// The jobs' clock is `ahead` of the journal's: everything in it is so old for them.
    async fn new(ahead: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("journal.db"), Clock::system());
        let interval = Duration::from_hours(1);
        let signing = Signing { signer: signer(&path, None, None).unwrap(), entries: 1000, interval };
        let options = Options { signing: Some(signing), ..Options::new(path, clock.clone()) };
        let (journal, _) = Journal::open(options).unwrap();
        for reason in ["sealed, as the first", "not due for a checkpoint yet"] {
            let (event, actor) = (EventType::HealthChanged, Actor::System);
            let entry = of_process(clock.wall(), event, &actor, reason.to_owned(), Value::Null);
            journal.submit(Batch { entries: vec![entry], ..Batch::default() }).await.unwrap();
        }
        let (keep, keeping) = watch::channel(Keeping { retention: Some(Duration::ZERO), hold_for: Duration::ZERO });
        let ahead = i64::try_from(ahead.as_millis()).unwrap();
        let clock = Clock::virtual_from(WallMs(clock.wall().0 + ahead));
        Self { keeper: Keeper { journal, clock, keeping }, keep, _folder: folder }
    }

    /// How many entries the newest checkpoint covers.
    fn sealed(&self) -> u64 {
        self.keeper.journal.reader().newest_checkpoint().unwrap().map_or(0, |newest| newest.size)
    }

    /// How many entries of this type there are.
    fn count(&self, event: EventType) -> usize {
        let filter = Filter { event_type: Some(event.name().to_owned()), ..Filter::default() };
        self.keeper.journal.reader().entries(&filter).unwrap().entries.len()
    }

    /// Lets the scheduler run this job of [`JOBS`] every second, and no other, until what it does is done.
    async fn schedule(&self, name: &str, done: impl Fn() -> bool) {
        assert!(!done(), "`{name}` has nothing to do");
        let row = JOBS.into_iter().find(|row| row.name == name).unwrap();
        let jobs = Jobs::schedule(&[Row { schedule: "* * * * * *", ..row }], &self.keeper).await.unwrap();
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        jobs.stop().await;
    }
}

#[tokio::test]
async fn the_scheduler_fires_each_job() {
    let world = World::new(Duration::from_hours(2)).await;
    assert_eq!(JOBS.map(|row| row.name), ["seal", "archive", "prune"]);
    let before = world.sealed();
    world.schedule("seal", || world.sealed() > before).await;
    world.schedule("archive", || world.count(EventType::JournalArchived) > 0).await;
    world.schedule("prune", || world.count(EventType::HealthChanged) == 0).await;
}

#[tokio::test]
async fn the_schedules_are_understood() {
    let world = World::new(Duration::ZERO).await;
    let jobs = Jobs::start(world.keeper.journal.clone(), world.keeper.clock.clone(), world.keep.subscribe()).await;
    jobs.unwrap().stop().await;
}

#[tokio::test]
async fn entries_are_archived_by_the_retention_that_is_configured_by_then() {
    let world = World::new(Duration::from_hours(2)).await;
    let keeping = |retention| Keeping { retention, hold_for: Duration::from_hours(24 * 7) };
    for retention in [None, Some(Duration::from_hours(24))] {
        world.keep.send_replace(keeping(retention));
        world.keeper.clone().archive().await;
        assert_eq!(world.count(EventType::JournalArchived), 0, "{retention:?}");
    }
    world.keep.send_replace(keeping(Some(Duration::from_hours(1))));
    world.keeper.clone().archive().await;
    assert_eq!(world.count(EventType::JournalArchived), 1);
}
