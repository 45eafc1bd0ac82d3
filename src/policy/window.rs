//! The exact window: telemetry of one channel, by the platform's own buckets and the platform's own clock.
//!
//! Owns which samples count and what they come to: the mean, or a percentile, of each metric. A dated item is known by its timestamp, and the last word on a
//! timestamp wins; an undated one counts until the next answer. A bucket that was not over when the platform was asked
//! is not a sample yet. What is missing or absurd is rejected and counted, never read as 0. It never reads a clock:
//! the window ends where the newest answer's span ended. What leaves the window goes to the [`baseline`], which knows
//! what is usual for the channel.

mod baseline;

use super::observation::{Sample, TelemetryReading};
use super::params::{Statistic, TelemetryParams};
use super::time::{Time, WallMs};
use baseline::Baseline;
pub use baseline::SavedBaseline;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most samples of either kind that are kept; what goes beyond is rejected and counted.
const MAX_SAMPLES: usize = 4096;
/// Latency and jitter above a minute are no measurements, in milliseconds.
const ABSURD_MS: f64 = 60_000.0;

/// The samples of a window in one number for each metric: the mean, or the policy's percentile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Latency in milliseconds, one-way or round-trip as the platform gives it.
    pub latency_ms: f64,
    /// Jitter in milliseconds.
    pub jitter_ms: f64,
    /// Packet loss in percent, 0 to 100.
    pub packet_loss_pct: f64,
    /// How many samples were summed up.
    pub samples: u32,
    /// What is usual for the channel: the median over the half hours of the last day, the window itself left out. `None`
    /// while fewer than 12 of them are known.
    pub usual: Option<Measured>,
}

impl Summary {
    /// The three metrics.
    pub const fn measured(&self) -> Measured {
        Measured { latency_ms: self.latency_ms, jitter_ms: self.jitter_ms, packet_loss_pct: self.packet_loss_pct }
    }
}

/// The three metrics of one sample, or of many in one; all of them there and possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Latency in milliseconds, one-way or round-trip as the platform gives it.
    pub latency_ms: f64,
    /// Jitter in milliseconds.
    pub jitter_ms: f64,
    /// Packet loss in percent, 0 to 100.
    pub packet_loss_pct: f64,
}

/// The telemetry of one channel that still counts.
#[derive(Clone, Debug)]
pub struct Window {
    span: Duration,
    bucket: Duration,
    min_samples: u32,
    statistic: Statistic,
    baseline: Baseline,
    /// Up to when undated answers have gone to the baseline.
    filed_to: Option<WallMs>,
    dated: BTreeMap<WallMs, Measured>,
    undated: Vec<Measured>,
    newest: Option<Newest>,
    rejected: u64,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    asked_at: Time,
    to: WallMs,
}

impl Window {
    /// An empty window.
    pub fn new(params: &TelemetryParams) -> Self {
        Self {
            span: params.window,
            bucket: params.bucket,
            min_samples: params.min_samples,
            statistic: params.summary,
            baseline: Baseline::new(params.summary),
            filed_to: None,
            dated: BTreeMap::new(),
            undated: Vec::new(),
            newest: None,
            rejected: 0,
        }
    }

    /// Takes an answer, and tells how many of its items were rejected: a field missing, not a number, negative, latency
    /// or jitter above 60,000 ms, loss above 100 %, all three of them zero, or more than 4096 items (the oldest go). An answer to an earlier question than the
    /// newest one is passed over as a whole, since it would speak of a span that has moved on.
    pub fn insert(&mut self, reading: &TelemetryReading) -> u32 {
        if self.newest.is_some_and(|newest| reading.asked_at < newest.asked_at) {
            return 0;
        }
        self.file_undated();
        self.newest = Some(Newest { asked_at: reading.asked_at, to: reading.to });
        self.undated.clear();
        self.baseline.advance(reading.to);
        let mut rejected = 0_u32;
        for sample in &reading.samples {
            if !self.insert_sample(sample, reading.to) {
                rejected = rejected.saturating_add(1);
            }
        }
        self.prune();
        self.rejected = self.rejected.saturating_add(u64::from(rejected));
        rejected
    }

    /// The mean or percentile of each metric over exactly `[to - window, to)` of the newest answer, each sample weighing
    /// the same. `None` where fewer than `min_samples` count (and always where none does).
    pub fn summary(&self) -> Option<Summary> {
        self.sum_up(WallMs(i64::MIN), &self.undated)
    }

    /// As [`Self::summary`], over those buckets alone that began at `from` or later. Undated samples say nothing of when
    /// they were taken: they count where the whole span of the newest answer lies behind `from`.
    pub fn summary_since(&self, from: WallMs) -> Option<Summary> {
        let behind = self.newest.is_some_and(|newest| newest.to.back(self.span) >= from);
        self.sum_up(from, if behind { &self.undated } else { &[] })
    }

    /// The newest bucket alone; `None` where there is none, or where items are not dated.
    pub fn newest(&self) -> Option<Measured> {
        self.dated.last_key_value().map(|(_, measured)| *measured)
    }

