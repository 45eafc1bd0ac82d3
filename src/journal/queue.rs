//! The batches that wait for the disk: a bounded queue between submitters, which never wait, and the one writer.

use super::claim::Claim;
use super::model::Batch;
use super::pending::Answer;
use super::proof::archive::Segment;
use crate::policy::WallMs;
use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use uuid::Uuid;

/// A batch with what is fixed when it is submitted, so that commit order and retries cannot change it.
#[derive(Debug)]
pub(in crate::journal) struct Stamped {
    pub batch: Batch,
    pub wall: WallMs,
    /// One for each entry.
    pub ids: Vec<Uuid>,
    /// Of a batch that is wanted only for a time.
    pub claim: Option<Claim>,
}

impl Stamped {
    /// Whether whoever gave it in has given up on it.
    pub(in crate::journal) fn is_withdrawn(&self) -> bool {
        self.claim.as_ref().is_some_and(Claim::is_withdrawn)
    }
}

/// What the writer is asked for.
#[derive(Debug)]
pub(in crate::journal) enum Job {
    Commit {
        batch: Box<Stamped>,
        reply: oneshot::Sender<Answer>,
    },
    Prune {
        now: WallMs,
        reply: oneshot::Sender<Answer>,
    },
    /// A segment that is in its file, whole: from now on its entries may be removed.
    Archived {
        segment: Box<Segment>,
        wall: WallMs,
        id: Uuid,
        reply: oneshot::Sender<Answer>,
    },
    /// A person accepts the log as it stands.
    Accept {
        who: String,
        wall: WallMs,
        id: Uuid,
        reply: oneshot::Sender<Answer>,
    },
    /// A checkpoint where one is due at `wall`; with `at_once`, where there is anything new.
    Seal {
        wall: WallMs,
        at_once: bool,
        reply: oneshot::Sender<Answer>,
    },
}

/// What became of an attempt to queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) enum Admission {
    Taken,
    /// It could be done without, and the queue was more than three quarters full.
    GivenUp,
    Full,
    Closed,
}

/// The queue.
#[derive(Debug)]
pub(in crate::journal) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    bound: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// What can be done without: handed out only while nothing else waits, and counted against the same bound.
    expendable: VecDeque<Job>,
    closed: bool,
}

impl Waiting {
    fn len(&self) -> usize {
        self.jobs.len() + self.expendable.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Queue {
    /// A queue of at most `bound` jobs, one at least.
    pub(in crate::journal) fn new(bound: usize) -> Self {
        Self { waiting: Mutex::default(), filled: Condvar::new(), bound: bound.max(1) }
    }

    pub(in crate::journal) const fn bound(&self) -> usize {
        self.bound
    }

    pub(in crate::journal) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Queues what `job` makes. The last quarter is kept for what is not `expendable`.
    pub(in crate::journal) fn push(&self, expendable: bool, job: impl FnOnce() -> Job) -> Admission {
        let mut waiting = self.lock();
        if waiting.closed {
            return Admission::Closed;
        }
        if expendable && waiting.len() >= (self.bound - self.bound / 4) {
            return Admission::GivenUp;
        }
        if waiting.len() >= self.bound {
            return Admission::Full;
        }
        let lane = if expendable { &mut waiting.expendable } else { &mut waiting.jobs };
        lane.push_back(job());
        drop(waiting);
        self.filled.notify_one();
        Admission::Taken
    }

    /// At most `most` jobs, oldest first: at once where there are any, else after waiting for `patience` (`None`: for
    /// ever). Where nothing but expendable jobs waits, one of them, so that what comes next waits for no more than that.
    /// `None` when the queue is closed and empty.
    pub(in crate::journal) fn take(&self, most: usize, patience: Option<Duration>) -> Option<Vec<Job>> {
        let idle = |w: &mut Waiting| w.is_empty() && !w.closed;
        let guard = self.lock();
        let mut waiting = match patience {
            None => self.filled.wait_while(guard, idle).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => self.filled.wait_timeout_while(guard, limit, idle).unwrap_or_else(PoisonError::into_inner).0,
        };
        if waiting.is_empty() && waiting.closed {
            return None;
        }
        if waiting.jobs.is_empty() {
            return Some(waiting.expendable.pop_front().into_iter().collect());
        }
        let count = waiting.jobs.len().min(most);
        Some(waiting.jobs.drain(..count).collect())
    }

    /// Takes nothing more but `last`, which comes even where the queue is full; what waits is still handed out.
    pub(in crate::journal) fn close(&self, last: Option<Job>) {
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.jobs.extend(last);
        }
        waiting.closed = true;
        drop(waiting);
        self.filled.notify_all();
    }

    /// Closes, and drops what waits: the writer is gone.
    pub(in crate::journal) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.jobs.clear();
        waiting.expendable.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}
