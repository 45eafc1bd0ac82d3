//! Decisions, as the audit log and as an engine tell them, and which of two lists are the same.

use crate::policy::{ChannelId, ChannelKey, Reason, Record, WallMs};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Two decisions of one kind on one channel that lie closer together are the same one.
const SAME_WITHIN: Duration = Duration::from_mins(5);

/// Something that was decided on one channel: an action, one that was held back, or that no candidate is fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// When.
    #[serde(serialize_with = "as_rfc3339")]
    pub at: WallMs,
    /// On which channel.
    #[serde(serialize_with = "as_text")]
    pub channel: ChannelKey,
    /// The audit log's name of it, such as `failover.intended`.
    pub event: String,
    /// Where traffic goes, or which codec comes first.
    pub target: Option<String>,
    /// Why, in words.
    pub reason: String,
}

/// One line of the comparison: the same decision then and now, or one of them alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What was really decided.
    pub then: Option<Decision>,
    /// What the replay decides.
    pub now: Option<Decision>,
}

/// How many decisions are the same, and how many stand alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Decided then and now.
    pub same: usize,
    /// Decided then only.
    pub only_then: usize,
    /// Decided now only.
    pub only_now: usize,
}

/// Whether an event of the audit log is a decision.
pub fn is_decision(event: &str) -> bool {
    let kind = event.split_once('.').filter(|(kind, _)| matches!(*kind, "failover" | "failback" | "codec"));
    matches!(kind, Some((_, "intended" | "held" | "no_candidate" | "undone")))
}

impl Decision {
    /// What the engine wants written down, if it is a decision.
    pub fn of_record(at: WallMs, record: &Record) -> Option<Self> {
        let channel = ChannelKey::new(record.tenant.clone()?, record.channel.clone()?);
        let event = record.event.name();
        is_decision(event).then(|| Self::new(at, channel, event.to_owned(), &record.reason))
    }

    /// An entry of the audit log, if it is a decision.
    pub fn of_entry(entry: &Value) -> Option<Self> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let event = text("event_type").filter(|event| is_decision(event))?.to_owned();
        let at: jiff::Timestamp = text("timestamp")?.parse().ok()?;
        let channel = ChannelKey::new(text("tenant")?, text("channel_id")?);
        let reason: Option<Reason> =
            entry.pointer("/details/reason").and_then(|reason| serde_json::from_value(reason.clone()).ok());
        let at = WallMs(at.as_millisecond());
        Some(match reason {
            Some(reason) => Self::new(at, channel, event, &reason),
            // Written by a version whose reasons are not ours: its words stay.
            None => Self { at, channel, event, target: None, reason: text("reason").unwrap_or_default().to_owned() },
        })
    }

    fn new(at: WallMs, channel: ChannelKey, event: String, reason: &Reason) -> Self {
        let id = |id: &ChannelId| Some(id.to_string());
        let target = match reason {
            Reason::Failover { to, .. } | Reason::Held { to: Some(to), .. } => id(to),
            Reason::Failback { channel, .. } => id(channel),
            Reason::Codec { to, .. } => Some(to.clone()),
            _ => None,
        };
        Self { at, channel, event, target, reason: reason.to_string() }
    }
}

/// Both lists side by side, by time. The same: same channel, event and target, less than 5 minutes apart.
pub fn compare(then: Vec<Decision>, now: Vec<Decision>) -> (Vec<Line>, Summary) {
    let mut open: BTreeMap<(ChannelKey, String, Option<String>), VecDeque<Decision>> = BTreeMap::new();
    for decision in now {
        let kind = (decision.channel.clone(), decision.event.clone(), decision.target.clone());
        open.entry(kind).or_default().push_back(decision);
    }
    let (mut lines, mut summary) = (Vec::new(), Summary::default());
    for then in then {
        let kind = (then.channel.clone(), then.event.clone(), then.target.clone());
        let now = open.get_mut(&kind).and_then(|queue| {
            while queue.front().is_some_and(|now| then.at.since(now.at) > SAME_WITHIN) {
                lines.extend(queue.pop_front().map(|now| Line { then: None, now: Some(now) }));
                summary.only_now += 1;
            }
            let near = queue.front().is_some_and(|now| now.at.since(then.at) <= SAME_WITHIN);
            if near { queue.pop_front() } else { None }
        });
        summary.same += usize::from(now.is_some());
        summary.only_then += usize::from(now.is_none());
        lines.push(Line { then: Some(then), now });
    }
    let rest: Vec<Decision> = open.into_values().flatten().collect();
    summary.only_now += rest.len();
    lines.extend(rest.into_iter().map(|now| Line { then: None, now: Some(now) }));
    lines.sort_by_key(Line::at);
    (lines, summary)
}

impl Line {
    /// When the first of both was decided.
    pub fn at(&self) -> WallMs {
        [&self.then, &self.now].into_iter().flatten().map(|decision| decision.at).min().unwrap_or_default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn as_rfc3339<S: serde::Serializer>(at: &WallMs, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&crate::clock::rfc3339(*at))
}

fn as_text<S: serde::Serializer>(channel: &ChannelKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(channel)
}

#[cfg(test)]
mod tests;
