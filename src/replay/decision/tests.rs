//! Which decisions of two lists are the same.

use super::*;

fn decision(at_s: i64, channel: &str, event: &str, target: Option<&str>) -> Decision {
    Decision {
        at: WallMs(at_s * 1000),
        channel: ChannelKey::new("acme", channel),
        event: event.to_owned(),
        target: target.map(str::to_owned),
        reason: String::new(),
    }
}

#[test]
fn the_same_decision_may_come_earlier_or_later_within_minutes() {
    let moved = |at| decision(at, "a", "failover.intended", Some("b"));
    for (then, now, same) in [(1000, 1000, 1), (1000, 720, 1), (1000, 1290, 1), (1000, 690, 0), (1000, 1310, 0)] {
        let (lines, summary) = compare(vec![moved(then)], vec![moved(now)]);
        assert_eq!(summary, Summary { same, only_then: 1 - same, only_now: 1 - same }, "{then} and {now}");
        assert_eq!(lines.len(), 2 - same);
    }
}

#[test]
fn another_channel_event_or_target_is_another_decision() {
    let then = decision(1000, "a", "failover.intended", Some("b"));
    for now in [
        decision(1000, "c", "failover.intended", Some("b")),
        decision(1000, "a", "failover.held", Some("b")),
        decision(1000, "a", "failover.intended", Some("c")),
    ] {
        assert_eq!(compare(vec![then.clone()], vec![now]).1, Summary { same: 0, only_then: 1, only_now: 1 });
    }
}

#[test]
fn repeated_decisions_are_paired_in_their_order_and_shown_by_time() {
    let moved = |at| decision(at, "a", "failover.intended", Some("b"));
    let (lines, summary) = compare(vec![moved(1000), moved(5000)], vec![moved(100), moved(1010), moved(4990)]);
    assert_eq!(summary, Summary { same: 2, only_then: 0, only_now: 1 });
    let times: Vec<i64> = lines.iter().map(|line| line.at().0 / 1000).collect();
    assert_eq!(times, [100, 1000, 4990]);
}

#[test]
fn only_actions_and_what_stands_in_their_way_are_decisions() {
    for event in ["failover.intended", "failback.held", "codec.intended", "failover.no_candidate"] {
        assert!(is_decision(event), "{event}");
    }
    for event in ["failover.completed", "failback.unknown", "health.changed", "operator.ordered", "failover", ""] {
        assert!(!is_decision(event), "{event}");
    }
}
