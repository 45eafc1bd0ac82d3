//! Who is watched, and what a reload changes: of candidates, policies, counts and schedules.

use super::world::{World, key, params, secs, view};
use std::sync::Arc;
use trunkwarden::policy::{
    ActionKind, ChannelId, ChannelParams, ChannelView, Engine, EventType, Health, OpId, Order, Part, Policy, Source,
    TenantId, Time, Windows,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn candidates(w: &World, id: &str) -> Vec<String> {
    w.report(id).candidates.iter().map(|candidate| candidate.channel.to_string()).collect()
}

fn reload(w: &mut World, policy: &Policy, channels: Channels) -> Vec<String> {
    w.out.clear();
    w.engine.reconfigure(w.now, params(policy, channels), &mut w.out);
    w.said()
}

/// A look at `a` that names these backups.
fn names(w: &mut World, backups: &[&str]) {
    let failover = backups.iter().map(|id| ChannelId::from(*id)).collect();
    w.look_from("a", w.now, Source::Single, ChannelView { failover: Some(failover), ..view("healthy", "a") });
}

#[test]
fn watching_begins_at_the_start_and_not_before() {
    let mut engine = Engine::new(params(&Policy::default(), &THREE[..2]), Time::ZERO);
    let mut out = Vec::new();
    engine.reconfigure(Time::ZERO, params(&Policy::default(), THREE), &mut out);
    assert!(out.is_empty(), "{out:?}");
    engine.start(&mut out);
    let mut w = World { engine, now: Time::ZERO, out };
    assert_eq!(w.said(), ["watch a every 30s", "watch b every 30s", "watch c every 30s"]);
    let watched: Vec<String> = w.engine.channels().map(ToString::to_string).collect();
    assert_eq!(watched, ["acme/a", "acme/b", "acme/c"]);
}

#[test]
fn other_backups_in_the_file_are_taken_at_once() {
    let mut w = World::three_up();
    assert_eq!(candidates(&w, "a"), ["b", "c"]);
    w.engine.take_changed();
    let two: Channels = &[("a", Some(&["c"])), ("b", Some(&[])), ("c", Some(&[]))];
    assert!(reload(&mut w, &Policy::default(), two).is_empty());
    assert_eq!(candidates(&w, "a"), ["c"]);
    assert_eq!(w.engine.take_changed(), [key("a")]);
}

#[test]
fn a_policy_that_says_the_same_is_no_change() {
    let mut w = World::three_up();
    w.engine.take_changed();
    assert!(reload(&mut w, &Policy::default(), THREE).is_empty());
    assert!(w.engine.take_changed().is_empty());
    let mut policy = Policy::default();
    policy.health.interval = secs(20);
    assert_eq!(reload(&mut w, &policy, THREE), ["watch a every 20s", "watch b every 20s", "watch c every 20s"]);
    assert_eq!(w.engine.take_changed(), [key("a"), key("b"), key("c")]);
    assert!(w.engine.take_changed().is_empty(), "told once");
}

#[test]
fn other_rules_for_telemetry_count_from_the_next_answer_on() {
    let mut w = World::three_up();
    w.telemetry("a", 20.0, 0.0);
    let mut policy = Policy::default();
    policy.telemetry.min_samples = 4;
    reload(&mut w, &policy, THREE);
    w.telemetry("a", 20.0, 0.0);
    assert_eq!(w.report("a").quality, None, "three samples of four");
}

#[test]
fn a_candidate_that_comes_into_the_file_is_kept_by_its_own_rules() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    names(&mut w, &["x"]);
    w.out.clear();
    let x: Channels = &[("a", None), ("x", Some(&["y"]))];
    let said = reload(&mut w, &Policy::default(), x);
    assert_eq!(
        said,
        [
            "record channel.watched x: added to the configuration",
            "record channel.watched y: watched as a candidate for x",
            "watch y every 30s",
        ]
    );
    assert_eq!(candidates(&w, "x"), ["y"]);
    // Back to what it was: y is nobody's, x is a's.
    let said = reload(&mut w, &Policy::default(), &[("a", None)]);
    assert!(said.contains(&"record channel.unwatched x: removed from the configuration".to_owned()), "{said:?}");
    assert!(said.contains(&"unwatch y".to_owned()) && !said.contains(&"unwatch x".to_owned()), "{said:?}");
}

#[test]
fn where_the_traffic_of_a_new_channel_goes_is_watched_from_then_on() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    names(&mut w, &["x"]);
    // Of a mere candidate it does not matter where its own traffic goes, as long as it is not home.
    w.look("x", "healthy", "y");
    assert!(w.engine.channel(w.now, &key("y")).is_none());
    let mut p = params(&Policy::default(), &[("a", None), ("x", None)]);
    let policy = p.channels[0].policy.clone();
    p.channels[1].policy = policy;
    w.engine.reconfigure(w.now, p, &mut w.out);
    assert!(w.engine.channel(w.now, &key("y")).is_some());
}

