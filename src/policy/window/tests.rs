//! The window against the cases that naive ones get wrong, and against a model that remembers everything.

use super::*;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

fn params(min_samples: u32) -> TelemetryParams {
    TelemetryParams { min_samples, ..TelemetryParams::default() }
}

fn item(at: Option<i64>, value: f64) -> Sample {
    Sample {
        at: at.map(|minutes| WallMs(minutes * MINUTE)),
        latency_ms: Some(value),
        jitter_ms: Some(value / 10.0),
        packet_loss_pct: Some(value / 100.0),
    }
}

/// An answer at `to` minutes.
fn reading(to: i64, samples: Vec<Sample>) -> TelemetryReading {
    let asked_at = Time::new(Duration::from_secs(u64::try_from(to * 60).unwrap()));
    TelemetryReading { asked_at, from: WallMs((to - 5) * MINUTE), to: WallMs(to * MINUTE), samples }
}

fn dated(to: i64, items: &[(i64, f64)]) -> TelemetryReading {
    reading(to, items.iter().map(|&(at, value)| item(Some(at), value)).collect())
}

fn latency(window: &Window) -> Option<(f64, u32)> {
    window.summary().map(|s| (s.latency_ms, s.samples))
}

#[test]
fn every_field_is_averaged_over_the_samples() {
    let mut window = Window::new(&params(2));
    assert_eq!(window.insert(&dated(10, &[(7, 10.0), (8, 20.0), (9, 60.0)])), 0);
    let summary = window.summary().unwrap();
    assert_eq!(summary, Summary { latency_ms: 30.0, jitter_ms: 3.0, packet_loss_pct: 0.3, samples: 3, usual: None });
}

#[test]
fn an_idle_line_that_reports_zeros_measures_nothing() {
    let mut window = Window::new(&params(1));
    assert_eq!(window.insert(&dated(10, &[(7, 0.0), (8, -0.0), (9, 40.0)])), 2);
    assert_eq!((latency(&window), window.rejected()), (Some((40.0, 1)), 2));
    let zero = |latency_ms, jitter_ms, packet_loss_pct| Sample {
        latency_ms: Some(latency_ms),
        jitter_ms: Some(jitter_ms),
        packet_loss_pct: Some(packet_loss_pct),
        ..item(None, 0.0)
    };
    let some = vec![zero(20.0, 0.0, 0.0), zero(0.0, 1.0, 0.0), zero(0.0, 0.0, 1.0), zero(0.0, 0.0, 0.0)];
    let mut window = Window::new(&params(1));
    assert_eq!(window.insert(&reading(10, some)), 1, "all three have to be zero");
}

fn summed(summary: Statistic, items: &[f64]) -> Summary {
    let mut window = Window::new(&TelemetryParams { summary, ..params(1) });
    window.insert(&reading(10, items.iter().map(|value| item(None, *value)).collect()));
    window.summary().unwrap()
}

#[test]
fn a_percentile_is_the_nearest_rank_of_each_metric() {
    let twenty: Vec<f64> = (1..=20).rev().map(f64::from).collect();
    for (percent, want) in [(1, 1.0), (5, 1.0), (6, 2.0), (50, 10.0), (75, 15.0), (90, 18.0), (95, 19.0), (99, 20.0)] {
        let got = summed(Statistic::Percentile(percent), &twenty);
        let of = Summary { latency_ms: want, jitter_ms: want / 10.0, packet_loss_pct: want / 100.0, ..got };
        assert_eq!((got, got.samples), (of, 20), "p{percent}");
    }
    assert!((summed(Statistic::Percentile(50), &[40.0, 10.0]).latency_ms - 10.0).abs() < 1e-12, "never in between");
    assert!((summed(Statistic::Percentile(95), &[40.0]).latency_ms - 40.0).abs() < 1e-12);
}

#[test]
fn a_percentile_of_each_metric_is_its_own() {
    let mut window = Window::new(&TelemetryParams { summary: Statistic::Percentile(50), ..params(1) });
    let sample = |latency, jitter, loss| Sample {
        at: None,
        latency_ms: Some(latency),
        jitter_ms: Some(jitter),
        packet_loss_pct: Some(loss),
    };
    window.insert(&reading(10, vec![sample(1.0, 9.0, 5.0), sample(2.0, 8.0, 4.0), sample(3.0, 7.0, 6.0)]));
    let want = Measured { latency_ms: 2.0, jitter_ms: 8.0, packet_loss_pct: 5.0 };
    assert_eq!(window.summary().unwrap().measured(), want);
}

