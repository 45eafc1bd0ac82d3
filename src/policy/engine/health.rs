//! The health of a channel, and of a tenant's channels together: one step of the machine for each look, staleness, and the mass
//! change.

use super::super::channel::Event;
use super::super::command::{Command, EventType, Fact};
use super::super::ids::{SlotId, TenantIx};
use super::super::reason::Reason;
use super::super::time::Time;
use super::super::words::{Actor, Health};
use super::{Engine, channel_record, record};

impl Engine {
    /// One step of the health machine. Whether health changed.
    pub(super) fn step(&mut self, now: Time, i: SlotId, event: Event, out: &mut Vec<Command>) -> bool {
        let slot = &mut self.slots[i];
        let Some(was) = slot.evidence.machine.step(now, event, &slot.policy.health) else { return false };
        let health = slot.health();
        let looks = match event {
            Event::Good => slot.evidence.machine.goods(),
            Event::Bad => slot.evidence.machine.bads(),
            Event::Neither => 1,
            Event::Failed | Event::Stale | Event::Missing => 0,
        };
        let missing = event == Event::Missing;
        let reason = Reason::Health { was, now: health, looks, status: slot.evidence.status.clone(), missing };
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
    pub(super) fn stale_limit(&self, i: SlotId) -> std::time::Duration {
        self.slots[i].status_limit()
    }

    pub(super) fn stale_check(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let limit = self.stale_limit(i);
        let slot = &mut self.slots[i];
        if !(slot.evidence.fresh || slot.evidence.missing) || slot.evidence.at.is_none_or(|at| now.since(at) < limit) {
            return;
        }
        // That the platform has no such channel was its word of then, like any other.
        slot.evidence.missing_looks = 0;
        if std::mem::take(&mut slot.evidence.missing) {
            self.sync_load(i);
            self.mark_users_changed(i);
            self.slots[i].evidence.fresh = false;
            return self.follow_up(now, i, true);
        }
        self.turn_stale(now, i, out);
    }

    pub(super) fn turn_stale(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        self.slots[i].evidence.fresh = false;
        self.mark_changed(i);
        let changed = self.step(now, i, Event::Stale, out);
        self.follow_up(now, i, changed);
    }

    /// Whether the last look was bad, or the platform has no such channel; and whether too many of the tenant turned so at
    /// once.
    pub(super) fn note_bad(&mut self, now: Time, i: SlotId, bad: bool, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        if bad == slot.evidence.bad_since.is_some() {
            return;
        }
        let tenant = &mut self.tenants[slot.tenant];
        if let Some(since) = slot.evidence.bad_since.take() {
            tenant.mass.turned_good(since, i);
        } else {
            slot.evidence.bad_since = Some(now);
            if slot.configured {
                tenant.mass.turned_bad(now, i);
            }
        }
        let t = slot.tenant;
        self.mass_check(now, t, out);
    }

    pub(super) fn mass_check(&mut self, now: Time, t: TenantIx, out: &mut Vec<Command>) {
        let tenant = &mut self.tenants[t];
        let on = tenant.params.limits.mass_hold;
        let (bad, of, threshold) = (tenant.bad(), tenant.configured, tenant.mass_threshold());
        let (event, reason) = match tenant.mass.held() {
            false if on && tenant.mass.at_once(now, threshold) => {
                tenant.mass.hold();
                (EventType::MassHold, Reason::MassChange { bad, of })
            }
            true if !on || !tenant.mass.lasts(threshold) => {
                tenant.mass.end();
                (EventType::MassHoldEnded, Reason::MassOver { bad, of })
            }
            _ => return,
        };
        out.push(Command::Record(record(event, Some(tenant.id.clone()), None, Actor::Engine, reason)));
        if !tenant.mass.held() {
            let all = self.slots.live().filter(|(_, slot)| slot.configured && slot.tenant == t);
            let members: Vec<_> = all.map(|(i, slot)| (i, slot.group(i), slot.evidence.bad_since)).collect();
            self.tenants[t].mass.rebuild(members);
        }
        self.touch_wanting(t);
    }

    /// The reason where nothing is wanted at home: what is known of the channel's health.
    pub(super) fn quiet_reason(&self, i: SlotId) -> Reason {
        let slot = &self.slots[i];
        let thresholds = &slot.policy.health;
        let (good, rise) = (slot.evidence.machine.goods(), thresholds.rise);
        match slot.health() {
            _ if slot.gone() => slot.missing_reason(),
            _ if slot.evidence.at.is_none() => Reason::NotSeen,
            _ if !slot.evidence.fresh => Reason::Stale { limit: self.stale_limit(i) },
            Health::Down if !slot.last_bad() => Reason::Recovering { good, rise },
            _ if slot.last_bad() => {
                let bad = slot.evidence.machine.bads();
                Reason::Suspect { bad, fall: thresholds.fall, status: slot.evidence.status.clone() }
            }
            Health::Up => Reason::Fine,
            Health::Degraded => Reason::Degraded { status: slot.evidence.status.clone() },
            Health::Unknown | Health::Down => Reason::Settling { good, rise },
        }
    }
}
