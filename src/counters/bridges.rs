//! What is counted of bridges: how they ended, how long they took, and which share of the last hour's was made.

use super::{add, opts};
use crate::policy::Time;
use crate::sync::lock;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Registry};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// How a rescue ends: it came to its end; it did, with more calls on the channel than are listed; it was stopped on the way;
/// the calls could not be listed; it was held from the start; too many others were under way.
pub const RESCUES: [&str; 6] = ["ended", "cut", "stopped", "unlisted", "held", "skipped"];
/// How a bridge ends that was made.
const COMPLETED: &str = "completed";
/// How a bridge ends.
const ENDS: [&str; 9] = [
    COMPLETED,
    "unknown",
    "too_many_legs",
    "call_over",
    "already_bridged",
    "forbidden",
    "not_authorised",
    "refused",
    "not_sent",
];
/// What comes of a call that was to be rescued, besides.
const SKIPPED: &str = "skipped";
const MINUTE: Duration = Duration::from_mins(1);

/// From a tenth of a second to a minute and more: a deadline and a read-back fit in.
const SECONDS: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0];

/// The families; registered once, in the registry of the daemon's counters.
#[derive(Debug)]
pub struct BridgeMetrics {
    bridges: IntCounterVec,
    seconds: HistogramVec,
    ratio: GaugeVec,
    rescued: IntCounterVec,
    rescues: IntCounterVec,
    windows: Mutex<BTreeMap<String, Window>>,
}

/// Outcomes by the minute: its number from the clock's origin (before it: negative), those made, all.
type Window = VecDeque<(i64, u32, u32)>;

impl BridgeMetrics {
    /// Over how long the share of successes is taken; see [`BridgeMetrics::refresh`].
    pub const WINDOW: Duration = Duration::from_hours(1);

    /// Families in `registry`.
    pub fn new(registry: &Registry) -> Self {
        let seconds = HistogramOpts::from(opts(
            "bridge_duration_seconds",
            "Time from the order of a bridge to its outcome, the wait for its turn included.",
        ))
        .buckets(SECONDS.to_vec());
        Self {
            bridges: add(
                registry,
                IntCounterVec::new(
                    opts("bridges_total", "Bridges of calls that were begun, by what came of them."),
                    &["tenant", "result"],
                ),
            ),
            seconds: add(registry, HistogramVec::new(seconds, &["tenant"])),
            ratio: add(
                registry,
                GaugeVec::new(
                    opts(
                        "bridge_success_ratio",
                        "Bridges that were made, of all that ended in the last hour; absent where none did.",
                    ),
                    &["tenant"],
                ),
            ),
            rescued: add(
                registry,
                IntCounterVec::new(
                    opts("rescued_calls_total", "Calls of failed-over channels, by what came of their rescue."),
                    &["tenant", "result"],
                ),
            ),
            rescues: add(
                registry,
                IntCounterVec::new(
                    opts("rescues_total", "Rescues of failed-over channels' calls, by how they ended."),
                    &["tenant", "result"],
                ),
            ),
            windows: Mutex::default(),
        }
    }

    /// A bridge ended now in `result`, an outcome's label, after `took`.
    pub fn ended(&self, now: Time, tenant: &str, result: &str, took: Duration) {
        self.bridges.with_label_values(&[tenant, result]).inc();
        self.seconds.with_label_values(&[tenant]).observe(took.as_secs_f64());
        self.remember(now, Duration::ZERO, tenant, result == COMPLETED);
    }

    /// A bridge ended `ago`, as the journal tells: it counts for the share alone.
    pub fn remember(&self, now: Time, ago: Duration, tenant: &str, made: bool) {
        let minute = minute(now, ago);
        let mut windows = self.windows();
        let window = windows.entry(tenant.to_owned()).or_default();
        let index = match window.iter().position(|(known, ..)| *known >= minute) {
            Some(index) => index,
            None => window.len(),
        };
        if window.get(index).is_none_or(|(known, ..)| *known != minute) {
            window.insert(index, (minute, 0, 0));
        }
        if let Some((_, done, all)) = window.get_mut(index) {
            *done = done.saturating_add(u32::from(made));
            *all = all.saturating_add(1);
        }
    }

    /// What came of a call that was to be rescued: an outcome's label, or `skipped`.
    pub fn rescue(&self, tenant: &str, result: &str) {
        self.rescued.with_label_values(&[tenant, result]).inc();
    }

    /// How the rescue of a channel's calls ended: one word of the closed list `RESCUES`.
    pub fn rescue_over(&self, tenant: &str, result: &str) {
        self.rescues.with_label_values(&[tenant, result]).inc();
    }

    /// Works the shares out anew: of the last hour, in whole minutes.
    pub fn refresh(&self, now: Time) {
        let oldest = minute(now, Self::WINDOW);
        let mut windows = self.windows();
        windows.retain(|tenant, window| {
            window.retain(|(minute, ..)| *minute > oldest);
            let sum = |part: fn(&(i64, u32, u32)) -> u32| window.iter().map(|m| f64::from(part(m))).sum::<f64>();
            let (done, all) = (sum(|m| m.1), sum(|m| m.2));
            if all > 0.0 {
                self.ratio.with_label_values(&[tenant]).set(done / all);
            } else {
                let _ = self.ratio.remove_label_values(&[tenant]);
            }
            !window.is_empty()
        });
    }

    /// A tenant is configured: its counters are there from now on, at 0.
    pub fn tenant(&self, tenant: &str) {
        for label in ENDS {
            self.bridges.with_label_values(&[tenant, label]);
            self.rescued.with_label_values(&[tenant, label]);
        }
        self.rescued.with_label_values(&[tenant, SKIPPED]);
        for result in RESCUES {
            self.rescues.with_label_values(&[tenant, result]);
        }
    }

    /// A tenant is no longer configured: its share goes. Its other series are the registry's owner's to remove.
    pub fn forget(&self, tenant: &str) {
        self.windows().remove(tenant);
        let _ = self.ratio.remove_label_values(&[tenant]);
        let _ = self.seconds.remove_label_values(&[tenant]);
        for family in [&self.bridges, &self.rescued] {
            for label in ENDS.into_iter().chain([SKIPPED]) {
                let _ = family.remove_label_values(&[tenant, label]);
            }
        }
        for result in RESCUES {
            let _ = self.rescues.remove_label_values(&[tenant, result]);
        }
    }

    fn windows(&self) -> MutexGuard<'_, BTreeMap<String, Window>> {
        lock(&self.windows)
    }
}

fn minute(now: Time, ago: Duration) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX / 2);
    (seconds(now.since_origin()) - seconds(ago)).div_euclid(seconds(MINUTE))
}
