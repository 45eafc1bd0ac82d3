//! What a hostile look found: one wrong answer in between, routes that name no channel, orders over a restart.

use super::world::{World, key, params, secs, view};
use trunkwarden::policy::{
    ActionKind, ChannelId, Codec, EventType, Observation, Order, Outcome, Part, Policy, Reason, Source,
};

/// `a` answers that it is unhealthy, or (4) that there is no such channel, for so long.
fn answers(pattern: &str, s: usize) -> World {
    let mut w = World::three_up();
    for answer in pattern.chars().cycle().take(s) {
        w.pass(1);
        match answer {
            '4' => w.missing("a"),
            'e' => w.fail("a"),
            _ => w.look("a", "unhealthy", "a"),
        };
        w.look("b", "healthy", "b").look("c", "healthy", "c");
    }
    w
}

#[test]
fn a_dead_trunk_is_moved_though_one_node_of_the_platform_does_not_know_it() {
    for pattern in ["u4", "u4ue", "uu4", "uuu4"] {
        let mut w = answers(pattern, 24);
        assert!(w.act().is_some(), "{pattern}: {}", w.text("a"));
    }
    let w = answers("4", 24);
    assert!(w.report("a").missing, "said again and again, it is gone");
    assert!(answers("u44", 24).report("a").health != trunkwarden::policy::Health::Up);
}

#[test]
fn one_such_answer_leaves_what_is_known_of_its_own_traffic_and_ends_it_as_a_target() {
    let mut w = answers("uuu", 3);
    w.pass(1);
    let before = w.report("a");
    w.missing("a");
    let after = w.report("a");
    assert_eq!((before.health, after.health, after.missing), (before.health, before.health, false));
    let mut w = World::three_up();
    w.pass(1);
    w.look("b", "unhealthy", "b").missing("b");
    let b = w.report("a").candidates.into_iter().find(|c| c.channel.as_str() == "b").unwrap();
    assert_eq!(b.against_text.as_deref(), Some("does not exist on the platform"));
}

#[test]
fn traffic_that_somebody_sent_to_no_channel_at_all_stays_there() {
    for target in ["ivr-emergency", "CH-0001", "/api/v2/channels/a", "default"] {
        let mut w = World::three_up();
        for _ in 0..90 {
            w.pass(1);
            w.look("a", "healthy", target).look("b", "healthy", "b").look("c", "healthy", "c").missing(target);
            assert_eq!(w.act(), None, "{target}: {}", w.text("a"));
        }
        assert!(w.report("a").route_foreign);
    }
}

#[test]
fn a_backup_of_ours_that_is_gone_is_still_left() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    let ActionKind::Failover { to, .. } = action.kind else { panic!("{action:?}") };
    let mut moved = false;
    for _ in 0..20 {
        w.pass(1);
        w.look("a", "healthy", to.as_str()).look("c", "healthy", "c").missing(to.as_str());
        moved |= w.act().is_some();
    }
    assert!(moved, "{}", w.text("a"));
}

#[test]
fn a_dead_trunk_whose_route_cannot_be_read_says_so() {
    let mut w = World::new(params(&Policy::default(), &[("a", Some(&["b"])), ("b", Some(&["a"]))]));
    for _ in 0..20 {
        w.pass(1);
        let mut unread = view("unhealthy", "a");
        (unread.primary, unread.unrouted) = (None, true);
        w.look_from("a", w.now, Source::Single, unread).look("b", "healthy", "b");
    }
    let report = w.report("a");
    assert_eq!(report.reason, Reason::RouteUnread);
    assert_eq!(
        report.reason_text,
        "down, but its traffic stays where it is: the platform shows a route that cannot be read"
    );
    assert_eq!(w.act(), None);
}

/// The next process, `away` seconds later, with what `w` kept of `a`.
fn restarted(w: &World, away: u64) -> World {
    let part = Part::Channel(key("a"));
    let saved = w.engine.save(w.now, &part).expect("something is kept");
    let mut next =
        World::new(params(&Policy::default(), &[("a", Some(&["b", "c"])), ("b", Some(&["a"])), ("c", Some(&["a"]))]));
    next.engine.restore(next.now, &part, saved, secs(away));
    next
}

#[test]
fn an_order_outlives_the_process_that_took_it() {
    let order = Order::Failover { channel: key("a"), to: ChannelId::from("b"), force: false };
    let mut w = World::three_up();
    w.pass(1);
    w.order(&order);
    let mut next = restarted(&w, 2);
    let mut made = None;
    for _ in 0..20 {
        next.pass(1);
        next.look("a", "healthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
        made = made.or(next.act());
    }
    assert!(matches!(made.map(|action| action.kind), Some(ActionKind::Failover { to, .. }) if to.as_str() == "b"));
    let mut next = restarted(&w, 3_600);
    next.pass(2);
    assert_eq!(next.records(EventType::Lapsed), 1, "{:?}", next.said());
    let mut next = restarted(&w, 2);
    next.pass(120);
    assert_eq!(next.records(EventType::Lapsed), 1, "the platform never answered: {:?}", next.said());
}

#[test]
fn what_telemetry_told_before_the_first_look_is_scored_by_the_codec_in_use() {
    let opus = |w: &mut World| {
        let mut seen = view("healthy", "a");
        seen.codecs = Some(vec![Codec { name: "OPUS".to_owned(), priority: 1 }]);
        let asked = w.now;
        w.tell("a", &Observation::Look { asked_at: asked, source: Source::Single, view: seen });
    };
    let score = |first: bool| {
        let mut w = World::new(params(&Policy::default(), &[("a", Some(&["b"])), ("b", Some(&["a"]))]));
        w.pass(1);
        if first {
            opus(&mut w);
        }
        w.telemetry("a", 30.0, 3.0);
        if !first {
            w.pass(1);
            opus(&mut w);
        }
        w.report("a").quality.unwrap().score
    };
    assert!((score(true) - score(false)).abs() < 0.001, "{} and {}", score(true), score(false));
}

#[test]
fn what_a_crash_left_open_is_ours_though_its_channel_was_not_in_the_file_at_the_next_start() {
    let mut w = World::three_up();
    let action = w.fail_over();
    let ActionKind::Failover { to, .. } = action.kind.clone() else { panic!("{action:?}") };
    let mut next = World::new(params(&Policy::default(), &[("b", Some(&["c"])), ("c", Some(&["b"]))]));
    next.engine.adopt_orphan(next.now, action.clone());
    next.pass(1);
    next.outcome(action.op, Outcome::Unknown { why: "its channel is no longer configured".to_owned() });
    next.pass(60);
    let all = [("a", Some(["b", "c"].as_slice())), ("b", Some(&["c"])), ("c", Some(&["b"]))];
    next.engine.reconfigure(next.now, params(&Policy::default(), &all), &mut next.out);
    for _ in 0..5 {
        next.pass(2);
        next.look("a", "healthy", to.as_str());
    }
    let report = next.report("a");
    assert!(report.failed_over && !report.route_foreign, "{:?}", next.said());
}
