//! How a driver starts: built, restored from the journal, and given the actions that a crash interrupted.

use super::super::spans;
use super::{Driver, InFlight, Wiring};
use crate::calls::Rescues;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::journal::{Gate, KeptOperation, Recovered};
use crate::policy::{Action, Actor, Engine, EventType, OpId, Outcome};
use crate::supervisor::clients::Reload;
use crate::supervisor::entry;
use crate::supervisor::executor::Execution;
use crate::supervisor::fact::{Fact, Place};
use crate::supervisor::ledger::{self, Ledger};
use crate::supervisor::liveness::Liveness;
use crate::supervisor::orders::Waiting;
use crate::supervisor::prober::Task;
use crate::supervisor::publisher::Publisher;
use crate::supervisor::reasons::Reasons;
use crate::supervisor::tags::{Insistence, Tags};
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

/// What executors say that waits for the driver.
const TOLD_BOUND: usize = 4096;

/// What the driver shares with the rest of the daemon.
pub struct Shared {
    /// The clock.
    pub clock: Clock,
    /// What is counted.
    pub counters: Counters,
    /// Where the loop's pulse is felt.
    pub liveness: Liveness,
    /// Rescues of calls.
    pub rescues: Rescues,
}

impl Driver {
    /// A driver of this configuration, before it knows anything else.
    pub fn new(start: Reload, ledger: Ledger, publisher: Publisher, wiring: Wiring, shared: Shared) -> Self {
        let Shared { clock, counters, liveness, rescues } = shared;
        let now = clock.now();
        let mut driver = Self {
            engine: Engine::new(start.params, now),
            last_round: (now, clock.wall().0),
            beaten_at: None,
            ledger,
            publisher,
            reasons: Reasons::default(),
            calendar: start.calendar,
            platforms: start.platforms,
            wiring,
            backlog: VecDeque::from([Task::Tenants(start.plans)]),
            told: mpsc::channel(TOLD_BOUND),
            executions: JoinSet::new(),
            in_flight: BTreeMap::new(),
            orphans: BTreeMap::new(),
            permits: Vec::new(),
            tags: Tags::default(),
            waiting: Waiting::default(),
            wanted: HashSet::new(),
            docs: HashMap::new(),
            commands: Vec::new(),
            counters,
            rescues,
            liveness,
            clock,
        };
        if !*driver.wiring.writable.borrow_and_update() {
            driver.journal_writable(now, false);
        }
        driver
    }

    /// State from the journal; actions without an outcome become actions in flight that are read back, never sent again.
    pub(in crate::supervisor) fn restore(&mut self, recovered: Recovered) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        self.ledger.fact(now, Place::Begin, &Fact::Started);
        for (key, value) in &recovered.states {
            if let Some((part, saved, elapsed)) = ledger::state_of(key, value, wall) {
                let fact = Fact::Restored { part: part.to_string(), state: saved.clone(), elapsed };
                self.ledger.fact(now, Place::of_part(&part), &fact);
                self.engine.restore(now, &part, saved, elapsed);
            }
        }
        self.engine.set_next_op(OpId(recovered.last_op.0 + 1));
        let found = recovered.open.len();
        for orphan in recovered.open {
            self.adopt(orphan);
        }
        let version = env!("CARGO_PKG_VERSION");
        let reason = format!("version {version} started; {found} interrupted actions to read back");
        let details = json!({ "version": version, "interrupted": found });
        self.ledger.write(entry::of_process(wall, EventType::ProcessStarted, &Actor::System, reason, details));
        self.ledger.forget_recent(self.platforms.keys());
        self.ledger.commit();
    }

    fn adopt(&mut self, KeptOperation { operation: orphan, .. }: KeptOperation) {
        let (Some(op), operation) = (orphan.op, orphan.id) else { return };
        let action: Option<Action> = serde_json::from_value(orphan.request).ok();
        let known = action.filter(|action| self.engine.channel(self.clock.now(), &action.channel).is_some());
        let execution = known.and_then(|action| {
            Some(Execution {
                platform: Arc::clone(self.platforms.get(&action.channel.tenant)?),
                doc: super::bare(&action.channel)?,
                insistence: Insistence::default(),
                gate: Gate::open(),
                clock: self.clock.clone(),
                tell: self.told.0.clone(),
                action,
            })
        });
        let Some(execution) = execution else {
            let (tenant, channel) = (orphan.tenant, orphan.subject);
            let why = format!("{tenant}/{channel} is no longer configured; check its route by hand");
            spans::operation(op, &tenant.as_str().into(), &channel.as_str().into())
                .in_scope(|| tracing::warn!(%why, "cannot read back an interrupted action"));
            let outcome = Outcome::Unknown { why: why.clone() };
            let details = json!({ "operation": op, "outcome": outcome });
            let mut entry =
                entry::of_process(self.clock.wall(), EventType::OrphanResolved, &Actor::System, why, details);
            (entry.tenant, entry.channel_id, entry.op) = (Some(tenant), Some(channel), Some(op));
            self.ledger.end(entry::of_outcome(operation, &outcome));
            self.ledger.write(entry);
            return;
        };
        let action = execution.action.clone();
        let span = spans::action(&action);
        let kind = action.kind.name();
        span.in_scope(|| tracing::warn!(action = kind, "an action was interrupted; reading the platform back"));
        self.orphans.insert(op, action.channel.tenant.clone());
        self.in_flight.insert(op, InFlight { action: action.clone(), operation, gate: Gate::open() });
        let now = self.clock.now();
        self.ledger.fact(now, Place::Channel(&action.channel), &Fact::Adopted(action.clone()));
        self.engine.adopt_orphan(now, action);
        self.executions.spawn(execution.resolve_orphan().instrument(span));
    }
}
