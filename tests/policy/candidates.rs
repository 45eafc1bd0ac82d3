//! Which candidate takes the traffic: every condition of fitness at its bound, and the order in which they are tried.
//!
//! Scores are those of the tiers table, which are known to the point: 20 ms score 100, 200 ms 85, 300 ms 60, 500 ms 40.

use super::world::{World, key, params, secs, view};
use trunkwarden::policy::{
    ActionKind, CandidateOrder, ChannelView, EventType, Limits, Mode, Observation, Order, Params, Policy, Scorer,
    Source, TenantId, TenantParams,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.quality.scorer = Scorer::default_tiers();
    policy.codec.enabled = false;
    policy
}

fn world(policy: &Policy) -> World {
    let mut w = World::new(params(policy, THREE));
    w.up(&["a", "b", "c"]);
    w
}

/// What is told of candidate `id` of channel `a`.
fn against(w: &World, id: &str) -> Option<String> {
    let of_a = w.report("a").candidates;
    of_a.into_iter().find(|candidate| candidate.channel.as_str() == id).unwrap().against_text
}

fn names(w: &World) -> Vec<String> {
    w.report("a").candidates.iter().map(|candidate| candidate.channel.to_string()).collect()
}

#[test]
fn a_score_at_the_least_is_enough_and_one_below_is_not() {
    let mut w = world(&policy());
    w.telemetry("b", 300.0, 0.0).telemetry("c", 500.0, 0.0);
    assert_eq!(against(&w, "b"), None, "60 of 60");
    assert_eq!(against(&w, "c").as_deref(), Some("scores 40.0, below 60.0"));
}

#[test]
fn a_policy_may_require_a_score() {
    for (require_score, why) in [(false, None), (true, Some("has no score"))] {
        let mut policy = policy();
        policy.failover.require_score = require_score;
        let mut w = world(&policy);
        w.telemetry("b", 20.0, 0.0);
        assert_eq!(against(&w, "b"), None);
        assert_eq!(against(&w, "c").as_deref(), why);
    }
}

/// `a` scores 40, below the bound of 50 for as long as it takes; its candidates are `c`, then `b`.
fn sounds_bad(better_by: f64, b: f64, c: Option<f64>) -> World {
    let mut policy = policy();
    policy.failover.quality_below = Some(50.0);
    policy.failover.better_by = better_by;
    let mut w = World::new(params(&policy, &[("a", Some(&["c", "b"])), ("b", Some(&[])), ("c", Some(&[]))]));
    w.up(&["a", "b", "c"]);
    for _ in 0..8 {
        w.telemetry("a", 500.0, 0.0).telemetry("b", b, 0.0);
        c.map(|latency| w.telemetry("c", latency, 0.0).now);
        w.pass(45);
        for id in ["a", "b", "c"] {
            w.look(id, "healthy", id);
        }
    }
    w.pass(1);
    w.look("a", "healthy", "a").look("b", "healthy", "b");
    w
}

#[test]
fn where_quality_is_the_reason_a_candidate_has_to_be_better_by_so_much() {
    let mut w = sounds_bad(45.0, 200.0, Some(300.0));
    let told = w.act().unwrap().reason.to_string();
    let words = "b is up and carries 0 of 2 others; passed over: c scores 60.0 and needs 85.0";
    assert!(told.ends_with(words), "{told}");
    let w = sounds_bad(45.5, 200.0, None);
    assert_eq!(against(&w, "b").as_deref(), Some("scores 85.0 and needs 85.5"));
    assert_eq!(against(&w, "c").as_deref(), Some("has no score and needs 85.5"));
}

#[test]
fn scored_candidates_come_first_even_where_they_score_nothing() {
    let mut policy = policy();
    policy.quality.scorer = Scorer::Tiers { rows: Vec::new(), otherwise: 0.0 };
    policy.failover.min_candidate_score = 0.0;
    for order in [CandidateOrder::Configured, CandidateOrder::Best] {
        policy.failover.order = order;
        let mut w = world(&policy);
        assert_eq!(names(&w), ["b", "c"]);
        w.telemetry("c", 20.0, 0.0);
        assert_eq!(names(&w), ["c", "b"], "{order:?}");
    }
}

#[test]
fn the_best_score_comes_first_where_the_policy_says_so() {
    for (order, expected) in [(CandidateOrder::Configured, ["b", "c"]), (CandidateOrder::Best, ["c", "b"])] {
        let mut policy = policy();
        policy.failover.order = order;
        let mut w = world(&policy);
        w.telemetry("b", 200.0, 0.0).telemetry("c", 20.0, 0.0);
        assert_eq!(names(&w), expected);
    }
}

#[test]
fn after_blindness_a_candidate_needs_an_answer_of_its_own() {
    let mut w = World::three_up();
    for _ in 0..9 {
        w.fail("b").fail("c");
    }
    assert_eq!(w.records(EventType::BlindEntered), 1);
    w.pass(1);
    for _ in 0..30 {
        w.look("a", "healthy", "a");
    }
    assert_eq!(w.records(EventType::BlindLeft), 1);
    assert_eq!(against(&w, "b").as_deref(), Some("has not answered since the tenant was blind"));
    w.pass(1);
    w.look("b", "healthy", "b");
    assert_eq!(against(&w, "b"), None);
    assert!(against(&w, "c").is_some());
}

