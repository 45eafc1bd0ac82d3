//! Who set a route: compares what the platform shows with what we set, with changes of ours that may still show, and with what another
//! writer of ours may have set. Anything else is somebody else's.
//!
//! Must never: decide that something is wanted, or take a page of the list for the last word.

use super::super::command::{ActionKind, Command, EventType, Fact};
use super::super::hour::HOUR;
use super::super::ids::{SlotId, TenantIx};
use super::super::key::{ChannelId, ChannelKey};
use super::super::observation::ChannelView;
use super::super::reason::Reason;
use super::super::tenant::{REVERSALS, REVERSALS_WITHIN};
use super::super::time::Time;
use super::super::words::Actor;
use super::doubt::Word;
use super::{Engine, Slot, channel_record, record};
use std::time::Duration;

/// Most changes of other writers of ours remembered for one channel.
const MAX_OWN_CHANGES: usize = 8;
/// So many reversals of one channel within an hour, each noticed after a time in which nobody looked, mean another controller.
pub(super) const MAX_NOTICED: usize = 3;

impl Engine {
    /// Where the platform says that traffic goes. Whether the route that we hold for true changed.
    pub(super) fn note_route(
        &mut self,
        now: Time,
        i: SlotId,
        (asked, single): (Time, bool),
        view: &ChannelView,
        word: Word,
        out: &mut Vec<Command>,
    ) -> bool {
        if asked < self.slots[i].route.from {
            return false;
        }
        if !single && view.unrouted && self.slots[i].route.read.is_none() {
            // Only a single look can show where its traffic goes.
            self.doubt_route(now, i, out);
        }
        let slot = &mut self.slots[i];
        let was = slot.route.unread;
        slot.route.unread = view.unrouted && (single || was);
        if view.unrouted {
            return slot.route.unread != was;
        }
        let slot = &self.slots[i];
        let read = view.primary.as_ref().unwrap_or(&slot.key.channel);
        if slot.action.flight.is_some() || slot.action.unsure.is_some() {
            // What is read while a change is under way is judged when its outcome is known.
            return false;
        }
        if slot.route.expected.as_ref() == Some(read) && slot.route.read.as_ref() == Some(read) {
            return false;
        }
        let read = read.clone();
        if !slot.configured {
            let changed = slot.route.read.as_ref() != Some(&read);
            self.slots[i].route.read = Some(read);
            self.sync_load(i);
            return changed;
        }
        if slot.route.expected.as_ref() == Some(&read) {
            self.slots[i].route.read = Some(read);
        } else if slot.route.expected.is_none() && read == slot.key.channel {
            self.slots[i].route.read = Some(read.clone());
            self.slots[i].route.expected = Some(read);
        } else if slot.may_be_ours(now, &read) {
            if !single {
                self.doubt_route(now, i, out);
                return false;
            }
            if !self.shows_late(now, i, &read, out) {
                self.take_own_change(now, i, &read, out);
            }
        } else if word == Word::Another {
            self.take_foreign_route(now, i, read, out);
        } else {
            if !single {
                self.doubt_route(now, i, out);
            }
            self.sync_load(i);
            return false;
        }
        self.slots[i].route.doubts.route = None;
        self.sync_load(i);
        true
    }

    pub(super) fn on_own_change(&mut self, now: Time, key: &ChannelKey, primary: &ChannelId, until: Time) {
        let Some(i) = self.slots.find(key) else { return };
        let own = &mut self.slots[i].route.own_changes;
        own.retain(|(to, end)| *end > now && to != primary);
        if own.len() >= MAX_OWN_CHANGES {
            own.remove(0);
        }
        own.push((primary.clone(), until));
        self.mark_unsaved(i);
    }

    /// Another writer of ours set this route: it is not foreign, and a move that it undid may be made again.
    fn take_own_change(&mut self, now: Time, i: SlotId, read: &ChannelId, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        let Some(n) = slot.route.own_changes.iter().position(|(to, until)| to == read && now < *until) else { return };
        slot.route.own_changes.remove(n);
        let was = slot.route.expected.replace(read.clone());
        slot.route.read = Some(read.clone());
        if *read == slot.key.channel {
            (slot.route.ours, slot.route.foreign, slot.route.moved_for) = (false, false, None);
        }
        slot.action.blocked_until = None;
        slot.action.retries.end_moves();
        let reason = Reason::RouteOwn { was: was.clone(), now: read.clone() };
        let change = (was.map(Fact::Route), Some(Fact::Route(read.clone())));
        out.push(Command::Record(channel_record(&slot.key, EventType::RouteChanged, Actor::System, reason, change)));
        self.mark_unsaved(i);
    }

