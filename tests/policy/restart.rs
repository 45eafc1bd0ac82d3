//! What survives a restart, and how much of it is left by then: blocks, their growth, pauses, retries, codecs, counts; and for how
//! long what shows out of time is still ours.

use super::world::{World, key, params, secs, view};
use std::time::Duration;
use trunkwarden::policy::{
    ActionKind, BlockKind, ChannelView, Codec, Engine, EventType, Order, Outcome, Params, Part, Policy, Saved, Source,
    TenantId, Time,
};

const THREE: &[(&str, Option<&[&str]>)] = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn three() -> Params {
    params(&Policy::default(), THREE)
}

/// Another process that takes over what the first one saved, `away` later; its clock begins anew.
fn restarted(w: &mut World, away: u64) -> World {
    let now = Time::new(secs(5));
    let mut engine = Engine::new(three(), now);
    for part in w.engine.take_unsaved() {
        if let Some(saved) = w.engine.save(w.now, &part) {
            let saved: Saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
            engine.restore(now, &part, saved, secs(away));
        }
    }
    let mut next = World { engine, now, out: Vec::new() };
    next.engine.start(&mut next.out);
    next.out.clear();
    next
}

#[test]
fn keys_of_parts_are_told_apart() {
    for text in ["engine", "tenant/acme", "channel/acme/a", "channel/acme/a/b"] {
        assert_eq!(text.parse::<Part>().unwrap().to_string(), text);
    }
    for text in ["", "engines", "tenant", "tenant/", "channel", "channel/acme", "other/acme"] {
        let why = text.parse::<Part>().unwrap_err();
        assert_eq!(
            why,
            format!("`{text}` is not a state key: expected `engine`, `tenant/NAME` or `channel/TENANT/ID`")
        );
    }
}

#[test]
fn a_channel_at_home_with_nothing_to_remember_is_not_kept() {
    let w = World::three_up();
    assert_eq!(w.engine.save(w.now, &Part::Channel(key("a"))), None);
    assert_eq!(w.engine.save(w.now, &Part::Channel(key("z"))), None);
    assert_eq!(w.engine.save(w.now, &Part::Tenant(TenantId::from("umbrella"))), None);
    let mut w = World::three_up();
    w.moved("a", "healthy", "b");
    assert!(w.engine.save(w.now, &Part::Channel(key("a"))).is_some());
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, Outcome::Refused { why: "400".to_owned() });
    assert!(w.engine.save(w.now, &Part::Channel(key("a"))).is_some(), "at home, and its next try waits");
}

#[test]
fn what_shows_long_after_it_had_failed_is_someone_elses() {
    for (later, ours) in [(3599, 1), (3600, 0)] {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.outcome(action.op, Outcome::NotApplied);
        w.pass(1);
        w.look("a", "healthy", "a");
        w.pass(later - 1);
        w.moved("a", "healthy", "b");
        let told = (w.records(EventType::FailoverCompleted), w.records(EventType::RouteChanged));
        assert_eq!(told, (ours, 1 - ours), "after {later} s");
    }
}

#[test]
fn an_order_of_codecs_that_was_read_before_ours_ended_is_nobody_elses() {
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    let with_codecs = |codecs: &[Codec]| ChannelView { codecs: Some(codecs.to_vec()), ..view("healthy", "a") };
    let ActionKind::Codec { order, before, .. } = action.kind.clone() else { panic!("{action:?}") };
    let asked = w.now;
    w.pass(1);
    w.applied(action.op);
    w.look_from("a", asked, Source::Single, with_codecs(&before));
    let a = w.report("a");
    assert_eq!(a.codecs, order);
    assert!(a.explanation.quality.trial.is_some(), "ours still");
    w.pass(28);
    w.look_from("a", w.now, Source::Single, with_codecs(&before));
    assert_eq!(w.report("a").codecs, order, "reads may lag");
    for _ in 0..2 {
        w.pass(2);
        w.look_from("a", w.now, Source::Single, with_codecs(&before));
    }
    let a = w.report("a");
    assert_eq!((a.codecs, a.explanation.quality.trial), (before, None), "asked for later: someone else's");
}

