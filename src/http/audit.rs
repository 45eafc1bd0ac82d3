//! `/api/v1/audit`: the journal's entries, newest first.

use super::App;
use super::error::ApiError;
use super::query::{Pairs, Parameters, bad};
use crate::policy::WallMs;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// Reads entries, blocking; called where blocking is allowed.
pub type AuditSource = Arc<dyn Fn(AuditQuery) -> Result<AuditPage, String> + Send + Sync>;

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this tenant only.
    pub tenant: Option<String>,
    /// Of this channel only.
    pub channel_id: Option<String>,
    /// Of this type only.
    pub event_type: Option<String>,
    /// Older than this entry: the `next` of the page before.
    pub before_seq: Option<u64>,
    /// Not earlier than this.
    pub since: Option<WallMs>,
    /// Earlier than this.
    pub until: Option<WallMs>,
    /// At most this many, 1 to 1000.
    pub limit: usize,
}

/// One page of entries.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AuditPage {
    /// The entries as they stand in the journal, newest first.
    pub entries: Vec<Value>,
    /// What `before` of the next page is; `None`: there are no older ones.
    pub next: Option<u64>,
}

const KNOWN: [&str; 8] = ["tenant", "channel", "channel_id", "event_type", "since", "until", "limit", "before"];

pub(super) async fn entries(State(app): State<Arc<App>>, pairs: Pairs) -> Result<Json<AuditPage>, ApiError> {
    let p = Parameters::new(pairs, &KNOWN)?;
    let query = AuditQuery {
        tenant: p.text("tenant").map(str::to_owned),
        channel_id: p.text("channel").or_else(|| p.text("channel_id")).map(str::to_owned),
        event_type: p.text("event_type").map(str::to_owned),
        before_seq: p.number("before")?,
        since: p.moment("since")?,
        until: p.moment("until")?,
        limit: p.limit(100, 1000)?,
    };
    if let (Some(since), Some(until)) = (query.since, query.until)
        && since >= until
    {
        return Err(bad("until", "must be later than `since`"));
    }
    let source = app.audit.clone().ok_or(ApiError::NoJournal)?;
    let page = tokio::task::spawn_blocking(move || source(query)).await.map_err(|_| ApiError::Internal)?;
    page.map(Json).map_err(ApiError::Audit)
}