    fn take_foreign_route(&mut self, now: Time, i: SlotId, read: ChannelId, out: &mut Vec<Command>) {
        let slot = &self.slots[i];
        let t = slot.tenant;
        let (blind, seen_since) = (self.is_blind(t), self.tenants[t].seen_since);
        let slot = &mut self.slots[i];
        let at = slot.route.doubts.route.take().map_or(now, |doubt| doubt.since);
        // Between the last look that showed our route and the first that did not; or nobody was looking.
        let looked =
            slot.route.doubts.seen.as_ref().is_some_and(|seen| !blind && seen_since.is_none_or(|since| *seen >= since));
        slot.route.doubts.seen = Some(now);
        slot.route.doubts.forget_replaced(true);
        // Whoever moves a channel that came home long ago undoes nothing of ours.
        let left_away = slot.route.expected.as_ref().is_some_and(|expected| *expected != slot.key.channel);
        let reversal = slot.route.ours && (left_away || slot.action.blocked_until.is_some_and(|until| until > now));
        let was = slot.route.expected.replace(read.clone());
        slot.route.read = Some(read.clone());
        slot.route.ours = false;
        slot.route.foreign = read != slot.key.channel;
        slot.action.retries.end_moves();
        slot.route.moved_for = None;
        slot.action.blocked_until = Some(now + slot.policy.failover.block_period).max(slot.action.blocked_until);
        let noticed = !looked && was.is_some();
        let reason = Reason::RouteForeign { was: was.clone(), now: read.clone(), reversal, noticed };
        let change = (was.map(Fact::Route), Some(Fact::Route(read)));
        out.push(Command::Record(channel_record(&slot.key, EventType::RouteChanged, Actor::Outside, reason, change)));
        self.mark_unsaved(i);
        if reversal && looked {
            let reversals = self.tenants[t].count_reversal(at);
            if reversals >= REVERSALS {
                self.pause_for_other(t, reversals, REVERSALS_WITHIN, out);
            }
        } else if reversal {
            let noticed = &mut self.slots[i].route.doubts.noticed;
            noticed.retain(|until| *until > now);
            noticed.push(now + HOUR);
            if noticed.len() >= MAX_NOTICED {
                let reversals = noticed.len();
                noticed.clear();
                self.pause_for_other(t, reversals, HOUR, out);
            }
        }
    }

    /// Something else steers the tenant.
    fn pause_for_other(&mut self, t: TenantIx, reversals: usize, within: Duration, out: &mut Vec<Command>) {
        let tenant = &mut self.tenants[t];
        tenant.other_controller = true;
        tenant.unsaved = true;
        // A pause that lapses would let the fight go on by itself.
        if tenant.paused && tenant.paused_until.is_none() {
            return;
        }
        let was = std::mem::replace(&mut tenant.paused, true);
        tenant.paused_until = None;
        let reversals = u32::try_from(reversals).unwrap_or(u32::MAX);
        let reason = Reason::OtherController { reversals, within };
        let mut record = record(EventType::OtherController, Some(tenant.id.clone()), None, Actor::Outside, reason);
        (record.before, record.after) = (Some(Fact::Paused(was)), Some(Fact::Paused(true)));
        out.push(Command::Record(record));
        self.touch_wanting(t);
    }

    /// The same for a codec order. A page of the list may be old, so the channel itself is asked.
    pub(super) fn codecs_show_late(
        &mut self,
        now: Time,
        i: SlotId,
        asked: Time,
        single: bool,
        view: &ChannelView,
        out: &mut Vec<Command>,
    ) {
        let slot = &mut self.slots[i];
        if asked < slot.route.from || slot.action.flight.is_some() || slot.action.unsure.is_some() {
            return;
        }
        let Some(n) = slot.late_codecs(now, view) else { return };
        if !single {
            return self.doubt_route(now, i, out);
        }
        let (kept, _) = slot.action.late.remove(n);
        let reason = Reason::ShowsLate { kind: kept.kind.name().to_owned() };
        self.complete(now, i, &kept, reason, out);
    }

    /// A change that had not shown when its time was over shows now: it is ours, not someone else's.
    fn shows_late(&mut self, now: Time, i: SlotId, read: &ChannelId, out: &mut Vec<Command>) -> bool {
        let slot = &mut self.slots[i];
        let Some(n) = slot.late_route(now, read) else { return false };
        let (kept, _) = slot.action.late.remove(n);
        let reason = Reason::ShowsLate { kind: kept.kind.name().to_owned() };
        self.complete(now, i, &kept, reason, out);
        true
    }
}

impl Slot {
    /// The last change of a route that had not shown in its time and shows by this; by its place.
    pub(super) fn late_route(&self, now: Time, read: &ChannelId) -> Option<usize> {
        self.action.late.iter().rposition(|(late, until)| match &late.kind {
            ActionKind::Failover { to, .. } => now < *until && to == read,
            ActionKind::Failback { .. } => now < *until && *read == self.key.channel,
            ActionKind::Codec { .. } => false,
        })
    }

    /// The same of a codec order; one that stands there by a later change of ours shows nothing new.
    pub(super) fn late_codecs(&self, now: Time, view: &ChannelView) -> Option<usize> {
        if self.action.late.is_empty() || self.codec.set.as_ref().is_some_and(|set| view.has_order(set) == Some(true)) {
            return None;
        }
        self.action.late.iter().rposition(|(late, until)| match &late.kind {
            ActionKind::Codec { order, .. } => now < *until && view.has_order(order) == Some(true),
            ActionKind::Failover { .. } | ActionKind::Failback { .. } => false,
        })
    }
}
