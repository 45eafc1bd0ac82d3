//! The lines on a channel's quality: what is usual, which bad score has lasted how long, and what is on trial.

use super::span;
use crate::http::views::{CodecTrialView, LowView, ProbationView, QualityView, QualityWatchView, RefutedView};

/// A line for each thing that is watched; none where nothing is.
pub(super) fn lines(watch: &QualityWatchView) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    lines.extend(watch.low.as_ref().map(|watched| ("low", low(watched))));
    lines.extend(watch.codec_trial.as_ref().map(|watched| ("trial", trial(watched))));
    lines.extend(watch.refuted.iter().map(|watched| ("refuted", refuted(watched))));
    lines.extend(watch.probation.as_ref().map(|watched| ("probation", probation(watched))));
    lines
}

/// What is usual, behind the score.
pub(super) fn usual(q: &QualityView) -> String {
    let side = |points: f64| if points < 0.0 { "below" } else { "above" };
    q.baseline.map_or_else(String::new, |baseline| {
        let points = q.score - baseline;
        format!(", {:.1} {} its usual {baseline:.1}", points.abs(), side(points))
    })
}

fn low(watched: &LowView) -> String {
    let bound = if watched.of_baseline { "degraded_by under its usual score" } else { "quality_below" };
    let (lasted, needed) = (span(watched.lasted_seconds), span(watched.needed_seconds));
    format!("below {:.1} ({bound}) for {lasted}; traffic moves after {needed}, if a candidate is better", watched.below)
}

fn trial(watched: &CodecTrialView) -> String {
    let CodecTrialView { from, to, before, predicted, worse_at, .. } = watched;
    let came = match (watched.state.as_str(), watched.measured, watched.left_seconds) {
        (_, _, Some(left)) => format!("is being measured for another {} at most", span(left)),
        ("worse", Some(measured), _) => format!("measured {measured:.1}: worse"),
        (_, Some(measured), _) => format!("measured {measured:.1}: holds"),
        _ => "could not be measured, and stays".to_owned(),
    };
    format!("codec {to} before {from} {came}; predicted {predicted:.1}, {before:.1} before, put back at {worse_at:.1}")
}

fn refuted(watched: &RefutedView) -> String {
    let RefutedView { codec, before, measured, left_seconds } = watched;
    let left = span(*left_seconds);
    format!(
        "codec {codec} first measured {measured:.1} after {before:.1}: not again for {left}, unless conditions change"
    )
}

fn probation(watched: &ProbationView) -> String {
    let ProbationView { backup, left_behind, worse_at, measured, left_seconds } = watched;
    let measured = measured.map_or_else(|| "is not measured yet".to_owned(), |score| format!("scores {score:.1}"));
    format!(
        "{backup} {measured}, where {left_behind:.1} was left behind; traffic comes back at {worse_at:.1} if home is better, \
         for another {}",
        span(*left_seconds)
    )
}
