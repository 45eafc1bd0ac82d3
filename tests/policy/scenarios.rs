//! One story for each rule.

use super::world::{World, key, params, secs, view};
use trunkwarden::policy::{
    ActionKind, Actor, CandidateOrder, ChannelId, Engine, EventType, Failback, Health, Limits, Mode, Observation, OpId,
    Order, Outcome, Part, Policy, PolicyMode, Reason, Refusal, Saved, Source, TenantId, TenantParams, TenantState,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const PAIR: Channels = &[("a", Some(&["b"])), ("b", Some(&["a"]))];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn acme() -> TenantId {
    TenantId::from("acme")
}

#[test]
fn a_channel_going_down_moves_to_its_first_fit_backup_after_last_looks() {
    let mut w = World::three_up();
    w.pass(10);
    w.look("a", "unhealthy", "a");
    assert_eq!(w.said(), ["watch a every 2s suspect", "watch b every 2s suspect", "watch c every 2s suspect"]);
    assert_eq!(w.text("a"), "unhealthy for 1 of 3 looks");
    w.pass(2);
    w.look("a", "unhealthy", "a");
    assert!(w.said().is_empty());
    w.pass(2);
    w.look("a", "unhealthy", "a");
    assert_eq!(w.said(), ["record health.changed a: up to down: unhealthy for 3 looks", "look a", "look b", "look c"]);
    assert_eq!(w.text("a"), "failover wanted: waiting for a last look at a, b, c");
    w.pass(1);
    w.look("b", "healthy", "b");
    assert!(w.said().is_empty(), "the mover has not confirmed yet");
    w.look("a", "unhealthy", "a");
    assert_eq!(
        w.said(),
        [
            "record failover.intended a: moving a to b: unhealthy for 4 looks; b is up and carries 0 of 2 others",
            "act a a to b",
            "watch a every 30s",
            "watch b every 30s",
            "watch c every 30s",
        ]
    );
    assert_eq!(w.report("a").in_flight, Some("failover"));
    w.applied(OpId(1));
    assert_eq!(w.said(), ["record failover.completed a: the failover shows on the platform"]);
    assert!(w.report("a").failed_over);
    assert_eq!(w.report("a").blocked_for, Some(secs(600)));
}

#[test]
fn the_answer_that_made_it_down_is_no_last_look() {
    let mut w = World::three_up();
    w.down("a");
    w.look("b", "healthy", "b");
    assert!(w.act().is_none());
    // Asked for before the wish arose, answered after it.
    let before = w.now.back(secs(1));
    w.look_from("a", before, Source::Single, view("unhealthy", "a"));
    w.pass(1);
    w.listed("a", "unhealthy", "a");
    assert!(w.act().is_none(), "a page of the list is no last look");
}

#[test]
fn a_mover_that_recovers_at_the_last_look_stays() {
    let mut w = World::three_up();
    w.down("a");
    w.pass(1);
    w.look("b", "healthy", "b").look("a", "healthy", "a");
    assert!(w.act().is_none());
    assert_eq!(w.text("a"), "down, but its latest look was not bad: 1 of 2 good looks");
}

#[test]
fn a_preferred_candidate_that_does_not_answer_is_waited_for_no_longer_than_the_timeout() {
    let mut w = World::three_up();
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("c", "healthy", "c");
    w.pass(8);
    assert!(w.act().is_none());
    w.look("a", "unhealthy", "a");
    w.pass(2);
    let action = w.act().unwrap();
    assert_eq!(action.kind, ActionKind::Failover { from: "a".into(), to: "c".into() });
    assert!(action.reason.to_string().ends_with("passed over: b has not answered a last look"), "{}", action.reason);
}

#[test]
fn lost_last_looks_are_asked_for_again() {
    let mut w = World::three_up();
    w.down("a");
    w.said();
    w.pass(2);
    assert_eq!(w.said(), ["look a", "look b", "look c"]);
}

#[test]
fn errors_alone_make_a_tenant_blind_and_nothing_down() {
    let mut w = World::three_up();
    for _ in 0..50 {
        w.pass(2);
        for id in ["a", "b", "c"] {
            w.fail(id);
        }
    }
    assert_eq!(w.records(EventType::BlindEntered), 1);
    assert_eq!(w.report("a").health, Health::Unknown);
    assert!(w.act().is_none());
    assert_eq!(w.engine.tenant(w.now, &acme()).unwrap().state, TenantState::Blind);
}

#[test]
fn a_blind_tenant_does_not_act_and_needs_fresh_evidence_afterwards() {
    let mut w = World::three_up();
    w.down("a");
    for _ in 0..9 {
        w.fail("b").fail("c");
    }
    assert_eq!(w.report("a").held, Some("blind"));
    w.said();
    w.pass(1);
    for _ in 0..20 {
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    let said = w.said();
    assert!(said.iter().any(|s| s.starts_with("record blind.left")), "{said:?}");
    assert_eq!(said.iter().filter(|s| s.starts_with("act")).count(), 1, "{said:?}");
}

#[test]
fn one_channel_failing_alone_is_stale_and_not_blind() {
    let mut w = World::three_up();
    for _ in 0..60 {
        w.pass(2);
        w.fail("a");
    }
    assert_eq!(w.records(EventType::BlindEntered), 0);
    assert!(w.text("a").contains("older than 90 s"), "{}", w.text("a"));
}

#[test]
fn evidence_grows_stale() {
    let mut w = World::three_up();
    w.pass(88);
    assert_eq!(w.report("a").health, Health::Up);
    w.pass(2);
    assert_eq!(w.report("a").health, Health::Unknown);
    let mut w = World::three_up();
    w.engine.set_effective_interval(w.now, &acme(), secs(60), &mut w.out);
    w.pass(170);
    assert_eq!(w.report("a").health, Health::Up);
    w.pass(10);
    assert_eq!(w.report("a").health, Health::Unknown);
}

#[test]
fn missing_is_not_down() {
    let mut w = World::three_up();
    for _ in 0..5 {
        w.missing("a");
        w.pass(2);
    }
    assert_eq!(w.records(EventType::ChannelMissing), 1);
    assert!(w.act().is_none());
    assert!(w.report("a").missing);
    w.missing("b");
    w.up(&["a"]);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("c", "healthy", "c");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failover { from: "a".into(), to: "c".into() });
}

#[test]
fn half_a_tenant_turning_bad_at_once_is_held_until_approved() {
    let six: Channels = &[
        ("a", Some(&["f"])),
        ("b", Some(&["f"])),
        ("c", Some(&["f"])),
        ("d", Some(&[])),
        ("e", Some(&[])),
        ("f", Some(&[])),
    ];
    let mut w = World::new(params(&Policy::default(), six));
    w.up(&["a", "b", "c", "d", "e", "f"]);
    for _ in 0..3 {
        w.pass(2);
        w.look("a", "unhealthy", "a").look("b", "unhealthy", "b").look("c", "unhealthy", "c");
    }
    assert_eq!(w.records(EventType::MassHold), 1);
    assert_eq!(w.records(EventType::FailoverHeld), 3);
    assert_eq!(w.text("a"), "failover is held: 3 of 6 channels turned bad at once: an operator has to approve");
    w.pass(60);
    w.look("f", "healthy", "f").look("a", "unhealthy", "a");
    assert!(w.act().is_none());
    w.order(&Order::ApproveMass { tenant: acme() });
    w.pass(1);
    w.look("a", "unhealthy", "a").look("f", "healthy", "f");
    assert!(w.act().is_some());
}

#[test]
fn nobody_fit_is_told_once_with_reasons() {
    let mut w = World::three_up();
    w.look("c", "degraded", "c");
    w.look("b", "healthy", "c");
    w.out.clear();
    w.down("a");
    w.pass(4);
    w.look("a", "unhealthy", "a");
    assert_eq!(w.records(EventType::NoCandidate), 1);
    assert!(w.report("a").no_candidate);
    let text = "unhealthy for 4 looks, and no candidate is fit: b has its own traffic at c, c is degraded";
    assert_eq!(w.text("a"), text);
    w.look("a", "healthy", "a").look("a", "healthy", "a");
    assert!(!w.report("a").no_candidate);
}

#[test]
fn traffic_comes_home_after_a_quarter_of_an_hour_of_good_looks() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.look("a", "active", "b");
    w.applied(action.op);
    w.out.clear();
    for _ in 0..31 {
        w.pass(30);
        w.look("a", "healthy", "b").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    assert_eq!(w.said(), ["record health.changed a: down to up: healthy for 2 looks"]);
    assert_eq!(w.text("a"), "traffic is at b; home is up and good for 14 min of 15 min");
    w.pass(30);
    assert_eq!(w.said(), ["look a"]);
    w.look("a", "healthy", "b");
    let action = w.act().unwrap();
    assert_eq!(action.kind, ActionKind::Failback { from: "b".into() });
    w.applied(action.op);
    assert!(!w.report("a").failed_over);
    let block = w.report("a").blocked_for.unwrap();
    assert!(block > secs(600) && block < secs(1200), "the hold-down has grown: {block:?}");
}

#[test]
fn manual_failback_waits_for_a_person() {
    let mut policy = Policy::default();
    policy.failover.failback = Failback::Manual;
    let mut w = World::new(params(&policy, THREE));
    w.up(&["a", "b", "c"]);
    let action = w.fail_over();
    w.applied(action.op);
    for _ in 0..40 {
        w.pass(30);
        w.look("a", "healthy", "b").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    assert_eq!(w.records(EventType::FailbackHeld), 1);
    assert_eq!(w.report("a").held, Some("failback_manual"));
    assert!(w.act().is_none());
    w.order(&Order::Approve { channel: key("a") });
    w.pass(1);
    w.look("a", "healthy", "b");
    assert_eq!(w.act().unwrap().actor, Actor::Operator("alice".to_owned()));
}

#[test]
fn where_failover_is_switched_off_nothing_comes_home_either() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    let mut off = Policy::default();
    off.failover.enabled = false;
    w.engine.reconfigure(w.now, params(&off, THREE), &mut w.out);
    for _ in 0..40 {
        w.pass(30);
        w.look("a", "healthy", "b").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    assert!(w.act().is_none());
    assert_eq!(w.report("a").reason, Reason::FailoverOff);
}

#[test]
fn our_own_status_is_no_evidence() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    for _ in 0..2 {
        w.pass(30);
        w.look("a", "active", "b");
    }
    assert_eq!(w.report("a").health, Health::Down);
    w.pass(30);
    w.look("a", "active", "b");
    assert_eq!(w.report("a").health, Health::Unknown, "an echo does not refresh evidence");
}

#[test]
fn a_cascade_is_free_of_blocks_and_goes_home_first() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.pass(1);
    w.look("a", "healthy", "b");
    w.pass(1);
    w.look("a", "healthy", "b");
    w.down("b");
    w.pass(1);
    w.look("b", "unhealthy", "b").look("c", "healthy", "c");
    w.look("a", "healthy", "b");
    let action = w.act().unwrap();
    assert_eq!(action.kind, ActionKind::Failback { from: "b".into() });
    assert_eq!(action.reason.to_string(), "taking a home from b: b failed and a is up");
}

