//! Connections and requests that are turned away: counted by reason, and logged at most once a minute.

use crate::clock::Clock;
use crate::counters::Counters;
use crate::policy::Time;
use crate::sync::lock;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The log says it at most this often.
const SAID_EVERY: Duration = Duration::from_mins(1);

/// Why a connection was dropped or a request refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The connection waited longest without a request's head while there was no room.
    NoHead,
    /// Its answer was not taken in time, or its place was needed meanwhile.
    SlowReader,
    /// As many requests as may be were being answered.
    Busy,
    /// Its `Host` is a name that is not ours.
    Host,
    /// It comes from a page of another site.
    CrossSite,
    /// It shows no token, or a wrong one.
    Token,
    /// Its peer has shown too many wrong tokens.
    Guessing,
}

impl Refused {
    const ALL: [Self; 7] =
        [Self::NoHead, Self::SlowReader, Self::Busy, Self::Host, Self::CrossSite, Self::Token, Self::Guessing];

    /// The metric label.
    const fn name(self) -> &'static str {
        match self {
            Self::NoHead => "no_head",
            Self::SlowReader => "slow_reader",
            Self::Busy => "busy",
            Self::Host => "host",
            Self::CrossSite => "cross_site",
            Self::Token => "token",
            Self::Guessing => "guessing",
        }
    }
}

/// Counts and tells. Cheap to clone.
#[derive(Clone)]
pub(super) struct Refusals(Arc<Told>);

struct Told {
    counters: Counters,
    clock: Clock,
    since: Mutex<Since>,
}

/// What was not said yet.
#[derive(Default)]
struct Since {
    said: Option<Time>,
    counts: [u64; Refused::ALL.len()],
}

impl Refusals {
    pub(super) fn new(counters: &Counters, clock: &Clock) -> Self {
        for why in Refused::ALL {
            counters.http_refused(why.name(), 0);
        }
        Self(Arc::new(Told { counters: counters.clone(), clock: clock.clone(), since: Mutex::default() }))
    }

    pub(super) fn count(&self, why: Refused) {
        self.0.counters.http_refused(why.name(), 1);
        if let Some(words) = self.due(why) {
            tracing::warn!("connections turned away: {words}");
        }
    }

    fn due(&self, why: Refused) -> Option<String> {
        let now = self.0.clock.now();
        let mut since = lock(&self.0.since);
        if let Some(count) = since.counts.get_mut(why as usize) {
            *count = count.saturating_add(1);
        }
        if since.said.is_some_and(|said| now.since(said) < SAID_EVERY) {
            return None;
        }
        since.said = Some(now);
        let mut words = String::new();
        for (why, count) in Refused::ALL.iter().zip(std::mem::take(&mut since.counts)).filter(|(_, count)| *count > 0) {
            let comma = if words.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(words, "{comma}{count} {}", why.name());
        }
        Some(words)
    }
}
