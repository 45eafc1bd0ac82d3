//! What an episode remembers: targets that were tried in vain, attempts that failed or were called back, and whose the way
//! back is.

use super::world::{World, key, params, secs};
use trunkwarden::policy::{Action, ActionKind, EventType, Order, Outcome, Part, Policy, Saved};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn refused() -> Outcome {
    Outcome::Refused { why: "400".to_owned() }
}

/// So many seconds in which everything is looked at, `a` bad at `route`; the first action.
fn next(w: &mut World, route: &str, bad: &[&str], seconds: u64) -> Option<Action> {
    for _ in 0..seconds {
        w.pass(1);
        let status = |id: &str| if bad.contains(&id) { "unhealthy" } else { "healthy" };
        w.look("a", status("a"), route).look("b", status("b"), "b").look("c", status("c"), "c");
        if let Some(action) = w.act() {
            return Some(action);
        }
    }
    None
}

fn target(action: &Action) -> String {
    match &action.kind {
        ActionKind::Failover { to, .. } => to.to_string(),
        ActionKind::Failback { .. } => "home".to_owned(),
        ActionKind::Codec { .. } => "codec".to_owned(),
    }
}

/// `a` at `b`, its block over long ago.
fn away() -> World {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    for _ in 0..40 {
        w.pass(20);
        w.look("a", "unhealthy", "b").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    w.out.clear();
    w
}

#[test]
fn a_target_whose_change_failed_is_passed_over_until_the_others_were_tried() {
    for outcome in [refused(), Outcome::NotApplied] {
        let mut w = World::three_up();
        let mut action = w.fail_over();
        let mut went = vec![target(&action)];
        for _ in 0..5 {
            w.outcome(action.op, outcome.clone());
            action = next(&mut w, "a", &["a"], 100).expect("another attempt");
            went.push(target(&action));
        }
        assert_eq!(went, ["b", "c", "b", "c", "b", "c"], "{outcome:?}");
    }
}

#[test]
fn the_reason_against_it_says_so() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, refused());
    let b = w.report("a").candidates[0].clone();
    assert_eq!(b.against_text.as_deref(), Some("comes after the others: 1 change to it failed"));
    let on = next(&mut w, "a", &["a"], 20).unwrap();
    let why = on.reason.to_string();
    assert!(why.ends_with("; passed over: b comes after the others: 1 change to it failed"), "{why}");
    // Where nobody else is fit it is tried again.
    w.outcome(on.op, refused());
    let again = next(&mut w, "a", &["a", "c"], 60).unwrap();
    assert_eq!(target(&again), "b");
}

#[test]
fn in_a_cascade_home_is_a_target_like_any_other() {
    let mut w = away();
    let mut went = Vec::new();
    w.look("a", "healthy", "b").look("a", "healthy", "b");
    w.down("b");
    for _ in 0..4 {
        let action = next(&mut w, "b", &["b"], 100).expect("another attempt");
        went.push(target(&action));
        w.outcome(action.op, Outcome::NotApplied);
    }
    assert_eq!(went, ["home", "c", "home", "c"]);
}

#[test]
fn what_says_nothing_of_the_target_does_not_pass_it_over() {
    let not_sent = Outcome::NotSent { why: "no slot".to_owned() };
    for outcome in [not_sent, Outcome::Conflict, Outcome::Withdrawn { why: "paused".to_owned() }] {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.outcome(action.op, outcome.clone());
        let again = next(&mut w, "a", &["a"], 20).unwrap();
        assert_eq!(target(&again), "b", "{outcome:?}");
    }
}

#[test]
fn an_episode_that_is_over_is_forgotten_with_what_failed_in_it() {
    let mut w = World::three_up();
    let mut action = w.fail_over();
    for _ in 0..3 {
        w.outcome(action.op, refused());
        action = next(&mut w, "a", &["a"], 100).unwrap();
    }
    w.outcome(action.op, refused());
    assert_eq!(w.report("a").explanation.blocks[0].left, secs(16));
    // It comes up by itself, and fails again.
    next(&mut w, "a", &[], 5);
    assert_eq!(w.report("a").explanation.blocks, []);
    let action = next(&mut w, "a", &["a"], 20).unwrap();
    assert_eq!(target(&action), "b");
    w.outcome(action.op, refused());
    assert_eq!(w.report("a").explanation.blocks[0].left, secs(2));
}

