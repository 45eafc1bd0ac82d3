//! The control API, on the same loopback socket as the platform's, without authentication:
//!
//! - `POST /control/incident` with an [`Incident`] as JSON: it happens now. 204, or 400 with `{"error", "message"}`.
//! - `GET /control/state`: every channel as it truly is, without its password, and the counters.
//! - `GET /control/requests`: the latest requests and PATCHes.
//! - `GET /control/calls`: the calls with their legs and bridges, and how many bridges were made.
//! - `POST /control/reset`: quiet again: every channel healthy and at home, with its own media; faults, modes and tokens end.
//!
//! None of it counts against the request limit.

use super::Face;
use crate::sim::incident::Incident;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// Requests and PATCHes that are shown, each.
const SHOWN: usize = 1_000;

pub(super) fn router() -> Router<Face> {
    Router::new()
        .route("/incident", post(incident))
        .route("/state", get(state))
        .route("/requests", get(requests))
        .route("/calls", get(calls))
        .route("/reset", post(reset))
}

async fn incident(State(face): State<Face>, body: Bytes) -> Response {
    let refuse = |message: String| {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": "bad_incident", "message": message }))).into_response()
    };
    let incident: Incident = match serde_json::from_slice(&body) {
        Ok(incident) => incident,
        Err(error) => return refuse(error.to_string()),
    };
    let mut model = face.model();
    let now = face.clock.now().since_origin();
    model.advance(now);
    match model.apply(now, incident) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refuse(error.to_string()),
    }
}

async fn state(State(face): State<Face>) -> Json<Value> {
    let mut model = face.model();
    let now = face.clock.now().since_origin();
    model.advance(now);
    let channels: Vec<Value> = model
        .channels()
        .map(|c| {
            json!({ "id": c.id(), "status": c.status(), "primary": c.primary(), "codecs": c.codecs(),
                "version": c.version() })
        })
        .collect();
    Json(json!({
        "now_seconds": now.as_secs_f64(),
        "channels": channels,
        "requests_total": model.requests_total(),
        "requests_in_last_minute_max": model.requests_in_last_minute_max(),
        "unanswered_total": model.unanswered(),
        "tokens_issued_total": model.tokens_issued(),
        "created_total": model.created(),
    }))
}

async fn requests(State(face): State<Face>) -> Json<Value> {
    let model = face.model();
    let mut requests: Vec<_> = model.requests().rev().take(SHOWN).collect();
    let mut patches: Vec<_> = model.patches().rev().take(SHOWN).collect();
    requests.reverse();
    patches.reverse();
    Json(json!({ "requests": requests, "patches": patches }))
}

async fn calls(State(face): State<Face>) -> Json<Value> {
    let mut model = face.model();
    model.advance(face.clock.now().since_origin());
    let calls: Vec<Value> = model.calls().take(SHOWN).map(crate::sim::CallState::shown).collect();
    Json(json!({ "calls": calls, "bridges_made_total": model.bridges_made() }))
}

async fn reset(State(face): State<Face>) -> StatusCode {
    let now = face.clock.now().since_origin();
    face.model().reset(now);
    StatusCode::NO_CONTENT
}
