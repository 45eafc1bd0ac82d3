//! Owns the engine. Takes one closed [`Event`] at a time, feeds the engine, carries its commands out, and beats.
//!
//! Nothing here waits for the platform or for the disk: looks come from the prober's task, changes run as executor tasks,
//! commits are awaited beside the loop. So one slow tenant never delays another's failover, and the loop's own pulse (the
//! systemd watchdog, `/healthz`) tells the truth.

mod carry_out;
mod permits;
mod publish;
mod references;
mod start;
mod stop;
mod windows;

pub use start::Shared;

use super::calendar::Calendar;
use super::clients::{Reconfiguration, Reload};
use super::executor::Told;
use super::fact::{Fact, Place};
use super::ledger::Ledger;
use super::orders::{OrderError, OrderRequest, Waiting, holds_still};
use super::prober::{Seen, Task};
use super::publisher::Publisher;
use super::reasons::Reasons;
use super::references::Asking;
use super::spans;
use super::tags::Tags;
use super::{Liveness, Pulse, entry};
use crate::calls::Rescues;
use crate::clearance::PermitEvent;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::journal::Gate;
use crate::platform::{ChannelDoc, Platform};
use crate::policy::{
    Action, Actor, ChannelKey, Command, Engine, EventType, Observation, OpId, Outcome, TenantId, Time,
};
use crate::snapshot::ReferenceReading;
use permits::Granted;
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Calendar and monotonic time that drift apart by more than this between two rounds: the clock was set.
const CLOCK_JUMP_MS: i64 = 3_000;

/// Everything that can happen to the driver.
pub enum Event {
    /// The prober saw something.
    Seen(Seen),
    /// An executor tells how its action goes.
    Told(Told),
    /// A person gives an order.
    Order(OrderRequest),
    /// An order that came then has waited for the journal, which can be written.
    Cleared(OrderRequest, Time),
    /// Someone else wants to change the platform, or may have.
    Permit(PermitEvent),
    /// A new configuration, checked, with its clients; or that one was refused.
    Reconfigure(Reconfiguration),
    /// The reference targets were asked.
    References(Vec<ReferenceReading>),
    /// Whether the journal can be written changed.
    JournalWritable(bool),
    /// The engine's deadline, the beat, or room in the prober's queue.
    Round,
    /// Stop.
    Stop,
}

/// The driver's ends of everything it is connected to.
pub struct Wiring {
    /// From the prober.
    pub seen: mpsc::Receiver<Seen>,
    /// To the prober.
    pub tasks: mpsc::Sender<Task>,
    /// From people.
    pub orders: mpsc::Receiver<OrderRequest>,
    /// From others who change the platform.
    pub permits: mpsc::Receiver<PermitEvent>,
    /// The reference targets.
    pub references: Asking,
    /// New configurations.
    pub reloads: mpsc::Receiver<Reconfiguration>,
    /// Whether the journal can be written.
    pub writable: watch::Receiver<bool>,
    /// Stops the driver.
    pub stop: CancellationToken,
    /// What the loop does of its own accord.
    pub pulse: Pulse,
}

/// The driver; [`Driver::run`] is its task.
pub struct Driver {
    engine: Engine,
    clock: Clock,
    counters: Counters,
    liveness: Liveness,
    ledger: Ledger,
    rescues: Rescues,
    publisher: Publisher,
    reasons: Reasons,
    calendar: Calendar,
    platforms: BTreeMap<TenantId, Arc<dyn Platform>>,
    wiring: Wiring,
    backlog: VecDeque<Task>,
    told: (mpsc::Sender<Told>, mpsc::Receiver<Told>),
    executions: JoinSet<()>,
    in_flight: BTreeMap<OpId, InFlight>,
    orphans: BTreeMap<OpId, TenantId>,
    permits: Vec<Granted>,
    tags: Tags,
    /// Orders that wait for the journal.
    waiting: Waiting,
    wanted: HashSet<ChannelKey>,
    /// Of the channels wanted: the newest document, and when it was asked for.
    docs: HashMap<ChannelKey, (Time, Arc<ChannelDoc>)>,
    last_round: (Time, i64),
    beaten_at: Option<Time>,
    commands: Vec<Command>,
}

/// An action that an executor is at work on.
pub struct InFlight {
    action: Action,
    operation: Uuid,
    gate: Gate,
}

impl Driver {
    /// Works until stopped; ends with the journal flushed.
    pub async fn run(mut self) {
        self.engine.start(&mut self.commands);
        self.carry_out();
        loop {
            let event = self.next_event().await;
            self.round();
            match event {
                Event::Stop => break,
                event => self.handle(event),
            }
            self.publish();
        }
        self.finish().await;
    }

