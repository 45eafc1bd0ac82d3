//! How often each thing was seen: a world in which nothing happens proves nothing.

use serde_json::Value;
use std::collections::BTreeMap;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub requests: u64,
    pub failovers: u64,
    pub cascades: u64,
    pub failbacks: u64,
    /// Home again since the new route was worse.
    pub rollbacks: u64,
    pub codecs: u64,
    /// Codec orders that were taken back.
    pub undone: u64,
    pub patches_in_doubt: u64,
    /// Changes whose ground gave way before they were sent.
    pub called_back: u64,
    /// Requests within a minute, at most.
    pub fullest_minute: usize,
    /// Moves that a person ordered or approved.
    pub ordered: u64,
    /// The most moves of one channel within an hour.
    pub busiest: usize,
    /// Traffic that had to be moved, or to come home, and was waited for.
    pub rescues: u64,
    pub homecomings: u64,
    /// Audit entries by event type.
    pub told: BTreeMap<String, u64>,
}

/// What has to have happened somewhere in a thousand days.
const HAPPENS: [&str; 16] = [
    "blind.entered",
    "blind.left",
    "channel.missing",
    "channel.route_changed",
    "codec.completed",
    "failback.completed",
    "failback.held",
    "failover.completed",
    "failover.failed",
    "failover.held",
    "failover.no_candidate",
    "failover.unknown",
    "health.mass_hold",
    "maintenance.started",
    "operator.lapsed",
    "operator.other_controller",
];

impl Tally {
    /// Counts what the audit log tells.
    pub fn tell(&mut self, entries: &[String]) {
        for entry in entries {
            let entry: Value = serde_json::from_str(entry).unwrap();
            self.called_back += u64::from(entry["details"]["reason"]["outcome"]["outcome"] == "withdrawn");
            *self.told.entry(entry["event_type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }

    /// Another world's.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failovers += other.failovers;
        self.cascades += other.cascades;
        self.failbacks += other.failbacks;
        self.rollbacks += other.rollbacks;
        self.codecs += other.codecs;
        self.undone += other.undone;
        self.patches_in_doubt += other.patches_in_doubt;
        self.called_back += other.called_back;
        self.fullest_minute = self.fullest_minute.max(other.fullest_minute);
        self.ordered += other.ordered;
        self.busiest = self.busiest.max(other.busiest);
        self.rescues += other.rescues;
        self.homecomings += other.homecomings;
        for (event, times) in &other.told {
            *self.told.entry(event.clone()).or_default() += times;
        }
    }

    /// How often that happened which has to happen somewhere.
    pub fn told_of(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let told = |event| (event, self.told.get(event).copied().unwrap_or(0));
        let waited = [("a rescue", self.rescues), ("a way home", self.homecomings), ("an order", self.ordered)];
        let worse = [("a roll-back", self.rollbacks), ("a codec order taken back", self.undone)];
        let back = [("a change called back", self.called_back)];
        HAPPENS.into_iter().map(told).chain(waited).chain(worse).chain(back)
    }
}
