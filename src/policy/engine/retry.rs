//! Failed attempts, and when the next one may be made: for each purpose by itself, so that a failure of one holds back no other;
//! and the targets that a change to failed.
//!
//! Failures belong to an episode: they are forgotten once a change of that purpose shows, the route changes, or nothing of the
//! kind is wanted any longer; and one failure less counts for each longest wait that passes without another.
//! A call-back is no failure. It waits too, by a count of its own: if its grounds come and go, the action would otherwise be decided
//! at every look.
//!
//! Must never: hold back a rescue because of anything else.

use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::time::Time;
use super::super::words::Health;
use super::want::Purpose;
use super::{Engine, Want};
use crate::policy::channel::Event;
use std::time::Duration;

/// Targets that are remembered of one episode.
const MAX_TRIED: usize = 64;

/// Attempts that failed or were called back, and when the next one may be made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::policy) struct Retry {
    pub failures: u32,
    pub recalls: u32,
    /// When the last of them ended.
    pub last: Option<Time>,
    pub at: Option<Time>,
}

impl Retry {
    /// Failures that still count at `now`; `longest` is the longest wait.
    pub(in crate::policy) fn failures_at(&self, now: Time, longest: Duration) -> u32 {
        self.failures.saturating_sub(self.passed(now, longest))
    }

    /// One more attempt failed, or (`recalled`) was called back. The next waits from `first`, doubling, up to `longest`.
    pub(in crate::policy) fn add(&mut self, now: Time, recalled: bool, first: Duration, longest: Duration) {
        let passed = self.passed(now, longest);
        self.failures = self.failures.saturating_sub(passed);
        self.recalls = self.recalls.saturating_sub(passed);
        let count = if recalled { &mut self.recalls } else { &mut self.failures };
        let doubled = first.saturating_mul(1 << (*count).min(16));
        *count = count.saturating_add(1);
        self.last = Some(now);
        self.at = Some(now + doubled.min(longest));
    }

    /// As of `now`, `age` after the last of them.
    pub(in crate::policy) fn aged(mut self, now: Time, age: Duration, longest: Duration) -> Self {
        let passed = times(age, longest);
        self.failures = self.failures.saturating_sub(passed);
        self.recalls = self.recalls.saturating_sub(passed);
        self.last = (self.failures > 0 || self.recalls > 0).then_some(now);
        self
    }

    fn passed(&self, now: Time, longest: Duration) -> u32 {
        self.last.map_or(0, |last| times(now.since(last), longest))
    }
}

fn times(age: Duration, longest: Duration) -> u32 {
    let times = age.as_nanos().checked_div(longest.as_nanos());
    times.map_or(u32::MAX, |times| u32::try_from(times).unwrap_or(u32::MAX))
}

/// One for each purpose.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::policy) struct Retries {
    pub rescue: Retry,
    pub failback: Retry,
    pub codec: Retry,
    /// Where traffic was to go in this episode, home included, by changes that failed; and how often.
    pub tried: Vec<(ChannelId, u32)>,
}

impl Retries {
    pub(in crate::policy) const fn of(&self, purpose: Purpose) -> &Retry {
        match purpose {
            Purpose::Rescue => &self.rescue,
            Purpose::Failback => &self.failback,
            Purpose::Codec => &self.codec,
        }
    }

    pub(in crate::policy) const fn of_mut(&mut self, purpose: Purpose) -> &mut Retry {
        match purpose {
            Purpose::Rescue => &mut self.rescue,
            Purpose::Failback => &mut self.failback,
            Purpose::Codec => &mut self.codec,
        }
    }

    /// Whether any attempt has to wait at `now`.
    pub(in crate::policy) fn waiting(&self, now: Time) -> bool {
        [self.rescue, self.failback, self.codec].iter().any(|retry| retry.at.is_some_and(|at| at > now))
    }

    /// A change to this target failed.
    pub(in crate::policy) fn note_tried(&mut self, target: &ChannelId) {
        if let Some((_, times)) = self.tried.iter_mut().find(|(tried, _)| tried == target) {
            *times = times.saturating_add(1);
            return;
        }
        if self.tried.len() >= MAX_TRIED {
            self.tried.remove(0);
        }
        self.tried.push((target.clone(), 1));
    }

    /// How many changes to this target, home included, failed in this episode; `longest` is the longest wait.
    pub(in crate::policy) fn tried(&self, now: Time, target: &ChannelId, longest: Duration) -> u32 {
        if self.tried.is_empty() || self.rescue.failures_at(now, longest) == 0 {
            return 0;
        }
        self.tried.iter().find(|(tried, _)| tried == target).map_or(0, |(_, times)| *times)
    }

    /// The route became another one: what failed before was of another episode.
    pub(in crate::policy) fn end_moves(&mut self) {
        (self.rescue, self.failback) = (Retry::default(), Retry::default());
        self.tried.clear();
    }
}

impl Engine {
    /// Forgets what failed of what is known not to be wanted any more: nothing has to leave a channel that is up, and codecs
    /// that score enough need no other order.
    pub(super) fn end_episodes(&mut self, now: Time, i: SlotId, want: Option<&Want>) {
        let slot = &self.slots[i];
        if slot.action.retries == Retries::default() || slot.pending().is_some() {
            return;
        }
        let wanted = want.map(Want::purpose);
        let at = slot.route.read.as_ref().filter(|_| slot.away()).map_or(Some(i), |route| self.sibling(slot, route));
        let well = at.map(|at| &self.slots[at]).is_some_and(|at| {
            at.health() == Health::Up
                && at.evidence.fresh
                && at.evidence.verdict == Some(Event::Good)
                && !at.evidence.missing
        });
        let sounds_well =
            slot.quality_now(now).is_some_and(|quality| quality.score >= slot.policy.quality.optimise_below);
        let rescued = wanted != Some(Purpose::Rescue) && well;
        let home = wanted != Some(Purpose::Failback) && slot.route.read.is_some() && !slot.away();
        let codecs = wanted != Some(Purpose::Codec) && sounds_well;
        let retries = &mut self.slots[i].action.retries;
        let before = retries.clone();
        if rescued {
            retries.rescue = Retry::default();
            retries.tried.clear();
        }
        if home {
            retries.failback = Retry::default();
        }
        if codecs {
            retries.codec = Retry::default();
        }
        if *retries != before {
            self.mark_unsaved(i);
            self.mark_changed(i);
        }
    }
}
