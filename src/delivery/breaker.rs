//! When a sink that failed is tried again: the circuit breaker of one sink. Pure; time and chance come in.
//!
//! Closed, deliveries pass. A failure opens it: after 5 s one delivery is tried, and with each further failure after twice
//! as long, 4 h at most, ±20 %. While the oldest failure of the streak is younger than 5 minutes the wait is 30 s at most,
//! and the doubling stands still meanwhile, so that the first wait after that is not one of hours. Whoever asks by
//! Retry-After for a longer wait is given it, 4 h at most. One success closes it.

use crate::policy::Time;
use std::time::Duration;

/// How a sink is paced. The default is what the daemon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After the first failure.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// The longest wait while the oldest failure is young.
    pub probe: Duration,
    /// Until when it is young.
    pub young: Duration,
    /// How long one delivery may fail before another is tried in its place.
    pub patience: Duration,
    /// How long a delivery stays in the lane at the least before it is a dead letter.
    pub lane: Duration,
}

impl Pace {
    /// How long a delivery in the lane waits after so many tries.
    pub fn after(&self, tries: u32) -> Duration {
        self.first.saturating_mul(1 << tries.saturating_sub(REFUSALS).min(20)).min(self.longest)
    }
}

/// Tries that a delivery has behind it when it comes into the lane.
const REFUSALS: u32 = 3;

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5),
            longest: Duration::from_hours(4),
            probe: Duration::from_secs(30),
            young: Duration::from_mins(5),
            patience: Duration::from_mins(1),
            lane: Duration::from_hours(1),
        }
    }
}

/// The breaker of one sink.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    pace: Pace,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    since: Time,
    next: Duration,
    until: Time,
}

impl Breaker {
    /// A closed one.
    pub const fn new(pace: Pace) -> Self {
        Self { pace, open: None }
    }

    /// An attempt failed at `now`. `chance`: 0 to 1, evenly spread. `asked`: the sink's Retry-After.
    pub fn failed(&mut self, now: Time, chance: f64, asked: Option<Duration>) {
        let Pace { first, longest, probe, young, .. } = self.pace;
        let (since, planned) = self.open.map_or((now, first), |open| (open.since, open.next));
        let jittered = planned.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0)).min(longest);
        let is_young = now.since(since) < young;
        let held = is_young && planned >= probe;
        let wait = if is_young { jittered.min(probe) } else { jittered };
        let next = if held { planned } else { planned.saturating_mul(2).min(longest) };
        let wait = wait.max(asked.unwrap_or_default().min(longest));
        self.open = Some(Open { since, next, until: now + wait });
    }

    /// A delivery succeeded, or there is reason to begin anew: a person asked, or the sink was configured anew.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Until when nothing is tried; `None`: it is closed.
    pub fn open_until(&self) -> Option<Time> {
        self.open.map(|open| open.until)
    }

    /// Since when the sink fails without a success between; `None`: it is closed.
    pub fn failing_since(&self) -> Option<Time> {
        self.open.map(|open| open.since)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn waits(count: usize, chance: f64) -> Vec<Duration> {
        let (mut breaker, mut now) = (Breaker::new(Pace::default()), Time::ZERO);
        (0..count)
            .map(|_| {
                breaker.failed(now, chance, None);
                let until = breaker.open_until().unwrap();
                let wait = until.since(now);
                now = until;
                wait
            })
            .collect()
    }

    #[test]
    fn it_doubles_from_five_seconds_to_four_hours_and_probes_often_at_first() {
        let waits = waits(40, 0.5);
        let seconds: Vec<u64> = waits.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds.get(..5).unwrap(), [5, 10, 20, 30, 30]);
        let young = waits.iter().scan(Duration::ZERO, |passed, wait| {
            let at = *passed;
            *passed += *wait;
            Some((at, *wait))
        });
        for (at, wait) in young {
            assert!(at >= Duration::from_mins(5) || wait <= Duration::from_secs(30), "{wait:?} at {at:?}");
        }
        let later: Vec<u64> = seconds.iter().copied().skip_while(|s| *s <= 30).collect();
        assert_eq!(later.get(..4).unwrap(), [40, 80, 160, 320]);
        assert_eq!(*later.last().unwrap(), 4 * 3600);
    }

    #[test]
    fn it_varies_by_a_fifth_at_most() {
        assert_eq!(waits(1, 0.0), [Duration::from_secs(4)]);
        assert_eq!(waits(1, 1.0), [Duration::from_secs(6)]);
        assert!(waits(60, 1.0).iter().all(|wait| *wait <= Duration::from_hours(4)));
    }

    #[test]
    fn a_longer_wait_is_given_to_whoever_asks_and_a_success_closes_it() {
        let mut breaker = Breaker::new(Pace::default());
        breaker.failed(Time::ZERO, 0.5, Some(Duration::from_mins(2)));
        assert_eq!(breaker.open_until(), Some(Time::ZERO + Duration::from_mins(2)));
        breaker.failed(Time::ZERO, 0.5, Some(Duration::from_hours(400)));
        assert_eq!(breaker.open_until(), Some(Time::ZERO + Duration::from_hours(4)));
        breaker.close();
        breaker.failed(Time::ZERO, 0.5, Some(Duration::from_secs(1)));
        assert_eq!(breaker.open_until(), Some(Time::ZERO + Duration::from_secs(5)));
    }
}
