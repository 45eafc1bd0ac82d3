//! The facts that the engine gets, as the journal keeps them: enough to give another engine the same facts in the same order.
//!
//! Owns the form of the rows in the journal's table of observations. Every call into the engine that may change what it
//! holds has a variant here; the driver and the start write it down beside the call. A row carries the moment on the
//! process's monotonic clock, since all times within a fact are of that clock; the row's calendar time joins one process
//! to the next.
//!
//! Must never: hold a body of the platform or a secret.

use crate::journal::ObservationRow;
use crate::policy::{
    Action, ChannelId, ChannelKey, Observation, OpId, Order, Outcome, Pace, Part, Reason, Saved, TenantId, Time,
    WallMs, Windows,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Under this channel (of no tenant) stand the rows from which an engine can be rebuilt.
pub const BEGIN: &str = "begin";

/// One fact that the engine got, or (`Reason`) a conclusion of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A process begins: a new engine. What it restores follows.
    Started,
    /// All of the engine's state follows, as it would be restored: where a rebuilding may begin.
    Checkpoint,
    /// Part of the state, saved so long ago.
    Restored {
        /// Whose, as text.
        part: String,
        /// The state.
        state: Saved,
        /// Its age.
        elapsed: Duration,
    },
    /// An action is in flight at the start, or at the checkpoint.
    Adopted(Action),
    /// The prober saw something.
    Observed(Observation),
    /// By how much the request budget stretches what the policies ask for.
    Paced(Pace),
    /// The same, as older versions wrote it: what it makes of the longest interval.
    EffectiveInterval(Duration),
    /// The engine ordered an action.
    Acted(Action),
    /// An action is over.
    Outcome {
        /// Which.
        op: OpId,
        /// What came of it.
        outcome: Outcome,
    },
    /// A person gave an order, and it was taken.
    Ordered {
        /// The order.
        order: Order,
        /// The person who gave the order.
        who: String,
    },
    /// Another writer of ours may set a channel's routing to this primary.
    OwnChange {
        /// The primary that it sends.
        primary: ChannelId,
        /// For how long from now such a change may land.
        lasts: Duration,
    },
    /// What of a policy's calendar is open from now on.
    Windows {
        /// The policy.
        policy: String,
        /// What is open.
        windows: Windows,
    },
    /// Reference targets outside the platforms, of those that ever answered.
    References {
        /// So many answer.
        answered: u32,
        /// Of so many.
        of: u32,
    },
    /// Whether the journal can be written.
    JournalWritable(bool),
    /// The clock jumped.
    ClockJumped,
    /// Another configuration was taken. It is not kept here.
    Reconfigured,
    /// The last evaluation of a channel became another one.
    Reason(Reason),
}

/// A fact with its time and place.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Calendar time.
    pub at: WallMs,
    /// Time on the clock of the process that took the fact.
    pub now: Time,
    /// The tenant; `None`: the process as a whole.
    pub tenant: Option<TenantId>,
    /// The channel, where it concerns one.
    pub channel: Option<ChannelKey>,
    /// What it was.
    pub fact: Fact,
}

#[derive(Deserialize)]
struct Body {
    now_ns: u64,
    fact: Fact,
}

#[derive(Serialize)]
struct BodyRef<'a, F> {
    now_ns: u64,
    fact: &'a F,
}

/// The commonest facts, without cloning what they hold.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Borrowed<'a> {
    Observed(&'a Observation),
    Reason(&'a Reason),
}

/// Where a fact stands.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// The process as a whole.
    Process,
    /// The rows from which an engine can be rebuilt.
    Begin,
    /// A tenant.
    Tenant(&'a TenantId),
    /// A channel.
    Channel(&'a ChannelKey),
}

impl<'a> Place<'a> {
    /// Where a part of the engine's state stands.
    pub const fn of_part(part: &'a Part) -> Self {
        match part {
            Part::Engine => Self::Process,
            Part::Tenant(tenant) => Self::Tenant(tenant),
            Part::Channel(key) => Self::Channel(key),
        }
    }

    /// Whom an order concerns.
    pub const fn of_order(order: &'a Order) -> Self {
        match order {
            Order::Approve { channel }
            | Order::Acknowledge { channel }
            | Order::Failover { channel, .. }
            | Order::Failback { channel, .. }
            | Order::StartMaintenance { channel, .. }
            | Order::EndMaintenance { channel } => Self::Channel(channel),
            Order::Pause { tenant: Some(tenant), .. }
            | Order::PauseFor { tenant: Some(tenant), .. }
            | Order::Resume { tenant: Some(tenant), .. }
            | Order::ApproveMass { tenant } => Self::Tenant(tenant),
            _ => Self::Process,
        }
    }
}

/// The row of a fact; `None` if it cannot be written as JSON, which does not happen to ours.
pub fn row(at: WallMs, now: Time, place: Place<'_>, fact: &Fact) -> Option<ObservationRow> {
    encode(at, now, place, fact)
}

/// The row of an observation.
pub fn observed(at: WallMs, now: Time, channel: &ChannelKey, observation: &Observation) -> Option<ObservationRow> {
    encode(at, now, Place::Channel(channel), &Borrowed::Observed(observation))
}

/// The row of a change of reason.
pub fn reason(at: WallMs, now: Time, channel: &ChannelKey, reason: &Reason) -> Option<ObservationRow> {
    encode(at, now, Place::Channel(channel), &Borrowed::Reason(reason))
}

/// Reads a row; `None`: it is not one of ours.
pub fn read(row: &ObservationRow) -> Option<Told> {
    let Body { now_ns, fact } = serde_json::from_str(&row.body).ok()?;
    let tenant = (!row.tenant.is_empty()).then(|| TenantId::from(row.tenant.as_str()));
    let channel = tenant.clone().filter(|_| !row.channel.is_empty());
    let channel = channel.map(|tenant| ChannelKey::new(tenant, row.channel.as_str()));
    Some(Told { at: row.at, now: Time::new(Duration::from_nanos(now_ns)), tenant, channel, fact })
}

fn encode(at: WallMs, now: Time, place: Place<'_>, fact: &impl Serialize) -> Option<ObservationRow> {
    let now_ns = u64::try_from(now.since_origin().as_nanos()).ok()?;
    let body = serde_json::to_string(&BodyRef { now_ns, fact }).ok()?;
    let (tenant, channel) = match place {
        Place::Process => (String::new(), String::new()),
        Place::Begin => (String::new(), BEGIN.to_owned()),
        Place::Tenant(tenant) => (tenant.to_string(), String::new()),
        Place::Channel(key) => (key.tenant.to_string(), key.channel.to_string()),
    };
    Some(ObservationRow { at, tenant, channel, body })
}
