//! Channels and tenants that left the configuration, at a reload or missing at a start, but are still remembered: what people
//! ordered for them goes on until its own end, and everything else, the route included, is kept for a day. They may come back.
//!
//! Must never: watch or move a channel that is not configured, or end a person's order without a record.

use super::super::command::{Action, Command, EventType, Fact, Refusal};
use super::super::ids::{SlotId, TenantIx};
use super::super::key::{ChannelKey, TenantId};
use super::super::reason::Reason;
use super::super::tenant::LEFT_FOR as KEPT_FOR;
use super::super::time::Time;
use super::super::words::{Actor, Outcome};
use super::pending::Kept;
use super::saved::{SavedChannel, restore_channel, save_channel};
use super::{Engine, Part, Saved, channel_record, person, record};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Channels that are remembered at the most; beyond it, what would be forgotten first is.
const MAX_LEFT: usize = 100_000;

/// Channels that left, and when something of each ends.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    channels: BTreeMap<ChannelKey, Left>,
    due: BTreeSet<(Time, ChannelKey)>,
    /// Tenants that left, by when they are forgotten.
    tenants: BTreeSet<(Time, TenantIx)>,
}

#[derive(Debug)]
struct Left {
    saved: SavedChannel,
    /// When `saved` was taken, and how old it was then.
    at: Time,
    older: Duration,
    /// Since when it has been out of the file, as far as this process knows; and for how long before.
    since: Time,
    before: Duration,
    maintenance: Option<Time>,
    /// Whether its slot, where it is watched on, holds all of it; else `saved` does.
    held: bool,
}

impl Left {
    fn out_for(&self, now: Time) -> Duration {
        self.before + now.since(self.since)
    }

    fn age(&self, now: Time) -> Duration {
        self.older + now.since(self.at)
    }

    /// When its maintenance ends, or else it is forgotten.
    fn due(&self) -> Time {
        self.maintenance.unwrap_or(self.since + KEPT_FOR.saturating_sub(self.before))
    }
}

impl Shelf {
    pub(super) fn keys(&self) -> impl Iterator<Item = &ChannelKey> {
        self.channels.keys()
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        let channels = self.due.first().map(|(at, _)| *at);
        channels.into_iter().chain(self.tenants.first().map(|(at, _)| *at)).min()
    }

    /// When the maintenance of a channel that left ends, and why it is.
    pub(super) fn maintenance(&self, key: &ChannelKey) -> Option<(Time, String)> {
        let left = self.channels.get(key)?;
        Some((left.maintenance?, left.saved.maintenance_reason()?.to_owned()))
    }

    fn put(&mut self, key: ChannelKey, left: Left) {
        self.take(&key);
        if self.channels.len() >= MAX_LEFT
            && let Some((_, first)) = self.due.pop_first()
        {
            self.channels.remove(&first);
        }
        self.due.insert((left.due(), key.clone()));
        self.channels.insert(key, left);
    }

    fn take(&mut self, key: &ChannelKey) -> Option<Left> {
        let left = self.channels.remove(key)?;
        self.due.remove(&(left.due(), key.clone()));
        Some(left)
    }
}

impl Engine {
    /// A channel leaves the file, or (`again`) is watched no longer: what is known of it by now is remembered.
    pub(super) fn remember_left(&mut self, now: Time, i: SlotId, again: bool) {
        let slot = &self.slots[i];
        let before = self.left.take(&slot.key);
        if again && before.is_none() {
            return;
        }
        let saved = save_channel(now, slot);
        if saved.is_plain(slot.id()) {
            return;
        }
        let (since, out) = before.map_or((now, Duration::ZERO), |before| (before.since, before.before));
        let maintenance = slot.action.maintenance.as_ref().map(|(until, _)| *until);
        let left = Left { saved, at: now, older: Duration::ZERO, since, before: out, maintenance, held: !again };
        self.left.put(slot.key.clone(), left);
        self.mark_unsaved(i);
    }

    /// State of a channel that is not configured at this start.
    pub(super) fn restore_left(&mut self, now: Time, key: &ChannelKey, mut saved: SavedChannel, elapsed: Duration) {
        let (before, older) = saved.take_left();
        let older = older + elapsed;
        let before = before.map_or(Duration::ZERO, |before| before + elapsed);
        let maintenance = saved.maintenance_left().map(|left| now + left.saturating_sub(older));
        self.left.put(key.clone(), Left { saved, at: now, older, since: now, before, maintenance, held: false });
        if let Some(i) = self.slots.find(key) {
            self.slots[i].action.maintenance = self.left.maintenance(key);
        }
    }

    /// What a crash left open on a channel that is not configured may show once it is: it is ours then.
    pub(super) fn remember_stray(&mut self, now: Time, action: &Action, outcome: &Outcome) {
        if !matches!(outcome, Outcome::Applied { .. } | Outcome::NotApplied | Outcome::Unknown { .. }) {
            return;
        }
        let key = action.channel.clone();
        let mut left = self.left.take(&key).unwrap_or_else(|| Left {
            saved: SavedChannel::default(),
            at: now,
            older: Duration::ZERO,
            since: now,
            before: Duration::ZERO,
            maintenance: None,
            held: false,
        });
        left.saved.may_show_late(Kept::of(action), left.age(now));
        self.left.put(key.clone(), left);
        self.forgotten.push(Part::Channel(key));
    }

