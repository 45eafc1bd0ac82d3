//! The places that `[limits] global_…` leaves for actions over all tenants, and the line of those who wait for one.
//!
//! A wish takes a place before its last looks and keeps it until its action is made, something else holds it, it is given up, or
//! its turn is over; so a place is never promised twice. The next in line has, in this order: fewer turns that came to nothing, so
//! that a platform which does not answer keeps no one waiting for long; fewer actions of its tenant within the last hour,
//! counting those ahead of it in the line, so that one tenant's hundred channels wait behind another's only one; waited longer;
//! the lower place in the order of channels.
//!
//! Owns the counts over all tenants. Must never: walk a hash map, or refuse a place to a
//! cascade or a forced order: these use up places, but are never refused one.

use super::hold::Hold;
use super::hour::HourCount;
use super::ids::SlotId;
use super::params::GlobalLimits;
use super::time::Time;
use std::collections::BTreeMap;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Places {
    limits: GlobalLimits,
    /// Actions of the last hour.
    actions: HourCount,
    in_flight: u32,
    /// Wishes that hold a place, and when their turn is over.
    taken: BTreeMap<SlotId, Time>,
    waiting: BTreeMap<SlotId, Waiting>,
    /// Turns that came to nothing, of wishes that are still wanted.
    vain: BTreeMap<SlotId, u32>,
    /// Whether a place may have become free since the line was served.
    moved: bool,
}

/// Somebody in the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub since: Time,
    pub turns: u32,
}

impl Places {
    /// Works by these limits from now on.
    pub(super) fn limit(&mut self, limits: GlobalLimits) {
        self.limits = limits;
        self.moved = true;
    }

    /// Whether there is any limit.
    pub(super) const fn limited(&self) -> bool {
        self.limits.max_concurrent.is_some() || self.limits.max_per_hour.is_some()
    }

    /// Places that are free at `now`, and what stands in the way where none is.
    pub(super) fn free(&self, now: Time) -> (u32, Option<Hold>) {
        let taken = u32::try_from(self.taken.len()).unwrap_or(u32::MAX);
        let concurrent = self
            .limits
            .max_concurrent
            .map(|max| (max.saturating_sub(self.in_flight + taken), Hold::GlobalMaxConcurrent { max }));
        let hour = self
            .limits
            .max_per_hour
            .map(|max| (max.saturating_sub(self.actions.count(now) + taken), Hold::GlobalMaxPerHour { max }));
        match [concurrent, hour].into_iter().flatten().min_by_key(|(free, _)| *free) {
            None => (u32::MAX, None),
            Some((free, hold)) => (free, Some(hold)),
        }
    }

    /// Whether `i` holds a place whose turn is not over, or which nobody waits for; and that still is one, since rescues,
    /// forced orders and other limits may have left fewer than were given.
    pub(super) fn holds(&self, now: Time, i: SlotId) -> bool {
        let ahead = u32::try_from(self.taken.range(..i).count()).unwrap_or(u32::MAX);
        let left = |max: Option<u32>, used: u32| max.is_none_or(|max| used.saturating_add(ahead) < max);
        self.taken.get(&i).is_some_and(|until| *until > now || self.waiting.is_empty())
            && left(self.limits.max_concurrent, self.in_flight)
            && left(self.limits.max_per_hour, self.actions.count(now))
    }

    /// `i` takes a place until it is made, or its turn is over.
    pub(super) fn take(&mut self, i: SlotId, until: Time) {
        self.waiting.remove(&i);
        self.taken.entry(i).or_insert(until);
    }

    /// `i` waits in the line, from `now` on where it did not before.
    pub(super) fn wait(&mut self, now: Time, i: SlotId) {
        if let Some(until) = self.taken.remove(&i) {
            if until <= now {
                *self.vain.entry(i).or_default() += 1;
            }
            self.moved = true;
        }
        let turns = self.vain.get(&i).copied().unwrap_or_default();
        let waiting = self.waiting.entry(i).or_insert(Waiting { since: now, turns });
        waiting.turns = turns;
    }

    /// `i` wants no place now: it is held by something else, or no candidate is fit. Where it wants nothing at all: `forget`.
    pub(super) fn leave(&mut self, i: SlotId) {
        let left = self.taken.remove(&i).is_some() | self.waiting.remove(&i).is_some();
        self.moved |= left;
    }

    /// `i` wants nothing any more.
    pub(super) fn forget(&mut self, i: SlotId) {
        self.vain.remove(&i);
        self.leave(i);
    }

    /// How many hold a place or wait for one.
    pub(super) fn len(&self) -> usize {
        self.taken.len() + self.waiting.len()
    }

    /// Those who hold a place.
    pub(super) fn holders(&self) -> impl Iterator<Item = SlotId> {
        self.taken.keys().copied()
    }

    /// The line, in no particular order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (SlotId, Waiting)> {
        self.waiting.iter().map(|(i, waiting)| (*i, *waiting))
    }

    /// How `i` stands in the line, or would.
    pub(super) fn standing(&self, now: Time, i: SlotId) -> Waiting {
        let turns = self.vain.get(&i).copied().unwrap_or_default();
        self.waiting.get(&i).copied().unwrap_or(Waiting { since: now, turns })
    }

    /// Whether the line is to be served: a place may have become free, or somebody's turn is over while others wait.
    pub(super) fn take_moved(&mut self, now: Time) -> bool {
        let waits = !self.waiting.is_empty();
        // Asked before old actions are forgotten: one that has just become old is what frees a place.
        let over = waits && self.next_change().is_some_and(|at| at <= now);
        if waits {
            self.actions.forget_old(now);
        }
        std::mem::take(&mut self.moved) && waits || over
    }

    /// Those who hold a place after their turn.
    pub(super) fn overdue(&self, now: Time) -> Vec<SlotId> {
        self.taken.iter().filter(|(_, until)| **until <= now).map(|(i, _)| *i).collect()
    }

    /// When time alone frees a place that somebody waits for.
    pub(super) fn next_change(&self) -> Option<Time> {
        if self.waiting.is_empty() {
            return None;
        }
        let hour = self.limits.max_per_hour.and_then(|max| self.actions.frees_at(max));
        self.taken.values().copied().chain(hour).min()
    }

    /// Another action is under way.
    pub(super) fn fly(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// One is over.
    pub(super) fn land(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.moved = true;
    }

    pub(super) fn count(&mut self, now: Time) {
        self.actions.push(now);
    }

    /// An action that was counted and then never sent.
    pub(super) fn uncount(&mut self, started: Time) {
        self.moved |= self.actions.undo(started);
    }

    /// Actions of before a restart, by when they no longer count.
    pub(super) fn restore(&mut self, ends: impl Iterator<Item = Time>) {
        self.actions.restore(ends);
    }
}
