//! Reads that lag behind writes: whose change it is that they show, how much of them is evidence, and when a route that we did
//! not set is believed.

use super::world::{World, key, params, secs, view};
use trunkwarden::policy::{
    ActionKind, ChannelView, Codec, EventType, Health, Order, Outcome, Params, Part, Policy, Saved, Source, TenantId,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn acme() -> TenantId {
    TenantId::from("acme")
}

fn paused(w: &World) -> bool {
    w.engine.tenant(w.now, &acme()).unwrap().paused
}

/// `a` at `b`, applied just now.
fn moved() -> World {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.out.clear();
    w
}

/// Another process that takes over what this one would have saved, so many seconds later.
fn restarted(w: &World, p: Params, gone: u64) -> World {
    let mut next = World::new(p);
    let tenants = [Part::Engine, Part::Tenant(acme())];
    for part in tenants.into_iter().chain(w.engine.channels().map(|key| Part::Channel(key.clone()))) {
        if let Some(saved) = w.engine.save(w.now, &part) {
            let saved: Saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
            next.engine.restore(next.now, &part, saved, secs(gone));
        }
    }
    next.out.clear();
    next
}

#[test]
fn what_our_change_replaced_is_nobodys_change_for_as_long_as_reads_may_lag() {
    for every in [1, 2, 5, 29] {
        let mut w = moved();
        for _ in 0..(29 / every) {
            w.pass(every);
            w.look("a", "unhealthy", "a").listed("a", "unhealthy", "a");
        }
        w.look("a", "unhealthy", "b");
        assert_eq!((w.records(EventType::RouteChanged), w.report("a").route_foreign), (0, false), "every {every} s");
    }
    // Said for longer, it is somebody's: by the second look, and that a single one.
    let mut w = moved();
    w.pass(30);
    w.look("a", "unhealthy", "a");
    w.pass(1);
    w.look("a", "unhealthy", "a");
    w.pass(1);
    w.listed("a", "unhealthy", "a");
    assert_eq!(w.records(EventType::RouteChanged), 0);
    w.look("a", "unhealthy", "a");
    assert_eq!(w.records(EventType::RouteChanged), 1);
}

#[test]
fn two_lagging_channels_in_the_middle_of_an_outage_pause_nobody() {
    let four: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    let mut w = World::new(params(&Policy::default(), four));
    w.up(&["a", "b", "x", "d"]);
    w.all_over_to("x", &["a", "b"]);
    for _ in 0..7 {
        w.pass(2);
        w.look("a", "unhealthy", "a").look("b", "unhealthy", "b").look("x", "healthy", "x");
    }
    w.look("a", "unhealthy", "x").look("b", "unhealthy", "x");
    assert_eq!(w.records(EventType::RouteChanged), 0);
    assert!(!paused(&w));
}

#[test]
fn an_answer_from_before_our_change_is_no_evidence_and_no_last_look() {
    let mut w = moved();
    w.look("a", "healthy", "b").look("a", "healthy", "b");
    assert_eq!(w.report("a").health, Health::Up);
    for _ in 0..5 {
        w.pass(1);
        w.look("a", "unhealthy", "a");
    }
    assert_eq!((w.report("a").health, w.report("a").bad_looks), (Health::Up, 0), "older than what was seen since");
    // Back home, and what is read of the time away is no last look for the next move.
    let order = Order::Failback { channel: key("a"), force: true };
    w.order(&order);
    w.look("a", "healthy", "a");
    assert!(w.act().is_none(), "that was the answer of before");
    w.look("a", "healthy", "b");
    let home = w.act().unwrap();
    w.applied(home.op);
    w.look("a", "unhealthy", "b").look("a", "unhealthy", "b").look("a", "unhealthy", "b");
    assert_eq!(w.report("a").health, Health::Up);
    // Past the lag it is evidence again once it is believed.
    w.pass(31);
    w.look("a", "degraded", "b");
    assert_eq!(w.report("a").health, Health::Up);
    w.pass(2);
    w.look("a", "degraded", "b");
    assert_eq!((w.report("a").health, w.report("a").failed_over), (Health::Degraded, true));
}

#[test]
fn an_answer_that_shows_our_change_ends_the_doubt() {
    let mut w = moved();
    w.pass(40);
    for _ in 0..10 {
        w.pass(2);
        w.look("a", "unhealthy", "a");
        w.pass(1);
        w.look("a", "unhealthy", "b");
    }
    assert_eq!(w.records(EventType::RouteChanged), 0, "no two of them agree");
}

#[test]
fn in_a_chain_of_changes_each_value_from_before_is_nobodys() {
    let mut w = moved();
    w.look("a", "degraded", "b");
    w.down("b");
    w.pass(1);
    w.look("a", "degraded", "b").look("b", "unhealthy", "b").look("c", "healthy", "c");
    let on = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
    w.applied(on.op);
    for route in ["b", "a", "b", "a"] {
        w.pass(2);
        w.look("a", "degraded", route).look("a", "degraded", route);
    }
    assert_eq!(w.records(EventType::RouteChanged), 0);
    assert_eq!(w.report("a").route, Some("c".into()));
}

#[test]
fn a_tenant_says_how_long_its_reads_lag() {
    let mut p = params(&Policy::default(), THREE);
    p.tenants.values_mut().for_each(|tenant| tenant.read_lag = secs(5));
    let mut w = World::new(p);
    w.up(&["a", "b", "c"]);
    let action = w.fail_over();
    w.applied(action.op);
    w.pass(4);
    w.moved("a", "unhealthy", "a");
    assert_eq!(w.records(EventType::RouteChanged), 0);
    w.pass(2);
    w.look("a", "unhealthy", "a");
    assert_eq!(w.records(EventType::RouteChanged), 1);
}

#[test]
fn a_restart_within_the_lag_changes_nothing_of_it() {
    for (gone, foreign) in [(10, false), (40, true)] {
        let w = moved();
        let mut next = restarted(&w, params(&Policy::default(), THREE), gone);
        next.moved("a", "unhealthy", "a");
        assert_eq!(next.records(EventType::RouteChanged) == 1, foreign, "{gone} s later");
    }
}

#[test]
fn codecs_lag_like_routes() {
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    let ActionKind::Codec { order, before, .. } = action.kind.clone() else { panic!("{action:?}") };
    w.applied(action.op);
    let shown = |codecs: &[Codec], status: &str| ChannelView { codecs: Some(codecs.to_vec()), ..view(status, "a") };
    for _ in 0..10 {
        w.pass(2);
        w.look_from("a", w.now, Source::Single, shown(&before, "unhealthy"));
    }
    let a = w.report("a");
    assert_eq!((a.codecs, a.health, a.bad_looks), (order.clone(), Health::Up, 0));
    assert!(a.explanation.quality.trial.is_some());
    // A third order is somebody's by the second look.
    let mut third = order;
    third.rotate_left(1);
    (1..).zip(&mut third).for_each(|(n, codec)| codec.priority = n);
    w.look_from("a", w.now, Source::Single, shown(&third, "healthy"));
    assert!(w.report("a").explanation.quality.trial.is_some());
    w.pass(2);
    w.look_from("a", w.now, Source::Single, shown(&third, "healthy"));
    assert!(w.report("a").explanation.quality.trial.is_none());
}

#[test]
fn at_the_first_start_an_old_page_makes_no_route_foreign() {
    let mut w = World::new(params(&Policy::default(), THREE));
    for _ in 0..5 {
        w.listed("a", "healthy", "c");
        w.pass(2);
    }
    w.look("a", "healthy", "a");
    let a = w.report("a");
    assert_eq!((w.records(EventType::RouteChanged), a.route, a.blocked_for), (0, Some("a".into()), None));
    // It is asked itself, and not at every moment.
    let asked = w.said().iter().filter(|word| *word == "look a").count();
    assert!((1..=6).contains(&asked), "{asked}");
}

#[test]
fn a_route_in_doubt_is_asked_about_in_time_and_then_as_often_as_ever() {
    let mut w = World::three_up();
    w.look("a", "healthy", "c");
    assert_eq!(w.said(), Vec::<String>::new());
    w.pass(2);
    assert_eq!(w.said(), ["look a"]);
    // The next answers may be a cache's.
    w.pass(10);
    assert_eq!(w.said().iter().filter(|word| *word == "look a").count(), 4);
    w.pass(60);
    assert_eq!(w.said().iter().filter(|word| *word == "look a").count(), 2);
    // Meanwhile it is no target, and counts at the one that it may have gone to.
    assert_eq!(w.report("c").explanation.carries, 1);
}

#[test]
fn a_target_whose_route_is_in_doubt_is_not_fit() {
    let mut w = World::three_up();
    w.look("b", "healthy", "c");
    let against = w.report("a").candidates[0].against_text.clone();
    assert_eq!(against.as_deref(), Some("has its own traffic at c"));
}

#[test]
fn what_is_noticed_at_a_start_is_recorded_and_pauses_nobody() {
    let four: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    let p = || params(&Policy::default(), four);
    let mut w = World::new(p());
    w.up(&["a", "b", "x", "d"]);
    w.all_over_to("x", &["a", "b"]);
    let mut next = restarted(&w, p(), 9 * 86_400);
    next.moved("a", "healthy", "a").moved("b", "healthy", "b");
    assert_eq!(next.records(EventType::RouteChanged), 2);
    assert!(!paused(&next));
    let words = "record channel.route_changed a: someone else moved traffic from x, where we had put it, to a while \
                 nobody was watching";
    assert!(next.said().contains(&words.to_owned()));
}

#[test]
fn what_is_noticed_after_blindness_or_a_sleep_pauses_nobody_either() {
    let four: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    for slept in [false, true] {
        let mut w = World::new(params(&Policy::default(), four));
        w.up(&["a", "b", "x", "d"]);
        w.all_over_to("x", &["a", "b"]);
        if slept {
            w.pass(60);
            w.engine.clock_jumped(w.now, &mut w.out);
        } else {
            for _ in 0..20 {
                w.pass(5);
                w.fail("a").fail("b").fail("x").fail("d");
            }
            for _ in 0..20 {
                w.pass(5);
                w.look("x", "healthy", "x").look("d", "healthy", "d");
            }
            assert_eq!(w.records(EventType::BlindLeft), 1);
        }
        w.pass(1);
        w.moved("a", "healthy", "a").moved("b", "healthy", "b");
        assert_eq!(w.records(EventType::RouteChanged), 2);
        assert!(!paused(&w), "slept: {slept}");
        // Seen to happen, they are another controller's.
        w.out.clear();
        for id in ["a", "b"] {
            w.order(&Order::Acknowledge { channel: key(id) });
            for _ in 0..2 {
                w.look("x", "healthy", "x");
            }
            w.order(&Order::Failover { channel: key(id), to: "x".into(), force: true });
            w.pass(1);
            w.look(id, "healthy", id).look("x", "healthy", "x");
            let action = w.act().unwrap_or_else(|| panic!("{}", w.text(id)));
            w.applied(action.op);
        }
        w.pass(31);
        w.moved("a", "healthy", "a").moved("b", "healthy", "b");
        assert!(paused(&w), "slept: {slept}");
    }
}

#[test]
fn a_third_reversal_of_one_channel_noticed_within_an_hour_pauses_the_tenant() {
    for (apart, third) in [(1000, true), (2000, false)] {
        let mut w = moved();
        for n in 1..=3 {
            let mut next = restarted(&w, params(&Policy::default(), THREE), apart);
            next.moved("a", "healthy", "a");
            assert_eq!(next.records(EventType::RouteChanged), 1);
            assert_eq!(paused(&next), n == 3 && third, "{n}, {apart} s apart");
            next.up(&["a", "b", "c"]);
            if n < 3 {
                next.order(&Order::Acknowledge { channel: key("a") });
                next.order(&Order::Failover { channel: key("a"), to: "b".into(), force: true });
                next.pass(1);
                next.look("a", "healthy", "a").look("b", "healthy", "b");
                let action = next.act().unwrap_or_else(|| panic!("{}", next.text("a")));
                next.applied(action.op);
            }
            w = next;
        }
    }
}

#[test]
fn a_pause_of_a_persons_own_is_no_other_controllers_however_long_ago_that_was() {
    let four: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    let mut w = World::new(params(&Policy::default(), four));
    w.up(&["a", "b", "x", "d"]);
    w.all_over_to("x", &["a", "b"]);
    w.pass(30);
    w.moved("a", "unhealthy", "a");
    w.pass(700);
    w.moved("b", "unhealthy", "b");
    assert!(!paused(&w));
    w.order(&Order::Pause { tenant: Some(acme()) });
    w.order(&Order::PauseFor { tenant: Some(acme()), lasts: secs(60) });
    w.pass(60);
    assert!(!paused(&w));
}

#[test]
fn a_change_that_landed_late_is_believed_at_once_and_a_page_has_it_asked() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, Outcome::NotApplied);
    w.pass(1);
    w.out.clear();
    w.listed("a", "unhealthy", "b");
    assert!(w.said().contains(&"look a".to_owned()));
    w.look("a", "unhealthy", "b");
    assert_eq!((w.records(EventType::FailoverCompleted), w.records(EventType::RouteChanged)), (1, 0));
}