#[test]
fn no_telemetry_is_no_score() {
    let mut window = Window::new(&params(0));
    assert_eq!(window.summary(), None);
    window.insert(&reading(10, vec![]));
    assert_eq!(window.summary(), None);
}

#[test]
fn too_few_samples_are_no_score() {
    let mut window = Window::new(&params(2));
    window.insert(&dated(10, &[(9, 10.0)]));
    assert_eq!(window.summary(), None);
    window.insert(&dated(11, &[(10, 30.0)]));
    assert_eq!(latency(&window), Some((20.0, 2)));
}

#[test]
fn the_window_includes_its_start_and_excludes_what_is_before() {
    let mut window = Window::new(&params(1));
    window.insert(&dated(10, &[(4, 1000.0), (5, 10.0)]));
    assert_eq!(latency(&window), Some((10.0, 1)));
}

#[test]
fn a_bucket_that_is_not_over_is_left_out_even_later() {
    let mut window = Window::new(&params(1));
    let mut early = dated(10, &[(9, 10.0)]);
    early.to = WallMs(10 * MINUTE - 1);
    assert_eq!(window.insert(&early), 0, "left out is not rejected");
    assert_eq!(window.summary(), None);
    window.insert(&dated(11, &[(10, 30.0)]));
    assert_eq!(latency(&window), Some((30.0, 1)), "the partial bucket of the first answer never counts");
}

#[test]
fn the_last_word_on_a_timestamp_wins() {
    let mut window = Window::new(&params(1));
    window.insert(&dated(10, &[(8, 10.0), (8, 20.0)]));
    assert_eq!(latency(&window), Some((20.0, 1)));
    window.insert(&dated(10, &[(8, 40.0)]));
    assert_eq!(latency(&window), Some((40.0, 1)));
}

#[test]
fn samples_age_out_when_the_platform_has_nothing_new() {
    let mut window = Window::new(&params(1));
    window.insert(&dated(10, &[(6, 10.0), (9, 30.0)]));
    window.insert(&reading(13, vec![]));
    assert_eq!(latency(&window), Some((30.0, 1)));
    window.insert(&reading(15, vec![]));
    assert_eq!(window.summary(), None);
}

#[test]
fn an_answer_replaces_the_undated_items_of_the_one_before() {
    let mut window = Window::new(&params(1));
    window.insert(&reading(10, vec![item(None, 10.0), item(None, 20.0)]));
    assert_eq!(latency(&window), Some((15.0, 2)));
    window.insert(&reading(11, vec![item(None, 40.0)]));
    assert_eq!(latency(&window), Some((40.0, 1)));
    window.insert(&reading(12, vec![]));
    assert_eq!(window.summary(), None);
}

#[test]
fn what_is_missing_or_absurd_is_rejected_and_never_read_as_zero() {
    let good = item(Some(9), 10.0);
    let bad = [
        Sample { latency_ms: None, ..good },
        Sample { jitter_ms: None, ..good },
        Sample { packet_loss_pct: None, ..good },
        Sample { latency_ms: Some(f64::NAN), ..good },
        Sample { jitter_ms: Some(f64::INFINITY), ..good },
        Sample { latency_ms: Some(-1.0), ..good },
        Sample { packet_loss_pct: Some(-0.1), ..good },
        Sample { latency_ms: Some(60_000.1), ..good },
        Sample { jitter_ms: Some(60_000.1), ..good },
        Sample { packet_loss_pct: Some(100.1), ..good },
    ];
    for sample in bad {
        let mut window = Window::new(&params(1));
        assert_eq!(window.insert(&reading(10, vec![sample, Sample { at: None, ..sample }])), 2, "{sample:?}");
        assert_eq!((window.summary(), window.rejected()), (None, 2), "{sample:?}");
    }
    let edge = Sample { latency_ms: Some(60_000.0), jitter_ms: Some(0.0), packet_loss_pct: Some(100.0), ..good };
    assert_eq!(Window::new(&params(1)).insert(&reading(10, vec![edge])), 0);
}

#[test]
fn a_rejected_item_does_not_disturb_the_good_one_before_it() {
    let mut window = Window::new(&params(1));
    window.insert(&dated(10, &[(8, 10.0)]));
    window.insert(&reading(10, vec![Sample { latency_ms: None, ..item(Some(8), 0.0) }]));
    assert_eq!((latency(&window), window.rejected()), (Some((10.0, 1)), 1));
}

#[test]
fn a_late_answer_to_an_earlier_question_is_passed_over() {
    let mut window = Window::new(&params(1));
    window.insert(&dated(10, &[(9, 10.0)]));
    window.insert(&dated(9, &[(8, 90.0)]));
    assert_eq!(latency(&window), Some((10.0, 1)));
}

