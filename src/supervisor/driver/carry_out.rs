//! Carries out the engine's commands after each fact, and calls back the actions whose grounds are gone.

use super::super::entry;
use super::super::executor::{Execution, Told};
use super::super::fact::{Fact, Place};
use super::super::prober::Task;
use super::super::spans;
use super::super::tags::Insistence;
use super::{Driver, InFlight};
use crate::calls::FailedOver;
use crate::journal::Gate;
use crate::policy::{
    Action, Actor, ChannelId, ChannelKey, Command, EventType, Fact as Word, Health, Outcome, Record, TenantId, Time,
};
use std::sync::Arc;
use tokio::sync::mpsc;
use tracing::{Instrument, Span};

impl Driver {
    /// Carries the engine's commands out, in order.
    pub(super) fn carry_out(&mut self) {
        let now = self.clock.now();
        for command in std::mem::take(&mut self.commands) {
            match command {
                Command::Watch { channel, cadence } => {
                    if cadence.suspect {
                        // Its next look may be the last one before a change.
                        self.wanted.insert(channel.clone());
                    }
                    self.backlog.push_back(Task::Watch(channel, cadence));
                }
                Command::Unwatch { channel } => {
                    self.wanted.remove(&channel);
                    self.docs.remove(&channel);
                    self.backlog.push_back(Task::Unwatch(channel));
                }
                Command::LookNow { channel } => {
                    self.wanted.insert(channel.clone());
                    self.backlog.push_back(Task::LookNow(channel));
                }
                Command::Record(record) => {
                    log(&record);
                    if let (EventType::OtherController, Some(tenant)) = (record.event, &record.tenant) {
                        self.counters.other_controller(tenant.as_str());
                    }
                    self.rescue_after(now, &record);
                    self.ledger.write(entry::of_record(self.clock.wall(), record));
                }
                Command::Act(action) => self.act(action),
            }
        }
        self.ledger.save(now, &mut self.engine);
        self.ledger.commit();
        while let Some(task) = self.backlog.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(task)) = self.wiring.tasks.try_send(task) {
                self.backlog.push_front(task);
                break;
            }
        }
    }

    /// A failover shows, at once or late: the calls that are still on its channel are rescued, where its policy says so.
    fn rescue_after(&self, now: Time, record: &Record) {
        let (EventType::FailoverCompleted, Some(Word::Route(to))) = (record.event, &record.after) else { return };
        let (Some(tenant), Some(channel)) = (&record.tenant, &record.channel) else { return };
        let key = ChannelKey::new(tenant.clone(), channel.clone());
        if let Some(report) = self.engine.channel(now, &key) {
            self.rescues.failed_over(FailedOver::of(report, to.clone()));
        }
    }

    fn act(&mut self, action: Action) {
        let (channel, op) = (action.channel.clone(), action.op);
        let span = spans::action(&action);
        span.in_scope(|| tracing::warn!(reason = %action.reason, "{}", entry::sentence(&action)));
        self.ledger.fact(self.clock.now(), Place::Channel(&channel), &Fact::Acted(action.clone()));
        let gate = Gate::open_until(action.evidence_at + action.action_timeout);
        let (operation, begun) = self.ledger.begin(&action);
        let doc = self.docs.remove(&channel);
        self.wanted.remove(&channel);
        self.in_flight.insert(op, InFlight { action: action.clone(), operation, gate: gate.clone() });
        let (clock, tell) = (self.clock.clone(), self.told.0.clone());
        if let (Some(platform), Some(doc)) = (self.platforms.get(&channel.tenant), doc) {
            let others = self.makes_way(&action);
            let report = self.engine.channel(clock.now(), &channel);
            let insistence = Insistence {
                tags: self.tags.clone(),
                read_lag: self.engine.read_lag(&channel.tenant),
                allowed: report.is_some_and(|report| report.maintenance.is_none()),
            };
            let platform = Arc::clone(platform);
            let execution = Execution { action, doc: doc.1, insistence, gate, platform, clock, tell };
            self.executions.spawn(execution.run_after(others, begun).instrument(span));
        } else {
            // What must stay beside the change is not known: it is not sent.
            let outcome =
                Outcome::NotSent { why: format!("{channel} was not read by a single look before the change") };
            self.executions.spawn(async move {
                let _ = begun.await;
                let _ = tell.send(Told::Finished { op, outcome }).await;
            });
        }
    }

    /// Calls back what is no longer allowed and not yet sent.
    pub(super) fn call_back(&mut self) {
        for (op, InFlight { gate, .. }) in &self.in_flight {
            if let Err(reason) = self.engine.may_send(*op) {
                gate.close(reason.to_string());
            }
        }
    }
}

/// What is about an action bears its span; what is not says by itself whom it is about.
fn log(record: &Record) {
    let Record { event, tenant, channel, op, actor, reason, .. } = record;
    let event = event.name();
    let (span, tenant, channel) = match (op, tenant, channel) {
        (Some(op), Some(tenant), Some(channel)) => (spans::operation(*op, tenant, channel), None, None),
        _ => (Span::none(), tenant.as_ref().map(TenantId::as_str), channel.as_ref().map(ChannelId::as_str)),
    };
    span.in_scope(|| match urgency(record) {
        Urgency::Error => tracing::error!(tenant, channel, event, %actor, "{reason}"),
        Urgency::Warning => tracing::warn!(tenant, channel, event, %actor, "{reason}"),
        Urgency::Info => tracing::info!(tenant, channel, event, %actor, "{reason}"),
    });
}

/// How soon a person should read a line.
enum Urgency {
    /// Traffic stays where it should not, and nothing is done about it until somebody does something.
    Error,
    /// Something is wrong, or was not done.
    Warning,
    Info,
}

fn urgency(record: &Record) -> Urgency {
    use EventType as E;
    match record.event {
        E::NoCandidate | E::MassHold | E::BlindEntered | E::OtherController | E::CredentialsLost => Urgency::Error,
        E::HealthChanged if matches!(record.after, Some(Word::Health(Health::Down | Health::Unknown))) => {
            Urgency::Warning
        }
        E::RouteChanged if record.actor == Actor::Outside => Urgency::Warning,
        E::OperatorOrdered if record.after == Some(Word::Paused(true)) => Urgency::Warning,
        E::ChannelMissing
        | E::FailoverHeld
        | E::FailoverFailed
        | E::FailoverUnknown
        | E::FailbackFailed
        | E::FailbackUnknown
        | E::CodecFailed
        | E::CodecUnknown
        | E::Lapsed
        | E::ClockJumped => Urgency::Warning,
        _ => Urgency::Info,
    }
}
