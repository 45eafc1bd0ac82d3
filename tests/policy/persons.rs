//! What persons may order, and what no order can do.

use super::world::{World, key, params, secs};
use trunkwarden::policy::{
    ActionKind, Actor, ChannelId, Engine, EventType, Limits, Mode, Order, Outcome, Params, Part, Policy, PolicyMode,
    Refusal, Saved, TenantId, TenantParams, Time,
};

fn acme() -> TenantId {
    TenantId::from("acme")
}

fn three(policy: &Policy) -> Params {
    params(policy, &[("a", Some(&["b"])), ("b", Some(&[])), ("c", Some(&[]))])
}

fn world(policy: &Policy) -> World {
    let mut w = World::new(three(policy));
    w.up(&["a", "b", "c"]);
    w
}

fn over(to: &str, force: bool) -> Order {
    Order::Failover { channel: key("a"), to: ChannelId::from(to), force }
}

fn back(force: bool) -> Order {
    Order::Failback { channel: key("a"), force }
}

/// Why the order is refused.
fn refused(w: &mut World, order: &Order) -> String {
    let before = w.out.len();
    let refusal = w.engine.operator(w.now, order, "alice", &mut w.out).unwrap_err();
    assert_eq!(w.out.len(), before, "a refused order leaves nothing behind");
    refusal.to_string()
}

fn to_c() -> ActionKind {
    ActionKind::Failover { from: "a".into(), to: "c".into() }
}

/// `a` is at `c` by order.
fn moved(w: &mut World) {
    w.order(&over("c", false));
    w.pass(1);
    w.look("a", "healthy", "a").look("c", "healthy", "c");
    let action = w.act().expect("the ordered failover");
    assert_eq!(action.kind, to_c());
    w.applied(action.op);
}

#[test]
fn an_ordered_failover_of_a_healthy_channel_goes_to_a_fit_channel_that_is_nobodys_candidate() {
    let mut w = world(&Policy::default());
    w.order(&over("c", false));
    let said = w.said();
    assert_eq!(said[0], "record operator.ordered a: ordered the failover of acme/a to c");
    assert!(said.contains(&"look a".to_owned()) && said.contains(&"look c".to_owned()), "{said:?}");
    w.pass(1);
    w.look("c", "healthy", "c");
    assert!(w.act().is_none(), "the mover's last look is awaited");
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    assert_eq!(action.kind, to_c());
    assert_eq!(action.actor, Actor::Operator("alice".to_owned()));
    assert!(action.reason.to_string().starts_with("moving a to c: alice ordered it; c is up"), "{}", action.reason);
}

#[test]
fn a_target_that_is_not_fit_is_refused_with_or_without_force() {
    for force in [false, true] {
        let mut w = world(&Policy::default());
        w.look("c", "degraded", "c");
        w.out.clear();
        let why = refused(&mut w, &over("c", force));
        assert_eq!(why, "the failover of acme/a to c is refused: c is degraded");
        w.look("c", "healthy", "b");
        w.out.clear();
        assert!(refused(&mut w, &over("c", force)).ends_with("c is degraded"));
        w.pass(2);
        w.look("c", "healthy", "b");
        w.out.clear();
        assert!(refused(&mut w, &over("c", force)).ends_with("c has its own traffic at b"));
        assert!(refused(&mut w, &over("a", force)).contains("cannot be its own backup"));
        assert_eq!(refused(&mut w, &over("z", force)), "no channel `acme/z` is configured");
        assert_eq!(refused(&mut w, &back(force)), "the traffic of acme/a is already at home");
        assert!(w.act().is_none());
    }
}

#[test]
fn an_order_whose_target_fails_or_keeps_silent_lapses() {
    let mut w = world(&Policy::default());
    w.order(&over("c", true));
    w.pass(1);
    w.look("a", "healthy", "a").look("c", "unhealthy", "c");
    assert_eq!(w.records(EventType::Lapsed), 1);
    w.pass(1);
    w.look("c", "healthy", "c").look("a", "healthy", "a");
    assert!(w.act().is_none(), "an order that lapsed is over");

    let mut w = world(&Policy::default());
    w.order(&over("c", true));
    w.pass(5);
    w.look("a", "healthy", "a");
    w.pass(10);
    assert_eq!(w.records(EventType::Lapsed), 1);
    w.look("c", "healthy", "c");
    assert!(w.act().is_none());
}

#[test]
fn nothing_but_blocks_and_caps_gives_way_to_force() {
    let policy = Policy::default();
    let mut w = world(&policy);
    w.order(&Order::Pause { tenant: None });
    assert!(refused(&mut w, &over("c", true)).ends_with("everything is paused"));
    w.order(&Order::Resume { tenant: None });
    w.engine.set_journal_writable(w.now, false, &mut w.out);
    assert!(refused(&mut w, &over("c", true)).ends_with("the journal cannot be written"));
    let mut observing = three(&policy);
    observing.mode = Mode::Observe;
    let mut w = World::new(observing);
    w.up(&["a", "b", "c"]);
    assert!(refused(&mut w, &over("c", true)).ends_with("the mode is observe"));
}

