//! Facts in: looks and errors become evidence and routes. What follows from them is decided elsewhere.

use super::super::channel::Event;
use super::super::command::{ActionKind, Actor, Command, EventType, Fact, Health};
use super::super::evidence::{self, judge};
use super::super::key::ChannelId;
use super::super::observation::{ChannelView, Source, same_order};
use super::super::reason::Reason;
use super::super::tenant::{REVERSALS, REVERSALS_WITHIN};
use super::super::time::Time;
use super::slot::Single;
use super::{Engine, Slot, channel_record, record};

/// Candidates that the platform names beyond this are left out.
const MAX_BACKUPS: usize = 32;

impl Engine {
    pub(super) fn on_look(
        &mut self,
        now: Time,
        i: usize,
        asked: Time,
        source: Source,
        view: &ChannelView,
        out: &mut Vec<Command>,
    ) {
        self.mark_changed(i);
        self.note_sight(now, i, true, out);
        if self.is_outdated(now, i, asked) {
            return;
        }
        let single = source == Source::Single;
        let seq = self.seq;
        let slot = &mut self.slots[i];
        slot.asked = Some(asked);
        let back = std::mem::replace(&mut slot.missing, false);
        let (unsure, echo, set) = (slot.unsure.is_some(), slot.echo, slot.codecs_set.is_some());
        let verdict = judge(slot, view);
        if single {
            slot.single = Some(Single { asked, seq, verdict });
        }
        if slot.status != view.status {
            slot.status.clone_from(&view.status);
        }
        self.codecs_show_late(now, i, asked, single, view, out);
        let slot = &mut self.slots[i];
        let needs_changed = note_view(slot, asked, view, single);
        if (echo, set) != (slot.echo, slot.codecs_set.is_some()) {
            self.mark_unsaved(i);
        }
        let route_changed = self.note_route(now, i, asked, single, view, out);
        if back {
            self.sync_load(i);
        }
        let settled = unsure && self.slots[i].unsure.is_none();
        if needs_changed || route_changed || settled {
            self.refresh_needs(now, i, out);
        }
        let mut health_changed = false;
        if let Some(verdict) = verdict {
            let slot = &mut self.slots[i];
            slot.evidence = Some(asked);
            slot.fresh = true;
            slot.verdict = Some(verdict);
            self.note_bad(now, i, verdict == Event::Bad, out);
            health_changed = self.step(now, i, verdict, out);
        }
        self.follow_up(now, i, health_changed || route_changed, out);
        if settled {
            self.drop_if_unneeded(i, out);
        }
    }

    /// Whether an answer was overtaken by one to a later question, or is too old to be evidence when it comes.
    fn is_outdated(&self, now: Time, i: usize, asked: Time) -> bool {
        self.slots[i].asked.is_some_and(|last| asked < last) || now.since(asked) >= self.stale_limit(i)
    }

    pub(super) fn on_missing(&mut self, now: Time, i: usize, asked: Time, out: &mut Vec<Command>) {
        self.mark_changed(i);
        self.note_sight(now, i, true, out);
        if self.is_outdated(now, i, asked) {
            return;
        }
        let seq = self.seq;
        let slot = &mut self.slots[i];
        slot.asked = Some(asked);
        slot.evidence = Some(asked);
        slot.verdict = None;
        slot.single = Some(Single { asked, seq, verdict: Some(Event::Missing) });
        if !std::mem::replace(&mut slot.missing, true) {
            let change = (None, None);
            let told = channel_record(&slot.key, EventType::ChannelMissing, Actor::Outside, Reason::Missing, change);
            out.push(Command::Record(told));
            self.sync_load(i);
        }
        self.slots[i].fresh = false;
        self.note_bad(now, i, false, out);
        self.step(now, i, Event::Missing, out);
        self.follow_up(now, i, true, out);
    }

