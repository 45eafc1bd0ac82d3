//! The switchboard: each bridge an operation in the journal, under way once, with one outcome.
//!
//! Owns the bridges under way and the tenants' lines. An operation runs as a task of its own, so that its caller may
//! leave. Bounded: [`MOST_UNDER_WAY`] at once; more are refused with a reason. Must never: send without a receipt,
//! begin a second operation under a key that has one, or lose an outcome because nobody waits for it.

mod running;

use super::line::{Line, lines};
use super::order::{MOST_UNDER_WAY, Order, Purpose, Refusal};
use super::outcome::Settled;
use super::record;
use super::request::{Request, check};
use crate::clearance::{Change, Permit, Permits};
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::journal::{Batch, Ended, Entry, Journal, JournalError, KeptOperation, Operation, ReadFor};
use crate::platform::Platform;
use crate::policy::{Actor, ChannelKey, Hold, TenantId, WallMs};
use crate::sync::lock;
use running::{Asked, Running};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

/// For how long the same idempotency key is the same operation.
const SAME_KEY_FOR: Duration = Duration::from_hours(24);
/// Pauses between tries to write an outcome down.
const WRITE_AGAIN: [u64; 6] = [1, 2, 4, 8, 16, 30];

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Switchboard(Arc<Inner>);

