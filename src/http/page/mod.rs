//! The status page: rendered here, readable without scripts, refreshed in place with them.
//!
//! `/` is the whole page, `/live` the part of it that changes. Shows at most 500 channels, the worst first, and says how
//! many it leaves out. Everything is escaped by the templates.

mod model;
mod words;

use super::error::ApiError;
use super::query::{Pairs, Parameters};
use super::{App, Reads};
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse};
use model::{Filter, Live};
use std::sync::Arc;

/// The page around what changes.
#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    version: &'static str,
    tenants: Vec<String>,
    filter: Filter,
    live: Live,
}

/// What changes.
#[derive(Template)]
#[template(path = "live.html")]
struct Fragment {
    live: Live,
}

pub(super) async fn whole(State(app): State<Arc<App>>, pairs: Pairs) -> Result<Html<String>, ApiError> {
    let filter = filter(&app, pairs)?;
    rendered(app.reads.clone(), move || {
        let tenants = app.snapshot.read().tenants.keys().map(ToString::to_string).collect();
        let live = Live::of(&app, &filter);
        Page { version: env!("CARGO_PKG_VERSION"), tenants, filter, live }.render()
    })
    .await
}

pub(super) async fn live(State(app): State<Arc<App>>, pairs: Pairs) -> Result<Html<String>, ApiError> {
    let filter = filter(&app, pairs)?;
    rendered(app.reads.clone(), move || Fragment { live: Live::of(&app, &filter) }.render()).await
}

pub(super) async fn css() -> impl IntoResponse {
    asset("text/css; charset=utf-8", include_str!("../assets/page.css"))
}

pub(super) async fn js() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", include_str!("../assets/page.js"))
}

fn asset(kind: &'static str, text: &'static str) -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, kind)], text)
}

fn filter(app: &App, pairs: Pairs) -> Result<Filter, ApiError> {
    let p = Parameters::new(pairs, &["tenant", "health"])?;
    let snapshot = app.snapshot.read();
    // Nothing in sight of a tenant that does not exist would look like the loss of everything. At the start none is known.
    if let Some(name) = p.text("tenant")
        && snapshot.version > 0
        && !snapshot.tenants.contains_key(name)
    {
        return Err(ApiError::NoSuchTenant(name.chars().take(100).collect()));
    }
    Ok(Filter { tenant: p.text("tenant").unwrap_or_default().to_owned(), health: p.health("health")? })
}

/// Sorting a big installation and reading the journal take a moment that the driver's threads should not lose.
async fn rendered(
    reads: Reads,
    render: impl FnOnce() -> askama::Result<String> + Send + 'static,
) -> Result<Html<String>, ApiError> {
    let text = reads.run(|_| render()).await?;
    text.map(Html).map_err(|_| ApiError::Internal)
}
