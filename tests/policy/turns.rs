//! Places over all tenants by time alone: whose turn is over, what an action that was never sent gives back, and what the
//! last hour holds.

use super::world::{World, params, secs};
use trunkwarden::policy::{EventType, GlobalLimits, Limits, OpId, Outcome, Params, Policy};

const ALL: &[(&str, Option<&[&str]>)] =
    &[("a1", Some(&["b"])), ("a2", Some(&["b"])), ("b", Some(&[])), ("beta/x", Some(&["y"])), ("beta/y", Some(&[]))];

fn limited(max_concurrent: Option<u32>, max_per_hour: Option<u32>) -> Params {
    let mut policy = Policy::default();
    policy.health.interval = secs(600);
    let mut params = params(&policy, ALL);
    for tenant in params.tenants.values_mut() {
        tenant.limits = Limits { mass_hold: false, ..Limits::default() };
    }
    Params { global: GlobalLimits { max_concurrent, max_per_hour, keep_fit: None }, ..params }
}

fn world(max_concurrent: Option<u32>, max_per_hour: Option<u32>) -> World {
    let mut w = World::new(limited(max_concurrent, max_per_hour));
    w.up(&["a1", "a2", "b", "beta/x", "beta/y"]);
    w
}

/// Last looks of `id` and its backup; whether it acted.
fn confirm(w: &mut World, id: &str, backup: &str) -> Option<OpId> {
    w.pass(1);
    w.look(id, "unhealthy", id.rsplit('/').next().unwrap());
    w.look(backup, "healthy", backup.rsplit('/').next().unwrap());
    w.act().map(|action| action.op)
}

fn looks_at_x(w: &mut World) -> bool {
    w.said().iter().any(|said| said == "look x")
}

#[test]
fn a_turn_that_the_channel_does_not_confirm_is_over_after_two_timeouts_and_the_next_one_has_its_own() {
    let mut w = world(Some(1), None);
    w.down("a1");
    w.look("b", "healthy", "b");
    let began = w.now;
    w.down("beta/x");
    assert_eq!((w.report("a1").held, w.report("beta/x").held), (None, Some("global_max_concurrent")));
    w.out.clear();
    w.pass((began + secs(19)).since(w.now).as_secs());
    assert!(!looks_at_x(&mut w), "20 s are two timeouts");
    w.pass(1);
    assert!(looks_at_x(&mut w));
    assert_eq!((w.report("a1").held, w.report("beta/x").held), (Some("global_max_concurrent"), None));
    // And back again, since the other one does not answer either.
    w.look("beta/y", "healthy", "y");
    w.pass(19);
    assert_eq!((w.report("a1").held, w.report("beta/x").held), (Some("global_max_concurrent"), None));
    w.pass(1);
    assert_eq!((w.report("a1").held, w.report("beta/x").held), (None, Some("global_max_concurrent")));
    assert!(confirm(&mut w, "a1", "b").is_some());
}

#[test]
fn a_turn_without_a_fit_candidate_is_over_at_once() {
    let mut w = world(Some(1), None);
    w.look("b", "degraded", "b");
    w.down("a1");
    assert!(w.report("a1").no_candidate);
    w.down("beta/x");
    assert_eq!(w.report("beta/x").held, None);
}

#[test]
fn a_turn_lasts_on_while_nobody_else_waits() {
    let mut w = world(Some(1), None);
    w.down("a1");
    w.look("b", "healthy", "b");
    w.pass(300);
    assert_eq!(w.report("a1").held, None);
    assert!(confirm(&mut w, "a1", "b").is_some());
}

#[test]
fn whoever_recovers_leaves_his_place_to_the_next() {
    let mut w = world(Some(1), None);
    w.down("a1");
    w.down("beta/x");
    w.out.clear();
    w.look("a1", "healthy", "a1");
    assert!(looks_at_x(&mut w));
    // One who waits and recovers is in nobody's way.
    w.down("a2");
    assert_eq!(w.report("a2").held, Some("global_max_concurrent"));
    w.look("a2", "healthy", "a2");
    assert!(confirm(&mut w, "beta/x", "beta/y").is_some());
}