#[test]
fn a_cascade_goes_on_where_home_is_down() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.down("b");
    w.pass(1);
    w.look("b", "unhealthy", "b").look("c", "healthy", "c").look("a", "unhealthy", "b");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
}

#[test]
fn a_backup_carries_no_more_than_it_may() {
    let four: Channels = &[
        ("a", Some(&["z"])),
        ("b", Some(&["z"])),
        ("c", Some(&["z"])),
        ("d", Some(&[])),
        ("e", Some(&[])),
        ("z", Some(&[])),
        ("g", Some(&[])),
    ];
    let mut w = World::new(params(&Policy::default(), four));
    w.up(&["a", "b", "c", "d", "e", "z", "g"]);
    let mut acts = 0;
    for id in ["a", "b", "c"] {
        w.down(id);
        w.pass(1);
        w.look(id, "unhealthy", id).look("z", "healthy", "z");
        if let Some(action) = w.act() {
            acts += 1;
            w.applied(action.op);
        }
        w.pass(60);
        for id in ["d", "e", "g", "z"] {
            w.look(id, "healthy", id);
        }
    }
    assert_eq!(acts, 2);
    assert_eq!(w.text("c"), "unhealthy for 4 looks, and no candidate is fit: z already carries 2 of 2 others");
}

#[test]
fn observing_decides_once_and_changes_nothing() {
    let mut p = params(&Policy::default(), THREE);
    p.mode = Mode::Observe;
    let mut w = World::new(p);
    w.up(&["a", "b", "c"]);
    w.down("a");
    for _ in 0..10 {
        w.pass(2);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    }
    assert_eq!(w.records(EventType::FailoverHeld), 1);
    assert_eq!(w.text("a"), "failover to b is held: the mode is observe");
    assert!(w.act().is_none());
    w.pass(20);
    assert!(w.said().iter().all(|s| !s.starts_with("look")), "a held decision costs no looks");
}

