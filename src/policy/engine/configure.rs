//! Which channels there are: building the engine, rebuilding it on a reload, and watching candidates while they are needed.

use super::super::command::{Command, EventType, Fact};
use super::super::hold::Hold;
use super::super::ids::{SlotId, TenantIx};
use super::super::key::{ChannelId, ChannelKey, TenantId};
use super::super::params::{ChannelParams, Params, Policy};
use super::super::reason::Reason;
use super::super::time::Time;
use super::super::words::{Actor, Health};
use super::slot::Slot;
use super::{Engine, channel_record};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    pub(super) fn configure(&mut self, now: Time, params: Params, out: &mut Vec<Command>) {
        self.configure_tenants(now, &params);
        let stay: BTreeSet<&ChannelKey> = params.channels.iter().map(|channel| &channel.key).collect();
        let removed: Vec<SlotId> = self
            .slots
            .ids()
            .filter(|i| self.slots[*i].live && self.slots[*i].configured && !stay.contains(&self.slots[*i].key))
            .collect();
        let mut touched = Vec::with_capacity(params.channels.len());
        self.slots.reserve(params.channels.len());
        for channel in &params.channels {
            touched.extend(self.configure_channel(now, channel, out));
        }
        self.places.limit(params.global);
        self.params = params;
        for i in touched {
            self.refresh_needs(now, i, out);
            self.refresh_cadence(i, out);
        }
        for i in removed {
            self.unconfigure(now, i, out);
        }
        for i in self.slots.ids() {
            self.drop_if_unneeded(now, i, out);
        }
        self.recount(now, out);
        for i in self.slots.ids() {
            if self.started && self.slots[i].live && self.slots[i].configured {
                self.stale_check(now, i, out);
                self.evaluate(now, i, out);
            }
        }
    }

    fn configure_tenants(&mut self, now: Time, params: &Params) {
        for t in self.tenants.ids() {
            let stays = params.tenants.contains_key(&self.tenants[t].id);
            if stays != self.tenants[t].live {
                self.tenant_left(now, t, (!stays).then_some(Duration::ZERO));
            }
        }
        for (id, tenant) in &params.tenants {
            let t = self.ensure_tenant(id);
            self.tenants[t].params = tenant.clone();
        }
    }

    pub(super) fn ensure_tenant(&mut self, id: &TenantId) -> TenantIx {
        let t = self.tenants.ensure(id);
        self.tenants[t].live = true;
        t
    }

    /// Takes over a channel's parameters; its slot, where anything changed.
    fn configure_channel(&mut self, now: Time, channel: &ChannelParams, out: &mut Vec<Command>) -> Option<SlotId> {
        let (i, new) = match self.slots.find(&channel.key) {
            Some(i) => (i, false),
            None => (self.add_slot(now, channel.key.clone(), channel.policy.clone()), true),
        };
        if !self.slots[i].configured {
            self.come_back(now, i, new);
        }
        let slot = &mut self.slots[i];
        let promoted = !std::mem::replace(&mut slot.configured, true);
        if promoted && self.started {
            let told =
                channel_record(&slot.key, EventType::ChannelWatched, Actor::Config, Reason::Configured, (None, None));
            out.push(Command::Record(told));
        }
        let listed = slot.listed != channel.failover;
        let policy = !Arc::ptr_eq(&slot.policy, &channel.policy) && *slot.policy != *channel.policy;
        slot.listed.clone_from(&channel.failover);
        slot.carrier.clone_from(&channel.carrier);
        if policy {
            if slot.policy.telemetry != channel.policy.telemetry {
                slot.telemetry.window.reconfigure(&channel.policy.telemetry);
            }
            slot.policy = channel.policy.clone();
        }
        slot.windows = self.windows.get(&channel.policy.name).copied().unwrap_or_default();
        if !(new || promoted || listed || policy) {
            return None;
        }
        self.mark_changed(i);
        Some(i)
    }

    /// The channel left the configuration: never moved again, watched on while somebody needs it.
    fn unconfigure(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        self.unwish(i);
        self.remember_left(now, i, false);
        let slot = &mut self.slots[i];
        slot.action.ordered = None;
        slot.route.doubts.route = None;
        slot.route.doubts.codecs = None;
        slot.configured = false;
        slot.suspect = false;
        let left_at = slot.route.read.clone().filter(|route| *route != slot.key.channel);
        let change = (left_at.clone().map(Fact::Route), None);
        let (event, reason) = (EventType::ChannelUnwatched, Reason::Removed { left_at });
        out.push(Command::Record(channel_record(&slot.key, event, Actor::Config, reason, change)));
        self.refresh_needs(now, i, out);
        self.drop_if_unneeded(now, i, out);
    }

    /// Counts anew what tenants count, after the set of channels changed.
    fn recount(&mut self, now: Time, out: &mut Vec<Command>) {
        for tenant in self.tenants.iter_mut() {
            (tenant.configured, tenant.up, tenant.watched) = (0, 0, 0);
            tenant.longest = std::time::Duration::ZERO;
        }
        let mut members: BTreeMap<TenantIx, Vec<_>> = BTreeMap::new();
        for (i, slot) in self.slots.live() {
            let tenant = &mut self.tenants[slot.tenant];
            tenant.watched += 1;
            tenant.longest = tenant.longest.max(slot.policy.health.interval);
            if slot.configured {
                tenant.configured += 1;
                tenant.up += u32::from(slot.health() == Health::Up);
                members.entry(slot.tenant).or_default().push((i, slot.group(i), slot.evidence.bad_since));
            }
        }
        for t in self.tenants.ids() {
            self.tenants[t].mass.rebuild(members.remove(&t).unwrap_or_default());
        }
        for t in self.tenants.ids() {
            let interval = self.tenants[t].interval();
            self.tenants[t].looks.set_interval(now, interval);
            self.mass_check(now, t, out);
        }
    }

    fn add_slot(&mut self, now: Time, key: ChannelKey, policy: Arc<Policy>) -> SlotId {
        let t = self.ensure_tenant(&key.tenant);
        let maintenance = self.left.maintenance(&key);
        let mut slot = Slot { pace: self.tenants[t].pace, ..Slot::new(now, key, t, policy) };
        slot.action.maintenance = maintenance;
        let i = self.slots.add(slot);
        self.tenants[t].watched += 1;
        self.mark_changed(i);
        i
    }

    /// Finds out anew whom the channel needs watched: its candidates, and where its traffic goes.
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
                    let told = channel_record(&key, EventType::ChannelWatched, Actor::Engine, reason, (None, None));
                    out.push(Command::Record(told));
                }
                self.add_slot(now, key, policy.clone())
            });
            if !found.contains(&c) {
                found.push(c);
            }
        }
        found
    }

    /// The slot of another channel of the same tenant, by the index.
    pub(super) fn lookup(&self, slot: &Slot, id: &ChannelId) -> Option<SlotId> {
        self.slots.find(&ChannelKey { tenant: slot.key.tenant.clone(), channel: id.clone() })
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

    pub(super) fn mark_changed(&mut self, i: SlotId) {
        let slot = &mut self.slots[i];
        if !std::mem::replace(&mut slot.changed, true) {
            self.changed.push(i);
        }
    }

    /// Those who have it as a candidate tell of it, too.
    pub(super) fn mark_users_changed(&mut self, i: SlotId) {
        for n in 0..self.slots[i].users.len() {
            let Some(&user) = self.slots[i].users.get(n) else { break };
            self.mark_changed(user);
        }
    }

    pub(super) fn mark_unsaved(&mut self, i: SlotId) {
        let slot = &mut self.slots[i];
        if !std::mem::replace(&mut slot.unsaved, true) {
            self.unsaved.push(i);
        }
    }

    pub(super) fn mark_tenant_unsaved(&mut self, t: TenantIx) {
        self.tenants[t].unsaved = true;
    }
}
