//! Maintenance by order and by calendar, and the way home by calendar.

use super::world::{World, key, params, secs};
use trunkwarden::policy::{
    ActionKind, Engine, EventType, Failback, Ineligible, Order, Params, Part, Policy, Saved, Time, Windows,
};

const OPEN: Windows = Windows { maintenance: true, failback: false };

fn three() -> Params {
    let policy = Policy { name: "default".to_owned(), ..Policy::default() };
    params(&policy, &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))])
}

fn world() -> World {
    let mut w = World::new(three());
    w.up(&["a", "b", "c"]);
    w
}

fn maintain(id: &str, s: u64) -> Order {
    Order::StartMaintenance { channel: key(id), lasts: secs(s), reason: "new card".to_owned() }
}

fn windows(w: &mut World, windows: Windows) {
    w.engine.set_windows(w.now, "default", windows, &mut w.out);
}

#[test]
fn a_channel_in_maintenance_is_not_acted_on_until_it_ends() {
    let mut w = world();
    w.order(&maintain("a", 60));
    assert_eq!(w.records(EventType::MaintenanceStarted), 1);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_none());
    assert_eq!(w.text("a"), "failover is held: the channel is in maintenance");
    assert_eq!(w.report("a").maintenance.unwrap().reason, "new card");
    w.pass(53);
    assert_eq!(w.records(EventType::MaintenanceEnded), 1);
    assert_eq!(w.report("a").maintenance, None);
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_some());
}

/// The traffic of `a` is at `b`, and `a` is in maintenance.
fn away_and_maintained(begin: impl Fn(&mut World)) -> World {
    let mut w = world();
    let action = w.fail_over();
    w.applied(action.op);
    w.pass(1);
    w.look("a", "healthy", "b").look("a", "healthy", "b");
    begin(&mut w);
    w.out.clear();
    w
}

#[test]
fn traffic_that_is_elsewhere_is_rescued_from_a_backup_that_is_down_and_not_brought_home() {
    let mut w = away_and_maintained(|w| w.order(&maintain("a", 3600)));
    w.look("b", "unhealthy", "b").look("b", "unhealthy", "b");
    w.pass(1);
    w.look("a", "healthy", "b").look("c", "healthy", "c");
    assert!(w.act().is_none(), "two bad looks are not down");
    w.look("b", "unhealthy", "b");
    w.pass(1);
    w.look("a", "healthy", "b").look("c", "healthy", "c");
    assert!(w.act().is_none(), "the backup was not looked at for the last time");
    w.look("b", "unhealthy", "b");
    let action = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
    assert_eq!(action.kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
    assert_eq!(w.engine.may_send(action.op), Ok(()));
    w.applied(action.op);
    assert_eq!(w.report("a").route, Some("c".into()));
    assert!(w.report("a").maintenance.is_some());
}

#[test]
fn home_in_maintenance_is_no_target_of_a_rescue() {
    let mut w = away_and_maintained(|w| w.order(&maintain("a", 3600)));
    w.look("c", "unhealthy", "c");
    w.down("b");
    w.pass(1);
    w.look("a", "healthy", "b").look("b", "unhealthy", "b").look("c", "unhealthy", "c");
    assert!(w.act().is_none());
    assert!(w.report("a").no_candidate);
    assert!(w.text("a").contains("a is in maintenance"), "{}", w.text("a"));
}

#[test]
fn a_backup_that_is_missing_or_sounds_bad_moves_nothing_in_maintenance() {
    let mut w = away_and_maintained(|w| w.order(&maintain("a", 3600)));
    for _ in 0..4 {
        w.pass(2);
        w.missing("b").look("a", "healthy", "b").look("c", "healthy", "c");
    }
    assert!(w.act().is_none());
    assert_eq!(w.text("a"), "failover is held: the channel is in maintenance");
}

#[test]
fn a_rescue_that_was_decided_is_called_back_by_a_maintenance_where_it_goes_home_or_its_target_is_in_it() {
    for (maintained, allowed) in [("a", true), ("b", true), ("c", false)] {
        let mut w = away_and_maintained(|_| {});
        w.look("a", "unhealthy", "b");
        w.down("b");
        w.pass(1);
        w.look("a", "unhealthy", "b").look("b", "unhealthy", "b").look("c", "healthy", "c");
        let action = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
        w.order(&maintain(maintained, 600));
        assert_eq!(w.engine.may_send(action.op).is_ok(), allowed, "{maintained}");
    }
    let mut w = away_and_maintained(|_| {});
    w.down("b");
    w.pass(1);
    w.look("a", "healthy", "b").look("b", "unhealthy", "b");
    let action = w.act().unwrap();
    assert_eq!(action.kind, ActionKind::Failback { from: "b".into() });
    w.order(&maintain("a", 600));
    assert!(w.engine.may_send(action.op).is_err());
}

#[test]
fn a_policys_window_does_not_hold_the_rescue_to_a_channel_of_another_policy() {
    let policy = |name: &str| Policy { name: name.to_owned(), ..Policy::default() };
    let mut all = params(&policy("default"), &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))]);
    all.channels[2].policy = std::sync::Arc::new(policy("other"));
    let mut w = World::new(all);
    w.up(&["a", "b", "c"]);
    let action = w.fail_over();
    w.applied(action.op);
    windows(&mut w, OPEN);
    w.down("b");
    w.pass(1);
    w.look("a", "healthy", "b").look("b", "unhealthy", "b").look("c", "healthy", "c");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
}

