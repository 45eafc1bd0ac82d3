//! How far to believe an answer that shows another route or codec order than the one we believe in: reads may lag behind
//! writes, and a page of the list may be old.
//!
//! - For `read_lag` after our own change was seen, an answer that shows the value it replaced is no change by anybody else: it is
//!   older than that sighting, so nothing in it is evidence, whenever it comes.
//! - Anything else is believed at the second look that shows it: a single `GET`, `fast_interval` after the first at the earliest, with
//!   none in between that shows what we believe. Until then its status counts, but it is no last look.
//!
//! A page that shows something else triggers a single look at once, and any such look another one after `fast_interval`, five
//! times at most if no answer settles it; after that the routine looks go on.
//!
//! Must never: believe a page of the list alone.

use super::super::command::ActionKind;
use super::super::key::ChannelId;
use super::super::observation::Codec;
use super::super::time::Time;
use serde::{Deserialize, Serialize};

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
    pub look_at: Time,
    /// How often it was, for nothing else.
    pub asked: u8,
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

/// What an answer shows, compared with what we believe.
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

    /// Somebody else set the route, or the codecs: what ours replaced can no longer be told apart from it.
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
    pub(super) fn ask_again(&mut self, fast: Time, slow: Time) {
        self.asked = self.asked.saturating_add(1);
        self.look_at = if self.asked < ASKED_FAST { fast } else { slow };
    }
}