#[test]
fn a_tenant_stays_blind_until_something_is_answered() {
    let mut w = World::three_up();
    for _ in 0..9 {
        w.fail("b").fail("c");
    }
    // What failed is long past, and still nothing has been answered.
    w.pass(600);
    w.fail("b");
    assert_eq!((w.records(EventType::BlindEntered), w.records(EventType::BlindLeft)), (1, 0));
    w.look("b", "healthy", "b").look("b", "healthy", "b");
    assert_eq!(w.records(EventType::BlindLeft), 1);
}

#[test]
fn a_channel_that_its_own_platform_names_as_its_backup_is_none() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    let seen = |status: &str| ChannelView { failover: Some(vec!["a".into(), "b".into()]), ..view(status, "a") };
    for status in ["healthy", "healthy", "unhealthy", "unhealthy", "unhealthy", "unhealthy"] {
        w.pass(1);
        w.look_from("a", w.now, Source::Single, seen(status));
        w.look("b", "degraded", "b");
    }
    assert_eq!(w.text("a"), "unhealthy for 4 looks, and no candidate is fit: b is degraded");
}

#[test]
fn in_a_cascade_home_is_named_with_what_speaks_against_it() {
    let rows = [
        ("a is down", vec!["unhealthy"]),
        ("a is degraded", vec!["healthy", "healthy", "degraded"]),
        ("a was unhealthy at its latest look", vec!["healthy", "healthy", "unhealthy"]),
    ];
    for (why, looks) in rows {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.applied(action.op);
        w.look("c", "degraded", "c");
        for status in looks {
            w.look("a", status, "b");
        }
        w.down("b");
        w.pass(1);
        w.look("b", "unhealthy", "b");
        assert_eq!(
            w.text("a"),
            format!("its backup b is down, and no candidate is fit: {why}, b is down, c is degraded")
        );
        assert!(w.act().is_none());
    }
}

#[test]
fn an_ordered_way_home_is_refused_by_what_speaks_against_home() {
    let maintenance = Order::StartMaintenance { channel: key("a"), lasts: secs(60), reason: "works".to_owned() };
    let rows = [
        ("a is down", vec!["unhealthy"], None),
        ("a is in maintenance", vec!["healthy", "healthy"], Some(maintenance)),
        ("a was unhealthy at its latest look", vec!["healthy", "healthy", "unhealthy"], None),
    ];
    for (why, looks, order) in rows {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.applied(action.op);
        for status in looks {
            w.look("a", status, "b");
        }
        if let Some(order) = order {
            w.order(&order);
        }
        let order = Order::Failback { channel: key("a"), force: true };
        let refused = w.engine.operator(w.now, &order, "alice", &mut w.out).unwrap_err().to_string();
        assert_eq!(refused, format!("the failback of acme/a is refused: {why}"));
    }
}

#[test]
fn a_candidate_that_answered_its_last_look_badly_is_told_so_while_the_mover_is_awaited() {
    let mut w = World::three_up();
    w.down("a");
    assert_eq!((against(&w, "b").as_deref(), against(&w, "c").as_deref()), (Some(UNCONFIRMED), Some(UNCONFIRMED)));
    w.pass(1);
    w.look("b", "healthy", "b");
    assert_eq!((against(&w, "b"), against(&w, "c").as_deref()), (None, Some(UNCONFIRMED)));
}

const UNCONFIRMED: &str = "has not answered a last look";

/// The default policy, with limits and a mode.
fn limited(channels: Channels, limits: Limits) -> Params {
    let tenants = [(TenantId::from("acme"), TenantParams { limits, ..TenantParams::default() })].into();
    Params { tenants, mode: Mode::Enforce, ..params(&policy(), channels) }
}

#[test]
fn keep_fit_counts_after_the_move_and_counts_the_target() {
    // b and c stay up: two are kept, three are not.
    for (keep_fit, held) in [(2, None), (3, Some("keep_fit"))] {
        let mut w = World::new(limited(THREE, Limits { keep_fit, ..Limits::default() }));
        w.up(&["a", "b", "c"]);
        w.down("a");
        w.pass(1);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b");
        assert_eq!(w.report("a").held, held);
        assert_eq!(w.act().is_none(), held.is_some());
    }
}

#[test]
fn keep_fit_counts_a_target_that_is_not_configured() {
    for (keep_fit, moves) in [(1, true), (2, false)] {
        let mut w = World::new(limited(&[("a", Some(&["x"]))], Limits { keep_fit, ..Limits::default() }));
        w.up(&["a", "x"]);
        w.down("a");
        w.pass(1);
        w.look("a", "unhealthy", "a").look("x", "healthy", "x");
        assert_eq!(w.act().is_some(), moves, "{keep_fit}: {}", w.text("a"));
    }
}

