//! `/api/v1/audit`: the journal's entries, newest first; `/api/v1/audit/checkpoint`: the newest signed checkpoint;
//! `/api/v1/audit/accept`: a person's word that the log is to be gone on with.

use super::error::ApiError;
use super::orders::{Answer, Giver};
use super::query::{Pairs, Parameters, bad};
use super::{App, Reads};
use crate::journal::{Cancel, Filter, Page};
use crate::policy::Actor;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// Reads entries, blocking, until nobody waits for them any more; called where blocking is allowed.
pub type AuditSource = Arc<dyn Fn(Filter, &Cancel) -> Result<Page, String> + Send + Sync>;

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

/// Accepts the log as it stands, in the name of whoever is given: what was found; `None`: there is nothing to accept.
pub type AcceptOrder = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Option<String>, String>> + Send + Sync>;

pub(super) async fn accept(State(app): State<Arc<App>>, giver: Extension<Giver>) -> Answer {
    let order = app.accept.clone().ok_or(ApiError::NoJournal)?;
    let who = Actor::Operator(giver.0.name()).to_string();
    let why = order(who).await.map_err(ApiError::Audit)?.ok_or(ApiError::NothingToAccept)?;
    Ok(Json(json!({ "done": true, "accepted": why })))
}

pub(super) async fn checkpoint(State(app): State<Arc<App>>) -> Result<Json<CheckpointView>, ApiError> {
    let source = app.checkpoint.clone().ok_or(ApiError::NoJournal)?;
    app.reads.run(move |_| source()).await?.map_err(ApiError::Audit)?.map(Json).ok_or(ApiError::NoCheckpoint)
}

/// Entries that are read at once.
const PIECE: usize = 20;

/// An answer ends after so many bytes, and says where to go on.
const MOST_BYTES: usize = 8 << 20;

const KNOWN: [&str; 8] = ["tenant", "channel", "channel_id", "event_type", "since", "until", "limit", "before"];

pub(super) async fn entries(State(app): State<Arc<App>>, pairs: Pairs) -> Result<Response, ApiError> {
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
    let mut rest = Rest { source, reads: app.reads.clone(), left: query.limit, bytes: 0, query };
    // What is wrong shows at the first piece, while there is still a status to say so.
    let first = rest.piece(true).await?;
    let pieces = stream::try_unfold(Some((rest, Some(first))), |state| async move {
        let Some((mut rest, ready)) = state else { return Ok(None) };
        let piece = match ready {
            Some(piece) => piece,
            None => rest.piece(false).await?,
        };
        Ok::<_, ApiError>(Some((piece.text, piece.goes_on.then_some((rest, None)))))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response())
}

/// What is still to be read for an answer. It is read piece by piece, as the other end takes it, so that an answer that
/// nobody reads holds no more than a piece.
struct Rest {
    source: AuditSource,
    reads: Reads,
    query: Filter,
    /// Entries that may still come.
    left: usize,
    /// Bytes until now.
    bytes: usize,
}

/// A part of an answer.
struct Piece {
    text: Bytes,
    goes_on: bool,
}

impl Rest {
    async fn piece(&mut self, first: bool) -> Result<Piece, ApiError> {
        let asked = self.left.min(PIECE);
        let (source, query) = (Arc::clone(&self.source), Filter { limit: asked, ..self.query.clone() });
        let page = self.reads.run(move |cancel| source(query, cancel)).await?.map_err(ApiError::Audit)?;
        let mut text = if first { r#"{"entries":["#.to_owned() } else { String::new() };
        for (n, entry) in page.entries.iter().enumerate() {
            if n > 0 || !first {
                text.push(',');
            }
            text.push_str(&entry.to_string());
        }
        self.bytes = self.bytes.saturating_add(text.len());
        self.left = self.left.saturating_sub(page.entries.len());
        self.query.before_seq = page.next;
        let goes_on = page.next.is_some() && page.entries.len() >= asked && self.left > 0 && self.bytes < MOST_BYTES;
        if !goes_on {
            text.push_str(r#"],"next":"#);
            text.push_str(&page.next.map_or_else(|| "null".to_owned(), |next| next.to_string()));
            text.push('}');
        }
        Ok(Piece { text: text.into(), goes_on })
    }
}
