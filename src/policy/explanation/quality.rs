//! What a report says about a channel's quality beside its score: how far it is below what is usual, which condition is running out,
//! and what is on trial. Plain values.

use super::super::key::ChannelId;
use serde::Serialize;
use std::time::Duration;

/// What is watched for the sake of quality. Remaining times are of the report's `as_of`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QualityWatch {
    /// By how many points the score is below the baseline, where that is `degraded_by` or more.
    pub degraded: Option<f64>,
    /// A bad score that has to last before traffic moves.
    pub low: Option<LowReport>,
    /// The codec order of ours, while it is measured and afterwards.
    pub trial: Option<CodecTrialReport>,
    /// Codecs that are not put first again while conditions stay, and how long that is remembered.
    pub refuted: Vec<RefutedReport>,
    /// The route that has to prove itself.
    pub probation: Option<ProbationReport>,
}

/// A bad score that has to last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LowReport {
    /// The score that it has been below: `quality_below`, or the baseline less `degraded_by`.
    pub below: f64,
    /// Whether that bound comes from the channel's own baseline.
    pub of_baseline: bool,
    /// How long the score has been that low.
    pub lasted: Duration,
    /// How long it has to be (`quality_for`).
    pub needed: Duration,
}

/// A codec order of ours against what it promised. Scores are the E-model's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CodecTrialReport {
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
    pub state: &'static str,
    /// The score that was measured.
    pub measured: Option<f64>,
    /// While it is being measured: how much longer telemetry may take.
    pub left: Option<Duration>,
}

/// A codec that was tried and measured worse.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefutedReport {
    /// The codec.
    pub to: String,
    /// The score before.
    pub before: f64,
    /// The score with it.
    pub measured: f64,
    /// How much longer that is remembered.
    pub left: Duration,
}

/// A route taken for quality that has to prove itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbationReport {
    /// The backup that carries the traffic.
    pub backup: ChannelId,
    /// The score of the channel when its traffic left.
    pub left_behind: f64,
    /// At this score of the backup or below it, with home better by as much, traffic comes back.
    pub worse_at: f64,
    /// The score of the backup since; `None`: too little telemetry yet.
    pub measured: Option<f64>,
    /// How much longer the probation lasts.
    pub left: Duration,
    /// Whether traffic has to come back, whatever is left: it was found worse, and is not known to be well since.
    pub found_worse: bool,
}
