//! Remedies for bad sound: what makes traffic move, what becomes of a codec order and of a route that was taken for it.

#[path = "quality/baseline.rs"]
mod baseline;
#[path = "quality/bounds.rs"]
mod bounds;
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
use trunkwarden::policy::{Action, ActionKind, Cause, Failback, Order, Policy, Reason, Time};

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
    /// taken back follows what it takes back, and so there are five moves an hour at the most.
    #[test]
    fn no_telemetry_makes_traffic_flap(
        minutes in prop::collection::vec((0_usize..3, 0_usize..4), 120..360), degraded_by in prop::option::of(1.0..20.0_f64),
        quality_for in 0_u64..300, better_by in 0.0..15.0_f64, failback_better_by in prop::option::of(0.0..30.0_f64),
    ) {
        let mut policy = Policy::default();
        policy.quality.degraded_by = degraded_by;
        policy.failover.quality_below = Some(70.0);
        policy.failover.quality_for = secs(quality_for);
        policy.failover.better_by = better_by;
        policy.failover.failback_after = secs(60);
        policy.failover.failback_better_by = failback_better_by;
        let mut t = Trunks::new(policy);
        t.minutes(6);
        for (trunk, loss) in minutes {
            t.set(super::trunks::IDS[trunk], [CLEAN, BAD, WORSE, (500.0, 0.0)][loss]).minutes(1);
        }
        let moves: Vec<&(Time, Action)> = t.acts.iter().filter(|(_, action)| is_move(action)).collect();
        for pair in moves.windows(2) {
            let [(before, earlier), (at, action)] = pair else { unreachable!() };
            if is_rollback(action) {
                let follows = matches!(earlier.kind, ActionKind::Failover { .. }) && at.since(*before) <= secs(480);
                prop_assert!(follows, "{action:?}");
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
    }
}
