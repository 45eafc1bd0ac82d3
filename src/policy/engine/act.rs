//! Doing it: an intent recorded, the command to change the platform, and what its outcome leaves behind.

use super::super::command::{Action, ActionKind, Actor, Command, EventType, Health, OpId, Outcome};
use super::super::guard::{Hold, hold_down};
use super::super::key::ChannelId;
use super::super::observation::{ChannelView, Codec};
use super::super::params::Mode;
use super::super::reason::{Cause, Ineligible, Reason};
use super::super::time::Time;
use super::decide::{facts, same_names};
use super::slot::{CodecWant, Flight, Kept, Unsure};
use super::{Engine, Want, channel_record};
use std::time::Duration;

impl Engine {
    /// Traffic goes to `target`, the channel itself included, if the mode and the tenant's fit channels allow it.
    pub(super) fn move_to(
        &mut self,
        now: Time,
        i: usize,
        target: usize,
        cause: Cause,
        passed_over: Vec<(ChannelId, Ineligible)>,
        out: &mut Vec<Command>,
    ) {
        if target == i {
            return self.take_home(now, i, true, out);
        }
        let to = self.slots[target].id().clone();
        let Some(want) = self.slots[i].wish.as_ref().map(|wish| wish.want.clone()) else { return };
        if let Err(hold) = self.keep_fit(i, &want, Some(target)).and_then(|()| self.mode_allows(now, i)) {
            return self.hold(i, hold, Some(to), out);
        }
        let slot = &self.slots[i];
        let reason = Reason::Failover {
            channel: slot.id().clone(),
            to: to.clone(),
            cause: cause.clone(),
            carries: self.slots[target].carries,
            max_dependents: slot.policy.failover.max_dependents,
            passed_over,
        };
        let from = slot.route.clone().unwrap_or_else(|| slot.id().clone());
        self.act(now, i, ActionKind::Failover { from, to }, reason, Some(cause), out);
    }

    /// Traffic comes home.
    pub(super) fn take_home(&mut self, now: Time, i: usize, backup_failed: bool, out: &mut Vec<Command>) {
        let slot = &self.slots[i];
        let own = slot.id().clone();
        if let Err(hold) = self.mode_allows(now, i) {
            return self.hold(i, hold, Some(own), out);
        }
        let Some(from) = slot.route.clone() else { return };
        let good_for = slot.good_since.map_or(Duration::ZERO, |since| now.since(since));
        let reason = Reason::Failback { channel: own, from: from.clone(), good_for, backup_failed };
        self.act(now, i, ActionKind::Failback { from }, reason, None, out);
    }

    /// Codecs get another order.
    pub(super) fn change_codecs(&mut self, now: Time, i: usize, want: CodecWant, out: &mut Vec<Command>) {
        if let Err(hold) = self.mode_allows(now, i) {
            return self.hold(i, hold, None, out);
        }
        let slot = &self.slots[i];
        let (order, reason) = match want {
            CodecWant::Improve(proposal) => {
                let score = slot.quality.map_or(0.0, |quality| quality.score);
                let (from, to, gain) = (proposal.from, proposal.to, proposal.gain);
                (proposal.order, Reason::Codec { from, to, gain, score })
            }
            CodecWant::Restore(first) => {
                let good_for = slot.fine_since.map_or(Duration::ZERO, |since| now.since(since));
                (first, Reason::CodecRestored { good_for })
            }
        };
        let codec = &slot.policy.codec;
        let kind = ActionKind::Codec {
            order,
            before: slot.codecs.clone(),
            dtmf_mode: codec.dtmf_mode.clone(),
            rtp_payload_type: codec.rtp_payload_type.clone(),
        };
        self.act(now, i, kind, reason, None, out);
    }