    pub(super) fn on_failed(&mut self, now: Time, i: usize, out: &mut Vec<Command>) {
        self.note_sight(now, i, false, out);
        self.step(now, i, Event::Failed, out);
        self.stale_check(now, i, out);
        self.arm(now, i);
    }

    /// What time alone does to one channel.
    pub(super) fn on_due(&mut self, now: Time, i: usize, out: &mut Vec<Command>) {
        self.stale_check(now, i, out);
        self.evaluate(now, i, out);
    }

    /// Evaluates the channel, and those whose traffic depends on it.
    pub(super) fn follow_up(&mut self, now: Time, i: usize, changed: bool, out: &mut Vec<Command>) {
        if !changed && self.slots[i].quiet() {
            self.arm(now, i);
        } else {
            self.evaluate(now, i, out);
        }
        let waiting = !self.tenants[self.slots[i].tenant].wanting.is_empty();
        if changed || waiting {
            for n in 0..self.slots[i].users.len() {
                let Some(&user) = self.slots[i].users.get(n) else { break };
                if changed || self.slots[user].wish.is_some() {
                    self.evaluate(now, user, out);
                }
            }
        }
    }

    /// One step of the health machine. Whether health changed.
    pub(super) fn step(&mut self, now: Time, i: usize, event: Event, out: &mut Vec<Command>) -> bool {
        let slot = &mut self.slots[i];
        let Some(was) = slot.machine.step(now, event, &slot.policy.health) else { return false };
        let health = slot.health();
        let looks = match event {
            Event::Good => slot.machine.goods(),
            Event::Bad => slot.machine.bads(),
            Event::Neither => 1,
            Event::Failed | Event::Stale | Event::Missing => 0,
        };
        let reason = Reason::Health { was, now: health, looks, status: slot.status.clone() };
        let change = (Some(Fact::Health(was)), Some(Fact::Health(health)));
        out.push(Command::Record(channel_record(&slot.key, EventType::HealthChanged, Actor::Engine, reason, change)));
        if slot.configured {
            let tenant = &mut self.tenants[slot.tenant];
            tenant.up = (tenant.up + u32::from(health == Health::Up)).saturating_sub(u32::from(was == Health::Up));
        }
        self.mark_changed(i);
        self.mark_users_changed(i);
        true
    }

    /// How old its status may be.
    pub(super) fn stale_limit(&self, i: usize) -> std::time::Duration {
        evidence::status_limit(&self.slots[i].policy.health, self.slots[i].stretch)
    }

    pub(super) fn stale_check(&mut self, now: Time, i: usize, out: &mut Vec<Command>) {
        let limit = self.stale_limit(i);
        let slot = &self.slots[i];
        if slot.fresh && slot.evidence.is_some_and(|at| now.since(at) >= limit) {
            self.turn_stale(now, i, out);
        }
    }

    pub(super) fn turn_stale(&mut self, now: Time, i: usize, out: &mut Vec<Command>) {
        self.slots[i].fresh = false;
        self.mark_changed(i);
        let changed = self.step(now, i, Event::Stale, out);
        self.follow_up(now, i, changed, out);
    }

    /// Whether the last look was bad, and whether too many of the tenant turned so at once.
    fn note_bad(&mut self, now: Time, i: usize, bad: bool, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        if bad == slot.bad_since.is_some() {
            return;
        }
        let tenant = &mut self.tenants[slot.tenant];
        if let Some(since) = slot.bad_since.take() {
            tenant.mass.bad.remove(&(since, i));
        } else {
            slot.bad_since = Some(now);
            if slot.configured {
                tenant.mass.bad.insert((now, i));
            }
        }
        let t = slot.tenant;
        self.mass_check(now, t, out);
    }

