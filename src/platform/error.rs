//! Errors of the platform and of the path to it, sorted by what the caller may do next.

use crate::policy::LookError;
use std::time::Duration;

/// What the caller may do next; the table of statuses in the platform's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// May work later: 429, 5xx, timeout, no connection. Nothing was changed.
    Retryable,
    /// Repeating cannot help: 400, an answer of the wrong shape.
    Fatal,
    /// A change may or may not have been made: read back before anything else.
    UnknownOutcome,
    /// 401 after a fresh token, or no token to be had.
    NotAuthorised,
    /// 403: the scope in the message is missing.
    Forbidden,
    /// 404.
    NotFound,
    /// 409 or 412: someone else changed it; read again, decide again.
    Conflict,
    /// 404 or 405 of an endpoint that not every tenant has.
    Unsupported,
    /// Called back before it was sent: nothing was changed.
    Withdrawn,
}

/// An error of one call: what was being attempted, and one sentence without secrets or bodies.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{attempted}: {message}")]
pub struct PlatformError {
    /// What the caller may do next.
    pub class: ErrorClass,
    /// How a look that ended in it counts.
    pub look: LookError,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What was being attempted, such as `GET channel ch-0001`.
    pub attempted: String,
    /// What went wrong and what to do.
    pub message: String,
    /// How long the platform asked to wait.
    pub retry_after: Option<Duration>,
    /// Whether the request had left (a change may have been made).
    pub sent: bool,
}
