//! The one writing connection, and the head of the chain. Everything that changes the file goes through here.
//!
//! The head is kept in memory and moves only with a commit; after a failed one it is read anew, since a commit that
//! reports an error may have reached the disk all the same.

use super::chain::Head;
use super::file;
use super::lock::Lock;
use super::model::{JournalError, Recovered};
use super::operation;
use super::options::Options;
use super::outbox::{self, Subscribed};
use super::queue::Stamped;
use super::{recovery, rows};
use crate::policy::WallMs;
use rusqlite::{Connection, TransactionBehavior, params};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an intent or an operation with its outcome is kept. Its audit entries stay.
const KEEP_INTENTS: Duration = Duration::from_hours(90 * 24);

/// Rows removed in one transaction, so that pruning never delays a commit for long.
const PRUNE_STEP: i64 = 2000;

/// The writer's side of a journal.
#[derive(Debug)]
pub(in crate::journal) struct Store {
    /// Shared with the reader of a journal in memory, and with nobody else.
    db: Arc<Mutex<Connection>>,
    head: Head,
    sinks: Subscribed,
    compliance_tag: String,
    observation_retention: Duration,
    /// Held until the store is dropped; none in memory.
    _lock: Option<Lock>,
}

impl Store {
    /// Opens (or creates) the file, and reads what the last process left.
    pub(in crate::journal) fn open(options: &Options) -> Result<(Self, Recovered), JournalError> {
        file::create_folder(&options.path)?;
        let lock = Lock::take(&options.path)?;
        let db = file::open_for_writing(&options.path, options.max_pages)?;
        Self::start(db, Some(lock), options)
    }

    /// A new one in memory.
    pub(in crate::journal) fn in_memory(options: &Options) -> Result<Self, JournalError> {
        Ok(Self::start(file::open_in_memory()?, None, options)?.0)
    }

    /// Commits all of `jobs` or none; how many entries they held.
    pub(in crate::journal) fn commit<'a>(
        &mut self,
        jobs: impl IntoIterator<Item = &'a Stamped>,
    ) -> Result<u64, JournalError> {
        let db = Arc::clone(&self.db);
        let mut db = lock(&db);
        let (mut head, mut sinks) = (self.head.clone(), Arc::clone(&self.sinks));
        let done = transact(&mut db, |tx| {
            jobs.into_iter().try_for_each(|j| rows::write(tx, &mut head, &mut sinks, &self.compliance_tag, j))
        });
        match done {
            Ok(()) => {
                let entries = head.seq - self.head.seq;
                self.head = head;
                self.sinks = sinks;
                Ok(entries)
            }
            Err(e) => {
                if let (Ok(head), Ok(sinks)) = (recovery::head(&db), outbox::subscriptions(&db)) {
                    (self.head, self.sinks) = (head, sinks);
                }
                Err(e)
            }
        }
    }

    /// How many entries there are.
    pub(in crate::journal) const fn entries(&self) -> u64 {
        self.head.seq
    }

    /// Whether the file can be written and can grow: 64 KiB, written and removed again.
    pub(in crate::journal) fn probe(&self) -> Result<(), JournalError> {
        let db = lock(&self.db);
        db.execute("INSERT OR REPLACE INTO probe (id, filling) VALUES (1, zeroblob(65536))", [])
            .and_then(|_| db.execute("DELETE FROM probe", []))
            .map(drop)
            .map_err(JournalError::sqlite("write to the journal"))
    }

    /// Removes one step of what is too old at `now`; whether there is more. Audit entries and what is open stay, and the
    /// greatest intent number with them.
    pub(in crate::journal) fn prune(&self, now: WallMs) -> Result<bool, JournalError> {
        let mut db = lock(&self.db);
        transact(&mut db, |tx| {
            let prune = || {
                let observations = tx.prepare_cached(
                    "DELETE FROM observations WHERE id IN (SELECT id FROM observations WHERE at < ? ORDER BY at LIMIT ?)",
                )?
                .execute(params![now.back(self.observation_retention).0, PRUNE_STEP])?;
                let intents = tx
                    .prepare_cached(
                        "DELETE FROM intents WHERE op IN (SELECT op FROM intents WHERE closed_at < ?
                     AND op < (SELECT max(op) FROM intents) ORDER BY closed_at LIMIT ?)",
                    )?
                    .execute(params![now.back(KEEP_INTENTS).0, PRUNE_STEP])?;
                let operations = operation::prune(tx, now.back(KEEP_INTENTS), PRUNE_STEP)?;
                Ok(i64::try_from(observations.max(intents).max(operations)).unwrap_or(PRUNE_STEP) >= PRUNE_STEP)
            };
            prune().map_err(JournalError::sqlite("remove old observations from the journal"))
        })
    }

    /// Brings the WAL into the file, so that a copy of the file alone is whole. Losing this loses nothing.
    pub(in crate::journal) fn checkpoint(&self) {
        let db = lock(&self.db);
        if let Err(e) = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(error = %e, "the journal's WAL was not brought into the file; the next start does it");
        }
    }

    /// The connection, for the reader of a journal in memory.
    pub(in crate::journal) fn connection(&self) -> Arc<Mutex<Connection>> {
        Arc::clone(&self.db)
    }

    fn start(db: Connection, lock: Option<Lock>, options: &Options) -> Result<(Self, Recovered), JournalError> {
        let head = recovery::head(&db)?;
        let recovered = recovery::read(&db, &options.path)?;
        let sinks = outbox::subscriptions(&db)?;
        let store = Self {
            db: Arc::new(Mutex::new(db)),
            head,
            sinks,
            compliance_tag: options.compliance_tag.clone(),
            observation_retention: options.observation_retention,
            _lock: lock,
        };
        Ok((store, recovered))
    }
}

/// A connection for one task at a time. A panic elsewhere does not harm it: an open transaction was rolled back.
pub(in crate::journal) fn lock(db: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    db.lock().unwrap_or_else(PoisonError::into_inner)
}

fn transact<T>(
    db: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, JournalError>,
) -> Result<T, JournalError> {
    let tx = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(JournalError::sqlite("begin to write to the journal"))?;
    let done = work(&tx)?;
    tx.commit().map_err(JournalError::sqlite("commit to the journal"))?;
    Ok(done)
}
