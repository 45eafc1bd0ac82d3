//! A request to the switchboard, and why it may be refused.

use super::key::IdempotencyKey;
use super::request::{Fault, Request};
use crate::policy::{Actor, ChannelKey, TenantId};
use uuid::Uuid;

/// Operations under way at once.
pub const MOST_UNDER_WAY: usize = 64;
/// A person's order of a bridge.
#[derive(Clone, Debug)]
pub struct Order {
    /// The tenant.
    pub tenant: TenantId,
    /// The call.
    pub call: String,
    /// What is asked for.
    pub request: Request,
    /// Under which key, where there is one.
    pub key: Option<IdempotencyKey>,
    /// Who asks.
    pub actor: Actor,
}

/// What a bridge is for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// A person's order, with the key under which it is found again for a day.
    Order(Option<IdempotencyKey>),
    /// The rescue of a call of this channel; its key is the call, for good.
    Rescue(ChannelKey),
}

impl Purpose {
    /// The kind of its operation.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Order(_) => "bridge",
            Self::Rescue(_) => "rescue",
        }
    }

    /// The channel whose call is rescued.
    pub const fn channel(&self) -> Option<&ChannelKey> {
        match self {
            Self::Order(_) => None,
            Self::Rescue(channel) => Some(channel),
        }
    }
}

/// Why a bridge was not begun: nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such tenant.
    #[error("no tenant `{0}` is configured")]
    NoTenant(TenantId),
    /// The tenant has no bridging.
    #[error("tenant `{0}` has no bridging: give it a [tenants.{0}.bridge] table")]
    NoBridging(TenantId),
    /// Observing, or paused.
    #[error("nothing was sent: {0}")]
    Held(String),
    /// The request is wrong.
    #[error("nothing was sent: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Fault>),
    /// The key was used for something else.
    #[error(
        "nothing was sent: the key `{0}` was used for another bridge within the last day; take a new key for a new bridge"
    )]
    KeyReused(IdempotencyKey),
    /// Under that key an operation is open, and not by this process.
    #[error("an operation under this key is still open ({0}); ask again under the same key")]
    StillOpen(Uuid),
    /// A call is rescued once.
    #[error("this call was already rescued")]
    RescuedBefore,
    /// Too many are under way.
    #[error("nothing was sent: {MOST_UNDER_WAY} bridges are already under way; try again when some have ended")]
    TooMany,
    /// The journal cannot be read or written.
    #[error("nothing was sent, because it could not be written to the journal first: {0}")]
    Journal(String),
    /// The process is stopping.
    #[error("nothing was sent: trunkwarden is stopping")]
    Stopping,
}
