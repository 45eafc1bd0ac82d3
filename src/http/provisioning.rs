//! `/api/v1/provisioning`: what is desired and differs, and people's orders about it. An order is answered with the number
//! of its run, whose result is fetched when it is there.

use super::App;
use super::body::parsed;
use super::error::ApiError;
use super::orders::{Answer, Body, Giver, optional, read};
use crate::policy::{Actor, TenantId};
use crate::provision::{Desk, DeskError, Order, Overview, Run};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The optional body of a plan.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    #[serde(default)]
    tenant: Option<String>,
}

/// The optional body of an apply.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Apply {
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    fingerprint: Option<String>,
}

/// The body of an adoption.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Adopt {
    #[serde(default)]
    tenant: Option<String>,
    name: String,
    id: String,
}

pub(super) async fn overview(State(app): State<Arc<App>>) -> Result<Json<Overview>, ApiError> {
    Ok(Json(desk(&app)?.overview()))
}

pub(super) async fn run(
    State(app): State<Arc<App>>,
    path: Result<Path<u64>, PathRejection>,
) -> Result<Json<Run>, ApiError> {
    let Path(number) = path.map_err(|_| ApiError::NoSuchRun)?;
    desk(&app)?.run(number).map(Json).ok_or(ApiError::NoSuchRun)
}

pub(super) async fn plan(State(app): State<Arc<App>>, body: Body) -> Answer {
    let Scope { tenant } = optional(body, r#"{"tenant": "NAME"} or nothing"#)?;
    let tenant = known(&app, tenant)?;
    give(&app, Order::Plan { tenant })
}

pub(super) async fn apply(State(app): State<Arc<App>>, giver: Extension<Giver>, body: Body) -> Answer {
    let expected = r#"{"tenant": "NAME", "fingerprint": "of the plan that was shown"}, either or nothing"#;
    let Apply { tenant, fingerprint } = optional(body, expected)?;
    let tenant = known(&app, tenant)?;
    give(&app, Order::Apply { tenant, expected: fingerprint, who: actor(giver.0) })
}

pub(super) async fn adopt(State(app): State<Arc<App>>, giver: Extension<Giver>, body: Body) -> Answer {
    let Adopt { tenant, name, id } =
        parsed(&read(body)?, r#"{"name": "NAME", "id": "ID", "tenant": "NAME"}, tenant or not"#)?;
    let tenant = known(&app, tenant)?;
    give(&app, Order::Adopt { tenant, name, id: id.into(), who: actor(giver.0) })
}

fn desk(app: &App) -> Result<&Desk, ApiError> {
    app.provisioning.as_ref().ok_or(ApiError::NoSuchPath)
}

fn give(app: &App, order: Order) -> Answer {
    match desk(app)?.give(order) {
        Ok(run) => Ok(Json(json!({ "run": run }))),
        Err(DeskError::Stopping) => Err(ApiError::Stopping),
        Err(busy @ DeskError::Busy) => Err(ApiError::Refused(busy.to_string())),
    }
}

fn known(app: &App, tenant: Option<String>) -> Result<Option<TenantId>, ApiError> {
    match tenant {
        Some(name) if !app.snapshot.read().tenants.contains_key(name.as_str()) => {
            Err(ApiError::NoSuchTenant(name.chars().take(100).collect()))
        }
        tenant => Ok(tenant.map(TenantId::from)),
    }
}

fn actor(giver: Giver) -> String {
    Actor::Operator(giver.name()).to_string()
}
