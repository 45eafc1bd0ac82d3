//! What the platform was asked, and what happened to it: for tests to question, and for people to read along.
//!
//! Everything is bounded; what falls off the far end is the oldest. Must never keep a header or a token request's body.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const REQUESTS: usize = 20_000;
const PATCHES: usize = 20_000;
const NEWS: usize = 2_000;
/// Arrivals of the last minute that are counted; more than 60 s of anything this model can serve.
const ARRIVALS: usize = 2_000_000;
const MINUTE: Duration = Duration::from_mins(1);

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestRecord {
    /// When it came, since the start.
    #[serde(serialize_with = "seconds")]
    pub at: Duration,
    /// The method.
    pub method: String,
    /// The path, still percent-encoded, without the query.
    pub path: String,
    /// The status it was answered with; `None`: it was not answered.
    pub status: Option<u16>,
}

/// One PATCH of a channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PatchRecord {
    /// When it came, since the start.
    #[serde(serialize_with = "seconds")]
    pub at: Duration,
    /// The channel.
    pub channel: String,
    /// The body, where it was JSON.
    pub body: Value,
    /// The status it was answered with; `None`: it was not answered.
    pub status: Option<u16>,
    /// What came of it.
    pub effect: Effect,
}

/// What came of a PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The change was made.
    Applied,
    /// It will be made later.
    Delayed,
    /// Answered 200, and nothing happens.
    Dropped,
    /// Refused, or not reached.
    Refused,
}

/// Something that happened, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct News {
    /// Since the start.
    #[serde(serialize_with = "seconds")]
    pub at: Duration,
    /// The words.
    pub text: String,
}

fn seconds<S: serde::Serializer>(at: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(at.as_secs_f64())
}

/// The books.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) requests: VecDeque<RequestRecord>,
    pub(super) patches: VecDeque<PatchRecord>,
    pub(super) news: VecDeque<News>,
    pub(super) total: u64,
    pub(super) by_status: BTreeMap<u16, u64>,
    pub(super) unanswered: u64,
    arrivals: VecDeque<Duration>,
    busiest: usize,
}

impl Ledger {
    /// A request has come.
    pub(super) fn arrive(&mut self, now: Duration) {
        self.total += 1;
        while self.arrivals.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
            self.arrivals.pop_front();
        }
        bounded(&mut self.arrivals, ARRIVALS, now);
        self.busiest = self.busiest.max(self.arrivals.len());
    }

    /// The most requests in any 60 s, the refused ones included.
    pub(super) fn busiest_minute(&self) -> usize {
        self.busiest
    }

    pub(super) fn answer(&mut self, record: RequestRecord) {
        match record.status {
            Some(status) => *self.by_status.entry(status).or_default() += 1,
            None => self.unanswered += 1,
        }
        bounded(&mut self.requests, REQUESTS, record);
    }

    pub(super) fn patch(&mut self, record: PatchRecord) {
        bounded(&mut self.patches, PATCHES, record);
    }

    pub(super) fn tell(&mut self, at: Duration, text: impl Into<String>) {
        bounded(&mut self.news, NEWS, News { at, text: text.into() });
    }
}

fn bounded<T>(queue: &mut VecDeque<T>, limit: usize, item: T) {
    if queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(item);
}