#[test]
fn a_reload_tells_nothing_of_candidates_that_are_not_in_the_file() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    names(&mut w, &["x"]);
    assert!(reload(&mut w, &Policy::default(), &[("a", None)]).is_empty());
    assert_eq!(candidates(&w, "a"), ["x"]);
}

#[test]
fn a_channel_that_is_gone_is_told_of_no_more() {
    let mut w = World::three_up();
    let said = reload(&mut w, &Policy::default(), &[("a", Some(&["b"])), ("b", Some(&[]))]);
    assert_eq!(said, ["record channel.unwatched c: removed from the configuration", "unwatch c"]);
    let changed = w.engine.take_changed();
    assert_eq!(changed.iter().filter(|of| **of == key("c")).count(), 1, "those that read reports have to forget it");
    w.pass(10);
    for id in ["a", "b"] {
        w.look(id, "healthy", id);
    }
    w.pass(85);
    assert!(reload(&mut w, &Policy::default(), &[("a", Some(&["b"])), ("b", Some(&[]))]).is_empty());
    assert_eq!(w.report("a").health, Health::Up);
}

#[test]
fn a_candidate_is_watched_under_its_users_rules_of_now() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    names(&mut w, &["x"]);
    w.out.clear();
    let mut policy = Policy::default();
    policy.health.interval = secs(20);
    let said = reload(&mut w, &policy, &[("a", None)]);
    assert!(said.contains(&"watch x every 20s".to_owned()), "{said:?}");
}

#[test]
fn a_watched_candidate_counts_among_a_tenants_channels() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    names(&mut w, &["x"]);
    for _ in 0..9 {
        w.fail("a");
    }
    assert_eq!(w.records(EventType::BlindEntered), 0, "one channel of two is not the tenant");
    w.fail("x");
    assert_eq!(w.records(EventType::BlindEntered), 1);
}

#[test]
fn what_a_channel_carries_is_counted_right_whoever_takes_the_place_of_one_that_left() {
    let four: Channels = &[("a", Some(&[])), ("b", Some(&["a"])), ("d", Some(&["z"])), ("z", Some(&[]))];
    let mut w = World::new(params(&Policy::default(), four));
    w.up(&["b", "d", "z"]);
    // Somebody else moved a to x, which is in no file, and d to z.
    w.look("a", "healthy", "x").look("d", "healthy", "z");
    let carries = |w: &World, id: &str| w.report(id).explanation.carries;
    assert_eq!((carries(&w, "x"), carries(&w, "z")), (1, 1));
    // a goes on as b's candidate; nobody needs x any more, and y takes its place.
    reload(&mut w, &Policy::default(), &[("b", Some(&["a"])), ("d", Some(&["z"])), ("z", Some(&[]))]);
    assert!(w.engine.channel(w.now, &key("x")).is_none());
    let with_y: Channels =
        &[("b", Some(&["a"])), ("d", Some(&["z"])), ("z", Some(&[])), ("y", Some(&[])), ("e", Some(&[]))];
    reload(&mut w, &Policy::default(), with_y);
    w.look("e", "healthy", "y");
    assert_eq!((carries(&w, "y"), carries(&w, "z")), (1, 1));
    w.look("a", "healthy", "a");
    assert_eq!((carries(&w, "y"), carries(&w, "z")), (1, 1), "a's way home takes nothing from y");
    w.look("d", "healthy", "d");
    assert_eq!((carries(&w, "y"), carries(&w, "z")), (1, 0));
}

#[test]
fn deadlines_are_kept_however_many_others_came_and_went() {
    let mut policy = Policy::default();
    policy.health.interval = secs(900);
    let mut w = World::new(params(&policy, &[("a", Some(&["b"])), ("b", Some(&[]))]));
    w.up(&["a", "b"]);
    let seen = w.now;
    for _ in 0..300 {
        for _ in 0..3 {
            w.look("a", "unhealthy", "a");
        }
        w.pass(2);
        w.look("a", "healthy", "a").look("a", "healthy", "a");
        w.pass(3);
    }
    w.out.clear();
    // What is due for b is still due: three intervals after its last answer.
    w.pass((seen + secs(2699 - 1)).since(w.now).as_secs());
    assert_eq!(w.report("b").health, Health::Up);
    w.pass(2);
    assert_eq!((w.report("b").health, w.report("a").health), (Health::Unknown, Health::Up));
}

