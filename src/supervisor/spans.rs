//! The spans of log lines: every line about an action or a look at the platform bears whose it is, whoever logs it.
//!
//! They are of level ERROR, so that a line has them whatever `--log` shows.

use crate::policy::{Action, ChannelId, ChannelKey, OpId, TenantId};
use tracing::{Span, error_span};

/// An action of the engine's.
pub(super) fn action(action: &Action) -> Span {
    operation(action.op, &action.channel.tenant, &action.channel.channel)
}

/// The same by its parts.
pub(super) fn operation(op: OpId, tenant: &TenantId, channel: &ChannelId) -> Span {
    error_span!("action", op = op.0, %tenant, %channel)
}

/// A look at one channel.
pub(super) fn look(channel: &ChannelKey) -> Span {
    error_span!("look", tenant = %channel.tenant, channel = %channel.channel)
}

/// A sweep over a tenant's list of channels.
pub(super) fn sweep(tenant: &TenantId) -> Span {
    error_span!("sweep", %tenant)
}

/// A round of telemetry queries.
pub(super) fn telemetry(tenant: &TenantId) -> Span {
    error_span!("telemetry", %tenant)
}
