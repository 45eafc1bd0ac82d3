//! What is counted as it happens: polls, requests, actions, the journal, reloads, the loop's lag.
//!
//! Owns the Prometheus registry. What has a state (health, quality, budget) is not here: `/metrics` reads that from the
//! snapshot, so that nothing is kept twice and a removed channel leaves no series behind. Must never: take a label that
//! the outside chooses without a bound; a channel is never a label of a counter.

mod bridges;
mod doors;
mod meddling;
mod provision;

pub use bridges::BridgeMetrics;

use crate::platform::{Malformed, RequestEvent};
use crate::policy::WallMs;
use doors::Doors;
use meddling::Meddling;
use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use provision::Provisions;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Words, beside statuses, that a platform request may end in; any other is counted as `other`.
const REQUEST_WORDS: [&str; 6] = ["timeout", "connect", "reset", "too_large", "malformed", "cancelled"];

/// What an action is and how it ends.
const ACTIONS: [&str; 3] = ["failover", "failback", "codec"];
const OUTCOMES: [&str; 7] = ["applied", "not_applied", "refused", "not_sent", "conflict", "withdrawn", "unknown"];

/// How a look ends.
const LOOKS: [&str; 10] = [
    "ok",
    "missing",
    "timeout",
    "connect",
    "not_authorised",
    "forbidden",
    "rate_limited",
    "server",
    "malformed",
    "unexpected",
];

/// Endpoints that every tenant uses, and the ends of a request that an alert is about.
const ENDPOINTS: [&str; 5] = ["token", "channel", "channels", "patch", "telemetry"];
const ALERTED: [&str; 3] = ["401", "403", "429"];

