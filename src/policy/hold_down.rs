//! Hold-down of a channel's route, in the form of route-flap damping (RFC 2439).
//!
//! Every move that shows on the platform adds a penalty, which halves each half-life. The penalty is kept as the time that
//! it holds the route: its unit is one block period, and a report gives it as a multiple of that.
//!
//! - The first move's penalty is one block period. Each further one doubles what is left of it, to one block period at the
//!   least and `hold_down_max` at the most: RFC 2439's figure of merit and its ceiling.
//! - RFC 2439's *suppress* limit is one block period, which every move reaches; its *reuse* limit is met as soon as the move is
//!   as old as its penalty is long. No constant level would do here: the contract has the time double, where a level that
//!   decays exponentially would let it grow by a fixed amount only.
//! - With `hold_down_suppress` and `hold_down_reuse` the limits are levels, as RFC 2439 has them: a penalty that has
//!   reached the first suppresses the route until it has decayed below the second, where that is later, and within
//!   `hold_down_max`.
//!
//! The penalty is tied to the outcome: only a move that shows adds any, so an action that failed holds nothing back; and
//! whatever it holds, the rescue from a backup that failed is free of it (`engine/guards`).
//!
//! Must never: decide that something is held. It says for how long a move holds.

use super::decay::left_after;
use super::params::FailoverParams;
use super::time::Time;
use std::time::Duration;

/// What the moves of a channel have left behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HoldDown {
    /// The penalty right after the last move.
    pub level: Duration,
    /// When that was.
    pub at: Time,
    /// Whether the penalty had reached the suppress limit, and has not decayed below the reuse limit since.
    pub suppressed: bool,
}

impl HoldDown {
    /// What the next move leaves behind, and for how long it holds the route. `holding`: whether the block of `before` is
    /// still in force.
    pub(super) fn after_move(
        rules: &FailoverParams,
        now: Time,
        before: Option<&Self>,
        holding: bool,
    ) -> (Self, Duration) {
        let grown = before.map_or(Duration::ZERO, |before| before.level_at(rules, now).saturating_mul(2));
        let level = grown.min(rules.hold_down_max).max(rules.block_period);
        let was_suppressed = holding && before.is_some_and(|before| before.suppressed);
        let limits = rules.damping.filter(|limits| was_suppressed || ratio(level, rules) >= limits.suppress);
        let until_reuse = limits.map_or(Duration::ZERO, |limits| time_to(limits.reuse, level, rules));
        let held = level.max(until_reuse.min(rules.hold_down_max));
        (Self { level, at: now, suppressed: limits.is_some() }, held)
    }

    /// The penalty at `now`, in block periods; `None` once it makes no difference to the next move any more.
    pub(super) fn penalty(&self, rules: &FailoverParams, now: Time) -> Option<f64> {
        Some(ratio(self.level_at(rules, now), rules)).filter(|penalty| *penalty > 0.5)
    }

    /// What is left of the penalty at `now`.
    pub(super) fn level_at(&self, rules: &FailoverParams, now: Time) -> Duration {
        decayed(self.level, rules, now.since(self.at))
    }
}

/// A penalty that is `age` old.
pub(super) fn decayed(level: Duration, rules: &FailoverParams, age: Duration) -> Duration {
    level.mul_f64(left_after(age, rules.hold_down_half_life))
}

/// A penalty in block periods.
fn ratio(level: Duration, rules: &FailoverParams) -> f64 {
    if rules.block_period.is_zero() { 0.0 } else { level.as_secs_f64() / rules.block_period.as_secs_f64() }
}

/// How long a penalty takes to decay to `reuse` block periods.
fn time_to(reuse: f64, level: Duration, rules: &FailoverParams) -> Duration {
    let half_lives = (ratio(level, rules) / reuse).log2().max(0.0);
    Duration::try_from_secs_f64(half_lives * rules.hold_down_half_life.as_secs_f64()).unwrap_or(rules.hold_down_max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::params::Damping;

    const fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    /// Moves at these moments, in seconds; how long each holds, and the penalty left at the end.
    fn moves(rules: &FailoverParams, at: &[u64]) -> (Vec<u64>, HoldDown) {
        let (mut before, mut held, mut until) = (None, Vec::new(), Time::ZERO);
        for s in at {
            let now = Time::new(secs(*s));
            let (next, length) = HoldDown::after_move(rules, now, before.as_ref(), until > now);
            held.push(length.as_secs());
            until = now + length;
            before = Some(next);
        }
        (held, before.unwrap())
    }

    #[test]
    fn a_block_doubles_up_to_its_maximum_and_decays() {
        let rules = FailoverParams::default();
        assert_eq!(moves(&rules, &[0]).0, [600]);
        assert_eq!(moves(&rules, &[0, 0, 0, 0, 0]).0, [600, 1200, 2400, 4800, 4800]);
        assert_eq!(moves(&rules, &[0, 0, 1800]).0, [600, 1200, 1200]);
        assert_eq!(moves(&rules, &[0, 0, 90_000]).0, [600, 1200, 600]);
        let at_once = FailoverParams { hold_down_half_life: Duration::ZERO, ..rules.clone() };
        assert_eq!(moves(&at_once, &[0, 0, 0, 1]).0, [600; 4]);
        let off = FailoverParams { block_period: Duration::ZERO, hold_down_max: Duration::ZERO, ..rules };
        assert_eq!(moves(&off, &[0, 0, 0]).0, [0; 3]);
    }

    #[test]
    fn a_penalty_halves_each_half_life_and_is_forgotten_once_it_no_longer_counts() {
        let rules = FailoverParams::default();
        let (_, after) = moves(&rules, &[0, 0, 0]);
        let at = |s| after.penalty(&rules, Time::new(secs(s)));
        assert_eq!((at(0), at(1800), at(3600)), (Some(4.0), Some(2.0), Some(1.0)));
        assert_eq!(at(3 * 1800 + 1), None);
    }

    #[test]
    fn a_penalty_at_the_suppress_limit_holds_until_it_has_decayed_to_the_reuse_limit() {
        let damping = Some(Damping { suppress: 2.0, reuse: 0.75 });
        let rules = FailoverParams { damping, hold_down_max: secs(36_000), ..FailoverParams::default() };
        let (held, after) = moves(&rules, &[0, 0]);
        assert_eq!(held[0], 600, "one move is below the limit");
        // log2(2 / 0.75) half-lives of 1800 s.
        assert_eq!(held[1], 2547);
        assert!(after.suppressed);
        // Suppressed still, though the penalty of this move alone, 1.85, would be below the limit.
        assert_eq!(moves(&rules, &[0, 0, 2000]).0[2], 2347);
        // Reused meanwhile: the penalty, 1.47, holds for its own length.
        assert_eq!(moves(&rules, &[0, 0, 2600]).0[2], 881);
    }

    #[test]
    fn no_hold_down_is_longer_than_its_maximum() {
        let damping = Some(Damping { suppress: 2.0, reuse: 0.1 });
        let rules = FailoverParams { damping, ..FailoverParams::default() };
        assert_eq!(moves(&rules, &[0, 0, 0, 0]).0, [600, 4800, 4800, 4800]);
    }
}
