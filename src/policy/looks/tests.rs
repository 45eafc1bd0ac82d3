//! The ring of looks against a plain list.

use super::Looks;
use crate::policy::ids::SlotId;
use crate::policy::time::Time;
use proptest::prelude::*;
use std::time::Duration;

const fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn half_of_at_least_three_looks_of_several_channels_is_failing() {
    let mut looks = Looks::new(secs(30));
    let now = Time::new(secs(500));
    looks.note(now, SlotId::at(1), false);
    looks.note(now, SlotId::at(2), false);
    assert!(!looks.failing(5), "two are too few");
    looks.note(now, SlotId::at(1), false);
    assert!(looks.failing(5));
    for _ in 0..3 {
        looks.note(now, SlotId::at(3), true);
    }
    assert!(looks.failing(5), "exactly half");
    looks.note(now, SlotId::at(3), true);
    assert!(!looks.failing(5));
}

#[test]
fn one_channel_among_several_is_not_the_tenant() {
    let mut looks = Looks::new(secs(30));
    for s in 0..20 {
        looks.note(Time::new(secs(500 + s)), SlotId::at(1), false);
    }
    assert!(!looks.failing(5));
    assert!(looks.failing(1));
}

#[test]
fn another_interval_keeps_what_was_counted() {
    let mut looks = Looks::new(secs(30));
    let now = Time::new(secs(500));
    (0..4).for_each(|who| looks.note(now, SlotId::at(who), false));
    looks.set_interval(now, secs(10));
    assert!(looks.failing(5));
    looks.note(Time::new(secs(540)), SlotId::at(1), true);
    assert_eq!(looks.counts(), (0, 1));
    // What was answered goes with its time as well.
    (0..4).for_each(|who| looks.note(Time::new(secs(540)), SlotId::at(who), true));
    looks.set_interval(Time::new(secs(540)), secs(20));
    assert_eq!(looks.counts(), (0, 5));
    looks.note(Time::new(secs(700)), SlotId::at(1), false);
    assert_eq!(looks.counts(), (1, 1));
}

proptest! {
    #[test]
    fn the_ring_counts_what_the_window_holds(gaps in prop::collection::vec((0_u64..9_000, 0_usize..4, any::<bool>()), 1..300)) {
        let mut looks = Looks::new(secs(10));
        let mut all: Vec<(Duration, bool)> = Vec::new();
        let mut at = Duration::ZERO;
        for (gap, who, answered) in gaps {
            at += Duration::from_millis(gap);
            looks.note(Time::new(at), SlotId::at(who), answered);
            all.push((at, answered));
            let (failed, of) = looks.counts();
            let within = |span: Duration| all.iter().filter(|(then, _)| at.saturating_sub(*then) < span).count();
            // Exact to one bucket of a twelfth of the window.
            prop_assert!(of as usize >= within(secs(30) * 11 / 12) && of as usize <= within(secs(30)));
            prop_assert!(failed <= of);
        }
    }
}