#[test]
fn call_backs_are_no_failures_and_both_decay() {
    let mut w = World::three_up();
    let mut action = w.fail_over();
    for _ in 0..5 {
        w.outcome(action.op, Outcome::Withdrawn { why: "paused".to_owned() });
        action = next(&mut w, "a", &["a"], 100).unwrap();
    }
    w.outcome(action.op, Outcome::Conflict);
    assert_eq!(w.report("a").explanation.blocks[0].left, secs(2), "the first failure");
    assert!(w.text("a").contains("1 attempt failed"), "{}", w.text("a"));
    // Three failures a block period and more ago count for two, and after as many of them for none.
    for (waited, wait) in [(10, 16), (600, 8), (1200, 4), (6000, 2)] {
        let mut w = World::three_up();
        let mut action = w.fail_over();
        for _ in 0..2 {
            w.outcome(action.op, Outcome::Conflict);
            action = next(&mut w, "a", &["a"], 100).unwrap();
        }
        w.outcome(action.op, Outcome::Conflict);
        w.order(&Order::Pause { tenant: None });
        w.pass(waited);
        w.order(&Order::Resume { tenant: None });
        let action = next(&mut w, "a", &["a"], 100).unwrap();
        w.outcome(action.op, Outcome::Conflict);
        assert_eq!(w.report("a").explanation.blocks[0].left, secs(wait), "{waited} s later");
    }
}

#[test]
fn what_failed_survives_a_restart_with_its_age() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, refused());
    let part = Part::Channel(key("a"));
    let saved = serde_json::to_string(&w.engine.save(w.now, &part).unwrap()).unwrap();
    for (gone, first) in [(5, "c"), (700, "b")] {
        let mut again = World::new(params(&Policy::default(), THREE));
        let saved: Saved = serde_json::from_str(&saved).unwrap();
        again.engine.restore(again.now, &part, saved, secs(gone));
        let action = next(&mut again, "a", &["a"], 100).unwrap_or_else(|| panic!("{}", again.text("a")));
        assert_eq!(target(&action), first, "{gone} s later");
    }
}

#[test]
fn whose_the_way_back_is_survives_a_cascade() {
    // A person moved it, by us or past us; then its backup fails, and home is not there to take it.
    for ordered in [true, false] {
        let mut w = World::three_up();
        if ordered {
            w.order(&Order::Failover { channel: key("a"), to: "b".into(), force: false });
            w.look("a", "healthy", "a").look("b", "healthy", "b");
            let action = w.act().unwrap();
            w.applied(action.op);
        } else {
            for _ in 0..2 {
                w.pass(2);
                w.look("a", "healthy", "b");
            }
        }
        w.look("a", "degraded", "b");
        w.down("b");
        w.pass(1);
        w.look("a", "degraded", "b").look("b", "unhealthy", "b").look("c", "healthy", "c");
        let on = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
        assert_eq!(target(&on), "c");
        w.applied(on.op);
        for _ in 0..300 {
            w.pass(20);
            w.look("a", "healthy", "c").look("b", "healthy", "b").look("c", "healthy", "c");
            assert_eq!(w.act().map(|action| action.kind), None, "ordered: {ordered}");
        }
        let held = if ordered { "ordered_route" } else { "foreign_route" };
        assert_eq!(w.report("a").held, Some(held), "{}", w.text("a"));
    }
}

/// Six of a tenant, `u` and `v` at `x`, which the platform loses.
fn carried() -> World {
    let six: Channels = &[
        ("u", Some(&["x", "y"])),
        ("v", Some(&["x", "y"])),
        ("x", Some(&[])),
        ("y", Some(&[])),
        ("p", Some(&[])),
        ("q", Some(&[])),
    ];
    let mut p = params(&Policy::default(), six);
    p.tenants.values_mut().for_each(|tenant| tenant.limits.max_concurrent = 1);
    let mut w = World::new(p);
    w.up(&["u", "v", "x", "y", "p", "q"]);
    w.all_over_to("x", &["u", "v"]);
    for _ in 0..40 {
        w.pass(20);
        w.look("u", "degraded", "x").look("v", "degraded", "x");
        for id in ["x", "y", "p", "q"] {
            w.look(id, "healthy", id);
        }
    }
    w.out.clear();
    w
}

