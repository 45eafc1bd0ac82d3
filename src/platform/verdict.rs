//! The table of statuses: what an answer that is no success, or no answer at all, means to the caller; and whose answer it
//! is. The platform speaks JSON, or says nothing beside its status: a page is the word of something on the way (a proxy, a
//! gateway, a login page), which knows nothing of channels.

use super::endpoint::Endpoint;
use super::error::{ErrorClass, PlatformError};
use super::hints::{self, Age, MAX_RETRY_AFTER};
use super::raw::{Raw, decode};
use super::scrub;
use super::transport::{Response, TransportError};
use crate::policy::{LookError, WallMs};
use http::header;

/// A body of an answer outside 2xx that is longer is a page: the platform's own words are short.
const WORDS_BYTES: usize = 256 * 1024;

/// An answer outside 2xx. `secrets` are masked in the platform's own words.
pub fn of_status(
    endpoint: Endpoint,
    attempted: &str,
    response: &Response,
    secrets: &[&str],
    wall: WallMs,
) -> PlatformError {
    let status = response.status.as_u16();
    // What a cache has kept of a channel that was not there is no word of now.
    let kept = matches!(status, 404 | 410) && matches!(hints::age(&response.headers), Age::Of(_));
    let page = kept || is_page(response);
    let (class, look) = if page { of_way(endpoint, status) } else { sort(endpoint, status) };
    let mut message = match way(status, page, kept) {
        Some(whose) if tells_of_way(endpoint, status) => format!("{status}: {whose} {}", way_advice(class)),
        _ => format!("{status}: {}", advice(endpoint, class, status)),
    };
    if let Some(said) = scrub::error_text(&response.body, secrets).filter(|_| !page) {
        message = format!("{message} The platform says: {said}");
    }
    let waits = matches!(status, 429 | 500..=599);
    let retry_after = waits.then(|| hints::retry_after(&response.headers, wall)).flatten();
    let retry_after = retry_after.map(|wait| wait.min(MAX_RETRY_AFTER));
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

/// Whether an answer is a page, and so not the platform's word: HTML, or a body that is not JSON. An empty body is none.
pub fn is_page(response: &Response) -> bool {
    let kind = response.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (body, _) = decode(&response.body);
    if body.trim().is_empty() {
        return false;
    }
    let html = ["text/html", "application/xhtml"].iter().any(|html| kind.trim().to_ascii_lowercase().starts_with(html));
    html || body.len() > WORDS_BYTES || !Raw::document(&body).is_ok_and(Raw::is_json)
}

/// Whether an answer shows that the platform took the token: it answered the call by itself.
pub fn accepts_token(response: &Response) -> bool {
    match response.status.as_u16() {
        204 | 404 | 409 | 410 | 412 | 422 => !is_page(response),
        200..=299 | 400 => {
            // A byte order mark before the JSON costs nothing.
            let body = response.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&response.body);
            body.trim_ascii().first().is_some_and(|byte| b"{[".contains(byte))
        }
        _ => false,
    }
}

/// What a page says to the caller. A change that it answers may have been made before it, unless the status itself says
/// that the request was not passed on.
fn of_way(endpoint: Endpoint, status: u16) -> (ErrorClass, LookError) {
    let before = matches!(status, 307 | 308 | 405 | 407 | 411 | 413..=415 | 417 | 421 | 426 | 431 | 501 | 505 | 511);
    match status {
        401 | 409 | 412 | 429 => sort(endpoint, status),
        404 | 405 | 501 if endpoint.is_optional() => sort(endpoint, status),
        _ if endpoint == Endpoint::Token => (ErrorClass::Retryable, LookError::Malformed),
        _ if endpoint.is_change() && !before => (ErrorClass::UnknownOutcome, LookError::Malformed),
        407 | 500..=599 => (ErrorClass::Retryable, LookError::Server),
        403 | 404 | 410 => (ErrorClass::Retryable, LookError::Malformed),
        _ => (ErrorClass::Fatal, LookError::Malformed),
    }
}

/// Whose word it is, where it is not the platform's.
fn way(status: u16, page: bool, kept: bool) -> Option<&'static str> {
    match status {
        _ if kept => Some("an answer that a cache on the way has kept, and so not current."),
        407 => Some("the proxy on the way asks for credentials; check the tenant's `proxy`."),
        511 => Some("the network asks for a login before it lets anything through."),
        _ => page.then_some(
            "a page from something on the way (a proxy, a gateway, a load balancer), not the platform's own answer.",
        ),
    }
}

/// Whether such an answer is told as the way's: what is judged by its status is told by it.
const fn tells_of_way(endpoint: Endpoint, status: u16) -> bool {
    let no_list = matches!(status, 404 | 405 | 501) && endpoint.is_optional();
    !(no_list || matches!(status, 401 | 409 | 412 | 429))
}

const fn way_advice(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::UnknownOutcome => "The change may have been made: read it back.",
        _ => "It says nothing about the channel.",
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
        407 | 511 => (ErrorClass::Retryable, LookError::Server),
        408 | 500..=599 => (failed, LookError::Server),
        // Neither says that the request was not carried out before it was sent elsewhere.
        100..=199 | 300..=306 if endpoint.is_change() => (failed, LookError::Unexpected),
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
            "this tenant cannot create channels, or paths.channels is wrong."
        }
        ErrorClass::Conflict if endpoint == Endpoint::Create => {
            "the platform has something that conflicts with it; look for a channel of that name."
        }
        ErrorClass::NotFound if endpoint.is_of_call() => "the call has ended, or no call ever had this id.",
        ErrorClass::Conflict if endpoint.is_of_call() => "the call is already bridged, or someone else is bridging it.",
        ErrorClass::UnknownOutcome if endpoint.is_of_call() => {
            "the platform failed, and the bridge may have been made: look at the call."
        }
        ErrorClass::NotFound => "the platform has no such channel; check its id.",
        ErrorClass::Conflict => "someone else changed the channel first; read it again before changing it.",
        ErrorClass::Unsupported => "this tenant has no such endpoint, or its path is wrong.",
        _ if (300..400).contains(&status) => {
            "a redirect, which is never followed; set base_url to the API's real address."
        }
        ErrorClass::UnknownOutcome => "the platform failed, and the change may have been made: read the channel back.",
        ErrorClass::Retryable if status == 429 => {
            "over the platform's request limit; lower requests_per_minute if this goes on."
        }
        ErrorClass::Retryable => "the platform failed; this says nothing about the channel, and may pass.",
        ErrorClass::Withdrawn => "called back before it was sent; nothing was changed.",
        ErrorClass::Fatal if status == 400 => "the platform refuses the request as malformed; it is not repeated.",
        ErrorClass::Fatal => "an answer that the API's contract does not have; the request is not repeated.",
    };
    fixed.to_owned()
}
