//! How many channels and groups are a mass change, to the channel.

use super::*;

const fn at(s: u64) -> Time {
    Time::new(Duration::from_secs(s))
}

fn carrier(name: &str) -> Group {
    Group::Carrier(name.to_owned())
}

/// Channels 0, 1 and so on, so many of each carrier `a`, `b` and so on; none of them bad.
fn carriers(of: &[usize]) -> Mass {
    let mut mass = Mass::default();
    let names = of.iter().enumerate().flat_map(|(n, size)| std::iter::repeat_n(format!("carrier {n}"), *size));
    mass.rebuild(names.enumerate().map(|(i, name)| (SlotId::at(i), carrier(&name), None)).collect::<Vec<_>>());
    mass
}

fn at_once(of: &[usize], bad: &[usize]) -> bool {
    let mut mass = carriers(of);
    for i in bad {
        mass.turned_bad(at(100), SlotId::at(*i));
    }
    let all: usize = of.iter().sum();
    let held = mass.at_once(at(110), 3.max(all.div_ceil(2)));
    assert!(!held || mass.lasts(3.max(all.div_ceil(2))), "what is a mass change lasts");
    held
}

#[test]
fn one_carrier_of_several_is_none_and_two_that_are_half_of_them_are() {
    assert!(!at_once(&[3, 3], &[0, 1, 2]), "one of two carriers");
    assert!(!at_once(&[3, 3], &[0, 1, 2, 3]), "and a third of the other");
    assert!(at_once(&[3, 3], &[0, 1, 2, 3, 4]), "most of the other");
    assert!(at_once(&[2, 2, 2], &[0, 1, 2, 3]), "two of three");
    assert!(at_once(&[2, 2, 2], &[0, 2, 4]), "half of each");
    assert!(at_once(&[2, 2, 2, 2], &[0, 1, 2, 3]), "two of four");
    assert!(!at_once(&[4, 1, 1, 1, 1], &[0, 1, 2, 3, 4]), "two of five are less than half");
    assert!(at_once(&[3, 1, 1, 1], &[0, 1, 2, 3]));
}

#[test]
fn where_one_group_is_known_channels_alone_decide() {
    assert!(at_once(&[6], &[0, 1, 2]));
    assert!(!at_once(&[6], &[0, 1]));
    assert!(!at_once(&[5], &[0, 1]));
}

#[test]
fn channels_without_a_group_are_each_their_own() {
    let mut mass = Mass::default();
    mass.rebuild((0..6).map(|i| (SlotId::at(i), Group::Own(SlotId::at(i)), None)).collect::<Vec<_>>());
    for i in 0..3 {
        assert!(!mass.at_once(at(100), 3));
        mass.turned_bad(at(100), SlotId::at(i));
    }
    assert!(mass.at_once(at(100), 3));
}

#[test]
fn only_what_turned_bad_within_the_minute_makes_a_group_bad() {
    let mut mass = carriers(&[3, 7]);
    for i in 0..3 {
        mass.turned_bad(at(100), SlotId::at(i));
    }
    for i in 3..8 {
        mass.turned_bad(at(500), SlotId::at(i));
    }
    assert!(!mass.at_once(at(500), 5), "the first carrier failed long ago, for a reason of its own");
    // And a group that was half bad before is not made bad by one more.
    let mut mass = carriers(&[2, 4]);
    mass.turned_bad(at(100), SlotId::at(0));
    for i in 1..4 {
        mass.turned_bad(at(500), SlotId::at(i));
    }
    assert!(!mass.at_once(at(500), 3));
}

#[test]
fn a_regrouping_never_ends_what_is_held() {
    let mut mass = carriers(&[3, 3]);
    for i in 0..6 {
        mass.turned_bad(at(100), SlotId::at(i));
    }
    assert!(mass.at_once(at(100), 3));
    mass.hold();
    // All but one are of one carrier now: by these groups it would be over once the last is good.
    for i in 0..6 {
        mass.regroup(SlotId::at(i), carrier(if i == 5 { "x" } else { "y" }), Some(at(100)));
    }
    let anew =
        |n: usize| (0..6).map(move |i| (SlotId::at(i), carrier("z"), (i < n).then(|| at(100)))).collect::<Vec<_>>();
    mass.rebuild(anew(6));
    mass.turned_good(at(100), SlotId::at(5));
    assert!(mass.lasts(3), "two of three of the second carrier are bad");
    mass.turned_good(at(100), SlotId::at(4));
    assert!(!mass.lasts(3), "one carrier is left");
    mass.end();
    mass.rebuild(anew(4));
    assert!(mass.lasts(3), "one group is known now, and channels alone decide");
}

#[test]
fn a_server_is_known_by_one_name() {
    assert_eq!(server(" SIP.Carrier.example. "), Some("sip.carrier.example".to_owned()));
    assert_eq!((server(""), server(" . ")), (None, None));
}
