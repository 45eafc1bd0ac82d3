//! What provisioning writes to the journal: operations before they are sent, their outcomes, ids, and the audit entries of both.
//!
//! Must never: put a password, a digest of one, or a body into an entry.

use super::known::Known;
use super::plan::{Done, Item, Result as Came};
use super::provisioner::Provisioner;
use crate::journal::{Batch, Ended, Entry, Operation, Receipt};
use crate::policy::{ChannelId, EventType};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{Span, error_span};
use uuid::Uuid;

/// The kind of provisioning's operations in the journal.
pub const KIND: &str = "provision";

impl Provisioner {
    /// Records that a change is about to be sent, and what is known from then on.
    pub(super) async fn begin(
        &self,
        item: &Item,
        known: &Known,
        id: Uuid,
        (actor, reason): (&str, String),
    ) -> Result<Receipt, String> {
        Span::current().record("id", tracing::field::display(id));
        let request = json!({ "action": item.what, "channel_id": item.id, "fields": item.differences });
        let operation = Operation {
            id,
            op: None,
            kind: KIND.to_owned(),
            tenant: item.tenant.to_string(),
            subject: item.name.clone(),
            key: None,
            actor: actor.to_owned(),
            request,
        };
        let mut entry = self.entry(EventType::ProvisionRequested, item, actor, reason);
        entry.operation = Some(id);
        let batch = Batch { entries: vec![entry], states: vec![state(known)], ..Batch::default() };
        let receipt = self.journal.begin(operation, batch).await;
        let receipt =
            receipt.map_err(|error| format!("it could not be written to the journal, so it was not sent: {error}"))?;
        self.keep(known);
        Ok(receipt)
    }

    /// Records the outcome of an operation, and counts it.
    pub(super) async fn end(&self, item: &Item, known: &Known, id: Uuid, actor: &str, done: &Done) {
        let event = match done.result {
            Came::Failed | Came::Held => EventType::ProvisionFailed,
            Came::Unknown => EventType::ProvisionUnknown,
            _ => EventType::ProvisionCompleted,
        };
        let reason = match &done.why {
            Some(why) => format!("`{}` is {}: {why}", item.name, done.result.name()),
            None => format!("`{}` is {}", item.name, done.result.name()),
        };
        let mut entry = self.entry(event, item, actor, reason);
        entry.operation = Some(id);
        entry.channel_id = done.id.as_ref().map(ChannelId::to_string);
        let result = json!({ "channel_id": done.id, "why": done.why });
        let ended = Ended { id, outcome: done.result.name().to_owned(), result };
        let states = vec![state(known)];
        self.write(Batch { entries: vec![entry], states, end: vec![ended], ..Batch::default() }).await;
        self.keep(known);
        self.counters.provision(item.tenant.as_str(), done.result.name());
    }

    /// Hands a batch to the journal. If it cannot be written, this process still knows it, and the next one reads it back.
    pub(super) async fn write(&self, batch: Batch) {
        if let Err(error) = self.journal.submit(batch).await {
            tracing::error!(%error, "could not record what became of a desired channel");
        }
    }

    /// An entry about a desired channel.
    pub(super) fn entry(&self, event: EventType, item: &Item, actor: &str, reason: String) -> Entry {
        let side = |of: fn(&super::Difference) -> &Value| -> Value {
            let shown = |d: &super::Difference| if d.sensitive { json!("(sensitive)") } else { of(d).clone() };
            let fields: serde_json::Map<String, Value> =
                item.differences.iter().map(|d| (d.field.clone(), shown(d))).collect();
            if fields.is_empty() { Value::Null } else { Value::Object(fields) }
        };
        tracing::info!(event = event.name(), "{reason}");
        Entry {
            at: self.clock.wall(),
            event_type: event.name().to_owned(),
            tenant: Some(item.tenant.to_string()),
            channel_id: item.id.as_ref().map(ChannelId::to_string),
            actor: actor.to_owned(),
            reason,
            before: side(|d| &d.is),
            after: side(|d| &d.desired),
            op: None,
            operation: None,
            details: json!({ "name": item.name, "what": item.what }),
        }
    }
}

/// What each log line about a desired channel bears; the operation's id too, once one is begun in it.
pub fn span(item: &Item) -> Span {
    error_span!("operation", id = Empty, kind = KIND, tenant = %item.tenant, subject = item.name)
}

/// What is known, as the journal's state keeps it.
pub fn state(known: &Known) -> (String, Option<Value>) {
    (known.state_key(), serde_json::to_value(known).ok())
}