#[test]
fn an_order_that_a_reload_to_observe_overtakes_is_held_with_or_without_force() {
    for force in [false, true] {
        let mut w = world(&Policy::default());
        w.order(&over("c", force));
        let mut observing = three(&Policy::default());
        observing.mode = Mode::Observe;
        w.engine.reconfigure(w.now, observing, &mut w.out);
        w.pass(1);
        w.look("a", "healthy", "a").look("c", "healthy", "c");
        assert!(w.act().is_none());
        assert_eq!(w.report("a").held, Some("observe"));
        w.out.clear();
        for _ in 0..10 {
            w.pass(3);
            w.look("a", "healthy", "a");
            assert_eq!(w.report("a").held, Some("observe"));
            w.look("c", "healthy", "c");
        }
        assert!(!w.said().contains(&"look a".to_owned()), "no more last looks are asked for");
    }
}

#[test]
fn caps_and_blocks_refuse_an_order_and_give_way_to_force() {
    let limited = Limits { keep_fit: 3, ..Limits::default() };
    let mut p = three(&Policy::default());
    p.tenants.insert(acme(), TenantParams { limits: limited, ..TenantParams::default() });
    let mut w = World::new(p);
    w.up(&["a", "b", "c"]);
    let why = refused(&mut w, &over("c", false));
    assert!(
        why.ends_with("2 of the tenant's channels would be up; keep_fit is 3; `--force` passes over that"),
        "{why}"
    );
    w.order(&over("c", true));
    w.pass(1);
    w.look("a", "healthy", "a").look("c", "healthy", "c");
    let action = w.act().unwrap();
    w.applied(action.op);
    assert!(refused(&mut w, &back(false)).contains("blocked for another 10 min; `--force` passes over that"));
    w.order(&back(true));
    w.pass(1);
    w.look("a", "healthy", "c");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failback { from: "c".into() });
}

#[test]
fn a_proposing_policy_needs_no_second_word_for_an_order() {
    let mut w = world(&Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() });
    moved(&mut w);
}

#[test]
fn traffic_moved_by_order_comes_home_by_order() {
    let mut w = world(&Policy::default());
    moved(&mut w);
    for _ in 0..60 {
        w.pass(30);
        w.look("a", "healthy", "c").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    assert!(w.act().is_none());
    assert_eq!(w.report("a").held, Some("ordered_route"));
    w.order(&back(false));
    w.pass(1);
    w.look("a", "healthy", "c");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failback { from: "c".into() });
}

#[test]
fn traffic_moved_by_order_comes_home_by_itself_once_acknowledged() {
    let mut w = world(&Policy::default());
    moved(&mut w);
    w.order(&Order::Acknowledge { channel: key("a") });
    for _ in 0..31 {
        w.pass(30);
        w.look("a", "healthy", "c").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    w.pass(1);
    w.look("a", "healthy", "c");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failback { from: "c".into() });
}

#[test]
fn traffic_moved_by_order_is_rescued_all_the_same() {
    let mut w = world(&Policy::default());
    moved(&mut w);
    w.down("c");
    w.pass(1);
    w.look("c", "unhealthy", "c").look("a", "healthy", "c").look("b", "healthy", "b");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failback { from: "c".into() });
}

#[test]
fn a_waiting_order_stands_in_no_ones_way() {
    let mut w = world(&Policy::default());
    w.order(&over("c", false));
    w.pass(1);
    for _ in 0..3 {
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "degraded", "c");
        w.pass(2);
    }
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    let action = w.act().unwrap();
    assert_eq!(action.kind, ActionKind::Failover { from: "a".into(), to: "b".into() });
    assert_eq!(action.actor, Actor::Engine);
}

