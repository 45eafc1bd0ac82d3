//! What would have to change for an action: one sentence, from the report alone.
//!
//! Must never: promise more than the engine's rules do. It names the next obstacle, not all of them.

use super::codec::CodecHold;
use super::hold::{HeldBack, Hold};
use super::key::ChannelId;
use super::reason::{Change, Ineligible, Reason};
use super::report::{CandidateReport, ChannelReport};
use super::time::{Span, Time};
use std::time::Duration;

impl ChannelReport {
    /// What would have to change for an action, as of `now`.
    pub fn outlook_at(&self, now: Time) -> String {
        let passed = now.since(self.as_of);
        if !self.configured {
            return "nothing: it is watched as a candidate only and never moved itself".to_owned();
        }
        let fall = self.explanation.fall;
        match &self.reason {
            Reason::CodecKept { hold: CodecHold::OnTrial { to, .. }, .. } => {
                format!("telemetry has to measure codec {to} first; until then nothing else is done for quality")
            }
            Reason::Fine | Reason::Degraded { .. } | Reason::CodecKept { .. } => {
                format!("{} in a row, {}{}", looks(fall, "bad"), self.then(), self.low_at(passed))
            }
            Reason::Suspect { bad, fall, .. } => {
                format!("{}, {}", looks(fall.saturating_sub(*bad), "more bad"), self.then())
            }
            Reason::Settling { good, rise } => {
                let good = looks(rise.saturating_sub(*good), "more good");
                format!("{good} and it is up; {} in a row and it is down, {}", looks(fall, "bad"), self.then())
            }
            Reason::Recovering { good, rise } => {
                let good = looks(rise.saturating_sub(*good), "more good");
                format!("{good} and it is up again; one more bad look, {}", self.then())
            }
            Reason::NotSeen | Reason::Stale { .. } => {
                "an answer from the platform: without a recent one nothing is done".to_owned()
            }
            Reason::Missing { .. } => "the platform has to have the channel again".to_owned(),
            Reason::RouteUnread => {
                "the platform has to name a channel, or none, as `routing.primary_channel_id`".to_owned()
            }
            Reason::FailoverOff => format!("`enabled = true` under [policies.{}.failover]", self.policy),
            Reason::Confirming { awaiting, .. } => {
                let names: Vec<&str> = awaiting.iter().map(ChannelId::as_str).collect();
                let (names, one) = (names.join(" and "), names.len() == 1);
                format!("{names} {} to answer a last look that confirms it", if one { "has" } else { "have" })
            }
            Reason::Held { wanted, hold, .. } => self.release(wanted, hold, passed),
            Reason::InFlight { kind } => format!("the {} under way has to end", Change(kind)),
            Reason::Unsure { kind } => format!("a look has to show whether the {} was made", Change(kind)),
            Reason::NoCandidate { against, .. } if against.is_empty() => {
                "it needs candidates: name some under `failover`".to_owned()
            }
            Reason::NoCandidate { against, .. } => {
                let needs: Vec<String> = against.iter().map(|(id, why)| format!("{id} {}", why.remedy())).collect();
                needs.join(", or ")
            }
            Reason::Away { good_for: Some(good), failback_after, .. } => {
                let left = failback_after.saturating_sub(*good).saturating_sub(passed);
                let probation = self.probation();
                format!("home has to be up and good for another {}, then its traffic comes home{probation}", Span(left))
            }
            Reason::Away { failback_after, .. } => {
                let probation = self.probation();
                format!(
                    "home has to be up and good for {}, then its traffic comes home{probation}",
                    Span(*failback_after)
                )
            }
            Reason::AwayUnmeasured { .. } => {
                let probation = self.probation();
                format!("telemetry has to show that home is good, then its traffic comes home{probation}")
            }
            _ => "another answer from the platform".to_owned(),
        }
    }

    /// What would follow if it were down.
    fn then(&self) -> String {
        if !self.explanation.failover_enabled {
            return "but nothing would move: its policy switches failover off".to_owned();
        }
        let fit = self.candidates.iter().find(|candidate| candidate.eligible);
        match (fit, self.candidates.first()) {
            (Some(CandidateReport { channel, .. }), _) => format!("then its traffic would go to {channel}"),
            (None, None) => "but it has no candidates to take its traffic".to_owned(),
            (None, Some(CandidateReport { channel, against, .. })) => {
                let remedy = against.as_ref().map_or_else(|| "has to be fit".to_owned(), Ineligible::remedy);
                format!("and {channel} {remedy}")
            }
        }
    }

    /// What else would move its traffic: a bad score that lasts.
    fn low_at(&self, passed: Duration) -> String {
        self.explanation.quality.low.map_or_else(String::new, |low| {
            let left = low.needed.saturating_sub(low.lasted).saturating_sub(passed);
            format!("; or a score below {:.1} for another {}, then to a better candidate", low.below, Span(left))
        })
    }

    /// What would bring its traffic back at once.
    fn probation(&self) -> String {
        self.explanation.quality.probation.as_ref().map_or_else(String::new, |on| {
            let (backup, worse_at) = (&on.backup, on.worse_at);
            format!("; or at once, if {backup} scores {worse_at:.1} or less on probation and home is better")
        })
    }

    /// What ends a hold.
    fn release(&self, wanted: &str, hold: &Hold, passed: Duration) -> String {
        let kind = hold.block(wanted);
        let block = self.explanation.blocks_after(passed).find(|block| Some(block.kind) == kind);
        let left = block.map(|block| block.left);
        hold.remedy(&HeldBack { key: &self.key, policy: &self.policy, wanted, left })
    }
}

impl Ineligible {
    /// What has to change for the candidate to be fit: `has to be up`.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotUp { .. } => "has to be up".to_owned(),
            Self::NotSeen | Self::NotSeenSinceBlind => "has to answer a look".to_owned(),
            Self::Missing => "has to exist on the platform".to_owned(),
            Self::LastLookNotGood { .. } => "has to be healthy at the next look".to_owned(),
            Self::RouteNotRead => "has to show where its own traffic goes".to_owned(),
            Self::RoutedElsewhere { .. } => "has to have its own traffic at home".to_owned(),
            Self::InFlight { kind } => format!("has to finish its own {}", Change(kind)),
            Self::Full { max_dependents, .. } => {
                format!("has to carry fewer than {max_dependents} others")
            }
            Self::ScoreTooLow { min, .. } => format!("has to score {min:.0}"),
            Self::NoScore => "needs a score".to_owned(),
            Self::NotBetter { needed, .. } => format!("has to score {needed:.0}"),
            Self::InMaintenance => "has to come out of maintenance".to_owned(),
            Self::Unconfirmed => "has to answer a last look".to_owned(),
            Self::ChangeFailed { .. } => "is tried after the others".to_owned(),
            Self::Itself => "is the channel itself".to_owned(),
        }
    }
}

fn looks(n: u32, what: &str) -> String {
    format!("{n} {what} look{}", if n == 1 { "" } else { "s" })
}