#[test]
fn a_change_may_show_late_for_as_long_as_if_the_process_had_lived_on() {
    for (away, ours) in [(3500, 1), (3600, 0)] {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.outcome(action.op, Outcome::NotApplied);
        let mut next = restarted(&mut w, away);
        next.moved("a", "healthy", "b");
        let told = (next.records(EventType::FailoverCompleted), next.records(EventType::RouteChanged));
        assert_eq!(told, (ours, 1 - ours), "after {away} s");
    }
}

#[test]
fn a_block_has_as_much_left_as_if_the_process_had_lived_on() {
    for (away, left) in [(0, Some(600)), (599, Some(1)), (600, None), (4000, None)] {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.applied(action.op);
        let next = restarted(&mut w, away);
        assert_eq!(next.report("a").blocked_for.map(|left| left.as_secs()), left, "{away} s away");
        assert!(next.report("a").explanation.blocks.len() == usize::from(left.is_some()));
    }
}

#[test]
fn a_block_that_had_ended_is_not_saved_as_one() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.pass(600);
    assert_eq!((w.report("a").blocked_for, w.report("a").explanation.blocks.len()), (None, 0), "nor is it told as one");
    let saved = w.engine.save(w.now, &Part::Channel(key("a"))).unwrap();
    let saved = serde_json::to_value(saved).unwrap();
    assert_eq!(saved["blocked_for"], serde_json::Value::Null);
    assert_eq!(saved["expected"], "b");
}