#[test]
fn an_order_that_failed_is_not_repeated() {
    let mut w = world(&Policy::default());
    w.order(&over("c", false));
    w.pass(1);
    w.look("a", "healthy", "a").look("c", "healthy", "c");
    let action = w.act().unwrap();
    w.outcome(action.op, Outcome::Refused { why: "400".to_owned() });
    for _ in 0..40 {
        w.pass(10);
        w.look("a", "healthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    assert!(w.act().is_none());
}

#[test]
fn a_channel_that_carries_others_is_not_moved_by_order() {
    let mut w = world(&Policy::default());
    moved(&mut w);
    let order = Order::Failover { channel: key("c"), to: ChannelId::from("b"), force: true };
    assert!(refused(&mut w, &order).ends_with("c carries 1 other channel"));
}

#[test]
fn our_own_status_read_at_the_target_is_no_last_look() {
    let mut w = world(&Policy::default());
    w.order(&Order::Failover { channel: key("c"), to: ChannelId::from("b"), force: false });
    w.pass(1);
    w.look("b", "healthy", "b").look("c", "healthy", "c");
    let action = w.act().unwrap();
    w.outcome(action.op, Outcome::NotApplied);
    w.order(&over("c", false));
    w.pass(1);
    w.look("c", "active", "c").look("a", "healthy", "a");
    assert!(w.act().is_none());
    w.pass(1);
    w.look("c", "healthy", "c");
    assert_eq!(w.act().unwrap().kind, to_c());
}

#[test]
fn two_orders_at_once_are_one_too_many() {
    let mut w = world(&Policy::default());
    w.order(&over("c", false));
    w.order(&over("b", false));
    w.pass(1);
    w.look("a", "healthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    let action = w.act().expect("the later order replaces the earlier one");
    assert_eq!(action.kind, ActionKind::Failover { from: "a".into(), to: "b".into() });
    assert!(refused(&mut w, &over("c", true)).contains("is under way"));
}

#[test]
fn a_pause_with_an_expiry_lapses_by_itself() {
    for tenant in [None, Some(acme())] {
        let mut w = world(&Policy::default());
        w.order(&Order::PauseFor { tenant: tenant.clone(), lasts: secs(60) });
        w.down("a");
        w.pass(1);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b");
        assert_eq!(w.report("a").held, Some("paused"));
        w.pass(52);
        assert!(w.engine.tenant(w.now, &acme()).unwrap().paused);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
        w.pass(2);
        assert_eq!(w.records(EventType::Lapsed), 1);
        assert!(!w.engine.tenant(w.now, &acme()).unwrap().paused);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b");
        assert!(w.act().is_some());
    }
}

#[test]
fn a_pause_can_be_made_longer_or_without_end() {
    let mut w = world(&Policy::default());
    let for_secs = |s| Order::PauseFor { tenant: Some(acme()), lasts: secs(s) };
    w.order(&for_secs(60));
    w.order(&for_secs(600));
    w.pass(100);
    assert!(w.engine.tenant(w.now, &acme()).unwrap().paused);
    w.order(&Order::Pause { tenant: Some(acme()) });
    w.pass(4000);
    assert!(w.engine.tenant(w.now, &acme()).unwrap().paused);
    assert_eq!(w.records(EventType::Lapsed), 0);
    let again = w.engine.operator(w.now, &Order::Pause { tenant: Some(acme()) }, "alice", &mut w.out);
    assert!(matches!(again, Err(Refusal::NothingToDo(_))));
    w.order(&Order::Resume { tenant: Some(acme()) });
    assert!(!w.engine.tenant(w.now, &acme()).unwrap().paused);
}

#[test]
fn a_pause_with_an_expiry_survives_a_restart_and_no_longer() {
    for (down_for, still) in [(40, true), (80, false)] {
        let mut w = world(&Policy::default());
        w.order(&Order::PauseFor { tenant: Some(acme()), lasts: secs(100) });
        w.pass(30);
        let now = Time::new(secs(5));
        let mut engine = Engine::new(three(&Policy::default()), now);
        let part = Part::Tenant(acme());
        let saved = w.engine.save(w.now, &part).unwrap();
        let saved: Saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
        engine.restore(now, &part, saved, secs(down_for));
        let mut next = World { engine, now, out: Vec::new() };
        next.engine.start(&mut next.out);
        next.pass(1);
        assert_eq!(next.engine.tenant(next.now, &acme()).unwrap().paused, still);
        next.pass(30);
        assert!(!next.engine.tenant(next.now, &acme()).unwrap().paused);
        assert_eq!(next.records(EventType::Lapsed), 1, "what lapsed while nobody watched is told of too");
    }
}

#[test]
fn a_proposal_lapses_once_and_is_made_again_for_something_else() {
    let mut w = world(&Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() });
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert_eq!(w.report("a").held, Some("propose"));
    assert_eq!(w.report("a").proposal_left, Some(secs(900)));
    for _ in 0..29 {
        w.pass(30);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    assert_eq!(w.report("a").proposal_left, Some(secs(30)));
    w.pass(30);
    assert_eq!(w.records(EventType::Lapsed), 1);
    assert_eq!(w.text("a"), "failover to b is held: nobody approved the proposal within 15 min");
    let late = w.engine.operator(w.now, &Order::Approve { channel: key("a") }, "alice", &mut w.out);
    let Err(Refusal::NothingToDo(why)) = late else { panic!("{late:?}") };
    assert_eq!(
        why,
        "the failover proposed for acme/a was not approved in time and lapsed; what helps now is an order, such as \
         `trunkwarden failover acme/a --to CHANNEL`"
    );
    for _ in 0..40 {
        w.pass(30);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    assert_eq!(w.records(EventType::Lapsed), 1);
    assert!(w.act().is_none());
    w.look("a", "healthy", "a").look("a", "healthy", "a");
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert_eq!(w.report("a").held, Some("propose"), "another episode, another proposal");
}
