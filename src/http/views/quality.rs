//! A channel's quality in the API's words: its score and baseline, the conditions that run out, and what is on trial.

use crate::policy::{CodecTrialReport, LowReport, ProbationReport, Quality, QualityWatch, RefutedReport};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Quality over the window: each metric its mean, or the percentile that the policy asks for (`quality.summary`).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct QualityView {
    /// 0 (worst) to 100 (best).
    pub score: f64,
    /// The score that the channel's usual conditions of the last 24 h would have with the codec in use; null while too
    /// little is known of them.
    #[serde(default)]
    pub baseline: Option<f64>,
    /// One-way latency.
    pub latency_ms: f64,
    /// Jitter.
    pub jitter_ms: f64,
    /// Packet loss.
    pub packet_loss_pct: f64,
    /// ITU-T G.107.
    pub r_factor: f64,
    /// Mean opinion score.
    pub mos: f64,
    /// Samples in the window.
    pub samples: u32,
}

/// What is watched for the sake of quality, with the remaining times of the moment of the answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QualityWatchView {
    /// By how many points the score is below the baseline, where that is `degraded_by` or more.
    pub degraded_points: Option<f64>,
    /// A bad score that has to last before traffic moves.
    pub low: Option<LowView>,
    /// The codec order of ours against what it promised.
    pub codec_trial: Option<CodecTrialView>,
    /// Codecs that were tried and measured worse.
    pub refuted: Vec<RefutedView>,
    /// The route that has to prove itself.
    pub probation: Option<ProbationView>,
}

/// A bad score that has to last.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LowView {
    /// The bound that the score is below.
    pub below: f64,
    /// Whether that bound comes from the channel's own baseline (`degraded_by`), rather than from `quality_below`.
    pub of_baseline: bool,
    /// For how long.
    pub lasted_seconds: f64,
    /// How long it has to be (`quality_for`).
    pub needed_seconds: f64,
}

/// A codec order of ours against what it promised; scores are the E-model's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodecTrialView {
    /// The codec that was first before.
    pub from: String,
    /// The codec that was put before it.
    pub to: String,
    /// The score before.
    pub before: f64,
    /// The score that was predicted.
    pub predicted: f64,
    /// At this score or below it the order before is put back.
    pub worse_at: f64,
    /// `measuring`, `holds`, `worse` or `unmeasured`.
    pub state: String,
    /// The score that was measured.
    pub measured: Option<f64>,
    /// While it is being measured: how much longer telemetry may take.
    pub left_seconds: Option<f64>,
}

/// A codec that was tried and measured worse.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefutedView {
    /// The codec.
    pub codec: String,
    /// The score before.
    pub before: f64,
    /// The score with it.
    pub measured: f64,
    /// How much longer it is not put first, while conditions stay.
    pub left_seconds: f64,
}

/// A route taken for quality that has to prove itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProbationView {
    /// The backup that carries the traffic.
    pub backup: String,
    /// The score of the channel when its traffic left.
    pub left_behind: f64,
    /// At this score of the backup or below it, with home better by as much, traffic comes back.
    pub worse_at: f64,
    /// The score of the backup since; null: too little telemetry yet.
    pub measured: Option<f64>,
    /// How much longer the probation lasts.
    pub left_seconds: f64,
    /// Whether traffic has to come back, whatever is left: it was found worse, and is not known to be well since.
    #[serde(default)]
    pub found_worse: bool,
}

impl QualityView {
    pub(super) const fn of(q: &Quality) -> Self {
        Self {
            score: q.score,
            baseline: q.baseline,
            latency_ms: q.latency_ms,
            jitter_ms: q.jitter_ms,
            packet_loss_pct: q.packet_loss_pct,
            r_factor: q.r_factor,
            mos: q.mos,
            samples: q.samples,
        }
    }
}

impl QualityWatchView {
    /// `passed` after the report was made.
    pub(super) fn of(watch: &QualityWatch, passed: Duration) -> Self {
        let left = |left: Duration| left.saturating_sub(passed).as_secs_f64();
        Self {
            degraded_points: watch.degraded,
            low: watch.low.map(|LowReport { below, of_baseline, lasted, needed }| LowView {
                below,
                of_baseline,
                lasted_seconds: (lasted + passed).as_secs_f64(),
                needed_seconds: needed.as_secs_f64(),
            }),
            codec_trial: watch.trial.as_ref().map(|trial| CodecTrialView::of(trial, left)),
            refuted: watch.refuted.iter().map(|refuted| RefutedView::of(refuted, left)).collect(),
            probation: watch.probation.as_ref().map(|on| ProbationView::of(on, left)),
        }
    }
}

impl CodecTrialView {
    fn of(trial: &CodecTrialReport, left: impl Fn(Duration) -> f64) -> Self {
        Self {
            from: trial.from.clone(),
            to: trial.to.clone(),
            before: trial.before,
            predicted: trial.predicted,
            worse_at: trial.worse_at,
            state: trial.state.to_owned(),
            measured: trial.measured,
            left_seconds: trial.left.map(left),
        }
    }
}

impl RefutedView {
    fn of(refuted: &RefutedReport, left: impl Fn(Duration) -> f64) -> Self {
        let RefutedReport { to, before, measured, left: remains } = refuted.clone();
        Self { codec: to, before, measured, left_seconds: left(remains) }
    }
}

impl ProbationView {
    fn of(on: &ProbationReport, left: impl Fn(Duration) -> f64) -> Self {
        Self {
            backup: on.backup.to_string(),
            left_behind: on.left_behind,
            worse_at: on.worse_at,
            measured: on.measured,
            left_seconds: left(on.left),
            found_worse: on.found_worse,
        }
    }
}
