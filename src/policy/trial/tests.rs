//! The bounds between better, as good and worse; what counts as new; and what is remembered of a refuted order.

#![allow(clippy::float_cmp, reason = "values that are set, not computed, compare exactly")]

use super::*;
use crate::policy::observation::{Sample, TelemetryReading};
use crate::policy::reason::Reason;

const fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn refuted(to: &str) -> Refuted {
    Refuted { from: "PCMU".to_owned(), to: to.to_owned(), before: 70.0, measured: 60.0 }
}

#[test]
fn worse_is_half_of_the_least_gain_and_a_point_at_least() {
    let promise = Promise { from: "PCMU".to_owned(), to: "OPUS".to_owned(), before: 70.0, predicted: 82.0 };
    let worse_at = |min_gain| promise.worse_at(&CodecParams { min_gain, ..CodecParams::default() });
    assert_eq!([5.0, 10.0, 1.0, 0.0].map(worse_at), [67.5, 65.0, 69.0, 69.0]);
}

#[test]
fn a_promise_is_read_from_what_was_decided_and_from_nothing_else() {
    let codec = |before| Reason::Codec {
        from: "PCMU".to_owned(),
        to: "OPUS".to_owned(),
        gain: 12.0,
        score: 70.0,
        predicted: Some(82.0),
        before,
    };
    assert_eq!(codec(Some(68.0)).promise().map(|promise| promise.before), Some(68.0));
    assert_eq!(codec(None).promise(), None, "written by a version that measured nothing");
    assert_eq!(Reason::Fine.promise(), None);
}

#[test]
fn a_refuted_order_is_outdated_by_other_conditions_either_way() {
    let outdated = |now| refuted("OPUS").outdated(&CodecParams::default(), now);
    assert_eq!([64.9, 65.1, 70.0, 74.9, 75.1].map(outdated), [true, false, false, false, true]);
}

#[test]
fn the_wait_doubles_decays_and_has_an_end() {
    let params = CodecParams::default();
    let mut all = Refutations::default();
    let mut at = |now: u64| all.add(Time::new(secs(now)), refuted("OPUS"), &params).as_secs();
    assert_eq!([at(0), at(0), at(0), at(0), at(0)], [600, 1200, 2400, 4800, 4800]);
    assert_eq!(at(1800), 4800, "twice a half");
    assert_eq!(at(1800 + 7 * 1800), 600);
}

#[test]
fn eight_codecs_are_remembered_for_eight_cooldowns_each_once() {
    let (params, now) = (CodecParams::default(), Time::new(secs(100)));
    let mut all = Refutations::default();
    for n in 0..12 {
        all.add(now, refuted(&format!("C{}", n.max(1))), &params);
    }
    let names: Vec<&str> = all.at(now).map(|(refuted, _)| refuted.to.as_str()).collect();
    assert_eq!(names, ["C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11"]);
    assert_eq!(all.at(now + secs(4799)).count(), 8);
    assert_eq!(all.at(now + secs(4800)).count(), 0);
}

#[test]
fn what_is_refuted_grows_older_while_the_process_is_down() {
    let (params, now) = (CodecParams::default(), Time::new(secs(100)));
    let mut all = Refutations::default();
    all.add(now, refuted("OPUS"), &params);
    let saved = all.save(now + secs(300));
    let back = |elapsed| Refutations::restore(saved.clone(), Time::ZERO, secs(elapsed), &params);
    assert_eq!(back(500).at(Time::ZERO).map(|(_, left)| left).next(), Some(secs(4000)));
    assert_eq!(back(5000).at(Time::ZERO).count(), 0);
    let next = |elapsed| back(elapsed).add(Time::ZERO, refuted("OPUS"), &params).as_secs();
    assert_eq!((next(0), next(1500)), (1069, 600));
}

#[test]
fn a_probation_fails_by_the_margin_that_the_move_needed() {
    let (rules, on) =
        (FailoverParams::default(), Probation { backup: ChannelId::from("b"), left_behind: 50.0, found: None });
    let failed = |there: There, home| on.failed(&rules, &there, home).is_some();
    let scored = |measured| There { measured: Some(measured), score: Some(measured), degraded: false };
    assert_eq!([39.0, 40.0, 40.1, 60.0].map(|there| failed(scored(there), 50.0)), [true, true, false, false]);
    assert!(!failed(scored(40.0), 49.9), "home is no better by that margin");
    assert!(failed(scored(20.0), 30.0), "home became worse, and is the better one still");
    assert!(!failed(There { score: Some(10.0), ..There::default() }, 50.0), "not measured since traffic came to it");
}

