//! The one file that reads a clock. Everything else is handed a [`Clock`], so that tests and simulation drive time.
//!
//! Two readings: [`Clock::now`], monotonic and counting suspended time, for everything that is measured; and
//! [`Clock::wall`], the calendar, for what is written down. Under a paused tokio runtime a virtual clock follows
//! tokio's own time, so that timers and readings agree to the nanosecond.

#![allow(clippy::disallowed_methods, reason = "this is where clocks are read")]

use crate::policy::{Time, WallMs};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A clock: cheap to clone, shared by every task of a daemon.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { origin: Duration },
    Virtual { origin: tokio::time::Instant, wall_at_origin: i64, wall_step: Arc<AtomicI64> },
}

/// `CLOCK_BOOTTIME`: monotonic, and it goes on while the machine sleeps.
fn boottime() -> Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0))
}

fn system_wall() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Clock {
    /// The machine's clocks; its origin is this moment.
    pub fn system() -> Self {
        Self(Source::System { origin: boottime() })
    }

    /// A clock that follows tokio's (pausable) time from this moment on, and shows `wall` now. Needs a tokio runtime.
    pub fn virtual_from(wall: WallMs) -> Self {
        Self(Source::Virtual {
            origin: tokio::time::Instant::now(),
            wall_at_origin: wall.0,
            wall_step: Arc::new(AtomicI64::new(0)),
        })
    }

    /// Monotonic time, including time asleep, since the clock's origin.
    pub fn now(&self) -> Time {
        match &self.0 {
            Source::System { origin } => Time::new(boottime().saturating_sub(*origin)),
            Source::Virtual { origin, .. } => Time::new(origin.elapsed()),
        }
    }

    /// Calendar time.
    pub fn wall(&self) -> WallMs {
        match &self.0 {
            Source::System { .. } => WallMs(system_wall()),
            Source::Virtual { wall_at_origin, wall_step, .. } => {
                let run = i64::try_from(self.now().since_origin().as_millis()).unwrap_or(i64::MAX);
                WallMs(wall_at_origin.saturating_add(run).saturating_add(wall_step.load(Ordering::Relaxed)))
            }
        }
    }

    /// Steps a virtual clock's calendar by `ms`, as an administrator or NTP would; a system clock is left alone.
    pub fn step_wall(&self, ms: i64) {
        if let Source::Virtual { wall_step, .. } = &self.0 {
            wall_step.fetch_add(ms, Ordering::Relaxed);
        }
    }
}

/// RFC 3339 in UTC with milliseconds, such as `2026-11-21T08:55:00.000Z`.
pub fn rfc3339(wall: WallMs) -> String {
    let at = jiff::Timestamp::from_millisecond(wall.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}
