//! Weighs an answer: compares the route and the codecs that it shows with those we believe, and with those in doubt.

use super::super::command::{ActionKind, Command};
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::observation::{ChannelView, ranked, same_order};
use super::super::time::Time;
use super::doubt::{Doubt, Replaced, Weighed, Word};
use super::{Engine, Slot};
use std::time::Duration;

/// A list in an answer: one that is absent is empty in a single look, and unknown in a page.
pub(super) fn listed<T>(read: Option<&Vec<T>>, single: bool) -> Option<&[T]> {
    read.map(Vec::as_slice).or(single.then_some(&[]))
}

impl Slot {
    /// What an answer shows of the route and the codecs. Notes what is in doubt.
    pub(super) fn weigh(&mut self, now: Time, asked: Time, single: bool, view: &ChannelView) -> Weighed {
        Weighed {
            route: self.weigh_route(now, asked, single, view),
            codecs: self.weigh_codecs(now, asked, single, view),
        }
    }

    /// Whether a change that had not shown, or another writer of ours, may have set this route.
    pub(super) fn may_be_ours(&self, now: Time, read: &ChannelId) -> bool {
        self.late_route(now, read).is_some()
            || self.route.own_changes.iter().any(|(to, until)| to == read && now < *until)
    }

    fn weigh_route(&mut self, now: Time, asked: Time, single: bool, view: &ChannelView) -> Word {
        if !self.configured || view.unrouted || self.changes(|kind| !matches!(kind, ActionKind::Codec { .. })) {
            return Word::Held;
        }
        let own = &self.key.channel;
        let read = view.primary.as_ref().unwrap_or(own);
        if self.route.expected.as_ref().unwrap_or(own) == read {
            if asked >= self.route.from {
                self.route.doubts.route = None;
                self.route.doubts.seen = Some(asked);
            }
            return Word::Held;
        }
        let is = |value: &Replaced| matches!(value, Replaced::Route(id) if id == read);
        let until = self.route.doubts.replaced.iter().find(|(value, _)| is(value)).map(|(_, until)| *until);
        if let Some(word) = self.by_age(now, asked, until) {
            return word;
        }
        if self.pending().is_some() || self.may_be_ours(now, read) {
            return Word::Held;
        }
        let apart = self.policy.health.fast_interval;
        believe(&mut self.route.doubts.route, read.clone(), now, (asked, single, apart), until.is_some())
    }

    fn weigh_codecs(&mut self, now: Time, asked: Time, single: bool, view: &ChannelView) -> Word {
        let (Some(set), Some(read)) = (&self.codec.set, listed(view.codecs.as_ref(), single)) else {
            return Word::Held;
        };
        if self.changes(|kind| matches!(kind, ActionKind::Codec { .. })) {
            return Word::Held;
        }
        if same_order(set, read) {
            if asked >= self.route.from {
                self.route.doubts.codecs = None;
            }
            return Word::Held;
        }
        let is = |value: &Replaced| matches!(value, Replaced::Codecs(codecs) if same_order(codecs, read));
        let until = self.route.doubts.replaced.iter().find(|(value, _)| is(value)).map(|(_, until)| *until);
        if let Some(word) = self.by_age(now, asked, until) {
            return word;
        }
        if self.pending().is_some() || self.late_codecs(now, view).is_some() {
            return Word::Held;
        }
        let names = ranked(read).into_iter().map(str::to_owned).collect();
        let apart = self.policy.health.fast_interval;
        believe(&mut self.route.doubts.codecs, names, now, (asked, single, apart), until.is_some())
    }

    /// What its age alone makes of an answer that shows what ours replaced (`until` that is nobody's change), or something else:
    /// one to a question of before our last action ended settles nothing.
    fn by_age(&self, now: Time, asked: Time, until: Option<Time>) -> Option<Word> {
        let before = asked < self.route.from;
        match until {
            Some(until) if before || now < until => Some(Word::Older),
            None if before => Some(Word::Held),
            _ => None,
        }
    }

    fn changes(&self, what: impl Fn(&ActionKind) -> bool) -> bool {
        self.action.flight.as_ref().is_some_and(|flight| what(&flight.action.kind))
            || self.action.unsure.as_ref().is_some_and(|unsure| what(&unsure.kept.kind))
    }
}

fn believe<T: PartialEq>(
    doubt: &mut Option<Doubt<T>>,
    read: T,
    now: Time,
    (asked, single, apart): (Time, bool, Duration),
    replaced: bool,
) -> Word {
    match doubt {
        Some(doubt) if doubt.of == read => {
            if single && asked.since(doubt.since) >= apart {
                return Word::Another;
            }
        }
        _ => *doubt = Some(Doubt { of: read, since: asked, look_at: now + apart, asked: 0 }),
    }
    if replaced { Word::Older } else { Word::Doubtful }
}

impl Engine {
    /// Asks a channel of which something is in doubt, when that is due; afterwards as often as it is looked at anyway.
    pub(super) fn look_after_doubts(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        if slot.route.doubts.look_at().is_none_or(|at| at > now) {
            return;
        }
        let health = &slot.policy.health;
        let (fast, slow) = (now + health.fast_interval, now + health.interval);
        if let Some(doubt) = &mut slot.route.doubts.route {
            doubt.ask_again(fast, slow);
        }
        if let Some(doubt) = &mut slot.route.doubts.codecs {
            doubt.ask_again(fast, slow);
        }
        self.doubt_route(now, i, out);
    }

    /// A page of the list shows another route or codec order than the channel had: it may be old, so the channel itself is
    /// asked.
    pub(super) fn doubt_route(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        let fast = slot.policy.health.fast_interval;
        if slot.route.doubted_at.is_none_or(|at| now.since(at) >= fast) {
            slot.route.doubted_at = Some(now);
            out.push(Command::LookNow { channel: slot.key.clone() });
        }
    }
}
