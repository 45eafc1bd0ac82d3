//! How many of a tenant's recent looks failed: the ring that decides when the tenant is blind.
//!
//! Must never: grow with the number of looks, or say anything of one channel.

use super::ids::SlotId;
use super::time::Time;
use std::time::Duration;

const BUCKETS: u32 = 12;

/// A tenant's looks over a sliding window, in buckets: a constant cost for each look, exact to a twelfth of the window.
#[derive(Clone, Debug)]
pub(super) struct Looks {
    window: Duration,
    newest: u64,
    ring: [Bucket; BUCKETS as usize],
    answered: u32,
    failed: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    answered: u32,
    failed: u32,
    /// A channel whose look failed, and whether another's did too.
    who: Option<SlotId>,
    several: bool,
}

impl Looks {
    /// Looks over `max(3 × interval, 10 s)`.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            window: window(interval),
            newest: 0,
            ring: [Bucket::default(); BUCKETS as usize],
            answered: 0,
            failed: 0,
        }
    }

    /// Takes over another interval; what was counted stays, as if it had happened just now.
    pub(super) fn set_interval(&mut self, now: Time, interval: Duration) {
        let window = window(interval);
        if window == self.window {
            return;
        }
        let mut sum = Bucket { answered: self.answered, failed: self.failed, ..Bucket::default() };
        for bucket in self.ring {
            sum.several |= bucket.several || matches!((sum.who, bucket.who), (Some(a), Some(b)) if a != b);
            sum.who = sum.who.or(bucket.who);
        }
        self.window = window;
        self.ring = [Bucket::default(); BUCKETS as usize];
        self.newest = self.epoch(now);
        *self.slot(self.newest) = sum;
    }

    /// One look of channel `who` ended.
    pub(super) fn note(&mut self, now: Time, who: SlotId, answered: bool) {
        self.advance(now);
        let bucket = self.slot(self.newest);
        if answered {
            bucket.answered = bucket.answered.saturating_add(1);
            self.answered = self.answered.saturating_add(1);
        } else {
            bucket.failed = bucket.failed.saturating_add(1);
            bucket.several |= bucket.who.is_some_and(|other| other != who);
            bucket.who = Some(who);
            self.failed = self.failed.saturating_add(1);
        }
    }

    /// Whether at least 3 and at least half of the looks failed, and not those of one channel among several only.
    pub(super) fn failing(&self, channels: usize) -> bool {
        self.failed >= 3 && self.failed >= self.answered && (channels <= 1 || self.several())
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.ring = [Bucket::default(); BUCKETS as usize];
        (self.answered, self.failed) = (0, 0);
    }

    /// Whether anything was answered at all.
    pub(super) const fn answered(&self) -> bool {
        self.answered > 0
    }

    /// Failed looks and all looks in the window.
    pub(super) const fn counts(&self) -> (u32, u32) {
        (self.failed, self.failed.saturating_add(self.answered))
    }

    fn several(&self) -> bool {
        let mut first = None;
        self.ring.iter().any(|bucket| {
            let other = matches!((first, bucket.who), (Some(a), Some(b)) if a != b);
            first = first.or(bucket.who);
            bucket.several || other
        })
    }

    fn advance(&mut self, now: Time) {
        let epoch = self.epoch(now);
        let steps = epoch.saturating_sub(self.newest).min(u64::from(BUCKETS));
        for step in 1..=steps {
            let gone = std::mem::take(self.slot(epoch - steps + step));
            self.answered = self.answered.saturating_sub(gone.answered);
            self.failed = self.failed.saturating_sub(gone.failed);
        }
        self.newest = self.newest.max(epoch);
    }

    fn epoch(&self, now: Time) -> u64 {
        let width = (self.window / BUCKETS).as_nanos().max(1);
        u64::try_from(now.since_origin().as_nanos() / width).unwrap_or(u64::MAX)
    }

    fn slot(&mut self, epoch: u64) -> &mut Bucket {
        let at = usize::try_from(epoch % u64::from(BUCKETS)).unwrap_or(0);
        &mut self.ring[at]
    }
}

fn window(interval: Duration) -> Duration {
    (interval * 3).max(Duration::from_secs(10))
}

#[cfg(test)]
mod tests;
