//! The one writing connection, and the end of the log. Everything that changes the file goes through here.
//!
//! The end is kept in memory and moves only with a commit; after a failed one it is read anew, since a commit that
//! reports an error may have reached the disk all the same.

use super::error::JournalError;
use super::lock::Lock;
use super::model::Recovered;
use super::names::Names;
use super::options::{Options, Signing};
use super::outbox::{self, OutboxChange, Subscribed};
use super::proof::accept::{self, Acceptance};
use super::proof::archive::{self, Segment};
use super::proof::note::VerifierKey;
use super::proof::seal;
use super::proof::tip::{self, Sealed, Tip};
use super::proof::trust::{self, Trust};
use super::queue::Stamped;
use super::rows::{self, Log};
use super::{file, operation, recovery};
use crate::policy::WallMs;
use crate::sync::lock;
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::Uuid;

/// How long an operation with its outcome is kept. Its audit entries stay.
const KEEP_OPERATIONS: Duration = Duration::from_hours(90 * 24);

/// Rows removed in one transaction, so that pruning never delays a commit for long.
const PRUNE_STEP: i64 = 2000;

/// The writer's side of a journal.
#[derive(Debug)]
pub(in crate::journal) struct Store {
    /// Shared with the reader of a journal in memory, and with nobody else.
    db: Arc<Mutex<Connection>>,
    path: PathBuf,
    tip: Tip,
    sealed: Sealed,
    sinks: Subscribed,
    /// `None`: no checkpoints are made.
    signing: Option<Signing>,
    trust: Trust,
    /// The log does not tell yet that it is signed by this key.
    is_key_untold: bool,
    compliance_tag: String,
    observation_retention: Duration,
    /// What can never be written and was left out, since the start.
    set_aside: u64,
    /// None in memory.
    names: Names,
    /// Held until the store is dropped; none in memory.
    lock: Option<Lock>,
}

impl Store {
    /// Opens (or creates) the file, and reads what the last process left.
    pub(in crate::journal) fn open(options: &Options) -> Result<(Self, Recovered), JournalError> {
        file::create_folder(&options.path)?;
        let lock = Lock::take(&options.path)?;
        let db = file::open_for_writing(&options.path, options.max_pages)?;
        sweep(&archive::folder(&options.path));
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
        self.check()?;
        let mut wall = None;
        self.extend(|tx, log| {
            jobs.into_iter().try_for_each(|job| {
                wall = Some(job.wall);
                // Asked for here, where no lock stands in the way of the commit any more.
                if job.claim.as_ref().is_some_and(|claim| !claim.take()) {
                    return Ok(());
                }
                rows::write(tx, log, job)
            })?;
            Ok(wall)
        })
    }

    /// Makes a checkpoint where one is due at `wall`; with `at_once`, where there is anything new.
    pub(in crate::journal) fn seal(&mut self, wall: WallMs, at_once: bool) -> Result<u64, JournalError> {
        let Some(signing) = self.signing() else { return Ok(0) };
        let is_wanted = at_once && seal::is_new(&self.tip, self.sealed);
        if !is_wanted && !signing.is_due(&self.tip, self.sealed, wall) {
            return Ok(0);
        }
        let signer = signing.signer.clone();
        let mut made = Sealed::default();
        let is_key_untold = self.is_key_untold;
        let entries = self.extend(|tx, log| {
            if is_key_untold {
                seal::tell_key(tx, log, &signer, wall)?;
            }
            made = seal::write(tx, log, &signer, wall)?;
            Ok(None)
        })?;
        self.is_key_untold = false;
        self.sealed = made;
        self.keep_sealed();
        Ok(entries)
    }

    /// Notes that a segment is archived: from now on its entries may be removed.
    pub(in crate::journal) fn archived(
        &mut self,
        segment: &Segment,
        wall: WallMs,
        id: Uuid,
    ) -> Result<u64, JournalError> {
        self.check()?;
        self.extend(|tx, log| {
            rows::archive(tx, log, segment, wall, id)?;
            Ok(Some(wall))
        })
    }

    /// The newest checkpoint.
    pub(in crate::journal) const fn sealed(&self) -> Sealed {
        self.sealed
    }

    /// How many entries there are.
    pub(in crate::journal) const fn entries(&self) -> u64 {
        self.tip.head.seq
    }

