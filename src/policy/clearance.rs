//! Who changes a platform, and what holds each of them back: the table "Who may change a platform" of `docs/policy.md` in
//! code. A test holds the two equal. Whether something applies now is for `engine/may_change.rs` to say.
//!
//! An action of the engine's has guards of its own besides (`engine/guards.rs`), and what passes over a hold is its row's to say;
//! nobody else passes over anything but an approved mass change.

use super::hold::Hold;
use super::key::TenantId;

/// Who wants to change a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The engine, by a failover, a failback or a codec change.
    Action,
    /// A person, who has a call bridged.
    Bridge,
    /// The rescue of a call of a channel that failed over.
    Rescue,
    /// A person, who has what is desired applied.
    Apply,
    /// The daemon's own round over what is desired.
    Round,
}

/// What may hold back more than the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// The journal cannot be written.
    Journal,
    /// A person paused the tenant, or everything.
    Paused,
    /// Our own network is gone.
    Network,
    /// The tenant's platform cannot be seen.
    Blind,
    /// The channel is in maintenance.
    Maintenance,
    /// Too many of the tenant's channels turned bad at once.
    MassChange,
    /// The mode: a bridge needs the daemon's to be `propose`; a rescue the daemon's and the policy's to be `enforce`.
    Mode,
}

use Writer::{Action, Apply, Bridge, Rescue, Round};

/// What holds whom back, in the order in which it is asked. For what is desired, the mode is a key of its own
/// (`[policies.NAME.provisioning]`), and the policy's `observe` forbids it there.
pub const TABLE: [(Bar, &[Writer]); 7] = [
    (Bar::Journal, &[Action, Bridge, Rescue, Apply, Round]),
    (Bar::Paused, &[Action, Bridge, Rescue, Apply, Round]),
    (Bar::Network, &[Action, Apply, Round]),
    (Bar::Blind, &[Action, Apply, Round]),
    (Bar::Maintenance, &[Action, Rescue, Round]),
    (Bar::MassChange, &[Action, Apply, Round]),
    (Bar::Mode, &[Action, Bridge, Rescue]),
];

/// What holds `writer` back, in order.
pub(super) fn bars(writer: Writer) -> impl Iterator<Item = Bar> {
    TABLE.iter().filter(move |(_, writers)| writers.contains(&writer)).map(|(bar, _)| *bar)
}

impl Hold {
    /// Why the platform of `tenant` may not be changed, for whoever asked to, with what ends it where a person does.
    pub fn refusal(&self, tenant: &TenantId) -> String {
        match self {
            Self::Paused { .. } => format!("{self}; `trunkwarden resume` lifts that"),
            Self::MassChange { .. } => format!("{self}: `trunkwarden approve {tenant}`"),
            Self::Observe => format!("{self}, which changes nothing; set it to propose or enforce"),
            other => other.to_string(),
        }
    }
}
