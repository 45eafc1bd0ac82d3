//! What of a limit is whose.

use super::*;
use proptest::prelude::*;

#[test]
fn an_action_fits_into_what_is_kept_for_it_at_every_limit_that_leaves_one_request() {
    for limit in 4..10_000 {
        assert!(reserve(limit) >= ACTION_REQUESTS && reserve(limit) < limit, "of {limit}");
    }
    for (limit, expected) in [(0, 0), (1, 0), (3, 0), (4, 3), (30, 3), (60, 6), (100_000, 60)] {
        assert_eq!(reserve(limit), expected, "of {limit}");
    }
}

#[test]
fn telemetry_one_by_one_takes_nothing_from_looks() {
    let calm = Demand { looks: 40.0, ..Demand::default() }.share(60).pace;
    let asked = Demand { looks: 40.0, telemetry: 400.0, ..Demand::default() }.share(60).pace;
    assert_eq!((calm.looks, asked.looks), (1.0, 1.0));
    assert!(asked.telemetry > 25.0);
}

#[test]
fn the_effective_interval_of_one_channel_does_not_hang_on_another_policys() {
    let pace = Demand { looks: 100.0, suspects: 30.0, telemetry: 0.0 }.share(100).pace;
    let health = |s| HealthParams { interval: Duration::from_secs(s), ..HealthParams::default() };
    let (fast, slow) = (pace.interval(&health(10), None), pace.interval(&health(60), None));
    assert!(fast > Duration::from_secs(10));
    assert!(slow.abs_diff(fast * 6) < Duration::from_millis(1), "{slow:?}, {fast:?}");
}

#[test]
fn what_is_planned_has_a_bound() {
    let pace = Demand { looks: 1e12, suspects: 0.0, telemetry: f64::INFINITY }.share(1).pace;
    assert_eq!(pace.routine(Duration::from_hours(1)), LONGEST);
    assert_eq!(pace.telemetry(&TelemetryParams::default()), LONGEST);
}

proptest! {
    #[test]
    fn what_is_given_away_is_no_more_than_there_is(
        limit in 1u32..2000, looks in 0.0..5000.0, suspects in 0.0..5000.0, telemetry in 0.0..5000.0
    ) {
        let demand = Demand { looks, suspects, telemetry };
        let Share { pace, .. } = demand.share(limit);
        prop_assert!(pace.looks >= 1.0 && pace.suspects >= 1.0 && pace.telemetry >= 1.0);
        let taken = looks / pace.looks + suspects / pace.suspects + telemetry / pace.telemetry;
        prop_assert!(taken <= available_per_minute(limit) * (1.0 + 1e-9), "{taken} of {limit}");
        // Whatever the others want, looks and telemetry have their least share.
        let least = |wanted: f64, share: f64| wanted.min(available_per_minute(limit) * share) * 0.999;
        prop_assert!(looks / pace.looks >= least(looks, ROUTINE_SHARE));
        prop_assert!(telemetry / pace.telemetry >= least(telemetry, TELEMETRY_SHARE));
    }
}
