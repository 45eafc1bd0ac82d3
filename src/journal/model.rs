//! What goes into the journal and what comes back.

use super::operation::{Ended, KeptOperation, Operation};
use super::outbox::OutboxChange;
use crate::policy::{EventType, OpId, WallMs};
use serde_json::Value;
use uuid::Uuid;

/// What is committed together: all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Audit entries, in order.
    pub entries: Vec<Entry>,
    /// State to keep: a key and its value, `None` to forget it.
    pub states: Vec<(String, Option<Value>)>,
    /// An operation to begin; [`Journal::begin`](super::Journal::begin) brings its receipt back.
    pub begin: Option<Operation>,
    /// Operations that have their outcome.
    pub end: Vec<Ended>,
    /// What was observed. Given up first where the queue is full; never together with the rest of a batch.
    pub observations: Vec<ObservationRow>,
    /// What is changed in the outbox; entries of the same batch are queued by the subscriptions in force after it.
    pub outbox: Vec<OutboxChange>,
}

/// An audit entry before it is numbered and chained. The journal adds `id` (UUIDv7), `seq`, `timestamp`,
/// `compliance_tag`, `prev_hash` and `hash`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it happened.
    pub at: WallMs,
    /// `category.word`, from the closed list.
    pub event_type: String,
    /// The tenant, where it concerns one.
    pub tenant: Option<String>,
    /// The channel, where it concerns one; written as null otherwise.
    pub channel_id: Option<String>,
    /// Who did it.
    pub actor: String,
    /// One sentence.
    pub reason: String,
    /// What was; null where nothing applies.
    pub before: Value,
    /// What is; null where nothing applies.
    pub after: Value,
    /// The engine's action that it belongs to; the journal writes its operation's UUID as `operation_id`.
    pub op: Option<OpId>,
    /// The operation that it belongs to; written as `operation_id`, before `op`'s.
    pub operation: Option<Uuid>,
    /// Everything else, structured.
    pub details: Value,
}

impl Entry {
    /// One of the journal's own.
    pub(in crate::journal) fn of_journal(at: WallMs, event: EventType, reason: String) -> Self {
        Self {
            at,
            event_type: event.name().to_owned(),
            tenant: None,
            channel_id: None,
            actor: "system".to_owned(),
            reason,
            before: Value::Null,
            after: Value::Null,
            op: None,
            operation: None,
            details: Value::Null,
        }
    }
}

/// One observation, for replay and for explaining the past.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservationRow {
    /// When it was given to the engine.
    pub at: WallMs,
    /// The tenant.
    pub tenant: String,
    /// The channel.
    pub channel: String,
    /// The observation as JSON text.
    pub body: String,
}

/// What a start finds.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Every kept state, by key.
    pub states: Vec<(String, Value)>,
    /// Operations without an outcome: the process died between the two. Oldest first.
    pub open: Vec<KeptOperation>,
    /// The greatest number that an action of the engine's ever had.
    pub last_op: OpId,
    /// When the last entry was written; `None`: the journal is new.
    pub last_entry_at: Option<WallMs>,
}

impl Recovered {
    /// Takes out the open operations that are whoever's asks.
    pub fn take_open(&mut self, are_theirs: impl Fn(&Operation) -> bool) -> Vec<KeptOperation> {
        self.open.extract_if(.., |open| are_theirs(&open.operation)).collect()
    }
}
