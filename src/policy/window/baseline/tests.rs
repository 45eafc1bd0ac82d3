//! What is usual, seen through the window: it takes hours to know, half a day to shift, and a bounded memory.

use super::*;
use crate::policy::observation::{Sample, TelemetryReading};
use crate::policy::params::TelemetryParams;
use crate::policy::time::Time;
use crate::policy::window::Window;
use proptest::prelude::*;
use std::time::Duration;

const MINUTE: i64 = 60_000;
const HALF: i64 = 30;
const DAY: i64 = 24 * 60;

struct World {
    window: Window,
    minute: i64,
}

impl World {
    /// At the start of a day.
    fn new() -> Self {
        Self::by(Statistic::Mean)
    }

    fn by(summary: Statistic) -> Self {
        let params = TelemetryParams { min_samples: 1, summary, ..TelemetryParams::default() };
        Self { window: Window::new(&params), minute: 100 * DAY }
    }

    fn answer(&mut self, samples: Vec<Sample>) {
        let to = WallMs(self.minute * MINUTE);
        let asked_at = Time::new(Duration::from_secs(u64::try_from(self.minute * 60).unwrap()));
        self.window.insert(&TelemetryReading { asked_at, from: to, to, samples });
    }

    /// So many minutes with an answer each, of a latency that depends on the minute of the run.
    fn pass_with(&mut self, minutes: i64, latency_of: impl Fn(i64) -> f64) -> &mut Self {
        for minute in 0..minutes {
            self.minute += 1;
            let at = Some(WallMs((self.minute - 1) * MINUTE));
            self.answer(vec![sample(at, latency_of(minute))]);
        }
        self
    }

    fn pass(&mut self, minutes: i64, latency: f64) -> &mut Self {
        self.pass_with(minutes, |_| latency)
    }

    fn usual(&self) -> Option<f64> {
        self.window.summary().and_then(|summary| summary.usual).map(|usual| usual.latency_ms)
    }
}

fn sample(at: Option<WallMs>, latency: f64) -> Sample {
    Sample { at, latency_ms: Some(latency), jitter_ms: Some(latency / 8.0), packet_loss_pct: Some(latency / 64.0) }
}

#[track_caller]
fn assert_usual(world: &World, want: f64) {
    let got = world.usual().unwrap();
    assert!((got - want).abs() < 1e-4, "{got} is usual, not {want}");
}

#[test]
fn it_takes_six_hours_to_know_what_is_usual() {
    let mut world = World::new();
    // The half hour is over once a sample of the next one has left the window, five minutes later.
    world.pass(12 * HALF + 5, 40.0);
    assert_eq!(world.usual(), None);
    world.pass(2, 40.0);
    assert_usual(&world, 40.0);
}

#[test]
fn every_metric_has_its_own() {
    let mut world = World::new();
    world.pass(DAY, 64.0);
    let want = Measured { latency_ms: 64.0, jitter_ms: 8.0, packet_loss_pct: 1.0 };
    assert_eq!(world.window.summary().unwrap().usual, Some(want));
}

#[test]
fn trouble_is_not_usual_before_half_a_day() {
    let mut world = World::new();
    world.pass(DAY, 40.0).pass(DAY / 2 - HALF, 400.0);
    assert_usual(&world, 40.0);
    assert!((world.window.summary().unwrap().latency_ms - 400.0).abs() < 1e-9);
    world.pass(2 * HALF + 10, 400.0);
    assert_usual(&world, 400.0);
}

#[test]
fn a_spike_in_every_half_hour_shows_by_the_policys_statistic() {
    let spiky = |minute: i64| if minute % 10 == 0 { 400.0 } else { 40.0 };
    for (summary, want) in
        [(Statistic::Mean, 76.0), (Statistic::Percentile(50), 40.0), (Statistic::Percentile(95), 400.0)]
    {
        let mut world = World::by(summary);
        world.pass_with(DAY, spiky);
        assert_usual(&world, want);
    }
}

