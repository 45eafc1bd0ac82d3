//! `POST /api/v1/tenants/{tenant}/calls/{call}/bridge`: a person's order of a bridge, given to the switchboard.
//!
//! The body is the contract's without `callId`; an `Idempotency-Key` makes a repetition within a day the same operation.
//! The answer comes with the outcome, and carries it whole; its status says what to do:
//!
//! | status | code | what it tells |
//! |---|---|---|
//! | 200 | | bridged |
//! | 400 | `bad_body` | the body is no request of a bridge |
//! | 403 | `forbidden` | the token for bridging lacks a scope or a role |
//! | 404 | `no_such_tenant`, `no_bridging`, `call_over` | nothing there to bridge |
//! | 409 | `refused`, `already_bridged`, `still_open` | held, or the call or the key is taken |
//! | 422 | `invalid_bridge`, `too_many_legs`, `key_reused` | the request is wrong: `errors` names every field |
//! | 502 | `not_authorised`, `platform_refused` | the platform said no |
//! | 503 | `not_sent`, `busy`, `no_journal`, `stopping` | nothing was sent; later may work |
//! | 504 | `unknown_outcome` | it may have been made: look before repeating |

use super::App;
use super::body::{objects_inside, parsed};
use super::error::ApiError;
use super::orders::Giver;
use crate::calls::{Failure, IdempotencyKey, Order, Outcome, Refusal, Request, Settled};
use crate::policy::{Actor, TenantId};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

const KEY: &str = "idempotency-key";
const EXPECTED: &str = r#"{"targets": [{"type": "phone", "value": "+12025550100"}], "direction": "transfer"}, with bridgeMatrix and dtmf or not"#;

pub(super) async fn bridge(
    State(app): State<Arc<App>>,
    giver: Extension<Giver>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Path((tenant, call)) = path.map_err(|_| ApiError::Path)?;
    let switchboard = app.switchboard.as_ref().ok_or(ApiError::NoSuchPath)?;
    let body = super::orders::read(body)?;
    let request: Request = parsed(&body, EXPECTED)?;
    objects_inside(&body, &["targets", "bridgeMatrix"], EXPECTED)?;
    let key = match headers.get(KEY) {
        None => None,
        Some(key) => Some(key.to_str().map_err(|_| "").and_then(IdempotencyKey::new).map_err(|_| ApiError::Query {
            name: KEY.to_owned(),
            why: "must have 1 to 255 visible ASCII characters".to_owned(),
        })?),
    };
    let actor = Actor::Operator(giver.0.name());
    let order = Order { tenant: TenantId::from(tenant.as_str()), call, request, key, actor };
    Ok(match switchboard.bridge(order).await {
        Ok(settled) => told(&settled),
        Err(refusal) => refused(&refusal),
    })
}

fn told(settled: &Settled) -> Response {
    let mut body = serde_json::to_value(settled).unwrap_or(Value::Null);
    let (status, code) = match &settled.outcome {
        Outcome::Completed { .. } => (StatusCode::OK, None),
        Outcome::Failed { failure, .. } => failed(*failure),
        Outcome::Unknown { .. } => (StatusCode::GATEWAY_TIMEOUT, Some("unknown_outcome")),
    };
    body["message"] = json!(settled.to_string());
    if let Some(code) = code {
        body["error"] = json!({ "code": code, "message": settled.to_string() });
    }
    (status, Json(body)).into_response()
}

const fn failed(failure: Failure) -> (StatusCode, Option<&'static str>) {
    let (status, code) = match failure {
        Failure::TooManyLegs => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_legs"),
        Failure::CallOver => (StatusCode::NOT_FOUND, "call_over"),
        Failure::AlreadyBridged => (StatusCode::CONFLICT, "already_bridged"),
        Failure::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
        Failure::NotAuthorised => (StatusCode::BAD_GATEWAY, "not_authorised"),
        Failure::Refused => (StatusCode::BAD_GATEWAY, "platform_refused"),
        Failure::NotSent => (StatusCode::SERVICE_UNAVAILABLE, "not_sent"),
    };
    (status, Some(code))
}

fn refused(refusal: &Refusal) -> Response {
    let (status, code) = match refusal {
        Refusal::NoTenant(_) => (StatusCode::NOT_FOUND, "no_such_tenant"),
        Refusal::NoBridging(_) => (StatusCode::NOT_FOUND, "no_bridging"),
        Refusal::Held(_) | Refusal::RescuedBefore => (StatusCode::CONFLICT, "refused"),
        Refusal::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_bridge"),
        Refusal::KeyReused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "key_reused"),
        Refusal::StillOpen(_) => (StatusCode::CONFLICT, "still_open"),
        Refusal::TooMany => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        Refusal::Journal(_) => (StatusCode::SERVICE_UNAVAILABLE, "no_journal"),
        Refusal::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    };
    let mut body = json!({ "error": { "code": code, "message": refusal.to_string() } });
    if let Refusal::Invalid(faults) = refusal {
        body["errors"] = json!(faults);
    }
    (status, Json(body)).into_response()
}
