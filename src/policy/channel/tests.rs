//! Every state meets every event.

use super::{Event, Machine};
use crate::policy::params::HealthParams;
use crate::policy::time::Time;
use crate::policy::words::Health;
use Event::{Bad, Failed, Good, Missing, Neither, Stale};
use Health::{Degraded, Down, Unknown, Up};
use std::time::Duration;

const EVENTS: [Event; 6] = [Good, Bad, Neither, Failed, Stale, Missing];

fn thresholds(rise: u32, fall: u32) -> HealthParams {
    HealthParams { fall, rise, ..HealthParams::default() }
}

/// A machine in this state, by the shortest way there.
fn machine(health: Health) -> Machine {
    let mut machine = Machine::new(Time::ZERO);
    let event = match health {
        Unknown => return machine,
        Up => Good,
        Degraded => Neither,
        Down => Bad,
    };
    machine.step(Time::ZERO, event, &thresholds(1, 1));
    assert_eq!(machine.health(), health);
    machine
}

#[test]
fn every_state_and_event_with_thresholds_of_one() {
    #[rustfmt::skip]
    let table = [
        //           Good Bad   Neither   Failed    Stale    Missing
        (Unknown,  [Up,  Down, Degraded, Unknown,  Unknown, Unknown]),
        (Up,       [Up,  Down, Degraded, Up,       Unknown, Unknown]),
        (Degraded, [Up,  Down, Degraded, Degraded, Unknown, Unknown]),
        (Down,     [Up,  Down, Down,     Down,     Unknown, Unknown]),
    ];
    for (before, row) in table {
        for (event, after) in EVENTS.into_iter().zip(row) {
            let mut machine = machine(before);
            let changed = machine.step(Time::new(Duration::from_secs(9)), event, &thresholds(1, 1));
            assert_eq!(machine.health(), after, "{before} and {event:?}");
            assert_eq!(changed, (before != after).then_some(before), "{before} and {event:?}");
            let since = if before == after { Time::ZERO } else { Time::new(Duration::from_secs(9)) };
            assert_eq!(machine.since(), since, "{before} and {event:?}");
        }
    }
}

#[test]
fn every_state_and_event_below_the_thresholds() {
    #[rustfmt::skip]
    let table = [
        (Unknown,  [Unknown,  Unknown,  Degraded, Unknown,  Unknown, Unknown]),
        (Up,       [Up,       Up,       Degraded, Up,       Unknown, Unknown]),
        (Degraded, [Degraded, Degraded, Degraded, Degraded, Unknown, Unknown]),
        (Down,     [Down,     Down,     Down,     Down,     Unknown, Unknown]),
    ];
    for (before, row) in table {
        for (event, after) in EVENTS.into_iter().zip(row) {
            let mut machine = machine(before);
            machine.step(Time::ZERO, event, &thresholds(9, 9));
            assert_eq!(machine.health(), after, "{before} and {event:?}");
        }
    }
}

#[test]
fn counts_follow_the_last_looks() {
    let steps = [
        (Good, 1, 0),
        (Good, 2, 0),
        (Bad, 0, 1),
        (Bad, 0, 2),
        (Neither, 0, 2),
        (Failed, 0, 2),
        (Good, 1, 0),
        (Stale, 0, 0),
    ];
    let mut machine = Machine::new(Time::ZERO);
    for (event, goods, bads) in steps {
        machine.step(Time::ZERO, event, &thresholds(9, 9));
        assert_eq!((machine.goods(), machine.bads()), (goods, bads), "after {event:?}");
    }
}

fn fed(thresholds: &HealthParams, events: &[Event]) -> Machine {
    let mut machine = Machine::new(Time::ZERO);
    for event in events {
        machine.step(Time::ZERO, *event, thresholds);
    }
    machine
}

#[test]
fn a_flapping_channel_falls_by_bad_looks_among_the_last_ones() {
    let among = HealthParams { fall: 3, fall_of: 5, rise: 2, ..HealthParams::default() };
    let flapping = [Good, Good, Bad, Good, Bad, Good, Bad];
    assert_eq!(fed(&among, &flapping).health(), Down);
    assert_eq!(fed(&thresholds(2, 3), &flapping).health(), Up, "in a row it never falls");
    assert_eq!(fed(&among, &[Good, Good, Bad, Good, Good, Good, Bad, Bad]).health(), Up, "the first is too long ago");
    assert_eq!(fed(&among, &[Good, Good, Bad, Neither, Failed, Bad, Neither, Bad]).health(), Down);
}

#[test]
fn in_a_row_a_good_look_begins_anew_whatever_stood_before_it() {
    let mut machine =
        fed(&HealthParams { fall: 3, fall_of: 3, rise: 9, ..HealthParams::default() }, &[Bad, Bad, Good, Bad]);
    assert_eq!(machine.bads(), 1);
    machine.step(Time::ZERO, Bad, &thresholds(9, 3));
    assert_eq!((machine.bads(), machine.health()), (2, Unknown));
    assert_eq!(
        fed(&HealthParams { fall: 3, fall_of: 4, rise: 9, ..HealthParams::default() }, &[Bad, Bad, Good, Bad]).bads(),
        3
    );
}

#[test]
fn coming_up_forgets_the_bad_looks() {
    let among = HealthParams { fall: 3, fall_of: 8, rise: 2, ..HealthParams::default() };
    assert_eq!(fed(&among, &[Bad, Bad, Bad, Good, Good, Bad, Bad]).health(), Up);
    assert_eq!(fed(&among, &[Bad, Bad, Bad, Good, Good, Bad, Bad, Bad]).health(), Down);
    assert_eq!(fed(&among, &[Good, Good, Bad, Bad, Stale, Bad, Bad]).health(), Unknown);
}

#[test]
fn the_longest_history_counts_whole() {
    let among = HealthParams { fall: 2, fall_of: 64, rise: 1, ..HealthParams::default() };
    let mut events = vec![Good, Bad];
    events.extend([Good; 62]);
    events.push(Bad);
    assert_eq!(fed(&among, &events).health(), Down);
    events.insert(5, Good);
    assert_eq!(fed(&among, &events).health(), Up);
}