    async fn next_event(&mut self) -> Event {
        let now = self.clock.now();
        let mut wake = now + self.wiring.pulse.every;
        wake = self.engine.next_deadline().map_or(wake, |d| d.min(wake));
        wake = wake.min(self.publisher.due());
        wake = self.ledger.due().map_or(wake, |d| d.min(wake));
        if wake <= now && !self.wiring.stop.is_cancelled() {
            return Event::Round;
        }
        let sleep = tokio::time::sleep(wake.since(now));
        let Wiring { seen, tasks, orders, permits, references, reloads, writable, stop, .. } = &mut self.wiring;
        let event = tokio::select! {
            biased;
            () = stop.cancelled() => Event::Stop,
            Some(told) = self.told.1.recv() => Event::Told(told),
            Some(ended) = self.executions.join_next() => {
                super::pass_on_panic(ended);
                Event::Round
            }
            Some(order) = orders.recv() => Event::Order(order),
            Some((order, since)) = self.waiting.next() => Event::Cleared(order, since),
            Some(told) = permits.recv() => Event::Permit(told),
            Some(reload) = reloads.recv() => Event::Reconfigure(reload),
            Ok(()) = writable.changed() => Event::JournalWritable(*writable.borrow_and_update()),
            asked = references.rounds.recv() => asked.map_or(Event::Stop, Event::References),
            Some(()) = self.ledger.settle() => Event::Round,
            Ok(place) = tasks.reserve(), if !self.backlog.is_empty() => {
                if let Some(task) = self.backlog.pop_front() {
                    place.send(task);
                }
                Event::Round
            }
            seen = seen.recv() => seen.map_or(Event::Stop, Event::Seen),
            () = sleep => Event::Round,
        };
        if matches!(event, Event::Round) {
            self.counters.loop_lag(self.clock.now().since(wake));
        }
        event
    }