#[test]
fn a_proposal_is_carried_out_once_approved() {
    let policy = Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() };
    let mut w = World::new(params(&policy, THREE));
    w.up(&["a", "b", "c"]);
    let early = w.engine.operator(w.now, &Order::Approve { channel: key("a") }, "alice", &mut w.out);
    assert!(matches!(early, Err(Refusal::NothingToDo(_))));
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert_eq!(w.report("a").held, Some("propose"));
    w.order(&Order::Approve { channel: key("a") });
    assert!(w.act().is_none(), "last looks count from the approval");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    let action = w.act().unwrap();
    assert_eq!(action.actor, Actor::Operator("alice".to_owned()));
}

#[test]
fn a_pause_stops_actions_and_calls_back_what_was_not_sent() {
    let mut w = World::three_up();
    let action = w.fail_over();
    assert_eq!(w.engine.may_send(action.op), Ok(()));
    w.order(&Order::Pause { tenant: None });
    let why = w.engine.may_send(action.op).unwrap_err();
    assert_eq!(why.to_string(), "called back before it was sent: everything is paused");
    w.outcome(action.op, Outcome::Withdrawn { why: why.to_string() });
    assert_eq!(w.report("a").held, Some("paused"));
    assert_eq!(w.engine.tenant(w.now, &acme()).unwrap().actions_last_hour, 0);
    w.out.clear();
    w.order(&Order::Resume { tenant: None });
    w.pass(2);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_some());
}

