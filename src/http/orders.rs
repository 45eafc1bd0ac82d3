//! A person's order: checked for its form here, and given to the driver, which decides.

use super::App;
use super::error::ApiError;
use crate::policy::{ChannelKey, Order, TenantId};
use crate::supervisor::OrderError;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Who gives an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Giver {
    /// Whoever shows the operator's token.
    Token,
    /// The user at the other end of the control socket; `None` where the system does not tell.
    Uid(Option<u32>),
}

impl Giver {
    fn name(self) -> String {
        match self {
            Self::Token => "token".to_owned(),
            Self::Uid(Some(uid)) => format!("uid:{uid}"),
            Self::Uid(None) => "uid:unknown".to_owned(),
        }
    }
}

/// The optional body of a pause or resume.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    #[serde(default)]
    tenant: Option<String>,
}

type Answer = Result<Json<Value>, ApiError>;
type Body = Result<Bytes, BytesRejection>;
type ChannelPath = Result<Path<(String, String)>, PathRejection>;

pub(super) async fn pause(State(app): State<Arc<App>>, giver: Extension<Giver>, body: Body) -> Answer {
    let tenant = scope(body)?;
    give(&app, giver.0, Order::Pause { tenant }).await
}

pub(super) async fn resume(State(app): State<Arc<App>>, giver: Extension<Giver>, body: Body) -> Answer {
    let tenant = scope(body)?;
    give(&app, giver.0, Order::Resume { tenant }).await
}

pub(super) async fn approve_mass(
    State(app): State<Arc<App>>,
    giver: Extension<Giver>,
    path: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(tenant) = path.map_err(|_| ApiError::Path)?;
    give(&app, giver.0, Order::ApproveMass { tenant: tenant.into() }).await
}

pub(super) async fn approve(State(app): State<Arc<App>>, giver: Extension<Giver>, path: ChannelPath) -> Answer {
    let channel = key(path)?;
    give(&app, giver.0, Order::Approve { channel }).await
}

pub(super) async fn acknowledge(State(app): State<Arc<App>>, giver: Extension<Giver>, path: ChannelPath) -> Answer {
    let channel = key(path)?;
    give(&app, giver.0, Order::Acknowledge { channel }).await
}

async fn give(app: &App, giver: Giver, order: Order) -> Answer {
    match app.orders.give(order, giver.name()).await {
        Ok(()) => Ok(Json(json!({"done": true}))),
        Err(OrderError::Refused(why)) => Err(ApiError::Refused(why.to_string())),
        Err(OrderError::Stopping) => Err(ApiError::Stopping),
    }
}

fn scope(body: Body) -> Result<Option<TenantId>, ApiError> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Body("it could not be read".to_owned()),
    })?;
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let scope: Scope = serde_json::from_slice(&body)
        .map_err(|e| ApiError::Body(format!("expected {{\"tenant\": \"NAME\"}} or nothing: {e}")))?;
    Ok(scope.tenant.map(TenantId::from))
}

fn key(path: ChannelPath) -> Result<ChannelKey, ApiError> {
    let Path((tenant, channel)) = path.map_err(|_| ApiError::Path)?;
    Ok(ChannelKey::new(tenant, channel))
}
