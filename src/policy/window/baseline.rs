//! What is usual for a channel: the median of its last 24 hours, in bounded memory.
//!
//! Owns the long memory behind a [`Window`](super::Window). Samples come in when they leave the window, so that the
//! present is never held against itself, and are filed under the half hour of the platform's clock that they belong to.
//! A half hour that is over becomes one value for each metric, by the same statistic as the window's; the median over up
//! to 48 of those is what is usual. A whole bad half hour is one value of many: it takes half of a day for trouble to
//! become usual.
//!
//! Memory: 48 values, and at most 32 samples of the half hour that is open; where there are more, every second one is let
//! go and from then on every second one is taken, so that those kept stay spread over it. Below [`LEAST`] half hours
//! nothing is called usual. It never reads a clock.

use super::{Measured, Statistic};
use crate::policy::time::WallMs;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Half an hour in milliseconds.
const HALF_HOUR_MS: i64 = 30 * 60 * 1000;
/// Half hours that are remembered: a day.
const MOST: u32 = 48;
/// Half hours without which nothing is usual: six hours.
const LEAST: usize = 12;
/// Samples of the open half hour that are kept.
const MOST_OPEN: usize = 32;

/// Latency, jitter and loss; single precision halves the memory and is far finer than any measurement.
type Triple = [f32; 3];

/// The last day of one channel, by half hours.
#[derive(Clone, Debug)]
pub(super) struct Baseline {
    statistic: Statistic,
    open: Option<Open>,
    /// In ascending order.
    closed: VecDeque<(u32, Triple)>,
    usual: Option<Measured>,
}

/// The half hour that samples come in for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    half_hour: u32,
    kept: Vec<Triple>,
    seen: usize,
    stride: usize,
}

/// What is usual for a channel, as it is kept across a restart: values by half hours of the platform's calendar, so that
/// time that passes meanwhile is a gap and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedBaseline {
    /// Under which statistic the values were made; under another one they mean nothing.
    statistic: Statistic,
    open: Option<Open>,
    closed: Vec<(u32, Triple)>,
}

impl Baseline {
    /// One that remembers nothing.
    pub(super) const fn new(statistic: Statistic) -> Self {
        Self { statistic, open: None, closed: VecDeque::new(), usual: None }
    }

    /// Files a sample that has left the window. Half hours are expected in order: one for an earlier half hour than the
    /// open one is passed over, unless the clock was set back by more than a day, which begins anew.
    pub(super) fn add(&mut self, at: WallMs, measured: &Measured) {
        let Ok(half_hour) = u32::try_from(at.0.div_euclid(HALF_HOUR_MS)) else { return };
        let last = self.last();
        match &mut self.open {
            Some(open) if open.half_hour == half_hour => open.push(measured),
            Some(open) if open.half_hour > half_hour => {
                if open.half_hour - half_hour > MOST {
                    *self = Self::new(self.statistic);
                    self.open = Some(Open::new(half_hour, measured));
                }
            }
            // A half hour that was closed before a restart stays as it was.
            None if last.is_some_and(|last| half_hour <= last && last - half_hour <= MOST) => {}
            None if last.is_some_and(|last| half_hour <= last) => {
                *self = Self::new(self.statistic);
                self.open = Some(Open::new(half_hour, measured));
            }
            _ => {
                if let Some(over) = self.open.replace(Open::new(half_hour, measured)) {
                    self.close(&over, half_hour);
                }
            }
        }
    }

    /// The newest half hour that is over, counted from 1970; `None` before the first.
    pub(super) fn last(&self) -> Option<u32> {
        self.closed.back().map(|(half_hour, _)| *half_hour)
    }

    /// What has to survive a restart; `None` where no half hour is over yet.
    pub(super) fn save(&self) -> Option<SavedBaseline> {
        let (statistic, open) = (self.statistic, self.open.clone());
        let closed: Vec<_> = self.closed.iter().copied().collect();
        (!closed.is_empty()).then_some(SavedBaseline { statistic, open, closed })
    }

    /// Takes back what was saved, unless it was made by another statistic. What breaks its bounds is left out.
    pub(super) fn restore(&mut self, saved: SavedBaseline) {
        if saved.statistic != self.statistic {
            return;
        }
        let mut last = None;
        let ordered = saved.closed.into_iter().filter(|(half_hour, value)| {
            let sound = value.iter().all(|v| v.is_finite() && *v >= 0.0) && last.is_none_or(|last| last < *half_hour);
            if sound {
                last = Some(*half_hour);
            }
            sound
        });
        self.closed = ordered.take(MOST as usize + 1).collect();
        self.open = saved.open.filter(|open| {
            let after = self.last().is_none_or(|last| last < open.half_hour);
            after && (1..=MOST_OPEN).contains(&open.kept.len()) && open.stride > 0
        });
        self.usual = self.median();
    }

    /// Forgets what is older than a day at `to`.
    pub(super) fn advance(&mut self, to: WallMs) {
        let Ok(half_hour) = u32::try_from(to.0.div_euclid(HALF_HOUR_MS)) else { return };
        if self.forget_before(half_hour) {
            self.usual = self.median();
        }
    }

    /// Median latency, jitter and loss of the half hours of the last day; `None` while fewer than 12 are known.
    pub(super) const fn usual(&self) -> Option<Measured> {
        self.usual
    }

    /// The half hour is over, and `now` is the one that follows.
    fn close(&mut self, over: &Open, now: u32) {
        self.forget_before(now);
        if self.closed.is_empty() {
            self.closed.reserve_exact(MOST as usize);
        }
        self.closed.push_back((over.half_hour, over.value(self.statistic)));
        self.usual = self.median();
    }

    /// Whether anything was older than a day.
    fn forget_before(&mut self, half_hour: u32) -> bool {
        let mut forgot = false;
        while self.closed.front().is_some_and(|(of, _)| *of < half_hour.saturating_sub(MOST)) {
            self.closed.pop_front();
            forgot = true;
        }
        forgot
    }

    fn median(&self) -> Option<Measured> {
        (self.closed.len() >= LEAST)
            .then(|| summed(self.closed.iter().map(|(_, value)| *value), Statistic::Percentile(50)))
    }
}

impl Open {
    fn new(half_hour: u32, first: &Measured) -> Self {
        let mut open = Self { half_hour, kept: Vec::new(), seen: 0, stride: 1 };
        open.push(first);
        open
    }

    fn push(&mut self, measured: &Measured) {
        let due = self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        if !due {
            return;
        }
        if self.kept.len() == MOST_OPEN {
            let mut keep = false;
            self.kept.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride *= 2;
        }
        self.kept.push(triple(measured));
    }

    fn value(&self, statistic: Statistic) -> Triple {
        triple(&summed(self.kept.iter().copied(), statistic))
    }
}

fn summed(triples: impl Iterator<Item = Triple>, statistic: Statistic) -> Measured {
    let (mut latency, mut jitter, mut loss) = (Vec::new(), Vec::new(), Vec::new());
    for [l, j, p] in triples {
        latency.push(f64::from(l));
        jitter.push(f64::from(j));
        loss.push(f64::from(p));
    }
    Measured {
        latency_ms: statistic.of(&mut latency),
        jitter_ms: statistic.of(&mut jitter),
        packet_loss_pct: statistic.of(&mut loss),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "at most 60,000, and single precision is enough")]
const fn triple(measured: &Measured) -> Triple {
    [measured.latency_ms as f32, measured.jitter_ms as f32, measured.packet_loss_pct as f32]
}

#[cfg(test)]
mod tests;