#[test]
fn what_is_older_than_a_day_is_forgotten() {
    let mut world = World::new();
    world.pass(DAY, 40.0);
    world.minute += DAY;
    world.answer(vec![sample(None, 90.0)]);
    assert_eq!(world.usual(), None, "nothing was seen for a day");
    world.pass(DAY, 90.0);
    assert_usual(&world, 90.0);
}

fn add(baseline: &mut Baseline, half_hour: i64, latency_ms: f64) {
    baseline.add(WallMs(half_hour * HALF_HOUR_MS), &Measured { latency_ms, jitter_ms: 0.0, packet_loss_pct: 0.0 });
}

#[test]
fn a_day_is_48_half_hours() {
    let mut baseline = Baseline::new(Statistic::Mean);
    (0..=48).for_each(|n| add(&mut baseline, n, if n < 24 { 40.0 } else { 90.0 }));
    assert!((baseline.usual().unwrap().latency_ms - 40.0).abs() < 1e-4, "24 of 48");
    baseline.advance(WallMs(48 * HALF_HOUR_MS));
    assert!((baseline.usual().unwrap().latency_ms - 40.0).abs() < 1e-4);
    add(&mut baseline, 49, 90.0);
    assert!((baseline.usual().unwrap().latency_ms - 90.0).abs() < 1e-4, "23 of 48");
}

#[test]
fn a_sample_that_comes_late_is_passed_over() {
    let mut baseline = Baseline::new(Statistic::Mean);
    (0..20).for_each(|n| add(&mut baseline, n, 40.0));
    add(&mut baseline, 3, 900.0);
    assert!((baseline.usual().unwrap().latency_ms - 40.0).abs() < 1e-4);
    assert_eq!(baseline.closed.len(), 19);
}

#[test]
fn half_hours_at_the_end_of_time_are_no_matter() {
    let mut baseline = Baseline::new(Statistic::Mean);
    let measured = Measured { latency_ms: 40.0, jitter_ms: 4.0, packet_loss_pct: 0.0 };
    for half_hour in (0..20).map(|n| i64::from(u32::MAX) - 19 + n) {
        baseline.add(WallMs(half_hour * HALF_HOUR_MS), &measured);
        baseline.advance(WallMs(half_hour * HALF_HOUR_MS));
    }
    assert!(baseline.usual().is_some());
}

#[test]
fn undated_answers_count_once_a_window() {
    let mut world = World::new();
    for minute in 0..DAY / 2 {
        world.minute += 1;
        // One bad answer that comes at once after a filed one says nothing new.
        let latency = if minute % 5 == 0 { 40.0 } else { 90.0 };
        world.answer(vec![sample(None, latency), sample(None, latency)]);
    }
    assert_usual(&world, 40.0);
}

#[test]
fn a_clock_far_ahead_does_not_stop_it() {
    for dated in [true, false] {
        far_ahead_and_back(dated);
    }
}

fn far_ahead_and_back(dated: bool) {
    let mut world = World::new();
    world.pass(DAY, 40.0);
    let back = world.minute;
    world.minute += 400 * DAY;
    world.pass(10, 40.0);
    (0..10).for_each(|_| {
        world.minute += 1;
        world.answer(vec![sample(None, 40.0)]);
    });
    world.minute = back;
    // The window itself passes over questions that seem older, so the driver's own clock goes on.
    let mut asked = Duration::from_hours(24 * 700);
    for _ in 0..DAY {
        world.minute += 1;
        asked += Duration::from_mins(1);
        let (at, to) = (WallMs((world.minute - 1) * MINUTE), WallMs(world.minute * MINUTE));
        let samples = vec![sample(dated.then_some(at), 70.0)];
        world.window.insert(&TelemetryReading { asked_at: Time::new(asked), from: to, to, samples });
    }
    assert_usual(&world, 70.0);
}

#[test]
fn another_statistic_begins_anew() {
    let mut world = World::new();
    world.pass(DAY, 40.0);
    let params = TelemetryParams { min_samples: 1, ..TelemetryParams::default() };
    world.window.reconfigure(&params);
    assert_usual(&world, 40.0);
    world.window.reconfigure(&TelemetryParams { summary: Statistic::Percentile(95), ..params });
    assert_eq!(world.usual(), None);
}