#[test]
fn without_a_journal_nothing_is_done() {
    let mut w = World::three_up();
    w.engine.set_journal_writable(w.now, false, &mut w.out);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_none());
    assert_eq!(w.report("a").held, Some("journal"));
    w.engine.set_journal_writable(w.now, true, &mut w.out);
    assert_eq!(w.records(EventType::JournalRecovered), 1);
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_some());
}

#[test]
fn a_route_of_someone_else_is_left_alone() {
    let mut w = World::new(params(&Policy::default(), THREE));
    w.moved("a", "healthy", "c");
    assert_eq!(w.records(EventType::RouteChanged), 1);
    w.look("a", "healthy", "c").look("c", "healthy", "c");
    for _ in 0..80 {
        w.pass(30);
        w.look("a", "healthy", "c").look("c", "healthy", "c").look("b", "healthy", "b");
    }
    assert!(w.act().is_none());
    assert_eq!(w.report("a").held, Some("foreign_route"));
    w.order(&Order::Acknowledge { channel: key("a") });
    w.pass(1);
    w.look("a", "healthy", "c");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failback { from: "c".into() });
}

#[test]
fn a_page_of_the_list_that_shows_another_route_is_not_believed() {
    let mut w = World::three_up();
    w.listed("a", "healthy", "c");
    assert_eq!(w.said(), ["look a"]);
    assert_eq!(w.report("a").route, Some(ChannelId::from("a")));
}

#[test]
fn two_outside_reversals_pause_the_tenant() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    // As long as reads may lag it is nobody's change.
    w.pass(30);
    w.moved("a", "unhealthy", "a");
    assert_eq!(w.records(EventType::RouteChanged), 1);
    w.order(&Order::Acknowledge { channel: key("a") });
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    let action = w.act().unwrap();
    w.applied(action.op);
    w.pass(30);
    w.moved("a", "unhealthy", "a");
    assert_eq!(w.records(EventType::OtherController), 1);
    assert!(w.engine.tenant(w.now, &acme()).unwrap().paused);
    // A pause with an end would let the fight go on by itself.
    let for_a_while = Order::PauseFor { tenant: Some(acme()), lasts: secs(60) };
    let refusal = w.engine.operator(w.now, &for_a_while, "alice", &mut w.out).unwrap_err();
    assert!(refusal.to_string().contains("another controller"), "{refusal}");
    w.pass(100);
    assert!(w.engine.tenant(w.now, &acme()).unwrap().paused);
    w.order(&Order::Resume { tenant: Some(acme()) });
    assert!(!w.engine.tenant(w.now, &acme()).unwrap().paused);
    w.order(&for_a_while);
}

