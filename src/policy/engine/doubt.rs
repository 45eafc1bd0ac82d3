//! How far an answer is to be believed that shows another route or codec order than we hold for true: reads may lag behind
//! writes, and a page of the list may be old.
//!
//! - What our own change replaced is nobody's change for `read_lag` after it was seen, and an answer that shows it is older than
//!   that sighting: nothing of it is evidence, whenever it comes.
//! - Anything else is believed by the second look, `fast_interval` after the first at the earliest and a single `GET`, that shows
//!   it again with none between them that shows what we hold for true. Until then its status counts, and it is no last look.
//!
//! A page that shows something else has the channel itself asked at once, and any such look again after `fast_interval`, five
//! times at the most where no answer settles it; afterwards as often as it is looked at anyway.
//!
//! Must never: believe a page of the list alone.

use super::super::command::{ActionKind, Command};
use super::super::key::ChannelId;
use super::super::observation::{ChannelView, Codec, ranked, same_order};
use super::super::time::Time;
use super::observe::told;
use super::{Engine, Slot};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Replaced values that are remembered of one channel.
pub(super) const MAX_REPLACED: usize = 8;

/// How often a channel of which something is in doubt is asked at once: an answer that a cache has kept, or a replica that lags,
/// settles nothing.
const ASKED_FAST: u8 = 5;

/// What is in doubt of a channel, and what it takes to judge that.
#[derive(Debug, Default)]
pub(in crate::policy) struct Doubts {
    pub route: Option<Doubt<ChannelId>>,
    /// Names, the preferred one first.
    pub codecs: Option<Doubt<Vec<String>>>,
    /// What our last changes replaced, and until when it is nobody's change.
    pub replaced: Vec<(Replaced, Time)>,
    /// When the route that we hold for true was last seen; `None`: not since the start, or the clock's last jump.
    pub seen: Option<Time>,
    /// Reversals that happened nobody knows when: when each no longer counts.
    pub noticed: Vec<Time>,
}

/// Something that was read and is not believed yet.
#[derive(Debug)]
pub(in crate::policy) struct Doubt<T> {
    pub of: T,
    /// When the first look that showed it was asked for.
    pub since: Time,
    /// When the channel is asked again.
    look_at: Time,
    /// How often it was, for nothing else.
    asked: u8,
}

/// A value that a change of ours replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::policy) enum Replaced {
    Route(ChannelId),
    Codecs(Vec<Codec>),
}

/// What a route or codec order that was read is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// As we hold it for true, or not to be judged now.
    Held,
    /// From before our own change.
    Older,
    /// Another one, seen for the first time.
    Doubtful,
    /// Another one, seen twice.
    Another,
}

/// What an answer shows, held against what we hold for true.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighed {
    pub route: Word,
    pub codecs: Word,
}

impl Weighed {
    pub(super) fn has(self, word: Word) -> bool {
        self.route == word || self.codecs == word
    }
}

impl Doubts {
    /// A change of ours shows, which replaced this.
    pub(super) fn note_replaced(&mut self, kind: &ActionKind, until: Time) {
        let before = match kind {
            ActionKind::Failover { from, .. } | ActionKind::Failback { from } => {
                self.route = None;
                Replaced::Route(from.clone())
            }
            ActionKind::Codec { before, .. } => {
                self.codecs = None;
                Replaced::Codecs(before.clone())
            }
        };
        self.replaced.retain(|(other, _)| *other != before);
        if self.replaced.len() >= MAX_REPLACED {
            self.replaced.remove(0);
        }
        self.replaced.push((before, until));
    }

    /// Somebody else set the route, or the codecs: what ours replaced is told apart from it no more.
    pub(super) fn forget_replaced(&mut self, routes: bool) {
        self.replaced.retain(|(value, _)| matches!(value, Replaced::Route(_)) != routes);
    }

    pub(in crate::policy) const fn any(&self) -> bool {
        self.route.is_some() || self.codecs.is_some()
    }

    /// When the channel is asked again.
    pub(super) fn look_at(&self) -> Option<Time> {
        let (route, codecs) = (self.route.as_ref().map(|d| d.look_at), self.codecs.as_ref().map(|d| d.look_at));
        [route, codecs].into_iter().flatten().min()
    }
}