    /// What every round does, whatever woke it.
    fn round(&mut self) {
        let now = self.clock.now();
        self.beat(now);
        let wall = self.clock.wall().0;
        let (last_now, last_wall) = std::mem::replace(&mut self.last_round, (now, wall));
        let passed = i64::try_from(now.since(last_now).as_millis()).unwrap_or(i64::MAX);
        let jumped = wall.saturating_sub(last_wall).saturating_sub(passed);
        if jumped.abs() > CLOCK_JUMP_MS {
            tracing::warn!(jumped_ms = jumped, "the clock was set; all evidence is stale until the next looks");
            self.ledger.fact(now, Place::Process, &Fact::ClockJumped);
            self.engine.clock_jumped(now, &mut self.commands);
        }
        self.open_windows(now);
        if self.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.engine.tick(now, &mut self.commands);
        }
        if !self.commands.is_empty() {
            self.carry_out();
        }
        let in_flight = self.in_flight.values().map(|f| &f.action);
        self.ledger.checkpoint(now, &self.engine, self.platforms.keys(), in_flight);
        self.ledger.round(now);
    }

    fn beat(&mut self, now: Time) {
        self.liveness.beat(now);
        if self.beaten_at.is_none_or(|at| now.since(at) >= self.wiring.pulse.every) {
            self.beaten_at = Some(now);
            (self.wiring.pulse.on_beat)();
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Seen(seen) => self.seen(now, seen),
            Event::Told(told) => self.told(now, told),
            Event::Order(request) if holds_still(&request.order) => {
                self.waiting.hold();
                self.obey(now, request, now);
            }
            Event::Order(request) => self.waiting.add(request, now, self.ledger.clear()),
            Event::Cleared(request, since) => self.obey(now, request, since),
            Event::Permit(PermitEvent::Asked(request)) => self.permit(request),
            Event::Permit(PermitEvent::MayShow(channel, lasts)) => self.may_show(&channel, lasts),
            Event::Reconfigure(Reconfiguration::Take(reload)) => self.reload(now, *reload),
            Event::Reconfigure(Reconfiguration::Refused(why)) => {
                self.publisher.config_refused();
                self.write_process(EventType::ConfigRefused, &Actor::Config, why, json!({}));
            }
            Event::References(readings) => self.references(now, readings),
            Event::JournalWritable(writable) => self.journal_writable(now, writable),
            Event::Round | Event::Stop => {}
        }
        self.carry_out();
        self.call_back();
        self.call_back_forbidden();
    }

    fn seen(&mut self, now: Time, seen: Seen) {
        match seen {
            Seen::Channel(channel, observation, doc) => self.observe(now, &channel, &observation, doc),
            Seen::Paced(tenant, pace) => {
                self.publisher.touch();
                self.ledger.fact(now, Place::Tenant(&tenant), &Fact::Paced(pace));
                self.engine.set_pace(now, &tenant, pace, &mut self.commands);
            }
            Seen::Pages(tenant, pages) => self.ledger.pages(tenant.as_str(), pages),
            Seen::ClockSkew(tenant, ms) => self.publisher.clock_skew(&tenant, ms),
            Seen::NotAuthorised(tenant, why) => self.publisher.not_authorised(&tenant, why),
        }
    }

    fn observe(&mut self, now: Time, channel: &ChannelKey, observation: &Observation, doc: Option<Arc<ChannelDoc>>) {
        if let (Some(doc), Observation::Look { asked_at, .. }) = (doc, observation)
            && self.wanted.contains(channel)
            && self.docs.get(channel).is_none_or(|(known, _)| known <= asked_at)
        {
            self.docs.insert(channel.clone(), (*asked_at, doc));
        }
        self.ledger.observed(now, channel, observation);
        self.engine.observe(now, channel, observation, &mut self.commands);
    }

    fn told(&mut self, now: Time, told: Told) {
        match told {
            Told::Sent { op, latency } => {
                if let Some(InFlight { action, .. }) = self.in_flight.get(&op) {
                    self.counters.action_latency(action.channel.tenant.as_str(), latency);
                }
            }
            Told::Read { op, observation, doc } => {
                if let Some(channel) = self.in_flight.get(&op).map(|f| f.action.channel.clone()) {
                    self.observe(now, &channel, &observation, Some(doc));
                }
            }
            Told::Finished { op, outcome } => self.finished(now, op, outcome),
        }
    }

    fn finished(&mut self, now: Time, op: OpId, outcome: Outcome) {
        let Some(InFlight { action, operation, .. }) = self.in_flight.remove(&op) else { return };
        let (channel, kind) = (&action.channel, action.kind.name());
        spans::action(&action).in_scope(|| tracing::info!(action = kind, outcome = outcome.name(), "action ended"));
        self.counters.action(channel.tenant.as_str(), kind, outcome.name());
        if matches!(&outcome, Outcome::Applied { siblings_lost } if !siblings_lost.is_empty()) {
            self.counters.siblings_lost(channel.tenant.as_str(), kind);
        }
        self.ledger.end(entry::of_outcome(operation, &outcome));
        self.orphans.remove(&op);
        let fact = Fact::Outcome { op, outcome: outcome.clone() };
        self.ledger.fact(now, Place::Channel(channel), &fact);
        self.engine.outcome(now, op, outcome, &mut self.commands);
    }

    /// Obeys an order; what comes of it is answered with the commit that holds it.
    fn obey(&mut self, now: Time, OrderRequest { order, who, reply }: OrderRequest, since: Time) {
        let answer = self.engine.operator(now, &order, &who, &mut self.commands);
        if let Err(refusal) = &answer {
            tracing::warn!(actor = %Actor::Operator(who.clone()), "refused the order to {order}: {refusal}");
        }
        if answer.is_ok() {
            self.ledger.fact(now, Place::of_order(&order), &Fact::Ordered { order: order.clone(), who });
            self.publisher.at_once();
        }
        self.ledger.answer_with_commit(reply, answer.map_err(OrderError::Refused), since);
        self.carry_out();
    }

    pub(super) fn journal_writable(&mut self, now: Time, writable: bool) {
        if writable {
            tracing::info!("the journal can be written again");
        } else {
            tracing::error!("the journal cannot be written: no actions until it can; watching goes on");
        }
        self.publisher.journal_writable(writable);
        self.ledger.set_writable(writable);
        self.ledger.fact(now, Place::Process, &Fact::JournalWritable(writable));
        self.engine.set_journal_writable(now, writable, &mut self.commands);
    }

    fn reload(&mut self, now: Time, reload: Reload) {
        let Reload { params, plans, platforms, calendar, references, news } = reload;
        self.wiring.references.plan.send_replace(references);
        for gone in self.platforms.keys().filter(|id| !platforms.contains_key(*id)) {
            self.counters.forget_tenant(gone.as_str());
        }
        self.platforms = platforms;
        self.platforms.keys().for_each(|id| self.counters.tenant(id.as_str()));
        self.call_back_provisioning("another configuration was loaded");
        self.publisher.configured(&params, self.clock.wall());
        self.ledger.fact(now, Place::Process, &Fact::Reconfigured);
        self.calendar = calendar;
        self.open_windows(now);
        self.engine.reconfigure(now, params, &mut self.commands);
        self.backlog.push_back(Task::Tenants(plans));
        self.write_process(EventType::ConfigReloaded, &Actor::Config, news.reason, news.details);
    }

    pub(super) fn write_process(
        &mut self,
        event: EventType,
        actor: &Actor,
        reason: String,
        details: serde_json::Value,
    ) {
        self.ledger.write(entry::of_process(self.clock.wall(), event, actor, reason, details));
    }
}

/// A channel of which nothing is known but its id: what an orphan starts from.
pub(super) fn bare(channel: &ChannelKey) -> Option<Arc<ChannelDoc>> {
    ChannelDoc::from_value(json!({ "id": channel.channel.as_str() }), None).map(Arc::new)
}
