//! What would have to change for an action: one sentence that follows from a report. Reads the report alone.
//!
//! Must never: promise more than the engine's rules do. It names the next thing that stands in the way, not all of them.

use super::codec::CodecHold;
use super::hold::{HeldBack, Hold};
use super::key::ChannelId;
use super::reason::{Ineligible, Reason};
use super::report::{CandidateReport, ChannelReport};
use super::time::{Span, Time};
use std::time::Duration;

impl ChannelReport {
    /// What would have to change for an action, as of `now`.
    pub fn outlook_at(&self, now: Time) -> String {
        let passed = now.since(self.as_of);
        if !self.configured {
            return "nothing: it is watched as a candidate only, and never moved itself".to_owned();
        }
        let fall = self.explanation.fall;
        match &self.reason {
            Reason::CodecKept { hold: CodecHold::OnTrial { to, .. }, .. } => {
                format!("telemetry that measures codec {to} first: nothing else is done for quality until then")
            }
            Reason::Fine | Reason::Degraded { .. } | Reason::CodecKept { .. } => {
                format!("{} in a row, {}{}", looks(fall, "more bad"), self.then(), self.low_at(passed))
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
                "an answer of the platform: without evidence that is fresh nothing is done".to_owned()
            }
            Reason::Missing { .. } => "the platform would have to have the channel again".to_owned(),
            Reason::RouteUnread => {
                "the platform would have to name a channel, or none, as `routing.primary_channel_id`".to_owned()
            }
            Reason::FailoverOff => format!("`enabled = true` under [policies.{}.failover]", self.policy),
            Reason::Confirming { awaiting, .. } => {
                let names: Vec<&str> = awaiting.iter().map(ChannelId::as_str).collect();
                format!("an answer of {} to a last look that says the same once more", names.join(", "))
            }
            Reason::Held { wanted, hold, .. } => self.release(wanted, hold, passed),
            Reason::InFlight { kind } => format!("the {kind} that is under way has to end"),
            Reason::Unsure { kind } => format!("a look has to tell whether the {kind} was made"),
            Reason::NoCandidate { against, .. } if against.is_empty() => {
                "it would have to have candidates: name some under `failover`".to_owned()
            }
            Reason::NoCandidate { against, .. } => {
                let needs: Vec<String> = against.iter().map(|(id, why)| format!("{id} {}", why.remedy())).collect();
                needs.join(", or ")
            }
            Reason::Away { good_for: Some(good), failback_after, .. } => {
                let left = failback_after.saturating_sub(*good).saturating_sub(passed);
                let probation = self.probation();
                format!("{} more of being up and good at home, then its traffic comes home{probation}", Span(left))
            }
            Reason::Away { failback_after, .. } => {
                let probation = self.probation();
                format!("up and good at home for {}, then its traffic comes home{probation}", Span(*failback_after))
            }
            Reason::AwayUnmeasured { .. } => {
                let probation = self.probation();
                format!("telemetry that shows home to be good, then its traffic comes home{probation}")
            }
            _ => "another answer of the platform".to_owned(),
        }
    }

    /// What would follow if it were down.
    fn then(&self) -> String {
        if !self.explanation.failover_enabled {
            return "and nothing would be moved: failover is switched off in its policy".to_owned();
        }
        let fit = self.candidates.iter().find(|candidate| candidate.eligible);
        match (fit, self.candidates.first()) {
            (Some(CandidateReport { channel, .. }), _) => format!("then its traffic would go to {channel}"),
            (None, None) => "and nobody could take its traffic: it has no candidates".to_owned(),
            (None, Some(CandidateReport { channel, against, .. })) => {
                let remedy = against.as_ref().map_or_else(|| "would have to be fit".to_owned(), Ineligible::remedy);
                format!("and {channel} {remedy}")
            }
        }
    }

    /// What else would move its traffic: a bad score that lasts.
    fn low_at(&self, passed: Duration) -> String {
        self.explanation.quality.low.map_or_else(String::new, |low| {
            let left = low.needed.saturating_sub(low.lasted).saturating_sub(passed);
            format!(
                "; or a score below {:.1} for another {}, then to a candidate that is better",
                low.below,
                Span(left)
            )
        })
    }

    /// What would bring its traffic back at once.
    fn probation(&self) -> String {
        self.explanation.quality.probation.as_ref().map_or_else(String::new, |on| {
            let (backup, worse_at) = (&on.backup, on.worse_at);
            format!("; or {backup} scoring {worse_at:.1} or less on probation, and home being better")
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
    /// What would have to change for the candidate to be fit: `would have to be up`.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotUp { .. } => "would have to be up".to_owned(),
            Self::NotSeen | Self::NotSeenSinceBlind => "would have to be seen".to_owned(),
            Self::Missing => "would have to exist".to_owned(),
            Self::LastLookNotGood { .. } => "would have to be healthy at the next look".to_owned(),
            Self::RouteNotRead => "would have to tell where its own traffic goes".to_owned(),
            Self::RoutedElsewhere { .. } => "would have to have its own traffic at home".to_owned(),
            Self::InFlight { kind } => format!("would have to end its own {kind}"),
            Self::Full { max_dependents, .. } => {
                format!("would have to carry fewer than {max_dependents} others")
            }
            Self::ScoreTooLow { min, .. } => format!("would have to score {min:.0}"),
            Self::NoScore => "would have to have a score".to_owned(),
            Self::NotBetter { needed, .. } => format!("would have to score {needed:.0}"),
            Self::InMaintenance => "would have to be out of maintenance".to_owned(),
            Self::Unconfirmed => "would have to answer a last look".to_owned(),
            Self::ChangeFailed { .. } => "is tried again after the others".to_owned(),
            Self::Itself => "is the channel itself".to_owned(),
        }
    }
}

fn looks(n: u32, what: &str) -> String {
    format!("{n} {what} look{}", if n == 1 { "" } else { "s" })
}
