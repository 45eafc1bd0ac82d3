//! The ground of a decision: what takes it away between decision and sending, what is said where nothing is wanted, and
//! when codecs go back to what they were.

use super::world::{World, key, params, secs, view};
use trunkwarden::policy::{
    Action, ActionKind, ChannelView, Codec, EventType, Mode, Order, Policy, PolicyMode, Scorer, Source,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn why(w: &World, action: &Action) -> String {
    match w.engine.may_send(action.op) {
        Ok(()) => "it may".to_owned(),
        Err(why) => why.to_string().replace("called back before it was sent: ", ""),
    }
}

const OUTDATED: &str = "the facts that it was decided on have changed";

/// `a` at `b`, which fails; home is down, so on to `c`.
fn cascade(missing: bool) -> (World, Action) {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    if missing {
        for _ in 0..3 {
            w.pass(2);
            w.missing("b");
        }
    } else {
        w.down("b");
    }
    w.pass(1);
    if missing {
        w.missing("b");
    } else {
        w.look("b", "unhealthy", "b");
    }
    w.look("a", "unhealthy", "b").look("c", "healthy", "c");
    let on = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
    assert_eq!(on.kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
    (w, on)
}

#[test]
fn a_cascade_is_called_back_where_the_backup_is_well_again() {
    for missing in [false, true] {
        let (mut w, on) = cascade(missing);
        assert_eq!(why(&w, &on), "it may");
        w.look("b", "degraded", "b");
        assert_eq!(why(&w, &on), "it may", "degraded is not well");
        w.missing("b");
        assert_eq!(why(&w, &on), "it may", "nor is missing");
        w.look("b", "healthy", "b");
        assert_eq!(why(&w, &on), OUTDATED);
    }
}

#[test]
fn a_rescue_home_is_called_back_where_the_backup_is_well_again() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.look("a", "healthy", "b").look("a", "healthy", "b");
    w.down("b");
    w.pass(1);
    w.look("a", "healthy", "b").look("b", "unhealthy", "b");
    let home = w.act().unwrap();
    assert_eq!((why(&w, &home).as_str(), w.text("a").as_str()), ("it may", "a failback is under way"));
    w.look("b", "healthy", "b");
    assert_eq!(why(&w, &home), OUTDATED);
}

fn codec() -> (World, Action) {
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    (w, action)
}

#[test]
fn a_codec_change_is_called_back_where_the_channel_turns_bad() {
    let (mut w, action) = codec();
    assert_eq!(why(&w, &action), "it may");
    w.look("a", "degraded", "a");
    assert_eq!(why(&w, &action), "it may");
    w.look("a", "unhealthy", "a");
    assert_eq!(why(&w, &action), OUTDATED);
}

#[test]
fn what_a_person_approved_or_ordered_may_be_sent_while_proposing() {
    let policy = Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() };
    let mut w = World::new(params(&policy, THREE));
    w.up(&["a", "b", "c"]);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    w.order(&Order::Approve { channel: key("a") });
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    let approved = w.act().unwrap();
    assert_eq!(why(&w, &approved), "it may");
    let mut w = World::three_up();
    let action = w.fail_over();
    w.engine.reconfigure(w.now, params(&policy, THREE), &mut w.out);
    assert_eq!(why(&w, &action), "the mode is propose and nobody has approved it");
}

#[test]
fn a_channel_that_left_the_file_is_not_acted_on() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.engine.reconfigure(w.now, params(&Policy::default(), &THREE[1..]), &mut w.out);
    assert_eq!(why(&w, &action), "the channel is no longer configured");
    w.applied(action.op);
    assert_eq!(why(&w, &action), "the channel is no longer configured", "an operation that is over");
}

#[test]
fn a_candidate_that_is_not_in_the_file_is_told_of_by_its_health() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    let names = |w: &mut World| {
        let failover = vec!["x".into()];
        w.look_from("a", w.now, Source::Single, ChannelView { failover: Some(failover), ..view("healthy", "a") });
    };
    names(&mut w);
    names(&mut w);
    assert_eq!(w.text("x"), "no look has been answered yet");
    w.look("x", "healthy", "x");
    assert_eq!(w.text("x"), "health not known yet: 1 of 2 good looks");
    w.look("x", "healthy", "x");
    assert_eq!(w.text("x"), "nothing is wrong");
    w.down("x");
    assert_eq!(w.text("x"), "unhealthy for 3 of 3 looks");
    w.look("x", "degraded", "x");
    assert_eq!(w.text("x"), "down, but its latest look was not bad: 0 of 2 good looks");
    w.pass(90);
    assert_eq!(w.text("x"), "the last answer is older than 90 s, so its health is unknown");
    w.missing("x");
    assert!(w.text("x").starts_with("the platform has no such channel"));
    // What was never answered is not stale: it was not seen.
    let mut w = World::new(params(&Policy::default(), THREE));
    w.fail("b");
    w.pass(100);
    w.telemetry("b", 20.0, 0.0);
    assert_eq!(w.text("b"), "no look has been answered yet");
}

