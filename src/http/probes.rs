//! `/healthz`: is the loop alive; `/readyz`: may it act. Neither waits for a poll.

use super::App;
use crate::snapshot::Snapshot;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// 503 where the driver's loop is late; 200 otherwise, with `degraded` where the journal cannot be written.
pub(super) async fn healthz(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let now = app.clock.now();
    let late = app.liveness.is_late(now);
    let writable = app.snapshot.read().journal_writable;
    let word = match (late, writable) {
        (true, _) => "late",
        (false, false) => "degraded",
        (false, true) => "ok",
    };
    let status = if late { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let age = app.liveness.age(now).as_secs_f64();
    (status, Json(json!({"status": word, "loop_age_seconds": age, "journal_writable": writable})))
}

/// 200 where the daemon could act on what it sees; 503 with the reasons otherwise.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let reasons = against(&app.snapshot.read());
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": reasons.is_empty(), "reasons": reasons})))
}

fn against(snapshot: &Snapshot) -> Vec<String> {
    if snapshot.version == 0 {
        return vec!["the daemon is starting".to_owned()];
    }
    let mut reasons = Vec::new();
    match &snapshot.unaccepted {
        Some(("contradicts", why)) => reasons.push(format!(
            "the audit log differs from what was signed ({why}): no actions until `trunkwarden audit accept`"
        )),
        _ if !snapshot.journal_writable => {
            reasons.push("the journal cannot be written: no actions until it can".to_owned());
        }
        _ => {}
    }
    if !snapshot.orphans_resolved {
        reasons.push("the last process left actions open, and they are not resolved yet".to_owned());
    }
    reasons
}