impl<T> Doubt<T> {
    fn ask_again(&mut self, fast: Time, slow: Time) {
        self.asked = self.asked.saturating_add(1);
        self.look_at = if self.asked < ASKED_FAST { fast } else { slow };
    }
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
        self.late_route(now, read).is_some() || self.own_changes.iter().any(|(to, until)| to == read && now < *until)
    }

    fn weigh_route(&mut self, now: Time, asked: Time, single: bool, view: &ChannelView) -> Word {
        if !self.configured || view.unrouted || self.changes(|kind| !matches!(kind, ActionKind::Codec { .. })) {
            return Word::Held;
        }
        let own = &self.key.channel;
        let read = view.primary.as_ref().unwrap_or(own);
        if self.expected.as_ref().unwrap_or(own) == read {
            if asked >= self.route_from {
                self.doubts.route = None;
                self.doubts.seen = Some(asked);
            }
            return Word::Held;
        }
        let is = |value: &Replaced| matches!(value, Replaced::Route(id) if id == read);
        let until = self.doubts.replaced.iter().find(|(value, _)| is(value)).map(|(_, until)| *until);
        let (settles, apart) = (single && self.settles(asked), self.policy.health.fast_interval);
        match until {
            Some(until) if now < until => Word::Older,
            Some(_) if asked < self.route_from => Word::Older,
            None if asked < self.route_from => Word::Held,
            _ if self.pending().is_some() || self.may_be_ours(now, read) => Word::Held,
            _ => believe(&mut self.doubts.route, read.clone(), now, (asked, settles, apart), until.is_some()),
        }
    }

    fn weigh_codecs(&mut self, now: Time, asked: Time, single: bool, view: &ChannelView) -> Word {
        let (Some(set), Some(read)) = (&self.codecs_set, told(view.codecs.as_ref(), single)) else { return Word::Held };
        if self.changes(|kind| matches!(kind, ActionKind::Codec { .. })) {
            return Word::Held;
        }
        if same_order(set, read) {
            if asked >= self.route_from {
                self.doubts.codecs = None;
            }
            return Word::Held;
        }
        let is = |value: &Replaced| matches!(value, Replaced::Codecs(codecs) if same_order(codecs, read));
        let until = self.doubts.replaced.iter().find(|(value, _)| is(value)).map(|(_, until)| *until);
        let (settles, apart) = (single && self.settles(asked), self.policy.health.fast_interval);
        match until {
            Some(until) if now < until => Word::Older,
            Some(_) if asked < self.route_from => Word::Older,
            None if asked < self.route_from => Word::Held,
            _ if self.pending().is_some() || self.late_codecs(now, view).is_some() => Word::Held,
            _ => {
                let names = ranked(read).into_iter().map(str::to_owned).collect();
                believe(&mut self.doubts.codecs, names, now, (asked, settles, apart), until.is_some())
            }
        }
    }

    /// An answer to a question of before our last action ended settles nothing.
    fn settles(&self, asked: Time) -> bool {
        asked >= self.route_from
    }

    fn changes(&self, what: impl Fn(&ActionKind) -> bool) -> bool {
        self.flight.as_ref().is_some_and(|flight| what(&flight.action.kind))
            || self.unsure.as_ref().is_some_and(|unsure| what(&unsure.kept.kind))
    }
}

fn believe<T: PartialEq>(
    doubt: &mut Option<Doubt<T>>,
    read: T,
    now: Time,
    (asked, settles, apart): (Time, bool, Duration),
    replaced: bool,
) -> Word {
    match doubt {
        Some(doubt) if doubt.of == read => {
            if settles && asked.since(doubt.since) >= apart {
                return Word::Another;
            }
        }
        _ => *doubt = Some(Doubt { of: read, since: asked, look_at: now + apart, asked: 0 }),
    }
    if replaced { Word::Older } else { Word::Doubtful }
}

impl Engine {
    /// Asks a channel of which something is in doubt, when that is due; afterwards as often as it is looked at anyway.
    pub(super) fn look_after_doubts(&mut self, now: Time, i: usize, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        if slot.doubts.look_at().is_none_or(|at| at > now) {
            return;
        }
        let health = &slot.policy.health;
        let (fast, slow) = (now + health.fast_interval, now + health.interval);
        if let Some(doubt) = &mut slot.doubts.route {
            doubt.ask_again(fast, slow);
        }
        if let Some(doubt) = &mut slot.doubts.codecs {
            doubt.ask_again(fast, slow);
        }
        self.doubt_route(now, i, out);
    }
}
