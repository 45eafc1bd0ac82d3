//! The limits over all tenants: whom they hold, whom never, and who gets the next place.

use super::world::{World, key, params, secs, word};
use trunkwarden::policy::{
    Action, ActionKind, Command, Engine, EventType, GlobalLimits, Limits, Mode, Order, Params, Part, Policy,
    PolicyMode, TenantId,
};

const ALL: &[(&str, Option<&[&str]>)] = &[
    ("a1", Some(&["b"])),
    ("a2", Some(&["b"])),
    ("a3", Some(&["b"])),
    ("b", Some(&[])),
    ("beta/x", Some(&["y", "z"])),
    ("beta/y", Some(&[])),
    ("beta/z", Some(&[])),
];

const fn concurrent(max: u32) -> GlobalLimits {
    GlobalLimits { max_concurrent: Some(max), max_per_hour: None, keep_fit: None }
}

const fn an_hour(max: u32) -> GlobalLimits {
    GlobalLimits { max_concurrent: None, max_per_hour: Some(max), keep_fit: None }
}

fn limited(global: GlobalLimits) -> Params {
    let mut policy = Policy::default();
    policy.failover.max_dependents = 9;
    let mut params = params(&policy, ALL);
    for tenant in params.tenants.values_mut() {
        tenant.limits = Limits { mass_hold: false, ..Limits::default() };
    }
    Params { global, ..params }
}

fn world(global: GlobalLimits) -> World {
    let mut w = World::new(limited(global));
    w.up(&["a1", "a2", "a3", "b", "beta/x", "beta/y", "beta/z"]);
    w
}

/// Rounds of looks, 2 s apart: these are bad and at home, the others good. What the engine did.
fn rounds(w: &mut World, n: u32, bad: &[&str]) -> Vec<Action> {
    let mut acts = Vec::new();
    for _ in 0..n {
        w.pass(2);
        for (id, _) in ALL {
            let at = w.report(id).route.unwrap();
            w.look(id, if bad.contains(id) { "unhealthy" } else { "healthy" }, at.as_str());
        }
        acts.extend(
            w.out.iter().filter_map(|c| if let Command::Act(action) = c { Some(action.clone()) } else { None }),
        );
        w.out.retain(|c| matches!(c, Command::Record(_)));
    }
    acts
}

fn names(acts: &[Action]) -> Vec<String> {
    acts.iter().map(|action| action.channel.to_string()).collect()
}

#[test]
fn one_place_over_all_tenants_goes_to_one_and_the_other_is_held_and_next() {
    let mut w = world(concurrent(1));
    let acts = rounds(&mut w, 5, &["a1", "beta/x"]);
    assert_eq!(names(&acts), ["acme/a1"]);
    let held = w.report("beta/x");
    assert_eq!(held.held, Some("global_max_concurrent"));
    assert_eq!(
        held.reason_text,
        "failover is held: the limit of actions in flight over all tenants is reached (global_max_concurrent 1)"
    );
    assert_eq!(w.records(EventType::FailoverHeld), 1);
    w.out.clear();
    // The outcome frees the place; last looks count from now on.
    w.applied(acts[0].op);
    let said: Vec<String> =
        w.said().iter().filter(|s| s.starts_with("look") || s.starts_with("act")).cloned().collect();
    assert_eq!(said, ["look x", "look y", "look z"]);
    w.pass(1);
    w.look("beta/x", "unhealthy", "x").look("beta/y", "healthy", "y");
    assert_eq!(names(&[w.act().unwrap()]), ["beta/x"]);
}

#[test]
fn one_tenants_many_wait_behind_anothers_only_one() {
    let mut w = world(concurrent(1));
    let first = rounds(&mut w, 5, &["a1", "a2", "a3"]);
    assert_eq!(names(&first), ["acme/a1"]);
    assert!(rounds(&mut w, 5, &["a1", "a2", "a3", "beta/x"]).is_empty());
    let (mut order, mut next) = (Vec::new(), first);
    while let Some(action) = next.pop() {
        order.push(action.channel.to_string());
        w.applied(action.op);
        next = rounds(&mut w, 2, &["a1", "a2", "a3", "beta/x"]);
        assert!(next.len() <= 1);
    }
    assert_eq!(order, ["acme/a1", "beta/x", "acme/a2", "acme/a3"]);
}

#[test]
fn a_turn_that_comes_to_nothing_goes_to_the_next() {
    let mut w = world(concurrent(1));
    let first = rounds(&mut w, 5, &["a1", "a2", "beta/x"]);
    w.out.clear();
    // The place is beta's, whose platform does not answer for the channel itself any more.
    w.applied(first[0].op);
    assert_eq!(w.said().iter().filter(|s| *s == "look x").count(), 1);
    let mut acts = Vec::new();
    for _ in 0..15 {
        w.pass(2);
        w.look("a1", "unhealthy", "b").look("a2", "unhealthy", "a2").look("b", "healthy", "b");
        w.look("beta/y", "healthy", "y").look("beta/z", "healthy", "z");
        acts.extend(w.act());
    }
    assert_eq!(names(&acts), ["acme/a2"]);
    assert_eq!(w.report("beta/x").held, Some("global_max_concurrent"));
    // Behind those who have not had a turn; but next, now that nobody else waits.
    w.applied(acts[0].op);
    assert_eq!(names(&rounds(&mut w, 2, &["a1", "a2", "beta/x"])), ["beta/x"]);
}