    /// What can never be written and was left out, since the start.
    pub(in crate::journal) const fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// How the log stands to what was signed of it.
    pub(in crate::journal) const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// A person accepts the log as it stands; it is signed at once. How many entries came of it.
    pub(in crate::journal) fn accept(&mut self, who: &str, wall: WallMs, id: Uuid) -> Result<u64, JournalError> {
        self.names.check()?;
        let (Some(_), Some(signing)) = (self.trust.word(), &self.signing) else {
            let why = "it matches what was signed: there is nothing to accept".to_owned();
            return Err(JournalError::Unfit { what: "to accept the audit log", why });
        };
        let key = signing.signer.public().clone();
        let trust = std::mem::take(&mut self.trust);
        let done = self.accept_as(&key, &trust, (who, wall, id));
        if done.is_err() {
            self.trust = trust;
        }
        done
    }

    fn accept_as(
        &mut self,
        key: &VerifierKey,
        trust: &Trust,
        (who, wall, id): (&str, WallMs, Uuid),
    ) -> Result<u64, JournalError> {
        let refuted = trust::refuted(&lock(&self.db), &self.path, &self.tip, key)?;
        let before = self.sealed;
        if refuted.iter().any(|(size, _)| u64::try_from(*size) == Ok(before.size)) {
            // The newest one goes: the next is due at once.
            self.sealed = Sealed::default();
        }
        let acceptance = Acceptance { who, trust, refuted: &refuted, wall, id };
        let written = self.extend(|tx, log| {
            accept::write(tx, log, &acceptance)?;
            Ok(Some(wall))
        });
        match written {
            Ok(entries) => Ok(entries + self.seal(wall, true)?),
            Err(error) => {
                self.sealed = before;
                Err(error)
            }
        }
    }

    /// Whether anything may be written: the files are the ones that their names mean, and the log is what was signed.
    pub(in crate::journal) fn check(&self) -> Result<(), JournalError> {
        if let Trust::Contradicts(why) = &self.trust {
            return Err(JournalError::Contradicts { why: why.clone() });
        }
        self.names.check()
    }

    /// Who signs, where what is there may be signed.
    fn signing(&self) -> Option<&Signing> {
        self.signing.as_ref().filter(|_| self.trust == Trust::Sound)
    }

    /// The newest checkpoint once more, beside the key; nothing in memory.
    fn keep_sealed(&self) {
        if self.lock.is_some()
            && let Ok(note) =
                lock(&self.db)
                    .query_row("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1", [], |r| r.get::<_, String>(0))
        {
            trust::keep(&self.path, &note);
        }
    }

    /// Whether the file can be written and can grow: 64 KiB, written and removed again.
    pub(in crate::journal) fn probe(&self) -> Result<(), JournalError> {
        self.check()?;
        let db = lock(&self.db);
        db.execute("INSERT OR REPLACE INTO probe (id, filling) VALUES (1, zeroblob(65536))", [])
            .and_then(|_| db.execute("DELETE FROM probe", []))
            .map(drop)
            .map_err(JournalError::sqlite("write to the journal"))
    }