    /// Whether enough channels would be up after a move. Without a target: whether any target could do.
    pub(super) fn keep_fit(&self, i: usize, want: &Want, target: Option<usize>) -> Result<(), Hold> {
        let slot = &self.slots[i];
        if !matches!(want, Want::Failover(_)) {
            return Ok(());
        }
        let tenant = &self.tenants[slot.tenant];
        let extra = |c: &usize| !self.slots[*c].configured && self.slots[*c].health() == Health::Up;
        let extra = target.map_or_else(|| slot.candidates.iter().any(extra), |target| extra(&target));
        let leaves = u32::from(slot.health() == Health::Up);
        let up = (tenant.up + u32::from(extra)).saturating_sub(leaves);
        let keep_fit = tenant.params.limits.keep_fit;
        // Where nobody at all is up, that is the candidates' to say.
        if up >= keep_fit || (target.is_none() && tenant.up == 0) {
            Ok(())
        } else {
            Err(Hold::KeepFit { up, keep_fit })
        }
    }

    fn act(
        &mut self,
        now: Time,
        i: usize,
        kind: ActionKind,
        reason: Reason,
        cause: Option<Cause>,
        out: &mut Vec<Command>,
    ) {
        let op = self.next_op;
        self.next_op = OpId(op.0.saturating_add(1));
        let slot = &mut self.slots[i];
        let approved = slot.approved.take().filter(|(until, _)| now < *until);
        let actor = approved.map_or(Actor::Engine, |(_, who)| Actor::Operator(who));
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
        let mut told = channel_record(&slot.key, event, action.actor.clone(), action.reason.clone(), change);
        told.op = Some(op);
        out.push(Command::Record(told));
        out.push(Command::Act(action.clone()));
        self.unwish(i);
        self.tenants[self.slots[i].tenant].count_action(now);
        let t = self.slots[i].tenant;
        self.mark_tenant_unsaved(t);
        self.fly(i, Flight { action, started: now, orphan: false, cause });
    }

    fn fly(&mut self, i: usize, flight: Flight) {
        let slot = &mut self.slots[i];
        self.ops.insert(flight.action.op, i);
        slot.echo |= matches!(flight.action.kind, ActionKind::Failover { .. });
        slot.reason = Reason::InFlight { kind: flight.action.kind.name().to_owned() };
        slot.flight = Some(flight);
        let tenant = &mut self.tenants[slot.tenant];
        tenant.in_flight += 1;
        self.sync_load(i);
        self.mark_unsaved(i);
    }

    pub(super) fn adopt(&mut self, now: Time, action: Action) {
        self.set_next_op(OpId(action.op.0.saturating_add(1)));
        let slot = self.index.get(&action.channel).copied().filter(|i| self.slots[*i].flight.is_none());
        let Some(i) = slot else {
            self.strays.insert(action.op, action);
            return;
        };
        let cause = match &action.reason {
            Reason::Failover { cause, .. } => Some(cause.clone()),
            _ => None,
        };
        self.fly(i, Flight { action, started: now, orphan: true, cause });
    }

    pub(super) fn may_still_send(&self, op: OpId) -> Result<(), Reason> {
        let Some(&i) = self.ops.get(&op) else { return Err(Reason::CalledBack { hold: Hold::Unwatched }) };
        let slot = &self.slots[i];
        let hold = match self.still(slot) {
            Err(hold) => hold,
            Ok(()) if !slot.configured => Hold::Unwatched,
            Ok(()) if self.mode(slot) == Mode::Observe => Hold::Observe,
            Ok(()) => return Ok(()),
        };
        Err(Reason::CalledBack { hold })
    }