#[test]
fn where_nobody_is_up_the_candidates_say_so_and_not_keep_fit() {
    let mut w = World::new(limited(&THREE[..2], Limits::default()));
    w.up(&["a", "b"]);
    w.look("b", "degraded", "b");
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a");
    assert!(w.report("a").no_candidate, "{}", w.text("a"));
    // One is up and two must be: that is for keep_fit to say, whoever the candidates are.
    let mut w = World::new(limited(THREE, Limits { keep_fit: 2, ..Limits::default() }));
    w.up(&["a", "b", "c"]);
    w.look("c", "degraded", "c");
    w.down("a");
    assert_eq!(w.report("a").held, Some("keep_fit"));
    assert_eq!(w.text("a"), "failover is held: 1 of the tenant's channels would be up; keep_fit is 2");
}

#[test]
fn a_channel_that_leaves_while_it_is_up_is_not_counted_for_keep_fit() {
    for (keep_fit, moves) in [(2, true), (3, false)] {
        let mut policy = policy();
        policy.failover.quality_below = Some(50.0);
        let mut p = limited(THREE, Limits { keep_fit, ..Limits::default() });
        p.channels = params(&policy, THREE).channels;
        let mut w = World::new(p);
        w.up(&["a", "b", "c"]);
        let mut moved = false;
        for _ in 0..9 {
            w.telemetry("a", 500.0, 0.0).telemetry("b", 20.0, 0.0);
            w.pass(45);
            w.look("a", "healthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
            w.pass(1);
            w.look("a", "healthy", "a").look("b", "healthy", "b");
            moved |= w.act().is_some_and(|a| matches!(a.kind, ActionKind::Failover { .. }));
        }
        assert_eq!(moved, moves, "{keep_fit}: {}", w.text("a"));
    }
}

#[test]
fn a_last_look_serves_for_two_timeouts_and_a_fast_interval_or_one_interval() {
    // Interval 30 s, timeout 14 s, fast 1 s: 29 s are below the interval, 30 s are still in time and 31 s are not.
    // Interval 30 s, timeout 20 s, fast 2 s: 42 s.
    for (timeout, fast, serves) in [(14, 1, 30), (20, 2, 42)] {
        for (waited, moves) in [(serves, true), (serves + 1, false)] {
            let mut policy = policy();
            (policy.health.timeout, policy.health.fast_interval) = (secs(timeout), secs(fast));
            let mut w = world(&policy);
            w.down("a");
            w.pass(1);
            w.look("b", "healthy", "b");
            w.pass(waited);
            w.look_from("a", w.now, Source::Single, view("unhealthy", "a"));
            let to_b = w.act().is_some_and(|a| a.kind == ActionKind::Failover { from: "a".into(), to: "b".into() });
            assert_eq!(to_b, moves, "timeout {timeout} s, waited {waited} s: {}", w.text("a"));
        }
    }
}

#[test]
fn a_score_lapses_after_three_intervals_without_telemetry() {
    let mut w = world(&policy());
    w.telemetry("b", 200.0, 0.0);
    let mut scored = |s: u64| {
        w.pass(s);
        w.report("b").quality.map(|quality| quality.score)
    };
    // Three intervals are 3 min, the window is 5 min: the longer one counts.
    assert_eq!(scored(300), Some(85.0));
    assert_eq!(scored(1), None);
    let mut policy = policy();
    policy.telemetry.interval = secs(120);
    let mut w = world(&policy);
    w.telemetry("b", 200.0, 0.0);
    w.pass(360);
    assert!(w.report("b").quality.is_some());
    w.pass(1);
    assert!(w.report("b").quality.is_none());
}

#[test]
fn telemetry_that_is_rejected_is_counted() {
    let mut w = world(&policy());
    w.telemetry("a", -1.0, 0.0);
    assert_eq!((w.report("a").samples_rejected, w.report("a").quality), (3, None));
    w.tell("a", &Observation::Missing { asked_at: w.now });
    assert!(w.report("a").missing);
}

#[test]
fn whether_nobody_is_fit_is_told_as_of_now_and_written_down_once() {
    let mut w = World::three_up();
    w.look("b", "degraded", "b").look("c", "degraded", "c");
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a");
    assert!(w.report("a").no_candidate);
    assert_eq!(w.records(EventType::NoCandidate), 1);
    // Somebody is fit, and something else holds.
    w.order(&Order::Pause { tenant: None });
    assert!(w.report("a").no_candidate, "as long as nobody is");
    w.look("b", "healthy", "b").look("b", "healthy", "b");
    assert_eq!((w.report("a").held, w.report("a").no_candidate), (Some("paused"), false));
    w.look("b", "degraded", "b");
    assert_eq!((w.report("a").held, w.report("a").no_candidate), (Some("paused"), true));
    w.order(&Order::Resume { tenant: None });
    assert!(w.report("a").no_candidate);
    // Fit, and its last look is awaited.
    w.pass(1);
    w.look("b", "healthy", "b").look("b", "healthy", "b");
    assert!(!w.report("a").no_candidate, "{}", w.text("a"));
    assert_eq!(w.records(EventType::NoCandidate), 1);
    w.look("a", "healthy", "a");
    assert!(!w.report("a").no_candidate);
}
