//! How long to wait before a repetition of which the platform did not say when: full jitter.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);

/// A seeded source of jitter, so that a simulation repeats itself.
pub struct Jitter(Mutex<ChaCha8Rng>);

impl Jitter {
    /// The source that `seed` begins.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// Before repetition `attempt` (the first is 1): full jitter, 0 to 500 ms, doubling, 0 to 8 s at most.
    pub fn before(&self, attempt: u32) -> Duration {
        let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(10));
        self.within(Duration::ZERO, doubled.min(LONGEST))
    }

    /// After a 429 that does not say how long: 1 to 5 s.
    pub fn after_limit(&self) -> Duration {
        self.within(Duration::from_secs(1), Duration::from_secs(5))
    }

    fn within(&self, least: Duration, most: Duration) -> Duration {
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let mut source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_millis(source.random_range(millis(least)..=millis(most).max(millis(least))))
    }
}