    pub(super) fn mass_check(&mut self, now: Time, t: usize, out: &mut Vec<Command>) {
        let tenant = &mut self.tenants[t];
        let on = tenant.params.limits.mass_hold;
        let (bad, of) = (tenant.bad(), tenant.configured);
        let over = !on || tenant.mass.bad.len() < tenant.mass_threshold();
        let (event, reason) = match tenant.mass.held {
            false if on && tenant.mass_now(now) => (EventType::MassHold, Reason::MassChange { bad, of }),
            true if over => (EventType::MassHoldEnded, Reason::MassOver { bad, of }),
            _ => return,
        };
        tenant.mass.held = !tenant.mass.held;
        tenant.mass.approved = false;
        out.push(Command::Record(record(event, Some(tenant.id.clone()), None, Actor::Engine, reason)));
        self.evaluate_wanting(now, t, out);
    }

    /// Where the platform says that traffic goes. Whether the route that we hold for true changed.
    fn note_route(
        &mut self,
        now: Time,
        i: usize,
        asked: Time,
        single: bool,
        view: &ChannelView,
        out: &mut Vec<Command>,
    ) -> bool {
        if asked < self.slots[i].route_from {
            return false;
        }
        if single {
            self.settle_unsure(now, i, asked, view, out);
        } else if view.unrouted && self.slots[i].route.is_none() {
            // Only the channel itself can tell where its traffic goes.
            self.doubt_route(now, i, out);
        }
        if view.unrouted {
            return false;
        }
        let slot = &self.slots[i];
        let read = view.primary.as_ref().unwrap_or(&slot.key.channel);
        if slot.flight.is_some() || slot.unsure.is_some() {
            // What is read while a change is under way is judged when its outcome is known.
            return false;
        }
        if slot.expected.as_ref() == Some(read) && slot.route.as_ref() == Some(read) {
            return false;
        }
        let read = read.clone();
        if !slot.configured {
            let changed = slot.route.as_ref() != Some(&read);
            self.slots[i].route = Some(read);
            self.sync_load(i);
            return changed;
        }
        if slot.expected.as_ref() == Some(&read) {
            self.slots[i].route = Some(read);
        } else if slot.expected.is_none() && read == slot.key.channel {
            self.slots[i].route = Some(read.clone());
            self.slots[i].expected = Some(read);
        } else if slot.expected.is_some() && !single {
            self.doubt_route(now, i, out);
            return false;
        } else if !self.shows_late(now, i, &read, out) {
            self.take_foreign_route(now, i, read, out);
        }
        self.sync_load(i);
        true
    }

    /// A page of the list shows another route or codec order than the channel had: it may be old, so the channel itself is
    /// asked.
    fn doubt_route(&mut self, now: Time, i: usize, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        let fast = slot.policy.health.fast_interval;
        if slot.doubted_at.is_none_or(|at| now.since(at) >= fast) {
            slot.doubted_at = Some(now);
            out.push(Command::LookNow { channel: slot.key.clone() });
        }
    }

    fn take_foreign_route(&mut self, now: Time, i: usize, read: ChannelId, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        // A channel that came home long ago may be moved by anybody: that undoes nothing of ours.
        let left_away = slot.expected.as_ref().is_some_and(|expected| *expected != slot.key.channel);
        let reversal = slot.route_ours && (left_away || slot.blocked_until.is_some_and(|until| until > now));
        let was = slot.expected.replace(read.clone());
        slot.route = Some(read.clone());
        slot.route_ours = false;
        slot.foreign = read != slot.key.channel;
        slot.moved_for = None;
        slot.blocked_until = Some(now + slot.policy.failover.block_period).max(slot.blocked_until);
        let reason = Reason::RouteForeign { was: was.clone(), now: read.clone(), reversal };
        let change = (was.map(Fact::Route), Some(Fact::Route(read)));
        out.push(Command::Record(channel_record(&slot.key, EventType::RouteChanged, Actor::Outside, reason, change)));
        self.mark_unsaved(i);
        if reversal {
            self.count_reversal(now, self.slots[i].tenant, out);
        }
    }