#[test]
fn clearing_the_window_keeps_what_is_usual() {
    let mut world = World::new();
    world.pass(DAY, 40.0);
    world.window.clear();
    world.minute += 1;
    world.answer(vec![sample(None, 90.0)]);
    assert_usual(&world, 40.0);
}

proptest! {
    /// However many samples there are and in whatever order, memory stays within its bounds and no panic comes.
    #[test]
    fn memory_is_bounded(times in prop::collection::vec(any::<i64>(), 0..50), dense in 0..5000_i64) {
        let mut baseline = Baseline::new(Statistic::Mean);
        let measured = Measured { latency_ms: 40.0, jitter_ms: 4.0, packet_loss_pct: 0.0 };
        for at in times.into_iter().chain((0..dense).map(|n| n * 100 * 1000)).chain((0..dense).map(|n| n * 100)) {
            baseline.add(WallMs(at), &measured);
            baseline.advance(WallMs(at));
            prop_assert!(baseline.closed.len() <= 48 && baseline.closed.capacity() <= 48);
            prop_assert!(baseline.open.as_ref().is_none_or(|open| open.kept.len() <= MOST_OPEN));
        }
    }

    /// What is kept of a crowded half hour is spread over the whole of it.
    #[test]
    fn a_crowded_half_hour_is_thinned_evenly(samples in 1..5000_u32) {
        let measured = |n: u32| Measured { latency_ms: f64::from(n), jitter_ms: 0.0, packet_loss_pct: 0.0 };
        let mut open = Open::new(0, &measured(0));
        (1..samples).for_each(|n| open.push(&measured(n)));
        let stride = f64::from(u32::try_from(open.stride).unwrap());
        for (n, [latency, _, _]) in (0_u32..).zip(&open.kept) {
            prop_assert!((f64::from(*latency) - f64::from(n) * stride).abs() < 1e-6);
        }
        prop_assert!(open.kept.len() as f64 * stride >= f64::from(samples));
        prop_assert!(samples < 32 || open.kept.len() >= 16);
    }
}

#[test]
fn what_is_saved_comes_back_and_goes_on_as_if_nothing_had_been() {
    let mut world = World::new();
    world.pass_with(10 * 60 + 7, |minute| (minute % 90) as f64);
    let mut other = World::new();
    other.minute = world.minute;
    let saved = world.window.save().unwrap();
    other.window.restore(serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap());
    // Whatever was still in the window at the time comes with the next answers.
    for minute in 0..5 {
        let at = Some(WallMs((world.minute - 1 - minute) * MINUTE));
        other.answer(vec![sample(at, ((10 * 60 + 6 - minute) % 90) as f64)]);
    }
    assert!(other.usual().is_some());
    for _ in 0..40 {
        world.pass(31, 400.0);
        other.pass(31, 400.0);
        assert_eq!(world.usual(), other.usual());
    }
}

#[test]
fn what_was_saved_under_another_statistic_or_is_broken_is_left_aside() {
    let mut world = World::new();
    world.pass(10 * 60, 40.0);
    let saved = world.window.save().unwrap();
    let mut other = World::by(Statistic::Percentile(95));
    other.minute = world.minute;
    other.window.restore(saved.clone());
    assert_eq!(other.pass(5, 40.0).usual(), None);
    let mut broken = serde_json::to_value(saved).unwrap();
    broken["closed"][3][1][0] = serde_json::json!(-7.0);
    broken["closed"][5][0] = serde_json::json!(1);
    let mut other = World::new();
    other.minute = world.minute;
    other.window.restore(serde_json::from_value(broken).unwrap());
    assert_eq!(other.pass(5, 40.0).usual(), Some(40.0));
    assert_eq!(World::new().window.save(), None);
}

