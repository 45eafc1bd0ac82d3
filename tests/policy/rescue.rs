//! What must not be lost on the way: a decision whose ground gives way before it is sent, a rescue behind earlier failures,
//! state that has to reach the journal.

use super::world::{World, key, params, secs, view};
use std::sync::Arc;
use trunkwarden::policy::{
    ActionKind, ChannelId, ChannelParams, ChannelView, Engine, EventType, Health, HealthParams, Mode, Observation,
    Order, Outcome, Part, Policy, PolicyMode, Source, TelemetryParams, TenantId, Time,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn acme() -> TenantId {
    TenantId::from("acme")
}

fn refused() -> Outcome {
    Outcome::Refused { why: "400".to_owned() }
}

#[test]
fn a_change_is_called_back_where_its_target_fails_before_it_is_sent() {
    let mut w = World::three_up();
    let action = w.fail_over();
    assert_eq!(w.engine.may_send(action.op), Ok(()));
    w.pass(1);
    w.look("b", "unhealthy", "b");
    let why = w.engine.may_send(action.op).unwrap_err().to_string();
    assert_eq!(why, "called back before it was sent: b is no longer fit: it was unhealthy at its latest look");
}

#[test]
fn a_change_is_called_back_where_the_mover_recovers_before_it_is_sent() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.pass(1);
    w.look("a", "healthy", "a");
    let why = w.engine.may_send(action.op).unwrap_err().to_string();
    assert_eq!(why, "called back before it was sent: the facts that it was decided on have changed");
}

#[test]
fn a_change_is_called_back_where_the_tenant_turns_blind_before_it_is_sent() {
    let mut w = World::three_up();
    let action = w.fail_over();
    for _ in 0..20 {
        w.fail("b").fail("c");
    }
    assert!(
        w.engine
            .may_send(action.op)
            .unwrap_err()
            .to_string()
            .ends_with("the tenant is blind: its platform does not answer")
    );
}

#[test]
fn a_change_is_called_back_where_the_clock_jumps_before_it_is_sent() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.engine.clock_jumped(w.now, &mut w.out);
    assert!(w.engine.may_send(action.op).is_err());
}

#[test]
fn a_failback_is_called_back_where_home_fails_before_it_is_sent() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    let mut home = None;
    for _ in 0..40 {
        w.pass(30);
        w.look("a", "healthy", "b").look("b", "healthy", "b").look("c", "healthy", "c");
        home = home.or(w.act());
    }
    let home = home.unwrap();
    assert_eq!(home.kind, ActionKind::Failback { from: "b".into() });
    assert_eq!(w.engine.may_send(home.op), Ok(()));
    w.look("a", "unhealthy", "b");
    assert!(w.engine.may_send(home.op).is_err());
}

#[test]
fn a_reload_to_propose_calls_back_what_nobody_approved() {
    let mut w = World::three_up();
    let action = w.fail_over();
    let policy = Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() };
    w.engine.reconfigure(w.now, params(&policy, THREE), &mut w.out);
    assert!(w.engine.may_send(action.op).is_err());
}

#[test]
fn whatever_changes_of_a_channel_goes_on_being_saved() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.engine.take_unsaved();
    w.pass(1);
    // The platform's own word ends the echo of ours, which is state to be saved.
    w.look("a", "unhealthy", "b");
    assert_eq!(w.engine.take_unsaved(), [Part::Channel(key("a"))]);
    w.order(&Order::Acknowledge { channel: key("a") });
    assert_eq!(w.engine.take_unsaved(), [Part::Channel(key("a"))]);
}

#[test]
fn a_change_that_was_never_made_blocks_nothing() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.pass(41);
    w.look("b", "healthy", "b").look("c", "healthy", "c");
    w.outcome(action.op, Outcome::Unknown { why: "no answer".to_owned() });
    w.pass(1);
    w.look("a", "unhealthy", "a");
    assert_eq!(w.records(EventType::FailoverFailed), 1);
    w.out.clear();
    w.pass(3);
    for _ in 0..3 {
        w.pass(1);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    assert!(w.act().is_some(), "{}", w.text("a"));
}

