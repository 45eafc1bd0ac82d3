//! The driver's side of the journal: gathers what belongs together, never waits for the disk, and loses nothing.
//!
//! Entries that could not be committed are kept, in order and up to a bound, and written when the journal can be written
//! again. State is not kept but saved anew then: an old state must never be written over a newer one. Observations are
//! given up first: they explain, they do not prove. What the journal refuses for good is taken apart, so that one part costs
//! no other, and is then set aside: it is never tried for ever.

use super::entry;
use super::fact::{self, Fact, Place};
use super::orders::{ORDER_WITHIN, OrderAnswer, OrderError};
use crate::clock::Clock;
use crate::journal::{Batch, Ended, Entry, Journal, JournalCounters, JournalError, ObservationRow, Receipt, Trust};
use crate::policy::{Action, Actor, ChannelKey, Engine, EventType, Observation, Part, Reason, TenantId, Time};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;
use uuid::Uuid;

mod kept;

pub use kept::{pages_key, pages_of, recent_key, recent_of, recent_state, state_of};

/// Batches that wait for the journal to become writable; beyond it the oldest are given up, and that is logged.
const KEPT_BOUND: usize = 10_000;
/// Observations are written at least this often, or when so many wait.
const OBSERVATIONS_EVERY: Duration = Duration::from_secs(1);
const OBSERVATIONS_AT_ONCE: usize = 512;
/// The whole state is written beside what is observed this often, so that a past moment can be rebuilt from near by.
const CHECKPOINT_EVERY: Duration = Duration::from_hours(1);
/// How long a stop waits for the last commits.
const LAST_COMMITS: Duration = Duration::from_secs(3);

/// Who is answered with the next commit: at this moment at the latest, and with this where it succeeds.
struct Reply {
    to: oneshot::Sender<OrderAnswer>,
    answer: OrderAnswer,
    by: Time,
}

type Settled = (Batch, Result<(), JournalError>);

/// See the module documentation.
pub struct Ledger {
    journal: Journal,
    clock: Clock,
    batch: Batch,
    reply: Option<Reply>,
    commits: FuturesUnordered<BoxFuture<'static, Settled>>,
    kept: VecDeque<Batch>,
    /// Parts that the journal refused for good.
    set_aside: u64,
    unsaved: BTreeSet<Part>,
    writable: bool,
    rows: Vec<ObservationRow>,
    rows_since: Time,
    checkpoint_at: Time,
    keep_observations: bool,
}

impl Ledger {
    /// A ledger over an open journal; `keep_observations` off writes none (a simulation of years has no use for them).
    pub fn new(journal: Journal, clock: Clock, keep_observations: bool) -> Self {
        let now = clock.now();
        Self {
            journal,
            clock,
            batch: Batch::default(),
            reply: None,
            commits: FuturesUnordered::new(),
            kept: VecDeque::new(),
            set_aside: 0,
            unsaved: BTreeSet::new(),
            writable: true,
            rows: Vec::new(),
            rows_since: Time::ZERO,
            checkpoint_at: now + CHECKPOINT_EVERY,
            keep_observations,
        }
    }

    /// An audit entry, with the next commit.
    pub fn write(&mut self, entry: Entry) {
        self.batch.entries.push(entry);
    }

    /// The outcome of an operation, with the next commit.
    pub fn end(&mut self, ended: Ended) {
        self.batch.end.push(ended);
    }

    /// Answers an order with the next commit, which holds what the order led to: with `answer` once that is on disk; that
    /// it is obeyed and not on disk where it cannot be written, or is not in time. `since`: when the order came.
    pub fn answer_with_commit(&mut self, to: oneshot::Sender<OrderAnswer>, answer: OrderAnswer, since: Time) {
        self.reply = Some(Reply { to, answer, by: since + ORDER_WITHIN });
    }

    /// Whether the journal shows that it can be written now: a commit of its own, that is never made after the order's time.
    pub fn clear(&self) -> impl Future<Output = Result<(), JournalError>> + Send + use<> {
        let wall = self.clock.wall();
        let states = vec![(ORDER_KEY.to_owned(), Some(json!({ "saved_at": wall })))];
        self.journal.submit_within(Batch { states, ..Batch::default() }, ORDER_WITHIN)
    }

    /// The engine's state, where it changed since it was last on disk, with the next commit.
    pub fn save(&mut self, now: Time, engine: &mut Engine) {
        self.unsaved.extend(engine.take_unsaved());
        if !self.writable {
            return;
        }
        let saved_at = self.clock.wall();
        for part in std::mem::take(&mut self.unsaved) {
            let value = engine.save(now, &part).map(|saved| json!({ "saved_at": saved_at, "state": saved }));
            self.batch.states.push((part.to_string(), value));
        }
    }