#[test]
fn a_degraded_backup_fails_where_it_is_not_measured_better() {
    let (rules, on) =
        (FailoverParams::default(), Probation { backup: ChannelId::from("b"), left_behind: 50.0, found: None });
    let failed = |score, home| {
        let there = There { measured: None, score, degraded: true };
        on.failed(&rules, &there, home).map(|cause| matches!(cause, Cause::Rollback { measured: None, .. }))
    };
    assert_eq!(failed(None, 50.0), Some(true));
    assert_eq!(failed(None, 49.0), None, "home is worse than when it was left");
    assert_eq!(
        (failed(Some(60.0), 65.0), failed(Some(59.0), 58.0), failed(Some(59.0), 59.0)),
        (None, None, Some(true))
    );
}

#[test]
fn a_margin_of_nothing_is_a_point() {
    let rules = FailoverParams { better_by: 0.0, ..FailoverParams::default() };
    assert_eq!(Probation { backup: ChannelId::from("b"), left_behind: 50.0, found: None }.worse_at(&rules), 49.0);
}

/// A window whose newest answer, asked for at `asked` seconds, ends at `to` minutes and holds a bucket for each minute of
/// `minutes` (`None`: undated items), with a latency that is its minute.
fn window(asked: u64, to: i64, minutes: &[Option<i64>]) -> Window {
    let mut window = Window::new(&TelemetryParams::default());
    let sample = |minute: &Option<i64>| Sample {
        at: minute.map(|minute| WallMs(minute * 60_000)),
        latency_ms: Some(minute.unwrap_or_default() as f64),
        jitter_ms: Some(1.0),
        packet_loss_pct: Some(0.0),
    };
    let samples = minutes.iter().map(sample).collect();
    let (from, to) = (WallMs((to - 5) * 60_000), WallMs(to * 60_000));
    window.insert(&TelemetryReading { asked_at: Time::new(secs(asked)), from, to, samples });
    window
}

fn latency(timed: &Timed<()>, window: &Window) -> Option<(f64, u32)> {
    timed.measured(window).map(|summary| (summary.latency_ms, summary.samples))
}

#[test]
fn telemetry_counts_from_the_second_whole_bucket_on() {
    let before = window(600, 10, &[Some(8), Some(9)]);
    // 30 s after minute 10.
    let timed = Timed::new((), Time::new(secs(630)), secs(600), Some(&before));
    let all: Vec<Option<i64>> = (8..13).map(Some).collect();
    assert_eq!(latency(&timed, &window(780, 13, &all)), None, "minutes 11.5 and later: one bucket");
    let all: Vec<Option<i64>> = (9..14).map(Some).collect();
    assert_eq!(latency(&timed, &window(840, 14, &all)), Some((12.5, 2)));
    assert_eq!(latency(&timed, &window(629, 14, &all)), None, "asked for before it showed");
}

#[test]
fn undated_telemetry_counts_once_its_whole_span_is_new() {
    let timed = Timed::new((), Time::new(secs(600)), secs(600), Some(&window(600, 10, &[None, None])));
    assert_eq!(latency(&timed, &window(900, 15, &[None, None])), None);
    assert_eq!(latency(&timed, &window(960, 16, &[None, None])), Some((0.0, 2)));
}

#[test]
fn after_a_restart_the_platforms_clock_goes_on_and_the_time_left_does_not() {
    let before = window(600, 10, &[Some(8), Some(9)]);
    let timed = Timed::new((), Time::new(secs(630)), secs(600), Some(&before));
    let saved = timed.save(Time::new(secs(700)));
    let now = Time::new(secs(5));
    let restored: Timed<()> = Timed::restore(saved, now);
    assert_eq!(restored.until, now + secs(530));
    let all: Vec<Option<i64>> = (11..16).map(Some).collect();
    assert_eq!(latency(&restored, &window(6, 16, &all)), Some((13.5, 4)));
    // What the platform's clock showed was not known: nothing before the restart counts.
    let blank: Timed<()> = Timed::restore(Timed::new((), Time::new(secs(630)), secs(600), None).save(now), now);
    assert_eq!(latency(&blank, &window(6, 16, &all)), None);
    assert_eq!(latency(&blank, &window(186, 19, &[Some(17), Some(18)])), Some((17.5, 2)));
}

#[test]
fn a_codec_is_remembered_once_and_what_is_over_not_at_all() {
    let (params, now) = (CodecParams::default(), Time::new(secs(100)));
    let mut all = Refutations::default();
    all.add(now, refuted("OPUS"), &params);
    all.add(now, refuted("OPUS"), &params);
    assert_eq!(all.at(now).count(), 1);
    all.add(now + secs(4801), refuted("G729"), &params);
    assert_eq!(all.list.len(), 1);
}
