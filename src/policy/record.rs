//! What the audit log records: the closed list of its events, and the values before and after.

use super::key::{ChannelId, TenantId};
use super::observation::Codec;
use super::reason::Reason;
use super::words::{Actor, Health, OpId, TenantState};
use serde::{Deserialize, Serialize};

/// Something that is worth an entry in the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What happened.
    pub event: EventType,
    /// The tenant; `None`: all tenants.
    pub tenant: Option<TenantId>,
    /// The channel; `None`: no particular one.
    pub channel: Option<ChannelId>,
    /// Who did it.
    pub actor: Actor,
    /// Why, in words by its `Display`.
    pub reason: Reason,
    /// The value before.
    pub before: Option<Fact>,
    /// The value after.
    pub after: Option<Fact>,
    /// The number of the action that it belongs to.
    pub op: Option<OpId>,
}

/// Writes a list of events once: each with its word as documentation, its variant and its name.
macro_rules! event_types {
    ($($(#[$about:meta])* $event:ident = $name:literal,)*) => {
        /// The closed list of the audit log's events. Shown as `category.word`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventType {
            $($(#[$about])* #[serde(rename = $name)] $event,)*
        }

        impl EventType {
            /// Every event.
            pub const ALL: &'static [Self] = &[$(Self::$event),*];

            /// Its name, such as `failover.completed`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$event => $name,)*
                }
            }

            /// What its name begins with, such as `failover`.
            pub fn category(self) -> &'static str {
                self.name().split_once('.').map_or(self.name(), |(category, _)| category)
            }
        }
    };
}

event_types! {
    /// A channel is watched from now on.
    ChannelWatched = "channel.watched",
    /// A channel is no longer watched.
    ChannelUnwatched = "channel.unwatched",
    /// The platform has no such channel.
    ChannelMissing = "channel.missing",
    /// The platform shows a route that we did not set.
    RouteChanged = "channel.route_changed",
    /// A channel's health changed.
    HealthChanged = "health.changed",
    /// A failover is about to be made; its outcome follows under the same operation.
    FailoverIntended = "failover.intended",
    /// A failover shows on the platform.
    FailoverCompleted = "failover.completed",
    /// A failover was not made.
    FailoverFailed = "failover.failed",
    /// Whether a failover was made is not known.
    FailoverUnknown = "failover.unknown",
    /// A failover was decided and not made: observing, proposing or held.
    FailoverHeld = "failover.held",
    /// A channel is down and no candidate is fit to take its traffic.
    NoCandidate = "failover.no_candidate",
    /// A failback is about to be made.
    FailbackIntended = "failback.intended",
    /// A failback shows on the platform.
    FailbackCompleted = "failback.completed",
    /// A failback was not made.
    FailbackFailed = "failback.failed",
    /// Whether a failback was made is not known.
    FailbackUnknown = "failback.unknown",
    /// A failback was decided and not made.
    FailbackHeld = "failback.held",
    /// A codec order is about to be changed.
    CodecIntended = "codec.intended",
    /// A codec order shows on the platform.
    CodecCompleted = "codec.completed",
    /// A codec order was not changed.
    CodecFailed = "codec.failed",
    /// Whether a codec order was changed is not known.
    CodecUnknown = "codec.unknown",
    /// A codec order was decided and not changed.
    CodecHeld = "codec.held",
    /// A codec order was measured against what it promised, or could not be.
    CodecMeasured = "codec.measured",
    /// A codec change lost a channel's credentials: they have to be entered again.
    CredentialsLost = "codec.credentials_lost",
    /// A person gave an order.
    OperatorOrdered = "operator.ordered",
    /// A pause, an order or a proposal was not renewed or carried out in its time.
    Lapsed = "operator.lapsed",
    /// A channel, or a policy's channels, went into maintenance.
    MaintenanceStarted = "maintenance.started",
    /// A maintenance is over.
    MaintenanceEnded = "maintenance.ended",
    /// A desired channel differs from what the platform has, differs otherwise than before, or no longer differs.
    ProvisionDrift = "provision.drift",
    /// A desired channel was found by its name, or named by a person: it is known by its id from now on.
    ProvisionAdopted = "provision.adopted",
    /// A desired channel is about to be created or put right; its outcome follows under the same operation.
    ProvisionRequested = "provision.requested",
    /// A desired channel shows on the platform as desired.
    ProvisionCompleted = "provision.completed",
    /// A desired channel was not created or not put right.
    ProvisionFailed = "provision.failed",
    /// Whether a desired channel was created or put right is not known.
    ProvisionUnknown = "provision.unknown",
    /// A configuration was taken or refused.
    ConfigReloaded = "config.reloaded",
    /// A configuration was refused and the old one stays.
    ConfigRefused = "config.refused",
    /// Orders over TCP were refused for their token; gathered to one entry a minute.
    AccessRefused = "access.refused",
    /// The daemon started.
    ProcessStarted = "process.started",
    /// The daemon stopped on request.
    ProcessStopped = "process.stopped",
    /// The clock jumped, or the machine slept: evidence is stale.
    ClockJumped = "process.clock_jumped",
    /// A tenant is blind: its platform does not answer, so no actions.
    BlindEntered = "blind.entered",
    /// A tenant's platform answers again.
    BlindLeft = "blind.left",
    /// Half of a tenant turned bad at once: held.
    MassHold = "health.mass_hold",
    /// The mass change is over.
    MassHoldEnded = "health.mass_hold_ended",
    /// A tenant was paused because something else steers it.
    OtherController = "operator.other_controller",
    /// The journal can be written again.
    JournalRecovered = "journal.recovered",
    /// A bridge of a call is about to be asked for; its outcome follows under the same operation.
    BridgeRequested = "bridge.requested",
    /// A bridge was made.
    BridgeCompleted = "bridge.completed",
    /// A bridge was not made.
    BridgeFailed = "bridge.failed",
    /// Whether a bridge was made is not known.
    BridgeUnknown = "bridge.unknown",
    /// The calls of a channel that failed over are being rescued.
    RescueStarted = "rescue.started",
    /// The rescue of a channel's calls is over.
    RescueEnded = "rescue.ended",
    /// A channel's calls were not rescued: observing, proposing, held, or too many rescues at once.
    RescueHeld = "rescue.held",
    /// Intents that a crash left open were resolved.
    OrphanResolved = "journal.orphan_resolved",
    /// A signed checkpoint over all entries before it.
    JournalCheckpoint = "journal.checkpoint",
    /// The key that signs checkpoints was made, or became another one.
    JournalKeyChanged = "journal.key_changed",
    /// A segment of the log was archived; its entries are removed after this.
    JournalArchived = "journal.archived",
    /// A person accepted the log as it stands, though it is not what was signed, or nothing was.
    JournalAccepted = "journal.accepted",
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