#[test]
fn within_an_hour_no_more_than_so_many_and_then_the_next() {
    let mut w = world(an_hour(1));
    let acts = rounds(&mut w, 5, &["a1", "beta/x"]);
    w.applied(acts[0].op);
    assert!(rounds(&mut w, 30, &["a1", "beta/x"]).is_empty());
    assert_eq!(w.report("beta/x").held, Some("global_max_per_hour"));
    let (mut acts, start) = (Vec::new(), w.now);
    while acts.is_empty() && w.now.since(start) < secs(3700) {
        acts = rounds(&mut w, 1, &["a1", "beta/x"]);
    }
    assert_eq!(names(&acts), ["beta/x"]);
    assert!(w.now.since(start) > secs(3500));
}

#[test]
fn so_many_channels_of_all_tenants_have_to_be_up_after_a_failover() {
    let at_least = |keep_fit| GlobalLimits { keep_fit: Some(keep_fit), ..GlobalLimits::default() };
    // Seven are watched; with a1 down there are six, its target among them.
    assert_eq!(names(&rounds(&mut world(at_least(6)), 5, &["a1"])), ["acme/a1"]);
    let mut w = world(at_least(7));
    assert!(rounds(&mut w, 5, &["a1"]).is_empty());
    assert_eq!(w.report("a1").held, Some("global_keep_fit"));
    let told = "failover is held: 6 channels of all tenants would be up; global_keep_fit is 7";
    assert_eq!(w.text("a1"), told);
    w.order(&Order::Failover { channel: key("a1"), to: "b".into(), force: true });
    assert_eq!(names(&rounds(&mut w, 2, &["a1"])), ["acme/a1"], "a person may force it");
}

#[test]
fn a_rescue_from_a_failed_backup_does_not_wait_for_channels_of_other_tenants() {
    let mut w = world(GlobalLimits { keep_fit: Some(6), ..GlobalLimits::default() });
    let acts = rounds(&mut w, 5, &["beta/x"]);
    w.applied(acts[0].op);
    let cascade = rounds(&mut w, 5, &["beta/x", "beta/y"]);
    assert_eq!(cascade[0].kind, ActionKind::Failover { from: "y".into(), to: "z".into() });
}

#[test]
fn the_hour_survives_a_restart() {
    let mut w = world(an_hour(1));
    let acts = rounds(&mut w, 5, &["a1"]);
    w.applied(acts[0].op);
    let part = Part::Tenant(TenantId::from("acme"));
    let saved = w.engine.save(w.now, &part).unwrap();
    let mut next = World::new(limited(an_hour(1)));
    next.engine = Engine::new(limited(an_hour(1)), next.now);
    next.engine.restore(next.now, &part, saved, secs(600));
    next.engine.start(&mut next.out);
    next.up(&["a1", "a2", "a3", "b", "beta/x", "beta/y", "beta/z"]);
    assert!(rounds(&mut next, 5, &["beta/x"]).is_empty());
    assert_eq!(next.report("beta/x").held, Some("global_max_per_hour"));
}

#[test]
fn a_rescue_from_a_failed_backup_and_what_a_person_forces_pass_over_the_limits() {
    let mut w = world(an_hour(1));
    let acts = rounds(&mut w, 5, &["beta/x"]);
    w.applied(acts[0].op);
    let cascade = rounds(&mut w, 5, &["beta/x", "beta/y"]);
    assert_eq!(cascade[0].kind, ActionKind::Failover { from: "y".into(), to: "z".into() });
    let order = |force| Order::Failover { channel: key("a1"), to: "b".into(), force };
    let refused = w.engine.operator(w.now, &order(false), "alice", &mut w.out).unwrap_err().to_string();
    assert!(refused.contains("(global_max_per_hour 1); `--force` passes over that"), "{refused}");
    w.order(&order(true));
    assert_eq!(names(&rounds(&mut w, 2, &[])), ["acme/a1"]);
}

#[test]
fn what_is_only_observed_takes_no_place() {
    let mut all = limited(concurrent(1));
    for channel in all.channels.iter_mut().filter(|channel| channel.key.tenant.as_str() == "beta") {
        channel.policy = std::sync::Arc::new(Policy { mode: PolicyMode(Mode::Observe), ..Policy::default() });
    }
    let mut w = World::new(all);
    w.up(&["a1", "a2", "a3", "b", "beta/x", "beta/y", "beta/z"]);
    assert!(rounds(&mut w, 6, &["beta/x"]).is_empty());
    assert_eq!(w.report("beta/x").held, Some("observe"));
    assert_eq!(names(&rounds(&mut w, 6, &["a1", "beta/x"])), ["acme/a1"]);
}

#[test]
fn raising_the_limit_lets_those_who_wait_go_on() {
    let mut w = world(concurrent(1));
    rounds(&mut w, 5, &["a1", "beta/x"]);
    w.engine.reconfigure(w.now, limited(GlobalLimits::default()), &mut w.out);
    assert!(w.out.iter().map(word).any(|said| said == "look x"));
    assert_eq!(names(&rounds(&mut w, 1, &["a1", "beta/x"])), ["beta/x"]);
}

#[test]
fn a_limit_that_is_lowered_takes_back_places_that_were_given() {
    let mut w = world(concurrent(2));
    for id in ["a1", "beta/x"] {
        w.down(id);
    }
    // Both have a place and await their last looks.
    w.engine.reconfigure(w.now, limited(concurrent(1)), &mut w.out);
    w.out.clear();
    assert_eq!(rounds(&mut w, 4, &["a1", "beta/x"]).len(), 1);
}
