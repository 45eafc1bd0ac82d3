//! Why: every evaluation ends in one [`Reason`], "no action" included. Shown as one sentence for people, kept as
//! structured data for machines.
//!
//! Must never: carry a body of the platform or a secret.

use super::codec::CodecHold;
use super::hold::Hold;
use super::key::ChannelId;
use super::trial::Promise;
use super::words::{Health, Outcome};
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod change;
mod words;

pub use super::cause::{Cause, Ineligible};
pub(super) use words::Change;

/// Why something was done, or nothing was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// Nothing is wrong.
    Fine,
    /// Never looked at.
    NotSeen,
    /// Too few looks so far.
    Settling {
        /// Good looks in a row.
        good: u32,
        /// Looks that it takes.
        rise: u32,
    },
    /// The last answer is too old.
    Stale {
        /// How old evidence may be.
        limit: Duration,
    },
    /// The platform has no such channel.
    Missing {
        /// Such answers in a row.
        #[serde(default)]
        looks: u32,
        /// So many move the traffic of others off it.
        #[serde(default)]
        fall: u32,
        /// Others whose traffic it carries.
        #[serde(default)]
        carries: u32,
    },
    /// The platform's status is neither good nor bad.
    Degraded {
        /// The status.
        status: Option<String>,
    },
    /// Bad, and not for long enough.
    Suspect {
        /// Bad looks in a row.
        bad: u32,
        /// Looks that it takes.
        fall: u32,
        /// The status.
        status: Option<String>,
    },
    /// Down, and its last look was not bad: it may be coming back.
    Recovering {
        /// Good looks in a row.
        good: u32,
        /// Looks that it takes.
        rise: u32,
    },
    /// It failed, and what the platform says of its route cannot be read.
    RouteUnread,
    /// Traffic would have to move, and the policy does not move any.
    FailoverOff,
    /// Health changed.
    Health {
        /// Its health before.
        was: Health,
        /// Its health now.
        now: Health,
        /// Looks in a row that made it so; 0 where evidence became stale or the channel is missing.
        looks: u32,
        /// The status of the last one.
        status: Option<String>,
        /// Whether the platform has no such channel, which is why nothing is known.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        missing: bool,
    },
    /// Traffic is (to be) moved to another channel.
    Failover {
        /// The channel.
        channel: ChannelId,
        /// The channel that takes the traffic.
        to: ChannelId,
        /// Why traffic moves.
        cause: Cause,
        /// Others whose traffic the target carries already.
        carries: u32,
        /// How many it may carry.
        max_dependents: u32,
        /// Candidates that were passed over, and why.
        passed_over: Vec<(ChannelId, Ineligible)>,
    },
    /// Traffic is (to be) taken home.
    Failback {
        /// The channel.
        channel: ChannelId,
        /// Where its traffic went.
        from: ChannelId,
        /// For how long it has been up and good.
        good_for: Duration,
        /// Whether because the backup failed.
        backup_failed: bool,
        /// What else than being good for long enough brings it home.
        #[serde(default)]
        cause: Option<Cause>,
    },
    /// Codecs are (to be) put into another order.
    Codec {
        /// The preferred codec so far.
        from: String,
        /// The preferred codec from then on.
        to: String,
        /// Score points that the new order promises.
        gain: f64,
        /// The score it was decided on.
        score: f64,
        /// The E-model's score of the new order under those conditions.
        #[serde(default)]
        predicted: Option<f64>,
        /// The E-model's score of the order so far, under those conditions or those of the newest bucket where they are worse.
        /// The new order must not be measured worse.
        #[serde(default)]
        before: Option<f64>,
    },
    /// Codecs are (to be) put back into the order before, which was better.
    CodecUndone {
        /// The codec that was first before, and is to be again.
        from: String,
        /// The codec that was put before it.
        to: String,
        /// The score before.
        before: f64,
        /// The score that was predicted.
        predicted: f64,
        /// The score that was measured.
        measured: f64,
    },
    /// A codec order of ours was measured.
    CodecMeasured {
        /// The codec that was first before.
        from: String,
        /// The codec that was put before it.
        to: String,
        /// The score before.
        before: f64,
        /// The score that was predicted.
        predicted: f64,
        /// The score that was measured.
        measured: f64,
        /// Whether it is worse than the order before.
        worse: bool,
    },
    /// A codec order of ours could not be measured and stays.
    CodecUnmeasured {
        /// The codec that was put first.
        to: String,
        /// The time in which too little telemetry came.
        within: Duration,
    },
    /// A codec change lost a channel's credentials.
    CredentialsLost {
        /// The channel concerned.
        channel: ChannelId,
    },
    /// Codecs are (to be) put back into the order first read.
    CodecRestored {
        /// How long conditions have been good.
        good_for: Duration,
    },
    /// The score is low and another codec order would not help (or must not be taken).
    CodecKept {
        /// The score.
        score: f64,
        /// Why the codecs stay.
        hold: CodecHold,
    },
    /// A last look is under way before traffic is moved.
    Confirming {
        /// What is wanted: `failover`, `failback` or `codec`.
        wanted: String,
        /// The channels whose answer is awaited.
        awaiting: Vec<ChannelId>,
    },
    /// An action is wanted and held back.
    Held {
        /// What is wanted: `failover`, `failback` or `codec`.
        wanted: String,
        /// The target, where it is known.
        to: Option<ChannelId>,
        /// The codec order that was decided on; the preferred codec first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<Vec<String>>,
        /// The hold.
        hold: Hold,
    },
    /// An action was called back before it was sent.
    CalledBack {
        /// The hold.
        hold: Hold,
    },
    /// An action is under way.
    InFlight {
        /// `failover`, `failback` or `codec`.
        kind: String,
    },
    /// Whether an action was made is not known yet.
    Unsure {
        /// `failover`, `failback` or `codec`.
        kind: String,
    },
    /// What came of an action.
    Outcome {
        /// `failover`, `failback` or `codec`.
        kind: String,
        /// What came of it.
        outcome: Outcome,
    },
    /// An action whose outcome was open shows on the platform after all.
    ShowsLate {
        /// `failover`, `failback` or `codec`.
        kind: String,
    },
    /// No candidate is fit.
    NoCandidate {
        /// Why traffic has to move.
        cause: Cause,
        /// Every candidate, and why it is not fit.
        against: Vec<(ChannelId, Ineligible)>,
    },
    /// Traffic goes elsewhere and stays there for now.
    Away {
        /// The channel that carries its traffic.
        at: ChannelId,
        /// What is known of the channel itself.
        home: Health,
        /// How long it has been up and good.
        good_for: Option<Duration>,
        /// How long it has to be.
        failback_after: Duration,
    },
    /// Traffic went away for quality, and no telemetry says that home is better now.
    AwayUnmeasured {
        /// The channel that carries its traffic.
        at: ChannelId,
    },
    /// The platform shows a route that we did not set.
    RouteForeign {
        /// The channel that carried the traffic before.
        was: Option<ChannelId>,
        /// The channel that carries it now.
        now: ChannelId,
        /// Whether it undid a route of ours.
        reversal: bool,
        /// Whether it happened while nobody looked.
        #[serde(default)]
        noticed: bool,
    },
    /// The platform shows a route that another writer of ours (provisioning) set.
    RouteOwn {
        /// The channel that carried the traffic before.
        was: Option<ChannelId>,
        /// The channel that carries it now.
        now: ChannelId,
    },
    /// Routes of ours were undone repeatedly.
    OtherController {
        /// Routes of ours that were undone.
        reversals: u32,
        /// The time within which they were undone.
        within: Duration,
    },
    /// The tenant's looks fail.
    Blind {
        /// Failed looks.
        failed: u32,
        /// All looks.
        of: u32,
        /// Reference targets that answer, and of how many; `None`: none is asked.
        #[serde(default)]
        references: Option<(u32, u32)>,
    },
    /// No reference target answers: our own network is down.
    NetworkLost {
        /// Reference targets that ever answered.
        of: u32,
    },
    /// Our own network is back.
    NetworkBack {
        /// Reference targets that answer.
        answered: u32,
        /// Reference targets that ever answered.
        of: u32,
    },
    /// The tenant's looks are answered again.
    Seen {
        /// Failed looks.
        failed: u32,
        /// All looks.
        of: u32,
    },
    /// Half of a tenant turned bad at once.
    MassChange {
        /// Channels whose last look was bad.
        bad: u32,
        /// Channels configured.
        of: u32,
    },
    /// Fewer channels are bad than make a mass change.
    MassOver {
        /// Channels whose last look was bad.
        bad: u32,
        /// Channels configured.
        of: u32,
    },
    /// A person gave an order.
    Ordered {
        /// The order in words.
        order: String,
    },
    /// A pause, an order or a proposal lapsed.
    Lapsed {
        /// What, and why, in words.
        what: String,
    },
    /// A maintenance window of a policy opened or closed.
    MaintenanceWindow {
        /// The policy.
        policy: String,
        /// `true`: it opened; `false`: it closed.
        open: bool,
    },
    /// The channel came into the configuration.
    Configured,
    /// The channel is somebody's candidate.
    CandidateOf {
        /// The channel concerned.
        channel: ChannelId,
    },
    /// Nobody needs the channel any more.
    NotNeeded,
    /// The channel left the configuration.
    Removed {
        /// Where its traffic goes, where that is not home: it is left there.
        left_at: Option<ChannelId>,
    },
    /// The clock jumped or the machine slept.
    ClockJumped,
    /// The journal can be written again.
    JournalWritable,
}

impl Reason {
    /// What an order promises that was decided for this reason; `None`: it promises nothing.
    pub fn promise(&self) -> Option<Promise> {
        let Self::Codec { from, to, predicted, before, .. } = self else { return None };
        Some(Promise { from: from.clone(), to: to.clone(), before: (*before)?, predicted: (*predicted)? })
    }

    /// Why traffic moves that is moved for this reason; `None`: it comes home since home is good, or does not move.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Failover { cause, .. } | Self::Failback { cause: Some(cause), .. } => Some(cause.clone()),
            Self::Failback { from, backup_failed: true, .. } => Some(Cause::BackupDown { backup: from.clone() }),
            _ => None,
        }
    }
}
