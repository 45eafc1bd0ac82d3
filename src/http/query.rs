//! Query parameters: each known by name, each error naming it, nothing taken silently.

use super::error::ApiError;
use crate::policy::{Health, WallMs};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

/// What axum parsed: names and values in order.
pub(super) type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// The parameters of one request, each of them one of `known` and given once.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn new(pairs: Pairs, known: &[&str]) -> Result<Self, ApiError> {
        let Query(pairs) = pairs.map_err(|_| bad("?", "the query is not percent-encoded UTF-8"))?;
        for (n, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(bad(name, &not_known(known)));
            }
            if pairs.iter().take(n).any(|(other, _)| other == name) {
                return Err(bad(name, "given more than once"));
            }
        }
        Ok(Self(pairs))
    }

    /// The value; an empty one counts as none, as a form sends it.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    pub(super) fn health(&self, name: &str) -> Result<Option<Health>, ApiError> {
        self.text(name)
            .map(|v| {
                Health::ALL
                    .into_iter()
                    .find(|h| h.name() == v)
                    .ok_or_else(|| bad(name, "expected up, degraded, down or unknown"))
            })
            .transpose()
    }

    /// 1 to `most`.
    pub(super) fn limit(&self, default: usize, most: usize) -> Result<usize, ApiError> {
        match self.text("limit") {
            None => Ok(default),
            Some(v) => v
                .parse()
                .ok()
                .filter(|n| (1..=most).contains(n))
                .ok_or_else(|| bad("limit", &format!("expected a whole number from 1 to {most}"))),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.text(name).map(|v| v.parse().map_err(|_| bad(name, "expected a whole number"))).transpose()
    }

    pub(super) fn moment(&self, name: &str) -> Result<Option<WallMs>, ApiError> {
        self.text(name)
            .map(|v| {
                v.parse::<jiff::Timestamp>()
                    .map(|t| WallMs(t.as_millisecond()))
                    .map_err(|_| bad(name, "expected RFC 3339, such as 2026-11-21T08:55:00Z"))
            })
            .transpose()
    }
}

fn not_known(known: &[&str]) -> String {
    match known {
        [] => "not known here; an order's fields go into its body".to_owned(),
        known => format!("not a parameter of this path, which takes {}", known.join(", ")),
    }
}

pub(super) fn bad(name: &str, why: &str) -> ApiError {
    // What came in is shown back shortened: a query may be as long as a request's head.
    ApiError::Query { name: name.chars().take(40).collect(), why: why.to_owned() }
}