#[test]
fn a_channel_in_maintenance_is_no_candidate() {
    let mut w = world();
    w.order(&maintain("b", 600));
    w.down("a");
    w.pass(1);
    assert_eq!(w.report("a").candidates[0].against, Some(Ineligible::InMaintenance));
    w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    let action = w.act().unwrap();
    assert_eq!(action.kind, ActionKind::Failover { from: "a".into(), to: "c".into() });
    w.order(&maintain("c", 600));
    let why = w.engine.may_send(action.op).unwrap_err().to_string();
    assert_eq!(why, "called back before it was sent: c is no longer fit: it is in maintenance");
}

#[test]
fn a_candidate_coming_out_of_maintenance_is_taken_at_once() {
    let mut w = world();
    w.order(&maintain("b", 600));
    w.order(&maintain("c", 600));
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    assert!(w.report("a").no_candidate);
    w.out.clear();
    w.order(&Order::EndMaintenance { channel: key("c") });
    w.pass(1);
    w.look("a", "unhealthy", "a").look("c", "healthy", "c");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failover { from: "a".into(), to: "c".into() });
}

#[test]
fn maintenance_needs_a_reason_and_a_channel_that_is_in_it() {
    let mut w = world();
    let mut refused = |order: &Order| w.engine.operator(w.now, order, "alice", &mut w.out).unwrap_err().to_string();
    for reason in [String::new(), "  ".to_owned(), "two\nlines".to_owned(), "x".repeat(201)] {
        let order = Order::StartMaintenance { channel: key("a"), lasts: secs(60), reason };
        assert_eq!(refused(&order), "maintenance needs a reason: one line of 1 to 200 characters");
    }
    assert_eq!(refused(&Order::EndMaintenance { channel: key("a") }), "acme/a is not in maintenance");
    windows(&mut w, OPEN);
    let why = w.engine.operator(w.now, &Order::EndMaintenance { channel: key("a") }, "alice", &mut w.out).unwrap_err();
    assert!(why.to_string().contains("the calendar ends"));
}

#[test]
fn no_order_moves_traffic_of_or_to_a_channel_in_maintenance() {
    for maintained in ["a", "c"] {
        let mut w = world();
        w.order(&maintain(maintained, 600));
        let order = Order::Failover { channel: key("a"), to: "c".into(), force: true };
        let why = w.engine.operator(w.now, &order, "alice", &mut w.out).unwrap_err().to_string();
        assert!(why.ends_with("in maintenance"), "{why}");
    }
}

#[test]
fn a_maintenance_window_of_the_policy_is_told_of_once_and_holds_its_channels() {
    let mut w = world();
    windows(&mut w, OPEN);
    windows(&mut w, OPEN);
    assert_eq!(w.records(EventType::MaintenanceStarted), 1);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_none());
    assert_eq!(w.report("a").held, Some("maintenance"));
    assert!(w.report("a").maintenance.unwrap().reason.contains("policy default"));
    w.engine.reconfigure(w.now, three(), &mut w.out);
    assert_eq!(w.report("a").held, Some("maintenance"), "a reload leaves the window open");
    windows(&mut w, Windows::default());
    assert_eq!(w.records(EventType::MaintenanceEnded), 1);
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_some());
}

#[test]
fn maintenance_by_order_survives_a_restart_and_no_longer() {
    for (down_for, still) in [(40, true), (80, false)] {
        let mut w = world();
        w.order(&maintain("a", 100));
        w.pass(30);
        let part = Part::Channel(key("a"));
        assert!(w.engine.take_unsaved().contains(&part));
        let saved = serde_json::to_string(&w.engine.save(w.now, &part).unwrap()).unwrap();
        let now = Time::new(secs(5));
        let mut engine = Engine::new(three(), now);
        engine.restore(now, &part, serde_json::from_str::<Saved>(&saved).unwrap(), secs(down_for));
        let mut next = World { engine, now, out: Vec::new() };
        next.engine.start(&mut next.out);
        next.look("a", "healthy", "a");
        assert_eq!(next.report("a").maintenance.is_some(), still);
        next.pass(30);
        next.look("a", "healthy", "a");
        assert_eq!(next.report("a").maintenance, None);
        assert_eq!(next.records(EventType::MaintenanceEnded), 1);
    }
}

#[test]
fn failback_by_window_waits_for_the_window() {
    let mut policy = Policy { name: "default".to_owned(), ..Policy::default() };
    policy.failover.failback = Failback::Window;
    let mut w = World::new(params(&policy, &[("a", Some(&["b"])), ("b", Some(&[]))]));
    w.up(&["a", "b"]);
    let action = w.fail_over();
    w.applied(action.op);
    for _ in 0..40 {
        w.pass(30);
        w.look("a", "healthy", "b").look("b", "healthy", "b");
    }
    assert_eq!(w.report("a").held, Some("failback_window"));
    assert!(w.act().is_none());
    windows(&mut w, Windows { maintenance: false, failback: true });
    w.pass(1);
    w.look("a", "healthy", "b");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failback { from: "b".into() });
}
