//! What is wanted for a channel, and since when: the closed list of wants, and a wish that is being followed.
//!
//! Must never: say whether it may be done.

use super::super::codec;
use super::super::ids::SlotId;
use super::super::observation::Codec;
use super::super::reason::Cause;
use super::super::time::Time;
use super::super::trial::Promise;
use std::collections::BTreeSet;

/// Something that is wanted, from the moment it is until it is done or wanted no more.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Wish {
    pub want: Want,
    /// Last looks count from here.
    pub since: Time,
    pub seq: u64,
    pub looked: Option<Time>,
    /// When candidates were first asked.
    pub asked: Option<Time>,
    /// The labels of the holds that were recorded in this episode.
    pub recorded: BTreeSet<&'static str>,
    /// When it was first proposed.
    pub proposed: Option<Time>,
    /// Whether it was recorded that no candidate is fit.
    pub nobody_told: bool,
}

/// What an action is for. Attempts that failed for one purpose hold back none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Purpose {
    /// Traffic has to leave where it goes, home included as a target.
    Rescue,
    /// Traffic may come home.
    Failback,
    /// Another codec order.
    Codec,
}

#[derive(Clone, Debug)]
pub(in crate::policy) enum Want {
    /// Its own traffic has to leave it.
    Failover(Cause),
    /// Its traffic has to leave the failed backup.
    Cascade(SlotId, Cause),
    /// Its traffic may come home.
    Failback,
    /// Its traffic has to come back from where it was moved for quality: it is worse there.
    Rollback(Cause),
    /// Another codec order.
    Codec(CodecWant),
}

#[derive(Clone, Debug)]
pub(in crate::policy) enum CodecWant {
    Improve(codec::Proposal),
    Restore(Vec<Codec>),
    /// What was put in place is worse than this, which was there before.
    Undo {
        promise: Promise,
        measured: f64,
        back: Vec<Codec>,
    },
}

impl CodecWant {
    /// The order that is wanted.
    pub(in crate::policy) fn order(&self) -> &[Codec] {
        match self {
            Self::Improve(proposal) => &proposal.order,
            Self::Restore(first) => first,
            Self::Undo { back, .. } => back,
        }
    }
}

impl Want {
    /// The codec order that is wanted; `None`: it is a move.
    pub(in crate::policy) fn order(&self) -> Option<&[Codec]> {
        match self {
            Self::Codec(want) => Some(want.order()),
            Self::Failover(_) | Self::Cascade(..) | Self::Failback | Self::Rollback(_) => None,
        }
    }

    pub(in crate::policy) fn same_episode(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Failover(a), Self::Failover(b)) => {
                std::mem::discriminant(a) == std::mem::discriminant(b) || (a.is_quality() && b.is_quality())
            }
            (Self::Cascade(a, _), Self::Cascade(b, _)) => a == b,
            (Self::Failback, Self::Failback) | (Self::Rollback(_), Self::Rollback(_)) => true,
            (Self::Codec(a), Self::Codec(b)) => std::mem::discriminant(a) == std::mem::discriminant(b),
            _ => false,
        }
    }

    /// Whether it is one of several things that may be done for a channel that works: where one of them was proposed in vain,
    /// another may be proposed.
    pub(in crate::policy) const fn is_choice(&self) -> bool {
        match self {
            Self::Failover(cause) => cause.is_quality(),
            Self::Failback | Self::Rollback(_) | Self::Codec(_) => true,
            Self::Cascade(..) => false,
        }
    }

    pub(in crate::policy) const fn purpose(&self) -> Purpose {
        match self {
            Self::Failover(_) | Self::Cascade(..) => Purpose::Rescue,
            Self::Failback | Self::Rollback(_) => Purpose::Failback,
            Self::Codec(_) => Purpose::Codec,
        }
    }

    pub(in crate::policy) const fn name(&self) -> &'static str {
        match self {
            Self::Failover(_) | Self::Cascade(..) => "failover",
            Self::Failback | Self::Rollback(_) => "failback",
            Self::Codec(_) => "codec",
        }
    }

    /// Whether it takes back what we did ourselves.
    pub(in crate::policy) const fn takes_back(&self) -> bool {
        matches!(self, Self::Rollback(_) | Self::Codec(CodecWant::Undo { .. }))
    }
}
