//! The handle on the journal that other rooms hold: submit, read, prune, close.

use super::claim::Claim;
use super::error::JournalError;
use super::ids::{IdSource, Ids};
use super::model::{Batch, Recovered};
use super::operation::{Operation, Receipt};
use super::options::{JournalCounters, Options, WriterMode};
use super::outbox::OutboxChange;
use super::pending::{Answer, Pending};
use super::proof::archive::{self, Segment};
use super::proof::trust::Trust;
use super::queue::{Admission, Job, Queue, Stamped};
use super::reader::Reader;
use super::store::Store;
use super::writer::{self, Standing, Writer};
use crate::clock::Clock;
use crate::policy::{OpId, WallMs};
use crate::sync::lock;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

/// How long [`Journal::close`] waits for the disk.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// A journal that is open. Cheap to clone; when the last clone goes, what was submitted is still committed.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    back: Back,
    standing: Arc<Standing>,
    ids: Mutex<Ids>,
    clock: Clock,
    readers: Readers,
}

/// What something is read for: a search of a person's takes no turn from what is sent, nor from a call that is bridged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFor {
    /// Somebody looks.
    People,
    /// Sinks are sent what waits for them.
    Sinks,
    /// Calls are bridged, channels made.
    Calls,
}

/// A connection for each purpose; a journal in memory has one for all.
#[derive(Debug)]
struct Readers {
    people: Reader,
    sinks: Reader,
    calls: Reader,
}

#[derive(Debug)]
enum Back {
    Thread { queue: Arc<Queue>, ended: Mutex<Option<mpsc::Receiver<()>>> },
    Inline { store: Box<Mutex<Option<Store>>> },
}

