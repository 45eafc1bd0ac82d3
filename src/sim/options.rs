//! How the simulated platform behaves, whatever happens on it.

use super::oddity::Odd;
use jiff::fmt::serde::unsigned_duration::friendly::compact as friendly;
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(super) const SCOPES: [&str; 7] = [
    "channel:read",
    "channel:write",
    "telemetry:read",
    "analytics:read",
    "cti:calls:read",
    "cti:calls:write",
    "cti:bridge:write",
];

/// How the platform behaves throughout: `[sim]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Everything random follows from it.
    pub seed: u64,
    /// Requests in any 60 s, all endpoints together; 0: no limit.
    pub requests_per_minute: u32,
    /// What a 429 says of when to come back.
    pub retry_after: RetryAfter,
    /// The one client that is known.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The scopes that it may have.
    pub scopes: Vec<String>,
    /// Whether a bridge that is asked for again under the same request id is the same bridge.
    pub request_ids: bool,
    /// How long a token lives.
    #[serde(with = "friendly::required")]
    pub token_lifetime: Duration,
    /// Channels on one page of the list.
    pub page_size: usize,
    /// How long an answer takes; each varies by up to a half.
    #[serde(with = "friendly::required")]
    pub latency: Duration,
    /// How often the platform looks at its channels: until then a PATCHed status is shown.
    #[serde(with = "friendly::required")]
    pub health_tick: Duration,
    /// Whether a PATCHed status is shown until the next health tick.
    pub echo_status: bool,
    /// Whether single channels carry an `ETag` and `If-Match` is checked.
    pub etag: bool,
    /// What a PATCH does with sub-objects.
    pub patch: Merge,
    /// How long after the answer every PATCH is applied.
    #[serde(with = "friendly::required")]
    pub patch_delay: Duration,
    /// Whether there is no list (404).
    pub list_absent: bool,
    /// How much older than a single GET the list is.
    #[serde(with = "friendly::required")]
    pub list_lag: Duration,
    /// The form of telemetry answers.
    pub telemetry: TelemetryForm,
    /// The share of telemetry items that are missing, 0 to 1.
    pub missing_items: f64,
    /// Seconds by which the platform's calendar is ahead of ours.
    pub clock_skew_seconds: i64,
    /// How its answers are odd.
    pub odd: Vec<Odd>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            requests_per_minute: 100,
            retry_after: RetryAfter::Seconds,
            client_id: "cid".to_owned(),
            client_secret: "secret".to_owned(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            request_ids: true,
            token_lifetime: Duration::from_mins(30),
            page_size: 100,
            latency: Duration::from_millis(15),
            health_tick: Duration::from_secs(5),
            echo_status: true,
            etag: false,
            patch: Merge::Merge,
            patch_delay: Duration::ZERO,
            list_absent: false,
            list_lag: Duration::ZERO,
            telemetry: TelemetryForm::Dated,
            missing_items: 0.0,
            clock_skew_seconds: 0,
            odd: Vec::new(),
        }
    }
}

/// What a 429 says of when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// Honest, in seconds.
    Seconds,
    /// Honest, as an HTTP date.
    Date,
    /// Nothing.
    Missing,
    /// One second, however long it takes.
    Wrong,
    /// One of the others, by the seed.
    Varied,
}

/// What a PATCH does with `routing` and `configuration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Merge {
    /// Their fields are set one by one.
    Merge,
    /// They are replaced whole; only `configuration.authentication` survives, since it is kept elsewhere.
    Replace,
    /// They are replaced whole, and what was not sent is lost, credentials included.
    Lose,
}

/// The form of telemetry answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TelemetryForm {
    /// As the contract shows it.
    Dated,
    /// Without `timestamp`.
    Undated,
    /// Without `channelId`.
    Unattributed,
    /// No items.
    Empty,
    /// Null, negative and absurd values, and items that are no objects.
    Hostile,
}
