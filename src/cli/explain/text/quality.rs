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
    let ProbationView { backup, left_behind, worse_at, measured, left_seconds, found_worse } = watched;
    let measured = measured.map_or_else(|| "is not measured yet".to_owned(), |score| format!("scores {score:.1}"));
    let comes_back = if *found_worse {
        "it was found worse, and traffic comes back as soon as it may, unless it is measured well".to_owned()
    } else {
        format!("traffic comes back at {worse_at:.1} if home is better, for another {}", span(*left_seconds))
    };
    format!("{backup} {measured}, where {left_behind:.1} was left behind; {comes_back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial_is(state: &str, measured: Option<f64>, left_seconds: Option<f64>) -> String {
        trial(&CodecTrialView {
            from: "PCMU".to_owned(),
            to: "OPUS".to_owned(),
            before: 70.0,
            predicted: 82.0,
            worse_at: 67.5,
            state: state.to_owned(),
            measured,
            left_seconds,
        })
    }

    #[test]
    fn a_trial_tells_what_was_promised_and_what_came_of_it() {
        let promised = "predicted 82.0, 70.0 before, put back at 67.5";
        for (told, words) in [
            (trial_is("measuring", None, Some(90.0)), "is being measured for another 90 s at most"),
            (trial_is("holds", Some(80.0), None), "measured 80.0: holds"),
            (trial_is("worse", Some(60.0), None), "measured 60.0: worse"),
            (trial_is("unmeasured", None, None), "could not be measured, and stays"),
        ] {
            assert_eq!(told, format!("codec OPUS before PCMU {words}; {promised}"));
        }
    }

    #[test]
    fn each_thing_that_is_watched_has_a_line() {
        let watch = QualityWatchView {
            degraded_points: Some(16.0),
            low: Some(LowView { below: 75.0, of_baseline: true, lasted_seconds: 60.0, needed_seconds: 300.0 }),
            codec_trial: None,
            refuted: vec![RefutedView { codec: "OPUS".to_owned(), before: 70.0, measured: 60.0, left_seconds: 2400.0 }],
            probation: Some(ProbationView {
                backup: "ch-2".to_owned(),
                left_behind: 40.0,
                worse_at: 30.0,
                measured: None,
                left_seconds: 240.0,
                found_worse: false,
            }),
        };
        let told: Vec<String> = lines(&watch).into_iter().map(|(label, text)| format!("{label}: {text}")).collect();
        assert_eq!(
            told,
            [
                "low: below 75.0 (degraded_by under its usual score) for 60 s; traffic moves after 5 min, if a candidate is better",
                "refuted: codec OPUS first measured 60.0 after 70.0: not again for 40 min, unless conditions change",
                "probation: ch-2 is not measured yet, where 40.0 was left behind; traffic comes back at 30.0 if home is better, \
                 for another 4 min",
            ]
        );
        assert!(lines(&QualityWatchView::default()).is_empty());
    }
}