#[test]
fn one_answer_that_a_backup_is_missing_is_enough_against_it_and_moves_nothing() {
    let mut w = carried();
    w.missing("x");
    let said = w.said();
    let words = "record channel.missing x: the platform has no such channel (1 of 3 such answers); the traffic of 2 other \
                 channels leaves it at 3";
    assert!(said.contains(&words.to_owned()), "{said:?}");
    assert!(said.contains(&"watch x every 2s suspect".to_owned()), "{said:?}");
    assert!(w.report("u").candidates[0].against_text.as_deref() == Some("does not exist on the platform"));
    for _ in 0..20 {
        w.pass(1);
        w.look("u", "degraded", "x").look("v", "degraded", "x").look("y", "healthy", "y");
        assert!(w.act().is_none(), "{}", w.text("u"));
    }
    // It was there all the time: what was counted begins anew.
    w.look("x", "healthy", "x");
    for _ in 0..2 {
        w.missing("x");
        w.pass(2);
        w.look("u", "degraded", "x").look("v", "degraded", "x").look("y", "healthy", "y");
        assert!(w.act().is_none(), "{}", w.text("u"));
    }
}

#[test]
fn from_a_missing_backup_traffic_goes_after_fall_answers_free_of_blocks_and_within_the_limits() {
    let mut w = carried();
    for _ in 0..3 {
        w.pass(2);
        w.missing("x");
    }
    assert!(w.act().is_none(), "a last look is to come");
    w.look("u", "degraded", "x").look("v", "degraded", "x").look("y", "healthy", "y").missing("x");
    let first = w.act().expect("one of them");
    assert_eq!(target(&first), "y");
    assert!(first.reason.to_string().contains("its backup x no longer exists on the platform"), "{}", first.reason);
    assert_eq!(w.report("v").held, Some("max_concurrent"), "{}", w.text("v"));
    w.applied(first.op);
    w.pass(1);
    w.look("v", "degraded", "x").look("y", "healthy", "y").missing("x");
    assert!(w.act().is_some(), "{}", w.text("v"));
    // A backup that is down is left at once by both.
    let mut w = carried();
    w.down("x");
    w.pass(1);
    w.look("u", "degraded", "x").look("v", "degraded", "x").look("x", "unhealthy", "x").look("y", "healthy", "y");
    let acts = w.said().into_iter().filter(|word| word.starts_with("act ")).count();
    assert_eq!(acts, 2);
}

#[test]
fn missing_counts_in_the_mass_hold() {
    let mut w = carried();
    for id in ["x", "p", "q"] {
        w.missing(id);
    }
    assert_eq!(w.records(EventType::MassHold), 1);
    for _ in 0..10 {
        w.pass(2);
        w.missing("x");
        w.look("u", "degraded", "x").look("v", "degraded", "x").look("y", "healthy", "y");
        assert!(w.act().is_none());
    }
    assert_eq!(w.report("u").held, Some("mass_change"));
}

#[test]
fn that_a_channel_is_missing_grows_stale_like_any_other_word() {
    let mut w = carried();
    for _ in 0..3 {
        w.missing("x");
    }
    for _ in 0..10 {
        w.pass(10);
        w.look("u", "degraded", "x").look("v", "degraded", "x").look("y", "healthy", "y").fail("x");
    }
    assert!(!w.report("x").missing);
    assert!(w.text("x").starts_with("the last answer is older than"), "{}", w.text("x"));
    w.out.clear();
    w.pass(20);
    w.look("u", "degraded", "x").look("y", "healthy", "y");
    assert!(w.act().is_none());
}

