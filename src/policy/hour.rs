//! Actions within the last hour, for a limit on them.
//!
//! What is kept is when each no longer counts: such times lie ahead, so that they survive a restart, whose clock may begin
//! after the action.

use super::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// For how long an action counts.
pub(super) const HOUR: Duration = Duration::from_hours(1);

/// Actions remembered at the most, of a tenant and of all; the bound of `max_per_hour` and `global_max_per_hour` in the file.
pub(super) const MAX_PER_HOUR: u32 = 100_000;

/// The actions of the last hour, by when each no longer counts, the oldest first.
#[derive(Debug, Default)]
pub(super) struct HourCount(VecDeque<Time>);

impl HourCount {
    /// One more, at `now`.
    pub(super) fn push(&mut self, now: Time) {
        self.forget_old(now);
        if self.0.len() >= MAX_PER_HOUR as usize {
            self.0.pop_front();
        }
        self.0.push_back(now + HOUR);
    }

    /// One that was counted at `started` was never made. Whether it was still counted.
    pub(super) fn undo(&mut self, started: Time) -> bool {
        let at = self.0.iter().rposition(|until| *until == started + HOUR);
        at.is_some_and(|at| self.0.remove(at).is_some())
    }

    /// How many there were within the hour up to `now`.
    pub(super) fn count(&self, now: Time) -> u32 {
        let n = self.0.len() - self.0.partition_point(|until| *until <= now);
        u32::try_from(n).unwrap_or(u32::MAX)
    }

    /// When one more than now is allowed by a limit of `max`, where it is not now.
    pub(super) fn frees_at(&self, max: u32) -> Option<Time> {
        let nth = self.0.len().checked_sub(max as usize)?;
        self.0.get(nth).copied()
    }

    pub(super) fn forget_old(&mut self, now: Time) {
        while self.0.front().is_some_and(|until| *until <= now) {
            self.0.pop_front();
        }
    }

    /// When each no longer counts.
    pub(super) fn ends(&self) -> impl Iterator<Item = Time> {
        self.0.iter().copied()
    }

    /// Those of before a restart, by when each no longer counts.
    pub(super) fn restore(&mut self, ends: impl Iterator<Item = Time>) {
        self.0.extend(ends);
        self.0.make_contiguous().sort_unstable();
        let over = self.0.len().saturating_sub(MAX_PER_HOUR as usize);
        self.0.drain(..over);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl FromIterator<Time> for HourCount {
    /// By when each no longer counts, the oldest first.
    fn from_iter<I: IntoIterator<Item = Time>>(ends: I) -> Self {
        Self(ends.into_iter().collect())
    }
}
