//! The mass change: whether so much of a tenant turned bad at once that bad data are likelier than dead trunks.
//!
//! Owns which channels are bad and since when, and what they belong to. A group is what fails together for a reason of its own: a
//! carrier that the file names, else the SIP server as read, else the channel itself. Half of the channels turning bad at once is
//! an ordinary failure where all of them are of one group among several; where only one group is known, channels alone decide.
//!
//! While a change is held, the groups stay as they were: a regrouping never ends a hold.
//!
//! Must never: know what is done about it.

use super::ids::SlotId;
use super::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Channels that turn bad within this time of each other did so "at once".
const AT_ONCE: Duration = Duration::from_mins(1);

/// What a channel fails together with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// The carrier that the file names.
    Carrier(String),
    /// The SIP server, as [`server`] writes it.
    Server(String),
    /// Nothing else: the channel itself.
    Own(SlotId),
}

/// A SIP server by one name, whatever the case and the root's dot; `None`: it is no name.
pub(super) fn server(read: &str) -> Option<String> {
    let name = read.trim().trim_end_matches('.');
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

/// Configured channels that are bad, and the groups of all configured channels.
#[derive(Debug, Default)]
pub(super) struct Mass {
    /// Bad channels, by when they turned so.
    bad: BTreeSet<(Time, SlotId)>,
    held: bool,
    pub approved: bool,
    /// Each group's place in `members`.
    groups: BTreeMap<Group, usize>,
    members: Vec<Members>,
    /// Each channel's group, by its place.
    of: BTreeMap<SlotId, usize>,
    /// Groups that have channels, and those of them that are bad.
    known: usize,
    known_bad: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Members {
    channels: usize,
    bad: usize,
}

impl Members {
    /// At least half of its channels are.
    const fn are_bad(self, bad: usize) -> bool {
        bad > 0 && 2 * bad >= self.channels
    }
}

impl Mass {
    /// Bad channels.
    pub(super) fn bad(&self) -> usize {
        self.bad.len()
    }

    /// Whether a change is held, approved or not.
    pub(super) const fn held(&self) -> bool {
        self.held
    }

    /// A change is held from now on.
    pub(super) fn hold(&mut self) {
        (self.held, self.approved) = (true, false);
    }

    /// The change is over. The groups may have become others meanwhile: [`Self::rebuild`] takes them over.
    pub(super) fn end(&mut self) {
        (self.held, self.approved) = (false, false);
    }

    /// All configured channels, each with its group and since when it has been bad. While a change is held, those that are
    /// known already stay in the group that they were of.
    pub(super) fn rebuild(&mut self, channels: impl IntoIterator<Item = (SlotId, Group, Option<Time>)>) {
        let before = std::mem::take(&mut self.of);
        self.bad.clear();
        (self.known, self.known_bad) = (0, 0);
        if self.held {
            self.members.fill(Members::default());
        } else {
            self.groups.clear();
            self.members.clear();
        }
        for (i, group, bad_since) in channels {
            let stays = before.get(&i).copied().filter(|_| self.held);
            let place = stays.unwrap_or_else(|| self.place(group));
            self.add(place, i, bad_since);
        }
    }

    /// A configured channel is of another group from now on, unless a change is held.
    pub(super) fn regroup(&mut self, i: SlotId, group: Group, bad_since: Option<Time>) {
        if self.held {
            return;
        }
        let Some(before) = self.of.get(&i).copied() else { return };
        let bad = usize::from(bad_since.is_some());
        self.change(before, |members| {
            members.channels = members.channels.saturating_sub(1);
            members.bad = members.bad.saturating_sub(bad);
        });
        let place = self.place(group);
        self.add(place, i, bad_since);
    }

    /// A configured channel turned bad.
    pub(super) fn turned_bad(&mut self, now: Time, i: SlotId) {
        if self.bad.insert((now, i)) {
            self.change_of(i, |members| members.bad += 1);
        }
    }

    /// A channel that was bad since then is not any more.
    pub(super) fn turned_good(&mut self, since: Time, i: SlotId) {
        if self.bad.remove(&(since, i)) {
            self.change_of(i, |members| members.bad = members.bad.saturating_sub(1));
        }
    }

    /// Whether as much is bad as makes a mass change, whenever it turned so. `threshold`: so many channels.
    pub(super) fn lasts(&self, threshold: usize) -> bool {
        self.bad.len() >= threshold && self.several(self.known_bad)
    }

    /// Whether so many channels turned bad within a minute up to `now`, and made so many groups bad.
    pub(super) fn at_once(&self, now: Time, threshold: usize) -> bool {
        let turned = || self.bad.range((now.back(AT_ONCE), SlotId::default())..).map(|(_, i)| i);
        if self.bad.len() < threshold || turned().take(threshold).count() < threshold {
            return false;
        }
        let mut by_group: BTreeMap<usize, usize> = BTreeMap::new();
        for place in turned().filter_map(|i| self.of.get(i)) {
            *by_group.entry(*place).or_default() += 1;
        }
        let made_bad = by_group.into_iter().filter(|(place, turned)| {
            let members = self.members[*place];
            members.are_bad(members.bad) && !members.are_bad(members.bad.saturating_sub(*turned))
        });
        self.several(made_bad.count())
    }

    /// Whether so many bad groups are too many to have failed each for a reason of its own: two, and half of them.
    const fn several(&self, bad: usize) -> bool {
        self.known <= 1 || (bad >= 2 && 2 * bad >= self.known)
    }

    /// The place of a group, a new one where it has none.
    fn place(&mut self, group: Group) -> usize {
        let next = self.members.len();
        let place = *self.groups.entry(group).or_insert(next);
        if place == next {
            self.members.push(Members::default());
        }
        place
    }

    fn add(&mut self, place: usize, i: SlotId, bad_since: Option<Time>) {
        self.of.insert(i, place);
        self.bad.extend(bad_since.map(|since| (since, i)));
        self.change(place, |members| {
            members.channels += 1;
            members.bad += usize::from(bad_since.is_some());
        });
    }

    fn change_of(&mut self, i: SlotId, by: impl FnOnce(&mut Members)) {
        if let Some(place) = self.of.get(&i).copied() {
            self.change(place, by);
        }
    }

    fn change(&mut self, place: usize, by: impl FnOnce(&mut Members)) {
        let Some(members) = self.members.get_mut(place) else { return };
        let before = *members;
        by(members);
        let after = *members;
        let count = |n: usize, was: bool, is: bool| (n + usize::from(is)).saturating_sub(usize::from(was));
        self.known = count(self.known, before.channels > 0, after.channels > 0);
        self.known_bad = count(self.known_bad, before.are_bad(before.bad), after.are_bad(after.bad));
    }
}

#[cfg(test)]
mod tests;
