//! A backup that sounds bad while it carries the traffic of others.

use super::super::world::{World, params};
use super::*;
use trunkwarden::policy::Outcome;

/// `a` has gone over to `b`, whose own backup is `c`; `b` measures 5 % loss, `c` none.
fn carrying(policy: &Policy) -> World {
    let mut w = World::new(params(policy, &[("a", Some(&["b"])), ("b", Some(&["c"])), ("c", Some(&[]))]));
    w.up(&["a", "b", "c"]);
    let action = w.fail_over();
    w.applied(action.op);
    w
}

/// Half a minute each: looks at all of them, `a` bad and at its route, and telemetry.
fn minutes(w: &mut World, n: u64) {
    for _ in 0..2 * n {
        w.pass(30);
        let (a, b) = (w.report("a").route.unwrap(), w.report("b").route.unwrap());
        w.look("a", "unhealthy", a.as_str()).look("b", "healthy", b.as_str()).look("c", "healthy", "c");
        w.telemetry("b", 30.0, 5.0).telemetry("c", 30.0, 0.0);
    }
}

#[test]
fn its_own_traffic_stays_while_it_carries_others_and_leaves_once_they_have() {
    let mut w = carrying(&moving());
    minutes(&mut w, 12);
    assert!(w.act().is_none(), "{}", w.text("b"));
    assert_eq!(w.text("b"), "failover is held: it carries 1 other channel, so its own traffic has to stay at home");
    assert_eq!((w.report("b").held, w.report("b").no_candidate), (Some("carries"), false));
    let outlook = w.report("b").outlook_at(w.now);
    assert_eq!(outlook, "the channels that it carries have to leave it first");
    let order = Order::Failover { channel: key("b"), to: "c".into(), force: true };
    let why = w.engine.operator(w.now, &order, "alice", &mut w.out).unwrap_err().to_string();
    assert!(why.ends_with("b carries 1 other channel"), "{why}");
    // Somebody takes it home.
    w.moved("a", "healthy", "a");
    w.out.clear();
    w.pass(30);
    w.look("b", "healthy", "b").look("c", "healthy", "c");
    w.look("b", "healthy", "b").look("c", "healthy", "c");
    let action = w.act().unwrap_or_else(|| panic!("{}", w.text("b")));
    assert_eq!(action.kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
}

#[test]
fn another_remedy_does_not_wait_for_them() {
    let mut policy = moving();
    policy.codec.enabled = true;
    policy.codec.min_gain = 60.0;
    policy.failover.quality_below = Some(85.0);
    let mut w = carrying(&policy);
    minutes(&mut w, 12);
    assert!(w.act().is_none());
    assert_eq!(w.report("b").held, Some("carries"), "no codec order would help: {}", w.text("b"));
    policy.codec.min_gain = 5.0;
    let mut w = carrying(&policy);
    minutes(&mut w, 6);
    let action = w.act().unwrap_or_else(|| panic!("{}", w.text("b")));
    assert!(matches!(action.kind, ActionKind::Codec { .. }) && action.channel == key("b"), "{action:?}");
}

#[test]
fn a_backup_that_is_down_does_not_wait_for_them() {
    let mut w = carrying(&moving());
    w.down("b");
    w.pass(1);
    w.look("b", "unhealthy", "b").look("c", "healthy", "c");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
}

#[test]
fn what_was_decided_is_called_back_where_somebody_comes_to_it_meanwhile() {
    let mut w = World::new(params(&moving(), &[("a", Some(&["b"])), ("b", Some(&["c"])), ("c", Some(&[]))]));
    w.up(&["a", "b", "c"]);
    minutes(&mut w, 4);
    let mut action = None;
    for _ in 0..12 {
        minutes(&mut w, 1);
        action = action.or(w.act());
    }
    let action = action.unwrap_or_else(|| panic!("{}", w.text("b")));
    assert_eq!(action.channel, key("b"));
    // Somebody else moves a there.
    w.look("a", "unhealthy", "b");
    assert!(w.engine.may_send(action.op).unwrap_err().to_string().contains("carries 1 other channel"));
    w.outcome(action.op, Outcome::Withdrawn { why: "called back".to_owned() });
}