#[test]
fn an_answer_from_before_the_change_is_no_reversal() {
    let mut w = World::three_up();
    let action = w.fail_over();
    let asked = w.now;
    w.pass(2);
    w.applied(action.op);
    w.look_from("a", asked, Source::Single, view("unhealthy", "a"));
    assert_eq!(w.records(EventType::RouteChanged), 0);
    assert!(w.report("a").failed_over);
}

#[test]
fn an_unknown_outcome_is_looked_after_and_never_repeated_blindly() {
    for (shows, event) in [("b", EventType::FailoverCompleted), ("a", EventType::FailoverFailed)] {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.pass(41);
        w.outcome(action.op, Outcome::Unknown { why: "no answer".to_owned() });
        assert_eq!(w.records(EventType::FailoverUnknown), 1);
        assert!(w.said().contains(&"look a".to_owned()));
        w.look("b", "healthy", "b");
        w.pass(1);
        assert!(w.act().is_none());
        w.look("a", "active", shows);
        assert_eq!(w.records(event), 1, "{shows}");
        assert_eq!(w.report("a").failed_over, shows == "b");
    }
}

#[test]
fn failed_attempts_back_off() {
    let mut w = World::three_up();
    let mut action = w.fail_over();
    for wait in [2, 4, 8] {
        w.outcome(action.op, Outcome::Refused { why: "400".to_owned() });
        assert_eq!(w.report("a").held, Some("backoff"));
        w.pass(wait - 1);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
        assert!(w.act().is_none());
        w.pass(2);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
        action = w.act().unwrap();
    }
}

#[test]
fn a_change_that_shows_late_is_ours() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, Outcome::NotApplied);
    w.out.clear();
    w.pass(1);
    w.look("a", "active", "b");
    assert_eq!(w.records(EventType::RouteChanged), 0);
    assert_eq!(w.records(EventType::FailoverCompleted), 1);
}

#[test]
fn limits_hold_actions_back() {
    let all: Channels = &[
        ("a", Some(&["x"])),
        ("b", Some(&["x"])),
        ("x", Some(&[])),
        ("d", Some(&[])),
        ("e", Some(&[])),
        ("f", Some(&[])),
    ];
    for (limits, why) in [
        (Limits { max_concurrent: 1, ..Limits::default() }, "max_concurrent"),
        (Limits { max_per_hour: 1, ..Limits::default() }, "max_per_hour"),
        (Limits { keep_fit: 5, ..Limits::default() }, "keep_fit"),
    ] {
        let mut p = params(&Policy::default(), all);
        p.tenants.insert(acme(), TenantParams { limits, ..TenantParams::default() });
        let mut w = World::new(p);
        w.up(&["a", "b", "x", "d", "e", "f"]);
        for id in ["a", "b"] {
            w.down(id);
            w.pass(1);
            w.look(id, "unhealthy", id).look("x", "healthy", "x");
        }
        assert!(w.act().is_some(), "the first");
        assert_eq!(w.report("b").held, Some(why));
        if why == "max_concurrent" {
            w.applied(OpId(1));
            w.pass(1);
            w.look("b", "unhealthy", "b").look("x", "healthy", "x");
            assert!(w.act().is_some(), "freed by the first one's outcome");
        }
    }
}

#[test]
fn a_block_holds_the_next_failover() {
    let mut w = World::new(params(&Policy::default(), PAIR));
    w.up(&["a", "b"]);
    let action = w.fail_over();
    w.applied(action.op);
    w.order(&Order::Acknowledge { channel: key("a") });
    for _ in 0..32 {
        w.pass(30);
        w.look("a", "healthy", "b").look("b", "healthy", "b");
    }
    w.pass(1);
    w.look("a", "healthy", "b");
    let home = w.act().unwrap();
    w.applied(home.op);
    w.down("a");
    assert_eq!(w.report("a").held, Some("blocked"));
    assert!(w.act().is_none());
    w.pass(2000);
    w.up(&["b"]);
    for _ in 0..4 {
        w.pass(1);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    }
    assert!(w.act().is_some());
}

