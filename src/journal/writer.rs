//! The writer thread: commits batches in groups, and answers each caller after the commit that holds its batch.
//!
//! A group that fails because of one batch is tried again batch by batch, so that a bad batch costs no other. A group
//! that fails because of the disk fails as a whole; the journal is then not writable until a write succeeds, and an
//! idle writer tries one every second. An idle writer of a journal that can be written looks now and then whether its file is
//! still there under its name.

use super::error::JournalError;
use super::options::JournalCounters;
use super::outbox::OutboxChange;
use super::pending::Answer;
use super::proof::archive::Segment;
use super::proof::tip::Sealed;
use super::proof::trust::Trust;
use super::queue::{Job, Queue, Stamped};
use super::store::Store;
use crate::policy::WallMs;
use crate::sync::lock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

/// Batches in one transaction at most.
const GROUP: usize = 512;

/// How long an idle writer waits before it tries again to write.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How often an idle writer looks whether its files are still there under their names.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Prunings that may wait for the same pass.
const PRUNINGS: usize = 8;

/// What the writer tells everybody else.
#[derive(Debug)]
pub(in crate::journal) struct Standing {
    writable: watch::Sender<bool>,
    entries: AtomicU64,
    batches: AtomicU64,
    failed: AtomicU64,
    pub(in crate::journal) refused: AtomicU64,
    commits: AtomicU64,
    /// Counts the commits after which the outbox may hold more to do.
    pub(in crate::journal) outbox: watch::Sender<u64>,
    pub(in crate::journal) dropped: AtomicU64,
    set_aside: AtomicU64,
    sealed: Mutex<Sealed>,
    trust: Mutex<Trust>,
}

impl Standing {
    pub(in crate::journal) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            writable: watch::Sender::new(true),
            entries: zero(),
            batches: zero(),
            failed: zero(),
            refused: zero(),
            commits: zero(),
            outbox: watch::Sender::new(0),
            dropped: zero(),
            set_aside: zero(),
            sealed: Mutex::default(),
            trust: Mutex::default(),
        }
    }

    pub(in crate::journal) fn subscribe(&self) -> watch::Receiver<bool> {
        self.writable.subscribe()
    }

    pub(in crate::journal) fn counters(&self, queued: usize) -> JournalCounters {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let sealed = *lock(&self.sealed);
        let unaccepted = lock(&self.trust).word();
        JournalCounters {
            entries_total: read(&self.entries),
            batches_total: read(&self.batches),
            batches_failed_total: read(&self.failed),
            batches_refused_total: read(&self.refused),
            commits_total: read(&self.commits),
            observations_dropped_total: read(&self.dropped),
            set_aside_total: read(&self.set_aside),
            queued: u64::try_from(queued).unwrap_or(u64::MAX),
            checkpoint_size: sealed.size,
            checkpoint_at: sealed.at,
            unaccepted,
        }
    }

    /// Counts entries that were committed, and tells whoever delivers them; `more`: there is more than entries to deliver.
    fn appended(&self, entries: u64, more: bool) {
        self.entries.fetch_add(entries, Ordering::Relaxed);
        if entries > 0 || more {
            self.outbox.send_modify(|commits| *commits += 1);
        }
    }

    /// How the log stands to what was signed of it.
    pub(in crate::journal) fn trust(&self) -> Trust {
        lock(&self.trust).clone()
    }

    /// Takes note of that. One that contradicts cannot be written.
    pub(in crate::journal) fn set_trust(&self, trust: &Trust) {
        trust.clone_into(&mut lock(&self.trust));
        if matches!(trust, Trust::Contradicts(_)) {
            self.set_writable(false);
        }
    }

    /// Takes note of the newest checkpoint.
    pub(in crate::journal) fn sealed(&self, sealed: Sealed) {
        *lock(&self.sealed) = sealed;
    }

    /// Tells everybody; whether it was news.
    pub(in crate::journal) fn set_writable(&self, writable: bool) -> bool {
        self.writable.send_if_modified(|now| std::mem::replace(now, writable) != writable)
    }

    /// Takes note of a write. A batch that cannot be written says nothing of the journal; only the disk does, and it is
    /// logged when that changes, not with every batch that a full disk refuses.
    fn note(&self, result: Result<(), &JournalError>) {
        match result {
            Ok(()) if self.set_writable(true) => tracing::info!("the journal can be written again"),
            Err(e) if !e.is_systemic() => tracing::error!(error = %e, "a batch for the journal was refused"),
            Err(e) if self.set_writable(false) => {
                tracing::error!(error = %e, "the journal cannot be written: no actions until it can");
            }
            _ => {}
        }
    }
}

