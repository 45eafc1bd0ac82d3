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
            Self::NotSeen => f.write_str("no look has been answered yet"),
            Self::Settling { good, rise } => write!(f, "health not known yet: {good} of {rise} good looks"),
            Self::Stale { limit } => {
                write!(f, "the last answer is older than {}, so its health is unknown", Span(*limit))
            }
            Self::Missing { carries: 0, .. } => f.write_str(
                "the platform has no such channel; missing is not down, so its own traffic stays where it is",
            ),
            Self::Missing { looks, fall, carries } => {
                let others = Count(*carries, "other channel");
                write!(
                    f,
                    "the platform has no such channel ({looks} of {fall} such answers); the traffic of {others} "
                )?;
                if looks < fall { write!(f, "leaves it at {fall}") } else { f.write_str("has to leave it") }
            }
            Self::Degraded { status } => write!(f, "{}: neither good nor bad", Status(status.as_deref())),
            Self::Suspect { bad, fall, status } => {
                write!(f, "{} for {bad} of {fall} looks", Status(status.as_deref()))
            }
            Self::Recovering { good, rise } => {
                write!(f, "down, but its latest look was not bad: {good} of {rise} good looks")
            }
            Self::RouteUnread => {
                f.write_str("down, but its traffic stays where it is: the platform shows a route that cannot be read")
            }
            Self::FailoverOff => f.write_str("its policy switches failover off, so its traffic stays where it is"),
            Self::Health { was, now, missing: true, .. } => {
                write!(f, "{was} to {now}: the platform has no such channel")
            }
            Self::Health { was, now, looks: 0, .. } => write!(f, "{was} to {now}: no recent answer"),
            Self::Health { was, now, looks, status, .. } => {
                write!(f, "{was} to {now}: {} for {}", Status(status.as_deref()), Count(*looks, "look"))
            }
            Self::Failover { channel, to, cause, carries, max_dependents, passed_over } => {
                write!(
                    f,
                    "moving {channel} to {to}: {cause}; {to} is up and carries {carries} of {max_dependents} others"
                )?;
                list(f, "; passed over: ", passed_over)
            }
            Self::Failback { channel, from, cause: Some(cause @ Cause::Rollback { .. }), .. } => {
                write!(f, "taking {channel} home from {from}: {cause}")
            }
            Self::Failback { channel, from, backup_failed: true, .. } => {
                write!(f, "taking {channel} home from {from}: {from} failed and {channel} is up")
            }
            Self::Failback { channel, from, good_for, backup_failed: false, .. } => {
                write!(f, "taking {channel} home from {from}: up and good for {}", Span(*good_for))
            }
            Self::Codec { from, to, gain, score, .. } => {
                write!(f, "putting codec {to} before {from}: score {score:.1}, predicted gain {gain:.1} points")
            }
            Self::CodecUndone { from, to, before, predicted, measured } => write!(
                f,
                "putting codec {from} back before {to}: {to} is worse, measured {measured:.1}, predicted {predicted:.1}, {before:.1} before"
            ),
            Self::CodecMeasured { from, to, before, predicted, measured, worse } => {
                let verdict = if *worse { "is worse than before" } else { "holds" };
                write!(
                    f,
                    "codec {to} before {from} {verdict}: measured {measured:.1}, predicted {predicted:.1}, {before:.1} before"
                )
            }
            Self::CodecUnmeasured { to, within } => {
                write!(f, "too little telemetry within {} to measure codec {to}: it stays first", Span(*within))
            }
            Self::CredentialsLost { channel } => write!(
                f,
                "the codec change lost the credentials of {channel}: enter them again on the platform, then acknowledge; until \
                 then no codecs of the tenant are changed"
            ),
            Self::CodecRestored { good_for } => {
                write!(f, "putting the codecs back into the order first read: conditions good for {}", Span(*good_for))
            }
            Self::CodecKept { score, hold } => write!(f, "score {score:.1}, codecs stay as they are: {hold}"),
            Self::Confirming { wanted, awaiting } => {
                write!(f, "{} wanted: waiting for a last look at ", Change(wanted))?;
                joined(f, awaiting)
            }
            Self::Held { wanted, order: Some(order), hold, .. } => {
                write!(f, "{wanted} order {} is held: {hold}", order.join(", "))
            }
            Self::Held { wanted, to: Some(to), hold, .. } => write!(f, "{} to {to} is held: {hold}", Change(wanted)),
            Self::Held { wanted, to: None, hold, .. } => write!(f, "{} is held: {hold}", Change(wanted)),
            Self::CalledBack { hold } => write!(f, "called back before it was sent: {hold}"),
            Self::InFlight { kind } => write!(f, "a {} is under way", Change(kind)),
            Self::Unsure { kind } => {
                let change = Change(kind);
                write!(f, "not known whether the {change} was made; nothing more is done until the platform shows it")
            }
            Self::Outcome { kind, outcome } => outcome_text(f, &Change(kind), outcome),
            Self::ShowsLate { kind } => write!(f, "the {} shows on the platform after all", Change(kind)),
            Self::NoCandidate { cause, against } if against.is_empty() => {
                write!(f, "{cause}, and it has no candidates: name some under `failover`")
            }
            Self::NoCandidate { cause, against } => {
                write!(f, "{cause}, and no candidate is fit")?;
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
                write!(f, "traffic is at {at}; home is up, but not known to be good")
            }
            Self::Away { at, home, .. } => write!(f, "traffic is at {at}; home is {home}"),
            Self::AwayUnmeasured { at } => {
                write!(
                    f,
                    "traffic went to {at} for quality and stays there: no telemetry shows that home is good again"
                )
            }
            Self::RouteForeign { was: Some(was), now, reversal, noticed } => {
                let ours = if *reversal { ", where we had put it," } else { "" };
                write!(f, "someone else moved traffic from {was}{ours} to {now}")?;
                f.write_str(if *noticed { " while nobody was watching" } else { "" })
            }
            Self::RouteForeign { was: None, now, .. } => {
                write!(f, "traffic was at {now} at the first look: someone else moved it")
            }
            Self::RouteOwn { was, now } => {
                let from = was.as_ref().map(|was| format!(" from {was}")).unwrap_or_default();
                write!(f, "a provisioning change of ours moved traffic{from} to {now}; it blocks nothing")
            }
            Self::OtherController { reversals, within } => write!(
                f,
                "paused: {reversals} of our routes were undone within {}; another controller seems to steer this tenant",
                Span(*within)
            ),
            Self::Blind { failed, of, references } => {
                write!(f, "{failed} of the last {of} looks failed: no actions until the platform answers again")?;
                let Some((answered, of)) = references else { return Ok(()) };
                write!(
                    f,
                    "; {answered} of {of} reference targets answer, so the fault is the platform or the way to it"
                )
            }
            Self::NetworkLost { of } => {
                write!(f, "our own network is down: 0 of {of} reference targets answer; no actions for any tenant")
            }
            Self::NetworkBack { of: 0, .. } => {
                f.write_str("no reference target is configured any more: no longer held")
            }
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
                    "a maintenance window of policy {policy} opened: its channels are not acted on and are no candidates"
                )
            }
            Self::MaintenanceWindow { policy, open: false } => {
                write!(f, "the maintenance window of policy {policy} closed")
            }
            Self::Configured => f.write_str("added to the configuration"),
            Self::CandidateOf { channel } => write!(f, "watched as a candidate for {channel}"),
            Self::NotNeeded => f.write_str("no longer a candidate for any channel"),
            Self::Removed { left_at: None } => f.write_str("removed from the configuration"),
            Self::Removed { left_at: Some(at) } => {
                write!(f, "removed from the configuration while its traffic is at {at}: the route stays as it is")
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
            Self::Rollback { backup, measured, left_behind, home } => {
                match measured {
                    Some(measured) => write!(f, "{backup} scored {measured:.1} on probation")?,
                    None => write!(f, "{backup} turned degraded on probation")?,
                }
                write!(f, "; home scored {left_behind:.1} when its traffic left, and scores {home:.1} now")
            }
            Self::BackupDown { backup } => write!(f, "its backup {backup} is down"),
            Self::BackupMissing { backup } => write!(f, "its backup {backup} no longer exists on the platform"),
            Self::Ordered { who, force: false } => write!(f, "{who} ordered it"),
            Self::Ordered { who, force: true } => write!(f, "{who} forced it past blocks and limits"),
        }
    }
}

