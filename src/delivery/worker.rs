//! One sink's worker: takes what is due in order, tries the first, acknowledges what was delivered, waits where it failed.
//!
//! One delivery is under way at a time, so that order is kept; what is read, and what a crash may repeat, is one small
//! batch. While the journal cannot be written nothing is sent, since nothing could be acknowledged; what was delivered
//! just before is acknowledged first. Of a sink whose order is not strict, a delivery that is refused while others are taken
//! goes on in a lane of its own. Must never: pass over a delivery that neither arrived nor was set aside.

use super::breaker::{Breaker, Pace};
use super::meters::Meters;
use super::standing::{Live, Standing};
use super::target::Target;
use super::verdict::Verdict;
use crate::clock::Clock;
use crate::config::sink::Order;
use crate::journal::{Batch, Due, Journal, JournalError, MAX_LANE, OutboxChange, ReadFor, Reader};
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

impl Surroundings {
    /// Reads the outbox for sinks.
    pub fn reader(&self) -> Reader {
        self.journal.reader_for(ReadFor::Sinks)
    }
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
    /// The delivery at the head, where it failed.
    head: Option<Head>,
    /// Delivered and not yet acknowledged.
    unacknowledged: Vec<OutboxChange>,
    error: Option<String>,
}

/// A delivery at the head that failed.
#[derive(Clone, Copy, Debug)]
struct Head {
    row: i64,
    seq: Option<u64>,
    since: Time,
    /// How often the sink answered, and did not take it.
    refusals: u32,
    /// When another was last tried in its place, and how often.
    probed: Option<(Time, usize)>,
}

impl Head {
    /// Whether what comes after it is tried.
    fn may_be_passed(&self, now: Time, pace: &Pace) -> bool {
        let is_refused = self.refusals >= REFUSALS || now.since(self.since) >= pace.patience;
        is_refused && self.probed.is_none_or(|(at, _)| now.since(at) >= pace.probe)
    }
}

