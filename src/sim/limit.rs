//! The platform's own request limit: so many in any 60 s, all endpoints together.

use super::noise;
use super::options::{Options, RetryAfter};
use super::reply::{Draft, system_time};
use crate::policy::WallMs;
use http::{StatusCode, header};
use std::collections::VecDeque;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// The limit, and the requests that count against it.
#[derive(Debug)]
pub(super) struct RequestLimit {
    /// 0: no limit.
    pub(super) per_minute: u32,
    retry_after: RetryAfter,
    seed: u64,
    refused: u64,
    counted: VecDeque<Duration>,
}

impl RequestLimit {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            per_minute: options.requests_per_minute,
            retry_after: options.retry_after,
            seed: options.seed,
            refused: 0,
            counted: VecDeque::new(),
        }
    }

    /// Counts a request; those that are refused are not counted, as with most gateways.
    pub(super) fn count(&mut self, now: Duration, wall: WallMs) -> Result<(), Draft> {
        while self.counted.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
            self.counted.pop_front();
        }
        if self.per_minute == 0 {
            return Ok(());
        }
        if self.counted.len() >= self.room() {
            return Err(self.refuse(now, wall));
        }
        self.counted.push_back(now);
        Ok(())
    }

    /// 429, with as much truth about when to come back as the options allow.
    pub(super) fn refuse(&mut self, now: Duration, wall: WallMs) -> Draft {
        self.refused += 1;
        let draft = Draft::refuse(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "the request limit is reached");
        // The moment at which so many have left the window that one fits again.
        let over = self.counted.len().saturating_sub(self.room());
        let wait = self.counted.get(over).map_or(1, |at| whole_seconds((*at + MINUTE).saturating_sub(now)));
        match self.how() {
            RetryAfter::Date => {
                let at = system_time(wall) + Duration::from_secs(wait);
                draft.with(header::RETRY_AFTER, httpdate::fmt_http_date(at))
            }
            RetryAfter::Wrong => draft.with(header::RETRY_AFTER, "1"),
            RetryAfter::Missing => draft,
            RetryAfter::Seconds | RetryAfter::Varied => draft.with(header::RETRY_AFTER, wait.to_string()),
        }
    }

    fn room(&self) -> usize {
        usize::try_from(self.per_minute).unwrap_or(usize::MAX)
    }

    fn how(&self) -> RetryAfter {
        match self.retry_after {
            RetryAfter::Varied => match noise::hash(&[self.seed, noise::text("retry"), self.refused]) % 4 {
                0 => RetryAfter::Date,
                1 => RetryAfter::Wrong,
                2 => RetryAfter::Missing,
                _ => RetryAfter::Seconds,
            },
            how => how,
        }
    }
}

/// Rounded up, and one at least: coming back after it must succeed.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
