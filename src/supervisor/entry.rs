//! Turns the engine's records and actions into audit entries.

use crate::journal::{Ended, Entry, Operation};
use crate::policy::{Action, ActionKind, Actor, EventType, Outcome, Record, WallMs};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Anything that is serialised here is ours and has string keys: this cannot fail on input.
pub fn json_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// An audit entry for something that the engine wants written down.
pub fn of_record(at: WallMs, record: Record) -> Entry {
    Entry {
        at,
        event_type: record.event.name().to_owned(),
        tenant: record.tenant.map(|t| t.to_string()),
        channel_id: record.channel.map(|c| c.to_string()),
        actor: record.actor.to_string(),
        reason: record.reason.to_string(),
        before: json_of(&record.before),
        after: json_of(&record.after),
        op: record.op,
        operation: None,
        details: json!({ "reason": record.reason }),
    }
}

/// An audit entry about the process itself.
pub fn of_process(at: WallMs, event: EventType, actor: &Actor, reason: String, details: Value) -> Entry {
    Entry {
        at,
        event_type: event.name().to_owned(),
        tenant: None,
        channel_id: None,
        actor: actor.to_string(),
        reason,
        before: Value::Null,
        after: Value::Null,
        op: None,
        operation: None,
        details,
    }
}

/// An action as an operation of the journal.
pub fn of_action(id: Uuid, action: &Action) -> Operation {
    Operation {
        id,
        op: Some(action.op),
        kind: action.kind.name().to_owned(),
        tenant: action.channel.tenant.to_string(),
        subject: action.channel.channel.to_string(),
        key: None,
        actor: action.actor.to_string(),
        request: json_of(action),
    }
}

/// The outcome of an action.
pub fn of_outcome(operation: Uuid, outcome: &Outcome) -> Ended {
    Ended { id: operation, outcome: outcome.name().to_owned(), result: json_of(outcome) }
}

/// One plain sentence about an action, for the log.
pub fn sentence(action: &Action) -> String {
    let channel = &action.channel;
    match &action.kind {
        ActionKind::Failover { from, to } => format!("moving the traffic of {channel} from {from} to {to}"),
        ActionKind::Failback { from } => format!("taking the traffic of {channel} home from {from}"),
        ActionKind::Codec { order, .. } => {
            let names: Vec<&str> = order.iter().map(|c| c.name.as_str()).collect();
            format!("changing the codec order of {channel} to {}", names.join(", "))
        }
    }
}