/// Close together around 20 ms, which a PATCH should take at most from its evidence; far apart where it waits for a slot.
const ACTION_SECONDS: [f64; 18] =
    [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// The daemon's counters. Cheap to clone; every clone counts into the same registry.
#[derive(Clone, Debug)]
pub struct Counters(Arc<Families>);

#[derive(Debug)]
struct Families {
    registry: Registry,
    polls: IntCounterVec,
    poll_seconds: HistogramVec,
    requests: IntCounterVec,
    malformed: IntCounterVec,
    actions: IntCounterVec,
    action_seconds: HistogramVec,
    meddling: Meddling,
    doors: Doors,
    provisions: Provisions,
    journal_entries: Total,
    observations_dropped: Total,
    journal_set_aside: Total,
    checkpoint_at: Gauge,
    checkpoint_size: IntGauge,
    reload_ok: IntGauge,
    reload_at: Gauge,
    loop_lag: Histogram,
    bridges: BridgeMetrics,
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Counters {
    /// A registry of its own with every family in it, and the process's own metrics.
    pub fn new() -> Self {
        let registry = Registry::new();
        let (checkpoint_at, checkpoint_size) = checkpoint_gauges(&registry);
        let families = Families {
            polls: add(
                &registry,
                IntCounterVec::new(opts("polls_total", "Looks at channels, by how they ended."), &["tenant", "result"]),
            ),
            poll_seconds: add(
                &registry,
                HistogramVec::new(
                    buckets(
                        "poll_duration_seconds",
                        "Time from asking the platform for a channel to the end of the look.",
                        0.005,
                        2.0,
                        13,
                    ),
                    &["tenant"],
                ),
            ),
            requests: add(
                &registry,
                IntCounterVec::new(
                    opts(
                        "platform_requests_total",
                        "Requests to the platform, by endpoint and status (or how they failed).",
                    ),
                    &["tenant", "endpoint", "code"],
                ),
            ),
            malformed: malformed(&registry),
            actions: add(
                &registry,
                IntCounterVec::new(
                    opts("actions_total", "Changes of channels, by what came of them."),
                    &["tenant", "action", "result"],
                ),
            ),
            action_seconds: add(
                &registry,
                HistogramVec::new(
                    HistogramOpts::from(opts(
                        "action_latency_seconds",
                        "Time from the answer that confirmed a decision to its PATCH being sent.",
                    ))
                    .buckets(ACTION_SECONDS.to_vec()),
                    &["tenant"],
                ),
            ),
            doors: Doors::new(&registry),
            meddling: Meddling::new(&registry),
            provisions: Provisions::new(&registry),
            journal_entries: Total::of(add(
                &registry,
                IntCounter::with_opts(opts("journal_entries_total", "Audit entries in the journal.")),
            )),
            observations_dropped: Total::of(add(
                &registry,
                IntCounter::with_opts(opts(
                    "observations_dropped_total",
                    "Observations that the journal's queue had no room for.",
                )),
            )),
            journal_set_aside: Total::of(add(
                &registry,
                IntCounter::with_opts(opts(
                    "journal_set_aside_total",
                    "What the journal can never write as it is: left out, or written without what makes it so.",
                )),
            )),
            checkpoint_at,
            checkpoint_size,
            reload_ok: add(
                &registry,
                IntGauge::with_opts(opts(
                    "config_last_reload_successful",
                    "Whether the last attempt to load the configuration succeeded.",
                )),
            ),
            reload_at: add(
                &registry,
                Gauge::with_opts(opts(
                    "config_last_reload_success_timestamp_seconds",
                    "When the configuration was last loaded successfully, in seconds since 1970.",
                )),
            ),
            loop_lag: loop_lag(&registry),
            bridges: BridgeMetrics::new(&registry),
            registry,
        };
        // Process metrics exist on Linux only, and their absence is no reason not to start.
        let _ = families.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()));
        Self(Arc::new(families))
    }

    /// A look ended in `result` (`ok`, `missing`, `timeout`, `connect`, …: a closed list of the prober's) after `took`.
    pub fn poll(&self, tenant: &str, result: &str, took: Duration) {
        self.0.polls.with_label_values(&[tenant, result]).inc();
        self.0.poll_seconds.with_label_values(&[tenant]).observe(took.as_secs_f64());
    }

    /// A request to the platform ended.
    pub fn request(&self, tenant: &str, event: &RequestEvent) {
        self.0.requests.with_label_values(&[tenant, event.endpoint, bounded_code(&event.code)]).inc();
    }

    /// An action (`failover`, `failback`, `codec`) ended in `result`, an outcome's name.
    pub fn action(&self, tenant: &str, action: &str, result: &str) {
        self.0.actions.with_label_values(&[tenant, action, result]).inc();
    }

    /// A tenant is configured: whatever may be counted of it is there from now on, at 0, so that the first event is seen as
    /// a rise.
    pub fn tenant(&self, tenant: &str) {
        for look in LOOKS {
            self.0.polls.with_label_values(&[tenant, look]);
        }
        for action in ACTIONS {
            for outcome in OUTCOMES {
                self.0.actions.with_label_values(&[tenant, action, outcome]);
            }
        }
        for endpoint in ENDPOINTS {
            for code in ALERTED.iter().chain(&REQUEST_WORDS) {
                self.0.requests.with_label_values(&[tenant, endpoint, code]);
            }
        }
        for what in Malformed::ALL {
            self.0.malformed.with_label_values(&[tenant, what.name()]);
        }
        self.0.meddling.tenant(tenant);
        self.0.provisions.tenant(tenant);
        self.0.bridges.tenant(tenant);
    }

    /// A PATCH was sent `after` the answer that confirmed its decision.
    pub fn action_latency(&self, tenant: &str, after: Duration) {
        self.0.action_seconds.with_label_values(&[tenant]).observe(after.as_secs_f64());
    }

    /// The journal holds `total` entries by now. It never goes down.
    pub fn journal_entries(&self, total: u64) {
        self.0.journal_entries.reach(total);
    }

    /// `total` observations were dropped since the start. It never goes down.
    pub fn observations_dropped(&self, total: u64) {
        self.0.observations_dropped.reach(total);
    }

    /// `total` things were set aside by the journal since the start. It never goes down.
    pub fn journal_set_aside(&self, total: u64) {
        self.0.journal_set_aside.reach(total);
    }

    /// The newest signed checkpoint covers `size` entries and was made `at`.
    pub fn checkpoint(&self, size: u64, at: Option<WallMs>) {
        self.0.checkpoint_size.set(i64::try_from(size).unwrap_or(i64::MAX));
        self.0.checkpoint_at.set(at.map_or(0.0, |at| at.0 as f64 / 1000.0));
    }

    /// An attempt to load the configuration ended at `at`.
    pub fn config_reload(&self, ok: bool, at: WallMs) {
        self.0.reload_ok.set(i64::from(ok));
        if ok {
            self.0.reload_at.set(at.0 as f64 / 1000.0);
        }
    }

    /// The driver's loop went round `late` after it was due.
    pub fn loop_lag(&self, late: Duration) {
        self.0.loop_lag.observe(late.as_secs_f64());
    }

    /// So much of an answer could not be read.
    pub fn malformed(&self, tenant: &str, what: Malformed, count: u32) {
        self.0.malformed.with_label_values(&[tenant, what.name()]).inc_by(u64::from(count));
    }

    /// What is counted of bridges.
    pub fn bridges(&self) -> &BridgeMetrics {
        &self.0.bridges
    }

    /// A tenant is no longer configured: its series go.
    pub fn forget_tenant(&self, tenant: &str) {
        forget(&self.0.polls, tenant);
        forget(&self.0.poll_seconds, tenant);
        forget(&self.0.requests, tenant);
        forget(&self.0.malformed, tenant);
        forget(&self.0.actions, tenant);
        forget(&self.0.action_seconds, tenant);
        self.0.meddling.forget_tenant(tenant);
        self.0.provisions.forget_tenant(tenant);
        self.0.bridges.forget(tenant);
    }

    /// A family of another room, in the same registry.
    pub fn add<C: Collector + Clone + 'static>(&self, family: prometheus::Result<C>) -> C {
        add(&self.0.registry, family)
    }

    /// Every family that has a series, by name.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.0.registry.gather()
    }
}

