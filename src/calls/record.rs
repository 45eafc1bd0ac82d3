//! The audit entries of bridges and rescues.

use super::outcome::{Outcome, Settled};
use super::request::Bridge;
use crate::journal::{Entry, Operation};
use crate::policy::{Actor, ChannelKey, EventType, TenantId, WallMs};
use serde_json::{Value, json};
use uuid::Uuid;

/// The bridge is about to be asked for.
pub fn requested(at: WallMs, operation: &Operation, bridge: &Bridge, channel: Option<&ChannelKey>) -> Entry {
    let names: Vec<String> = bridge.targets().iter().map(ToString::to_string).collect();
    let reason = format!("bridging call {} to {} ({})", bridge.call(), names.join(", "), bridge.direction().name());
    let details = json!({
        "call_id": bridge.call(),
        "request": operation.request,
        "idempotency_key": operation.key.as_ref().filter(|_| channel.is_none()),
        "rescue": channel.is_some(),
    });
    Entry { reason, details, ..base(at, EventType::BridgeRequested, operation, channel) }
}

/// The bridge has its outcome.
pub fn ended(at: WallMs, operation: &Operation, settled: &Settled, channel: Option<&ChannelKey>) -> Entry {
    let event = match settled.outcome {
        Outcome::Completed { .. } => EventType::BridgeCompleted,
        Outcome::Failed { .. } => EventType::BridgeFailed,
        Outcome::Unknown { .. } => EventType::BridgeUnknown,
    };
    let details = json!({
        "call_id": settled.call,
        "result": settled.outcome.label(),
        "outcome": settled.outcome,
        "latency_ms": settled.latency_ms,
        "warnings": settled.warnings,
        "rescue": channel.is_some(),
    });
    Entry { details, reason: settled.to_string(), ..base(at, event, operation, channel) }
}

/// Something about the rescue of a channel's calls.
pub fn of_rescue(at: WallMs, event: EventType, channel: &ChannelKey, reason: String, details: Value) -> Entry {
    Entry {
        channel_id: Some(channel.channel.to_string()),
        tenant: Some(channel.tenant.to_string()),
        reason,
        details,
        ..blank(at, event, Actor::Engine.to_string())
    }
}

/// The tenant and the channel, as the journal keeps them with an operation.
pub fn channel_of(operation: &Operation) -> Option<ChannelKey> {
    let channel = operation.request.get("channel")?.as_str()?;
    Some(ChannelKey::new(TenantId::from(operation.tenant.as_str()), channel))
}

fn base(at: WallMs, event: EventType, operation: &Operation, channel: Option<&ChannelKey>) -> Entry {
    Entry {
        tenant: Some(operation.tenant.clone()),
        channel_id: channel.map(|key| key.channel.to_string()),
        operation: Some(operation.id),
        ..blank(at, event, operation.actor.clone())
    }
}

fn blank(at: WallMs, event: EventType, actor: String) -> Entry {
    Entry {
        at,
        event_type: event.name().to_owned(),
        tenant: None,
        channel_id: None,
        actor,
        reason: String::new(),
        before: Value::Null,
        after: Value::Null,
        op: None,
        operation: None::<Uuid>,
        details: Value::Null,
    }
}
