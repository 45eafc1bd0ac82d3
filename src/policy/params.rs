//! The engine's parameters, already checked: the configuration room builds them, nothing here validates again.
//! Every default is the one `Default` gives, and equals the configuration's contract.

mod codec;
mod failover;

pub use super::codec_table::{CodecTable, CodecValues, OPUS_WIDEBAND};
pub use codec::CodecParams;
pub use failover::{Damping, Failback, FailoverParams, Order};

use super::key::{ChannelId, ChannelKey, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// How long reads may lag behind writes, unless a tenant or its policies say less.
pub const READ_LAG: Duration = secs(30);

/// Everything the engine works by. A reload replaces the whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    /// Caps the mode of every policy.
    pub mode: Mode,
    /// How much may be changed at once over all tenants.
    pub global: GlobalLimits,
    /// The tenants, by name.
    pub tenants: BTreeMap<TenantId, TenantParams>,
    /// The configured channels, in the file's order.
    pub channels: Vec<ChannelParams>,
}

/// How far the daemon may go: it decides and records in every mode. Ordered: a cap is a minimum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Decide and record, change nothing.
    #[default]
    Observe,
    /// An operator approves within a time, else the decision lapses.
    Propose,
    /// Act.
    Enforce,
}

impl Mode {
    /// As it stands in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Propose => "propose",
            Self::Enforce => "enforce",
        }
    }
}

/// One tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantParams {
    /// What the platform's `latency_ms` means.
    pub latency: Latency,
    /// How much may be changed at once.
    pub limits: Limits,
    /// How long what is read may lag behind what was written.
    pub read_lag: Duration,
    /// What the platform does with what a `PATCH` leaves out of an object; `None`: found out.
    pub patch: Option<Patch>,
}

impl Default for TenantParams {
    fn default() -> Self {
        Self { latency: Latency::default(), limits: Limits::default(), read_lag: READ_LAG, patch: None }
    }
}

/// What a platform does with what a `PATCH` leaves out of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patch {
    /// It stays.
    Merges,
    /// It is gone.
    Replaces,
}

/// What the platform's `latency_ms` means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// One-way delay.
    #[default]
    OneWay,
    /// Round-trip: the policy's share of it (a half by default) counts as one-way delay.
    RoundTrip,
}

/// How much may be changed at once, for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Actions in flight.
    pub max_concurrent: u32,
    /// Actions in any hour.
    pub max_per_hour: u32,
    /// Channels that must be `Up` after an action, its target included.
    pub keep_fit: u32,
    /// Hold when half of the tenant's channels, and half of what they belong to, turn bad at once.
    pub mass_hold: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_concurrent: 3, max_per_hour: 30, keep_fit: 1, mass_hold: true }
    }
}

/// How much may be changed at once over all tenants together; `None`: as much as their own limits allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalLimits {
    /// Actions in flight.
    pub max_concurrent: Option<u32>,
    /// Actions in any hour.
    pub max_per_hour: Option<u32>,
    /// Channels of all tenants that must be up after a failover, the target included.
    pub keep_fit: Option<u32>,
}

/// One configured channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelParams {
    /// Its tenant and id.
    pub key: ChannelKey,
    /// Its policy.
    pub policy: Arc<Policy>,
    /// Its backups in order; `None`: those of the platform's `routing.failover_channels`; empty: none.
    pub failover: Option<Vec<ChannelId>>,
    /// What it fails together with for a reason of its own; `None`: its SIP server as read, else nothing.
    pub carrier: Option<String>,
}

/// A policy: thresholds and permissions, shared by any number of channels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Its name in the file.
    pub name: String,
    /// How far it may go; capped by [`Params::mode`].
    pub mode: PolicyMode,
    /// How long a proposal waits for approval.
    pub propose_for: ProposeFor,
    /// How a channel is looked at, and what makes it up or down.
    pub health: HealthParams,
    /// How telemetry is asked for and summed up.
    pub telemetry: TelemetryParams,
    /// How telemetry becomes a score.
    pub quality: QualityParams,
    /// When and where traffic moves.
    pub failover: FailoverParams,
    /// When codecs are re-prioritised.
    pub codec: CodecParams,
}

/// A policy's mode; unlike the daemon's, it defaults to enforcing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyMode(pub Mode);

impl Default for PolicyMode {
    fn default() -> Self {
        Self(Mode::Enforce)
    }
}

/// How long a proposal waits for approval, from its first moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposeFor(pub Duration);

impl Default for ProposeFor {
    fn default() -> Self {
        Self(secs(900))
    }
}

