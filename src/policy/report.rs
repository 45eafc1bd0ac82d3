//! The engine's report of a channel and of a tenant: plain values for the snapshot, the API and people.

use super::explanation::Explanation;
use super::key::{ChannelId, ChannelKey};
use super::observation::Codec;
use super::params::Mode;
use super::reason::{Ineligible, Reason};
use super::score::Quality;
use super::time::Time;
use super::words::{Health, TenantState};
use serde::Serialize;
use std::time::Duration;

/// All that is known and decided about one channel at one moment. Durations are ages or remaining times at that moment; whoever
/// shows a report later adds, or takes off, the time that has passed since `as_of`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChannelReport {
    /// Its tenant and id.
    pub key: ChannelKey,
    /// When this was so.
    pub as_of: Time,
    /// Whether it is configured; otherwise it is watched only, as someone's candidate.
    pub configured: bool,
    /// The name of the policy that it is kept by.
    pub policy: String,
    /// The mode in force for it, after the daemon's cap.
    pub mode: Mode,
    /// Its health.
    pub health: Health,
    /// The platform's status word in the last answer.
    pub status: Option<String>,
    /// Whether the platform says that it has no such channel.
    pub missing: bool,
    /// Bad looks in a row.
    pub bad_looks: u32,
    /// Good looks in a row.
    pub good_looks: u32,
    /// Age of the last answer; `None` before the first.
    pub evidence_age: Option<Duration>,
    /// How long its health has been what it is.
    pub health_for: Duration,
    /// Where its traffic goes as last read; `None` before the first answer.
    pub route: Option<ChannelId>,
    /// Whether its traffic goes elsewhere.
    pub failed_over: bool,
    /// Whether someone else set that route.
    pub route_foreign: bool,
    /// Quality over the window; `None` without enough samples.
    pub quality: Option<Quality>,
    /// Telemetry items that were rejected as missing or absurd, since the start.
    pub samples_rejected: u64,
    /// Codecs as last read.
    pub codecs: Vec<Codec>,
    /// An action of this channel that is under way: `failover`, `failback` or `codec`.
    pub in_flight: Option<&'static str>,
    /// Time left of the block after an action; `None`: not blocked.
    pub blocked_for: Option<Duration>,
    /// How long what is proposed may still be approved; `None`: nothing is proposed.
    pub proposal_left: Option<Duration>,
    /// The maintenance that it is in; it is neither acted on nor a candidate.
    pub maintenance: Option<MaintenanceReport>,
    /// What holds an action back that is wanted now; the `why` label of `actions_held`.
    pub held: Option<&'static str>,
    /// Whether its traffic has to move and no candidate is fit.
    pub no_candidate: bool,
    /// The last evaluation.
    pub reason: Reason,
    /// The same in words.
    pub reason_text: String,
    /// Every candidate in order, with why it is not fit; `None`: eligible.
    pub candidates: Vec<CandidateReport>,
    /// What explains all of it.
    pub explanation: Explanation,
}

impl ChannelReport {
    /// Age of the last answer at `now`.
    pub fn evidence_age_at(&self, now: Time) -> Option<Duration> {
        self.evidence_age.map(|age| age + now.since(self.as_of))
    }

    /// How long its health has been what it is, at `now`.
    pub fn health_for_at(&self, now: Time) -> Duration {
        self.health_for + now.since(self.as_of)
    }

    /// How long what is proposed may still be approved, at `now`; `None`: nothing is proposed.
    pub fn proposal_left_at(&self, now: Time) -> Option<Duration> {
        Some(self.proposal_left?.saturating_sub(now.since(self.as_of)))
    }

    /// Time left of a maintenance that was ordered, at `now`; `None`: there is none, or it ends with its window.
    pub fn maintenance_left_at(&self, now: Time) -> Option<Duration> {
        Some(self.maintenance.as_ref()?.left?.saturating_sub(now.since(self.as_of)))
    }

    /// Time left of the block at `now`; `None`: not blocked.
    pub fn blocked_for_at(&self, now: Time) -> Option<Duration> {
        self.blocked_for?.checked_sub(now.since(self.as_of)).filter(|left| !left.is_zero())
    }
}

/// A maintenance at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MaintenanceReport {
    /// Time left; `None`: until the policy's window closes.
    pub left: Option<Duration>,
    /// The reason that the operator or the policy gives.
    pub reason: String,
}

/// One candidate for one channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CandidateReport {
    /// Its id.
    pub channel: ChannelId,
    /// Whether it could take the traffic, as far as is known now.
    pub eligible: bool,
    /// Why it is not fit.
    pub against: Option<Ineligible>,
    /// The same in words.
    pub against_text: Option<String>,
    /// Its score, where it has one.
    pub score: Option<f64>,
}

/// All that is known and decided about one tenant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TenantReport {
    /// Whether its platform can be seen.
    pub state: TenantState,
    /// Whether an operator paused it (or all).
    pub paused: bool,
    /// Time left of the pause; `None`: it has no end, or there is none.
    pub paused_left: Option<Duration>,
    /// Whether a mass change is held.
    pub mass_hold: bool,
    /// Actions in flight.
    pub in_flight: u32,
    /// Actions in the last hour.
    pub actions_last_hour: u32,
    /// Its configured channels.
    pub channels: u32,
    /// Its channels that are `Up`.
    pub up: u32,
    /// Channels whose credentials a codec change lost, and which nobody has acknowledged.
    pub credentials_lost: Vec<ChannelId>,
}
