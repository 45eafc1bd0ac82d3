//! The outcome of an action: what it changes when it shows, fails, or stays unknown.

use super::super::command::{Action, ActionKind, Command, EventType};
use super::super::hold_down::HoldDown;
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::observation::ChannelView;
use super::super::reason::{Cause, Reason};
use super::super::time::Time;
use super::super::words::{Actor, OpId, Outcome};
use super::act::{events, facts};
use super::retry::Retry;
use super::slot::{Kept, Unsure};
use super::want::Purpose;
use super::{Engine, channel_record};
use std::time::Duration;

/// A change that shows later than this after it had failed to is somebody else's.
pub(super) const LATE_FOR: Duration = Duration::from_hours(1);
/// Changes of one channel that may still show; in an hour, attempts that wait for each other make fewer.
pub(super) const MAX_LATE: usize = 32;

impl Engine {
    /// `counts`: whether an attempt that came to nothing makes the next one wait.
    pub(super) fn on_outcome(&mut self, now: Time, op: OpId, outcome: Outcome, counts: bool, out: &mut Vec<Command>) {
        if let Some(action) = self.strays.remove(&op) {
            self.remember_stray(now, &action, &outcome);
            return stray_outcome(&action, outcome, out);
        }
        let Some(i) = self.ops.remove(&op) else { return };
        let Some(flight) = self.slots[i].action.flight.take().map(|flight| *flight) else { return };
        let outcome = flight.came_to(outcome);
        let t = self.slots[i].tenant;
        if !flight.released {
            self.give_place_back(t);
        }
        let slot = &mut self.slots[i];
        slot.route.from = now;
        let action = flight.action;
        let kept = Kept { op, kind: action.kind, cause: flight.cause, promise: action.reason.promise() };
        let kind = kept.kind.name().to_owned();
        let reason = Reason::Outcome { kind, outcome: outcome.clone() };
        if flight.orphan {
            let event = EventType::OrphanResolved;
            let mut record = channel_record(&slot.key, event, Actor::System, reason.clone(), (None, None));
            record.op = Some(op);
            out.push(Command::Record(record));
        }
        match outcome {
            Outcome::Applied { .. } => self.complete(now, i, &kept, reason, out),
            Outcome::Unknown { .. } => {
                let until = (flight.started + action.action_timeout + action.verify_for).max(now);
                self.conclude(i, &kept, events(&kept.kind).3, reason, out);
                self.slots[i].action.unsure = Some(Box::new(Unsure { kept, since: now, until }));
                out.push(Command::LookNow { channel: self.slots[i].key.clone() });
            }
            Outcome::NotApplied | Outcome::Refused { .. } => {
                self.conclude(i, &kept, events(&kept.kind).2, reason, out);
                // An interrupted one may never have been sent: that says nothing of its target.
                if flight.orphan && outcome == Outcome::NotApplied {
                    self.back_off(now, i, kept.purpose(), false);
                } else {
                    self.attempt_failed(now, i, &kept);
                }
                if outcome == Outcome::NotApplied {
                    self.remember_late(now, i, kept);
                } else {
                    self.forget_credentials(i, &kept.kind);
                }
            }
            Outcome::NotSent { .. } | Outcome::Conflict | Outcome::Withdrawn { .. } => {
                self.conclude(i, &kept, events(&kept.kind).2, reason, out);
                self.tenants[t].uncount_action(flight.started);
                self.places.uncount(flight.started);
                self.mark_tenant_unsaved(t);
                self.clear_echo(i, &kept);
                self.forget_credentials(i, &kept.kind);
                // What was called back waits too: where its ground comes and goes, it would be decided at every look.
                if counts {
                    let recalled = matches!(outcome, Outcome::Withdrawn { .. });
                    self.back_off(now, i, kept.purpose(), recalled);
                }
            }
        }
        self.sync_load(i);
        self.sync_codecs_open(i);
        self.mark_unsaved(i);
        self.refresh_needs(now, i, out);
        self.touch(i);
        self.drop_if_unneeded(now, i, out);
        self.touch_wanting(t);
    }

    /// The platform shows the change.
    pub(super) fn complete(&mut self, now: Time, i: SlotId, kept: &Kept, reason: Reason, out: &mut Vec<Command>) {
        self.conclude(i, kept, events(&kept.kind).1, reason, out);
        self.block(now, i, &kept.kind);
        let until = now + self.tenants[self.slots[i].tenant].params.read_lag;
        let slot = &mut self.slots[i];
        slot.route.doubts.note_replaced(&kept.kind, until);
        *slot.action.retries.of_mut(kept.purpose()) = Retry::default();
        // What else may still show of ours stays remembered: a change that was thought lost may land after another one.
        slot.action.late.retain(|(late, _)| late.op != kept.op);
        slot.action.changed_at = Some(now);
        match &kept.kind {
            ActionKind::Failover { to, .. } => {
                slot.route.doubts.seen = Some(now);
                // Traffic that had to go on comes home as it would have from where it was: by measured quality where it left
                // for that, by a person where a person, or somebody else, had moved it.
                let went_on = matches!(kept.cause, Some(Cause::BackupDown { .. } | Cause::BackupMissing { .. }));
                let ordered = matches!(slot.route.moved_for, Some(Cause::Ordered { .. }));
                if !(went_on && (ordered || slot.route.moved_for.as_ref().is_some_and(Cause::is_quality))) {
                    slot.route.moved_for.clone_from(&kept.cause);
                }
                let foreign = went_on && slot.route.foreign;
                self.take_route(i, to.clone());
                self.slots[i].route.foreign = foreign;
                self.begin_probation(now, i, to, kept.cause.as_ref());
            }
            ActionKind::Failback { .. } => {
                slot.route.doubts.seen = Some(now);
                slot.route.moved_for = None;
                slot.route.probation = None;
                let own = slot.id().clone();
                self.take_route(i, own);
            }
            ActionKind::Codec { order, before, .. } => {
                let first = slot.codec.first.take().unwrap_or_else(|| before.clone());
                slot.codec.first = (first != *order).then_some(first);
                slot.evidence.codecs.clone_from(order);
                slot.codec.set = Some(order.clone());
                slot.telemetry.fine_since = None;
                self.begin_trial(now, i, kept.promise.as_ref(), order, before);
                self.judge_credentials(i, out);
            }
        }
        self.mark_unsaved(i);
    }

