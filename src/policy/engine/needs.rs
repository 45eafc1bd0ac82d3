//! Which channels a channel needs watched: its candidates, and the one that carries its traffic. They are watched while any channel
//! needs them.

use super::super::command::{Command, EventType};
use super::super::hold::Hold;
use super::super::ids::SlotId;
use super::super::key::{ChannelId, ChannelKey};
use super::super::params::Policy;
use super::super::reason::Reason;
use super::super::time::Time;
use super::super::words::Actor;
use super::{Engine, Slot, channel_record};
use std::sync::Arc;

impl Engine {
    /// Works out again which channels it needs watched: its candidates, and the one that carries its traffic.
    pub(super) fn refresh_needs(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let slot = &self.slots[i];
        let (own, policy) = (slot.id().clone(), slot.policy.clone());
        let (mut backups, mut places): (Vec<ChannelId>, Vec<ChannelId>) = (Vec::new(), Vec::new());
        if slot.configured {
            backups.extend(slot.listed.as_ref().unwrap_or(&slot.evidence.backups).iter().cloned());
            places.extend([&slot.route.read, &slot.route.expected].into_iter().flatten().cloned());
            places.extend(slot.route.doubts.route.as_ref().map(|doubt| doubt.of.clone()));
            places.extend(slot.action.ordered.as_ref().and_then(|ordered| ordered.to.clone()));
        }
        places.extend(slot.pending_to().cloned());
        let candidates = self.resolve(now, i, &own, backups, &policy, out);
        let mut needs: Vec<SlotId> = candidates.iter().copied().filter(|c| *c != i).collect();
        for c in self.resolve(now, i, &own, places, &policy, out) {
            if c != i && !needs.contains(&c) {
                needs.push(c);
            }
        }
        let before = std::mem::replace(&mut self.slots[i].needs, needs.clone());
        self.slots[i].candidates = candidates;
        for &c in needs.iter().filter(|c| !before.contains(c)) {
            if let Err(at) = self.slots[c].users.binary_search(&i) {
                self.slots[c].users.insert(at, i);
            }
            self.refresh_cadence(c, out);
        }
        self.sync_load(i);
        for c in before.into_iter().filter(|c| !needs.contains(c)) {
            self.slots[c].users.retain(|user| *user != i);
            self.refresh_cadence(c, out);
            self.drop_if_unneeded(now, c, out);
        }
    }

    fn resolve(
        &mut self,
        now: Time,
        i: SlotId,
        own: &ChannelId,
        ids: Vec<ChannelId>,
        policy: &Arc<Policy>,
        out: &mut Vec<Command>,
    ) -> Vec<SlotId> {
        let tenant = self.slots[i].key.tenant.clone();
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let key = ChannelKey { tenant: tenant.clone(), channel: id };
            let known = self.slots.find(&key);
            let c = known.unwrap_or_else(|| {
                if self.started {
                    let reason = Reason::CandidateOf { channel: own.clone() };
                    let record = channel_record(&key, EventType::ChannelWatched, Actor::Engine, reason, (None, None));
                    out.push(Command::Record(record));
                }
                self.add_slot(now, key, policy.clone())
            });
            if !found.contains(&c) {
                found.push(c);
            }
        }
        found
    }

    pub(super) fn drop_if_unneeded(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        if !slot.live || slot.configured || slot.action.flight.is_some() || slot.action.unsure.is_some() {
            return;
        }
        if let Some(&user) = slot.users.first() {
            let policy = self.slots[user].policy.clone();
            if !Arc::ptr_eq(&self.slots[i].policy, &policy) {
                self.slots[i].policy = policy;
                self.refresh_cadence(i, out);
            }
            return;
        }
        self.remember_left(now, i, true);
        let slot = &mut self.slots[i];
        slot.live = false;
        let key = slot.key.clone();
        let carried = slot.route.carries > 0;
        if slot.cadence.take().is_some() {
            out.push(Command::Unwatch { channel: key.clone() });
        }
        slot.action.held = None::<Hold>;
        for c in std::mem::take(&mut slot.route.loads).into_iter().flatten() {
            self.slots[c].route.carries = self.slots[c].route.carries.saturating_sub(1);
        }
        if carried {
            for other in self.slots.iter_mut() {
                for load in &mut other.route.loads {
                    load.take_if(|load| *load == i);
                }
            }
        }
        let tenant = &mut self.tenants[self.slots[i].tenant];
        tenant.codecs_open.remove(&i);
        tenant.watched = tenant.watched.saturating_sub(1);
        if let Some(since) = self.slots[i].evidence.bad_since {
            tenant.mass.turned_good(since, i);
        }
        self.slots.free(i);
        self.forgotten.push(super::Part::Channel(key.clone()));
        self.gone.push(key);
    }

    pub(super) fn add_slot(&mut self, now: Time, key: ChannelKey, policy: Arc<Policy>) -> SlotId {
        let t = self.tenants.ensure(&key.tenant);
        let maintenance = self.left.maintenance(&key);
        let mut slot = Slot { pace: self.tenants[t].pace, ..Slot::new(now, key, t, policy) };
        slot.action.maintenance = maintenance;
        let i = self.slots.add(slot);
        self.tenants[t].watched += 1;
        self.mark_changed(i);
        i
    }
}