    /// Removes one step of what is too old at `now`, and of audit entries that are archived; whether there is more. Other
    /// audit entries and what is open stay, and the greatest number of an action with them.
    pub(in crate::journal) fn prune(&self, now: WallMs) -> Result<bool, JournalError> {
        self.check()?;
        let mut db = lock(&self.db);
        transact(&mut db, |tx| {
            let prune = || {
                let observations = tx.prepare_cached(
                    "DELETE FROM observations WHERE id IN (SELECT id FROM observations WHERE at < ? ORDER BY at LIMIT ?)",
                )?
                .execute(params![now.back(self.observation_retention).0, PRUNE_STEP])?;
                let operations = operation::prune(tx, now.back(KEEP_OPERATIONS), PRUNE_STEP)?;
                let archived = tx
                    .prepare_cached(
                        "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit
                     WHERE seq <= (SELECT max(last) FROM segments) ORDER BY seq LIMIT ?)",
                    )?
                    .execute([PRUNE_STEP])?;
                let most = observations.max(operations).max(archived);
                Ok(i64::try_from(most).unwrap_or(PRUNE_STEP) >= PRUNE_STEP)
            };
            prune().map_err(JournalError::sqlite("remove old observations from the journal"))
        })
    }

    /// Brings the WAL into the file, so that a copy of the file alone is whole. Losing this loses nothing.
    pub(in crate::journal) fn checkpoint(&self) {
        let db = lock(&self.db);
        if let Err(e) = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(error = %e, "the journal's WAL was not checkpointed; the next start does it");
        }
    }

    /// The connection, for the reader of a journal in memory.
    pub(in crate::journal) fn connection(&self) -> Arc<Mutex<Connection>> {
        Arc::clone(&self.db)
    }

    fn start(mut db: Connection, lock: Option<Lock>, options: &Options) -> Result<(Self, Recovered), JournalError> {
        let key = options.signing.as_ref().map(|signing| signing.signer.public());
        let tip = tip::read(&db, &options.path, key)?;
        let trust = match key {
            Some(key) => {
                let held =
                    if lock.is_some() { trust::held(&options.path, &options.witnessed, key) } else { Vec::new() };
                trust::judge(&db, &tip, key, &held)?
            }
            None => Trust::Sound,
        };
        if let Some(why) = trust.why() {
            tracing::error!(why, found = trust.word(), "the audit log is not signed until `trunkwarden audit accept`");
        }
        let sealed = tip::sealed(&db)?;
        let recovered = recovery::read(&db, &options.path)?;
        let mut sinks = outbox::subscriptions(&db)?;
        if let Some(new) = &options.subscriptions {
            let change = OutboxChange::Subscribe(new.clone());
            transact(&mut db, |tx| outbox::apply(tx, &mut sinks, &change, WallMs(0)))?;
        }
        let names = if lock.is_some() { Names::of(&options.path)? } else { Names::default() };
        let is_key_untold = options.signing.as_ref().is_some_and(|s| !seal::is_last_signer(&db, &s.signer));
        let store = Self {
            db: Arc::new(Mutex::new(db)),
            path: options.path.clone(),
            tip,
            sealed,
            sinks,
            signing: options.signing.clone(),
            trust,
            is_key_untold,
            compliance_tag: options.compliance_tag.clone(),
            observation_retention: options.observation_retention,
            set_aside: 0,
            names,
            lock,
        };
        Ok((store, recovered))
    }

    /// Lets `work` write, and makes a checkpoint where what it wrote is due for one at the time that it answers; how many
    /// entries came of it all. All of it is committed or none.
    fn extend(
        &mut self,
        work: impl FnOnce(&Connection, &mut Log<'_>) -> Result<Option<WallMs>, JournalError>,
    ) -> Result<u64, JournalError> {
        let db = Arc::clone(&self.db);
        let mut db = lock(&db);
        let (tag, mut sealed) = (self.compliance_tag.as_str(), self.sealed);
        let mut log = Log { tip: self.tip.clone(), sinks: Arc::clone(&self.sinks), tag, set_aside: Vec::new() };
        let done = transact(&mut db, |tx| {
            let wall = work(tx, &mut log)?;
            let (Some(signing), Some(wall)) = (self.signing(), wall) else { return Ok(false) };
            // With the first entries of this process, so that it goes wherever they go.
            let is_told = self.is_key_untold && log.tip.head.seq > self.tip.head.seq;
            if is_told {
                seal::tell_key(tx, &mut log, &signing.signer, wall)?;
            }
            if signing.is_due(&log.tip, sealed, wall) {
                sealed = seal::write(tx, &mut log, &signing.signer, wall)?;
            }
            Ok(is_told)
        });
        match done {
            Ok(is_told) => {
                let Log { tip, sinks, set_aside, .. } = log;
                self.note_set_aside(&set_aside);
                self.is_key_untold &= !is_told;
                let entries = tip.head.seq - self.tip.head.seq;
                let is_sealed = sealed != self.sealed;
                (self.tip, self.sinks, self.sealed) = (tip, sinks, sealed);
                drop(db);
                if is_sealed {
                    self.keep_sealed();
                }
                Ok(entries)
            }
            Err(e) => {
                self.find_end(&db);
                Err(e)
            }
        }
    }

    /// Said once, and then each time that it is twice as many: one bad answer of a platform may come with every look.
    fn note_set_aside(&mut self, errors: &[JournalError]) {
        for error in errors {
            self.set_aside += 1;
            if self.set_aside.is_power_of_two() {
                tracing::error!(%error, so_far = self.set_aside, "an entry can never be written as it is, and was set aside");
            }
        }
    }

    /// After a commit that failed: it may have reached the disk all the same.
    fn find_end(&mut self, db: &Connection) {
        if let Ok(sinks) = outbox::subscriptions(db) {
            self.sinks = sinks;
        }
        if recovery::head(db).is_ok_and(|head| head == self.tip.head) {
            return;
        }
        let key = self.signing.as_ref().map(|signing| signing.signer.public());
        if let (Ok(tip), Ok(sealed)) = (tip::read(db, &self.path, key), tip::sealed(db)) {
            (self.tip, self.sealed) = (tip, sealed);
        }
    }
}

/// What a killed process left of an archive takes room and harms nothing, so that a start does not fail over it.
fn sweep(folder: &Path) {
    match archive::sweep(folder) {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "removed unfinished archives of a process that was killed"),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "could not remove an unfinished archive of a process that was killed");
        }
    }
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
