//! What can be wrong with a request, and how that is told: `{"error": {"code", "message"}}`.
//!
//! A message says what, where and what to do; it never carries a secret or what the platform answered.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("there is nothing at this path: the API is under /api/v1, the status page at /")]
    NoSuchPath,
    #[error("this path does not take that method")]
    MethodNotAllowed,
    #[error("no tenant `{0}` is configured")]
    NoSuchTenant(String),
    #[error("no channel `{0}` is configured or watched")]
    NoSuchChannel(String),
    #[error("no channel `{0}` is configured")]
    NotConfigured(String),
    #[error("no such run: the daemon keeps the last 16, and forgets them when it stops")]
    NoSuchRun,
    #[error("query parameter `{name}`: {why}")]
    Query { name: String, why: String },
    #[error("the path is not percent-encoded UTF-8")]
    Path,
    #[error("the body: {0}")]
    Body(String),
    #[error("the body is longer than 65536 bytes")]
    TooLarge,
    #[error("writes over TCP are refused: set daemon.tokens.operator or use the control socket")]
    WritesRefused,
    #[error("writes over TCP are refused: the token of daemon.tokens.operator has fewer than {0} characters")]
    TokenTooShort(usize),
    #[error("too many wrong tokens came from this address: no token is accepted from it for another {0} s")]
    Guessing(u64),
    #[error("too many requests are being answered: try again in a moment")]
    Busy,
    #[error("the request is not valid HTTP: {0}")]
    Odd(&'static str),
    #[error("this daemon is not called `{0}`: use an address or localhost, or add the name to `hosts` of [daemon]")]
    Host(String),
    #[error(
        "this request comes from a page of another site; if that site is yours, add its name to `hosts` of [daemon]"
    )]
    CrossSite,
    #[error("this needs `Authorization: Bearer` with the operator's token (daemon.tokens.operator)")]
    Unauthorised,
    #[error("{0}")]
    Refused(String),
    #[error("the audit log matches what was signed: there is nothing to accept")]
    NothingToAccept,
    #[error("{0}")]
    NotOnDisk(String),
    #[error("the daemon is stopping; nothing was changed")]
    Stopping,
    #[error("no answer within {0} s: ask again in a moment")]
    Timeout(u64),
    #[error(
        "no answer within {0} s; the order may have been taken all the same: look at the status before repeating it"
    )]
    OrderTimeout(u64),
    #[error("the audit log cannot be read: {0}")]
    Audit(String),
    #[error("the outbox cannot be read or changed: {0}")]
    Outbox(String),
    #[error("there is no journal to read")]
    NoJournal,
    #[error("the audit log has no signed checkpoint yet")]
    NoCheckpoint,
    #[error("internal error: see the daemon's log")]
    Internal,
}

impl ApiError {
    const fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no_such_path"),
            Self::NoSuchTenant(_) => (StatusCode::NOT_FOUND, "no_such_tenant"),
            Self::NoSuchChannel(_) | Self::NotConfigured(_) => (StatusCode::NOT_FOUND, "no_such_channel"),
            Self::NoSuchRun => (StatusCode::NOT_FOUND, "no_such_run"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Query { .. } => (StatusCode::BAD_REQUEST, "bad_query"),
            Self::Path => (StatusCode::BAD_REQUEST, "bad_path"),
            Self::Body(_) => (StatusCode::BAD_REQUEST, "bad_body"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::WritesRefused | Self::TokenTooShort(_) => (StatusCode::FORBIDDEN, "writes_refused"),
            Self::Guessing(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_guesses"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Odd(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Host(_) => (StatusCode::FORBIDDEN, "unknown_host"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site"),
            Self::Unauthorised => (StatusCode::UNAUTHORIZED, "unauthorised"),
            Self::Refused(_) => (StatusCode::CONFLICT, "refused"),
            Self::NothingToAccept => (StatusCode::CONFLICT, "nothing_to_accept"),
            Self::NotOnDisk(_) => (StatusCode::SERVICE_UNAVAILABLE, "not_on_disk"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            Self::Audit(_) => (StatusCode::SERVICE_UNAVAILABLE, "audit_unreadable"),
            Self::NoCheckpoint => (StatusCode::NOT_FOUND, "no_checkpoint"),
            Self::Outbox(_) => (StatusCode::SERVICE_UNAVAILABLE, "outbox_unusable"),
            Self::NoJournal => (StatusCode::SERVICE_UNAVAILABLE, "no_journal"),
            Self::Timeout(_) | Self::OrderTimeout(_) => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let body = serde_json::json!({"error": {"code": code, "message": self.to_string()}});
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let wait = match self {
            Self::Guessing(seconds) => Some(seconds),
            Self::Busy => Some(1),
            _ => None,
        };
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