/// The block after the next move, which `b`'s failure causes.
fn next_block(next: &mut World) -> u64 {
    next.look("a", "unhealthy", "b");
    for _ in 0..2 {
        next.look("c", "healthy", "c").look("b", "healthy", "b");
    }
    next.down("b");
    next.pass(1);
    next.look("a", "unhealthy", "b").look("b", "unhealthy", "b").look("c", "healthy", "c");
    let action = next.act().unwrap_or_else(|| panic!("{}", next.text("a")));
    assert_eq!(action.kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
    next.applied(action.op);
    next.report("a").blocked_for.unwrap().as_secs()
}

#[test]
fn what_a_block_had_grown_to_decays_while_nobody_watches() {
    // Half-life 30 min: 10 min become 2 x 10 after no time, and as much as 10 again after one half-life.
    for (away, block) in [(0, 1190..=1200), (1800, 600..=600), (900, 843..=849)] {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.applied(action.op);
        let grown = next_block(&mut restarted(&mut w, away));
        assert!(block.contains(&grown), "{away} s away: {grown} s");
    }
}

#[test]
fn attempts_that_failed_are_remembered_with_what_is_left_to_wait() {
    let mut w = World::three_up();
    let mut action = w.fail_over();
    for wait in [2, 4] {
        w.outcome(action.op, Outcome::Refused { why: "400".to_owned() });
        w.pass(wait);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
        action = w.act().unwrap();
    }
    w.outcome(action.op, Outcome::Refused { why: "400".to_owned() });
    // Three failures: 8 s to wait.
    let blocks = |next: &World| {
        let blocks = next.report("a").explanation.blocks;
        blocks.iter().map(|block| (block.kind, block.left)).collect::<Vec<_>>()
    };
    assert_eq!(blocks(&w), [(BlockKind::RetryFailover, secs(8))]);
    assert_eq!(blocks(&restarted(&mut w, 3)), [(BlockKind::RetryFailover, secs(5))]);
}

#[test]
fn pauses_of_every_scope_come_back() {
    let acme = Some(TenantId::from("acme"));
    let mut w = World::three_up();
    w.order(&Order::Pause { tenant: None });
    assert!(restarted(&mut w, 9000).engine.paused());
    w.order(&Order::Resume { tenant: None });
    assert!(!restarted(&mut w, 0).engine.paused());
    w.order(&Order::PauseFor { tenant: None, lasts: secs(60) });
    let mut next = restarted(&mut w, 20);
    next.pass(39);
    assert!(next.engine.paused());
    next.pass(1);
    assert!(!next.engine.paused());
    assert_eq!(next.said(), ["record operator.lapsed: the pause of everything lapsed"]);
    let mut w = World::three_up();
    w.order(&Order::PauseFor { tenant: acme.clone(), lasts: secs(60) });
    let mut next = restarted(&mut w, 100);
    next.pass(1);
    assert_eq!(next.said(), ["record operator.lapsed: the pause of tenant acme lapsed"]);
    assert!(!next.engine.paused());
}

#[test]
fn what_is_said_of_pauses_names_their_scope() {
    let acme = Some(TenantId::from("acme"));
    let mut w = World::three_up();
    let refused =
        |w: &mut World, order: &Order| w.engine.operator(w.now, order, "alice", &mut w.out).unwrap_err().to_string();
    assert_eq!(refused(&mut w, &Order::Resume { tenant: None }), "nothing is paused");
    assert_eq!(refused(&mut w, &Order::Resume { tenant: acme.clone() }), "tenant acme is not paused");
    w.order(&Order::Pause { tenant: None });
    w.order(&Order::PauseFor { tenant: acme.clone(), lasts: secs(7200) });
    assert_eq!(refused(&mut w, &Order::Pause { tenant: None }), "everything is already paused");
    let left = |w: &World| w.engine.tenant(w.now, &"acme".into()).unwrap().paused_left;
    assert_eq!((left(&w), w.engine.paused_left(w.now)), (None, None), "one of both has no end");
    w.order(&Order::Resume { tenant: None });
    assert_eq!(left(&w), Some(secs(7200)));
    assert_eq!(
        refused(&mut w, &Order::Resume { tenant: None }),
        "not everything is paused, only tenant acme: resume each by name"
    );
    w.order(&Order::Resume { tenant: acme });
    assert_eq!(
        w.said(),
        [
            "record operator.ordered: paused everything until resumed",
            "record operator.ordered: paused tenant acme for 2.0 h",
            "record operator.ordered: resumed everything; tenant acme stays paused",
            "record operator.ordered: resumed tenant acme",
        ]
    );
}

#[test]
fn an_outcome_that_was_unknown_is_looked_after_by_the_next_process() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, Outcome::Unknown { why: "no answer".to_owned() });
    for (away, settled) in [(10, false), (40, true)] {
        let mut next = restarted_keeping(&mut w, away);
        next.look("a", "active", "a");
        assert!(settled || next.text("a").starts_with("not known whether the failover was made"));
        assert_eq!(next.records(EventType::FailoverFailed) == 1, settled, "{away} s away");
        let mut next = restarted_keeping(&mut w, away);
        next.look("a", "active", "b");
        assert_eq!(next.records(EventType::FailoverCompleted), 1);
        assert!(next.report("a").failed_over && !next.report("a").route_foreign);
    }
}

/// As [`restarted`], for a world that is restarted more than once.
fn restarted_keeping(w: &mut World, away: u64) -> World {
    let part = Part::Channel(key("a"));
    let saved = w.engine.save(w.now, &part).unwrap();
    let now = Time::new(secs(5));
    let mut engine = Engine::new(three(), now);
    engine.restore(now, &part, saved, secs(away));
    let mut next = World { engine, now, out: Vec::new() };
    next.engine.start(&mut next.out);
    next
}

