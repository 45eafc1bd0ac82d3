//! What a tenant's looks cost against its request budget, and when each channel's turn comes.
//!
//! What is armed keeps the moment that its interval counts from, so that it is timed anew whenever the plan changes.

use super::list::WORTH_A_LIST;
use super::tenant::{Tenant, TenantPlan};
use super::{Due, Prober, Seen, Watched, telemetry};
use crate::policy::plan::{Demand, per_minute};
use crate::policy::{ChannelKey, Pace, TenantId};
use std::time::Duration;

impl Prober {
    /// Takes a new set of tenants. One that stays keeps what was learnt of it.
    pub(super) async fn take_tenants(&mut self, plans: Vec<TenantPlan>) {
        let mut before = std::mem::take(&mut self.tenants);
        for plan in plans {
            let id = plan.id.clone();
            let tenant = match before.remove(&id) {
                Some(mut known) => {
                    known.replan(plan);
                    known
                }
                None => Tenant::new(plan, 0),
            };
            for (group, params) in tenant.telemetry.iter().enumerate() {
                // Soon, and not at the same moment as the first looks.
                self.queue.insert(Due::Telemetry(id.clone(), group, tenant.epoch), params.interval.mul_f64(0.1));
            }
            self.tenants.insert(id, tenant);
        }
        self.replan_all().await;
    }

    /// Plans every tenant anew.
    pub(super) async fn replan_all(&mut self) {
        let ids: Vec<TenantId> = self.tenants.keys().cloned().collect();
        for id in ids {
            self.replan(&id).await;
        }
    }

    /// Stretches a tenant's intervals to what its budget allows now, tells the driver where that changed, and times anew what
    /// is armed.
    pub(super) async fn replan(&mut self, id: &TenantId) {
        let Some(demand) = self.demand(id) else { return };
        let slow = self.slowed_by_the_list(id);
        let Some(tenant) = self.tenants.get_mut(id) else { return };
        let budget = tenant.platform.budget();
        let mut share = demand.share(budget.limit);
        let slowed = demand.looks / f64::from(budget.looks.clamp(1, budget.limit.max(1)));
        share.pace.looks = share.pace.looks.max(slow).max(slowed);
        let retimed = share.pace.looks.to_bits() != tenant.share.pace.looks.to_bits();
        tenant.share = share;
        let told = share.pace.differs(&tenant.told);
        if told {
            tenant.told = share.pace;
        }
        if retimed {
            let armed: Vec<ChannelKey> =
                self.routine(id).filter(|(_, w)| w.due.is_some()).map(|(key, _)| key.clone()).collect();
            for channel in &armed {
                self.arm(channel);
            }
        }
        if told {
            self.tell(Seen::Paced(id.clone(), share.pace)).await;
        }
    }

    /// What looking at the tenant as its policies want would cost.
    fn demand(&self, id: &TenantId) -> Option<Demand> {
        let tenant = self.tenants.get(id)?;
        let every = |watched: &Watched| watched.cadence.interval;
        let (mut routine, mut singles, mut suspects, mut all) = (0usize, 0.0, 0.0, 0usize);
        for (_, watched) in self.watched(id) {
            all += 1;
            if watched.cadence.suspect {
                suspects += per_minute(every(watched));
            } else {
                routine += 1;
                singles += per_minute(every(watched));
            }
        }
        let shortest = self.routine(id).map(|(_, watched)| every(watched)).min();
        let looks = match shortest.filter(|_| routine >= WORTH_A_LIST).zip(tenant.list.requests(all)) {
            Some((shortest, requests)) => (requests as f64 * per_minute(shortest)).min(singles),
            None => singles,
        };
        let queries = |channels: usize| {
            if tenant.apart.one_by_one(self.clock.now()) { channels } else { channels.div_ceil(telemetry::PER_QUERY) }
        };
        let telemetry = |how| queries(self.measured(id, how).count()) as f64 * per_minute(how.interval);
        Some(Demand { looks, suspects, telemetry: tenant.telemetry.iter().map(telemetry).sum() })
    }

    /// Where a sweep takes longer than the shortest interval, that is how far apart looks are, whatever the limit.
    fn slowed_by_the_list(&self, id: &TenantId) -> f64 {
        let took = self.tenants.get(id).map_or(Duration::ZERO, |tenant| tenant.list.takes());
        let shortest = self.routine(id).map(|(_, watched)| watched.cadence.interval).min();
        shortest.map_or(1.0, |shortest| took.as_secs_f64() / shortest.as_secs_f64().max(0.001)).max(1.0)
    }

    /// How much asking the tenant's channels one by one would stretch their intervals.
    pub(super) fn stretch_of_singles(&self, id: &TenantId) -> f64 {
        let Some(tenant) = self.tenants.get(id) else { return 1.0 };
        let singles = self.routine(id).map(|(_, watched)| per_minute(watched.cadence.interval)).sum();
        Demand { looks: singles, ..Demand::default() }.share(tenant.platform.budget().limit).pace.looks
    }

    /// Sets when the channel is looked at next, whatever was set before: a routine interval is as long as the budget allows,
    /// and counts from where it began.
    pub(super) fn arm(&mut self, channel: &ChannelKey) {
        let pace = self.tenants.get(&channel.tenant).map_or_else(Pace::default, |tenant| tenant.share.pace);
        let now = self.clock.now();
        let Some(watched) = self.channels.get_mut(channel) else { return };
        let Watched { cadence, from, part, .. } = *watched;
        let interval = if cadence.suspect { cadence.interval } else { pace.routine(cadence.interval) };
        let after = (from + interval.mul_f64(part)).since(now);
        match &watched.due {
            Some(key) => self.queue.reset(key, after),
            None => watched.due = Some(self.queue.insert(Due::Channel(channel.clone()), after)),
        }
    }

    /// The same for a channel whose interval begins now.
    pub(super) fn rearm(&mut self, channel: &ChannelKey) {
        let now = self.clock.now();
        if let Some(watched) = self.channels.get_mut(channel) {
            (watched.from, watched.part) = (now, 1.0);
            self.arm(channel);
        }
    }

    /// Lets these channels be asked for singly, one after the other as fast as the limit allows, whatever their interval: they
    /// should have been seen by now.
    pub(super) fn catch_up(&mut self, id: &TenantId, channels: &[ChannelKey]) {
        let Some(looks) = self.tenants.get(id).map(|tenant| tenant.share.looks) else { return };
        let gap = Duration::from_secs_f64(60.0 / looks.max(0.001));
        let now = self.clock.now();
        for (n, channel) in (0u32..).zip(channels) {
            if let Some(watched) = self.channels.get_mut(channel) {
                watched.alone = true;
                (watched.from, watched.part) = (now + gap.saturating_mul(n), 0.0);
                self.arm(channel);
            }
        }
    }
}