#[test]
fn refused_codec_orders_do_not_hold_a_failover_back() {
    let mut w = World::three_up();
    let mut refusals = 0;
    for _ in 0..100 {
        w.pass(20);
        w.telemetry("a", 30.0, 4.0).look("a", "healthy", "a").look("b", "healthy", "b");
        if let Some(action) = w.act() {
            assert!(matches!(action.kind, ActionKind::Codec { .. }));
            w.outcome(action.op, refused());
            refusals += 1;
        }
        if refusals == 6 {
            break;
        }
    }
    assert_eq!((refusals, w.report("a").held), (6, Some("backoff")));
    w.fail_over();
}

#[test]
fn refused_failbacks_do_not_hold_a_cascade_back() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    let all_well = |w: &mut World| {
        w.pass(30);
        w.look("a", "healthy", "b").look("b", "healthy", "b").look("c", "healthy", "c");
    };
    for _ in 0..33 {
        all_well(&mut w);
    }
    let mut refusals = 0;
    for _ in 0..100 {
        if let Some(home) = w.act() {
            w.outcome(home.op, refused());
            refusals += 1;
        }
        all_well(&mut w);
        if refusals == 8 {
            break;
        }
    }
    assert_eq!(refusals, 8);
    w.out.clear();
    for _ in 0..3 {
        w.pass(2);
        w.look("b", "unhealthy", "b");
    }
    w.pass(1);
    w.look("a", "healthy", "b").look("b", "unhealthy", "b");
    assert_eq!(w.act().map(|action| action.kind), Some(ActionKind::Failback { from: "b".into() }), "{}", w.text("a"));
}

#[test]
fn an_approval_of_one_thing_is_none_of_another() {
    let policy = Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() };
    let mut w = World::new(params(&policy, THREE));
    w.up(&["a", "b", "c"]);
    w.telemetry("a", 40.0, 5.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    assert_eq!(w.report("a").held, Some("propose"));
    w.order(&Order::Approve { channel: key("a") });
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_none(), "only the codecs were approved");
    assert_eq!(w.report("a").held, Some("propose"));
}

#[test]
fn after_a_restart_a_backup_carries_what_it_carried_before() {
    let channels: Channels = &[
        ("a", Some(&["x"])),
        ("b", Some(&["x"])),
        ("d", Some(&["x"])),
        ("x", Some(&[])),
        ("e", Some(&[])),
        ("f", Some(&[])),
        ("g", Some(&[])),
    ];
    let mut w = World::new(params(&Policy::default(), channels));
    w.up(&["a", "b", "d", "x", "e", "f", "g"]);
    w.all_over_to("x", &["a", "b"]);
    let mut engine = Engine::new(params(&Policy::default(), channels), Time::ZERO);
    for id in ["a", "b"] {
        let part = Part::Channel(key(id));
        let saved = w.engine.save(w.now, &part).unwrap();
        engine.restore(Time::ZERO, &part, saved, secs(1));
    }
    let mut next = World { engine, now: Time::ZERO, out: Vec::new() };
    next.engine.start(&mut next.out);
    next.up(&["d", "x", "e", "f", "g"]);
    next.down("d");
    next.pass(1);
    next.look("d", "unhealthy", "d").look("x", "healthy", "x");
    assert!(next.act().is_none(), "a and b have not been read yet, and x carries them");
}