#[test]
fn the_order_of_codecs_as_first_read_survives() {
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    let ActionKind::Codec { order, before, .. } = &action.kind else { panic!("{action:?}") };
    w.applied(action.op);
    let mut next = restarted(&mut w, 60);
    let blocks = next.report("a").explanation.blocks;
    assert_eq!(blocks.iter().map(|b| (b.kind, b.left)).collect::<Vec<_>>(), [(BlockKind::Codec, secs(540))]);
    let shown = ChannelView { codecs: Some(order.clone()), ..view("healthy", "a") };
    for _ in 0..130 {
        next.pass(30);
        next.telemetry("a", 30.0, 0.0).look("b", "healthy", "b");
        next.look_from("a", next.now, Source::Single, shown.clone());
        if let Some(back) = next.act() {
            let ActionKind::Codec { order, .. } = back.kind else { panic!("{back:?}") };
            assert_eq!(order, *before);
            return;
        }
    }
    panic!("{}", next.text("a"));
}

#[test]
fn state_of_what_is_no_longer_configured_is_left() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    let saved = w.engine.save(w.now, &Part::Channel(key("a"))).unwrap();
    let mut engine = Engine::new(params(&Policy::default(), &THREE[1..]), Time::ZERO);
    engine.restore(Time::ZERO, &Part::Channel(key("a")), saved.clone(), secs(1));
    assert!(engine.channel(Time::ZERO, &key("a")).is_none());
    // State of another kind than its key says is no state.
    engine.restore(Time::ZERO, &Part::Engine, saved, secs(1));
    assert!(!engine.paused());
}

#[test]
fn a_penalty_is_told_until_it_makes_no_difference_any_more() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    let report = w.report("a").explanation.hold_down.unwrap();
    assert_eq!((report.penalty, report.ceiling, report.reuse), (1.0, 8.0, None));
    assert_eq!(report.half_life, secs(1800));
    let after = |s: u64| report.penalty_after(secs(s));
    assert!(
        (after(0) - 1.0).abs() < 1e-9 && (after(1800) - 0.5).abs() < 1e-9 && (after(900) - 0.5_f64.sqrt()).abs() < 1e-9
    );
    let gone = trunkwarden::policy::HoldDownReport { half_life: Duration::ZERO, ..report };
    assert!(gone.penalty_after(secs(0)).abs() < 1e-9);
    // At half a block period doubling it makes no more than one.
    w.pass(1799);
    assert!(w.report("a").explanation.hold_down.is_some());
    w.pass(1);
    assert_eq!(w.report("a").explanation.hold_down, None);
}

#[test]
fn a_suppressed_route_stays_so_while_its_block_holds() {
    let mut policy = Policy::default();
    policy.failover.damping = Some(trunkwarden::policy::Damping { suppress: 2.0, reuse: 0.75 });
    policy.failover.hold_down_max = secs(36_000);
    // log2(2 / 0.75) half-lives of half an hour after two moves at once; the third one, whose own penalty is below the
    // limit, finds it suppressed until then, and not any more afterwards.
    for (third, held) in [(2000, 2347), (2546, 1801), (2548, 899)] {
        let mut w = World::new(params(&policy, THREE));
        w.up(&["a", "b", "c"]);
        let began = w.now;
        for (after, to_b) in [(0, true), (0, false), (third, true)] {
            w.pass((began + secs(after)).since(w.now).as_secs());
            let at = w.report("a").route.unwrap();
            w.look("a", "healthy", at.as_str()).look("a", "healthy", at.as_str());
            w.look("b", "healthy", "b").look("b", "healthy", "b");
            let force = true;
            let order = if to_b {
                Order::Failover { channel: key("a"), to: "b".into(), force }
            } else {
                Order::Failback { channel: key("a"), force }
            };
            w.order(&order);
            w.look("a", "healthy", at.as_str()).look("b", "healthy", "b");
            let action = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
            w.applied(action.op);
        }
        assert_eq!(w.report("a").blocked_for.map(|left| left.as_secs()), Some(held), "{third} s after the first");
    }
}