impl Journal {
    /// Opens (or creates) the journal and reads what the last process left.
    ///
    /// # Errors
    /// [`JournalError::InUse`] at once where another process holds it; [`JournalError::Io`] where folder or file cannot be
    /// created or written; [`JournalError::Corrupt`] where the file is damaged, no journal, or a newer version's.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "options are made for one journal, and the clock in them is its own"
    )]
    pub fn open(options: Options) -> Result<(Self, Recovered), JournalError> {
        let (store, recovered) = Store::open(&options)?;
        let open = || Reader::open(&options.path);
        let readers = Readers { people: open()?, sinks: open()?, calls: open()? };
        Ok((Self::start(store, readers, &options, recovered.last_op)?, recovered))
    }

    /// A new journal in memory, written in line: for simulation and tests.
    ///
    /// # Errors
    /// Where SQLite cannot allocate it.
    pub fn in_memory(ids: IdSource, clock: Clock) -> Result<Self, JournalError> {
        let options = Options { mode: WriterMode::Inline, ids, ..Options::new(PathBuf::from(":memory:"), clock) };
        let store = Store::in_memory(&options)?;
        let reader = Reader::over(store.connection(), options.path.clone());
        let readers = Readers { people: reader.clone(), sinks: reader.clone(), calls: reader };
        Self::start(store, readers, &options, OpId::default())
    }

    /// Hands in a batch. Never waits for the disk in mode `Thread`: the answer does. Batches are committed in the order
    /// in which they were handed in; those of observations alone keep their order among themselves and come after
    /// whatever else waits, so that an action never waits for a crowd of them.
    ///
    /// The answer is [`JournalError::Full`] where the queue is; a batch of observations alone is given up (and counted)
    /// before that, and answered with `Ok(())`.
    pub fn submit(&self, batch: Batch) -> Pending {
        self.hand_in(batch, None)
    }

    /// As [`Journal::submit`], for what is of no use later: where it is not committed within `limit`, it never is.
    ///
    /// # Errors
    /// Also [`JournalError::Late`]. Where the limit passes in the very middle of its commit, the answer waits for that.
    pub fn submit_within(
        &self,
        batch: Batch,
        limit: Duration,
    ) -> impl Future<Output = Result<(), JournalError>> + Send + use<> {
        let claim = Claim::default();
        let mut pending = self.hand_in(batch, Some(claim.clone()));
        async move {
            match tokio::time::timeout(limit, &mut pending).await {
                Ok(answer) => answer,
                Err(_) if claim.withdraw() => Err(JournalError::Late { limit }),
                Err(_) => pending.await,
            }
        }
    }

    /// Counts observations that were given up before they came here.
    pub fn give_up_observations(&self, count: usize) {
        self.0.standing.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn hand_in(&self, batch: Batch, claim: Option<Claim>) -> Pending {
        match &self.0.back {
            Back::Inline { store } => {
                let committed = |store: &mut Store| {
                    let batch = self.stamp(batch, claim);
                    let answers = writer::commit_group(store, &[&batch], &self.0.standing);
                    answers.into_iter().next().unwrap_or(Err(JournalError::Closed))
                };
                in_line(store, committed)
            }
            Back::Thread { queue, .. } => {
                let observations = batch.observations.len() as u64;
                let expendable = observations > 0 && is_observations_alone(&batch);
                let pending = self
                    .queue(queue, expendable, |reply| Job::Commit { batch: Box::new(self.stamp(batch, claim)), reply });
                if let Queued::GivenUp = pending {
                    self.0.standing.dropped.fetch_add(observations, Ordering::Relaxed);
                }
                pending.into_pending()
            }
        }
    }

    /// Begins an operation together with the rest of `batch`, which is handed in at once; the answer is its receipt,
    /// once it is durable.
    ///
    /// # Errors
    /// As [`Journal::submit`]; also where the operation's id was used before.
    pub fn begin(
        &self,
        operation: Operation,
        batch: Batch,
    ) -> impl Future<Output = Result<Receipt, JournalError>> + Send + use<> {
        let id = operation.id;
        let pending = self.submit(Batch { begin: Some(operation), ..batch });
        async move { pending.await.map(|()| Receipt::after_commit(id)) }
    }

    /// An id for an operation, from the journal's own source: under simulation the seed's.
    pub fn new_operation_id(&self) -> Uuid {
        let wall = self.0.clock.wall();
        lock(&self.0.ids).next(wall)
    }

    /// How the log that was found at the start stands to what was signed of it.
    pub fn trust(&self) -> Trust {
        self.0.standing.trust()
    }

    /// `who` accepts the log as it stands: written down, and signed from then on.
    ///
    /// The answer is [`JournalError::Unfit`] where there is nothing to accept, or it cannot be gone on with.
    pub fn accept(&self, who: String) -> Pending {
        let wall = self.0.clock.wall();
        let id = lock(&self.0.ids).next(wall);
        match &self.0.back {
            Back::Inline { store } => in_line(store, |store| writer::accept(store, (&who, wall, id), &self.0.standing)),
            Back::Thread { queue, .. } => {
                self.queue(queue, false, |reply| Job::Accept { who, wall, id, reply }).into_pending()
            }
        }
    }

    /// Whether the journal can be written: false after a commit failed for the disk's sake, true again once a write
    /// succeeded. Mode `Thread` tries one every second by itself, mode `Inline` with the next batch.
    pub fn writable(&self) -> watch::Receiver<bool> {
        self.0.standing.subscribe()
    }

    /// Rises with every commit that may have put something into the outbox, or brought it back to be tried again.
    pub fn outbox(&self) -> watch::Receiver<u64> {
        self.0.standing.outbox.subscribe()
    }

    /// What was done since the journal was opened.
    pub fn counters(&self) -> JournalCounters {
        let queued = match &self.0.back {
            Back::Thread { queue, .. } => queue.len(),
            Back::Inline { .. } => 0,
        };
        self.0.standing.counters(queued)
    }

    /// Reads what is committed, for people.
    pub fn reader(&self) -> Reader {
        self.reader_for(ReadFor::People)
    }

    /// Reads what is committed, on a connection that is used for nothing else.
    pub fn reader_for(&self, purpose: ReadFor) -> Reader {
        let Readers { people, sinks, calls } = &self.0.readers;
        match purpose {
            ReadFor::People => people.clone(),
            ReadFor::Sinks => sinks.clone(),
            ReadFor::Calls => calls.clone(),
        }
    }

    /// Removes observations older than the retention, operations that ended over 90 days ago as of `now`, and
    /// audit entries that are archived, in small steps between commits. Other audit entries stay.
    pub fn prune(&self, now: WallMs) -> Pending {
        match &self.0.back {
            Back::Inline { store } => in_line(store, |store| writer::prune_all(store, now, &self.0.standing)),
            Back::Thread { queue, .. } => self.queue(queue, false, |reply| Job::Prune { now, reply }).into_pending(),
        }
    }

    /// Makes a signed checkpoint where one is due at `now` and none came with a commit. Called now and then: a journal into
    /// which nothing is written does not look at the time.
    pub fn seal(&self, now: WallMs) -> Pending {
        match &self.0.back {
            Back::Inline { store } => in_line(store, |store| writer::seal(store, now, false, &self.0.standing)),
            Back::Thread { queue, .. } => {
                self.queue(queue, false, |reply| Job::Seal { wall: now, at_once: false, reply }).into_pending()
            }
        }
    }

    /// Sinks that still wait for entries from before `before` hold back archiving no longer: what they wait for becomes dead
    /// letters, each with a copy of its entry, and beyond their bound is given up and counted.
    ///
    /// # Errors
    /// Where the journal cannot be read or written.
    pub async fn release_held(&self, before: WallMs) -> Result<(), JournalError> {
        // Each turn takes a step; a bound in case that none of them gets anywhere.
        for _ in 0..100_000 {
            let reader = self.reader_for(ReadFor::Sinks);
            let holds = tokio::task::spawn_blocking(move || reader.outbox_holds(before));
            if !holds.await.map_err(|_| JournalError::Closed)?? {
                break;
            }
            self.submit(Batch { outbox: vec![OutboxChange::Release(before)], ..Batch::default() }).await?;
        }
        Ok(())
    }

    /// Archives entries that are older than `before`, up to a checkpoint, segment by segment: each is in its file, synced
    /// and read back, before the journal notes it; the next [`Journal::prune`] removes what is noted. Entries that are not
    /// delivered stay. How many segments.
    ///
    /// # Errors
    /// Where an archive cannot be written or read back, or the entries are not what was signed. They stay then.
    pub async fn archive(&self, before: WallMs) -> Result<usize, JournalError> {
        let mut count = 0;
        loop {
            let reader = self.reader_for(ReadFor::Sinks);
            // On a thread: compressing takes its time, and commits must not wait for it.
            let written = tokio::task::spawn_blocking(move || {
                archive::plan(&reader, before)?.map(|plan| archive::write(&reader, &plan)).transpose()
            });
            let Some(segment) = written.await.map_err(|_| JournalError::Closed)?? else { return Ok(count) };
            self.archived(segment).await?;
            count += 1;
        }
    }

    fn archived(&self, segment: Segment) -> Pending {
        let wall = self.0.clock.wall();
        let id = lock(&self.0.ids).next(wall);
        match &self.0.back {
            Back::Inline { store } => {
                in_line(store, |store| writer::archived(store, &segment, wall, id, &self.0.standing))
            }
            Back::Thread { queue, .. } => {
                let segment = Box::new(segment);
                self.queue(queue, false, |reply| Job::Archived { segment, wall, id, reply }).into_pending()
            }
        }
    }

    /// Commits what was submitted, makes a last checkpoint, brings the WAL into the file and releases the lock; waits 10 s for that at most.
    /// Other clones can still read, and are answered [`JournalError::Closed`] otherwise.
    pub async fn close(self) {
        match &self.0.back {
            Back::Inline { store } => {
                let store = lock(store).take();
                if let Some(mut store) = store {
                    // What was submitted is on disk; the next start makes up for a checkpoint that is not.
                    let _ = writer::seal(&mut store, self.0.clock.wall(), true, &self.0.standing);
                    store.checkpoint();
                    self.0.standing.set_writable(false);
                }
            }
            Back::Thread { queue, ended } => {
                let (reply, _) = oneshot::channel();
                queue.close(Some(Job::Seal { wall: self.0.clock.wall(), at_once: true, reply }));
                let ended = lock(ended).take();
                let Some(ended) = ended else { return };
                // Waited for on a thread, since the writer is one: a paused clock does not run out on it.
                let wait = tokio::task::spawn_blocking(move || ended.recv_timeout(CLOSE_WITHIN));
                if !matches!(wait.await, Ok(Ok(()))) {
                    tracing::error!(
                        "the journal's writer did not end in time; nothing was acknowledged that is not on disk"
                    );
                }
            }
        }
    }

    fn start(store: Store, readers: Readers, options: &Options, last_op: OpId) -> Result<Self, JournalError> {
        let ids = Mutex::new(Ids::new(options.ids, store.entries().wrapping_add(last_op.0)));
        let standing = Arc::new(Standing::new());
        standing.sealed(store.sealed());
        standing.set_trust(store.trust());
        let back = match options.mode {
            WriterMode::Inline => Back::Inline { store: Box::new(Mutex::new(Some(store))) },
            WriterMode::Thread => {
                let queue = Arc::new(Queue::new(options.queue));
                let ended = Writer::spawn(store, Arc::clone(&queue), Arc::clone(&standing))
                    .map_err(JournalError::io("start the writer thread of", &options.path))?;
                Back::Thread { queue, ended: Mutex::new(Some(ended)) }
            }
        };
        Ok(Self(Arc::new(Inner { back, standing, ids, clock: options.clock.clone(), readers })))
    }

    /// Time and ids are fixed here, on the submitter's side: the writer thread reads no clock.
    fn stamp(&self, batch: Batch, claim: Option<Claim>) -> Stamped {
        let wall = self.0.clock.wall();
        let mut ids = lock(&self.0.ids);
        let ids = batch.entries.iter().map(|_| ids.next(wall)).collect();
        Stamped { batch, wall, ids, claim }
    }

    fn queue(&self, queue: &Queue, expendable: bool, job: impl FnOnce(oneshot::Sender<Answer>) -> Job) -> Queued {
        let (reply, answer) = oneshot::channel();
        match queue.push(expendable, || job(reply)) {
            Admission::Taken => Queued::Taken(answer),
            Admission::GivenUp => Queued::GivenUp,
            Admission::Closed => Queued::Refused(JournalError::Closed),
            Admission::Full => {
                self.0.standing.refused.fetch_add(1, Ordering::Relaxed);
                Queued::Refused(JournalError::Full { bound: queue.bound() })
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Back::Thread { queue, .. } = &self.back {
            queue.close(None);
        }
    }
}

/// Does it here and now, unless the journal is closed.
fn in_line(store: &Mutex<Option<Store>>, work: impl FnOnce(&mut Store) -> Answer) -> Pending {
    let mut store = lock(store);
    Pending::ready(store.as_mut().map_or(Err(JournalError::Closed), work))
}

enum Queued {
    Taken(oneshot::Receiver<Answer>),
    GivenUp,
    Refused(JournalError),
}

impl Queued {
    fn into_pending(self) -> Pending {
        match self {
            Self::Taken(answer) => Pending::waiting(answer),
            Self::GivenUp => Pending::ready(Ok(())),
            Self::Refused(e) => Pending::ready(Err(e)),
        }
    }
}

fn is_observations_alone(batch: &Batch) -> bool {
    let Batch { entries, states, begin, end, outbox, observations: _ } = batch;
    entries.is_empty() && states.is_empty() && outbox.is_empty() && begin.is_none() && end.is_empty()
}