/// Refusals of one delivery before the next is tried.
const REFUSALS: u32 = 3;

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
        Self { with, target, wake, stop, breaker, head: None, unacknowledged: Vec::new(), error: None }
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
            let wants_another = self.wants_another(&target);
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
                // Where another may be tried in the place of the head, one that comes is.
                Ok(()) = commits.changed(), if wait.is_none() || wants_another => {}
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
        if self.breaker.open_until().is_some_and(|until| acknowledged_at < until) {
            // Woken for what came meanwhile.
            let is_head = |head: Head, first: &Due| (head.row, head.seq) == (first.row, first.seq);
            let stands = self.head.zip(due.first()).is_some_and(|(head, first)| is_head(head, first));
            return if stands && self.pass_over(target, &due).await { Next::More } else { Next::Failed };
        }
        let mut rest = due.as_slice();
        while !rest.is_empty() {
            let Some((delivered, verdict)) = self.attempt_unless_stopped(target, rest).await else {
                return Next::Ended;
            };
            let done = rest.iter().take(delivered).map(|d| OutboxChange::Delivered { row: d.row, next: d.next });
            self.unacknowledged.extend(done);
            rest = rest.get(delivered..).unwrap_or_default();
            if let Some(first) = rest.first().filter(|_| verdict != Verdict::Delivered) {
                return self.failed(target, first, rest, verdict).await;
            }
            self.breaker.close();
            self.head = None;
            self.with.meters.refused(&target.name, false);
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
        let (reader, sink, events) = (self.with.reader(), target.name.clone(), target.events.clone());
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
            self.with.standing.took(&target.name, self.with.clock.now());
            of(Verdict::Delivered.word(), delivered);
        }
        if verdict != Verdict::Delivered {
            of(verdict.word(), 1);
        }
        self.with.meters.took(&target.name, took);
        (delivered, verdict)
    }

    /// Notes a failure; passes over the delivery where it was refused often enough and the sink takes what comes after it.
    async fn failed(&mut self, target: &Target, due: &Due, rest: &[Due], verdict: Verdict) -> Next {
        let (error, asked, is_answered, is_refused) = match verdict {
            Verdict::Delivered => return Next::More,
            Verdict::Refused(error) => (error, None, true, true),
            Verdict::Later { error, retry_after, word } => {
                (error, retry_after, !matches!(word, "connect" | "timeout"), false)
            }
        };
        let now = self.with.clock.now();
        let fresh = Head { row: due.row, seq: due.seq, since: now, refusals: 0, probed: None };
        let mut head = self.head.filter(|head| (head.row, head.seq) == (due.row, due.seq)).unwrap_or(fresh);
        head.refusals += u32::from(is_answered);
        self.head = Some(head);
        self.unacknowledged.push(OutboxChange::Failed { row: due.row, error: error.clone() });
        self.acknowledge().await;
        if target.order == Order::Strict && is_refused {
            tracing::error!(
                sink = target.name,
                error,
                seq = due.seq,
                "a sink refuses a delivery: everything behind it waits until the sink takes it or a person drops it"
            );
            self.with.meters.refused(&target.name, true);
        }
        self.error = Some(error);
        if self.pass_over(target, rest).await {
            return Next::More;
        }
        if self.breaker.open_until().is_none() {
            tracing::warn!(sink = target.name, error = self.error, "a delivery failed; it will be repeated");
        }
        self.breaker.failed(self.with.clock.now(), rand::random(), asked);
        Next::Failed
    }

    /// Whether something that comes after the head would be tried.
    fn wants_another(&self, target: &Target) -> bool {
        let now = self.with.clock.now();
        target.order == Order::SetAside && self.head.is_some_and(|head| head.may_be_passed(now, &self.with.pace))
    }

    /// Tries another delivery in the place of the head, the first of `due`. Where the sink takes it, the head goes on in the
    /// lane; else the sink takes nothing, and nothing is passed over.
    async fn pass_over(&mut self, target: &Target, due: &[Due]) -> bool {
        let (Some(mut head), true) = (self.head, self.wants_another(target)) else { return false };
        let Some(first) = due.first() else { return false };
        // The next one, and where that fails too, later ones by turns: two in a row may be refused for what they are.
        let others: Vec<&Due> = due
            .iter()
            .zip(due.iter().skip(1))
            .enumerate()
            .filter(|(n, (before, other))| *n == 0 || before.row != other.row)
            .map(|(_, (_, other))| other)
            .collect();
        let turn = head.probed.map_or(0, |(_, turns)| turns);
        let Some(other) = others.get(turn % others.len().max(1)).copied() else { return false };
        if !self.lane_has_room(target).await {
            return false;
        }
        head.probed = Some((self.with.clock.now(), turn + 1));
        self.head = Some(head);
        let tried = self.attempt_unless_stopped(target, std::slice::from_ref(other)).await;
        if !tried.is_some_and(|(_, verdict)| verdict == Verdict::Delivered) {
            return false;
        }
        let error = self.error.clone().unwrap_or_default();
        tracing::warn!(
            sink = target.name,
            error,
            seq = first.seq,
            "a delivery is refused while others are taken: it is retried beside the queue"
        );
        self.unacknowledged.push(OutboxChange::Aside { row: first.row, seq: first.seq, error });
        self.unacknowledged.push(OutboxChange::Delivered { row: other.row, next: other.next });
        self.acknowledge().await;
        self.begin_anew();
        true
    }

    /// At the bound of its lane nothing more is passed over: the sink waits then.
    async fn lane_has_room(&self, target: &Target) -> bool {
        let (reader, sink) = (self.with.reader(), target.name.clone());
        let read = tokio::task::spawn_blocking(move || reader.outbox_lane_length(&sink));
        read.await.is_ok_and(|length| length.is_ok_and(|length| length < MAX_LANE))
    }

    /// Writes down what was delivered; whether nothing is left to be written.
    async fn acknowledge(&mut self) -> bool {
        if self.unacknowledged.is_empty() {
            return true;
        }
        let outbox = self.unacknowledged.clone();
        match self.with.journal.submit(Batch { outbox, ..Batch::default() }).await {
            Ok(()) => {
                self.unacknowledged.clear();
                true
            }
            Err(error) if error.is_permanent() => {
                // Whatever it is, trying it for ever is worse: what was delivered comes again, and is recognised.
                tracing::error!(%error, "the journal refuses an acknowledgement for good; it is not tried again");
                self.unacknowledged.clear();
                true
            }
            Err(error) => {
                tracing::debug!(%error, "cannot acknowledge deliveries until the journal can be written");
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
        self.head = None;
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
