//! The faults in force, and what each answers in place of the platform.

use super::incident::FaultKind;
use super::reply::{Answer, Draft};
use crate::policy::WallMs;
use bytes::Bytes;
use http::{StatusCode, header};
use std::sync::LazyLock;
use std::time::Duration;

/// Faults in force at once; more replace the oldest.
const MAX: usize = 64;

static HUGE: LazyLock<Bytes> = LazyLock::new(|| {
    let mut body = b"{\"channels\":[".to_vec();
    body.resize(32 << 20, b' ');
    Bytes::from(body)
});

/// A fault in force.
#[derive(Clone, Debug)]
struct Fault {
    kind: FaultKind,
    until: Duration,
    paths: Vec<String>,
}

/// The faults in force, the latest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn begin(&mut self, kind: FaultKind, until: Duration, paths: Vec<String>) {
        if self.0.len() >= MAX {
            self.0.remove(0);
        }
        self.0.push(Fault { kind, until, paths });
    }

    /// The fault that a request meets; the latest wins.
    pub(super) fn met(&mut self, now: Duration, path: &str, is_token: bool) -> Option<FaultKind> {
        self.0.retain(|f| now < f.until);
        let meets = |f: &&Fault| match f.paths.as_slice() {
            [] => !(is_token && matches!(f.kind, FaultKind::Unauthorised | FaultKind::Forbidden)),
            paths => paths.iter().any(|p| path.starts_with(p.as_str())),
        };
        self.0.iter().rev().find(meets).map(|f| f.kind)
    }
}

/// What a fault answers; `None` where the answer needs the limit's `Retry-After`.
pub(super) fn answer(kind: FaultKind, wall: WallMs) -> Option<Answer> {
    let refuse = |status, error: &str, message: &str| Draft::refuse(status, error, message);
    let raw = |body: Bytes| Draft::raw(StatusCode::OK, body);
    let draft = match kind {
        FaultKind::Hang => return Some(Answer::Hang),
        FaultKind::Close => return Some(Answer::Close),
        FaultKind::TooMany => return None,
        FaultKind::Internal => refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something broke"),
        FaultKind::Unavailable => refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again later"),
        FaultKind::Unauthorised => refuse(StatusCode::UNAUTHORIZED, "invalid_token", "the token is not accepted"),
        FaultKind::Forbidden => refuse(StatusCode::FORBIDDEN, "insufficient_scope", "the role is missing"),
        FaultKind::Garbage => raw(Bytes::from_static(b"<html><body>Bad gateway? Perhaps.</body></html>")),
        FaultKind::Empty => raw(Bytes::new()),
        FaultKind::Huge => raw(HUGE.clone()),
        FaultKind::Page200 => page(StatusCode::OK),
        FaultKind::Page403 => page(StatusCode::FORBIDDEN),
        FaultKind::Page404 => page(StatusCode::NOT_FOUND),
        FaultKind::Page502 => page(StatusCode::BAD_GATEWAY),
    };
    Some(Answer::Response(draft.finish(wall)))
}

/// What a gateway or a login portal answers in the platform's place.
fn page(status: StatusCode) -> Draft {
    let body =
        format!("<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>");
    Draft::raw(status, Bytes::from(body)).with(header::CONTENT_TYPE, "text/html; charset=utf-8")
}
