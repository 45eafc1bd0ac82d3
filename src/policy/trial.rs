//! Whether an action for quality kept its promise: a codec order on trial, a route on probation.
//!
//! Owns what was promised, from when on telemetry tells of it, and the bounds between better, as good and worse. Telemetry
//! counts as new from the second whole bucket on after the change showed: the first one may hold calls of before, and a
//! query's end may lie a little before the moment at which it went out. Whatever is judged is judged by as many new samples
//! as any score takes (`telemetry.min_samples`), and not at all where they do not come in their time.
//!
//! Who is to blame where an order is measured worse cannot be told at once: it, or conditions that became worse by
//! themselves. Putting the order before back tells: where conditions are again what they were, the order was to blame and
//! stays refuted; where they stay bad, it was not, and may be tried again after the cooldown ([`Refuted::outdated`]).
//!
//! Must never: act, or judge by a sample of before the change.

use super::decay::left_after;
use super::key::ChannelId;
use super::observation::Codec;
use super::params::{CodecParams, FailoverParams, TelemetryParams};
use super::reason::Cause;
use super::time::{Time, WallMs};
use super::window::{Summary, Window};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A codec order that was refuted stays so for this many cooldowns, unless conditions change before.
const REFUTED_FOR: u32 = 8;
/// The cooldown after refuted orders grows up to this many times `cooldown`.
const COOLDOWN_GROWS_TO: u32 = 8;
/// Its growth decays by half in this many times `cooldown`.
const COOLDOWN_HALF_LIFE: u32 = 3;
/// Codecs of a channel that are remembered as refuted, at the most; the oldest is forgotten.
const MOST_REFUTED: usize = 8;
/// Differences below a point of R are no difference, whatever a policy says.
const LEAST_DIFFERENCE: f64 = 1.0;

/// What a codec order promised, as E-model scores of 0 to 100 whatever the scorer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// The codec that was first.
    pub from: String,
    /// The codec that was put before it.
    pub to: String,
    /// The score with `from`: of the window then, or of its newest bucket where that was worse, since conditions that were
    /// still falling are not held against the new order.
    pub before: f64,
    /// The score of the window then with `to`.
    pub predicted: f64,
}

impl Promise {
    /// At this score or below it, the order is worse than the one before: half of `min_gain` below what was measured then,
    /// and 1 point at least.
    pub fn worse_at(&self, params: &CodecParams) -> f64 {
        self.before - (params.min_gain / 2.0).max(LEAST_DIFFERENCE)
    }
}

/// A codec order of ours, while it is measured and afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodecTrial {
    /// What it promised.
    pub promise: Promise,
    /// The order.
    pub order: Vec<Codec>,
    /// The order before it.
    pub back: Vec<Codec>,
    /// What came of measuring it; `None`: not measured yet.
    pub verdict: Option<Verdict>,
}

/// What came of measuring a codec order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It is as good as the order before, or better.
    Holds {
        /// The score.
        measured: f64,
    },
    /// It is worse than the order before, which is (to be) put back.
    Worse {
        /// The score.
        measured: f64,
    },
    /// There was too little new telemetry in time: it stays.
    Unmeasured,
}

impl CodecTrial {
    /// How long telemetry may take to measure an order: two windows and three intervals.
    pub fn lasts(telemetry: &TelemetryParams) -> Duration {
        telemetry.window * 2 + telemetry.interval * 3
    }
}

/// A route of ours that was taken for quality, until it has proved itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probation {
    /// The backup that carries the traffic.
    pub backup: ChannelId,
    /// The score of the channel that it left, when it was decided.
    pub left_behind: f64,
    /// What was known of it when traffic had to come back; `None`: it does not have to. It does from then on, past the
    /// probation's end too, until the route is known to be well.
    #[serde(default)]
    pub found: Option<There>,
}

impl Probation {
    /// The probation of a route taken for this reason; `None`: it is on none.
    pub fn of(backup: &ChannelId, cause: Option<&Cause>) -> Option<Self> {
        let (Cause::Quality { score, .. } | Cause::Degraded { score, .. }) = cause? else { return None };
        Some(Self { backup: backup.clone(), left_behind: *score, found: None })
    }

