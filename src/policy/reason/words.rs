//! Reasons in words: one sentence each, with names and numbers, for an operations engineer.

use super::{Cause, Ineligible, Reason};
use crate::policy::key::ChannelId;
use crate::policy::time::Span;
use crate::policy::words::{Health, Outcome};
use std::fmt;

impl fmt::Display for Reason {
    #[allow(clippy::too_many_lines, reason = "one sentence for each reason, side by side")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fine => f.write_str("nothing is wrong"),
            Self::NotSeen => f.write_str("not looked at yet"),
            Self::Settling { good, rise } => write!(f, "not known yet: {good} of {rise} good looks"),
            Self::Stale { limit } => {
                write!(f, "the last answer is older than {}, so its health is unknown", Span(*limit))
            }
            Self::Missing { carries: 0, .. } => f.write_str(
                "the platform has no such channel; missing is not down, so its own traffic stays where it goes",
            ),
            Self::Missing { looks, fall, carries } => {
                let others = if *carries == 1 { "one other".to_owned() } else { format!("{carries} others") };
                write!(
                    f,
                    "the platform has no such channel ({looks} of {fall} such answers); the traffic of {others} leaves it "
                )?;
                f.write_str(if looks < fall { "if that is said as often" } else { "as soon as that may be" })
            }
            Self::Degraded { status } => write!(f, "{} is neither good nor bad", Status(status.as_deref())),
            Self::Suspect { bad, fall, status } => {
                write!(f, "{} for {bad} of {fall} looks", Status(status.as_deref()))
            }
            Self::Recovering { good, rise } => {
                write!(f, "down, its last look was not bad: {good} of {rise} good looks")
            }
            Self::RouteUnread => f.write_str(
                "down, and its traffic stays where it goes: what the platform says of its route cannot be read",
            ),
            Self::FailoverOff => f.write_str("failover is switched off in its policy: its traffic stays where it goes"),
            Self::Health { was, now, looks: 0, .. } => write!(f, "{was} to {now}: no evidence that is fresh"),
            Self::Health { was, now, looks, status } => {
                write!(f, "{was} to {now}: {} for {}", Status(status.as_deref()), Count(*looks, "look"))
            }
            Self::Failover { channel, to, cause, carries, max_dependents, passed_over } => {
                write!(
                    f,
                    "moved {channel} to {to}: {cause}; {to} is up and carries {carries} of {max_dependents} others"
                )?;
                list(f, "; passed over ", passed_over)
            }
            Self::Failback { channel, from, cause: Some(cause @ Cause::Rollback { .. }), .. } => {
                write!(f, "took {channel} home from {from}: {cause}")
            }
            Self::Failback { channel, from, backup_failed: true, .. } => {
                write!(f, "took {channel} home from {from}: {from} failed and {channel} is up")
            }
            Self::Failback { channel, from, good_for, backup_failed: false, .. } => {
                write!(f, "took {channel} home from {from}: up and good for {}", Span(*good_for))
            }
            Self::Codec { from, to, gain, score, .. } => {
                write!(f, "put codec {to} before {from}: score {score:.1}, and {gain:.1} points more are predicted")
            }
            Self::CodecUndone { from, to, before, predicted, measured } => write!(
                f,
                "put codec {from} back before {to}: measured worse than before: predicted {predicted:.1}, measured \
                 {measured:.1}, {before:.1} before"
            ),
            Self::CodecMeasured { from, to, before, predicted, measured, worse } => {
                let verdict = if *worse { "is worse than before" } else { "holds" };
                write!(
                    f,
                    "codec {to} before {from} {verdict}: predicted {predicted:.1}, measured {measured:.1}, {before:.1} before"
                )
            }
            Self::CodecUnmeasured { to, within } => {
                write!(f, "too little telemetry within {} to measure codec {to} first: it stays", Span(*within))
            }
            Self::CredentialsLost { channel } => write!(
                f,
                "the codec change lost the credentials of {channel}: they have to be entered again on the platform; no codecs of its \
                 tenant are changed until that is acknowledged"
            ),
            Self::CodecRestored { good_for } => {
                write!(f, "put the codecs back into the order first read: conditions good for {}", Span(*good_for))
            }
            Self::CodecKept { score, hold } => write!(f, "score {score:.1}, codecs stay as they are: {hold}"),
            Self::Confirming { wanted, awaiting } => {
                write!(f, "{wanted} wanted: a last look is awaited at ")?;
                joined(f, awaiting)
            }
            Self::Held { wanted, order: Some(order), hold, .. } => {
                write!(f, "{wanted} order {} is held: {hold}", order.join(", "))
            }
            Self::Held { wanted, to: Some(to), hold, .. } => write!(f, "{wanted} to {to} is held: {hold}"),
            Self::Held { wanted, to: None, hold, .. } => write!(f, "{wanted} is held: {hold}"),
            Self::CalledBack { hold } => write!(f, "called back before it was sent: {hold}"),
            Self::InFlight { kind } => write!(f, "a {kind} is under way"),
            Self::Unsure { kind } => {
                write!(f, "whether the {kind} was made is not known; nothing more is done until the platform tells")
            }
            Self::Outcome { kind, outcome } => outcome_text(f, kind, outcome),
            Self::ShowsLate { kind } => write!(f, "the {kind} shows on the platform after all"),
            Self::NoCandidate { cause, against } if against.is_empty() => {
                write!(f, "{cause}, and it has no candidates: name some under `failover`")
            }
            Self::NoCandidate { cause, against } => {
                write!(f, "{cause}, and nobody is fit")?;
                list(f, ": ", against)
            }
            Self::Away { at, home: Health::Up, good_for: Some(good_for), failback_after } => {
                write!(
                    f,
                    "traffic is at {at}; home is up and good for {} of {}",
                    Span(*good_for),
                    Span(*failback_after)
                )
            }
            Self::Away { at, home: Health::Up, .. } => {
                write!(f, "traffic is at {at}; home is up and not known to be good")
            }
            Self::Away { at, home, .. } => write!(f, "traffic is at {at}; home is {home}"),
            Self::AwayUnmeasured { at } => {
                write!(f, "traffic went to {at} for quality and stays there: no telemetry says that home is good again")
            }
            Self::RouteForeign { was: Some(was), now, reversal, noticed } => {
                let ours = if *reversal { ", where we had put it," } else { "" };
                write!(f, "someone else moved traffic from {was}{ours} to {now}")?;
                f.write_str(if *noticed { "; when is not known, since nobody looked" } else { "" })
            }
            Self::RouteForeign { was: None, now, .. } => {
                write!(f, "traffic goes to {now} at first sight, by someone else's doing")
            }
            Self::RouteOwn { was, now } => {
                let from = was.as_ref().map(|was| format!(" from {was}")).unwrap_or_default();
                write!(
                    f,
                    "a change of our own that carried its route along moved traffic{from} to {now}; nothing is blocked by it"
                )
            }
            Self::OtherController { reversals, within } => write!(
                f,
                "paused: {reversals} routes of ours were undone within {}; another controller seems to steer this tenant",
                Span(*within)
            ),
            Self::Blind { failed, of, references } => {
                write!(f, "{failed} of the last {of} looks failed: no actions until it can be seen")?;
                let Some((answered, of)) = references else { return Ok(()) };
                write!(f, "; {answered} of {of} reference targets answer, so it is the platform or the way to it")
            }
            Self::NetworkLost { of } => {
                write!(f, "our own network is gone: none of {of} reference targets answers; no actions for any tenant")
            }
            Self::NetworkBack { of: 0, .. } => f.write_str("no reference target is asked any more: no longer held"),
            Self::NetworkBack { answered, of } => {
                write!(f, "our own network is back: {answered} of {of} reference targets answer")
            }
            Self::Seen { failed, of } => {
                write!(f, "the platform answers again: {failed} of the last {of} looks failed")
            }
            Self::MassChange { bad, of } => {
                write!(f, "{bad} of {of} channels turned bad within a minute: held until an operator approves")
            }
            Self::MassOver { bad, of } => write!(f, "{bad} of {of} channels are bad: no longer held"),
            Self::Ordered { order } => f.write_str(order),
            Self::Lapsed { what } => f.write_str(what),
            Self::MaintenanceWindow { policy, open: true } => {
                write!(
                    f,
                    "a maintenance window of policy {policy} opened: its channels are neither acted on nor candidates"
                )
            }
            Self::MaintenanceWindow { policy, open: false } => {
                write!(f, "the maintenance window of policy {policy} closed")
            }
            Self::Configured => f.write_str("came into the configuration"),
            Self::CandidateOf { channel } => write!(f, "watched as a candidate for {channel}"),
            Self::NotNeeded => f.write_str("nobody's candidate any more"),
            Self::Removed { left_at: None } => f.write_str("left the configuration"),
            Self::Removed { left_at: Some(at) } => {
                write!(f, "left the configuration while its traffic goes to {at}: the route is left as it is")
            }
            Self::ClockJumped => f.write_str("the clock jumped or the machine slept: all evidence is stale"),
            Self::JournalWritable => f.write_str("the journal can be written again"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down { looks, status } => write!(f, "{status} for {}", Count(*looks, "look")),
            Self::Quality { score, below, lasted } => {
                write!(f, "score {score:.1}, below {below:.1} for {}", Span(*lasted))
            }
            Self::Degraded { score, baseline, by, lasted } => write!(
                f,
                "score {score:.1}, {:.1} below its usual {baseline:.1} (degraded_by {by:.1}) for {}",
                baseline - score,
                Span(*lasted)
            ),
            Self::Rollback { backup, measured: Some(measured), left_behind, home } => write!(
                f,
                "on probation {backup} scored {measured:.1}, where {left_behind:.1} was left behind, and home scores {home:.1}"
            ),
            Self::Rollback { backup, measured: None, left_behind, home } => write!(
                f,
                "on probation {backup} turned degraded, where {left_behind:.1} was left behind, and home scores {home:.1}"
            ),
            Self::BackupDown { backup } => write!(f, "its backup {backup} is down"),
            Self::BackupMissing { backup } => write!(f, "its backup {backup} does not exist any more"),
            Self::Ordered { who, force: false } => write!(f, "{who} ordered it"),
            Self::Ordered { who, force: true } => write!(f, "{who} ordered it, past blocks and caps"),
        }
    }
}

