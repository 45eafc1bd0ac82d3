//! Hold-down: what a move leaves behind, what it holds, and what it never does.

use super::world::{World, key, params, secs};
use std::time::Duration;
use trunkwarden::policy::{
    ActionKind, Damping, Engine, FailoverParams, HoldDownReport, Order, Outcome, Part, Policy, Saved,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

/// Three channels that are up, and come home a second after they are good.
fn world(rules: FailoverParams) -> World {
    let failover = FailoverParams { failback_after: secs(1), ..rules };
    let mut w = World::new(params(&Policy { failover, ..Policy::default() }, THREE));
    w.up(&["a", "b", "c"]);
    w
}

/// `a` goes to `b`, which shows.
fn moved(w: &mut World) {
    let action = w.fail_over();
    w.applied(action.op);
    w.out.clear();
}

fn home(w: &mut World, s: u64) -> Option<ActionKind> {
    let mut found = None;
    for _ in 0..s / 10 {
        w.pass(10);
        w.look("a", "healthy", "b").look("b", "healthy", "b").look("c", "healthy", "c");
        w.pass(1);
        w.look("a", "healthy", "b");
        if let Some(action) = w.act() {
            w.applied(action.op);
            found = Some(action.kind);
            break;
        }
    }
    found
}

fn held(w: &World) -> Option<HoldDownReport> {
    w.report("a").explanation.hold_down
}

fn blocked(w: &World) -> Option<u64> {
    w.report("a").blocked_for.map(|left| left.as_secs())
}

fn whole(seconds: f64) -> u64 {
    Duration::from_secs_f64(seconds).as_secs()
}

#[test]
fn each_further_move_holds_for_twice_what_is_left_of_the_penalty() {
    let mut w = world(FailoverParams::default());
    moved(&mut w);
    assert_eq!(blocked(&w), Some(600));
    let first = held(&w).unwrap();
    assert_eq!((first.penalty, first.half_life, first.ceiling, first.reuse), (1.0, secs(1800), 8.0, None));
    let start = w.now;
    assert_eq!(home(&mut w, 700), Some(ActionKind::Failback { from: "b".into() }));
    let age = w.now.since(start).as_secs_f64();
    assert!((600.0..625.0).contains(&age), "home at {age} s");
    let expected = 2.0 * 0.5_f64.powf(age / 1800.0);
    assert!((held(&w).unwrap().penalty - expected).abs() < 1e-9);
    assert_eq!(blocked(&w), Some(whole(600.0 * expected)));
}

#[test]
fn an_action_that_did_not_show_leaves_nothing_behind() {
    for outcome in [
        Outcome::NotApplied,
        Outcome::Refused { why: "400".to_owned() },
        Outcome::NotSent { why: "no place".to_owned() },
        Outcome::Conflict,
    ] {
        let mut w = world(FailoverParams::default());
        let action = w.fail_over();
        w.outcome(action.op, outcome.clone());
        assert_eq!((held(&w), blocked(&w)), (None, None), "{outcome:?}");
    }
}

#[test]
fn a_move_whose_backup_failed_does_not_hold_the_rescue_and_the_penalty_grows_all_the_same() {
    let mut w = world(FailoverParams::default());
    moved(&mut w);
    for _ in 0..4 {
        w.pass(2);
        w.look("b", "unhealthy", "b").look("a", "unhealthy", "b").look("c", "healthy", "c");
    }
    let action = w.act().expect("free of the block");
    assert_eq!(action.kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
    w.applied(action.op);
    assert!(blocked(&w) > Some(1100) && held(&w).unwrap().penalty > 1.9);
}

#[test]
fn a_failback_of_its_own_accord_holds_the_next_failover() {
    let mut w = world(FailoverParams::default());
    moved(&mut w);
    assert!(home(&mut w, 700).is_some());
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_none());
    assert!(w.text("a").starts_with("failover is held: the channel is blocked"), "{}", w.text("a"));
}

#[test]
fn an_acknowledgement_releases_the_block_and_forgets_what_led_to_it() {
    let mut w = world(FailoverParams::default());
    moved(&mut w);
    w.order(&Order::Acknowledge { channel: key("a") });
    assert_eq!((held(&w), blocked(&w)), (None, None));
    assert!(home(&mut w, 30).is_some());
    assert_eq!((held(&w).map(|h| h.penalty), blocked(&w)), (Some(1.0), Some(600)));
}

#[test]
fn a_suppressed_route_is_released_at_the_reuse_limit() {
    let damping = Some(Damping { suppress: 1.5, reuse: 0.5 });
    let mut w = world(FailoverParams { damping, ..FailoverParams::default() });
    moved(&mut w);
    assert_eq!((blocked(&w), held(&w).unwrap().reuse), (Some(600), None));
    home(&mut w, 700).unwrap();
    let at = held(&w).unwrap();
    assert!(at.penalty > 1.5 && at.reuse == Some(0.5));
    let until_reuse = (at.penalty / 0.5).log2() * 1800.0;
    assert_eq!(blocked(&w), Some(whole(until_reuse)));
    w.pass(whole(until_reuse) + 1);
    assert_eq!((blocked(&w), held(&w)), (None, None), "released, and of no account any more");
}

#[test]
fn penalty_and_block_survive_a_restart_and_go_on_decaying() {
    let damping = Some(Damping { suppress: 1.5, reuse: 0.5 });
    let mut w = world(FailoverParams { damping, ..FailoverParams::default() });
    moved(&mut w);
    home(&mut w, 700).unwrap();
    let (penalty, left) = (held(&w).unwrap().penalty, blocked(&w).unwrap());
    let saved = w.engine.save(w.now, &Part::Channel(key("a"))).unwrap();
    let saved: Saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
    let failover = FailoverParams { damping, ..FailoverParams::default() };
    let all = params(&Policy { failover, ..Policy::default() }, THREE);
    let mut next = World::new(all.clone());
    next.engine = Engine::new(all, next.now);
    next.engine.restore(next.now, &Part::Channel(key("a")), saved, secs(900));
    let after = held(&next).unwrap();
    assert!((after.penalty - penalty * 0.5_f64.sqrt()).abs() < 1e-6);
    assert_eq!((after.reuse, blocked(&next)), (Some(0.5), Some(left - 900)));
}
