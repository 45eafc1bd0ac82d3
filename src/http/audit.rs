//! `/api/v1/audit`: the journal's entries, newest first; `/api/v1/audit/checkpoint`: the newest signed checkpoint.

use super::App;
use super::error::ApiError;
use super::query::{Pairs, Parameters, bad};
use crate::journal::{Filter, Page};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;

/// Reads entries, blocking; called where blocking is allowed.
pub type AuditSource = Arc<dyn Fn(Filter) -> Result<Page, String> + Send + Sync>;

/// The newest checkpoint, for whoever keeps it elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointView {
    /// The log's name.
    pub origin: String,
    /// How many entries it covers.
    pub size: u64,
    /// The root of their tree, in base64.
    pub root: String,
    /// The whole signed note (C2SP tlog-checkpoint).
    pub note: String,
    /// The public keys under which it may be signed, oldest first.
    pub keys: Vec<String>,
}

/// Reads the newest checkpoint, blocking; `None` before the first.
pub type CheckpointSource = Arc<dyn Fn() -> Result<Option<CheckpointView>, String> + Send + Sync>;

pub(super) async fn checkpoint(State(app): State<Arc<App>>) -> Result<Json<CheckpointView>, ApiError> {
    let source = app.checkpoint.clone().ok_or(ApiError::NoJournal)?;
    let newest = tokio::task::spawn_blocking(move || source()).await.map_err(|_| ApiError::Internal)?;
    newest.map_err(ApiError::Audit)?.map(Json).ok_or(ApiError::NoCheckpoint)
}

const KNOWN: [&str; 8] = ["tenant", "channel", "channel_id", "event_type", "since", "until", "limit", "before"];

pub(super) async fn entries(State(app): State<Arc<App>>, pairs: Pairs) -> Result<Json<Page>, ApiError> {
    let p = Parameters::new(pairs, &KNOWN)?;
    let query = Filter {
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