/// Commits `batches`, and answers for each in the same order.
pub(in crate::journal) fn commit_group(store: &mut Store, batches: &[&Stamped], standing: &Standing) -> Vec<Answer> {
    let result = store.commit(batches.iter().copied());
    standing.note(result.as_ref().map(drop));
    match result {
        Ok(entries) => {
            standing.sealed(store.sealed());
            standing.set_aside.store(store.set_aside(), Ordering::Relaxed);
            standing.commits.fetch_add(1, Ordering::Relaxed);
            standing.batches.fetch_add(batches.len() as u64, Ordering::Relaxed);
            let changes = || batches.iter().flat_map(|b| &b.batch.outbox);
            standing.appended(entries, changes().any(OutboxChange::is_more_to_do));
            batches.iter().map(|b| committed(b)).collect()
        }
        Err(e) if batches.len() > 1 && !e.is_systemic() => {
            batches.iter().flat_map(|b| commit_group(store, &[*b], standing)).collect()
        }
        Err(e) => {
            standing.failed.fetch_add(batches.len() as u64, Ordering::Relaxed);
            let observations: usize = batches.iter().map(|b| b.batch.observations.len()).sum();
            standing.dropped.fetch_add(observations as u64, Ordering::Relaxed);
            let again: Vec<Answer> = batches.iter().skip(1).map(|_| Err(e.again())).collect();
            std::iter::once(Err(e)).chain(again).collect()
        }
    }
}

/// The answer to a batch of a group that is committed.
fn committed(batch: &Stamped) -> Answer {
    if batch.is_withdrawn() {
        // Nobody waits for it: whoever gave it in has had its answer.
        return Err(JournalError::Late { limit: Duration::ZERO });
    }
    Ok(())
}

/// Notes that a segment is archived.
pub(in crate::journal) fn archived(
    store: &mut Store,
    segment: &Segment,
    wall: WallMs,
    id: Uuid,
    standing: &Standing,
) -> Answer {
    let result = store.archived(segment, wall, id);
    standing.note(result.as_ref().map(drop));
    standing.sealed(store.sealed());
    standing.appended(result?, false);
    Ok(())
}

/// A person accepts the log as it stands.
pub(in crate::journal) fn accept(
    store: &mut Store,
    (who, wall, id): (&str, WallMs, Uuid),
    standing: &Standing,
) -> Answer {
    let result = store.accept(who, wall, id);
    standing.set_trust(store.trust());
    let entries = result?;
    standing.note(Ok(()));
    standing.sealed(store.sealed());
    standing.appended(entries, false);
    tracing::warn!(who, "the audit log was accepted as it stands, and is signed from now on");
    Ok(())
}

/// A checkpoint where one is due at `wall`; with `at_once`, where there is anything new.
pub(in crate::journal) fn seal(store: &mut Store, wall: WallMs, at_once: bool, standing: &Standing) -> Answer {
    let result = store.seal(wall, at_once);
    if !matches!(result, Ok(0)) {
        standing.note(result.as_ref().map(drop));
    }
    let entries = result?;
    standing.sealed(store.sealed());
    standing.appended(entries, false);
    Ok(())
}

/// The whole of a pruning, step by step.
pub(in crate::journal) fn prune_all(store: &Store, now: WallMs, standing: &Standing) -> Answer {
    loop {
        match prune_step(store, now, standing) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(e) => return Err(e),
        }
    }
}

/// The writer thread: ends when the queue is closed and empty, and releases the journal's lock before it says so.
#[derive(Debug)]
pub(in crate::journal) struct Writer {
    store: Store,
    queue: Arc<Queue>,
    standing: Arc<Standing>,
    pruning: Vec<(WallMs, oneshot::Sender<Answer>)>,
}

