//! What a tenant's channels share: limits, sight, the mass change, and how much has been done lately.
//!
//! Must never: hold anything of one channel.

use super::hour::HourCount;
use super::ids::SlotId;
use super::key::{ChannelId, TenantId};
use super::looks::Looks;
use super::mass::Mass;
use super::params::TenantParams;
use super::plan::Pace;
use super::time::Time;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Outside reversals of our routes within this time count together.
pub(super) const REVERSALS_WITHIN: Duration = Duration::from_mins(10);
/// So many of them mean another controller.
pub(super) const REVERSALS: usize = 2;
/// What left the file is kept for so long, where it has no end of its own.
pub(super) const LEFT_FOR: Duration = Duration::from_hours(24);

/// A tenant.
#[derive(Debug)]
pub(super) struct Tenant {
    pub id: TenantId,
    pub live: bool,
    /// Since when it is not configured any more, and for how long it was not before that; `None`: it is.
    pub left: Option<(Time, Duration)>,
    pub params: TenantParams,
    pub paused: bool,
    /// Whether it is paused because something else steers it.
    pub other_controller: bool,
    /// When a pause lapses by itself.
    pub paused_until: Option<Time>,
    pub blind: bool,
    /// Blind, but not recorded yet: the reference targets have not yet shown whose fault it is.
    pub blind_untold: bool,
    /// When it could last be seen again after having been blind.
    pub seen_since: Option<Time>,
    pub looks: Looks,
    /// The longest of its policies' intervals.
    pub longest: Duration,
    /// By how much the request budget stretches all of them.
    pub pace: Pace,
    pub mass: Mass,
    /// Whether a codec change has shown that the platform keeps a channel's credentials.
    pub proven: bool,
    /// Channels whose credentials a codec change lost, and which nobody has acknowledged yet.
    pub lost: BTreeSet<ChannelId>,
    /// Channels with a codec change that is under way, or may have been made.
    pub codecs_open: BTreeSet<SlotId>,
    /// Actions of the last hour.
    pub actions: HourCount,
    /// When each outside reversal of late no longer counts, which lies ahead as with actions.
    pub reversals: VecDeque<Time>,
    pub in_flight: u32,
    /// Configured channels, and those of them that are `Up`.
    pub configured: u32,
    pub up: u32,
    /// All channels watched for it.
    pub watched: usize,
    /// Channels with a wish.
    pub wanting: BTreeSet<SlotId>,
    pub unsaved: bool,
}

impl Tenant {
    pub(super) fn new(id: TenantId, params: TenantParams) -> Self {
        Self {
            id,
            live: true,
            left: None,
            params,
            paused: false,
            other_controller: false,
            paused_until: None,
            blind: false,
            blind_untold: false,
            seen_since: None,
            looks: Looks::new(Duration::ZERO),
            longest: Duration::ZERO,
            pace: Pace::default(),
            mass: Mass::default(),
            proven: false,
            lost: BTreeSet::new(),
            codecs_open: BTreeSet::new(),
            actions: HourCount::default(),
            reversals: VecDeque::new(),
            in_flight: 0,
            configured: 0,
            up: 0,
            watched: 0,
            wanting: BTreeSet::new(),
            unsaved: false,
        }
    }

    /// How long it has been out of the file.
    pub(super) fn out_for(&self, now: Time) -> Option<Duration> {
        self.left.map(|(since, before)| before + now.since(since))
    }

    /// When it is forgotten, out of the file for so long.
    pub(super) fn left_due(&self) -> Option<Time> {
        let (since, before) = self.left.filter(|_| !self.live)?;
        Some(since + LEFT_FOR.saturating_sub(before))
    }

    /// The interval that routine looks are expected at, at the longest.
    pub(super) fn interval(&self) -> Duration {
        self.pace.routine(self.longest)
    }

    /// How many bad channels make a mass change: at least 3, and at least half, which of fewer than 6 are more than half.
    pub(super) fn mass_threshold(&self) -> usize {
        3.max(self.configured.div_ceil(2) as usize)
    }

    /// Bad channels, as a count for people.
    pub(super) fn bad(&self) -> u32 {
        u32::try_from(self.mass.bad()).unwrap_or(u32::MAX)
    }

    /// Actions within the hour up to `now`.
    pub(super) fn actions_last_hour(&self, now: Time) -> u32 {
        self.actions.count(now)
    }

    /// When one more action than now is allowed by `max_per_hour`, where it is not now.
    pub(super) fn next_within_hour(&self) -> Option<Time> {
        self.actions.frees_at(self.params.limits.max_per_hour)
    }

    pub(super) fn count_action(&mut self, now: Time) {
        self.actions.push(now);
        self.unsaved = true;
    }

    /// An action that was counted and then never sent.
    pub(super) fn uncount_action(&mut self, started: Time) {
        self.unsaved |= self.actions.undo(started);
    }

    /// One more outside reversal; how many there were lately.
    pub(super) fn count_reversal(&mut self, now: Time) -> usize {
        self.reversals.retain(|until| *until >= now);
        if self.reversals.len() >= 16 {
            self.reversals.pop_front();
        }
        self.reversals.push_back(now + REVERSALS_WITHIN);
        self.unsaved = true;
        self.reversals.len()
    }
}

#[cfg(test)]
mod tests;