#[test]
fn bad_sound_moves_only_to_a_better_candidate() {
    let mut policy = Policy::default();
    policy.failover.quality_below = Some(60.0);
    policy.codec.enabled = false;
    let mut w = World::new(params(&policy, THREE));
    w.up(&["a", "b", "c"]);
    w.pass(1);
    for _ in 0..8 {
        w.telemetry("a", 30.0, 15.0).telemetry("c", 30.0, 0.0);
        w.pass(45);
        w.look("a", "healthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    w.pass(1);
    w.look("a", "healthy", "a").look("c", "healthy", "c");
    let action = w.act().unwrap();
    assert_eq!(action.kind, ActionKind::Failover { from: "a".into(), to: "c".into() });
    w.applied(action.op);
    for _ in 0..60 {
        w.pass(30);
        w.look("a", "healthy", "c").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    assert!(w.act().is_none());
    assert!(w.text("a").contains("for quality and stays there"), "{}", w.text("a"));
}

#[test]
fn scored_candidates_come_before_unscored_ones() {
    for (order, first) in [(CandidateOrder::Configured, "c"), (CandidateOrder::Best, "c")] {
        let mut policy = Policy::default();
        policy.failover.order = order;
        let mut w = World::new(params(&policy, THREE));
        w.up(&["a", "b", "c"]);
        w.telemetry("c", 20.0, 0.0);
        w.down("a");
        w.pass(1);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
        let to = ChannelId::from(first);
        assert_eq!(w.act().unwrap().kind, ActionKind::Failover { from: "a".into(), to });
    }
}

#[test]
fn codecs_are_reordered_where_it_helps_and_put_back_when_conditions_are_good() {
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    assert_eq!(w.said(), ["look a"]);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    let ActionKind::Codec { order, before, .. } = &action.kind else { panic!("{action:?}") };
    assert_eq!(before[0].name, "PCMU");
    assert_ne!(order[0].name, "PCMU");
    assert_eq!(order.iter().map(|c| c.priority).collect::<Vec<_>>(), [1, 2, 3]);
    w.applied(action.op);
    let mut after = view("healthy", "a");
    after.codecs = Some(order.clone());
    for _ in 0..130 {
        w.pass(30);
        w.telemetry("a", 30.0, 0.0).look("b", "healthy", "b").look("c", "healthy", "c");
        w.look_from("a", w.now, Source::Single, after.clone());
    }
    let back = w.out.iter().find_map(|c| match c {
        trunkwarden::policy::Command::Act(action) => Some(action.clone()),
        _ => None,
    });
    let ActionKind::Codec { order, .. } = back.unwrap().kind else { panic!() };
    assert_eq!(order, *before);
}

#[test]
fn no_codec_change_where_traffic_is_away() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.up(&[]);
    for _ in 0..5 {
        w.pass(5);
        w.look("a", "healthy", "b");
        w.telemetry("a", 30.0, 6.0);
    }
    assert!(w.act().is_none());
}

#[test]
fn a_backup_that_only_the_platform_names_is_watched_and_never_moved() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    w.said();
    let mut seen = view("healthy", "a");
    seen.failover = Some(vec!["x".into()]);
    w.look_from("a", w.now, Source::Single, seen.clone());
    assert_eq!(w.said(), ["record channel.watched x: watched as a candidate for a", "watch x every 30s"]);
    w.look_from("a", w.now, Source::Single, seen.clone());
    w.down("x");
    w.pass(1);
    w.look("x", "unhealthy", "x");
    assert!(w.act().is_none());
    seen.failover = Some(Vec::new());
    w.look_from("a", w.now, Source::Single, seen);
    assert!(w.said().contains(&"unwatch x".to_owned()));
}

#[test]
fn a_reload_keeps_state_and_schedule_of_what_did_not_change() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.out.clear();
    let mut p =
        params(&Policy::default(), &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[])), ("d", Some(&[]))]);
    w.engine.reconfigure(w.now, p.clone(), &mut w.out);
    assert_eq!(w.said(), ["record channel.watched d: added to the configuration", "watch d every 30s"]);
    assert!(w.report("a").failed_over);
    assert_eq!(w.report("a").blocked_for, Some(secs(600)));
    p.channels.remove(0);
    w.engine.reconfigure(w.now, p, &mut w.out);
    let said = w.said();
    assert!(said[0].contains("removed from the configuration while its traffic is at b"), "{said:?}");
    assert!(said.contains(&"unwatch a".to_owned()), "{said:?}");
}