#[test]
fn a_half_hour_that_was_closed_is_not_opened_again() {
    let mut world = World::new();
    world.pass(10 * 60 + 6, 40.0);
    let (minute, last) = (world.minute, world.window.last_half_hour());
    let mut other = World::new();
    other.window.restore(world.window.save().unwrap());
    // Telemetry of an hour ago, from a clock that was set back.
    other.minute = minute - 90;
    other.pass(60, 90.0);
    assert_eq!(other.window.last_half_hour(), last);
    // More than a day ago: anew.
    let mut other = World::new();
    other.window.restore(world.window.save().unwrap());
    other.minute = minute - 3 * DAY;
    other.pass(60, 90.0);
    assert!(other.window.last_half_hour() < last);
}

fn closed(baseline: &Baseline) -> Vec<u32> {
    baseline.closed.iter().map(|(half_hour, _)| *half_hour).collect()
}

/// A baseline that takes this back.
fn restored(closed: Vec<(u32, Triple)>, open: Option<Open>) -> Baseline {
    let mut baseline = Baseline::new(Statistic::Mean);
    baseline.restore(SavedBaseline { statistic: Statistic::Mean, open, closed });
    baseline
}

#[test]
fn what_breaks_the_bounds_of_what_is_saved_is_left_out() {
    let value = [40.0, 4.0, 0.0];
    let of = |half_hours: &[u32]| half_hours.iter().map(|n| (*n, value)).collect::<Vec<_>>();
    assert_eq!(closed(&restored(of(&[5, 5, 6, 4, 7]), None)), [5, 6, 7], "in ascending order, each once");
    let bad = [[f32::INFINITY, 0.0, 0.0], [0.0, f32::NAN, 0.0], [0.0, 0.0, -1.0]];
    let mixed: Vec<(u32, Triple)> = (1..).zip(bad.into_iter().chain([[0.0; 3]])).collect();
    assert_eq!(closed(&restored(mixed, None)), [4], "0 is a value");
    assert_eq!(closed(&restored(of(&(0..60).collect::<Vec<_>>()), None)).len(), 49);
    let open = |half_hour, kept: usize, stride| Some(Open { half_hour, kept: vec![value; kept], seen: kept, stride });
    for (open, taken) in [
        (open(8, 1, 1), true),
        (open(8, 32, 2), true),
        (open(7, 1, 1), false),
        (open(6, 1, 1), false),
        (open(8, 0, 1), false),
        (open(8, 33, 1), false),
        (open(8, 1, 0), false),
    ] {
        assert_eq!(restored(of(&[6, 7]), open.clone()).open.is_some(), taken, "{open:?}");
    }
    assert!(restored(Vec::new(), open(0, 1, 1)).open.is_some(), "before any is over");
}

#[test]
fn a_half_hour_that_was_closed_before_a_restart_stays_closed_for_a_day() {
    let value = [40.0, 4.0, 0.0];
    for (half_hour, left) in [(101, vec![100]), (100, vec![100]), (99, vec![100]), (52, vec![100]), (51, vec![])] {
        let mut baseline = restored(vec![(100, value)], None);
        add(&mut baseline, half_hour, 90.0);
        assert_eq!(closed(&baseline), left, "{half_hour}");
        let opened = baseline.open.as_ref().map(|open| i64::from(open.half_hour));
        assert_eq!(opened, (half_hour > 100 || half_hour < 52).then_some(half_hour), "{half_hour}");
    }
}

#[test]
fn a_clock_that_was_set_back_by_a_day_begins_anew_and_by_less_it_does_not() {
    for (half_hour, open) in [(100, 100), (99, 100), (52, 100), (51, 51)] {
        let mut baseline = Baseline::new(Statistic::Mean);
        add(&mut baseline, 99, 40.0);
        add(&mut baseline, 100, 40.0);
        add(&mut baseline, half_hour, 90.0);
        assert_eq!(baseline.open.as_ref().map(|open| i64::from(open.half_hour)), Some(open), "{half_hour}");
        assert_eq!(closed(&baseline), if open == 51 { vec![] } else { vec![99] });
    }
}
