//! A channel's actions from the moment they leave the engine until their outcome is known, and people's orders for the next
//! one.
//!
//! Must never: decide anything.

use super::super::command::{Action, ActionKind};
use super::super::key::ChannelId;
use super::super::observation::{ChannelView, Codec};
use super::super::reason::Cause;
use super::super::time::Time;
use super::super::trial::Promise;
use super::super::words::{OpId, Outcome};
use super::want::Purpose;
use serde::{Deserialize, Serialize};

#[derive(Debug)]
pub(in crate::policy) struct Flight {
    pub action: Action,
    pub started: Time,
    pub orphan: bool,
    /// Whether it takes nobody's place any more.
    pub released: bool,
    /// Whether a look at the channel has shown it made: then it was, even where no read-back could be had.
    pub shown: bool,
    pub cause: Option<Cause>,
}

/// An action whose outcome is not known.
#[derive(Debug)]
pub(in crate::policy) struct Unsure {
    pub kept: Kept,
    /// Looks asked for earlier say nothing about it.
    pub since: Time,
    /// When the old state, still being read, means that it was not made.
    pub until: Time,
}

/// A person's approval of what was proposed, for that target or codec order and no other.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Approved {
    /// When it lapses.
    pub until: Time,
    pub who: String,
    /// Where traffic is to go; `None`: it is no move.
    pub to: Option<ChannelId>,
    /// The codec order; `None`: it is a move.
    pub order: Option<Vec<Codec>>,
}

/// A person's order to move the channel's traffic, from the moment it is taken until it is made or lapses.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Ordered {
    /// Where to; `None`: home.
    pub to: Option<ChannelId>,
    pub force: bool,
    pub who: String,
    /// When it lapses.
    pub until: Time,
    /// An earlier process took it: until something is known of the channels again, nothing speaks against it.
    pub taken_over: bool,
}

/// What is remembered of an action after it has left the executor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number.
    pub(in crate::policy) op: OpId,
    /// What it changes.
    pub(in crate::policy) kind: ActionKind,
    /// Why traffic was moved.
    pub(in crate::policy) cause: Option<Cause>,
    /// What a codec order promises.
    #[serde(default)]
    pub(in crate::policy) promise: Option<Promise>,
}

impl Kept {
    /// Of an action that an earlier process made.
    pub(super) fn of(action: &Action) -> Self {
        let (kind, reason) = (action.kind.clone(), &action.reason);
        Self { op: action.op, kind, cause: reason.cause(), promise: reason.promise() }
    }

    /// What the action was for.
    pub(in crate::policy) const fn purpose(&self) -> Purpose {
        match (&self.kind, &self.cause) {
            (ActionKind::Failback { .. }, None | Some(Cause::Rollback { .. })) => Purpose::Failback,
            (ActionKind::Codec { .. }, _) => Purpose::Codec,
            (ActionKind::Failover { .. } | ActionKind::Failback { .. }, _) => Purpose::Rescue,
        }
    }
}

impl ActionKind {
    /// Whether an answer shows this change made to the channel `own`, and whether it shows what was there before. One without
    /// the route, or without codecs, tells nothing: the change may still show.
    pub(super) fn shows_in(&self, own: &ChannelId, view: &ChannelView) -> (bool, bool) {
        let read = view.primary.as_ref().unwrap_or(own);
        match self {
            Self::Failover { .. } | Self::Failback { .. } if view.unrouted => (false, true),
            Self::Failover { from, to } => (read == to, read == from),
            Self::Failback { from } => (read == own, read == from),
            Self::Codec { order, before, .. } => {
                (view.has_order(order) == Some(true), view.has_order(before).unwrap_or(true))
            }
        }
    }
}

impl Flight {
    /// A look at the channel itself, asked for at `asked`.
    pub(super) fn note_look(&mut self, asked: Time, view: &ChannelView) {
        self.shown |= asked >= self.started && self.action.kind.shows_in(&self.action.channel.channel, view).0;
    }

    /// What came of it, by its read-backs and by what else was seen meanwhile: reads may lag behind writes, so that the last
    /// read-back may show the old state again.
    pub(super) fn came_to(&self, read_back: Outcome) -> Outcome {
        match read_back {
            Outcome::Unknown { .. } | Outcome::NotApplied if self.shown => {
                Outcome::Applied { siblings_lost: Vec::new() }
            }
            other => other,
        }
    }

    /// When an orphan whose outcome nobody can read gives up its place; its channel stays its own.
    pub(in crate::policy) fn release_at(&self) -> Option<Time> {
        let lasts = self.action.action_timeout + self.action.verify_for;
        (self.orphan && !self.released).then(|| self.started + lasts)
    }
}