/// Looking at a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthParams {
    /// How often a channel is looked at.
    pub interval: Duration,
    /// How long a look may take; below `interval`.
    pub timeout: Duration,
    /// How often while suspect, and for its candidates.
    pub fast_interval: Duration,
    /// Bad looks before it is down.
    pub fall: u32,
    /// Among so many looks, those that are neither good nor bad left aside; `fall` or fewer: in a row. At most 64.
    pub fall_of: u32,
    /// Good looks in a row before it is up again.
    pub rise: u32,
}

impl Default for HealthParams {
    fn default() -> Self {
        Self { interval: secs(30), timeout: secs(10), fast_interval: secs(2), fall: 3, fall_of: 3, rise: 2 }
    }
}

/// Asking for telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelemetryParams {
    /// How often it is asked for.
    pub interval: Duration,
    /// The span that is asked for and scored.
    pub window: Duration,
    /// The platform's summing interval.
    pub bucket: Duration,
    /// Fewer accepted samples in the window: no score.
    pub min_samples: u32,
    /// How the samples become one number for each metric; the file's `quality.summary`. It stands here because the
    /// window applies it.
    pub summary: Statistic,
}

impl Default for TelemetryParams {
    fn default() -> Self {
        Self { interval: secs(60), window: secs(300), bucket: secs(60), min_samples: 2, summary: Statistic::Mean }
    }
}

/// One number for many samples, each weighing the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The arithmetic mean.
    #[default]
    Mean,
    /// The nearest-rank percentile, 1 to 100: of `n` samples in ascending order, the one of rank `ceil(p / 100 * n)`, always
    /// a value that was measured. Taken of each metric by itself; more is worse for all three of them.
    Percentile(u8),
}

impl Statistic {
    /// The number for these samples, which it may reorder; 0 for none.
    pub fn of(self, samples: &mut [f64]) -> f64 {
        match self {
            Self::Mean if samples.is_empty() => 0.0,
            Self::Mean => samples.iter().sum::<f64>() / samples.len() as f64,
            Self::Percentile(p) => {
                samples.sort_unstable_by(f64::total_cmp);
                let rank = (samples.len() * usize::from(p)).div_ceil(100);
                samples.get(rank.max(1) - 1).or(samples.last()).copied().unwrap_or_default()
            }
        }
    }
}

/// Scoring.
#[derive(Clone, Debug, PartialEq)]
pub struct QualityParams {
    /// How telemetry becomes a score of 0 to 100.
    pub scorer: Scorer,
    /// Below it, codecs are re-prioritised. 0 to 100.
    pub optimise_below: f64,
    /// Which share of a round trip is one-way delay, where the tenant's latency is round-trip. 0 to 1; a half unless the
    /// path is known to be lopsided.
    pub one_way_share: f64,
    /// Advantage factor A of ITU-T G.107 section 7.6: what users forgive for the advantage of access. 0 to 20.
    pub advantage: f64,
    /// Burst ratio BurstR of ITU-T G.107 section 7.5: how much longer losses in a row are than under random loss. 1
    /// (random) or more.
    pub burst_r: f64,
    /// A score so many points below the channel's own baseline, for `failover.quality_for`, is a reason to move traffic.
    /// Above 0; `None`: off.
    pub degraded_by: Option<f64>,
    /// E-model values for each codec; the gain of a codec order is always predicted by the E-model.
    pub codecs: CodecTable,
}

impl Default for QualityParams {
    fn default() -> Self {
        Self {
            scorer: Scorer::Emodel,
            optimise_below: 80.0,
            one_way_share: 0.5,
            advantage: 0.0,
            burst_r: 1.0,
            degraded_by: None,
            codecs: CodecTable::default(),
        }
    }
}

/// How telemetry becomes a score of 0 to 100.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Scorer {
    /// ITU-T G.107: the R-factor, clamped to 0..=100.
    #[default]
    Emodel,
    /// The first row whose bounds both hold gives the score.
    Tiers {
        /// The rows, best first.
        rows: Vec<Tier>,
        /// The score where no row holds.
        otherwise: f64,
    },
}

/// A row of the tiers table: holds where latency and jitter are both below its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tier {
    /// Upper bound of one-way latency, exclusive, in milliseconds.
    pub latency_ms: f64,
    /// Upper bound of jitter, exclusive, in milliseconds.
    pub jitter_ms: f64,
    /// The score, 0 to 100.
    pub score: f64,
}

impl Scorer {
    /// The contract's table of tiers.
    pub fn default_tiers() -> Self {
        let row = |latency_ms, jitter_ms, score| Tier { latency_ms, jitter_ms, score };
        Self::Tiers {
            rows: vec![row(150.0, 30.0, 100.0), row(250.0, 50.0, 85.0), row(400.0, 80.0, 60.0)],
            otherwise: 40.0,
        }
    }
}

/// What of a policy's calendar is open at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// Its channels are in maintenance: neither acted on nor candidates.
    pub maintenance: bool,
    /// With [`Failback::Window`]: traffic may come home.
    pub failback: bool,
}
