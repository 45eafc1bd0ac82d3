//! How long to wait before a repetition: full jitter, and the platform's Retry-After where it is believable.

use crate::policy::WallMs;
use axum::http::{HeaderMap, header};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A Retry-After is not followed for longer: it is not always honest.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);
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

/// `Retry-After` in seconds or as an HTTP date (RFC 9110 §10.2.3), at most [`MAX_RETRY_AFTER`]. A date is held against the
/// answer's own `Date`, else against `wall`. `None` where it is missing, unreadable, or asks for no wait at all.
pub fn retry_after(headers: &HeaderMap, wall: WallMs) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(text)?.since(date(headers).unwrap_or(wall)),
    };
    (!wait.is_zero()).then_some(wait.min(MAX_RETRY_AFTER))
}

/// The `Date` header.
pub fn date(headers: &HeaderMap) -> Option<WallMs> {
    http_date(headers.get(header::DATE)?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<WallMs> {
    let at = httpdate::parse_http_date(text).ok()?;
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(WallMs(i64::try_from(since.as_millis()).ok()?))
}