#[test]
fn the_platforms_clock_may_be_set_back() {
    let mut window = Window::new(&params(1));
    window.insert(&dated(100, &[(99, 10.0)]));
    let mut set_back = dated(101, &[(39, 30.0)]);
    set_back.to = WallMs(40 * MINUTE);
    window.insert(&set_back);
    assert_eq!(latency(&window), Some((30.0, 1)));
}

#[test]
fn memory_is_bounded_and_the_bound_is_counted() {
    let mut window = Window::new(&TelemetryParams { bucket: Duration::from_millis(1), ..params(1) });
    let many = |at: fn(i64) -> Option<i64>| {
        (0..5000)
            .map(|i| Sample { at: at(i).map(|ms| WallMs(9 * MINUTE + ms)), ..item(None, 10.0) })
            .collect::<Vec<_>>()
    };
    assert_eq!(window.insert(&reading(10, many(Some))), 904);
    assert_eq!(latency(&window), Some((10.0, 4096)));
    assert_eq!(window.insert(&reading(20, many(|_| None))), 904);
    assert_eq!((latency(&window), window.rejected()), (Some((10.0, 4096)), 1808));
}

#[test]
fn a_reload_applies_at_once() {
    let mut window = Window::new(&params(1));
    window.insert(&dated(10, &[(6, 10.0), (9, 30.0)]));
    window.reconfigure(&TelemetryParams { window: Duration::from_mins(2), ..params(1) });
    assert_eq!(latency(&window), Some((30.0, 1)));
    window.reconfigure(&params(2));
    assert_eq!(window.summary(), None);
    window.reconfigure(&TelemetryParams { summary: Statistic::Percentile(99), ..params(1) });
    window.insert(&dated(10, &[(8, 90.0), (9, 30.0)]));
    assert_eq!(latency(&window), Some((90.0, 2)));
}

#[test]
fn clearing_forgets_the_samples_and_keeps_the_count() {
    let mut window = Window::new(&params(1));
    window.insert(&reading(10, vec![item(Some(9), 10.0), item(None, 10.0), Sample::default()]));
    window.clear();
    assert_eq!((window.summary(), window.rejected()), (None, 1));
}

proptest! {
    /// By the definition: the least value that at least `p` percent of the samples do not exceed.
    #[test]
    fn a_percentile_is_what_so_many_samples_do_not_exceed(
        items in prop::collection::vec(0.0..500.0_f64, 1..40), percent in 1..=100_u8,
    ) {
        let got = summed(Statistic::Percentile(percent), &items).latency_ms;
        let share = |value: f64| items.iter().filter(|item| **item <= value).count() * 100;
        let needed = items.len() * usize::from(percent);
        prop_assert!(items.contains(&got) && share(got) >= needed);
        prop_assert!(items.iter().all(|lower| *lower >= got || share(*lower) < needed));
    }

    /// The model keeps every answer and, for each minute there ever was, asks the answers from the newest back for a
    /// whole bucket of it.
    #[test]
    fn the_window_equals_a_model_that_remembers_everything(
        steps in prop::collection::vec((0..4_i64, prop::collection::vec((0..12_i64, 0.0..500.0_f64), 0..8)), 1..12),
        seconds in 0..60_i64,
    ) {
        let mut window = Window::new(&params(1));
        let mut answers: Vec<TelemetryReading> = Vec::new();
        let mut to = 20;
        for (forward, items) in steps {
            to += forward;
            let mut answer = dated(to, &items.iter().map(|&(ago, v)| (to - ago + 1, v)).collect::<Vec<_>>());
            answer.to = WallMs(answer.to.0 + seconds * 1000);
            window.insert(&answer);
            answers.push(answer);
            let end = to * MINUTE + seconds * 1000;
            let whole: Vec<f64> = (0..=to)
                .map(|minute| minute * MINUTE)
                .filter(|start| end - 5 * MINUTE <= *start && start + MINUTE <= end)
                .filter_map(|start| {
                    answers.iter().rev().filter(|a| start + MINUTE <= a.to.0).find_map(|a| {
                        a.samples.iter().rev().find(|s| s.at == Some(WallMs(start))).and_then(|s| s.latency_ms)
                    })
                })
                .collect();
            match window.summary() {
                None => prop_assert!(whole.is_empty()),
                Some(summary) => {
                    prop_assert_eq!(summary.samples as usize, whole.len());
                    prop_assert!((summary.latency_ms * whole.len() as f64 - whole.iter().sum::<f64>()).abs() < 1e-6);
                }
            }
        }
    }
}
