//! Tells the audit log in plain words, entry by entry.

use crate::cli::terminal;
use crate::journal::{Filter, Reader};
use crate::policy::Time;
use serde_json::Value;

/// Reads on from where it last stood.
pub(super) struct Narrator {
    reader: Reader,
    told: u64,
    started: Time,
}

impl Narrator {
    pub(super) fn new(reader: Reader, started: Time) -> Self {
        Self { reader, told: 0, started }
    }

    /// Tells what is new; brings the new entries, oldest first.
    pub(super) fn tell(&mut self, now: Time) -> Result<Vec<Value>, String> {
        let filter = Filter { limit: 200, ..Filter::default() };
        let page = self.reader.entries(&filter).map_err(|error| error.to_string())?;
        let seq = |entry: &Value| entry["seq"].as_u64().unwrap_or(0);
        let mut new: Vec<Value> = page.entries.into_iter().filter(|entry| seq(entry) > self.told).collect();
        new.reverse();
        for entry in &new {
            self.told = seq(entry);
            if let Some(words) = words(entry) {
                self.say(now, &words);
            }
        }
        Ok(new)
    }

    /// Passes over what was written before.
    pub(super) fn tell_nothing_old(&mut self) -> Result<(), String> {
        let head = self.reader.head().map_err(|error| error.to_string())?;
        self.told = head.map_or(0, |(seq, _)| seq);
        Ok(())
    }

    /// One line, with the time since the demo began.
    pub(super) fn say(&self, now: Time, words: &str) {
        terminal::line(&format!("{:>6.1} s  {words}", now.since(self.started).as_secs_f64()));
    }
}

/// What an entry says, in words; `None`: it is no part of the story.
fn words(entry: &Value) -> Option<String> {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let channel = text("channel_id");
    let reason = text("reason");
    let event = text("event_type");
    Some(match event {
        "health.changed" => {
            format!("{channel} is {} ({reason})", entry["after"]["health"].as_str().unwrap_or("unknown"))
        }
        "failover.intended" => format!("the failover of {channel} is on disk before it is sent: {reason}"),
        "failover.completed" => {
            format!("the platform was read back: the traffic of {channel} is on its backup")
        }
        "failback.intended" => format!("the failback of {channel} is on disk before it is sent: {reason}"),
        "failback.completed" => {
            format!("the platform was read back: {channel} carries its own traffic again")
        }
        "codec.intended" => format!("the codec change of {channel} is on disk before it is sent: {reason}"),
        "codec.completed" => format!("the platform was read back: it shows the new codec order of {channel}"),
        "channel.watched" | "process.started" => return None,
        _ if channel.is_empty() => format!("{event}: {reason}"),
        _ => format!("{channel}, {event}: {reason}"),
    })
}