    /// A channel came into the file; `new`: it was not watched.
    pub(super) fn come_back(&mut self, now: Time, i: SlotId, new: bool) {
        let Some(left) = self.left.take(&self.slots[i].key) else { return };
        let slot = &mut self.slots[i];
        if new || !left.held {
            let (age, kept) = (left.age(now), left.out_for(now) < KEPT_FOR);
            let saved = if kept { left.saved } else { left.saved.ordered_only() };
            restore_channel(now, slot, saved, age);
        }
        if slot.route.expected.is_some() && slot.route.read != slot.route.expected {
            // Where its traffic went while it was nobody's is read anew.
            slot.route.read = None;
        }
        self.mark_unsaved(i);
    }

    /// What is kept of a channel that left.
    pub(super) fn save_left(&self, now: Time, key: &ChannelKey) -> Option<Saved> {
        let left = self.left.channels.get(key)?;
        let live = self.slots.find(key).filter(|_| left.held).map(|i| save_channel(now, &self.slots[i]));
        let (saved, age) = live.map_or_else(|| (left.saved.clone(), left.age(now)), |saved| (saved, Duration::ZERO));
        Some(Saved::Channel(Box::new(saved.with_left(left.out_for(now), age))))
    }

    /// Every part that is kept though it is not configured.
    pub(super) fn left_parts(&self) -> impl Iterator<Item = Part> {
        let tenants = self.tenants.iter().filter(|tenant| !tenant.live && tenant.left.is_some());
        let tenants = tenants.map(|tenant| Part::Tenant(tenant.id.clone()));
        tenants.chain(self.left.keys().map(|key| Part::Channel(key.clone())))
    }

    /// Ends what is over of that which left.
    pub(super) fn lapse_left(&mut self, now: Time, out: &mut Vec<Command>) {
        while let Some(key) = self.left.due.first().filter(|(at, _)| *at <= now).map(|(_, key)| key.clone()) {
            let Some(mut left) = self.left.take(&key) else { break };
            if left.maintenance.take().is_some() {
                left.saved.end_maintenance();
                let what = format!("the maintenance of {key} ended: its time is up");
                self.tell_left(&key, Actor::System, Reason::Lapsed { what }, out);
            }
            if left.out_for(now) < KEPT_FOR {
                self.left.put(key.clone(), left);
            }
            self.forgotten.push(Part::Channel(key));
        }
        while let Some(t) = self.left.tenants.first().filter(|(at, _)| *at <= now).map(|(_, t)| *t) {
            self.forget_tenant(now, t, out);
        }
    }

    /// A tenant leaves the file, for which it has been out `before`; or (`None`) it is in it.
    pub(super) fn tenant_left(&mut self, now: Time, t: TenantIx, before: Option<Duration>) {
        let tenant = &mut self.tenants[t];
        if let Some(due) = tenant.left_due() {
            self.left.tenants.remove(&(due, t));
        }
        tenant.live = before.is_none();
        tenant.left = before.map(|before| (now, before));
        self.left.tenants.extend(tenant.left_due().map(|due| (due, t)));
        tenant.unsaved = true;
    }

    /// A person ends the maintenance of a channel that is not configured.
    pub(super) fn end_left_maintenance(
        &mut self,
        key: &ChannelKey,
        who: &str,
        out: &mut Vec<Command>,
    ) -> Result<(), Refusal> {
        if self.left.maintenance(key).is_none() {
            return Err(Refusal::UnknownChannel(key.clone()));
        }
        let Some(mut left) = self.left.take(key) else { return Err(Refusal::UnknownChannel(key.clone())) };
        left.maintenance = None;
        left.saved.end_maintenance();
        self.left.put(key.clone(), left);
        self.forgotten.push(Part::Channel(key.clone()));
        let order = format!("took {key} out of maintenance");
        self.tell_left(key, person(who), Reason::Ordered { order }, out);
        Ok(())
    }

    fn tell_left(&mut self, key: &ChannelKey, actor: Actor, reason: Reason, out: &mut Vec<Command>) {
        let event = EventType::MaintenanceEnded;
        out.push(Command::Record(channel_record(key, event, actor, reason, (None, None))));
        if let Some(i) = self.slots.find(key) {
            self.slots[i].action.maintenance = None;
            self.after_maintenance(i);
        }
    }

    /// State of a tenant that is not configured at this start.
    pub(super) fn stray_tenant(&mut self, now: Time, id: &TenantId, out_for: Duration) -> TenantIx {
        let t = self.tenants.ensure(id);
        self.tenant_left(now, t, Some(out_for));
        t
    }

    /// A day after it left the file.
    fn forget_tenant(&mut self, now: Time, t: TenantIx, out: &mut Vec<Command>) {
        self.left.tenants.pop_first();
        let tenant = &mut self.tenants[t];
        let id = tenant.id.clone();
        // A pause that has an end goes on until then.
        if let Some(until) = tenant.paused_until.filter(|until| tenant.paused && *until > now) {
            self.left.tenants.insert((until, t));
            return;
        }
        tenant.left = None;
        if std::mem::take(&mut tenant.paused) {
            let what = format!("the pause of tenant {id} ended: the tenant left the configuration a day ago");
            let mut record = record(EventType::Lapsed, Some(id.clone()), None, Actor::System, Reason::Lapsed { what });
            (record.before, record.after) = (Some(Fact::Paused(true)), Some(Fact::Paused(false)));
            out.push(Command::Record(record));
        }
        let tenant = &mut self.tenants[t];
        (tenant.paused_until, tenant.other_controller) = (None, false);
        tenant.actions.clear();
        tenant.reversals.clear();
        self.forgotten.push(Part::Tenant(id));
    }
}
