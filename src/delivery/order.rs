//! A person's orders to the outbox: try again, or give up. Each order is an audit entry of its own, committed with
//! what it does.

use super::Delivery;
use crate::journal::{Batch, Entry, Journal, JournalError, OutboxChange, Place, Reader, Selection};
use crate::policy::{Actor, EventType, WallMs};
use serde_json::{Value, json};
use std::time::Duration;

/// How long an order waits for the disk; one that is not written by then never is.
const WRITTEN_WITHIN: Duration = Duration::from_secs(4);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Dead letters wait again in their old places, and the sink is tried at once.
    Retry,
    /// They are given up.
    Drop,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// No such sink.
    #[error("no sink `{0}` is configured, and nothing waits for it; `trunkwarden outbox list` shows the sinks")]
    NoSuchSink(String),
    /// Nothing is meant.
    #[error("the sink `{0}` has no such rows; `trunkwarden outbox list` shows them")]
    Nothing(String),
    /// The journal did not take it.
    #[error("the outbox was not changed: {0}")]
    Journal(#[from] JournalError),
}

impl Delivery {
    /// Carries out an order, and has the sink tried at once; how many rows were meant.
    ///
    /// # Errors
    /// Where there is no such sink or row, or the journal cannot be written. Nothing was changed then.
    pub async fn order(&self, verb: Verb, sink: &str, which: Selection, who: String) -> Result<u64, OutboxError> {
        let order = Order { verb, sink, which, who, wall: self.clock().wall() };
        let count = order.carry_out(self.journal()).await?;
        self.wake(sink);
        Ok(count)
    }
}

/// An order to the outbox of one sink.
pub struct Order<'o> {
    /// What.
    pub verb: Verb,
    /// Of which sink.
    pub sink: &'o str,
    /// Which rows.
    pub which: Selection,
    /// Who gave it.
    pub who: String,
    /// When.
    pub wall: WallMs,
}

impl Order<'_> {
    /// Writes down the order and what it does; how many rows were meant.
    ///
    /// # Errors
    /// As [`Delivery::order`].
    pub async fn carry_out(&self, journal: &Journal) -> Result<u64, OutboxError> {
        let place = self.place(journal.reader()).await?;
        // What comes in meanwhile is not meant.
        let which = match self.which {
            Selection::Row(id) => Selection::Row(id),
            Selection::Dead(_) => Selection::Dead(place.last),
            Selection::All(_) => Selection::All(place.last),
        };
        let change = match self.verb {
            Verb::Retry => OutboxChange::Retry(self.sink.to_owned(), which),
            Verb::Drop => OutboxChange::Drop(self.sink.to_owned(), which),
        };
        let batch = Batch { entries: vec![self.entry(place.count)], outbox: vec![change], ..Batch::default() };
        journal.submit_within(batch, WRITTEN_WITHIN).await?;
        Ok(place.count)
    }

    async fn place(&self, reader: Reader) -> Result<Place, OutboxError> {
        let (sink, which) = (self.sink.to_owned(), self.which);
        let read = tokio::task::spawn_blocking(move || {
            let known = reader.outbox_sinks()?.into_iter().any(|s| s.name == sink);
            Ok::<_, JournalError>((known, reader.outbox_place(&sink, which)?))
        });
        let (known, place) = read.await.unwrap_or(Err(JournalError::Closed))?;
        if !known {
            return Err(OutboxError::NoSuchSink(self.sink.chars().take(100).collect()));
        }
        // A retry of nothing still has a waiting sink tried at once.
        let one = matches!(self.which, Selection::Row(_));
        if place.count == 0 && (one || self.verb == Verb::Drop) {
            return Err(OutboxError::Nothing(self.sink.to_owned()));
        }
        Ok(place)
    }

    fn entry(&self, count: u64) -> Entry {
        let rows = match self.which {
            Selection::Row(id) => format!("row {id}"),
            Selection::Dead(_) => format!("{count} dead letters"),
            Selection::All(_) => format!("{count} rows"),
        };
        let (word, reason) = match self.verb {
            Verb::Retry => ("retry", format!("ordered a retry of {rows} of the sink {}", self.sink)),
            Verb::Drop => ("drop", format!("ordered {rows} of the sink {} to be dropped undelivered", self.sink)),
        };
        let event = serde_json::to_value(EventType::OperatorOrdered).unwrap_or_default();
        Entry {
            at: self.wall,
            event_type: event.as_str().unwrap_or_default().to_owned(),
            tenant: None,
            channel_id: None,
            actor: Actor::Operator(self.who.clone()).to_string(),
            reason,
            before: Value::Null,
            after: Value::Null,
            op: None,
            operation: None,
            details: json!({ "order": format!("outbox_{word}"), "sink": self.sink, "rows": count }),
        }
    }
}
