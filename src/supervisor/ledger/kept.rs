//! The forms of what the ledger keeps between two starts: the requests of the last minute, the pages of a list, the engine's
//! state.
//!
//! Must never: tell an age that does not count the time since it was kept.

use crate::policy::{Part, Saved, WallMs};
use serde_json::{Value, json};
use std::time::Duration;

/// Where a clean stop leaves when the last minute's requests were sent.
pub fn recent_key(tenant: &str) -> String {
    format!("recent/{tenant}")
}

/// What stands there: how long ago each was sent.
pub fn recent_state(tenant: &str, ages: &[Duration], saved_at: WallMs) -> (String, Option<Value>) {
    let ages: Vec<u64> = ages.iter().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)).collect();
    (recent_key(tenant), Some(json!({ "saved_at": saved_at, "ages_ms": ages })))
}

/// Where it is kept how many pages a tenant's list has.
pub fn pages_key(tenant: &str) -> String {
    format!("pages/{tenant}")
}

/// What [`pages_key`] holds; `None` for what makes no sense.
pub fn pages_of(value: &Value) -> Option<usize> {
    let pages = value.get("pages")?.as_u64()?;
    usize::try_from(pages).ok().filter(|pages| (1..=1_000_000).contains(pages))
}

/// The ages that [`recent_key`] holds, as old as they are now; those over a minute no longer count.
pub fn recent_of(value: &Value, now: WallMs) -> Option<Vec<Duration>> {
    let passed = passed_since(value, now)?;
    let ages = value.get("ages_ms")?.as_array()?.iter().filter_map(Value::as_u64).map(Duration::from_millis);
    Some(ages.map(|age| age.saturating_add(passed)).filter(|age| *age < Duration::from_mins(1)).collect())
}

/// A part of the engine's state, and how long ago it was saved.
pub fn state_of(key: &str, value: &Value, now: WallMs) -> Option<(Part, Saved, Duration)> {
    let part = key.parse().ok()?;
    let saved = serde_json::from_value(value.get("state")?.clone()).ok()?;
    Some((part, saved, passed_since(value, now)?))
}

fn passed_since(value: &Value, now: WallMs) -> Option<Duration> {
    Some(now.since(WallMs(value.get("saved_at")?.as_i64()?)))
}
