//! A journal on disk, the delivery over it, and a configuration written as a person would write it.

use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::clock::Clock;
use trunkwarden::config::{self, Config};
use trunkwarden::counters::Counters;
use trunkwarden::delivery::{Connect, Delivery, Pace, over_http};
use trunkwarden::journal::{Batch, Entry, Journal, Options, SinkState};
use trunkwarden::snapshot::SnapshotCell;

const TENANT: &str = r#"
[tenants.acme]
base_url = "https://api.example"
[tenants.acme.auth]
client_id = "cid"
client_secret = { env = "NOT_READ_HERE" }
"#;

/// A real sink is waited for in moments.
pub const FAST: Pace = Pace {
    first: Duration::from_millis(20),
    longest: Duration::from_millis(200),
    probe: Duration::from_millis(100),
    young: Duration::from_secs(1),
    patience: Duration::from_millis(500),
    lane: Duration::from_millis(300),
};

pub struct World {
    pub folder: TempDir,
    pub journal: Journal,
    pub delivery: Delivery,
    pub counters: Counters,
    pub snapshot: SnapshotCell,
    pub clock: Clock,
}

impl World {
    /// The delivery at work for these sinks.
    pub async fn of(sinks: &str) -> Self {
        let world = Self::idle();
        world.configure(sinks).await;
        world
    }

    /// No sinks yet.
    pub fn idle() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let (journal, _) = Journal::open(Options::new(folder.path().join("journal.db"), clock.clone())).unwrap();
        Self::over(folder, journal, clock, over_http(), FAST)
    }

    pub fn over(folder: TempDir, journal: Journal, clock: Clock, connect: Connect, pace: Pace) -> Self {
        let counters = Counters::new();
        let delivery = Delivery::new(journal.clone(), clock.clone(), &counters, connect, pace);
        Self { folder, journal, delivery, counters, snapshot: SnapshotCell::default(), clock }
    }

    /// Takes a configuration of sinks, as a start or a reload does.
    pub async fn configure(&self, sinks: &str) {
        let sinks = self.delivery.prepare(&configuration(sinks)).unwrap();
        self.delivery.subscribe(&sinks).await.unwrap();
        self.delivery.run(sinks, &self.snapshot);
    }

    /// A file that holds a secret.
    pub fn secret(&self, name: &str, secret: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, secret).unwrap();
        path
    }

    /// Writes an entry.
    pub async fn write(&self, event_type: &str) {
        self.journal.submit(Batch { entries: vec![entry(event_type)], ..Batch::default() }).await.unwrap();
    }

    pub async fn write_many(&self, count: usize) {
        for _ in 0..count {
            self.write("failover.held").await;
        }
    }

    pub fn state(&self, sink: &str) -> SinkState {
        self.journal.reader().outbox_sinks().unwrap().into_iter().find(|s| s.name == sink).unwrap()
    }

    /// Waits until nothing waits for `sink`.
    pub async fn drained(&self, sink: &str) {
        until(&format!("nothing waits for {sink}"), || self.state(sink).pending == 0).await;
    }

    /// The value of a series, where it is there.
    pub fn metric(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let families = self.counters.gather();
        let family = families.iter().find(|f| f.name() == format!("trunkwarden_{family}"))?;
        let has = |m: &&prometheus::proto::Metric| {
            labels.iter().all(|(n, v)| m.get_label().iter().any(|l| l.name() == *n && l.value() == *v))
        };
        let metric = family.get_metric().iter().find(has)?;
        let counter = metric.get_counter().get_value();
        Some(counter + metric.get_gauge().get_value() + metric.get_histogram().get_sample_count() as f64)
    }
}

/// A checked configuration with these sinks.
pub fn configuration(sinks: &str) -> Config {
    config::parse_str("test.toml", &format!("{TENANT}\n{sinks}")).unwrap().config
}

pub fn entry(event_type: &str) -> Entry {
    Entry {
        at: trunkwarden::policy::WallMs(1_700_000_000_000),
        event_type: event_type.to_owned(),
        tenant: Some("acme".to_owned()),
        channel_id: Some("ch-0001".to_owned()),
        actor: "engine".to_owned(),
        reason: "it is held: the mode is observe".to_owned(),
        before: Value::Null,
        after: Value::Null,
        op: None,
        operation: None,
        details: json!({ "score": 41.5 }),
    }
}

/// Waits until `holds`, for half a minute at most.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = Clock::system();
    while !holds() {
        assert!(clock.now().since_origin() < Duration::from_secs(30), "it did not come true that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
