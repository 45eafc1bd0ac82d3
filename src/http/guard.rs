//! What stands around every answer: who may write, how long it may take, which headers it carries.

use super::App;
use super::error::ApiError;
use super::orders::Giver;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

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
    let expected = app.operator_token.as_ref().ok_or(ApiError::WritesRefused)?;
    let shown = bearer(request.headers()).ok_or(ApiError::Unauthorised)?;
    // Digests are of one length, so the comparison tells neither the token's length nor where it differs.
    let same = Sha256::digest(expected.expose_secret().as_bytes()).ct_eq(&Sha256::digest(shown.as_bytes()));
    if !bool::from(same) {
        return Err(ApiError::Unauthorised);
    }
    request.extensions_mut().insert(Giver::Token);
    Ok(next.run(request).await)
}

/// Ends a request whose answer does not begin in time.
pub(super) async fn time_limit(request: Request, next: Next) -> Result<Response, ApiError> {
    tokio::time::timeout(TIME_LIMIT, next.run(request)).await.map_err(|_| ApiError::Timeout(TIME_LIMIT.as_secs()))
}

/// The same for an answer that waits for the platform: a bridge's deadline and read-back fit in.
pub(super) async fn long_time_limit(request: Request, next: Next) -> Result<Response, ApiError> {
    tokio::time::timeout(LONG_TIME_LIMIT, next.run(request))
        .await
        .map_err(|_| ApiError::Timeout(LONG_TIME_LIMIT.as_secs()))
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
