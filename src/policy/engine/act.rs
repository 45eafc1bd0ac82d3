//! Doing it: an intent recorded, the command to change the platform, and what its outcome leaves behind.

use super::super::command::{Action, ActionKind, Command, EventType, Fact};
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::reason::{Cause, Ineligible, Reason};
use super::super::time::Time;
use super::super::trial::Promise;
use super::super::words::{Actor, OpId};
use super::slot::Flight;
use super::want::CodecWant;
use super::{Engine, channel_record};
use std::time::Duration;

impl Engine {
    /// Traffic goes to `target`, the channel itself included, if the mode and the tenant's fit channels allow it.
    pub(super) fn move_to(
        &mut self,
        now: Time,
        i: SlotId,
        target: SlotId,
        cause: Cause,
        passed_over: Vec<(ChannelId, Ineligible)>,
        out: &mut Vec<Command>,
    ) {
        if target == i {
            return self.take_home(now, i, Some(cause), out);
        }
        let to = self.slots[target].id().clone();
        self.end_other_approval(now, i, &to, out);
        if !self.may_be_done_or_is_held(now, i, Some(target), Some(&to), out) {
            return;
        }
        let slot = &self.slots[i];
        let reason = Reason::Failover {
            channel: slot.id().clone(),
            to: to.clone(),
            cause: cause.clone(),
            carries: self.slots[target].route.carries,
            max_dependents: slot.policy.failover.max_dependents,
            passed_over,
        };
        let from = slot.route.read.clone().unwrap_or_else(|| slot.id().clone());
        self.act(now, i, ActionKind::Failover { from, to }, reason, Some(cause), out);
    }

    /// Traffic comes home; `cause`: because it has to leave the backup.
    pub(super) fn take_home(&mut self, now: Time, i: SlotId, cause: Option<Cause>, out: &mut Vec<Command>) {
        let own = self.slots[i].id().clone();
        self.end_other_approval(now, i, &own, out);
        if !self.may_be_done_or_is_held(now, i, None, Some(&own), out) {
            return;
        }
        let slot = &self.slots[i];
        let Some(from) = slot.route.read.clone() else { return };
        let good_for = slot.action.good_since.map_or(Duration::ZERO, |since| now.since(since));
        let backup_failed = matches!(cause, Some(Cause::BackupDown { .. } | Cause::BackupMissing { .. }));
        let reason =
            Reason::Failback { channel: own, from: from.clone(), good_for, backup_failed, cause: cause.clone() };
        self.act(now, i, ActionKind::Failback { from }, reason, cause, out);
    }

    /// Codecs get another order.
    pub(super) fn change_codecs(&mut self, now: Time, i: SlotId, want: CodecWant, out: &mut Vec<Command>) {
        self.end_other_order(now, i, want.order(), out);
        if !self.may_be_done_or_is_held(now, i, None, None, out) {
            return;
        }
        let slot = &self.slots[i];
        let (order, reason) = match want {
            CodecWant::Improve(proposal) => {
                let score = slot.telemetry.quality.map_or(0.0, |quality| quality.score);
                let before = self.score_before(i, &proposal);
                let (from, to, gain, predicted) = (proposal.from, proposal.to, proposal.gain, Some(proposal.predicted));
                (proposal.order, Reason::Codec { from, to, gain, score, predicted, before })
            }
            CodecWant::Undo { promise: Promise { from, to, before, predicted }, measured, back } => {
                (back, Reason::CodecUndone { from, to, before, predicted, measured })
            }
            CodecWant::Restore(first) => {
                let good_for = slot.telemetry.fine_since.map_or(Duration::ZERO, |since| now.since(since));
                (first, Reason::CodecRestored { good_for })
            }
        };
        let codec = &slot.policy.codec;
        let kind = ActionKind::Codec {
            order,
            before: slot.evidence.codecs.clone(),
            dtmf_mode: codec.dtmf_mode.clone(),
            rtp_payload_type: codec.rtp_payload_type.clone(),
        };
        self.act(now, i, kind, reason, None, out);
    }

    /// Whether what is wished for may be done; where it may not, it is held back.
    fn may_be_done_or_is_held(
        &mut self,
        now: Time,
        i: SlotId,
        target: Option<SlotId>,
        to: Option<&ChannelId>,
        out: &mut Vec<Command>,
    ) -> bool {
        let Some(wish) = &self.slots[i].action.wish else { return false };
        let Err(hold) = self.may_be_done(now, i, &wish.want, target) else { return true };
        self.hold(now, i, hold, to.cloned(), out);
        false
    }

