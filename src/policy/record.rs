//! What the audit log tells: the closed list of its events, and what was before and after.

use super::command::{Actor, Health, OpId, TenantState};
use super::key::{ChannelId, TenantId};
use super::observation::Codec;
use super::reason::Reason;
use serde::{Deserialize, Serialize};

/// Something that is worth an entry in the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What happened.
    pub event: EventType,
    /// To which tenant; `None`: to all.
    pub tenant: Option<TenantId>,
    /// To which channel; `None`: to none in particular.
    pub channel: Option<ChannelId>,
    /// Who did it.
    pub actor: Actor,
    /// Why, in words by its `Display`.
    pub reason: Reason,
    /// What was.
    pub before: Option<Fact>,
    /// What is.
    pub after: Option<Fact>,
    /// The action that it belongs to.
    pub op: Option<OpId>,
}

/// The closed list of what the audit log tells. Shown as `category.word`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// A channel is watched from now on.
    #[serde(rename = "channel.watched")]
    ChannelWatched,
    /// A channel is no longer watched.
    #[serde(rename = "channel.unwatched")]
    ChannelUnwatched,
    /// The platform has no such channel.
    #[serde(rename = "channel.missing")]
    ChannelMissing,
    /// The platform shows a route that we did not set.
    #[serde(rename = "channel.route_changed")]
    RouteChanged,
    /// A channel's health changed.
    #[serde(rename = "health.changed")]
    HealthChanged,
    /// A failover is about to be made; its outcome follows under the same operation.
    #[serde(rename = "failover.intended")]
    FailoverIntended,
    /// A failover shows on the platform.
    #[serde(rename = "failover.completed")]
    FailoverCompleted,
    /// A failover was not made.
    #[serde(rename = "failover.failed")]
    FailoverFailed,
    /// Whether a failover was made is not known.
    #[serde(rename = "failover.unknown")]
    FailoverUnknown,
    /// A failover was decided and not made: observing, proposing or held.
    #[serde(rename = "failover.held")]
    FailoverHeld,
    /// A channel is down and nobody is fit to take its traffic.
    #[serde(rename = "failover.no_candidate")]
    NoCandidate,
    /// A failback is about to be made.
    #[serde(rename = "failback.intended")]
    FailbackIntended,
    /// A failback shows on the platform.
    #[serde(rename = "failback.completed")]
    FailbackCompleted,
    /// A failback was not made.
    #[serde(rename = "failback.failed")]
    FailbackFailed,
    /// Whether a failback was made is not known.
    #[serde(rename = "failback.unknown")]
    FailbackUnknown,
    /// A failback was decided and not made.
    #[serde(rename = "failback.held")]
    FailbackHeld,
    /// A codec order is about to be changed.
    #[serde(rename = "codec.intended")]
    CodecIntended,
    /// A codec order shows on the platform.
    #[serde(rename = "codec.completed")]
    CodecCompleted,
    /// A codec order was not changed.
    #[serde(rename = "codec.failed")]
    CodecFailed,
    /// Whether a codec order was changed is not known.
    #[serde(rename = "codec.unknown")]
    CodecUnknown,
    /// A codec order was decided and not changed.
    #[serde(rename = "codec.held")]
    CodecHeld,
    /// A codec order was measured against what it promised, or could not be.
    #[serde(rename = "codec.measured")]
    CodecMeasured,
    /// A codec change lost a channel's credentials: they have to be entered again.
    #[serde(rename = "codec.credentials_lost")]
    CredentialsLost,
    /// A person gave an order.
    #[serde(rename = "operator.ordered")]
    OperatorOrdered,
    /// A pause, an order or a proposal was not renewed or carried out in its time.
    #[serde(rename = "operator.lapsed")]
    Lapsed,
    /// A channel, or a policy's channels, went into maintenance.
    #[serde(rename = "maintenance.started")]
    MaintenanceStarted,
    /// A maintenance is over.
    #[serde(rename = "maintenance.ended")]
    MaintenanceEnded,
    /// A desired channel differs from what the platform has, differs otherwise than before, or no longer differs.
    #[serde(rename = "provision.drift")]
    ProvisionDrift,
    /// A desired channel was found by its name, or named by a person: it is known by its id from now on.
    #[serde(rename = "provision.adopted")]
    ProvisionAdopted,
    /// A desired channel is about to be created or put right; its outcome follows under the same operation.
    #[serde(rename = "provision.requested")]
    ProvisionRequested,
    /// A desired channel shows on the platform as desired.
    #[serde(rename = "provision.completed")]
    ProvisionCompleted,
    /// A desired channel was not created or not put right.
    #[serde(rename = "provision.failed")]
    ProvisionFailed,
    /// Whether a desired channel was created or put right is not known.
    #[serde(rename = "provision.unknown")]
    ProvisionUnknown,
    /// A configuration was taken or refused.
    #[serde(rename = "config.reloaded")]
    ConfigReloaded,
    /// A configuration was refused and the old one stays.
    #[serde(rename = "config.refused")]
    ConfigRefused,
    /// Orders over TCP were refused for their token; gathered to one entry a minute.
    #[serde(rename = "access.refused")]
    AccessRefused,
    /// The daemon started.
    #[serde(rename = "process.started")]
    ProcessStarted,
    /// The daemon stopped on request.
    #[serde(rename = "process.stopped")]
    ProcessStopped,
    /// The clock jumped, or the machine slept: evidence is stale.
    #[serde(rename = "process.clock_jumped")]
    ClockJumped,
    /// A tenant cannot be seen: no actions.
    #[serde(rename = "blind.entered")]
    BlindEntered,
    /// A tenant can be seen again.
    #[serde(rename = "blind.left")]
    BlindLeft,
    /// Half of a tenant turned bad at once: held.
    #[serde(rename = "health.mass_hold")]
    MassHold,
    /// The mass change is over.
    #[serde(rename = "health.mass_hold_ended")]
    MassHoldEnded,
    /// A tenant was paused because something else steers it.
    #[serde(rename = "operator.other_controller")]
    OtherController,
    /// The journal can be written again.
    #[serde(rename = "journal.recovered")]
    JournalRecovered,
    /// A bridge of a call is about to be asked for; its outcome follows under the same operation.
    #[serde(rename = "bridge.requested")]
    BridgeRequested,
    /// A bridge was made.
    #[serde(rename = "bridge.completed")]
    BridgeCompleted,
    /// A bridge was not made.
    #[serde(rename = "bridge.failed")]
    BridgeFailed,
    /// Whether a bridge was made is not known.
    #[serde(rename = "bridge.unknown")]
    BridgeUnknown,
    /// The calls of a channel that failed over are being rescued.
    #[serde(rename = "rescue.started")]
    RescueStarted,
    /// The rescue of a channel's calls is over.
    #[serde(rename = "rescue.ended")]
    RescueEnded,
    /// A channel's calls were not rescued: observing, proposing, held, or too many rescues at once.
    #[serde(rename = "rescue.held")]
    RescueHeld,
    /// Intents that a crash left open were resolved.
    #[serde(rename = "journal.orphan_resolved")]
    OrphanResolved,
    /// A signed checkpoint over all entries before it.
    #[serde(rename = "journal.checkpoint")]
    JournalCheckpoint,
    /// The key that signs checkpoints was made, or became another one.
    #[serde(rename = "journal.key_changed")]
    JournalKeyChanged,
    /// A segment of the log was archived; its entries are removed after this.
    #[serde(rename = "journal.archived")]
    JournalArchived,
    /// A person accepted the log as it stands, though it is not what was signed, or nothing was.
    #[serde(rename = "journal.accepted")]
    JournalAccepted,
}

/// A value before or after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A channel's health.
    Health(Health),
    /// Where a channel's traffic goes.
    Route(ChannelId),
    /// A channel's codec order.
    Codecs(Vec<Codec>),
    /// Whether a tenant (or all) is paused.
    Paused(bool),
    /// A tenant's state.
    Tenant(TenantState),
}