    /// How long it lasts: `quality_for`, and one window and three intervals of telemetry at least, so that the new route can
    /// be measured at all.
    pub fn lasts(failover: &FailoverParams, telemetry: &TelemetryParams) -> Duration {
        failover.quality_for.max(telemetry.window + telemetry.interval * 3)
    }

    /// At this score or below it, the new route is worse than what was left behind: by `better_by`, the margin that the move
    /// itself needed, and 1 point at least.
    pub fn worse_at(&self, failover: &FailoverParams) -> f64 {
        self.left_behind - margin(failover)
    }

    /// Whether what made traffic come back is known not to hold any more: the route measured above [`Self::worse_at`], by the
    /// margin better than what was left behind where the platform calls it degraded; or, where it was for the platform's
    /// word alone and nothing is measured, that it is `up` again.
    pub fn is_well(&self, failover: &FailoverParams, there: &There, up: bool) -> bool {
        let worse_at = self.worse_at(failover);
        match (there.measured, self.found) {
            (Some(score), _) if there.degraded => score >= self.left_behind + margin(failover),
            (Some(score), _) => score > worse_at,
            (None, Some(found)) => up && found.measured.is_none_or(|score| score > worse_at),
            (None, None) => false,
        }
    }

    /// Why traffic has to come back, where it has to: the new route measured at [`Self::worse_at`] or below since traffic
    /// came to it, and `home` better than it by the same margin; or the new route degraded by the platform's word and not
    /// better by that margin than what was left behind, as far as it has any score, and `home` no worse than it and than
    /// when it was left.
    pub fn failed(&self, failover: &FailoverParams, there: &There, home: f64) -> Option<Cause> {
        let margin = margin(failover);
        let measured = there.measured.or(there.score.filter(|_| there.degraded));
        let worse = there.measured.is_some_and(|score| score <= self.worse_at(failover) && home >= score + margin);
        let not_better = measured.is_none_or(|score| score < self.left_behind + margin && home >= score);
        let sick = there.degraded && home >= self.left_behind && not_better;
        let (backup, left_behind) = (self.backup.clone(), self.left_behind);
        let measured = measured.filter(|_| worse);
        (worse || sick).then_some(Cause::Rollback { backup, measured, left_behind, home })
    }
}

/// What is known of a route on probation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct There {
    /// The score of the backup since traffic came to it; `None`: too little telemetry yet.
    pub measured: Option<f64>,
    /// Its score over the whole window; `None`: too little telemetry.
    pub score: Option<f64>,
    /// Whether the platform has called it degraded for as long as being down takes.
    pub degraded: bool,
}

fn margin(failover: &FailoverParams) -> f64 {
    failover.better_by.max(LEAST_DIFFERENCE)
}

/// Something that is measured from a moment on and until another.
#[derive(Clone, Debug)]
pub(super) struct Timed<T> {
    pub of: T,
    pub until: Time,
    /// When the change showed, and what the platform's clock showed then, where that was known.
    shown: Time,
    wall: Option<WallMs>,
}

/// The same across a restart: the platform's clock goes on, and the time that is left does not pass meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedTimed<T> {
    of: T,
    left: Duration,
    wall: Option<WallMs>,
}

impl<T: Clone> Timed<T> {
    /// From `now` on; `window` is that of the channel whose telemetry tells.
    pub(super) fn new(of: T, now: Time, lasts: Duration, window: Option<&Window>) -> Self {
        Self { of, until: now + lasts, shown: now, wall: window.and_then(|window| window.wall_at(now)) }
    }

    /// What the telemetry of `window` says of the time since; `None`: too little of it so far.
    pub(super) fn measured(&self, window: &Window) -> Option<Summary> {
        if window.asked_at()? < self.shown {
            return None;
        }
        let wall = self.wall.or_else(|| window.wall_at(self.shown))?;
        let bucket = i64::try_from(window.bucket().as_millis()).unwrap_or(i64::MAX);
        window.summary_since(WallMs(wall.0.saturating_add(bucket)))
    }

