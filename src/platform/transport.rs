//! One HTTP exchange, and nothing more: no retries, no authentication, no budget.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::fmt;
use std::time::Duration;

/// A request, ready to send. Its headers carry a bearer token, so `Debug` leaves them and the body out.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The absolute URL, already percent-encoded.
    pub url: String,
    /// Headers, `Authorization` included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
    /// From sending to the complete answer.
    pub timeout: Duration,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// A complete answer. `Debug` leaves headers and body out: bodies carry SIP passwords.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, never longer than the transport's bound.
    pub body: Bytes,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// Why there was no complete answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection was made: nothing was sent.
    #[error("no connection: {0}")]
    Connect(String),
    /// Not answered within the request's timeout; it may have been sent.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke; it may have been sent.
    #[error("the connection broke: {0}")]
    Reset(String),
    /// The answer was longer than the bound; it was made, and is not known.
    #[error("the answer was longer than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
}

/// Sends one request and brings its answer. Dropping the future abandons the request.
#[async_trait::async_trait]
pub trait Transport: Send + Sync + 'static {
    /// One exchange.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}
