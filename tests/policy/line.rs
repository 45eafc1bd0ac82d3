//! The line over all tenants at its bounds: what costs the next one no time, whose turns count for whom, and when a turn is
//! over to the second.

use super::world::{World, params, secs};
use trunkwarden::policy::{GlobalLimits, Limits, OpId, Params, Policy, TenantParams};

const ALL: &[(&str, Option<&[&str]>)] = &[
    ("a1", Some(&["b"])),
    ("a2", Some(&["b"])),
    ("a3", Some(&["b"])),
    ("a4", Some(&["b"])),
    ("a5", Some(&["c"])),
    ("b", Some(&[])),
    ("c", Some(&[])),
    ("beta/x", Some(&["y"])),
    ("beta/y", Some(&[])),
    ("gamma/g", Some(&["h"])),
    ("gamma/h", Some(&[])),
];

const fn concurrent(max: u32) -> GlobalLimits {
    GlobalLimits { max_concurrent: Some(max), max_per_hour: None, keep_fit: None }
}

fn limited(policy: &Policy, global: GlobalLimits) -> Params {
    let mut policy = policy.clone();
    policy.health.interval = secs(600);
    policy.failover.max_dependents = 9;
    let mut params = params(&policy, ALL);
    for tenant in params.tenants.values_mut() {
        *tenant = TenantParams { limits: Limits { mass_hold: false, ..Limits::default() }, ..TenantParams::default() };
    }
    Params { global, ..params }
}

fn world(global: GlobalLimits) -> World {
    let mut w = World::new(limited(&Policy::default(), global));
    w.up(&["a1", "a2", "a3", "a4", "a5", "b", "c", "beta/x", "beta/y", "gamma/g", "gamma/h"]);
    w
}

/// The one place is taken by an action of this channel that is under way.
fn under_way(w: &mut World, id: &str, backup: &str) -> OpId {
    w.down(id);
    w.pass(1);
    let name = |id: &str| id.rsplit('/').next().unwrap().to_owned();
    w.look(id, "unhealthy", &name(id)).look(backup, "healthy", &name(backup));
    w.act().unwrap().op
}

const WAITS: Option<&str> = Some("global_max_concurrent");

#[test]
fn those_for_whom_nobody_is_fit_cost_the_next_one_no_time() {
    let mut w = world(concurrent(1));
    let op = under_way(&mut w, "beta/x", "beta/y");
    for id in ["a1", "a2", "a3", "a4", "a5"] {
        w.down(id);
        assert_eq!(w.report(id).held, WAITS);
    }
    // They have no need to know while they wait.
    w.look("b", "degraded", "b");
    assert_eq!(w.report("a4").held, WAITS);
    w.out.clear();
    w.applied(op);
    assert!(w.said().contains(&"look a5".to_owned()), "the turn of each before is over at once");
    assert!(["a1", "a2", "a3", "a4"].iter().all(|id| w.report(id).no_candidate));
}

#[test]
fn a_place_that_is_held_counts_as_a_turn_of_its_tenant() {
    let mut w = world(concurrent(1));
    w.down("a1");
    w.look("b", "healthy", "b");
    w.down("a2");
    w.down("beta/x");
    assert_eq!(["a1", "a2", "beta/x"].map(|id| w.report(id).held), [None, WAITS, WAITS]);
    w.engine.reconfigure(w.now, limited(&Policy::default(), concurrent(2)), &mut w.out);
    assert_eq!(["a1", "a2", "beta/x"].map(|id| w.report(id).held), [None, WAITS, None]);
}

#[test]
fn the_second_of_one_tenant_waits_behind_the_first_of_another_that_came_later() {
    let mut w = world(concurrent(1));
    under_way(&mut w, "gamma/g", "gamma/h");
    for id in ["a1", "a2", "beta/x"] {
        w.down(id);
        assert_eq!(w.report(id).held, WAITS);
    }
    w.engine.reconfigure(w.now, limited(&Policy::default(), concurrent(3)), &mut w.out);
    assert_eq!(["a1", "a2", "beta/x"].map(|id| w.report(id).held), [None, WAITS, None]);
}

#[test]
fn a_turn_is_over_when_it_began_to_be_whatever_else_wakes_the_channel() {
    let mut w = world(concurrent(1));
    w.down("a3");
    w.look("b", "healthy", "b");
    let began = w.now;
    w.down("beta/x");
    // Looks are waited for less long from now on; the turn was given before.
    let mut policy = Policy::default();
    policy.health.timeout = secs(8);
    policy.health.fast_interval = secs(3);
    w.engine.reconfigure(w.now, limited(&policy, concurrent(1)), &mut w.out);
    w.pass((began + secs(19)).since(w.now).as_secs());
    assert_eq!((w.report("a3").held, w.report("beta/x").held), (None, WAITS));
    w.pass(1);
    assert_eq!((w.report("a3").held, w.report("beta/x").held), (WAITS, None));
}

#[test]
fn places_that_come_free_at_once_go_to_two_tenants_and_not_to_the_two_who_waited_longest() {
    let mut w = world(GlobalLimits { max_concurrent: None, max_per_hour: Some(2), keep_fit: None });
    w.down("gamma/g");
    w.look("gamma/h", "healthy", "h");
    w.down("a5");
    w.look("gamma/g", "unhealthy", "g");
    let first = w.act().unwrap().op;
    w.look("a5", "unhealthy", "a5").look("c", "healthy", "c");
    let (second, acted) = (w.act().unwrap().op, w.now);
    w.applied(first);
    w.applied(second);
    let left = |w: &World| (acted + secs(3600)).since(w.now).as_secs();
    w.pass(left(&w) - 60);
    w.up(&["a1", "a2", "b", "beta/x", "beta/y"]);
    for id in ["a1", "a2", "beta/x"] {
        w.down(id);
        assert_eq!(w.report(id).held, Some("global_max_per_hour"));
    }
    w.pass(left(&w) - 1);
    w.out.clear();
    w.pass(1);
    assert_eq!(["a1", "a2", "beta/x"].map(|id| w.report(id).held), [None, Some("global_max_per_hour"), None]);
}