#[test]
fn a_line_at_home_that_sounds_bad_is_no_line_to_come_home_to() {
    let mut policy = Policy::default();
    policy.quality.scorer = Scorer::default_tiers();
    policy.quality.optimise_below = 85.0;
    policy.codec.enabled = false;
    for (latency, home) in [(300.0, false), (200.0, true)] {
        let mut w = World::new(params(&policy, THREE));
        w.up(&["a", "b", "c"]);
        let action = w.fail_over();
        w.applied(action.op);
        let mut came = false;
        for _ in 0..40 {
            w.pass(30);
            w.telemetry("a", latency, 0.0);
            w.look("b", "healthy", "b").look("c", "healthy", "c").look("a", "healthy", "b");
            came |= w.act().is_some();
        }
        assert_eq!(came, home, "{latency} ms score 60 and 85, of 85: {}", w.text("a"));
    }
}

#[test]
fn bad_sound_moves_nothing_where_failover_is_switched_off_or_the_time_is_not_over() {
    let mut policy = Policy::default();
    policy.quality.scorer = Scorer::default_tiers();
    policy.codec.enabled = false;
    policy.failover.quality_below = Some(50.0);
    for (enabled, minutes, moves) in [(true, 5, true), (true, 4, false), (false, 9, false)] {
        policy.failover.enabled = enabled;
        let mut w = World::new(params(&policy, THREE));
        w.up(&["a", "b", "c"]);
        for _ in 0..2 * minutes {
            w.telemetry("a", 500.0, 0.0).telemetry("b", 20.0, 0.0);
            w.pass(30);
            w.look("b", "healthy", "b").look("c", "healthy", "c").look("a", "healthy", "a");
        }
        w.pass(1);
        w.look("a", "healthy", "a").look("b", "healthy", "b");
        assert_eq!(w.act().is_some(), moves, "{enabled}, {minutes} min: {}", w.text("a"));
    }
}

/// Telemetry and looks every half minute at a channel whose codecs are these, for so many minutes; the action, if any.
fn conditions(w: &mut World, minutes: u64, loss: f64, codecs: &[Codec]) -> Option<Action> {
    let mut found = None;
    for _ in 0..2 * minutes {
        w.pass(30);
        let shown = ChannelView { codecs: Some(codecs.to_vec()), ..view("healthy", "a") };
        w.telemetry("a", 30.0, loss).look("b", "healthy", "b").look("c", "healthy", "c");
        w.look_from("a", w.now, Source::Single, shown);
        found = found.or(w.act());
    }
    found
}

#[test]
fn codecs_go_back_after_an_hour_of_good_conditions_and_not_before() {
    let (mut w, action) = codec();
    let ActionKind::Codec { order, before, .. } = &action.kind else { panic!("{action:?}") };
    w.applied(action.op);
    assert_eq!(conditions(&mut w, 59, 0.0, order), None);
    let back = conditions(&mut w, 3, 0.0, order).unwrap_or_else(|| panic!("{}", w.text("a")));
    let ActionKind::Codec { order: first, .. } = &back.kind else { panic!("{back:?}") };
    assert_eq!(first, before);
    assert!(
        back.reason.to_string().starts_with("putting the codecs back into the order first read"),
        "{}",
        back.reason
    );
    // Once they are back, there is nothing to take back any more.
    w.applied(back.op);
    assert_eq!(conditions(&mut w, 130, 0.0, before), None);
}

#[test]
fn codecs_that_are_others_by_now_are_not_put_back() {
    let (mut w, action) = codec();
    let ActionKind::Codec { order, .. } = &action.kind else { panic!("{action:?}") };
    w.applied(action.op);
    // The platform offers another set of codecs: the order first read is of no use.
    let fewer = order[..2].to_vec();
    assert_eq!(conditions(&mut w, 130, 0.0, &fewer), None);
}

