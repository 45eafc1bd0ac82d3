//! What a tenant's looking costs, held against what its request budget allows.

use super::{Due, Prober, Seen, TenantPlan, telemetry};
use crate::platform::{Platform, Skew};
use crate::policy::{ChannelId, LookError, TelemetryParams, TenantId, Time};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests of one tenant under way at once, for each: routine looks, suspect ones, and last looks.
const AT_ONCE: usize = 64;
/// The same kind of error is logged once in this time.
pub(super) const LOG_AGAIN_AFTER: Duration = Duration::from_mins(5);
/// A change of the clock skew below this is not worth telling.
const SKEW_STEP_MS: i64 = 500;

/// What looks at suspect channels leave to the others at the least: the budget's own minimum share of polls.
const ROUTINE_SHARE: f64 = 0.2;

/// A tenant as the prober knows it.
pub(super) struct Tenant {
    pub(super) platform: Arc<dyn Platform>,
    pub(super) telemetry: Vec<TelemetryParams>,
    /// Rises with each new plan: what an older one had scheduled no longer counts.
    pub(super) epoch: u64,
    pub(super) routine: Arc<Semaphore>,
    pub(super) urgent: Arc<Semaphore>,
    pub(super) last_looks: Arc<Semaphore>,
    pub(super) sweeping: bool,
    pub(super) swept: HashSet<ChannelId>,
    pub(super) pages: Option<usize>,
    pub(super) list_off_until: Option<Time>,
    pub(super) one_by_one: bool,
    pub(super) skew_ms: Option<i64>,
    skew: Skew,
    /// When it was last said that its answers come from a cache.
    pub(super) cached_said: Option<Time>,
    pub(super) not_authorised: Option<String>,
    /// By how much every routine interval is stretched so that the plan fits the budget; 1 or more.
    pub(super) stretch: f64,
    told_interval: Option<Duration>,
    logged: BTreeMap<LookError, Time>,
}

impl Tenant {
    fn new(plan: TenantPlan, epoch: u64) -> Self {
        Self {
            platform: plan.platform,
            telemetry: plan.telemetry,
            epoch,
            routine: Arc::new(Semaphore::new(AT_ONCE)),
            urgent: Arc::new(Semaphore::new(AT_ONCE)),
            last_looks: Arc::new(Semaphore::new(AT_ONCE)),
            sweeping: false,
            swept: HashSet::new(),
            pages: None,
            list_off_until: None,
            one_by_one: false,
            skew_ms: None,
            skew: Skew::default(),
            cached_said: None,
            not_authorised: None,
            stretch: 1.0,
            told_interval: None,
            logged: BTreeMap::new(),
        }
    }

    pub(super) fn turn_list_off(&mut self, until: Time) {
        self.list_off_until = Some(until);
        self.pages = None;
    }

    pub(super) fn should_log(&mut self, error: LookError, now: Time) -> bool {
        let lately = self.logged.get(&error).is_some_and(|at| now.since(*at) < LOG_AGAIN_AFTER);
        if !lately {
            self.logged.insert(error, now);
        }
        !lately
    }

    /// Takes a new reading of the skew; brings it back where it is worth telling.
    pub(super) fn note_skew(&mut self, skew_ms: i64) -> Option<i64> {
        let skew_ms = self.skew.note(skew_ms);
        let told = self.skew_ms.is_some_and(|known| (known - skew_ms).abs() < SKEW_STEP_MS);
        (!told).then(|| {
            self.skew_ms = Some(skew_ms);
            skew_ms
        })
    }
}

impl Prober {
    /// Takes a new set of tenants. One that stays keeps what was learnt of it.
    pub(super) async fn take_tenants(&mut self, plans: Vec<TenantPlan>) {
        let mut before = std::mem::take(&mut self.tenants);
        for plan in plans {
            let id = plan.id.clone();
            let tenant = match before.remove(&id) {
                Some(mut known) => {
                    known.epoch += 1;
                    known.platform = plan.platform;
                    known.telemetry = plan.telemetry;
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
        self.replan().await;
    }

    /// Stretches every tenant's intervals to what its budget allows now, and tells the driver where that changed.
    pub(super) async fn replan(&mut self) {
        let ids: Vec<TenantId> = self.tenants.keys().cloned().collect();
        for id in ids {
            let Some((needed, longest)) = self.needed_per_minute(&id) else { continue };
            let urgent = self.urgent_per_minute(&id);
            let Some(tenant) = self.tenants.get_mut(&id) else { continue };
            let available = crate::config::available_per_minute(tenant.platform.budget().limit);
            let allowed = (available - urgent).max(available * ROUTINE_SHARE);
            tenant.stretch = (needed / allowed).max(1.0);
            let effective = longest.mul_f64(tenant.stretch);
            let told = tenant.told_interval.map_or(0.0, |d| d.as_secs_f64());
            if (told - effective.as_secs_f64()).abs() > 0.01 * effective.as_secs_f64() {
                tenant.told_interval = Some(effective);
                self.tell(Seen::EffectiveInterval(id, effective)).await;
            }
        }
    }

    /// Requests a minute that looks at suspect channels want; they go first.
    fn urgent_per_minute(&self, id: &TenantId) -> f64 {
        self.watched(id).filter(|(_, w)| w.cadence.suspect).map(|(_, w)| per_minute(w.cadence.interval)).sum()
    }

    /// Requests a minute that the tenant's plan needs, and its longest routine interval.
    fn needed_per_minute(&self, id: &TenantId) -> Option<(f64, Duration)> {
        let tenant = self.tenants.get(id)?;
        let intervals = || self.routine(id).map(|(_, watched)| watched.cadence.interval);
        let longest = intervals().max()?;
        let looks = match (tenant.pages, intervals().min()) {
            (Some(pages), Some(shortest)) => pages as f64 * per_minute(shortest),
            _ => intervals().map(per_minute).sum(),
        };
        let queries = |channels: usize| {
            if tenant.one_by_one { channels } else { channels.div_ceil(telemetry::PER_QUERY) }
        };
        let telemetry: f64 = tenant
            .telemetry
            .iter()
            .map(|how| queries(self.measured(id, how).count()) as f64 * per_minute(how.interval))
            .sum();
        Some((looks + telemetry, longest))
    }
}

fn per_minute(every: Duration) -> f64 {
    60.0 / every.as_secs_f64().max(0.001)
}
