//! The state of the sinks, for people: what waits, what is broken, what a sink last said. One line for each trouble.

use crate::journal::SinkState;
use crate::policy::{Span, Time, WallMs};
use crate::sync::lock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the worker of a sink tells of itself.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// `export`, `bulk`, `webhook` or `file`.
    pub kind: &'static str,
    /// Scheme and host, or a file's path.
    pub place: String,
    /// Since when it fails without a success between.
    pub failing_since: Option<Time>,
    /// When it is tried next, where it fails.
    pub next_at: Option<Time>,
    /// Why it failed last.
    pub error: Option<String>,
}

/// Where workers tell, and everybody reads.
#[derive(Clone, Debug, Default)]
pub struct Standing(Arc<Mutex<BTreeMap<String, Live>>>, Arc<Mutex<BTreeMap<String, Time>>>);

impl Standing {
    /// How the sink of that name stands from now on.
    pub fn tell(&self, name: &str, live: Live) {
        lock(&self.0).insert(name.to_owned(), live);
    }

    /// The sink of that name took something at `now`.
    pub fn took(&self, name: &str, now: Time) {
        lock(&self.1).insert(name.to_owned(), now);
    }

    /// Whether it fails at nothing, or took anything within `lately`: else, that it refuses one delivery says nothing of that
    /// one.
    pub fn takes(&self, name: &str, now: Time, lately: std::time::Duration) -> bool {
        let live = lock(&self.0);
        let fails = live.get(name).is_some_and(|live| live.failing_since.is_some());
        drop(live);
        if !fails {
            return true;
        }
        let taken = lock(&self.1);
        taken.get(name).is_some_and(|at| now.since(*at) <= lately)
    }

    /// It has no worker any more.
    pub fn forget(&self, name: &str) {
        lock(&self.0).remove(name);
        lock(&self.1).remove(name);
    }

    /// Every sink that is configured or that something waits for, at `now`.
    pub fn views(&self, states: Vec<SinkState>, now: Time, wall: WallMs) -> Vec<SinkView> {
        let live = lock(&self.0);
        states.into_iter().map(|state| SinkView::of(live.get(&state.name), state, now, wall)).collect()
    }
}

/// What is wrong with a sink that something waits for and that is no longer configured, and what to do: the end of a
/// sentence about it.
pub fn left_behind(name: &str, pending: u64) -> String {
    format!(
        "is no longer configured, but {pending} still wait for it: until it is back under its name, or \
         `trunkwarden outbox drop --sink {name} --all` gives them up, the audit entries among them and all later ones \
         are not archived"
    )
}

/// A sink as a person sees it. Times are seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SinkView {
    /// Its name.
    pub name: String,
    /// `export`, `bulk`, `webhook` or `file`; `removed` where it is no longer configured.
    pub kind: String,
    /// Scheme and host, or a file's path.
    pub place: Option<String>,
    /// `delivering` or `failing`; `removed` where it is no longer configured; `waiting` where the daemon does not run.
    pub state: String,
    /// Entries and payloads that wait.
    pub pending: u64,
    /// Age of the oldest that waits.
    pub oldest_seconds: Option<f64>,
    /// Dead letters.
    pub dead: u64,
    /// Given up at a bound since the sink is known.
    pub given_up: u64,
    /// How long it has been failing.
    pub failing_seconds: Option<f64>,
    /// How long until it is tried again.
    pub retry_in_seconds: Option<f64>,
    /// Why it failed last.
    pub error: Option<String>,
}

impl SinkView {
    fn of(live: Option<&Live>, state: SinkState, now: Time, wall: WallMs) -> Self {
        let failing = live.and_then(|l| l.failing_since);
        let word = match (state.subscribed, live, failing) {
            (false, ..) => "removed",
            (true, None, _) => "waiting",
            (true, Some(_), Some(_)) => "failing",
            (true, Some(_), None) => "delivering",
        };
        Self {
            kind: live.map_or(word, |l| l.kind).to_owned(),
            place: live.map(|l| l.place.clone()),
            state: word.to_owned(),
            pending: state.pending,
            oldest_seconds: state.oldest_at.map(|at| wall.since(at).as_secs_f64()),
            dead: state.dead,
            given_up: state.given_up,
            failing_seconds: failing.map(|since| now.since(since).as_secs_f64()),
            retry_in_seconds: live.and_then(|l| l.next_at).map(|at| at.since(now).as_secs_f64()),
            error: live.and_then(|l| l.error.clone()).or(state.error),
            name: state.name,
        }
    }

    /// What is wrong with it, in one line; `None`: nothing.
    pub fn trouble(&self) -> Option<String> {
        let mut parts = Vec::new();
        if let Some(seconds) = self.failing_seconds {
            let why = self.error.as_deref().unwrap_or("no reason given");
            let since = Span(Duration::try_from_secs_f64(seconds).unwrap_or_default());
            parts.push(format!("it has been failing for {since} ({why}); {} waiting", self.pending));
        } else if self.state == "removed" && self.pending > 0 {
            parts.push(left_behind(&self.name, self.pending));
        }
        if self.dead > 0 {
            parts.push(format!("{} dead letters wait for a decision: see `trunkwarden outbox list`", self.dead));
        }
        (!parts.is_empty()).then(|| format!("Sink {}: {}.", self.name, parts.join("; ")))
    }
}
