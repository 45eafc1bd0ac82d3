//! One sink's worker: takes what is due in order, tries the first, acknowledges what was delivered, waits where it failed.
//!
//! One delivery is under way at a time, so that order is kept; what is read, and what a crash may repeat, is one small
//! batch. While the journal cannot be written nothing is sent, since nothing could be acknowledged; what was delivered
//! just before is acknowledged first. Must never: pass over a delivery that neither arrived nor was set aside.

use super::breaker::{Breaker, Pace};
use super::meters::Meters;
use super::standing::{Live, Standing};
use super::target::Target;
use super::verdict::Verdict;
use crate::clock::Clock;
use crate::journal::{Batch, Due, Journal, JournalError, MAX_DEAD, OutboxChange};
use crate::policy::Time;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// Deliveries are acknowledged together, at least this often while they go on.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_secs(1);
/// How long to wait where the journal cannot be read, or has no room for an acknowledgement.
const JOURNAL_AGAIN: Duration = Duration::from_secs(1);

/// How long a stop waits for the answer to what was sent.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// What a worker works with, besides its sink.
#[derive(Clone)]
pub struct Surroundings {
    /// The outbox.
    pub journal: Journal,
    /// Time.
    pub clock: Clock,
    /// Where deliveries are counted.
    pub meters: Meters,
    /// Where it tells how it stands.
    pub standing: Standing,
    /// How it waits.
    pub pace: Pace,
}

/// The worker of one sink.
pub struct Worker {
    /// What it works with.
    pub with: Surroundings,
    /// The sink, as it is configured now.
    pub target: watch::Receiver<Arc<Target>>,
    /// A person wants it to try at once.
    pub wake: Arc<Notify>,
    /// Ends it.
    pub stop: CancellationToken,
    breaker: Breaker,
    /// Refusals of the delivery at the head: its row, its entry, how many.
    refused: Option<(i64, Option<u64>, u32)>,
    /// Delivered and not yet acknowledged.
    unacknowledged: Vec<OutboxChange>,
    error: Option<String>,
}

/// Why the worker goes on, or does not.
enum Next {
    More,
    Idle,
    Failed,
    Ended,
}

impl Worker {
    /// A worker that has not begun.
    pub fn new(
        with: Surroundings,
        target: watch::Receiver<Arc<Target>>,
        wake: Arc<Notify>,
        stop: CancellationToken,
    ) -> Self {
        let breaker = Breaker::new(with.pace);
        Self { with, target, wake, stop, breaker, refused: None, unacknowledged: Vec::new(), error: None }
    }