    pub(super) fn on_outcome(&mut self, now: Time, op: OpId, outcome: Outcome, out: &mut Vec<Command>) {
        if let Some(action) = self.strays.remove(&op) {
            return stray_outcome(&action, outcome, out);
        }
        let Some(i) = self.ops.remove(&op) else { return };
        let Some(flight) = self.slots[i].flight.take() else { return };
        let t = self.slots[i].tenant;
        self.tenants[t].in_flight = self.tenants[t].in_flight.saturating_sub(1);
        let slot = &mut self.slots[i];
        slot.route_from = now;
        let action = flight.action;
        let kept = Kept { op, kind: action.kind, cause: flight.cause };
        let kind = kept.kind.name().to_owned();
        let reason = Reason::Outcome { kind, outcome: outcome.clone() };
        if flight.orphan {
            let event = EventType::OrphanResolved;
            let mut told = channel_record(&slot.key, event, Actor::System, reason.clone(), (None, None));
            told.op = Some(op);
            out.push(Command::Record(told));
        }
        match outcome {
            Outcome::Applied { .. } => self.complete(now, i, &kept, reason, out),
            Outcome::Unknown { .. } => {
                let until = (flight.started + action.action_timeout + action.verify_for).max(now);
                self.conclude(now, i, &kept, events(&kept.kind).3, reason, out);
                self.block(now, i, &kept.kind);
                self.slots[i].unsure = Some(Unsure { kept, since: now, until });
                out.push(Command::LookNow { channel: self.slots[i].key.clone() });
            }
            Outcome::NotApplied | Outcome::Refused { .. } => {
                self.conclude(now, i, &kept, events(&kept.kind).2, reason, out);
                self.back_off(now, i);
                self.slots[i].late = matches!(outcome, Outcome::NotApplied).then_some(kept);
            }
            Outcome::NotSent { .. } | Outcome::Conflict | Outcome::Withdrawn { .. } => {
                self.conclude(now, i, &kept, events(&kept.kind).2, reason, out);
                self.tenants[t].uncount_action(flight.started);
                self.mark_tenant_unsaved(t);
                self.clear_echo(i, &kept);
                if !matches!(outcome, Outcome::Withdrawn { .. }) {
                    self.back_off(now, i);
                }
            }
        }
        self.sync_load(i);
        self.mark_unsaved(i);
        self.refresh_needs(now, i, out);
        self.evaluate(now, i, out);
        self.evaluate_wanting(now, t, out);
    }

    /// The platform shows the change.
    pub(super) fn complete(&mut self, now: Time, i: usize, kept: &Kept, reason: Reason, out: &mut Vec<Command>) {
        self.conclude(now, i, kept, events(&kept.kind).1, reason, out);
        self.block(now, i, &kept.kind);
        let slot = &mut self.slots[i];
        slot.failures = 0;
        slot.retry_at = None;
        slot.late = None;
        match &kept.kind {
            ActionKind::Failover { to, .. } => {
                slot.moved_for.clone_from(&kept.cause);
                self.take_route(i, to.clone());
            }
            ActionKind::Failback { .. } => {
                slot.moved_for = None;
                let own = slot.id().clone();
                self.take_route(i, own);
            }
            ActionKind::Codec { order, before, .. } => {
                let first = slot.codecs_first.take().unwrap_or_else(|| before.clone());
                slot.codecs_first = (first != *order).then_some(first);
                slot.codecs.clone_from(order);
                slot.codecs_set = Some(order.clone());
                slot.fine_since = None;
            }
        }
        self.mark_unsaved(i);
    }

    fn take_route(&mut self, i: usize, to: ChannelId) {
        let slot = &mut self.slots[i];
        slot.route = Some(to.clone());
        slot.expected = Some(to);
        slot.route_ours = true;
        slot.foreign = false;
        slot.good_since = None;
        self.sync_load(i);
    }

    fn conclude(
        &mut self,
        _now: Time,
        i: usize,
        kept: &Kept,
        event: EventType,
        reason: Reason,
        out: &mut Vec<Command>,
    ) {
        let slot = &self.slots[i];
        let change = facts(&kept.kind, &slot.key.channel);
        let mut told = channel_record(&slot.key, event, Actor::Engine, reason, change);
        told.op = Some(kept.op);
        out.push(Command::Record(told));
        self.mark_changed(i);
    }

    /// No other move for a while, longer after each.
    fn block(&mut self, now: Time, i: usize, kind: &ActionKind) {
        let slot = &mut self.slots[i];
        if matches!(kind, ActionKind::Codec { .. }) {
            slot.codec_until = Some(now + slot.policy.codec.cooldown);
            return;
        }
        let rules = &slot.policy.failover;
        let previous = slot.hold_down.map(|(level, at)| (level, now.since(at)));
        let length = hold_down(rules.block_period, rules.hold_down_max, rules.hold_down_half_life, previous);
        slot.hold_down = Some((length, now));
        slot.blocked_until = Some(now + length).max(slot.blocked_until);
    }