    fn act(
        &mut self,
        now: Time,
        i: SlotId,
        kind: ActionKind,
        reason: Reason,
        cause: Option<Cause>,
        out: &mut Vec<Command>,
    ) {
        let op = self.next_op;
        self.next_op = OpId(op.0.saturating_add(1));
        let slot = &mut self.slots[i];
        let approved = slot.action.approved.take().filter(|approved| now < approved.until);
        let who = slot.action.ordered.take().map(|ordered| ordered.who).or(approved.map(|approved| approved.who));
        let actor = who.map_or(Actor::Engine, Actor::Operator);
        let action = Action {
            op,
            channel: slot.key.clone(),
            kind,
            reason,
            actor,
            evidence_at: now,
            action_timeout: slot.policy.failover.action_timeout,
            verify_for: slot.policy.failover.verify_for,
        };
        let event = events(&action.kind).0;
        let change = facts(&action.kind, &slot.key.channel);
        let mut record = channel_record(&slot.key, event, action.actor.clone(), action.reason.clone(), change);
        record.op = Some(op);
        out.push(Command::Record(record));
        out.push(Command::Act(action.clone()));
        self.unwish(i);
        self.tenants[self.slots[i].tenant].count_action(now);
        self.places.count(now);
        let t = self.slots[i].tenant;
        self.mark_tenant_unsaved(t);
        if matches!(action.kind, ActionKind::Codec { .. }) {
            let slot = &mut self.slots[i];
            // What an earlier attempt may have cost shows against what was there before that one.
            slot.codec.credentials_before =
                slot.codec.credentials_before.or(slot.codec.credentials.filter(|seen| seen.shows_any()));
        }
        self.fly(i, Flight { action, started: now, orphan: false, released: false, shown: false, cause });
    }

    fn fly(&mut self, i: SlotId, flight: Flight) {
        let slot = &mut self.slots[i];
        self.ops.insert(flight.action.op, i);
        slot.route.echo |= matches!(flight.action.kind, ActionKind::Failover { .. });
        slot.reason = Reason::InFlight { kind: flight.action.kind.name().to_owned() };
        slot.action.flight = Some(Box::new(flight));
        let tenant = &mut self.tenants[slot.tenant];
        tenant.in_flight += 1;
        self.places.fly();
        self.sync_codecs_open(i);
        self.sync_load(i);
        self.mark_users_changed(i);
        self.mark_unsaved(i);
    }

    pub(super) fn adopt(&mut self, now: Time, action: Action) {
        self.set_next_op(OpId(action.op.0.saturating_add(1)));
        let slot = self.slots.find(&action.channel).filter(|i| self.slots[*i].action.flight.is_none());
        let Some(i) = slot else {
            self.strays.insert(action.op, action);
            return;
        };
        let cause = action.reason.cause();
        self.fly(i, Flight { action, started: now, orphan: true, released: false, shown: false, cause });
        self.arm(now, i);
    }

    /// An orphan whose outcome is still not known when its time is over holds its own channel, and no place of others.
    pub(super) fn release_orphan(&mut self, now: Time, i: SlotId) {
        let slot = &mut self.slots[i];
        let t = slot.tenant;
        let over = slot.action.flight.as_mut().filter(|flight| flight.release_at().is_some_and(|at| at <= now));
        let Some(flight) = over else { return };
        flight.released = true;
        self.give_place_back(t);
        self.mark_changed(i);
        self.touch_wanting(t);
    }
}

/// The events of an action: intended, completed, failed, unknown.
pub(super) const fn events(kind: &ActionKind) -> (EventType, EventType, EventType, EventType) {
    use EventType as E;
    match kind {
        ActionKind::Failover { .. } => {
            (E::FailoverIntended, E::FailoverCompleted, E::FailoverFailed, E::FailoverUnknown)
        }
        ActionKind::Failback { .. } => {
            (E::FailbackIntended, E::FailbackCompleted, E::FailbackFailed, E::FailbackUnknown)
        }
        ActionKind::Codec { .. } => (E::CodecIntended, E::CodecCompleted, E::CodecFailed, E::CodecUnknown),
    }
}

/// The change of a failover, failback or codec action, as facts.
pub(super) fn facts(kind: &ActionKind, own: &ChannelId) -> (Option<Fact>, Option<Fact>) {
    match kind {
        ActionKind::Failover { from, to } => (Some(Fact::Route(from.clone())), Some(Fact::Route(to.clone()))),
        ActionKind::Failback { from } => (Some(Fact::Route(from.clone())), Some(Fact::Route(own.clone()))),
        ActionKind::Codec { order, before, .. } => {
            (Some(Fact::Codecs(before.clone())), Some(Fact::Codecs(order.clone())))
        }
    }
}
