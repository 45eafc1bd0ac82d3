//! The words that every other room uses: what the engine commands, what people order, and why an order is refused.

pub use super::record::{EventType, Fact, Record};

use super::key::{ChannelId, ChannelKey, TenantId};
use super::observation::Codec;
use super::params::TelemetryParams;
use super::reason::Reason;
use super::time::{Span, Time};
use super::words::{Actor, OpId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What the engine commands. The driver carries commands out in order and adds none of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Look at this channel from now on at this cadence; replaces an earlier one.
    Watch {
        /// The channel.
        channel: ChannelKey,
        /// How often, and how urgently.
        cadence: Cadence,
    },
    /// Stop looking at this channel.
    Unwatch {
        /// The channel.
        channel: ChannelKey,
    },
    /// Look at this channel once, now, by a single `GET`.
    LookNow {
        /// The channel.
        channel: ChannelKey,
    },
    /// Change the platform: first the intent to the journal, then the change, then the outcome back to the engine.
    Act(Action),
    /// Write this into the journal.
    Record(Record),
}

/// How often a channel is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// The time from one look to the next.
    pub interval: Duration,
    /// How long one look may take.
    pub timeout: Duration,
    /// Whether the channel, or one that it may have to carry, is suspect: a single `GET`, ahead of other looks.
    pub suspect: bool,
    /// How its telemetry is asked for: as that of the channels whose policy says the same.
    pub telemetry: TelemetryParams,
}

/// One change of one channel, decided and not yet made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Its number.
    pub op: OpId,
    /// The channel whose object on the platform changes.
    pub channel: ChannelKey,
    /// What changes.
    pub kind: ActionKind,
    /// Why it was decided.
    pub reason: Reason,
    /// Who asked for it.
    pub actor: Actor,
    /// When the answer that confirmed the decision was given to the engine.
    pub evidence_at: Time,
    /// How long the change itself may take.
    pub action_timeout: Duration,
    /// How long the platform is read back for the change to show.
    pub verify_for: Duration,
}

/// What an action changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ActionKind {
    /// `routing.primary_channel_id` becomes `to`, `status` becomes `active`.
    Failover {
        /// Where the channel's traffic goes as last read.
        from: ChannelId,
        /// Where it shall go.
        to: ChannelId,
    },
    /// `routing.primary_channel_id` becomes the channel's own id.
    Failback {
        /// Where the channel's traffic goes as last read.
        from: ChannelId,
    },
    /// `configuration.codecs` becomes `order`.
    Codec {
        /// Every codec as read, in the new order, priorities from 1.
        order: Vec<Codec>,
        /// The codecs as last read.
        before: Vec<Codec>,
        /// Sent instead of the mode as read.
        dtmf_mode: Option<String>,
        /// Sent instead of the payload type as read.
        rtp_payload_type: Option<String>,
    },
}

impl ActionKind {
    /// The metric label and journal name: `failover`, `failback` or `codec`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Failover { .. } => "failover",
            Self::Failback { .. } => "failback",
            Self::Codec { .. } => "codec",
        }
    }
}

/// A person's order. An event like any other: same rules, same audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// No actions, for one tenant or (`None`) all, until resumed. Watching goes on.
    Pause {
        /// The tenant; `None`: all.
        tenant: Option<TenantId>,
    },
    /// As [`Self::Pause`], but it lapses by itself. A second order starts the time anew.
    PauseFor {
        /// The tenant; `None`: all.
        tenant: Option<TenantId>,
        /// How long it lasts.
        lasts: Duration,
    },
    /// Lift a pause of the same scope.
    Resume {
        /// The tenant; `None`: all.
        tenant: Option<TenantId>,
    },
    /// Let a tenant act although half of it turned bad at once; ends with the episode.
    ApproveMass {
        /// The tenant.
        tenant: TenantId,
    },
    /// Carry out what a policy in mode `propose` proposed for this channel, if it is still wanted and still safe.
    Approve {
        /// The channel.
        channel: ChannelKey,
    },
    /// Release what blocks a channel (its route and its codecs), and take over a route that someone else set or that was
    /// found worse.
    Acknowledge {
        /// The channel.
        channel: ChannelKey,
    },
    /// Move a channel's traffic to another channel, which has to be fit by a last look.
    Failover {
        /// The channel.
        channel: ChannelKey,
        /// The channel that takes the traffic.
        to: ChannelId,
        /// Whether blocks and limits are passed over; never the target's fitness, a pause, blindness or the mode.
        force: bool,
    },
    /// For a time, leave a channel alone and do not use it as a candidate. A second order starts the time anew.
    StartMaintenance {
        /// The channel.
        channel: ChannelKey,
        /// How long it lasts.
        lasts: Duration,
        /// Why: one line of 1 to 200 characters.
        reason: String,
    },
    /// End a maintenance that was started by an order.
    EndMaintenance {
        /// The channel.
        channel: ChannelKey,
    },
    /// Take a channel's traffic home, which has to be good by a last look.
    Failback {
        /// The channel.
        channel: ChannelKey,
        /// As for [`Self::Failover`].
        force: bool,
    },
}

impl fmt::Display for Order {
    /// The words after "the order to".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all =
            |tenant: &Option<TenantId>| tenant.as_ref().map_or("everything".to_owned(), |t| format!("tenant {t}"));
        let by_force = |force: &bool| if *force { " by force" } else { "" };
        match self {
            Self::Pause { tenant } => write!(f, "pause {}", all(tenant)),
            Self::PauseFor { tenant, lasts } => write!(f, "pause {} for {}", all(tenant), Span(*lasts)),
            Self::Resume { tenant } => write!(f, "resume {}", all(tenant)),
            Self::ApproveMass { tenant } => write!(f, "approve the mass change of tenant {tenant}"),
            Self::Approve { channel } => write!(f, "approve what is proposed for {channel}"),
            Self::Acknowledge { channel } => write!(f, "acknowledge {channel}"),
            Self::Failover { channel, to, force } => {
                write!(f, "move the traffic of {channel} to {to}{}", by_force(force))
            }
            Self::StartMaintenance { channel, lasts, .. } => {
                write!(f, "put {channel} into maintenance for {}", Span(*lasts))
            }
            Self::EndMaintenance { channel } => write!(f, "take {channel} out of maintenance"),
            Self::Failback { channel, force } => write!(f, "take the traffic of {channel} home{}", by_force(force)),
        }
    }
}

/// Why an order was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// No such tenant is configured.
    UnknownTenant(TenantId),
    /// No such channel is configured.
    UnknownChannel(ChannelKey),
    /// There is nothing that the order could apply to.
    NothingToDo(String),
    /// The rules forbid it now.
    Forbidden(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTenant(tenant) => write!(f, "no tenant `{tenant}` is configured"),
            Self::UnknownChannel(channel) => write!(f, "no channel `{channel}` is configured"),
            Self::NothingToDo(why) | Self::Forbidden(why) => f.write_str(why),
        }
    }
}
