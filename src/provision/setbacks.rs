//! Back-off after failures: what the platform refuses is not tried again, what failed is tried later and later; and both at once
//! if the desired state changes.

use super::register::Key;
use crate::policy::Time;
use crate::sync::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_hours(1);

/// One for each channel at most.
#[derive(Debug, Default)]
pub struct Setbacks(Mutex<HashMap<Key, Setback>>);

#[derive(Debug)]
struct Setback {
    /// What would have been done.
    attempt: String,
    failures: u32,
    /// Not before; `None`: never.
    again_at: Option<Time>,
}

impl Setbacks {
    /// Whether the change `attempt` may be tried now.
    pub fn allow(&self, key: &Key, attempt: &str, now: Time) -> bool {
        match lock(&self.0).get(key) {
            Some(setback) if setback.attempt == attempt => setback.again_at.is_some_and(|at| at <= now),
            _ => true,
        }
    }

    /// The platform refuses it.
    pub fn refused(&self, key: Key, attempt: String) {
        lock(&self.0).insert(key, Setback { attempt, failures: 0, again_at: None });
    }

    /// It failed: again after `pause`, doubling with each failure in a row.
    pub fn failed(&self, key: Key, attempt: String, pause: Duration, now: Time) {
        let mut setbacks = lock(&self.0);
        let setback = setbacks.entry(key).or_insert_with(|| Setback {
            attempt: attempt.clone(),
            failures: 0,
            again_at: Some(now),
        });
        if setback.attempt != attempt {
            *setback = Setback { attempt, failures: 0, again_at: Some(now) };
        }
        if setback.again_at.is_some() {
            let longer = pause.saturating_mul(2_u32.saturating_pow(setback.failures.min(16)));
            setback.failures = setback.failures.saturating_add(1);
            setback.again_at = Some(now + longer.min(LONGEST.max(pause)));
        }
    }

    /// It was done.
    pub fn over(&self, key: &Key) {
        lock(&self.0).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn tries_come_later_and_later_and_at_once_for_something_else() {
        let (setbacks, key) = (Setbacks::default(), (crate::policy::TenantId::from("acme"), "trunk".to_owned()));
        let pause = Duration::from_secs(10);
        assert!(setbacks.allow(&key, "a", at(0)));
        let mut now = 0;
        for waits in [10, 20, 40, 80] {
            setbacks.failed(key.clone(), "a".to_owned(), pause, at(now));
            assert!(!setbacks.allow(&key, "a", at(now + waits - 1)) && setbacks.allow(&key, "a", at(now + waits)));
            assert!(setbacks.allow(&key, "b", at(now)));
            now += waits;
        }
        for _ in 0..40 {
            setbacks.failed(key.clone(), "a".to_owned(), pause, at(now));
        }
        assert!(!setbacks.allow(&key, "a", at(now + 3599)) && setbacks.allow(&key, "a", at(now + 3600)));
        setbacks.failed(key.clone(), "b".to_owned(), pause, at(now));
        assert!(setbacks.allow(&key, "b", at(now + 10)));
        setbacks.over(&key);
        assert!(setbacks.allow(&key, "b", at(now)));
    }

    #[test]
    fn what_is_refused_is_never_tried_again_as_it_is() {
        let (setbacks, key) = (Setbacks::default(), (crate::policy::TenantId::from("acme"), "trunk".to_owned()));
        setbacks.refused(key.clone(), "a".to_owned());
        setbacks.failed(key.clone(), "a".to_owned(), Duration::ZERO, at(1));
        assert!(!setbacks.allow(&key, "a", at(1_000_000)) && setbacks.allow(&key, "b", at(1)));
    }
}