#[test]
fn another_tenants_interval_is_its_own() {
    let mut p = params(&Policy::default(), &THREE[1..]);
    let other = trunkwarden::policy::ChannelKey::new("umbrella", "u");
    p.tenants.insert(TenantId::from("umbrella"), trunkwarden::policy::TenantParams::default());
    p.channels.push(ChannelParams {
        key: other.clone(),
        policy: Arc::new(Policy::default()),
        failover: None,
        carrier: None,
    });
    let mut w = World::new(p);
    w.engine.set_effective_interval(w.now, &TenantId::from("umbrella"), secs(60), &mut w.out);
    let limit = |key| w.engine.channel(w.now, key).unwrap().explanation.stale_after;
    assert_eq!((limit(&key("b")), limit(&other)), (secs(90), secs(180)));
}

#[test]
fn an_operation_gets_no_number_twice() {
    let mut w = World::three_up();
    w.engine.set_next_op(OpId(40));
    w.engine.set_next_op(OpId(7));
    assert_eq!(w.fail_over().op, OpId(40));
}

#[test]
fn what_has_to_be_saved_is_named_once() {
    let mut w = World::three_up();
    w.engine.take_unsaved();
    assert!(!w.engine.paused());
    w.order(&Order::Pause { tenant: None });
    assert!(w.engine.paused());
    w.order(&Order::Pause { tenant: Some(TenantId::from("acme")) });
    assert_eq!(w.engine.take_unsaved(), [Part::Engine, Part::Tenant(TenantId::from("acme"))]);
    assert!(w.engine.take_unsaved().is_empty());
    w.order(&Order::Resume { tenant: None });
    w.order(&Order::Resume { tenant: Some(TenantId::from("acme")) });
    w.engine.take_unsaved();
    let action = w.fail_over();
    let saved = w.engine.take_unsaved();
    assert_eq!(saved, [Part::Tenant(TenantId::from("acme")), Part::Channel(key("a"))]);
    w.applied(action.op);
    assert_eq!(w.engine.take_unsaved(), [Part::Channel(key("a"))]);
    // One that leaves is named, and once; and again a day later, so that what was kept of it can be forgotten.
    w.order(&Order::Acknowledge { channel: key("a") });
    reload(&mut w, &Policy::default(), &THREE[1..]);
    assert_eq!(w.engine.take_unsaved(), [Part::Channel(key("a"))]);
    assert!(w.engine.save(w.now, &Part::Channel(key("a"))).is_some());
    w.pass(24 * 3600);
    assert_eq!(w.engine.take_unsaved(), [Part::Channel(key("a"))]);
    assert_eq!(w.engine.save(w.now, &Part::Channel(key("a"))), None);
}

#[test]
fn windows_touch_the_channels_of_their_policy_only() {
    let named = |name: &str| Policy { name: name.to_owned(), ..Policy::default() };
    let mut p = params(&named("days"), &THREE[..2]);
    p.channels.extend(params(&named("nights"), &[("c", Some(&["x"]))]).channels);
    let mut w = World::new(p);
    w.up(&["a", "b", "c", "x"]);
    w.engine.take_changed();
    let open = Windows { maintenance: true, failback: false };
    w.engine.set_windows(w.now, "nights", open, &mut w.out);
    assert_eq!(w.records(EventType::MaintenanceStarted), 1);
    let maintained = |id: &str| w.report(id).maintenance.is_some();
    assert_eq!(["a", "b", "c", "x"].map(maintained), [false, false, true, false], "x is only a candidate");
    assert_eq!(w.engine.take_changed(), [key("c"), key("a")], "and a, whose candidate it is");
    assert_eq!(w.engine.windows().collect::<Vec<_>>(), [("nights", open)]);
    // Said again, it is no news.
    w.out.clear();
    w.engine.set_windows(w.now, "nights", open, &mut w.out);
    assert!(w.out.is_empty() && w.engine.take_changed().is_empty());
}

#[test]
fn a_failover_to_a_channel_outside_the_file_keeps_it_watched() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    w.up(&["x"]);
    names(&mut w, &["x"]);
    names(&mut w, &["x"]);
    for _ in 0..2 {
        w.look("x", "healthy", "x");
    }
    let bad = |w: &mut World| {
        w.pass(2);
        let failover = vec!["x".into()];
        w.look_from("a", w.now, Source::Single, ChannelView { failover: Some(failover), ..view("unhealthy", "a") });
    };
    for _ in 0..3 {
        bad(&mut w);
    }
    w.pass(1);
    w.look("x", "healthy", "x");
    bad(&mut w);
    let action = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
    assert_eq!(action.kind, ActionKind::Failover { from: "a".into(), to: "x".into() });
    w.applied(action.op);
    // The platform names it no more, and traffic goes there all the same.
    w.look("a", "active", "x");
    assert!(w.engine.channel(w.now, &key("x")).is_some());
    assert_eq!(w.report("x").explanation.carries, 1);
}