    /// What was measured until now does not count any more.
    pub(super) fn measure_anew(&mut self, now: Time, window: &Window) {
        self.shown = now;
        self.wall = window.wall_at(now);
    }

    pub(super) fn save(&self, now: Time) -> SavedTimed<T> {
        SavedTimed { of: self.of.clone(), left: self.until.since(now), wall: self.wall }
    }

    pub(super) fn restore(saved: SavedTimed<T>, now: Time) -> Self {
        let SavedTimed { of, left, wall } = saved;
        Self { of, until: now + left, shown: now, wall }
    }
}

/// A codec that was put first and measured worse than what was first before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refuted {
    /// The codec that was first before.
    pub from: String,
    /// The codec that was put first.
    pub to: String,
    /// The score of the conditions under which it was put first, with the codec before it.
    pub before: f64,
    /// The score that was measured with it.
    pub measured: f64,
}

impl Refuted {
    /// Whether conditions are other ones than those that it was put first under: `from` would score `now`, which differs by
    /// `min_gain` or more from what it scored then, by 1 point at least.
    pub fn outdated(&self, params: &CodecParams, now: f64) -> bool {
        (now - self.before).abs() >= params.min_gain.max(LEAST_DIFFERENCE)
    }
}

/// The codecs of a channel that were refuted, and how much longer its next attempt has to wait for that.
#[derive(Clone, Debug, Default)]
pub(super) struct Refutations {
    /// Each with when it is forgotten, oldest first.
    pub list: Vec<(Refuted, Time)>,
    /// The last cooldown, and when it began.
    level: Option<(Duration, Time)>,
}

/// The same across a restart, as remaining times and ages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SavedRefutations {
    list: Vec<(Refuted, Duration)>,
    level: Option<(Duration, Duration)>,
}

impl Refutations {
    /// One more; how long no other order may be tried. It doubles with each, up to 8 times `cooldown`, and what it had
    /// grown to decays by half in 3 times `cooldown`.
    pub(super) fn add(&mut self, now: Time, refuted: Refuted, params: &CodecParams) -> Duration {
        self.list.retain(|(other, until)| other.to != refuted.to && *until > now);
        if self.list.len() >= MOST_REFUTED {
            self.list.remove(0);
        }
        self.list.push((refuted, now + params.cooldown.saturating_mul(REFUTED_FOR)));
        let left = self.level.map_or(Duration::ZERO, |(level, at)| decayed(level, now.since(at), params));
        let most = params.cooldown.saturating_mul(COOLDOWN_GROWS_TO);
        let level = left.saturating_mul(2).clamp(params.cooldown, most);
        self.level = Some((level, now));
        level
    }

    /// Those that are remembered at `now`.
    pub(super) fn at(&self, now: Time) -> impl Iterator<Item = (&Refuted, Duration)> {
        self.list.iter().filter(move |(_, until)| *until > now).map(move |(refuted, until)| (refuted, until.since(now)))
    }

    pub(super) fn save(&self, now: Time) -> SavedRefutations {
        let list = self.at(now).map(|(refuted, left)| (refuted.clone(), left)).collect();
        SavedRefutations { list, level: self.level.map(|(level, at)| (level, now.since(at))) }
    }

    /// As of `elapsed` later than they were saved. An age may reach back behind the clock's origin: the level is decayed by
    /// it instead.
    pub(super) fn restore(saved: SavedRefutations, now: Time, elapsed: Duration, params: &CodecParams) -> Self {
        let left = |(refuted, left): (Refuted, Duration)| {
            let left = left.checked_sub(elapsed).filter(|left| !left.is_zero())?;
            Some((refuted, now + left))
        };
        let list = saved.list.into_iter().filter_map(left).take(MOST_REFUTED).collect();
        let level = saved.level.map(|(level, age)| (decayed(level, age + elapsed, params), now));
        Self { list, level }
    }
}

/// A grown cooldown that is `age` old.
fn decayed(level: Duration, age: Duration, params: &CodecParams) -> Duration {
    level.mul_f64(left_after(age, params.cooldown.saturating_mul(COOLDOWN_HALF_LIFE)))
}

#[cfg(test)]
mod tests;
