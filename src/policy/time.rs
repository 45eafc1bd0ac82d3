//! The two kinds of time the engine is told about, and a duration in words. It never reads a clock.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A moment on the monotonic clock that also counts suspended time (`CLOCK_BOOTTIME`), as a duration since an origin
/// that stays fixed for the life of the process. Never kept across a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(Duration);

impl Time {
    /// The origin itself.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `since_origin` after the origin.
    pub const fn new(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// How long after the origin this moment is.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this moment is; zero where `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `by` before this one, the origin at the earliest.
    #[must_use]
    pub const fn back(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

impl Add<Duration> for Time {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// Calendar time in milliseconds since 1970-01-01T00:00:00Z: what the platform dates its telemetry with, and what the
/// journal writes down. Never used to measure how long something took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallMs(pub i64);

impl WallMs {
    /// How long after `earlier` this is; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `by` before this.
    #[must_use]
    pub fn back(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// `by` after this.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A duration in words: `250 ms`, `45 s`, `10 min`, `2.5 h`.
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            d if d < Duration::from_secs(1) => write!(f, "{} ms", d.as_millis()),
            d if d < Duration::from_mins(2) => write!(f, "{} s", d.as_secs()),
            d if d < Duration::from_hours(2) => write!(f, "{} min", d.as_secs() / 60),
            d => write!(f, "{:.1} h", d.as_secs_f64() / 3600.0),
        }
    }
}
