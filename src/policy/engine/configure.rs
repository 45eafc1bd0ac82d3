//! The set of channels: builds the engine, follows a reload, and watches candidates while they are needed.

use super::super::command::{Command, EventType, Fact};
use super::super::ids::{SlotId, TenantIx};
use super::super::key::ChannelKey;
use super::super::params::{ChannelParams, Params};
use super::super::reason::Reason;
use super::super::time::Time;
use super::super::words::{Actor, Health};
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
                self.touch(i);
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
            let t = self.tenants.ensure(id);
            self.tenants[t].params = tenant.clone();
        }
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
            let record =
                channel_record(&slot.key, EventType::ChannelWatched, Actor::Config, Reason::Configured, (None, None));
            out.push(Command::Record(record));
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
}
