//! A person's order: checked for its form here, and given to the driver, which decides.

use super::App;
use super::body::parsed;
use super::error::ApiError;
use crate::policy::{ChannelKey, Order, Refusal, TenantId};
use crate::supervisor::OrderError;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Who gives an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Giver {
    /// Whoever shows the operator's token.
    Token,
    /// The user at the other end of the control socket; `None` where the system does not tell.
    Uid(Option<u32>),
}

impl Giver {
    pub(super) fn name(self) -> String {
        match self {
            Self::Token => "token".to_owned(),
            Self::Uid(Some(uid)) => format!("uid:{uid}"),
            Self::Uid(None) => "uid:unknown".to_owned(),
        }
    }
}

/// The optional body of a pause.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    for_seconds: Option<u64>,
}

/// The optional body of a resume.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    #[serde(default)]
    tenant: Option<String>,
}

/// The body of a failover.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    to: String,
    #[serde(default)]
    force: bool,
}

/// The body of a maintenance.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Maintenance {
    for_seconds: u64,
    reason: String,
}

/// The optional body of a failback.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Home {
    #[serde(default)]
    force: bool,
}

pub(super) type Answer = Result<Json<Value>, ApiError>;
pub(super) type Body = Result<Bytes, BytesRejection>;
type ChannelPath = Result<Path<(String, String)>, PathRejection>;

pub(super) async fn pause(State(app): State<Arc<App>>, giver: Extension<Giver>, body: Body) -> Answer {
    let expected = r#"{"tenant": "NAME", "for_seconds": 3600}, either or nothing"#;
    let Pause { tenant, for_seconds } = optional(body, expected)?;
    let tenant = tenant.map(TenantId::from);
    let order = match for_seconds {
        None => Order::Pause { tenant },
        Some(seconds) => Order::PauseFor { tenant, lasts: lasts(seconds)? },
    };
    give(&app, giver.0, order).await
}

pub(super) async fn resume(State(app): State<Arc<App>>, giver: Extension<Giver>, body: Body) -> Answer {
    let Scope { tenant } = optional(body, r#"{"tenant": "NAME"} or nothing"#)?;
    let tenant = tenant.map(TenantId::from);
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

pub(super) async fn failover(
    State(app): State<Arc<App>>,
    giver: Extension<Giver>,
    path: ChannelPath,
    body: Body,
) -> Answer {
    let channel = key(path)?;
    let Move { to, force } = parsed(&read(body)?, r#"{"to": "CHANNEL", "force": false}, force or not"#)?;
    give(&app, giver.0, Order::Failover { channel, to: to.into(), force }).await
}

pub(super) async fn failback(
    State(app): State<Arc<App>>,
    giver: Extension<Giver>,
    path: ChannelPath,
    body: Body,
) -> Answer {
    let channel = key(path)?;
    let Home { force } = optional(body, r#"{"force": true} or nothing"#)?;
    give(&app, giver.0, Order::Failback { channel, force }).await
}

pub(super) async fn start_maintenance(
    State(app): State<Arc<App>>,
    giver: Extension<Giver>,
    path: ChannelPath,
    body: Body,
) -> Answer {
    let channel = key(path)?;
    let Maintenance { for_seconds, reason } = parsed(&read(body)?, r#"{"for_seconds": 7200, "reason": "…"}"#)?;
    give(&app, giver.0, Order::StartMaintenance { channel, lasts: lasts(for_seconds)?, reason }).await
}

pub(super) async fn end_maintenance(State(app): State<Arc<App>>, giver: Extension<Giver>, path: ChannelPath) -> Answer {
    let channel = key(path)?;
    give(&app, giver.0, Order::EndMaintenance { channel }).await
}

async fn give(app: &App, giver: Giver, order: Order) -> Answer {
    match app.orders.give(order, giver.name()).await {
        Ok(()) => Ok(Json(json!({"done": true}))),
        Err(OrderError::Refused(why)) => Err(refused(why)),
        Err(OrderError::Stopping) => Err(ApiError::Stopping),
        Err(why @ (OrderError::Unwritten(_) | OrderError::NotOnDisk)) => Err(ApiError::NotOnDisk(why.to_string())),
    }
}

/// What does not exist is told as everywhere else; the rest is the rules' word.
fn refused(why: Refusal) -> ApiError {
    match why {
        Refusal::UnknownTenant(tenant) => ApiError::NoSuchTenant(short(tenant.as_str())),
        Refusal::UnknownChannel(key) => ApiError::NotConfigured(short(&key.to_string())),
        Refusal::NothingToDo(why) | Refusal::Forbidden(why) => ApiError::Refused(why),
    }
}

/// A name as long as it is worth showing.
fn short(name: &str) -> String {
    name.chars().take(100).collect()
}

/// A time that an order may last: from a second to a year.
fn lasts(seconds: u64) -> Result<Duration, ApiError> {
    let longest = crate::config::LONGEST_MS / 1000;
    if seconds == 0 || seconds > longest {
        return Err(ApiError::Body(format!("`for_seconds` must be from 1 to {longest}")));
    }
    Ok(Duration::from_secs(seconds))
}

pub(super) fn optional<T: DeserializeOwned + Default>(body: Body, expected: &str) -> Result<T, ApiError> {
    let body = read(body)?;
    if body.trim_ascii().is_empty() { Ok(T::default()) } else { parsed(&body, expected) }
}

pub(super) fn read(body: Body) -> Result<Bytes, ApiError> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Body("it could not be read".to_owned()),
    })
}

fn key(path: ChannelPath) -> Result<ChannelKey, ApiError> {
    let Path((tenant, channel)) = path.map_err(|_| ApiError::Path)?;
    Ok(ChannelKey::new(tenant, channel))
}
