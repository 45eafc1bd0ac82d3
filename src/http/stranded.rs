//! Whose traffic is on a trunk that is down, since when, and what keeps it there. Pure.
//!
//! It says what is so, whatever the engine thinks of it: a channel that nobody may move (paused, in maintenance, observing)
//! is stranded as well as one for which no candidate is fit.

use crate::policy::{ChannelReport, Health, Reason, Time};
use crate::snapshot::Snapshot;
use std::time::Duration;

/// What keeps the traffic of a configured channel on a trunk that is down, and for how long it has been there; `None`: it
/// is not. The word is of a closed list: those of `actions_held`, and those below.
pub(super) fn of(channel: &ChannelReport, snapshot: &Snapshot, now: Time) -> Option<(&'static str, Duration)> {
    if !channel.configured {
        return None;
    }
    let away = channel.route.as_ref().filter(|to| **to != channel.key.channel);
    let carrier = match away {
        None => channel,
        Some(to) => snapshot.channels.get(&crate::policy::ChannelKey::new(channel.key.tenant.as_str(), to.as_str()))?,
    };
    if carrier.health != Health::Down && !carrier.missing {
        return None;
    }
    Some((reason(channel), carrier.health_for_at(now)))
}

fn reason(channel: &ChannelReport) -> &'static str {
    if channel.in_flight.is_some() {
        return "moving";
    }
    if channel.maintenance.is_some() {
        return "maintenance";
    }
    if let Some(held) = channel.held {
        return held;
    }
    match channel {
        _ if channel.no_candidate => "no_candidate",
        _ if !channel.explanation.failover_enabled => "disabled",
        _ if channel.missing => "missing",
        _ if channel.reason == Reason::RouteUnread => "route_unread",
        _ => "undecided",
    }
}
