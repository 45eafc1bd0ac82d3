//! What a PATCH does to a channel: merging or replacing sub-objects, and the echo of a status.

use super::channel::ChannelState;
use super::options::Merge;
use serde_json::{Map, Value};
use std::time::Duration;

/// A checked change, to be made now or later.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) channel: String,
    pub(super) body: Map<String, Value>,
    pub(super) merge: Merge,
}

/// Makes a change. `echo_until`: until when a PATCHed status is shown in place of the true one.
pub(super) fn make(channel: &mut ChannelState, now: Duration, change: &Change, echo_until: Option<Duration>) {
    let mut status = None;
    channel.change(now, |doc| {
        for (field, value) in &change.body {
            match (field.as_str(), doc.get_mut(field), value) {
                ("status", _, Value::String(text)) => status = Some(text.clone()),
                ("configuration" | "routing" | "health_check", Some(Value::Object(old)), Value::Object(new)) => {
                    sub_object(old, new, change.merge);
                }
                _ => {
                    doc.insert(field.clone(), value.clone());
                }
            }
        }
    });
    if let (Some(until), Some(status)) = (echo_until, status) {
        channel.echo = Some((until, status));
    }
}

fn sub_object(old: &mut Map<String, Value>, new: &Map<String, Value>, merge: Merge) {
    if merge == Merge::Replace {
        // Credentials are kept elsewhere by platforms that replace: no client may send them back.
        old.retain(|name, _| name == "authentication");
    }
    if merge == Merge::Lose {
        old.clear();
    }
    for (name, value) in new {
        old.insert(name.clone(), value.clone());
    }
}

/// The first health tick after `now`.
pub(super) fn next_tick(now: Duration, every: Duration) -> Duration {
    let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis((now / every).saturating_add(1).saturating_mul(every))
}