impl fmt::Display for Ineligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself => f.write_str("is the channel itself"),
            Self::NotSeen => f.write_str("has not been looked at yet"),
            Self::Missing => f.write_str("does not exist on the platform"),
            Self::NotUp { health } => write!(f, "is {health}"),
            Self::LastLookNotGood { status } => write!(f, "was {} at the last look", Status(status.as_deref())),
            Self::NotSeenSinceBlind => f.write_str("has not been seen since the platform answers again"),
            Self::RouteNotRead => f.write_str("does not tell where its own traffic goes"),
            Self::RoutedElsewhere { to } => write!(f, "has its own traffic at {to}"),
            Self::InFlight { kind } => write!(f, "has a {kind} of its own under way"),
            Self::Full { carries, max_dependents } => write!(f, "carries {carries} of {max_dependents} others already"),
            Self::ScoreTooLow { score, min } => write!(f, "has a score of {score:.1}, below {min:.1}"),
            Self::NoScore => f.write_str("has no score"),
            Self::NotBetter { score: Some(score), needed } => {
                write!(f, "has a score of {score:.1}, where {needed:.1} is needed")
            }
            Self::NotBetter { score: None, needed } => write!(f, "has no score, where {needed:.1} is needed"),
            Self::InMaintenance => f.write_str("is in maintenance"),
            Self::Unconfirmed => f.write_str("has not answered a last look"),
            Self::ChangeFailed { times } => {
                write!(f, "was tried in vain, {}, and comes after the others", Count(*times, "change"))
            }
        }
    }
}

