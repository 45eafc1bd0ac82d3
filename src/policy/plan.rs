//! The request plan of one tenant: what looking at it costs, and how far apart looks and telemetry therefore are.
//!
//! The one place that says what of a request limit is whose, and how old evidence may be for it: the budget, the prober, the
//! engine and `check` all ask here. Pure: numbers in, numbers out.

use super::command::Cadence;
use super::params::{HealthParams, TelemetryParams};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What one action asks for before it is sent, and the sending: the last looks at the channel and at its target, and the change.
pub const ACTION_REQUESTS: u32 = 3;
/// The reserve of actions at most: several failovers at once with their looks and read-backs.
const MAX_RESERVE: u32 = 60;
/// What looks at suspect channels leave to routine looks at the least, of what actions leave.
const ROUTINE_SHARE: f64 = 0.2;
/// What looks leave to telemetry at the least, of what actions leave.
const TELEMETRY_SHARE: f64 = 0.1;
/// Nothing is planned further ahead.
const LONGEST: Duration = Duration::from_hours(24 * 30);

/// Slots of a limit that only actions may use: a tenth, and enough for one whole action; nothing where that would leave nothing
/// to the others.
pub fn reserve(limit: u32) -> u32 {
    if limit > ACTION_REQUESTS { (limit / 10).clamp(ACTION_REQUESTS, MAX_RESERVE) } else { 0 }
}

/// Requests a minute that a limit leaves for polls and telemetry.
pub fn available_per_minute(limit: u32) -> f64 {
    f64::from(limit.saturating_sub(reserve(limit)).max(1))
}

/// Requests a minute of something that is asked for `every` so often.
pub fn per_minute(every: Duration) -> f64 {
    60.0 / every.as_secs_f64().max(0.001)
}

/// By how much the request limit stretches what a tenant's policies ask for; each is 1 or more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Routine looks.
    pub looks: f64,
    /// Looks at suspect channels and their candidates.
    pub suspects: f64,
    /// Telemetry.
    pub telemetry: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { looks: 1.0, suspects: 1.0, telemetry: 1.0 }
    }
}

impl Pace {
    /// Everything as far apart as `looks` makes it.
    pub fn even(looks: f64) -> Self {
        let looks = if looks.is_finite() { looks.max(1.0) } else { 1.0 };
        Self { looks, telemetry: looks, ..Self::default() }
    }

    /// Whether it differs from `other` by more than is worth telling.
    pub fn differs(&self, other: &Self) -> bool {
        let far = |a: f64, b: f64| (a - b).abs() > 0.01 * a;
        far(self.looks, other.looks) || far(self.suspects, other.suspects) || far(self.telemetry, other.telemetry)
    }

    /// The effective interval of a channel: how far apart looks at it really are, at the most. `cadence`: as it is looked at
    /// now; a suspect one is looked at oftener, unless too many others are suspect too.
    pub fn interval(&self, health: &HealthParams, cadence: Option<&Cadence>) -> Duration {
        let routine = stretched(health.interval, self.looks);
        match cadence {
            Some(cadence) if cadence.suspect => routine.max(stretched(cadence.interval, self.suspects)),
            _ => routine,
        }
    }

    /// The time between two routine looks that the policy wants `every` so often.
    pub fn routine(&self, every: Duration) -> Duration {
        stretched(every, self.looks)
    }

    /// The time between two rounds of telemetry.
    pub fn telemetry(&self, telemetry: &TelemetryParams) -> Duration {
        stretched(telemetry.interval, self.telemetry)
    }
}

/// What a tenant's policies want, in requests a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// Routine looks.
    pub looks: f64,
    /// Looks at suspect channels.
    pub suspects: f64,
    /// Telemetry.
    pub telemetry: f64,
}

/// What a limit gives to each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// By how much each is stretched.
    pub pace: Pace,
    /// Requests a minute that routine looks may take.
    pub looks: f64,
    /// Requests a minute that telemetry may take.
    pub telemetry: f64,
}

impl Demand {
    /// Shares a limit out: suspects first, then routine looks, then telemetry; each of the latter two has its least share, and
    /// telemetry never has more than looks leave, or that.
    pub fn share(&self, limit: u32) -> Share {
        let available = available_per_minute(limit);
        let least_looks = self.looks.min(available * ROUTINE_SHARE);
        let least_telemetry = self.telemetry.min(available * TELEMETRY_SHARE);
        let for_suspects = available - least_looks - least_telemetry;
        let suspects = self.suspects.min(for_suspects);
        let for_looks = available - suspects - least_telemetry;
        let looks = self.looks.min(for_looks);
        let for_telemetry = available - suspects - looks;
        let stretch = |wanted: f64, given: f64| if wanted > given { (wanted / given.max(1e-6)).max(1.0) } else { 1.0 };
        let pace = Pace {
            looks: stretch(self.looks, for_looks),
            suspects: stretch(self.suspects, for_suspects),
            telemetry: stretch(self.telemetry, for_telemetry),
        };
        Share { pace, looks: for_looks, telemetry: for_telemetry.max(available * TELEMETRY_SHARE) }
    }
}

fn stretched(every: Duration, by: f64) -> Duration {
    if by.is_nan() || by <= 1.0 {
        return every;
    }
    Duration::try_from_secs_f64(every.as_secs_f64() * by).map_or(LONGEST, |far| far.min(LONGEST.max(every)))
}

#[cfg(test)]
mod tests;