struct Inner {
    journal: Journal,
    clock: Clock,
    counters: Counters,
    permits: Permits,
    lines: Mutex<BTreeMap<TenantId, Line>>,
    tenants: Mutex<Vec<TenantId>>,
    under_way: Mutex<BTreeMap<Uuid, Flight>>,
    /// One admission at a time: between asking for a key and beginning under it nobody else does.
    admission: tokio::sync::Mutex<()>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

struct Flight {
    operation: Operation,
    done: watch::Receiver<Option<Settled>>,
}

impl Switchboard {
    /// A switchboard without lines.
    pub fn new(journal: Journal, clock: Clock, counters: Counters, permits: Permits) -> Self {
        Self(Arc::new(Inner {
            journal,
            clock,
            counters,
            permits,
            lines: Mutex::default(),
            tenants: Mutex::default(),
            under_way: Mutex::default(),
            admission: tokio::sync::Mutex::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Takes the lines of a configuration; the names of those whose connection is new.
    pub fn configure(&self, config: &Config, platforms: &BTreeMap<TenantId, Arc<dyn Platform>>) -> Vec<TenantId> {
        let next = lines(config, platforms);
        let mut lines = lock(&self.0.lines);
        let is_new = |(id, line): &(&TenantId, &Line)| {
            lines.get(*id).is_none_or(|known| !Arc::ptr_eq(&known.control, &line.control))
        };
        let fresh = next.iter().filter(is_new).map(|(id, _)| id.clone()).collect();
        *lines = next;
        *lock(&self.0.tenants) = config.tenants.keys().cloned().collect();
        fresh
    }

    /// Carries a person's order out, and waits for what comes of it. Leaving before that stops nothing.
    ///
    /// # Errors
    /// [`Refusal`]: nothing was sent.
    pub async fn bridge(&self, order: Order) -> Result<Settled, Refusal> {
        let Order { tenant, call, request, key, actor } = order;
        let line = self.line(&tenant)?;
        let (bridge, warnings) = check(&call, &request, &line.rules).map_err(Refusal::Invalid)?;
        // By a task of its own: whoever leaves while it is written down must not leave it open and never sent.
        let board = self.clone();
        let begun = self.0.tasks.spawn(async move {
            let permit = Arc::new(board.leave(&tenant, Change::Bridge).await?);
            let purpose = Purpose::Order(key);
            board.begin(Asked { tenant, line, bridge, warnings, actor, purpose, permit }).await
        });
        let begun = begun.await;
        Ok(begun.map_err(|_| Refusal::Stopping)??.settled().await)
    }

    /// Rescues one call of `channel` under the rescue's permit; never twice.
    pub(super) async fn rescue(
        &self,
        channel: &ChannelKey,
        call: &str,
        request: &Request,
        permit: Arc<Permit>,
    ) -> Result<Settled, Refusal> {
        let tenant = channel.tenant.clone();
        let line = self.line(&tenant)?;
        let (bridge, warnings) = check(call, request, &line.rules).map_err(Refusal::Invalid)?;
        let purpose = Purpose::Rescue(channel.clone());
        let asked = Asked { tenant, line, bridge, warnings, actor: Actor::Engine, purpose, permit };
        Ok(self.begin(asked).await?.settled().await)
    }

    /// Whether the journal knows a rescue of this call. Where it cannot be asked, beginning one will say so.
    pub(super) async fn rescued_before(&self, tenant: &TenantId, call: &str) -> bool {
        let (reader, tenant, call) = (self.0.journal.reader_for(ReadFor::Calls), tenant.to_string(), call.to_owned());
        let ask = move || reader.operation_by_key(&tenant, "rescue", &call, WallMs(0));
        matches!(tokio::task::spawn_blocking(ask).await, Ok(Ok(Some(_))))
    }

    /// A tenant's line.
    ///
    /// # Errors
    /// Where it has none.
    pub fn line(&self, tenant: &TenantId) -> Result<Line, Refusal> {
        match lock(&self.0.lines).get(tenant) {
            Some(line) => Ok(line.clone()),
            None if lock(&self.0.tenants).contains(tenant) => Err(Refusal::NoBridging(tenant.clone())),
            None => Err(Refusal::NoTenant(tenant.clone())),
        }
    }

    /// Asks the driver for leave.
    pub(super) async fn leave(&self, tenant: &TenantId, change: Change) -> Result<Permit, Refusal> {
        if self.is_stopping() {
            return Err(Refusal::Stopping);
        }
        self.0.permits.ask(tenant.clone(), change).await.map_err(|denied| match denied.hold {
            Some(Hold::Journal) => Refusal::Journal(denied.why),
            _ => Refusal::Held(denied.why),
        })
    }

    /// Takes nothing more, and waits `within` for what is under way. What is not over then stays open in the journal, and
    /// the next start reads it back.
    pub async fn stop(&self, within: Duration) {
        self.0.stopping.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(within, self.0.tasks.wait()).await.is_err() {
            let open = lock(&self.0.under_way).len();
            tracing::warn!(open, "stopping with bridges under way; the next start reads the calls back");
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }

    /// Waits until it is stopping.
    pub(super) async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Runs `task` beside everything else; [`Switchboard::stop`] waits for it.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(task);
    }

    async fn begin(&self, asked: Asked) -> Result<Begun, Refusal> {
        if self.is_stopping() {
            return Err(Refusal::Stopping);
        }
        if let Some(why) = asked.permit.gate().closed_because(self.0.clock.now()) {
            return Err(Refusal::Held(why));
        }
        let _turn = self.0.admission.lock().await;
        let operation = asked.operation(self.0.journal.new_operation_id());
        if let Some(earlier) = self.earlier(&asked.purpose, &operation).await? {
            return Ok(earlier);
        }
        if lock(&self.0.under_way).len() >= MOST_UNDER_WAY {
            return Err(Refusal::TooMany);
        }
        let begun_at = self.0.clock.now();
        let requested = record::requested(self.0.clock.wall(), &operation, &asked.bridge, asked.purpose.channel());
        let batch = Batch { entries: vec![requested], ..Batch::default() };
        let receipt = self.0.journal.begin(operation.clone(), batch).await;
        let receipt = receipt.map_err(|error| Refusal::Journal(error.to_string()))?;
        let (sender, done) = watch::channel(None);
        lock(&self.0.under_way).insert(operation.id, Flight { operation: operation.clone(), done: done.clone() });
        let (board, subject) = (self.clone(), operation.clone());
        let span = operation.span();
        let running = Running { board, asked, operation, receipt, begun_at };
        self.spawn(running.run(sender).instrument(span));
        Ok(Begun::UnderWay { operation: subject, done, repeated: false })
    }

    /// The operation that the same key stands for already, if any.
    async fn earlier(&self, purpose: &Purpose, operation: &Operation) -> Result<Option<Begun>, Refusal> {
        let (Some(key), kind) = (operation.key.clone(), purpose.kind()) else { return Ok(None) };
        let same = |known: &Operation| {
            known.kind == kind && known.tenant == operation.tenant && known.key.as_ref() == Some(&key)
        };
        let flight = lock(&self.0.under_way)
            .values()
            .find(|flight| same(&flight.operation))
            .map(|flight| (flight.operation.clone(), flight.done.clone()));
        if let Some((known, done)) = flight {
            matches(purpose, &known, operation)?;
            return Ok(Some(Begun::UnderWay { operation: known, done, repeated: true }));
        }
        let not_before = match purpose {
            Purpose::Order(_) => self.0.clock.wall().back(SAME_KEY_FOR),
            Purpose::Rescue(_) => WallMs(0),
        };
        let (reader, tenant) = (self.0.journal.reader_for(ReadFor::Calls), operation.tenant.clone());
        let found = tokio::task::spawn_blocking(move || reader.operation_by_key(&tenant, kind, &key, not_before)).await;
        let found = found.map_err(|_| Refusal::Stopping)?.map_err(|error| Refusal::Journal(error.to_string()))?;
        let Some(KeptOperation { operation: known, ended, .. }) = found else { return Ok(None) };
        matches(purpose, &known, operation)?;
        let settled = ended.and_then(|(_, ended)| serde_json::from_value::<Settled>(ended.result).ok());
        match settled {
            Some(settled) => Ok(Some(Begun::Over(Settled { repeated: true, ..settled }))),
            None => Err(Refusal::StillOpen(known.id)),
        }
    }

    /// Writes an outcome down; tries again for a while where the disk does not take it.
    pub(super) async fn write_down(&self, settled: &Settled, entry: Entry) -> Result<(), (Batch, JournalError)> {
        let result = serde_json::to_value(settled).unwrap_or(Value::Null);
        let ended = Ended { id: settled.id, outcome: settled.outcome.label().to_owned(), result };
        let batch = Batch { entries: vec![entry], end: vec![ended], ..Batch::default() };
        self.0.journal.submit(batch.clone()).await.map(drop).map_err(|error| (batch, error))
    }

    /// An operation is no longer under way.
    pub(super) fn over(&self, id: Uuid) {
        lock(&self.0.under_way).remove(&id);
    }

    /// Tries for a while to write down what the disk did not take.
    pub(super) async fn write_again(&self, batch: Batch) {
        for pause in WRITE_AGAIN {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            if self.0.journal.submit(batch.clone()).await.is_ok() {
                return;
            }
        }
        tracing::error!("could not record the outcome of a bridge; the next start reads the call back");
    }
}

/// A key stands for one bridge: another under the same key is refused, and a call that was rescued is not again.
fn matches(purpose: &Purpose, known: &Operation, now: &Operation) -> Result<(), Refusal> {
    match purpose {
        Purpose::Order(Some(key)) if known.request != now.request => Err(Refusal::KeyReused(key.clone())),
        Purpose::Order(_) => Ok(()),
        Purpose::Rescue(_) => Err(Refusal::RescuedBefore),
    }
}

enum Begun {
    UnderWay { operation: Operation, done: watch::Receiver<Option<Settled>>, repeated: bool },
    Over(Settled),
}

impl Begun {
    async fn settled(self) -> Settled {
        match self {
            Self::Over(settled) => settled,
            Self::UnderWay { operation, mut done, repeated } => {
                let settled = done.wait_for(Option::is_some).await.ok().and_then(|settled| settled.clone());
                // The sender goes without a word only where its task ended before its time.
                let why = "trunkwarden is stopping; the next start finds out";
                let settled = settled.unwrap_or_else(|| Settled::unknown(&operation, why, Duration::ZERO));
                Settled { repeated, ..settled }
            }
        }
    }
}