#[test]
fn one_channels_long_interval_does_not_keep_anothers_evidence_fresh() {
    let policy = |interval: u64| {
        Arc::new(Policy {
            health: HealthParams {
                interval: secs(interval),
                timeout: secs(1),
                fast_interval: secs(1),
                ..HealthParams::default()
            },
            ..Policy::default()
        })
    };
    let mut p = params(&Policy::default(), &[]);
    p.channels = [("a", 5), ("b", 300)]
        .map(|(id, interval)| ChannelParams {
            key: key(id),
            policy: policy(interval),
            failover: Some(Vec::new()),
            carrier: None,
        })
        .into();
    let mut w = World::new(p);
    w.engine.set_effective_interval(w.now, &acme(), secs(300), &mut w.out);
    w.up(&["a", "b"]);
    w.pass(16);
    assert_eq!(w.report("a").health, Health::Unknown);
    assert_eq!(w.report("b").health, Health::Up);
    // The budget allows only half of what was planned: every interval is stretched alike.
    w.engine.set_effective_interval(w.now, &acme(), secs(600), &mut w.out);
    w.up(&["a"]);
    w.pass(25);
    assert_eq!(w.report("a").health, Health::Up);
    w.pass(5);
    assert_eq!(w.report("a").health, Health::Unknown);
}

#[test]
fn an_operator_who_moves_what_came_home_long_ago_is_no_other_controller() {
    let channels: Channels = &[("a", Some(&["b"])), ("d", Some(&["b"])), ("b", Some(&[])), ("c", Some(&[]))];
    let mut w = World::new(params(&Policy::default(), channels));
    w.up(&["a", "b", "c", "d"]);
    w.all_over_to("b", &["a", "d"]);
    let mut home = 0;
    for _ in 0..200 {
        w.pass(30);
        for id in ["a", "d", "b", "c"] {
            let route = w.report(id).route.unwrap();
            w.look(id, "healthy", route.as_str());
            if let Some(action) = w.act() {
                w.applied(action.op);
                home += 1;
            }
        }
    }
    assert_eq!(home, 2);
    w.moved("a", "healthy", "c");
    w.pass(60);
    w.moved("d", "healthy", "c");
    assert_eq!(w.records(EventType::RouteChanged), 2);
    assert!(!w.engine.tenant(w.now, &acme()).unwrap().paused);
}

#[test]
fn a_channel_that_leaves_the_file_in_flight_is_let_go_once_its_outcome_is_known() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.engine.reconfigure(w.now, params(&Policy::default(), &THREE[1..]), &mut w.out);
    assert!(w.engine.channel(w.now, &key("a")).is_some(), "watched until its outcome is known");
    w.out.clear();
    w.applied(action.op);
    assert!(w.said().contains(&"unwatch a".to_owned()));
    assert!(w.engine.channel(w.now, &key("a")).is_none());
    assert_eq!(w.engine.tenant(w.now, &acme()).unwrap().in_flight, 0);
}

