//! What the platform answers, and the building of it. Every answer carries a `Date`.

use crate::platform::Response;
use crate::policy::WallMs;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// An answer and how long it takes.
#[derive(Clone, Debug)]
pub struct Reply {
    /// How long after the request the answer comes.
    pub after: Duration,
    /// The answer.
    pub answer: Answer,
    /// Whether a socket is to carry headers that no standard allows.
    pub bad_headers: bool,
}

/// What comes back.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A response.
    Response(Response),
    /// The connection is closed without an answer.
    Close,
    /// Nothing, ever.
    Hang,
}

/// A refusal, or an answer under way: everything but `Date`.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) headers: Vec<(HeaderName, String)>,
    /// How long ago a cache has kept it.
    pub(super) age: Option<Duration>,
}

impl Draft {
    pub(super) const fn raw(status: StatusCode, body: Bytes) -> Self {
        Self { status, body, headers: Vec::new(), age: None }
    }

    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::raw(status, Bytes::from(body.to_string()))
    }

    /// An error in the platform's form, `{"error", "message"}`.
    pub(super) fn refuse(status: StatusCode, error: &str, message: impl Into<String>) -> Self {
        Self::json(status, &json!({ "error": error, "message": message.into() }))
    }

    /// 400: the body or the request breaks the schema.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::refuse(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn finish(self, wall: WallMs) -> Response {
        let mut response = Response { status: self.status, headers: http::HeaderMap::new(), body: self.body };
        let fixed = [
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (header::DATE, httpdate::fmt_http_date(system_time(wall))),
        ];
        let age = self.age.map(|age| (header::AGE, age.as_secs().to_string()));
        for (name, value) in fixed.into_iter().chain(self.headers).chain(age) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers.insert(name, value);
            }
        }
        response
    }
}

/// The calendar moment `wall`, 1970 at the earliest.
pub(super) fn system_time(wall: WallMs) -> SystemTime {
    // HTTP dates end in the year 9999.
    let ms = u64::try_from(wall.0).unwrap_or(0).min(253_402_300_799_000);
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
}