#[test]
fn a_score_at_the_bound_is_good_enough() {
    let mut policy = Policy::default();
    policy.quality.scorer = Scorer::default_tiers();
    policy.quality.optimise_below = 60.0;
    for (optimise_below, kept) in [(60.0, false), (60.5, true)] {
        policy.quality.optimise_below = optimise_below;
        let mut w = World::new(params(&policy, THREE));
        w.up(&["a", "b", "c"]);
        // 300 ms score 60 by the table, and no codec makes up for delay.
        w.telemetry("a", 300.0, 0.0);
        assert_eq!(w.text("a").starts_with("score 60.0, codecs stay as they are"), kept, "{}", w.text("a"));
    }
}

#[test]
fn a_reason_for_a_maintenance_has_200_characters_at_most() {
    let mut w = World::three_up();
    let start = |length: usize| {
        let reason = "ü".repeat(length);
        Order::StartMaintenance { channel: key("a"), lasts: secs(60), reason }
    };
    assert!(w.engine.operator(w.now, &start(201), "alice", &mut w.out).is_err());
    assert!(w.engine.operator(w.now, &start(200), "alice", &mut w.out).is_ok());
    let refused = w.engine.operator(w.now, &start(0), "alice", &mut w.out).unwrap_err().to_string();
    assert_eq!(refused, "maintenance needs a reason: one line of 1 to 200 characters");
}

#[test]
fn an_order_waits_a_minute_or_two_timeouts() {
    for (timeout, lapses) in [(10, 60), (40, 80)] {
        let mut policy = Policy::default();
        (policy.health.timeout, policy.health.interval) = (secs(timeout), secs(100));
        let mut w = World::new(params(&policy, THREE));
        w.up(&["a", "b", "c"]);
        w.pass(1);
        w.order(&Order::Failover { channel: key("a"), to: "b".into(), force: false });
        // The target answers, and the channel itself does not.
        w.pass(1);
        w.look("b", "healthy", "b");
        w.pass(lapses - 2);
        assert_eq!(w.records(EventType::Lapsed), 0);
        w.pass(1);
        assert_eq!(w.records(EventType::Lapsed), 1);
        let lapsed = w.said().into_iter().find(|said| said.contains("lapsed")).unwrap();
        let words = "the ordered failover of acme/a to b lapsed: failover wanted: waiting for a last look at a";
        assert!(lapsed.ends_with(words), "{lapsed}");
    }
}

#[test]
fn orders_that_change_nothing_are_refused_with_what_is() {
    let over = |to: &str| Order::Failover { channel: key("a"), to: to.into(), force: false };
    let refused =
        |w: &mut World, order: &Order| w.engine.operator(w.now, order, "alice", &mut w.out).unwrap_err().to_string();
    let mut w = World::three_up();
    assert_eq!(refused(&mut w, &over("a")), "acme/a cannot be its own backup: a failback takes it home");
    let home = Order::Failback { channel: key("a"), force: false };
    assert_eq!(refused(&mut w, &home), "the traffic of acme/a is already at home");
    let action = w.fail_over();
    let words = "a failover of acme/a is under way, or its outcome is not known yet";
    assert_eq!(refused(&mut w, &over("c")), words);
    w.applied(action.op);
    assert_eq!(refused(&mut w, &over("b")), "the traffic of acme/a already goes to b");
    w.missing("a");
    assert_eq!(refused(&mut w, &over("c")), "the route of acme/a is not known, so it cannot be changed");
}

#[test]
fn a_wish_of_another_kind_has_its_own_last_looks() {
    // A codec order is wanted and confirmed by nobody yet when the channel goes down: its last looks begin anew.
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.down("a");
    w.out.clear();
    let before = w.now.back(secs(1));
    w.look_from("a", before, Source::Single, view("unhealthy", "a"));
    w.look("b", "healthy", "b");
    assert!(w.act().is_none(), "asked for before it was down");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_some());
}

