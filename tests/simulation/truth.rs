//! Whether the audit log tells the truth of each change: held against what the wire has shown of that very change, and when.
//!
//! Knows every PATCH by the number of its intent, and every answer to a single GET that came after it. Must never ask what
//! the product thinks it has done.

use crate::plain::{has_order, route};
use crate::trunk::{Change, Fate};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Changes of one channel whose showing is waited for at once; one that failed may show for an hour.
const WAITED_FOR: usize = 64;
const SECOND: Duration = Duration::from_secs(1);

/// One change, as the wire knows it.
#[derive(Debug)]
struct Sent {
    channel: String,
    was: Change,
    change: Change,
    /// When it was last sent.
    at: Duration,
    /// Whether any attempt may have been made.
    may: bool,
    /// When it was first seen.
    seen: Option<Duration>,
    /// When the first answer came that showed it not made, its time to show being over, or somebody else's in its place.
    contrary: Option<Duration>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Register {
    sent: BTreeMap<u64, Sent>,
    unseen: BTreeMap<String, VecDeque<u64>>,
}

impl Register {
    /// A PATCH leaves for the `op`-th intent: `id` is to show `change` where it shows `was`.
    pub fn leaves(&mut self, now: Duration, op: u64, id: &str, was: Change, change: Change) {
        if let Some(sent) = self.sent.get_mut(&op) {
            sent.at = now;
            return;
        }
        let channel = id.to_owned();
        self.sent.insert(op, Sent { channel, was, change, at: now, may: false, seen: None, contrary: None });
        let unseen = self.unseen.entry(id.to_owned()).or_default();
        if unseen.len() == WAITED_FOR {
            unseen.pop_front();
        }
        unseen.push_back(op);
    }

    /// It was answered, or is no longer waited for.
    pub fn over(&mut self, op: u64, fate: Fate) {
        if let Some(sent) = self.sent.get_mut(&op) {
            sent.may |= fate == Fate::Maybe;
        }
    }

    /// The channel, asked for alone at `asked`, was answered at `now` to have been this at `as_of`, which is told in whole seconds.
    pub fn shows(
        &mut self,
        id: &str,
        (asked, as_of): (Duration, Duration),
        now: Duration,
        verify_for: Duration,
        document: &Value,
    ) {
        let Some(unseen) = self.unseen.get_mut(id) else { return };
        unseen.retain(|op| {
            let Some(sent) = self.sent.get_mut(op).filter(|sent| asked >= sent.at) else { return true };
            let shows = |change: &Change| match change {
                Change::Route(to) => route(id, document) == to,
                Change::Codecs(order) => has_order(document, order),
            };
            if shows(&sent.change) && as_of + SECOND >= sent.at {
                sent.seen = Some(now);
                return false;
            }
            if as_of >= sent.at + verify_for || as_of >= sent.at && !shows(&sent.was) {
                sent.contrary.get_or_insert(now);
            }
            true
        });
    }

    /// What is wrong with what the log says came of each change. `began`: the world's beginning, in milliseconds since the epoch.
    pub fn check(&self, entries: &[Value], began: i64) -> Result<(), String> {
        let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
        let mut interrupted = BTreeSet::new();
        for entry in entries {
            let Some(name) = entry["operation_id"].as_str() else { continue };
            let kind = entry["event_type"].as_str().unwrap_or_default();
            // Intents are numbered from one, in the order in which they are told.
            if kind.ends_with(".intended") {
                numbers.insert(name, numbers.len() as u64 + 1);
                continue;
            }
            let Some(op) = numbers.get(name) else { continue };
            if kind == "journal.orphan_resolved" {
                interrupted.insert(*op);
            }
            let at: jiff::Timestamp = entry["timestamp"].as_str().unwrap_or_default().parse().unwrap();
            // A moment is told in whole milliseconds.
            let by = Duration::from_millis((at.as_millisecond() - began + 1).unsigned_abs());
            let outcome = entry["details"]["reason"]["outcome"]["outcome"].as_str().unwrap_or_default();
            let sent = self.sent.get(op);
            // What a crash kept from being sent can have been made by somebody else meanwhile.
            if sent.is_none() && interrupted.contains(op) {
                continue;
            }
            Self::told(kind, outcome, sent, by, entry["channel_id"].as_str())
                .map_err(|why| format!("{why}: {entry}"))?;
        }
        Ok(())
    }

    fn told(kind: &str, outcome: &str, sent: Option<&Sent>, by: Duration, of: Option<&str>) -> Result<(), String> {
        if let Some(sent) = sent.filter(|sent| Some(sent.channel.as_str()) != of) {
            return Err(format!("it was a change of {}", sent.channel));
        }
        let until = |at: Option<Duration>| at.is_some_and(|at| at <= by);
        match (kind.rsplit_once('.').map_or(kind, |(_, end)| end), outcome) {
            ("completed", _) if !sent.is_some_and(|sent| until(sent.seen)) => {
                Err(format!("it has not shown by {by:?} ({sent:?})"))
            }
            ("failed", "not_sent" | "withdrawn" | "conflict" | "refused") if sent.is_some_and(|sent| sent.may) => {
                Err(format!("it may have been made ({sent:?})"))
            }
            ("failed", "not_applied") if !sent.is_some_and(|sent| until(sent.contrary)) => {
                Err(format!("nothing has shown by {by:?} that it was not made ({sent:?})"))
            }
            _ => Ok(()),
        }
    }
}
