//! Whether a tenant's polls fit its request limit, and which interval would.

use super::model::Config;
use crate::policy::plan::{available_per_minute, per_minute};
use crate::policy::{Policy, TenantId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Channels that one telemetry query names at most.
const IDS_PER_QUERY: usize = 100;

/// Requests of a tenant, in the worst case: no list, one `GET` a channel an interval, and telemetry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Requests a minute that the configured intervals need.
    pub needed_per_minute: f64,
    /// Requests a minute that polls and telemetry may use: the limit without the reserve of actions.
    pub available_per_minute: f64,
    /// Whether the configured intervals fit.
    pub fits: bool,
    /// The least `health.interval` that fits, everything else unchanged; for policies of several intervals, the
    /// shortest, the others grown alike. The configured one where it fits.
    pub fitting_interval: Duration,
    /// How often a channel is really looked at: the longer of the configured and the fitting interval.
    pub effective_interval: Duration,
}

/// The request plan of `tenant`; that of an idle one where the configuration does not know it.
pub fn plan(config: &Config, tenant: &TenantId) -> Plan {
    let limit = config.tenants.get(tenant).map_or(1, |t| t.requests_per_minute);
    let mut by_policy: BTreeMap<&str, (Arc<Policy>, usize)> = BTreeMap::new();
    let existing = config.channels.iter().map(|channel| (&channel.key.tenant, &channel.policy));
    let desired = config.provisions.iter().map(|desired| (&desired.tenant, &desired.policy));
    for (_, policy) in existing.chain(desired).filter(|(of, _)| *of == tenant) {
        by_policy.entry(policy.name.as_str()).or_insert_with(|| (Arc::clone(policy), 0)).1 += 1;
    }
    let available = available_per_minute(limit);
    let looks: f64 = by_policy.values().map(|(p, n)| *n as f64 * per_minute(p.health.interval)).sum();
    let queries: f64 =
        by_policy.values().map(|(p, n)| n.div_ceil(IDS_PER_QUERY) as f64 * per_minute(p.telemetry.interval)).sum();
    let shortest = by_policy.values().map(|(p, _)| p.health.interval).min().unwrap_or(Duration::from_secs(30));
    let needed = looks + queries;
    let fits = needed <= available;
    // Telemetry alone may be too much: looks keep half of what there is, as the budget's minimum share gives them.
    let growth = if fits { 1.0 } else { (looks / (available - queries).max(available / 2.0)).max(1.0) };
    let fitting = if fits { shortest } else { round_up(shortest.mul_f64(growth.min(1e6))) };
    Plan {
        needed_per_minute: needed,
        available_per_minute: available,
        fits,
        fitting_interval: fitting,
        effective_interval: fitting.max(shortest),
    }
}

/// Up to the next whole second, or tenth of one below a second: what people write.
fn round_up(interval: Duration) -> Duration {
    let step = if interval > Duration::from_secs(1) { 1000 } else { 100 };
    let ms = u64::try_from(interval.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX / 2);
    Duration::from_millis(ms.div_ceil(step).saturating_mul(step))
}