fn outcome_text(f: &mut fmt::Formatter<'_>, kind: &str, outcome: &Outcome) -> fmt::Result {
    match outcome {
        Outcome::Applied { siblings_lost } if siblings_lost.is_empty() => write!(f, "the {kind} shows on the platform"),
        Outcome::Applied { siblings_lost } => {
            write!(f, "the {kind} shows on the platform, which lost {}", siblings_lost.join(", "))
        }
        Outcome::NotApplied => write!(f, "the {kind} was sent and never showed on the platform"),
        Outcome::Refused { why } => write!(f, "the platform refused the {kind}: {why}"),
        Outcome::NotSent { why } => write!(f, "the {kind} could not be sent: {why}"),
        Outcome::Conflict => write!(f, "the {kind} was not made: someone else changed the channel meanwhile"),
        Outcome::Withdrawn { why } => write!(f, "the {kind} was called back before it was sent: {why}"),
        Outcome::Unknown { why } => write!(f, "whether the {kind} was made is not known: {why}"),
    }
}

fn list(f: &mut fmt::Formatter<'_>, lead: &str, against: &[(ChannelId, Ineligible)]) -> fmt::Result {
    for (n, (channel, why)) in against.iter().enumerate() {
        write!(f, "{}{channel} {why}", if n == 0 { lead } else { ", " })?;
    }
    Ok(())
}

fn joined(f: &mut fmt::Formatter<'_>, channels: &[ChannelId]) -> fmt::Result {
    for (n, channel) in channels.iter().enumerate() {
        write!(f, "{}{channel}", if n == 0 { "" } else { ", " })?;
    }
    Ok(())
}

struct Status<'a>(Option<&'a str>);

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.unwrap_or("a missing status"))
    }
}

struct Count(u32, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}
