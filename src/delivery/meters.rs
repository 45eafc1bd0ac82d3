//! The metrics of deliveries, for `/metrics`. The label `sink` is a name of the configuration, or of one before it whose
//! rows still wait: bounded both ways.

use crate::counters::Counters;
use crate::journal::SinkState;
use crate::policy::WallMs;
use crate::sync::lock;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Counters and gauges of the outbox and of deliveries. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Meters(Arc<Families>);

#[derive(Debug)]
struct Families {
    pending: IntGaugeVec,
    oldest: GaugeVec,
    dead: IntGaugeVec,
    given_up: IntCounterVec,
    removed: IntGaugeVec,
    refused: IntGaugeVec,
    deliveries: IntCounterVec,
    seconds: HistogramVec,
    /// What was last told of each sink: the totals that its counter has reached.
    told: Mutex<BTreeMap<String, u64>>,
}

impl Meters {
    /// Registers the families among `counters`.
    pub fn new(counters: &Counters) -> Self {
        let opts = |name: &str, help: &str| Opts::new(name, help).namespace("trunkwarden");
        let bounds = prometheus::exponential_buckets(0.001, 2.0, 15).unwrap_or_default();
        let seconds = HistogramOpts::from(opts(
            "delivery_duration_seconds",
            "Time from sending a delivery to its answer, by sink.",
        ));
        Self(Arc::new(Families {
            pending: counters.add(IntGaugeVec::new(
                opts("outbox_pending", "Entries and payloads that wait for delivery, by sink."),
                &["sink"],
            )),
            oldest: counters.add(GaugeVec::new(
                opts(
                    "outbox_oldest_seconds",
                    "How long the oldest delivery of a sink has been waiting; 0 where none waits.",
                ),
                &["sink"],
            )),
            dead: counters.add(IntGaugeVec::new(
                opts("dead_letters", "Deliveries that a sink refused and that wait for a person, by sink."),
                &["sink"],
            )),
            given_up: counters.add(IntCounterVec::new(
                opts("outbox_given_up_total", "Deliveries that were given up at a bound, by sink."),
                &["sink"],
            )),
            removed: counters.add(IntGaugeVec::new(
                opts(
                    "outbox_sink_removed",
                    "1: the sink is no longer configured, but entries wait for it and hold the archive back.",
                ),
                &["sink"],
            )),
            refused: counters.add(IntGaugeVec::new(
                opts(
                    "outbox_refused",
                    "1: the sink refuses the delivery at the head of its queue, and everything behind it waits.",
                ),
                &["sink"],
            )),
            deliveries: counters.add(IntCounterVec::new(
                opts("deliveries_total", "Attempts to deliver, by sink and by what came of them."),
                &["sink", "result"],
            )),
            seconds: counters.add(HistogramVec::new(seconds.buckets(bounds), &["sink"])),
            told: Mutex::default(),
        }))
    }

    /// `count` deliveries were attempted and ended with `result`, a word of a closed list.
    pub fn attempt(&self, sink: &str, result: &str, count: usize) {
        self.0.deliveries.with_label_values(&[sink, result]).inc_by(count as u64);
    }

    /// Whether the sink refuses what is at its head, and the rest waits for a person.
    pub fn refused(&self, sink: &str, is: bool) {
        self.0.refused.with_label_values(&[sink]).set(i64::from(is));
    }

    /// One attempt, whatever it stood for, took so long.
    pub fn took(&self, sink: &str, took: Duration) {
        self.0.seconds.with_label_values(&[sink]).observe(took.as_secs_f64());
    }

    /// What waits now; series of sinks that are no longer there go.
    pub fn waiting(&self, sinks: &[SinkState], wall: WallMs) {
        let mut told = lock(&self.0.told);
        let gone: Vec<String> = told.keys().filter(|name| !sinks.iter().any(|s| s.name == **name)).cloned().collect();
        for name in gone {
            told.remove(&name);
            self.forget(&name);
        }
        for sink in sinks {
            let label = [sink.name.as_str()];
            self.0.pending.with_label_values(&label).set(i64::try_from(sink.pending).unwrap_or(i64::MAX));
            self.0.dead.with_label_values(&label).set(i64::try_from(sink.dead).unwrap_or(i64::MAX));
            let age = sink.oldest_at.map(|at| wall.since(at)).unwrap_or_default();
            self.0.oldest.with_label_values(&label).set(age.as_secs_f64());
            self.0.removed.with_label_values(&label).set(i64::from(sink.is_left_behind()));
            if !told.contains_key(&sink.name) {
                for result in super::verdict::WORDS {
                    self.0.deliveries.with_label_values(&[&sink.name, result]);
                }
            }
            let before = told.insert(sink.name.clone(), sink.given_up).unwrap_or(0);
            self.0.given_up.with_label_values(&label).inc_by(sink.given_up.saturating_sub(before));
        }
    }

    fn forget(&self, sink: &str) {
        // One that was never counted has no series to remove.
        let _ = self.0.pending.remove_label_values(&[sink]);
        let _ = self.0.oldest.remove_label_values(&[sink]);
        let _ = self.0.dead.remove_label_values(&[sink]);
        let _ = self.0.given_up.remove_label_values(&[sink]);
        let _ = self.0.removed.remove_label_values(&[sink]);
        let _ = self.0.refused.remove_label_values(&[sink]);
        let _ = self.0.seconds.remove_label_values(&[sink]);
        for result in super::verdict::WORDS {
            let _ = self.0.deliveries.remove_label_values(&[sink, result]);
        }
    }
}