#[test]
fn an_action_that_was_never_sent_gives_its_place_of_the_hour_back() {
    let rows = [
        (Outcome::NotSent { why: "no slot".to_owned() }, true),
        (Outcome::Conflict, true),
        (Outcome::Refused { why: "400".to_owned() }, false),
    ];
    for (outcome, free) in rows {
        let mut w = world(None, Some(1));
        w.down("a1");
        let op = confirm(&mut w, "a1", "b").unwrap();
        w.down("beta/x");
        assert_eq!(w.report("beta/x").held, Some("global_max_per_hour"));
        w.out.clear();
        w.outcome(op, outcome.clone());
        assert_eq!(looks_at_x(&mut w), free, "{outcome:?}");
        assert_eq!(confirm(&mut w, "beta/x", "beta/y").is_some(), free, "{outcome:?}");
    }
}

#[test]
fn an_hour_later_a_place_is_free_whether_somebody_waited_or_not() {
    let mut w = world(None, Some(1));
    w.down("a1");
    let op = confirm(&mut w, "a1", "b").unwrap();
    w.applied(op);
    w.pass(3600);
    w.up(&["beta/x", "beta/y"]);
    w.down("beta/x");
    assert_eq!(w.report("beta/x").held, None);
    assert_eq!(w.records(EventType::FailoverHeld), 0, "not even for a moment");
    assert!(confirm(&mut w, "beta/x", "beta/y").is_some());
    // The next one has an hour to wait from that action on.
    w.up(&["a2", "b"]);
    w.down("a2");
    assert_eq!(w.report("a2").held, Some("global_max_per_hour"));
}

#[test]
fn a_free_place_of_the_hour_is_given_by_time_alone() {
    let mut w = world(None, Some(1));
    w.down("a1");
    let op = confirm(&mut w, "a1", "b").unwrap();
    let acted = w.now;
    w.applied(op);
    let left = |w: &World| (acted + secs(3600)).since(w.now).as_secs();
    // Evidence of x lasts half an hour: it turns bad when the hour is nearly over.
    w.pass(left(&w) - 60);
    w.up(&["beta/x", "beta/y"]);
    w.down("beta/x");
    assert_eq!(w.report("beta/x").held, Some("global_max_per_hour"));
    w.out.clear();
    let rest = left(&w);
    w.pass(rest - 1);
    assert!(!looks_at_x(&mut w));
    w.pass(1);
    assert!(looks_at_x(&mut w), "{}", w.text("beta/x"));
}

#[test]
fn both_limits_hold_by_the_one_that_leaves_less() {
    let mut w = world(Some(2), Some(1));
    w.down("a1");
    confirm(&mut w, "a1", "b").unwrap();
    w.down("beta/x");
    assert_eq!(w.report("beta/x").held, Some("global_max_per_hour"));
    let mut w = world(Some(1), Some(2));
    w.down("a1");
    confirm(&mut w, "a1", "b").unwrap();
    w.down("beta/x");
    assert_eq!(w.report("beta/x").held, Some("global_max_concurrent"));
}

#[test]
fn where_there_is_no_limit_nobody_stands_in_line() {
    let mut w = world(None, None);
    w.down("a1");
    w.down("beta/x");
    assert_eq!((w.report("a1").held, w.report("beta/x").held), (None, None));
    assert_eq!(w.records(EventType::FailoverHeld), 0);
}

#[test]
fn what_the_references_say_is_kept() {
    let mut w = World::three_up();
    assert_eq!(w.engine.references(), (0, 0));
    assert!(w.engine.set_references(w.now, 2, 3, &mut w.out));
    assert_eq!(w.engine.references(), (2, 3));
    assert!(!w.engine.set_references(w.now, 2, 3, &mut w.out), "nothing new");
    assert!(w.out.is_empty());
}