impl Writer {
    /// Starts the thread; the receiver is told when it has ended.
    pub(in crate::journal) fn spawn(
        store: Store,
        queue: Arc<Queue>,
        standing: Arc<Standing>,
    ) -> std::io::Result<mpsc::Receiver<()>> {
        let (ended, end) = mpsc::sync_channel(1);
        let end_of_queue = Ending(Arc::clone(&queue), Arc::clone(&standing));
        let writer = Self { store, queue, standing, pruning: Vec::new() };
        std::thread::Builder::new().name("journal-writer".to_owned()).spawn(move || {
            writer.run();
            drop(end_of_queue);
            // Whoever waited may have gone.
            let _ = ended.send(());
        })?;
        Ok(end)
    }

    fn run(mut self) {
        while let Some(jobs) = self.queue.take(GROUP, Some(self.patience())) {
            if jobs.is_empty() && self.pruning.is_empty() {
                self.idle();
            }
            self.work(jobs);
            self.prune();
        }
        self.store.checkpoint();
    }

    /// Nothing is to be done: whether it could be.
    fn idle(&self) {
        if !*self.standing.writable.borrow() {
            self.standing.note(self.store.probe().as_ref().map(drop));
        } else if let Err(error) = self.store.check() {
            self.standing.note(Err(&error));
        }
    }

    /// How long to wait for something to do: not at all while there is something to prune.
    fn patience(&self) -> Duration {
        if !self.pruning.is_empty() {
            Duration::ZERO
        } else if *self.standing.writable.borrow() {
            LOOK_EVERY
        } else {
            PROBE_EVERY
        }
    }

    fn work(&mut self, jobs: Vec<Job>) {
        let (mut batches, mut replies) = (Vec::new(), Vec::new());
        let mut seals = Vec::new();
        for job in jobs {
            match job {
                Job::Commit { batch, reply } => {
                    batches.push(batch);
                    replies.push(reply);
                }
                Job::Prune { now, reply } if self.pruning.len() < PRUNINGS => self.pruning.push((now, reply)),
                Job::Prune { reply, .. } => answer(reply, Err(JournalError::Full { bound: PRUNINGS })),
                // After what was submitted before it.
                Job::Seal { wall, at_once, reply } => seals.push((wall, at_once, reply)),
                Job::Accept { who, wall, id, reply } => {
                    answer(reply, accept(&mut self.store, (&who, wall, id), &self.standing));
                }
                Job::Archived { segment, wall, id, reply } => {
                    answer(reply, archived(&mut self.store, &segment, wall, id, &self.standing));
                }
            }
        }
        self.commit(&batches, replies);
        for (wall, at_once, reply) in seals {
            answer(reply, seal(&mut self.store, wall, at_once, &self.standing));
        }
    }

    fn commit(&mut self, batches: &[Box<Stamped>], replies: Vec<oneshot::Sender<Answer>>) {
        if batches.is_empty() {
            return;
        }
        let group: Vec<&Stamped> = batches.iter().map(|b| &**b).collect();
        let answers = commit_group(&mut self.store, &group, &self.standing);
        for (reply, result) in replies.into_iter().zip(answers) {
            answer(reply, result);
        }
    }

    /// One step of what is to be pruned; all who asked are answered when the latest of their moments is reached.
    fn prune(&mut self) {
        let Some(now) = self.pruning.iter().map(|(now, _)| *now).max() else { return };
        let result = match prune_step(&self.store, now, &self.standing) {
            Ok(true) => return,
            Ok(false) => None,
            Err(e) => Some(e),
        };
        for (_, reply) in self.pruning.drain(..) {
            answer(reply, result.as_ref().map_or(Ok(()), |e| Err(e.again())));
        }
    }
}

fn prune_step(store: &Store, now: WallMs, standing: &Standing) -> Result<bool, JournalError> {
    let result = store.prune(now);
    // Removing rows takes no room: success does not show that anything can be added.
    if let Err(e) = &result {
        standing.note(Err(e));
    }
    result
}

fn answer(reply: oneshot::Sender<Answer>, result: Answer) {
    // Whoever asked may have stopped waiting.
    let _ = reply.send(result);
}

/// However the thread ends, nobody is left waiting and nothing more is taken.
#[derive(Debug)]
struct Ending(Arc<Queue>, Arc<Standing>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abandon();
        self.1.set_writable(false);
    }
}