    fn count_reversal(&mut self, now: Time, t: usize, out: &mut Vec<Command>) {
        let tenant = &mut self.tenants[t];
        let reversals = tenant.count_reversal(now);
        // A pause that lapses would let the fight go on by itself.
        if reversals < REVERSALS || (tenant.paused && tenant.paused_until.is_none()) {
            return;
        }
        let was = std::mem::replace(&mut tenant.paused, true);
        tenant.paused_until = None;
        let reversals = u32::try_from(reversals).unwrap_or(u32::MAX);
        let reason = Reason::OtherController { reversals, within: REVERSALS_WITHIN };
        let mut told = record(EventType::OtherController, Some(tenant.id.clone()), None, Actor::Outside, reason);
        (told.before, told.after) = (Some(Fact::Paused(was)), Some(Fact::Paused(true)));
        out.push(Command::Record(told));
        self.evaluate_wanting(now, t, out);
    }

    /// The same for a codec order. A page of the list may be old, so the channel itself is asked.
    fn codecs_show_late(
        &mut self,
        now: Time,
        i: usize,
        asked: Time,
        single: bool,
        view: &ChannelView,
        out: &mut Vec<Command>,
    ) {
        let slot = &mut self.slots[i];
        if asked < slot.route_from || slot.flight.is_some() || slot.unsure.is_some() {
            return;
        }
        let shows = slot.late.as_ref().filter(|(_, until)| now < *until).is_some_and(|(late, _)| match &late.kind {
            ActionKind::Codec { order, .. } => view.has_order(order) == Some(true),
            ActionKind::Failover { .. } | ActionKind::Failback { .. } => false,
        });
        if shows && !single {
            return self.doubt_route(now, i, out);
        }
        let Some((kept, _)) = slot.late.take_if(|_| shows) else { return };
        let reason = Reason::ShowsLate { kind: kept.kind.name().to_owned() };
        self.complete(now, i, &kept, reason, out);
    }

    /// A change that had not shown when its time was over shows now: it is ours, not someone else's.
    fn shows_late(&mut self, now: Time, i: usize, read: &ChannelId, out: &mut Vec<Command>) -> bool {
        let slot = &mut self.slots[i];
        let late = slot.late.as_ref().filter(|(_, until)| now < *until);
        let shows = late.is_some_and(|(late, _)| match &late.kind {
            ActionKind::Failover { to, .. } => to == read,
            ActionKind::Failback { .. } => *read == slot.key.channel,
            ActionKind::Codec { .. } => false,
        });
        let Some((kept, _)) = slot.late.take_if(|_| shows) else { return false };
        let reason = Reason::ShowsLate { kind: kept.kind.name().to_owned() };
        self.complete(now, i, &kept, reason, out);
        true
    }
}

/// Takes over what the decision needs of the rest. Whether the platform names other backups than before, where they count.
fn note_view(slot: &mut Slot, asked: Time, view: &ChannelView, single: bool) -> bool {
    // An order that was asked for before our last action ended may be the one that it replaced.
    if let Some(codecs) = told(view.codecs.as_ref(), single)
        && slot.codecs != codecs
        && asked >= slot.route_from
    {
        slot.codecs = codecs.to_vec();
        let theirs = slot.codecs_set.as_ref().is_some_and(|set| single && !same_order(set, &slot.codecs));
        if theirs && slot.flight.is_none() && slot.unsure.is_none() {
            // Someone else chose another order: it is theirs, and there is nothing of ours to take back.
            slot.codecs_set = None;
            slot.codecs_first = None;
            slot.trial = None;
        }
    }
    let Some(backups) = told(view.failover.as_ref(), single) else { return false };
    let backups = backups.get(..MAX_BACKUPS).unwrap_or(backups);
    if slot.listed.is_some() || !slot.configured || slot.backups_read == backups {
        return false;
    }
    slot.backups_read = backups.to_vec();
    true
}

/// What an answer tells of a list: what is left out is empty where the channel itself was asked, and not told in a page.
fn told<T>(read: Option<&Vec<T>>, single: bool) -> Option<&[T]> {
    read.map(Vec::as_slice).or(single.then_some(&[]))
}