    /// The next attempt has to wait: from `fast_interval`, doubling, up to `block_period`.
    fn back_off(&mut self, now: Time, i: usize) {
        let slot = &mut self.slots[i];
        let doubled = slot.policy.health.fast_interval.saturating_mul(1 << slot.failures.min(16));
        slot.failures = slot.failures.saturating_add(1);
        slot.retry_at = Some(now + doubled.min(slot.policy.failover.block_period));
    }

    /// Our status was never sent: `active` is the platform's own word, unless an earlier failover said it.
    fn clear_echo(&mut self, i: usize, kept: &Kept) {
        let slot = &mut self.slots[i];
        if matches!(kept.kind, ActionKind::Failover { .. }) && !slot.route_ours {
            slot.echo = false;
        }
    }

    /// A look at the channel alone tells what came of an action whose outcome was unknown.
    pub(super) fn settle_unsure(
        &mut self,
        now: Time,
        i: usize,
        asked: Time,
        view: &ChannelView,
        out: &mut Vec<Command>,
    ) {
        let slot = &mut self.slots[i];
        let Some(unsure) = slot.unsure.take_if(|unsure| asked >= unsure.since) else { return };
        let own = &slot.key.channel;
        let read = view.primary.as_ref().unwrap_or(own);
        let (shows, old) = match &unsure.kept.kind {
            ActionKind::Failover { from, to } => (read == to, read == from),
            ActionKind::Failback { from } => (read == own, read == from),
            ActionKind::Codec { order, before, .. } => {
                (same_order(&view.codecs, order), same_order(&view.codecs, before))
            }
        };
        let kept = unsure.kept.clone();
        let kind = kept.kind.name().to_owned();
        if shows {
            let reason = Reason::ShowsLate { kind };
            let (blocked, grown) = (slot.blocked_until, slot.hold_down);
            self.complete(now, i, &kept, reason, out);
            // It was blocked already when its outcome was unknown: one move grows the block once.
            (self.slots[i].blocked_until, self.slots[i].hold_down) = (blocked, grown);
        } else if old && asked < unsure.until {
            slot.unsure = Some(unsure);
            return;
        } else {
            let reason = Reason::Outcome { kind, outcome: Outcome::NotApplied };
            self.conclude(now, i, &kept, events(&kept.kind).2, reason, out);
            self.back_off(now, i);
            self.slots[i].late = Some(kept);
        }
        self.sync_load(i);
        self.mark_unsaved(i);
    }

    /// Counts the channel's traffic, and a change under way, for those that (will) carry it.
    pub(super) fn sync_load(&mut self, i: usize) {
        let slot = &self.slots[i];
        let find = |id: &ChannelId| {
            let other = self.sibling(slot, id).filter(|other| *other != i);
            other.or_else(|| self.lookup(slot, id)).filter(|other| *other != i)
        };
        let at = slot.route.as_ref().filter(|_| slot.away()).and_then(&find);
        let to = slot.pending_to().and_then(&find).filter(|to| Some(*to) != at);
        let before = slot.loads;
        if before == [at, to] {
            return;
        }
        self.slots[i].loads = [at, to];
        for c in before.into_iter().flatten() {
            self.slots[c].carries = self.slots[c].carries.saturating_sub(1);
        }
        for c in [at, to].into_iter().flatten() {
            self.slots[c].carries += 1;
        }
    }
}

/// The events of an action: intended, completed, failed, unknown.
const fn events(kind: &ActionKind) -> (EventType, EventType, EventType, EventType) {
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

fn same_order(read: &[Codec], wanted: &[Codec]) -> bool {
    let order = |codecs: &[Codec]| {
        let mut codecs: Vec<Codec> = codecs.to_vec();
        codecs.sort_by_key(|codec| codec.priority);
        codecs.into_iter().map(|codec| codec.name).collect::<Vec<_>>()
    };
    same_names(read, wanted) && order(read) == order(wanted)
}

/// An intent that a crash left open on a channel that is no longer configured.
fn stray_outcome(action: &Action, outcome: Outcome, out: &mut Vec<Command>) {
    let reason = Reason::Outcome { kind: action.kind.name().to_owned(), outcome };
    let change = facts(&action.kind, &action.channel.channel);
    let mut told = channel_record(&action.channel, EventType::OrphanResolved, Actor::System, reason, change);
    told.op = Some(action.op);
    out.push(Command::Record(told));
}