    /// Begins an action's operation in a commit of its own, together with the entries of that action. Which operation that
    /// is, and its receipt, once it is on disk.
    pub fn begin(&mut self, action: &Action) -> (Uuid, BoxFuture<'static, Result<Receipt, JournalError>>) {
        let (own, others) = std::mem::take(&mut self.batch.entries).into_iter().partition(|e| e.op == Some(action.op));
        self.batch.entries = others;
        // Whoever is to be answered waits for the rest of what is being gathered.
        let reply = self.reply.take();
        self.commit();
        self.reply = reply;
        let id = self.journal.new_operation_id();
        let batch = Batch { entries: own, ..Batch::default() };
        (id, Box::pin(self.journal.begin(entry::of_action(id, action), batch)))
    }

    /// Hands what was gathered to the journal.
    pub fn commit(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let reply = self.reply.take();
        let empty = batch.entries.is_empty() && batch.states.is_empty() && batch.end.is_empty();
        // Nothing of its own to write still comes after what is on its way.
        let waits = reply.as_ref().is_some_and(|reply| reply.answer.is_ok() && !self.commits.is_empty());
        if self.writable && (!empty || waits) {
            self.submit(batch, reply);
            return;
        }
        if !empty {
            self.keep(batch);
        }
        if let Some(reply) = reply {
            reply.tell(empty && self.writable);
        }
    }

    /// Waits for one commit; `None` where none is under way. Safe to drop.
    pub async fn settle(&mut self) -> Option<()> {
        let (batch, result) = self.commits.next().await?;
        match result {
            Ok(()) => {}
            Err(error) if error.is_permanent() => self.take_apart(batch, &error),
            Err(error) => {
                tracing::error!(%error, "a commit failed; it will be tried again");
                self.keep(batch);
            }
        }
        Some(())
    }

    /// What was observed, for explaining and replaying.
    pub fn observed(&mut self, now: Time, channel: &ChannelKey, observation: &Observation) {
        if self.keep_observations {
            self.push(now, fact::observed(self.clock.wall(), now, channel, observation));
        }
    }

    /// Any other fact that the engine got.
    pub fn fact(&mut self, now: Time, place: Place<'_>, fact: &Fact) {
        if self.keep_observations {
            self.push(now, fact::row(self.clock.wall(), now, place, fact));
        }
    }

    /// A channel's reason became another one.
    pub fn reason(&mut self, now: Time, channel: &ChannelKey, reason: &Reason) {
        if self.keep_observations {
            self.push(now, fact::reason(self.clock.wall(), now, channel, reason));
        }
    }