#[test]
fn an_orphan_that_cannot_be_read_back_holds_its_channel_and_nobody_elses_place() {
    let four: Channels = &[("a", Some(&["x"])), ("d", Some(&["x"])), ("x", Some(&[])), ("e", Some(&[]))];
    let limited = || {
        let mut p = params(&Policy::default(), four);
        p.global.max_concurrent = Some(1);
        p.tenants.values_mut().for_each(|tenant| tenant.limits.max_concurrent = 1);
        p
    };
    let mut w = World::new(limited());
    w.up(&["a", "d", "x", "e"]);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("x", "healthy", "x");
    let action = w.act().unwrap();
    let mut after = World::new(limited());
    after.engine.adopt_orphan(after.now, action.clone());
    after.up(&["d", "x", "e"]);
    after.down("d");
    assert!(matches!(after.report("d").held, Some("max_concurrent")), "{}", after.text("d"));
    // 10 s and 30 s after it was taken over.
    let mut acted = None;
    for _ in 0..60 {
        after.pass(1);
        after.look("d", "unhealthy", "d").look("x", "healthy", "x");
        acted = acted.or(after.act());
    }
    let acted = acted.unwrap_or_else(|| panic!("{}", after.text("d")));
    assert_eq!(acted.channel, key("d"));
    assert_eq!(after.report("a").in_flight, Some("failover"), "its own channel is held on");
    // Its outcome, when it comes at last, frees nothing twice.
    assert_eq!(after.engine.tenant(after.now, &"acme".into()).unwrap().in_flight, 1);
    after.applied(action.op);
    assert_eq!(after.engine.tenant(after.now, &"acme".into()).unwrap().in_flight, 1);
}

#[test]
fn every_attempt_that_may_still_show_is_remembered_each_once() {
    // To b, never shown; to c, refused. What b's change did late is ours.
    let mut w = World::three_up();
    let first = w.fail_over();
    w.outcome(first.op, Outcome::NotApplied);
    let second = next(&mut w, "a", &["a"], 20).unwrap();
    assert_eq!(target(&second), "c");
    w.outcome(second.op, refused());
    w.pass(1);
    w.look("a", "unhealthy", "b");
    assert_eq!((w.records(EventType::FailoverCompleted), w.records(EventType::RouteChanged)), (1, 0));
    assert!(!w.report("a").route_foreign);
    // The refused one is never ours: somebody moved it to c.
    for _ in 0..2 {
        w.pass(60);
        w.look("a", "unhealthy", "c");
    }
    assert_eq!(w.records(EventType::RouteChanged), 1);
    assert!(w.report("a").route_foreign);
    // And b only once.
    for _ in 0..2 {
        w.pass(60);
        w.look("a", "unhealthy", "b");
    }
    assert_eq!(w.records(EventType::RouteChanged), 2);
}

#[test]
fn a_codec_change_between_leaves_a_move_that_may_still_show_remembered() {
    let mut w = World::three_up();
    let first = w.fail_over();
    w.outcome(first.op, Outcome::NotApplied);
    for _ in 0..3 {
        w.pass(1);
        w.look("a", "healthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    w.act();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let codec = w.act().expect("another codec order");
    assert_eq!(target(&codec), "codec");
    w.applied(codec.op);
    let mut shown = super::world::view("healthy", "b");
    if let ActionKind::Codec { order, .. } = &codec.kind {
        shown.codecs = Some(order.clone());
    }
    w.pass(1);
    w.look_from("a", w.now, trunkwarden::policy::Source::Single, shown);
    assert_eq!((w.records(EventType::FailoverCompleted), w.records(EventType::RouteChanged)), (1, 0));
}

#[test]
fn a_change_that_a_crash_interrupted_says_nothing_of_its_target() {
    let mut w = World::three_up();
    let action = w.fail_over();
    let mut after = World::new(params(&Policy::default(), THREE));
    after.engine.adopt_orphan(after.now, action.clone());
    after.outcome(action.op, Outcome::NotApplied);
    let again = next(&mut after, "a", &["a"], 60).unwrap_or_else(|| panic!("{}", after.text("a")));
    assert_eq!(target(&again), "b");
    // Sent again and refused, it comes after the others.
    after.outcome(again.op, refused());
    assert_eq!(target(&next(&mut after, "a", &["a"], 60).unwrap()), "c");
}

#[test]
fn a_codec_order_that_the_next_attempt_put_in_place_is_completed_once() {
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let first = w.act().unwrap();
    w.outcome(first.op, Outcome::NotApplied);
    w.pass(3);
    w.look("a", "healthy", "a");
    let again = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
    w.applied(again.op);
    let ActionKind::Codec { order, .. } = again.kind else { panic!() };
    w.out.clear();
    for _ in 0..3 {
        w.pass(2);
        let mut shown = super::world::view("healthy", "a");
        shown.codecs = Some(order.clone());
        w.look_from("a", w.now, trunkwarden::policy::Source::Single, shown);
    }
    assert_eq!(w.records(EventType::CodecCompleted), 0);
}
