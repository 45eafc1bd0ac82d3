//! A tenant as the prober knows it: its platform, what it learnt about the list and telemetry, and what it logged.

use super::list::List;
use super::telemetry::Apart;
use crate::platform::{Platform, Skew};
use crate::policy::plan::Share;
use crate::policy::{LookError, Pace, TelemetryParams, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests of one tenant under way at once, for each of: routine looks, suspect ones, and last looks. The request budget
/// alone bounds those that were sent; this bounds those that wait beside them.
const AT_ONCE: std::ops::RangeInclusive<u32> = 64..=512;
/// The same kind of error is logged once in this time.
pub(super) const LOG_AGAIN_AFTER: Duration = Duration::from_mins(5);
/// A change of the clock skew below this is not worth telling.
const SKEW_STEP_MS: i64 = 500;

/// A tenant as far as looking at it goes.
pub struct TenantPlan {
    /// Its name.
    pub id: crate::policy::TenantId,
    /// Its platform.
    pub platform: Arc<dyn Platform>,
    /// The ways in which telemetry is asked for; together, for all watched channels whose cadence says the same.
    pub telemetry: Vec<TelemetryParams>,
    /// Pages of its list, where an earlier process learnt that.
    pub pages: Option<usize>,
}

/// See the module documentation.
pub(super) struct Tenant {
    pub(super) platform: Arc<dyn Platform>,
    pub(super) telemetry: Vec<TelemetryParams>,
    /// Rises with each new plan: what an older one had scheduled no longer counts.
    pub(super) epoch: u64,
    pub(super) places: Places,
    pub(super) list: List,
    pub(super) apart: Apart,
    pub(super) skew_ms: Option<i64>,
    skew: Skew,
    /// When it was last said that its answers come from a cache.
    pub(super) cached_said: Option<Time>,
    pub(super) not_authorised: Option<String>,
    /// What the request limit gives to each kind of request.
    pub(super) share: Share,
    pub(super) told: Pace,
    logged: BTreeMap<LookError, Time>,
}

/// Where looks wait for their turn: those of one kind never stand in another's way.
pub(super) struct Places {
    pub(super) routine: Arc<Semaphore>,
    pub(super) urgent: Arc<Semaphore>,
    pub(super) last_looks: Arc<Semaphore>,
}

impl Places {
    fn new(limit: u32) -> Self {
        let some = || Arc::new(Semaphore::new(limit.clamp(*AT_ONCE.start(), *AT_ONCE.end()) as usize));
        Self { routine: some(), urgent: some(), last_looks: some() }
    }
}

impl Tenant {
    pub(super) fn new(plan: TenantPlan, epoch: u64) -> Self {
        let limit = plan.platform.budget().limit;
        Self {
            platform: plan.platform,
            telemetry: plan.telemetry,
            epoch,
            places: Places::new(limit),
            list: List::new(plan.pages),
            apart: Apart::default(),
            skew_ms: None,
            skew: Skew::default(),
            cached_said: None,
            not_authorised: None,
            share: crate::policy::plan::Demand::default().share(limit),
            told: Pace::default(),
            logged: BTreeMap::new(),
        }
    }

    /// Takes another plan; what was learnt stays.
    pub(super) fn replan(&mut self, plan: TenantPlan) {
        self.epoch += 1;
        self.places = Places::new(plan.platform.budget().limit);
        self.platform = plan.platform;
        self.telemetry = plan.telemetry;
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