    /// Works until it is stopped or the journal is closed. What was delivered is acknowledged before it ends.
    pub async fn run(mut self) {
        let name = self.target.borrow().name.clone();
        let mut commits = self.with.journal.outbox();
        let mut writable = self.with.journal.writable();
        loop {
            commits.borrow_and_update();
            let target = Arc::clone(&self.target.borrow_and_update());
            let next = if *writable.borrow_and_update() { self.batch(&target).await } else { Next::Idle };
            self.tell(&target);
            let wait = match next {
                Next::More => continue,
                Next::Ended => break,
                Next::Idle => None,
                Next::Failed => self.breaker.open_until(),
            };
            let (stop, wake, clock) = (self.stop.clone(), Arc::clone(&self.wake), self.with.clock.clone());
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = wake.notified() => self.begin_anew(),
                changed = self.target.changed() => match changed {
                    Ok(()) => self.begin_anew(),
                    Err(_) => break,
                },
                () = until(&clock, wait), if wait.is_some() => {}
                Ok(()) = commits.changed(), if wait.is_none() => {}
                Ok(()) = writable.changed() => {}
            }
        }
        self.acknowledge().await;
        self.with.standing.forget(&name);
    }

    /// One small batch, from reading it to its acknowledgement.
    async fn batch(&mut self, target: &Target) -> Next {
        if !self.acknowledge().await {
            return self.journal_trouble("an acknowledgement could not be written").await;
        }
        let due = match self.due(target).await {
            Ok(due) if due.is_empty() => return Next::Idle,
            Ok(due) => due,
            Err(JournalError::Closed) => return Next::Ended,
            Err(error) => return self.journal_trouble(&error.to_string()).await,
        };
        let mut acknowledged_at = self.with.clock.now();
        let mut rest = due.as_slice();
        while !rest.is_empty() {
            let Some((delivered, verdict)) = self.attempt_unless_stopped(target, rest).await else {
                return Next::Ended;
            };
            let done = rest.iter().take(delivered).map(|d| OutboxChange::Delivered { row: d.row, next: d.next });
            self.unacknowledged.extend(done);
            rest = rest.get(delivered..).unwrap_or_default();
            if let Some(first) = rest.first().filter(|_| verdict != Verdict::Delivered) {
                return self.failed(target, first, verdict).await;
            }
            self.breaker.close();
            self.refused = None;
            let now = self.with.clock.now();
            if now.since(acknowledged_at) >= ACKNOWLEDGE_EVERY {
                acknowledged_at = now;
                if !self.acknowledge().await {
                    return self.journal_trouble("an acknowledgement could not be written").await;
                }
            }
        }
        if self.acknowledge().await {
            Next::More
        } else {
            self.journal_trouble("an acknowledgement could not be written").await
        }
    }

    async fn due(&self, target: &Target) -> Result<Vec<Due>, JournalError> {
        let (reader, sink, events) = (self.with.journal.reader(), target.name.clone(), target.events.clone());
        let at_once = target.at_once();
        let read = tokio::task::spawn_blocking(move || reader.outbox_due(&sink, &events, at_once));
        read.await.unwrap_or(Err(JournalError::Closed))
    }

    /// What is under way at a stop may end, for a moment; what does not is repeated by the next start.
    async fn attempt_unless_stopped(&self, target: &Target, due: &[Due]) -> Option<(usize, Verdict)> {
        if self.stop.is_cancelled() {
            return None;
        }
        let mut attempt = std::pin::pin!(self.attempt(target, due));
        tokio::select! {
            biased;
            tried = &mut attempt => Some(tried),
            () = self.stop.cancelled() => tokio::time::timeout(LAST_ANSWER, attempt).await.ok(),
        }
    }

    async fn attempt(&self, target: &Target, due: &[Due]) -> (usize, Verdict) {
        let began = self.with.clock.now();
        let (delivered, verdict) = target.deliver(due, &self.with.clock).await;
        let took = self.with.clock.now().since(began);
        let of = |word, count| self.with.meters.attempt(&target.name, word, count);
        if delivered > 0 {
            of(Verdict::Delivered.word(), delivered);
        }
        if verdict != Verdict::Delivered {
            of(verdict.word(), 1);
        }
        self.with.meters.took(&target.name, took);
        (delivered, verdict)
    }

    /// Notes a failure; sets the delivery aside where the sink has refused it often enough.
    async fn failed(&mut self, target: &Target, due: &Due, verdict: Verdict) -> Next {
        let (error, asked, refused) = match verdict {
            Verdict::Delivered => return Next::More,
            Verdict::Refused(error) => (error, None, true),
            Verdict::Later { error, retry_after, .. } => (error, retry_after, false),
        };
        let mut change = OutboxChange::Failed { row: due.row, error: error.clone() };
        let mut passes = false;
        if refused {
            let before = self.refused.filter(|(row, seq, _)| (*row, *seq) == (due.row, due.seq)).map_or(0, |r| r.2);
            self.refused = Some((due.row, due.seq, before + 1));
            passes = target.max_tries.is_some_and(|most| before + 1 >= most) && self.has_room_for_dead(target).await;
        }
        if passes {
            tracing::error!(sink = target.name, %error, seq = due.seq, "a delivery was refused too often and is a dead letter now");
            change = OutboxChange::Dead { row: due.row, seq: due.seq, error: error.clone() };
            self.refused = None;
        }
        self.unacknowledged.push(change);
        self.acknowledge().await;
        if passes {
            // The sink answers, so what comes next may pass at once.
            self.breaker.close();
            return Next::More;
        }
        if self.breaker.open_until().is_none() {
            tracing::warn!(sink = target.name, %error, "a delivery failed; it is repeated");
        }
        self.breaker.failed(self.with.clock.now(), rand::random(), asked);
        self.error = Some(error);
        Next::Failed
    }

    /// At the bound of dead letters none is added: the sink waits for a person then.
    async fn has_room_for_dead(&self, target: &Target) -> bool {
        let (reader, sink) = (self.with.journal.reader(), target.name.clone());
        let read = tokio::task::spawn_blocking(move || reader.outbox_sinks());
        let sinks = read.await.ok().and_then(Result::ok).unwrap_or_default();
        sinks.iter().any(|s| s.name == sink && s.dead < MAX_DEAD)
    }

    /// Writes down what was delivered; whether nothing is left to be written.
    async fn acknowledge(&mut self) -> bool {
        if self.unacknowledged.is_empty() {
            return true;
        }
        let outbox = self.unacknowledged.clone();
        match self.with.journal.submit(Batch { outbox, ..Batch::default() }).await {
            Ok(_) => {
                self.unacknowledged.clear();
                true
            }
            Err(error) => {
                tracing::debug!(%error, "deliveries could not be acknowledged; they are once the journal can be written");
                false
            }
        }
    }

    async fn journal_trouble(&self, why: &str) -> Next {
        if *self.with.journal.writable().borrow() {
            tracing::warn!(why, "the outbox waits for the journal");
        }
        tokio::select! {
            () = self.stop.cancelled() => Next::Ended,
            () = tokio::time::sleep(JOURNAL_AGAIN) => Next::More,
        }
    }

    fn begin_anew(&mut self) {
        self.breaker.close();
        self.refused = None;
    }

    fn tell(&self, target: &Target) {
        let failing_since = self.breaker.failing_since();
        let live = Live {
            kind: target.kind,
            place: target.place.clone(),
            failing_since,
            next_at: self.breaker.open_until(),
            error: failing_since.and(self.error.clone()),
        };
        self.with.standing.tell(&target.name, live);
    }
}

async fn until(clock: &Clock, at: Option<Time>) {
    if let Some(at) = at {
        tokio::time::sleep(at.since(clock.now())).await;
    }
}
