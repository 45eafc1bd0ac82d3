//! What stands around every answer: who may write, how long it may take, which headers it carries.

use super::App;
use super::access::NotAccepted;
use super::error::ApiError;
use super::host::{self, Called};
use super::orders::{self, Giver};
use super::places::{Errand, Peer};
use super::query::{Pairs, Parameters};
use super::refused::Refused;
use crate::config::MIN_TOKEN_LENGTH;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take to begin.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The same where the answer waits for the platform.
const LONG_TIME_LIMIT: Duration = Duration::from_secs(150);

/// Nothing from elsewhere, nothing inline, no frames: the page needs its own style, script and address only.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Lets a request pass that shows the operator's token.
pub(super) async fn operator_token(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::User(None));
    app.access.operator(peer, bearer(request.headers())).await.map_err(|why| match why {
        NotAccepted::None => ApiError::WritesRefused,
        NotAccepted::TooShort => ApiError::TokenTooShort(MIN_TOKEN_LENGTH),
        NotAccepted::Wrong => ApiError::Unauthorised,
        NotAccepted::Guessing(left) => ApiError::Guessing(left.as_secs() + 1),
    })?;
    request.extensions_mut().insert(Giver::Token);
    Ok(next.run(request).await)
}

/// Lets a request pass that calls us by a name of ours, and not from a page of another site. Probes always pass: what they
/// tell is no secret, and a load balancer calls them by whatever name.
pub(super) async fn called(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, ApiError> {
    let is_probe = Errand::of(request.uri().path()) == Errand::Probe;
    let called = if is_probe {
        host::one(request.headers()).map(drop)
    } else {
        host::check(request.method(), request.uri(), request.headers(), &app.access.hosts())
    };
    let refuse = |why, error| {
        app.access.refusals().count(why);
        Err(error)
    };
    match called {
        Ok(()) => Ok(next.run(request).await),
        Err(Called::Oddly(why)) => Err(ApiError::Odd(why)),
        Err(Called::Foreign(name)) => refuse(Refused::Host, ApiError::Host(name)),
        Err(Called::CrossSite) => refuse(Refused::CrossSite, ApiError::CrossSite),
    }
}

/// Refuses a request with a parameter, where none is known.
pub(super) async fn no_parameters(pairs: Pairs, request: Request, next: Next) -> Result<Response, ApiError> {
    Parameters::new(pairs, &[])?;
    Ok(next.run(request).await)
}

/// The body of an order that has nothing to say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Refuses an order with a body that says something, where nothing is taken from it.
pub(super) async fn no_body(request: Request, next: Next) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let body = Bytes::from_request(Request::from_parts(head.clone(), body), &()).await;
    let Nothing {} = orders::optional(body, "nothing or {}")?;
    Ok(next.run(Request::from_parts(head, Body::empty())).await)
}

/// Ends a request whose answer does not begin in time.
pub(super) async fn time_limit(request: Request, next: Next) -> Result<Response, ApiError> {
    within(TIME_LIMIT, request, next).await
}

/// The same for an answer that waits for the platform: a bridge's deadline and read-back fit in.
pub(super) async fn long_time_limit(request: Request, next: Next) -> Result<Response, ApiError> {
    within(LONG_TIME_LIMIT, request, next).await
}

async fn within(limit: Duration, request: Request, next: Next) -> Result<Response, ApiError> {
    let is_order = !request.method().is_safe();
    let late = |_| if is_order { ApiError::OrderTimeout(limit.as_secs()) } else { ApiError::Timeout(limit.as_secs()) };
    tokio::time::timeout(limit, next.run(request)).await.map_err(late)
}

/// Puts the security headers on, and keeps what changes out of caches.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let asset = request.uri().path().starts_with("/assets/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    let cache = if asset { "max-age=300" } else { "no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// The answer where a handler panicked. What it said may hold anything, so it goes nowhere.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    tracing::error!("a request handler panicked");
    ApiError::Internal.into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