    fn take_route(&mut self, i: SlotId, to: ChannelId) {
        let slot = &mut self.slots[i];
        slot.route.read = Some(to.clone());
        slot.route.expected = Some(to);
        slot.route.ours = true;
        slot.route.foreign = false;
        slot.action.good_since = None;
        slot.action.retries.end_moves();
        self.sync_load(i);
    }

    fn conclude(&mut self, i: SlotId, kept: &Kept, event: EventType, reason: Reason, out: &mut Vec<Command>) {
        let slot = &self.slots[i];
        let change = facts(&kept.kind, &slot.key.channel);
        let mut record = channel_record(&slot.key, event, Actor::Engine, reason, change);
        record.op = Some(kept.op);
        out.push(Command::Record(record));
        self.mark_changed(i);
    }

    /// No other move for a while, longer after each.
    fn block(&mut self, now: Time, i: SlotId, kind: &ActionKind) {
        let slot = &mut self.slots[i];
        if matches!(kind, ActionKind::Codec { .. }) {
            slot.codec.until = Some(now + slot.policy.codec.cooldown).max(slot.codec.until);
            return;
        }
        let holding = slot.action.blocked_until.is_some_and(|until| until > now);
        let (after, held) = HoldDown::after_move(&slot.policy.failover, now, slot.action.hold_down.as_ref(), holding);
        slot.action.hold_down = Some(after);
        slot.action.blocked_until = Some(now + held).max(slot.action.blocked_until);
    }

    /// The platform took the change and never showed it, or refused it: the next attempt waits, and its target comes after
    /// the others.
    fn attempt_failed(&mut self, now: Time, i: SlotId, kept: &Kept) {
        self.back_off(now, i, kept.purpose(), false);
        let slot = &mut self.slots[i];
        match &kept.kind {
            ActionKind::Failover { to, .. } => slot.action.retries.note_tried(to),
            ActionKind::Failback { .. } if kept.purpose() == Purpose::Rescue => {
                slot.action.retries.note_tried(&slot.key.channel);
            }
            ActionKind::Failback { .. } | ActionKind::Codec { .. } => {}
        }
    }

    /// The next attempt has to wait: from `fast_interval`, doubling, up to `block_period`.
    fn back_off(&mut self, now: Time, i: SlotId, purpose: Purpose, recalled: bool) {
        let slot = &mut self.slots[i];
        let (first, longest) = (slot.policy.health.fast_interval, slot.policy.failover.block_period);
        slot.action.retries.of_mut(purpose).add(now, recalled, first, longest);
    }

    /// A change that did not show in its time may show for another hour: it is ours then, not somebody else's.
    fn remember_late(&mut self, now: Time, i: SlotId, kept: Kept) {
        let late = &mut self.slots[i].action.late;
        late.retain(|(_, until)| *until > now);
        if late.len() >= MAX_LATE {
            late.remove(0);
        }
        late.push((kept, now + LATE_FOR));
    }

    /// Our status was never sent: `active` is the platform's own word, unless an earlier failover said it.
    fn clear_echo(&mut self, i: SlotId, kept: &Kept) {
        let slot = &mut self.slots[i];
        if matches!(kept.kind, ActionKind::Failover { .. }) && !slot.route.ours {
            slot.route.echo = false;
        }
    }

    /// A single look shows whether an action of unknown outcome was made.
    pub(super) fn settle_unsure(
        &mut self,
        now: Time,
        i: SlotId,
        asked: Time,
        view: &ChannelView,
        out: &mut Vec<Command>,
    ) {
        let slot = &mut self.slots[i];
        let Some(unsure) = slot.action.unsure.take_if(|unsure| asked >= unsure.since) else { return };
        let (shows, old) = unsure.kept.kind.shows_in(&slot.key.channel, view);
        let kept = unsure.kept.clone();
        let kind = kept.kind.name().to_owned();
        if shows {
            let reason = Reason::ShowsLate { kind };
            self.complete(now, i, &kept, reason, out);
        } else if old && asked < unsure.until {
            slot.action.unsure = Some(unsure);
            return;
        } else {
            let reason = Reason::Outcome { kind, outcome: Outcome::NotApplied };
            self.conclude(i, &kept, events(&kept.kind).2, reason, out);
            self.attempt_failed(now, i, &kept);
            self.remember_late(now, i, kept);
        }
        self.sync_load(i);
        self.sync_codecs_open(i);
        self.mark_unsaved(i);
    }
}

/// An intent that a crash left open on a channel that is no longer configured.
fn stray_outcome(action: &Action, outcome: Outcome, out: &mut Vec<Command>) {
    let reason = Reason::Outcome { kind: action.kind.name().to_owned(), outcome };
    let change = facts(&action.kind, &action.channel.channel);
    let mut record = channel_record(&action.channel, EventType::OrphanResolved, Actor::System, reason, change);
    record.op = Some(action.op);
    out.push(Command::Record(record));
}