    /// Now and then the whole state, from which a past moment can be rebuilt.
    pub fn checkpoint<'a>(
        &mut self,
        now: Time,
        engine: &Engine,
        tenants: impl Iterator<Item = &'a TenantId>,
        in_flight: impl Iterator<Item = &'a Action>,
    ) {
        if !self.keep_observations || now < self.checkpoint_at {
            return;
        }
        self.checkpoint_at = now + CHECKPOINT_EVERY;
        self.fact(now, Place::Begin, &Fact::Checkpoint);
        let channels = engine.channels().map(|key| Part::Channel(key.clone()));
        for part in [Part::Engine]
            .into_iter()
            .chain(tenants.map(|id| Part::Tenant(id.clone())))
            .chain(channels)
            .chain(engine.left())
        {
            if let Some(state) = engine.save(now, &part) {
                let fact = Fact::Restored { part: part.to_string(), state, elapsed: Duration::ZERO };
                self.fact(now, Place::of_part(&part), &fact);
            }
        }
        for (policy, windows) in engine.windows() {
            self.fact(now, Place::Process, &Fact::Windows { policy: policy.to_owned(), windows });
        }
        if let (answered, of @ 1..) = engine.references() {
            self.fact(now, Place::Process, &Fact::References { answered, of });
        }
        for action in in_flight {
            self.fact(now, Place::Channel(&action.channel), &Fact::Adopted(action.clone()));
        }
    }

    /// Writes what is due, and tries again what could not be written.
    pub fn round(&mut self, now: Time) {
        if self.due().is_some_and(|due| due <= now) {
            self.flush_observations();
        }
        if self.writable && self.commits.is_empty() {
            while let Some(batch) = self.kept.pop_front() {
                self.submit(batch, None);
            }
        }
    }

    /// When [`Ledger::round`] has something to do.
    pub fn due(&self) -> Option<Time> {
        (!self.rows.is_empty()).then(|| self.rows_since + OBSERVATIONS_EVERY)
    }

    /// Whether commits can succeed; until then they are kept.
    pub fn set_writable(&mut self, writable: bool) {
        self.writable = writable;
    }

    /// How the log stands to what was signed of it.
    pub fn trust(&self) -> Trust {
        self.journal.trust()
    }

    /// What the journal has done.
    pub fn counters(&self) -> JournalCounters {
        let counters = self.journal.counters();
        JournalCounters { set_aside_total: counters.set_aside_total + self.set_aside, ..counters }
    }

    /// What a clean stop left of the last minute's requests has served: a crash from now on must not find it.
    pub fn forget_recent<'a>(&mut self, tenants: impl Iterator<Item = &'a crate::policy::TenantId>) {
        self.batch.states.extend(tenants.map(|id| (recent_key(id.as_str()), None)));
    }

    /// How many pages a tenant's list has: what the next start plans by.
    pub fn pages(&mut self, tenant: &str, pages: usize) {
        self.batch.states.push((pages_key(tenant), Some(json!({ "pages": pages }))));
    }

    /// Writes the last words and closes the journal.
    pub async fn stop(mut self, now: Time, engine: &mut Engine, recent: Vec<(String, Vec<Duration>)>) {
        self.save(now, engine);
        let saved_at = self.clock.wall();
        for (tenant, ages) in recent {
            self.batch.states.push(recent_state(&tenant, &ages, saved_at));
        }
        let reason = "stopped on request".to_owned();
        self.write(entry::of_process(saved_at, EventType::ProcessStopped, &Actor::System, reason, json!({})));
        self.flush_observations();
        self.commit();
        let settled = async { while self.settle().await.is_some() {} };
        if tokio::time::timeout(LAST_COMMITS, settled).await.is_err() {
            tracing::error!("the last commits did not reach the disk in time");
        }
        if !self.kept.is_empty() {
            tracing::error!(batches = self.kept.len(), "stopping with entries that are not on disk");
        }
        if tokio::time::timeout(LAST_COMMITS, self.journal.close()).await.is_err() {
            tracing::error!("the journal did not close in time; the next start checks it");
        }
    }

    fn submit(&mut self, batch: Batch, reply: Option<Reply>) {
        let mut pending = self.journal.submit(batch.clone());
        let left = reply.as_ref().map(|reply| reply.by.since(self.clock.now()));
        self.commits.push(Box::pin(async move {
            let in_time = match left {
                Some(left) => tokio::time::timeout(left, &mut pending).await.ok(),
                None => None,
            };
            if let Some(reply) = reply {
                reply.tell(matches!(in_time, Some(Ok(()))));
            }
            let result = match in_time {
                Some(result) => result,
                None => pending.await,
            };
            (batch, result)
        }));
    }

    /// What is refused for good goes again in parts; a part by itself is given up.
    fn take_apart(&mut self, batch: Batch, error: &JournalError) {
        let parts = parts(batch);
        if parts.len() > 1 {
            for part in parts {
                self.submit(part, None);
            }
        } else {
            self.set_aside += 1;
            tracing::error!(%error, "the journal refuses part of a commit for good; that part is set aside and not tried again");
        }
    }

    fn keep(&mut self, mut batch: Batch) {
        batch.states.retain(|(key, _)| match key.parse() {
            Ok(part) => {
                self.unsaved.insert(part);
                false
            }
            Err(_) => true,
        });
        if self.kept.len() == KEPT_BOUND {
            tracing::error!(bound = KEPT_BOUND, "too many commits wait for the journal; the oldest is lost");
            self.kept.pop_front();
        }
        self.kept.push_back(batch);
    }

    fn push(&mut self, now: Time, row: Option<ObservationRow>) {
        let Some(row) = row else { return };
        if self.rows.is_empty() {
            self.rows_since = now;
        }
        self.rows.push(row);
        if self.rows.len() >= OBSERVATIONS_AT_ONCE {
            self.flush_observations();
        }
    }

    fn flush_observations(&mut self) {
        let observations = std::mem::take(&mut self.rows);
        if !self.writable {
            self.journal.give_up_observations(observations.len());
        } else if !observations.is_empty() {
            // Nobody waits for it: the journal counts what it has to give up.
            drop(self.journal.submit(Batch { observations, ..Batch::default() }));
        }
    }
}

impl Reply {
    /// Answers; `on_disk`: whether what an order that was taken led to is there.
    fn tell(self, on_disk: bool) {
        let answer = if self.answer.is_ok() && !on_disk { Err(OrderError::NotOnDisk) } else { self.answer };
        // Whoever gave the order may have gone.
        let _ = self.to.send(answer);
    }
}

/// Each part of a batch of the ledger's, by itself.
fn parts(batch: Batch) -> Vec<Batch> {
    let Batch { entries, states, end, .. } = batch;
    let entries = entries.into_iter().map(|entry| Batch { entries: vec![entry], ..Batch::default() });
    let states = states.into_iter().map(|state| Batch { states: vec![state], ..Batch::default() });
    let end = end.into_iter().map(|ended| Batch { end: vec![ended], ..Batch::default() });
    entries.chain(states).chain(end).collect()
}

/// Where the journal shows that it can be written, before an order is obeyed.
const ORDER_KEY: &str = "order";

#[cfg(test)]
mod tests;
