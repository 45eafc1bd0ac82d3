//! Whether the driver's loop is alive: the loop itself beats here; `/healthz` and the systemd watchdog read it.

use crate::policy::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the driver's loop does of its own accord, and how often.
pub struct Pulse {
    /// It goes round at least this often. A daemon's is [`Pulse::EVERY`]; less often where time is not real and there is
    /// much of it.
    pub every: Duration,
    /// Called by the loop itself, this often: the systemd watchdog.
    pub on_beat: Box<dyn Fn() + Send>,
}

impl Pulse {
    /// A daemon's.
    pub const EVERY: Duration = Duration::from_secs(1);

    /// A daemon's, with this at every beat.
    pub fn of_a_daemon(on_beat: impl Fn() + Send + 'static) -> Self {
        Self { every: Self::EVERY, on_beat: Box::new(on_beat) }
    }
}

/// When the driver's loop last went round. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Liveness(Arc<AtomicU64>);

impl Liveness {
    /// Older than this, its last beat says that it is late.
    pub const LATE_AFTER: Duration = Duration::from_secs(5);

    /// The loop went round.
    pub fn beat(&self, now: Time) {
        let ms = u64::try_from(now.since_origin().as_millis()).unwrap_or(u64::MAX);
        self.0.store(ms, Ordering::Relaxed);
    }

    /// How long ago it last went round.
    pub fn age(&self, now: Time) -> Duration {
        now.since(Time::new(Duration::from_millis(self.0.load(Ordering::Relaxed))))
    }

    /// Whether it is late.
    pub fn is_late(&self, now: Time) -> bool {
        self.age(now) > Self::LATE_AFTER
    }
}