#[test]
fn a_reload_to_observe_calls_back_what_was_not_sent() {
    let mut w = World::three_up();
    let action = w.fail_over();
    let mut p = params(&Policy::default(), THREE);
    p.mode = Mode::Observe;
    w.engine.reconfigure(w.now, p, &mut w.out);
    assert!(w.engine.may_send(action.op).is_err());
}

#[test]
fn what_was_saved_comes_back() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.order(&Order::Pause { tenant: Some(acme()) });
    w.pass(60);
    let parts = w.engine.take_unsaved();
    let now = secs(3);
    let mut engine = Engine::new(params(&Policy::default(), THREE), trunkwarden::policy::Time::new(now));
    for part in &parts {
        let part: Part = part.to_string().parse().unwrap();
        if let Some(saved) = w.engine.save(w.now, &part) {
            let saved: Saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
            engine.restore(trunkwarden::policy::Time::new(now), &part, saved, secs(40));
        }
    }
    let mut next = World { engine, now: trunkwarden::policy::Time::new(now), out: Vec::new() };
    next.engine.start(&mut next.out);
    assert_eq!(next.report("a").blocked_for, Some(secs(500)));
    assert!(next.engine.tenant(next.now, &acme()).unwrap().paused);
    assert_eq!(next.engine.tenant(next.now, &acme()).unwrap().actions_last_hour, 1);
    let later = next.now + secs(3600 - 100);
    assert_eq!(next.engine.tenant(later, &acme()).unwrap().actions_last_hour, 0);
    next.out.clear();
    next.look("a", "unhealthy", "b");
    assert_eq!(next.records(EventType::RouteChanged), 0, "the route is ours");
    assert!(next.report("a").failed_over);
}

#[test]
fn an_orphan_stays_in_flight_until_it_is_resolved() {
    let mut w = World::three_up();
    let action = w.fail_over();
    let mut next = World::new(params(&Policy::default(), THREE));
    next.engine.adopt_orphan(next.now, action.clone());
    next.up(&["b", "c"]);
    next.down("a");
    next.pass(2);
    next.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(next.act().is_none());
    next.applied(action.op);
    assert_eq!(next.records(EventType::OrphanResolved), 1);
    assert_eq!(next.records(EventType::FailoverCompleted), 1);
    assert!(next.report("a").failed_over);
}

#[test]
fn a_clock_jump_makes_all_evidence_stale() {
    let mut w = World::three_up();
    let before = w.now.back(secs(1));
    w.engine.clock_jumped(w.now, &mut w.out);
    assert_eq!(w.records(EventType::ClockJumped), 1);
    for id in ["a", "b", "c"] {
        assert_eq!(w.report(id).health, Health::Unknown);
    }
    w.look_from("a", before, Source::Single, view("healthy", "a"));
    assert_eq!(w.report("a").good_looks, 0);
}

#[test]
fn part_keys_keep_slashes_in_ids() {
    for text in ["engine", "tenant/acme", "channel/acme/a/b"] {
        assert_eq!(text.parse::<Part>().unwrap().to_string(), text);
    }
    assert!("channel/acme".parse::<Part>().is_err());
}

#[test]
fn reasons_survive_json() {
    let mut w = World::three_up();
    let action = w.fail_over();
    let text = serde_json::to_string(&action).unwrap();
    assert_eq!(serde_json::from_str::<trunkwarden::policy::Action>(&text).unwrap(), action);
    let reason = Reason::Outcome { kind: "failover".to_owned(), outcome: Outcome::NotApplied };
    assert_eq!(serde_json::from_str::<Reason>(&serde_json::to_string(&reason).unwrap()).unwrap(), reason);
}

#[test]
fn a_look_that_was_overtaken_is_left_aside() {
    let mut w = World::three_up();
    let early = w.now;
    w.pass(5);
    w.look("a", "healthy", "a");
    w.tell("a", &Observation::Look { asked_at: early, source: Source::Single, view: view("unhealthy", "a") });
    assert_eq!(w.report("a").bad_looks, 0);
}