impl fmt::Display for Ineligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself => f.write_str("is the channel itself"),
            Self::NotSeen => f.write_str("has not answered a look yet"),
            Self::Missing => f.write_str("does not exist on the platform"),
            Self::NotUp { health: Health::Unknown } => f.write_str("has unknown health"),
            Self::NotUp { health } => write!(f, "is {health}"),
            Self::LastLookNotGood { status: Some(status) } => write!(f, "was {status} at its latest look"),
            Self::LastLookNotGood { status: None } => f.write_str("showed no status at its latest look"),
            Self::NotSeenSinceBlind => f.write_str("has not answered since the tenant was blind"),
            Self::RouteNotRead => f.write_str("does not show where its own traffic goes"),
            Self::RoutedElsewhere { to } => write!(f, "has its own traffic at {to}"),
            Self::InFlight { kind } => write!(f, "has a {} of its own under way", Change(kind)),
            Self::Full { carries, max_dependents } => write!(f, "already carries {carries} of {max_dependents} others"),
            Self::ScoreTooLow { score, min } => write!(f, "scores {score:.1}, below {min:.1}"),
            Self::NoScore => f.write_str("has no score"),
            Self::NotBetter { score: Some(score), needed } => write!(f, "scores {score:.1} and needs {needed:.1}"),
            Self::NotBetter { score: None, needed } => write!(f, "has no score and needs {needed:.1}"),
            Self::InMaintenance => f.write_str("is in maintenance"),
            Self::Unconfirmed => f.write_str("has not answered a last look"),
            Self::ChangeFailed { times } => {
                write!(f, "comes after the others: {} to it failed", Count(*times, "change"))
            }
        }
    }
}

fn outcome_text(f: &mut fmt::Formatter<'_>, change: &Change<'_>, outcome: &Outcome) -> fmt::Result {
    match outcome {
        Outcome::Applied { siblings_lost } if siblings_lost.is_empty() => {
            write!(f, "the {change} shows on the platform")
        }
        Outcome::Applied { siblings_lost } => {
            write!(f, "the {change} shows on the platform, which lost {}", siblings_lost.join(", "))
        }
        Outcome::NotApplied => write!(f, "the {change} was sent but never showed on the platform"),
        Outcome::Refused { why } => write!(f, "the platform refused the {change}: {why}"),
        Outcome::NotSent { why } => write!(f, "the {change} could not be sent: {why}"),
        Outcome::Conflict => write!(f, "the {change} was not made: someone else changed the channel first"),
        Outcome::Withdrawn { why } => write!(f, "the {change} was called back before it was sent: {why}"),
        Outcome::Unknown { why } => write!(f, "not known whether the {change} was made: {why}"),
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

/// What an action does, from its label: `failover`, `failback`, `codec change`.
pub(in crate::policy) struct Change<'a>(pub &'a str);

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 == "codec" { "codec change" } else { self.0 })
    }
}

struct Status<'a>(Option<&'a str>);

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.unwrap_or("no status"))
    }
}

struct Count(u32, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}