#[test]
fn a_platform_that_sorts_its_codecs_did_not_choose_another_order() {
    let policy = Policy::default();
    let mut w = World::new(params(&policy, THREE));
    w.up(&["a", "b", "c"]);
    w.telemetry("a", 40.0, 5.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    let ActionKind::Codec { mut order, .. } = action.kind.clone() else { panic!("{:?}", action.kind) };
    w.applied(action.op);
    order.sort_by(|x, y| x.name.cmp(&y.name));
    let sorted = |route: &str| ChannelView { codecs: Some(order.clone()), ..view("healthy", route) };
    let telemetry = TelemetryParams::default().interval.as_secs();
    for _ in 0..65 {
        w.pass(telemetry);
        w.telemetry("a", 20.0, 0.0);
        w.look_from("a", w.now, Source::Single, sorted("a"));
        if let Some(back) = w.act() {
            let ActionKind::Codec { order, .. } = back.kind else { panic!("{:?}", back.kind) };
            assert_eq!(order.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["PCMU", "OPUS", "G729"]);
            return;
        }
    }
    panic!("the first order was forgotten: {}", w.text("a"));
}

#[test]
fn traffic_that_left_for_quality_and_went_on_still_needs_measured_quality_to_come_home() {
    let mut policy = Policy::default();
    policy.failover.quality_below = Some(50.0);
    policy.codec.enabled = false;
    let mut w = World::new(params(&policy, THREE));
    w.up(&["a", "b", "c"]);
    for _ in 0..7 {
        w.pass(55);
        w.telemetry("a", 40.0, 30.0).telemetry("b", 20.0, 0.0).telemetry("c", 20.0, 0.0);
        w.look("a", "degraded", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    }
    w.pass(1);
    w.look("a", "degraded", "a").look("b", "healthy", "b");
    let action = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
    w.applied(action.op);
    for _ in 0..3 {
        w.pass(2);
        w.look("b", "unhealthy", "b").look("c", "healthy", "c");
    }
    w.pass(1);
    w.look("a", "degraded", "b").look("b", "unhealthy", "b").look("c", "healthy", "c");
    let on = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
    assert_eq!(on.kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
    w.applied(on.op);
    for _ in 0..100 {
        w.pass(30);
        w.look("a", "healthy", "c").look("b", "unhealthy", "b").look("c", "healthy", "c");
        assert!(w.act().is_none(), "nothing was measured");
    }
}

#[test]
fn an_answer_that_is_old_when_it_comes_is_no_fresh_evidence() {
    let mut w = World::three_up();
    let asked = w.now;
    // The machine slept while the answer was on its way.
    w.pass(3600);
    assert_eq!(w.report("b").health, Health::Unknown);
    w.out.clear();
    w.look_from("b", asked, Source::Single, view("healthy", "b"));
    w.look_from("b", asked + secs(1), Source::Single, view("healthy", "b"));
    assert_eq!(w.report("b").health, Health::Unknown);
}

#[test]
fn an_unsure_channel_that_the_platform_no_longer_has_is_not_hurried_after() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, Outcome::Unknown { why: "no answer".to_owned() });
    w.out.clear();
    w.missing("a");
    assert!(w.said().contains(&"watch a every 30s".to_owned()));
    w.pass(1);
    w.look("a", "unhealthy", "b");
    assert!(w.report("a").failed_over, "settled once it is back");
}

#[test]
fn a_stranded_channel_does_not_spend_the_actions_share_on_last_looks() {
    let mut w = World::three_up();
    w.down("a");
    w.out.clear();
    // The candidates are up by the list, and never answer alone.
    for _ in 0..60 {
        w.pass(2);
        w.look("a", "unhealthy", "a");
        w.listed("b", "healthy", "b").listed("c", "healthy", "c");
    }
    let looks = w.said().iter().filter(|word| *word == "look b").count();
    assert!((3..=12).contains(&looks), "{looks} last looks at b in two minutes");
    w.look("b", "healthy", "b");
    assert!(w.act().is_some());
}

#[test]
fn a_mass_hold_calls_back_what_was_not_sent() {
    let channels: Channels = &[("a", Some(&["c"])), ("b", Some(&[])), ("c", Some(&[])), ("d", Some(&[]))];
    let mut w = World::new(params(&Policy::default(), channels));
    w.up(&["a", "b", "c", "d"]);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("c", "healthy", "c");
    let action = w.act().unwrap();
    w.look("b", "unhealthy", "b").look("d", "unhealthy", "d");
    assert_eq!(w.records(EventType::MassHold), 1);
    assert!(w.engine.may_send(action.op).is_err());
}

#[test]
fn an_outside_route_to_a_backup_counts_against_it() {
    let channels: Channels =
        &[("a", Some(&["x"])), ("b", Some(&[])), ("c", Some(&[])), ("x", Some(&[])), ("e", Some(&[]))];
    let mut w = World::new(params(&Policy::default(), channels));
    for _ in 0..2 {
        w.pass(1);
        for (id, route) in [("a", "a"), ("b", "x"), ("c", "x"), ("x", "x"), ("e", "e")] {
            w.tell(
                id,
                &Observation::Look {
                    asked_at: w.now,
                    source: Source::Single,
                    view: ChannelView { primary: Some(ChannelId::from(route)), ..view("healthy", route) },
                },
            );
        }
    }
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("x", "healthy", "x");
    assert!(w.act().is_none());
    assert!(w.text("a").contains("carries 2"), "{}", w.text("a"));
}
