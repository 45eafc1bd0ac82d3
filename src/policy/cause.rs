//! Why traffic has to leave where it goes, and why a candidate is not fit to take it: the parts of a [`Reason`](super::reason::Reason).
//!
//! Must never: carry a body of the platform or a secret.

use super::key::ChannelId;
use super::words::Health;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Why traffic has to leave where it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// The platform's word.
    Down {
        /// Bad looks in a row.
        looks: u32,
        /// The status.
        status: String,
    },
    /// The score.
    Quality {
        /// The score.
        score: f64,
        /// The bound.
        below: f64,
        /// How long the score has been that low.
        lasted: Duration,
    },
    /// The score, against what is usual for the channel.
    Degraded {
        /// The score.
        score: f64,
        /// What its usual conditions of the last day would score.
        baseline: f64,
        /// By how many points it has to be below that (`degraded_by`).
        by: f64,
        /// How long the score has been that low.
        lasted: Duration,
    },
    /// On probation, the new route proved worse than home was when the traffic left.
    Rollback {
        /// The backup that carries the traffic.
        backup: ChannelId,
        /// The score there since then; `None`: not measured, and the platform says that it is degraded.
        measured: Option<f64>,
        /// The score of the channel when its traffic left.
        left_behind: f64,
        /// The score of the channel now.
        home: f64,
    },
    /// The backup is down.
    BackupDown {
        /// The backup.
        backup: ChannelId,
    },
    /// The backup does not exist any more.
    BackupMissing {
        /// The backup.
        backup: ChannelId,
    },
    /// A person's order.
    Ordered {
        /// The person who gave the order.
        who: String,
        /// Whether blocks and limits were passed over.
        force: bool,
    },
}

impl Cause {
    /// Whether traffic leaves because it sounds bad, although the platform calls the channel healthy.
    pub const fn is_quality(&self) -> bool {
        matches!(self, Self::Quality { .. } | Self::Degraded { .. })
    }
}

/// Why a candidate is not fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Ineligible {
    /// It is the channel itself.
    Itself,
    /// It has not been looked at yet.
    NotSeen,
    /// The platform has no such channel.
    Missing,
    /// Its health.
    NotUp {
        /// Its health.
        health: Health,
    },
    /// Up, and its last look was not good.
    LastLookNotGood {
        /// The status.
        status: Option<String>,
    },
    /// Not seen since the tenant was blind.
    NotSeenSinceBlind,
    /// It does not show where its own traffic goes.
    RouteNotRead,
    /// Its own traffic goes elsewhere.
    RoutedElsewhere {
        /// The channel that carries its traffic.
        to: ChannelId,
    },
    /// An action of its own is under way.
    InFlight {
        /// `failover`, `failback` or `codec`.
        kind: String,
    },
    /// It carries as many others as it may.
    Full {
        /// Others that it carries.
        carries: u32,
        /// Others that it may carry.
        max_dependents: u32,
    },
    /// Its score is too low.
    ScoreTooLow {
        /// The score.
        score: f64,
        /// The bound.
        min: f64,
    },
    /// It has no score, and the policy requires one.
    NoScore,
    /// Its score is not enough better.
    NotBetter {
        /// The score; `None`: it has none.
        score: Option<f64>,
        /// The score that it takes.
        needed: f64,
    },
    /// In maintenance.
    InMaintenance,
    /// Not (yet) confirmed by a last look.
    Unconfirmed,
    /// A change to it failed in this episode: the others go first.
    ChangeFailed {
        /// Failed changes.
        times: u32,
    },
}