/// A counter that is told its total by whoever counts.
#[derive(Debug)]
struct Total {
    counter: IntCounter,
    reached: AtomicU64,
}

impl Total {
    const fn of(counter: IntCounter) -> Self {
        Self { counter, reached: AtomicU64::new(0) }
    }

    fn reach(&self, total: u64) {
        let before = self.reached.fetch_max(total, Ordering::Relaxed);
        self.counter.inc_by(total.saturating_sub(before));
    }
}

fn checkpoint_gauges(registry: &Registry) -> (Gauge, IntGauge) {
    let at = opts(
        "audit_checkpoint_timestamp_seconds",
        "When the newest signed checkpoint of the audit log was made, in seconds since 1970; 0 before the first.",
    );
    let size = opts("audit_checkpoint_entries", "How many audit entries the newest signed checkpoint covers.");
    (add(registry, Gauge::with_opts(at)), add(registry, IntGauge::with_opts(size)))
}

fn malformed(registry: &Registry) -> IntCounterVec {
    let help = "Answers of the platform, and parts of them, that could not be read and were left out of account.";
    add(registry, IntCounterVec::new(opts("malformed_total", help), &["tenant", "what"]))
}

fn loop_lag(registry: &Registry) -> Histogram {
    let help = "How much later than due the driver's loop went round.";
    add(registry, Histogram::with_opts(buckets("loop_lag_seconds", help, 0.0001, 4.0, 10)))
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("trunkwarden")
}

fn buckets(name: &str, help: &str, first: f64, factor: f64, count: usize) -> HistogramOpts {
    let bounds = prometheus::exponential_buckets(first, factor, count).unwrap_or_default();
    HistogramOpts::from(opts(name, help)).buckets(bounds)
}

/// Names, labels and bounds are constants of this file: a failure here is a mistake in it, and the first test shows it.
#[allow(clippy::expect_used, reason = "depends on constants only")]
fn add<C: Collector + Clone + 'static>(registry: &Registry, family: prometheus::Result<C>) -> C {
    let family = family.expect("a metric's name, labels and buckets are valid");
    registry.register(Box::new(family.clone())).expect("a metric's name is used once");
    family
}

/// The statuses of HTTP and a short list of words: whatever else a platform makes up shares one series.
fn bounded_code(code: &str) -> &str {
    let is_status = code.len() == 3 && code.parse::<u16>().is_ok_and(|c| (100..600).contains(&c));
    if is_status || REQUEST_WORDS.contains(&code) { code } else { "other" }
}

fn forget<T: MetricVecBuilder>(family: &MetricVec<T>, tenant: &str) {
    for metric in family.collect().iter().flat_map(MetricFamily::get_metric) {
        let labels: HashMap<&str, &str> = metric.get_label().iter().map(|l| (l.name(), l.value())).collect();
        if labels.get("tenant") == Some(&tenant) {
            let _ = family.remove(&labels);
        }
    }
}

#[cfg(test)]
mod tests;