    /// What the platform's clock showed at `at`, reckoned from the newest answer; `None` before the first.
    pub fn wall_at(&self, at: Time) -> Option<WallMs> {
        let Newest { asked_at, to } = self.newest?;
        let later = i64::try_from(at.since(asked_at).as_millis()).unwrap_or(i64::MAX);
        Some(WallMs(to.back(asked_at.since(at)).0.saturating_add(later)))
    }

    /// When the newest answer was asked for; `None` before the first.
    pub fn asked_at(&self) -> Option<Time> {
        self.newest.map(|newest| newest.asked_at)
    }

    /// The length of one bucket.
    pub const fn bucket(&self) -> Duration {
        self.bucket
    }

    /// The newest half hour that went into what is usual, counted from 1970; `None` before the first. Where it changes,
    /// what [`Self::save`] gives has changed.
    pub fn last_half_hour(&self) -> Option<u32> {
        self.baseline.last()
    }

    /// What is usual, as it has to survive a restart; `None` before the first half hour is over.
    pub fn save(&self) -> Option<SavedBaseline> {
        self.baseline.save()
    }

    /// Takes back what was usual, unless another statistic is asked for now.
    pub fn restore(&mut self, saved: SavedBaseline) {
        self.baseline.restore(saved);
    }

    fn sum_up(&self, from: WallMs, undated: &[Measured]) -> Option<Summary> {
        let dated = || self.dated.range(from..).map(|(_, measured)| measured);
        let count = dated().count() + undated.len();
        let samples = u32::try_from(count).unwrap_or(u32::MAX);
        if samples < self.min_samples.max(1) {
            return None;
        }
        let mut values = Vec::with_capacity(count);
        let mut of = |field: fn(&Measured) -> f64| {
            values.clear();
            values.extend(dated().chain(undated).map(field));
            self.statistic.of(&mut values)
        };
        Some(Summary {
            latency_ms: of(|m| m.latency_ms),
            jitter_ms: of(|m| m.jitter_ms),
            packet_loss_pct: of(|m| m.packet_loss_pct),
            samples,
            usual: self.baseline.usual(),
        })
    }

    /// How many items were rejected since the window was made.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Forgets every sample; the count of rejected ones goes on, and what is usual stays known.
    pub fn clear(&mut self) {
        self.dated.clear();
        self.undated.clear();
        self.newest = None;
    }

    /// Works by other parameters from now on. A longer window fills with the next answer. Under another statistic nothing
    /// is usual until enough has been seen again.
    pub fn reconfigure(&mut self, params: &TelemetryParams) {
        self.span = params.window;
        self.bucket = params.bucket;
        self.min_samples = params.min_samples;
        if self.statistic != params.summary {
            self.statistic = params.summary;
            self.baseline = Baseline::new(params.summary);
        }
        self.prune();
    }

    /// Whether the item was acceptable; an acceptable one outside the window is passed over, not rejected.
    fn insert_sample(&mut self, sample: &Sample, to: WallMs) -> bool {
        let Some(measured) = measured(sample) else { return false };
        match sample.at {
            None if self.undated.len() >= MAX_SAMPLES => false,
            None => {
                self.undated.push(measured);
                true
            }
            Some(at) if !self.counts(at, to) => true,
            Some(at) => {
                self.dated.insert(at, measured);
                let full = self.dated.len() > MAX_SAMPLES;
                if full {
                    self.dated.pop_first();
                }
                !full
            }
        }
    }

    /// Whether the bucket that starts at `at` lies in the window that ends at `to`, and was over by then.
    fn counts(&self, at: WallMs, to: WallMs) -> bool {
        at >= to.back(self.span) && at <= to.back(self.bucket)
    }

    fn prune(&mut self) {
        let Some(Newest { to, .. }) = self.newest else { return };
        let (first, last) = (to.back(self.span), to.back(self.bucket));
        while let Some(oldest) = self.dated.first_entry().filter(|entry| *entry.key() < first) {
            let (at, measured) = oldest.remove_entry();
            self.baseline.add(at, &measured);
        }
        // Only a clock that was set back leaves samples of its future behind; they were never measured then.
        while let Some(future) = self.dated.last_entry().filter(|entry| *entry.key() > last) {
            future.remove();
        }
    }

    /// Undated items go to the baseline once in a window's span, since answers in between repeat them.
    fn file_undated(&mut self) {
        let Some(Newest { to, .. }) = self.newest.filter(|_| !self.undated.is_empty()) else { return };
        if self.filed_to.is_some_and(|filed| to.back(self.span) < filed && to >= filed) {
            return;
        }
        self.filed_to = Some(to);
        for measured in &self.undated {
            self.baseline.add(to, measured);
        }
    }
}

fn measured(sample: &Sample) -> Option<Measured> {
    let within = |value: Option<f64>, most: f64| value.filter(|v| (0.0..=most).contains(v));
    let measured = Measured {
        latency_ms: within(sample.latency_ms, ABSURD_MS)?,
        jitter_ms: within(sample.jitter_ms, ABSURD_MS)?,
        packet_loss_pct: within(sample.packet_loss_pct, 100.0)?,
    };
    // A line that carries no calls reports zeros: no network has no delay at all.
    let idle = measured.latency_ms == 0.0 && measured.jitter_ms == 0.0 && measured.packet_loss_pct == 0.0;
    (!idle).then_some(measured)
}

#[cfg(test)]
mod tests;
