//! `/api/v1/tenants` and `/api/v1/channels`: the snapshot, filtered and paged.

use super::App;
use super::error::ApiError;
use super::query::{Pairs, Parameters, bad};
use super::views::{ChannelLine, ChannelView, ChannelsView, DaemonView, TenantView, TenantsView};
use crate::clock::rfc3339;
use crate::policy::ChannelKey;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::ops::Bound;
use std::sync::Arc;

pub(super) async fn tenants(State(app): State<Arc<App>>) -> Json<TenantsView> {
    let snapshot = app.snapshot.read();
    Json(TenantsView {
        daemon: DaemonView::of(&snapshot),
        tenants: snapshot.tenants.iter().map(|(id, t)| TenantView::of(id, t)).collect(),
    })
}

pub(super) async fn channels(State(app): State<Arc<App>>, pairs: Pairs) -> Result<Json<ChannelsView>, ApiError> {
    let p = Parameters::new(pairs, &["tenant", "health", "limit", "after"])?;
    let (tenant, health, limit) = (p.text("tenant"), p.health("health")?, p.limit(100, 1000)?);
    let start = p.text("after").map(cursor_to_key).transpose()?.map_or(Bound::Unbounded, Bound::Excluded);
    let snapshot = app.snapshot.read();
    if let Some(name) = tenant
        && !snapshot.tenants.contains_key(name)
    {
        return Err(ApiError::NoSuchTenant(name.chars().take(100).collect()));
    }
    let mut matching = snapshot
        .channels
        .range((start, Bound::Unbounded))
        .filter(|(key, c)| tenant.is_none_or(|t| key.tenant.as_str() == t) && health.is_none_or(|h| c.health == h));
    let now = app.clock.now();
    let page: Vec<_> = matching.by_ref().take(limit).collect();
    let more = matching.next().is_some();
    let next = page.last().filter(|_| more).map(|(key, _)| key_to_cursor(key));
    Ok(Json(ChannelsView {
        taken_at: rfc3339(snapshot.taken_at),
        channels: page.into_iter().map(|(_, c)| ChannelLine::of(c, now)).collect(),
        next,
    }))
}

pub(super) async fn channel(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<ChannelView>, ApiError> {
    let Path((tenant, id)) = path.map_err(|_| ApiError::Path)?;
    let key = ChannelKey::new(tenant, id);
    let snapshot = app.snapshot.read();
    let report = snapshot.channels.get(&key).ok_or_else(|| ApiError::NoSuchChannel(key.to_string()))?;
    Ok(Json(ChannelView::of(&snapshot, report, app.clock.now())))
}

/// Opaque to clients, and unambiguous whatever characters a name has.
fn key_to_cursor(key: &ChannelKey) -> String {
    let part = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    format!("{}/{}", part(key.tenant.as_str()), part(key.channel.as_str()))
}

fn cursor_to_key(cursor: &str) -> Result<ChannelKey, ApiError> {
    let wrong = || bad("after", "expected the `next` of the page before");
    let part = |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| wrong());
    let (tenant, channel) = cursor.split_once('/').ok_or_else(wrong)?;
    Ok(ChannelKey::new(part(tenant)?, part(channel)?))
}
