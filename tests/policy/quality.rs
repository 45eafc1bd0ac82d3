//! Remedies for bad sound: what makes traffic move, what becomes of a codec order and of a route that was taken for it.

#[path = "quality/baseline.rs"]
mod baseline;
#[path = "quality/bounds.rs"]
mod bounds;
#[path = "quality/carrying.rs"]
mod carrying;
#[path = "quality/codecs.rs"]
mod codecs;
#[path = "quality/margin.rs"]
mod margin;
#[path = "quality/probation.rs"]
mod probation;
#[path = "quality/proposals.rs"]
mod proposals;

use super::trunks::Trunks;
use super::world::{key, secs};
use proptest::prelude::*;
use trunkwarden::policy::{Action, ActionKind, Cause, Failback, Order, Policy, ProbationReport, Reason, Time};

/// Scores 91.3 by PCMU.
const CLEAN: (f64, f64) = (30.0, 0.0);
/// Scores 40.2 by PCMU.
const BAD: (f64, f64) = (30.0, 5.0);
/// Scores 16.4 by PCMU.
const WORSE: (f64, f64) = (30.0, 16.0);

/// Moves for a score below 60, changes no codecs.
fn moving() -> Policy {
    let mut policy = Policy::default();
    policy.failover.quality_below = Some(60.0);
    policy.codec.enabled = false;
    policy
}

/// Moves for a score so far below the usual one.
fn degraded(by: f64) -> Policy {
    let mut policy = Policy::default();
    policy.quality.degraded_by = Some(by);
    policy.failover.better_by = 5.0;
    policy.codec.enabled = false;
    policy
}

fn score(t: &Trunks) -> f64 {
    t.w.report("a").quality.unwrap().score
}

fn is_move(action: &Action) -> bool {
    !matches!(action.kind, ActionKind::Codec { .. })
}

const fn is_rollback(action: &Action) -> bool {
    matches!(action.reason, Reason::Failback { cause: Some(Cause::Rollback { .. }), .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever telemetry says, the hold-down bounds how often traffic moves: what is not taken back is a block apart, what is
    /// taken back follows what it takes back, and so there are five moves an hour at the most (docs/policy.md, Probation).
    #[test]
    fn no_telemetry_makes_traffic_flap(
        minutes in prop::collection::vec((0_usize..3, 0_usize..4), 120..360), degraded_by in prop::option::of(1.0..20.0_f64),
        quality_for in 0_u64..300, better_by in 0.0..15.0_f64, failback_better_by in prop::option::of(0.0..30.0_f64),
    ) {
        never_flaps(&minutes, degraded_by, quality_for, better_by, failback_better_by)?;
    }
}

fn never_flaps(
    minutes: &[(usize, usize)],
    degraded_by: Option<f64>,
    quality_for: u64,
    better_by: f64,
    failback_better_by: Option<f64>,
) -> Result<(), TestCaseError> {
    let mut policy = Policy::default();
    policy.quality.degraded_by = degraded_by;
    policy.failover.quality_below = Some(70.0);
    policy.failover.quality_for = secs(quality_for);
    policy.failover.better_by = better_by;
    policy.failover.failback_after = secs(60);
    policy.failover.failback_better_by = failback_better_by;
    let mut t = Trunks::new(policy);
    t.minutes(6);
    let mut found: Vec<(Time, bool)> = Vec::new();
    for &(trunk, loss) in minutes {
        t.set(super::trunks::IDS[trunk], [CLEAN, BAD, WORSE, (500.0, 0.0)][loss]).minutes(1);
        let on = t.w.report("a").explanation.quality.probation;
        // What was found worse within the probation's time may be taken back later, until it is known to be well.
        let in_time = |on: &ProbationReport| !on.left.is_zero() || found.last().is_some_and(|(_, found)| *found);
        found.push((t.w.now, on.is_some_and(|on| on.found_worse && in_time(&on))));
    }
    let moves: Vec<&(Time, Action)> = t.acts.iter().filter(|(_, action)| is_move(action)).collect();
    for pair in moves.windows(2) {
        let [(before, earlier), (at, action)] = pair else { unreachable!() };
        if is_rollback(action) {
            let known = found.iter().rev().find(|(then, _)| then < at).is_some_and(|(_, found)| *found);
            let follows = matches!(earlier.kind, ActionKind::Failover { .. });
            prop_assert!(follows && (known || at.since(*before) <= secs(480)), "{action:?}");
        } else {
            prop_assert!(at.since(*before) >= secs(600), "{action:?}");
        }
    }
    for hour in moves.windows(6) {
        prop_assert!(hour[5].0.since(hour[0].0) > secs(3600));
    }
    // A codec order and a move are never of one cycle: telemetry was asked for in between.
    let of_a: Vec<&(Time, Action)> = t.acts.iter().filter(|(_, action)| action.channel == key("a")).collect();
    for pair in of_a.windows(2) {
        let [(before, earlier), (at, action)] = pair else { unreachable!() };
        if is_move(earlier) != is_move(action) {
            prop_assert!(at.since(*before) >= secs(30), "{earlier:?}, {action:?}");
        }
    }
    Ok(())
}

/// Found worse 180 s after the move, when the backup had not got its own better codec yet; home was no better until 540 s
/// after it, and the backup never as good as what was left behind. See docs/policy.md, Probation.
#[test]
fn what_was_found_worse_in_time_is_rolled_back_once_home_is_better_again() {
    const MINUTES: &str = "01 23 01 01 21 03 22 21 03 12 11 01 21 22 11 22 02 10 00 21 11 12 03 23 20 02 11 11 11 23 03 20 21 01 02 \
                           11 11 22 13 11 03 12 20 10 22 23 00 22 02 23 13 20 12 02 21 01 23 11 10 03 00 13 12 21 10 02 03 03 11 21 \
                           12 10 13 11 11 03 21 23 12 03 01 12 20 01 20 22 11 00 20 11 11 20 10 00 00 20 03 02 11 02 01 01 10 12 02 \
                           12 10 12 13 11 10 22 11 12 23 00 02 01 03 11";
    let digit = |text: &str, n: usize| usize::from(text.as_bytes()[n] - b'0');
    let minutes: Vec<(usize, usize)> = MINUTES.split(' ').map(|text| (digit(text, 0), digit(text, 1))).collect();
    never_flaps(&minutes, None, 73, 0.388_220_146_169_018, Some(1.465_248_410_975_414_7)).unwrap();
}
