//! One operation under way: carried out, told, counted and written down.

use super::Switchboard;
use crate::calls::attempt::Attempt;
use crate::calls::line::Line;
use crate::calls::order::Purpose;
use crate::calls::outcome::Settled;
use crate::calls::record;
use crate::calls::request::Bridge;
use crate::clearance::Permit;
use crate::journal::{Operation, Receipt};
use crate::policy::{Actor, TenantId, Time};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

/// What is to be done, checked.
pub struct Asked {
    pub tenant: TenantId,
    pub line: Line,
    pub bridge: Bridge,
    pub warnings: Vec<String>,
    pub actor: Actor,
    pub purpose: Purpose,
    /// Leave to send it; calls of one rescue share theirs.
    pub permit: Arc<Permit>,
}

impl Asked {
    /// It as an operation of the journal.
    pub fn operation(&self, id: Uuid) -> Operation {
        let mut request = self.bridge.body();
        let key = match &self.purpose {
            Purpose::Order(key) => key.as_ref().map(|key| key.as_str().to_owned()),
            Purpose::Rescue(channel) => {
                if let Some(fields) = request.as_object_mut() {
                    fields.insert("channel".to_owned(), json!(channel.channel.as_str()));
                }
                Some(self.bridge.call().to_owned())
            }
        };
        Operation {
            id,
            op: None,
            kind: self.purpose.kind().to_owned(),
            tenant: self.tenant.to_string(),
            subject: self.bridge.call().to_owned(),
            key,
            actor: self.actor.to_string(),
            request,
        }
    }
}

/// An operation under way.
pub struct Running {
    pub board: Switchboard,
    pub asked: Asked,
    pub operation: Operation,
    pub receipt: Receipt,
    pub begun_at: Time,
}

impl Running {
    /// To its end: the outcome is told, written down, and the operation no longer under way.
    pub async fn run(self, done: watch::Sender<Option<Settled>>) {
        let Self { board, asked, operation, receipt, begun_at } = self;
        // However this ends, its place is free again.
        let _over = Over(&board, operation.id);
        let clock = board.clock();
        let attempt = Attempt { line: &asked.line, clock, bridge: &asked.bridge, permit: &asked.permit };
        let outcome = attempt.run(receipt).await;
        let now = clock.now();
        let took = now.since(begun_at);
        board.counters().bridges().ended(now, asked.tenant.as_str(), outcome.label(), took);
        let settled = Settled { warnings: asked.warnings, ..Settled::of(&operation, outcome, took) };
        tracing::info!(result = settled.outcome.label(), "bridge ended");
        let entry = record::ended(clock.wall(), &operation, &settled, asked.purpose.channel());
        let written = board.write_down(&settled, entry).await;
        let _ = done.send(Some(settled));
        if let Err((batch, error)) = written {
            tracing::error!(%error, "could not record the outcome of a bridge yet");
            board.write_again(batch).await;
        }
    }
}

struct Over<'a>(&'a Switchboard, Uuid);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over(self.1);
    }
}
