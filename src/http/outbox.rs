//! `/api/v1/outbox`: what waits to leave, for which sink and why; and a person's orders to try again or to give up.

use super::App;
use super::body::parsed;
use super::error::ApiError;
use super::orders::{Answer, Body, Giver, read};
use super::query::{Pairs, Parameters, bad};
use crate::delivery::{OutboxError, SinkView, Verb};
use crate::journal::{OutboxFilter, OutboxRow, Selection};
use axum::Json;
use axum::extract::{Extension, State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// The outbox.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct OutboxView {
    /// Every sink that is configured or that something waits for.
    pub sinks: Vec<SinkView>,
    /// Rows, oldest first.
    pub rows: Vec<OutboxRow>,
    /// What goes into `after` for the next page.
    pub next: Option<i64>,
}

/// The body of an order. For a drop exactly one of `row`, `dead` and `all`; a retry without any means all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    sink: String,
    #[serde(default)]
    row: Option<i64>,
    #[serde(default)]
    dead: bool,
    #[serde(default)]
    all: bool,
}

pub(super) async fn list(State(app): State<Arc<App>>, pairs: Pairs) -> Result<Json<OutboxView>, ApiError> {
    let p = Parameters::new(pairs, &["sink", "state", "limit", "after"])?;
    let dead = match p.text("state") {
        None => None,
        Some("pending") => Some(false),
        Some("dead") => Some(true),
        Some(_) => return Err(bad("state", "expected pending or dead")),
    };
    let after = p.number("after")?.and_then(|n| i64::try_from(n).ok());
    let filter = OutboxFilter { sink: p.text("sink").map(str::to_owned), dead, after, limit: p.limit(100, 1000)? };
    let delivery = app.delivery.clone().ok_or(ApiError::NoJournal)?;
    let read = move || {
        let page = delivery.rows(&filter)?;
        let mut sinks = delivery.sinks()?;
        sinks.retain(|sink| filter.sink.as_ref().is_none_or(|name| *name == sink.name));
        Ok(OutboxView { sinks, rows: page.rows, next: page.next })
    };
    let view = app.reads.run(move |_| read()).await?;
    view.map(Json).map_err(|error: crate::journal::JournalError| ApiError::Outbox(error.to_string()))
}

pub(super) async fn retry(State(app): State<Arc<App>>, giver: Extension<Giver>, body: Body) -> Answer {
    order(&app, Verb::Retry, giver.0, body).await
}

pub(super) async fn give_up(State(app): State<Arc<App>>, giver: Extension<Giver>, body: Body) -> Answer {
    order(&app, Verb::Drop, giver.0, body).await
}

async fn order(app: &App, verb: Verb, giver: Giver, body: Body) -> Answer {
    let expected = r#"{"sink": "NAME"} with one of "row": 7, "dead": true, "all": true"#;
    let Which { sink, row, dead, all } = parsed(&read(body)?, expected)?;
    let which = match (row, dead, all) {
        (Some(row), false, false) => Selection::Row(row),
        (None, true, false) => Selection::Dead(i64::MAX),
        (None, false, true) => Selection::All(i64::MAX),
        (None, false, false) if verb == Verb::Retry => Selection::All(i64::MAX),
        _ => return Err(ApiError::Body(format!("expected {expected}"))),
    };
    let delivery = app.delivery.as_ref().ok_or(ApiError::NoJournal)?;
    match delivery.order(verb, &sink, which, giver.name()).await {
        Ok(rows) => Ok(Json(json!({"done": true, "rows": rows}))),
        Err(OutboxError::Journal(error)) => Err(ApiError::Outbox(error.to_string())),
        Err(error) => Err(ApiError::Refused(error.to_string())),
    }
}
