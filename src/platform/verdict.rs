//! The table of statuses: what an answer that is no success, or no answer at all, means to the caller.

use super::backoff;
use super::endpoint::Endpoint;
use super::error::{ErrorClass, PlatformError};
use super::scrub;
use super::transport::{Response, TransportError};
use crate::policy::{LookError, WallMs};

/// An answer outside 2xx. `secrets` are masked in the platform's own words.
pub fn of_status(
    endpoint: Endpoint,
    attempted: &str,
    response: &Response,
    secrets: &[&str],
    wall: WallMs,
) -> PlatformError {
    let status = response.status.as_u16();
    let (class, look) = sort(endpoint, status);
    let mut message = format!("{status}: {}", advice(endpoint, class, status));
    if let Some(said) = scrub::error_text(&response.body, secrets) {
        message = format!("{message} The platform says: {said}");
    }
    let retry_after = matches!(status, 429 | 503).then(|| backoff::retry_after(&response.headers, wall)).flatten();
    PlatformError {
        class,
        look,
        status: Some(status),
        attempted: attempted.to_owned(),
        message,
        retry_after,
        sent: true,
    }
}

/// No complete answer.
pub fn of_transport(endpoint: Endpoint, attempted: &str, error: &TransportError) -> PlatformError {
    let (look, sent, lost) = match error {
        TransportError::Connect(_) => (LookError::Connect, false, ErrorClass::Retryable),
        TransportError::Timeout => (LookError::Timeout, true, ErrorClass::Retryable),
        TransportError::Reset(_) => (LookError::Connect, true, ErrorClass::Retryable),
        TransportError::TooLarge { .. } => (LookError::Malformed, true, ErrorClass::Fatal),
    };
    let unknown = endpoint.is_change() && sent;
    let class = if unknown { ErrorClass::UnknownOutcome } else { lost };
    let doing = match (unknown, endpoint) {
        (false, _) => "",
        (true, Endpoint::Create) => "; the channel may have been created: read the list back",
        (true, of_call) if of_call.is_of_call() => "; the bridge may have been made: look at the call",
        (true, _) => "; the change may have been made: read the channel back",
    };
    let message = scrub::shown(&format!("{error}{doing}"), &[]);
    PlatformError { class, look, status: None, attempted: attempted.to_owned(), message, retry_after: None, sent }
}

/// A success whose body is not what the contract says. `why` must not quote the body.
pub fn of_shape(endpoint: Endpoint, attempted: &str, status: u16, why: String) -> PlatformError {
    let class = if endpoint.is_change() { ErrorClass::UnknownOutcome } else { ErrorClass::Fatal };
    PlatformError {
        class,
        look: LookError::Malformed,
        status: Some(status),
        attempted: attempted.to_owned(),
        message: why,
        retry_after: None,
        sent: true,
    }
}

/// The code of a failed exchange in metrics.
pub const fn code(error: &TransportError) -> &'static str {
    match error {
        TransportError::Connect(_) => "connect",
        TransportError::Timeout => "timeout",
        TransportError::Reset(_) => "reset",
        TransportError::TooLarge { .. } => "too_large",
    }
}

fn sort(endpoint: Endpoint, status: u16) -> (ErrorClass, LookError) {
    let failed = if endpoint.is_change() { ErrorClass::UnknownOutcome } else { ErrorClass::Retryable };
    match status {
        404 | 405 | 501 if endpoint.is_optional() => (ErrorClass::Unsupported, LookError::Unexpected),
        400 | 401 | 403 if endpoint == Endpoint::Token => (ErrorClass::NotAuthorised, LookError::NotAuthorised),
        401 => (ErrorClass::NotAuthorised, LookError::NotAuthorised),
        403 => (ErrorClass::Forbidden, LookError::Forbidden),
        429 => (ErrorClass::Retryable, LookError::RateLimited),
        408 | 500..=599 => (failed, LookError::Server),
        _ if endpoint == Endpoint::Token => (ErrorClass::NotAuthorised, LookError::NotAuthorised),
        404 | 410 => (ErrorClass::NotFound, LookError::Unexpected),
        409 | 412 => (ErrorClass::Conflict, LookError::Unexpected),
        _ => (ErrorClass::Fatal, LookError::Unexpected),
    }
}

fn advice(endpoint: Endpoint, class: ErrorClass, status: u16) -> String {
    let fixed = match class {
        ErrorClass::NotAuthorised if endpoint == Endpoint::Token => {
            "the token endpoint grants no token; check client_id, client_secret, scopes and token_path."
        }
        ErrorClass::NotAuthorised => {
            "the platform does not accept a token just fetched; check the client's roles and the region of base_url."
        }
        ErrorClass::Forbidden => {
            return format!("the token lacks scope {}, or the role or the region is wrong.", endpoint.scope());
        }
        ErrorClass::NotFound if endpoint == Endpoint::Create => {
            "this tenant has no way to create channels, or paths.channels is configured wrongly."
        }
        ErrorClass::Conflict if endpoint == Endpoint::Create => {
            "the platform has something that stands against it; look for a channel of that name."
        }
        ErrorClass::NotFound if endpoint.is_of_call() => "the call is over, or there never was one of this id.",
        ErrorClass::Conflict if endpoint.is_of_call() => {
            "the call is bridged already, or being bridged by someone else."
        }
        ErrorClass::UnknownOutcome if endpoint.is_of_call() => {
            "the platform failed, and the bridge may have been made: look at the call."
        }
        ErrorClass::NotFound => "the platform has no such channel; check its id.",
        ErrorClass::Conflict => "someone else changed the channel; read it again and decide again.",
        ErrorClass::Unsupported => "this tenant has no such endpoint, or its path is configured wrongly.",
        ErrorClass::UnknownOutcome => "the platform failed, and the change may have been made: read the channel back.",
        ErrorClass::Retryable if status == 429 => {
            "over the platform's request limit; lower requests_per_minute if this goes on."
        }
        ErrorClass::Retryable => "the platform failed; it says nothing of the channel, and may work later.",
        ErrorClass::Withdrawn => "called back before it was sent; nothing was changed.",
        ErrorClass::Fatal if (300..400).contains(&status) => {
            "a redirect, which is never followed; set base_url to where the API really is."
        }
        ErrorClass::Fatal if status == 400 => "the platform refuses the request as malformed; it is not repeated.",
        ErrorClass::Fatal => "an answer that the contract does not know; it is not repeated.",
    };
    fixed.to_owned()
}