#[test]
fn traffic_on_its_way_to_a_backup_counts_before_it_shows() {
    let channels: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    let mut policy = Policy::default();
    policy.failover.max_dependents = 1;
    let mut w = World::new(params(&policy, channels));
    w.up(&["a", "b", "x", "d"]);
    let carries = |w: &World| w.report("x").explanation.carries;
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("x", "healthy", "x");
    let action = w.act().unwrap();
    assert_eq!(carries(&w), 1, "in flight");
    w.outcome(action.op, trunkwarden::policy::Outcome::Unknown { why: "no answer".to_owned() });
    assert_eq!(carries(&w), 1, "and while it is not known");
    w.down("b");
    w.pass(1);
    w.look("b", "unhealthy", "b").look("x", "healthy", "x");
    assert!(w.text("b").ends_with("x already carries 1 of 1 others"), "{}", w.text("b"));
    w.look("a", "active", "x");
    assert_eq!(carries(&w), 1, "shown, it counts once");
}

#[test]
fn an_approval_lasts_a_quarter_of_an_hour() {
    for (waited, moves) in [(899, true), (900, false)] {
        let policy = Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() };
        let mut w = World::new(params(&policy, THREE));
        w.up(&["a", "b", "c"]);
        w.down("a");
        w.pass(1);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b");
        assert_eq!(w.report("a").held, Some("propose"));
        w.order(&Order::Approve { channel: key("a") });
        let approved = w.now;
        while w.now.since(approved) < secs(waited - 20) {
            w.pass(20);
            w.look("a", "unhealthy", "a").look("b", "unhealthy", "b").look("c", "degraded", "c");
        }
        w.pass((approved + secs(waited)).since(w.now).as_secs());
        w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("b", "healthy", "b");
        let action = w.act();
        assert_eq!(action.is_some(), moves, "after {waited} s: {}", w.text("a"));
        assert!(action.is_none_or(|action| action.actor.to_string() == "operator:alice"));
    }
}

#[test]
fn a_rescue_that_a_way_home_turns_into_has_its_own_last_looks() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    for _ in 0..31 {
        w.pass(30);
        w.look("b", "healthy", "b").look("c", "healthy", "c").look("a", "healthy", "b");
    }
    w.pass(30);
    assert_eq!(w.text("a"), "failback wanted: waiting for a last look at a");
    // The backup fails before home has answered: what made it down is no last look of the rescue.
    w.down("b");
    w.look("a", "healthy", "b");
    assert!(w.act().is_none(), "{}", w.text("a"));
    w.pass(1);
    w.look("a", "healthy", "b").look("b", "unhealthy", "b");
    let home = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
    assert_eq!(home.reason.to_string(), "taking a home from b: b failed and a is up");
}

#[test]
fn the_target_of_a_decision_is_told_while_that_decision_is_what_is_held() {
    let policy = Policy {
        mode: PolicyMode(Mode::Propose),
        propose_for: trunkwarden::policy::ProposeFor(secs(60)),
        ..Policy::default()
    };
    let mut w = World::new(params(&policy, THREE));
    w.up(&["a", "b", "c"]);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert_eq!(w.text("a"), "failover to b is held: the mode is propose and nobody has approved it");
    w.look("a", "unhealthy", "a");
    assert!(w.text("a").starts_with("failover to b is held"), "{}", w.text("a"));
    w.order(&Order::Pause { tenant: None });
    assert_eq!(w.text("a"), "failover is held: everything is paused");
    w.order(&Order::Resume { tenant: None });
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    w.pass(61);
    w.look("a", "unhealthy", "a");
    assert_eq!(w.text("a"), "failover to b is held: nobody approved the proposal within 60 s");
}

#[test]
fn a_channel_that_is_gone_takes_no_place_at_its_backup() {
    let channels: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    let mut policy = Policy::default();
    policy.failover.max_dependents = 1;
    let mut w = World::new(params(&policy, channels));
    w.up(&["a", "b", "x", "d"]);
    w.look("a", "healthy", "x");
    let carries = |w: &World| w.report("x").explanation.carries;
    assert_eq!(carries(&w), 1);
    w.pass(1);
    w.missing("a");
    assert_eq!(carries(&w), 0, "deleted on the platform, it has no traffic");
    w.down("b");
    w.pass(1);
    w.look("b", "unhealthy", "b").look("x", "healthy", "x");
    let action = w.act().unwrap();
    assert_eq!(action.kind, ActionKind::Failover { from: "b".into(), to: "x".into() });
    w.applied(action.op);
    w.pass(1);
    w.look("b", "unhealthy", "x").look("a", "healthy", "x");
    assert_eq!(carries(&w), 2, "and counts again where somebody makes it anew");
}
