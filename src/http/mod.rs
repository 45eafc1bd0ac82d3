//! What people and Prometheus see: the status page, the API, the probes and `/metrics`.
//!
//! Reads the snapshot, the counters and the journal's entries, and nothing else; a person's order goes to the driver as an
//! event like any other. Must never: touch the engine or the platform, take an order over TCP without the operator's
//! token, or answer with more than a bound.

mod access;
mod api;
mod audit;
mod body;
mod bridge;
mod connection;
mod error;
mod face;
mod guard;
mod guesses;
mod host;
mod metrics;
mod orders;
mod outbox;
mod page;
mod places;
mod probes;
mod provisioning;
mod query;
mod reads;
mod refused;
mod serve;
mod stranded;
pub mod views;

pub use access::{Access, Allowed};
pub use audit::{AcceptOrder, AuditSource, CheckpointSource, CheckpointView};
pub use guesses::Report as GuessReport;
pub use outbox::OutboxView;
pub use reads::Reads;
pub use serve::{bind_control, serve_control, serve_tcp};

use crate::calls::Switchboard;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::delivery::Delivery;
use crate::provision::Desk;
use crate::snapshot::SnapshotCell;
use crate::supervisor::{Liveness, Orders};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use error::ApiError;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

/// A request's body is at most this long, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// What the router answers from.
#[derive(Clone)]
pub struct App {
    /// The daemon's state, as last published.
    pub snapshot: SnapshotCell,
    /// What is counted as it happens.
    pub counters: Counters,
    /// Whether the driver's loop is alive.
    pub liveness: Liveness,
    /// The daemon's clock.
    pub clock: Clock,
    /// The way to the driver.
    pub orders: Orders,
    /// The way to whoever brings about what is desired; `None`: there is nobody.
    pub provisioning: Option<Desk>,
    /// Bridges calls; `None`: nothing does.
    pub switchboard: Option<Switchboard>,
    /// Where audit entries are read; `None`: there is no journal.
    pub audit: Option<AuditSource>,
    /// Where the newest signed checkpoint is read; `None`: there is no journal.
    pub checkpoint: Option<CheckpointSource>,
    /// Who may come in over TCP, and what for.
    pub access: Access,
    /// What is read for people.
    pub reads: Reads,
    /// Where a person's acceptance of the log goes; `None`: there is no journal.
    pub accept: Option<AcceptOrder>,
    /// What leaves through the outbox; `None`: nothing does.
    pub delivery: Option<Delivery>,
}

/// The face on TCP: everything to read, and writes for whoever shows the operator's token.
pub fn public(app: Arc<App>) -> Router {
    let token = || from_fn_with_state(Arc::clone(&app), guard::operator_token);
    let (writes, waiting) = (writes().route_layer(token()), waiting().route_layer(token()));
    finish(reads().merge(writes), waiting, Arc::clone(&app)).layer(from_fn_with_state(app, guard::called))
}

/// The face on the control socket: the socket's mode is what authorises, and the peer's uid is the actor. Only
/// [`serve_control`] tells it the uid; without one, orders are not taken.
pub fn control(app: Arc<App>) -> Router {
    finish(reads().merge(writes()), waiting(), app)
}

fn reads() -> Router<Arc<App>> {
    // What is looked at as it is, by whatever name a balancer or a cache adds to it.
    let seen = Router::new()
        .route("/assets/page.css", get(page::css))
        .route("/assets/page.js", get(page::js))
        .route("/metrics", get(metrics::scrape))
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz));
    // Each knows its own parameters.
    let searched = Router::new()
        .route("/", get(page::whole))
        .route("/live", get(page::live))
        .route("/api/v1/channels", get(api::channels))
        .route("/api/v1/audit", get(audit::entries))
        .route("/api/v1/outbox", get(outbox::list));
    let plain = Router::new()
        .route("/api/v1/tenants", get(api::tenants))
        .route("/api/v1/channels/{tenant}/{id}", get(api::channel))
        .route("/api/v1/provisioning", get(provisioning::overview))
        .route("/api/v1/provisioning/runs/{run}", get(provisioning::run))
        .route("/api/v1/audit/checkpoint", get(audit::checkpoint));
    seen.merge(searched).merge(plain.route_layer(from_fn(guard::no_parameters)))
}

fn writes() -> Router<Arc<App>> {
    with_body().merge(without_body().route_layer(from_fn(guard::no_body))).route_layer(from_fn(guard::no_parameters))
}

fn with_body() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/pause", post(orders::pause))
        .route("/api/v1/outbox/retry", post(outbox::retry))
        .route("/api/v1/outbox/drop", post(outbox::give_up))
        .route("/api/v1/resume", post(orders::resume))
        .route("/api/v1/provisioning/plan", post(provisioning::plan))
        .route("/api/v1/provisioning/apply", post(provisioning::apply))
        .route("/api/v1/provisioning/adopt", post(provisioning::adopt))
        .route("/api/v1/channels/{tenant}/{id}/failover", post(orders::failover))
        .route("/api/v1/channels/{tenant}/{id}/failback", post(orders::failback))
        .route("/api/v1/channels/{tenant}/{id}/maintenance", post(orders::start_maintenance))
}

fn without_body() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/audit/accept", post(audit::accept))
        .route("/api/v1/tenants/{tenant}/approve", post(orders::approve_mass))
        .route("/api/v1/channels/{tenant}/{id}/approve", post(orders::approve))
        .route("/api/v1/channels/{tenant}/{id}/acknowledge", post(orders::acknowledge))
        .route("/api/v1/channels/{tenant}/{id}/maintenance/end", post(orders::end_maintenance))
}

/// Writes that are answered with what came of them on the platform.
fn waiting() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/tenants/{tenant}/calls/{call}/bridge", post(bridge::bridge))
        .route_layer(from_fn(guard::no_parameters))
}

fn finish(routes: Router<Arc<App>>, waiting: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .layer(from_fn(guard::time_limit))
        .merge(waiting.layer(from_fn(guard::long_time_limit)))
        .fallback(|| async { ApiError::NoSuchPath })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .with_state(app)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CompressionLayer::new())
        .layer(from_fn(guard::headers))
        .layer(CatchPanicLayer::custom(guard::panicked))
}
