//! What actions leave behind: unknown outcomes settled by looks, late changes, other people's routes, orphans, and retries.

use super::world::{World, key, params, secs, view};
use trunkwarden::policy::{
    Action, ActionKind, BlockKind, ChannelView, Codec, Command, EventType, Health, Order, Outcome, Policy, Scorer,
    Source,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn unknown() -> Outcome {
    Outcome::Unknown { why: "no answer".to_owned() }
}

fn refused() -> Outcome {
    Outcome::Refused { why: "400".to_owned() }
}

/// `a` at `b`, up and good for long enough: the failback that follows.
fn failback() -> (World, Action) {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    for _ in 0..60 {
        w.pass(30);
        w.look("b", "healthy", "b").look("c", "healthy", "c").look("a", "healthy", "b");
        if let Some(home) = w.act() {
            return (w, home);
        }
    }
    panic!("{}", w.text("a"));
}

/// `a` loses packets: the codec change that follows.
fn codec() -> (World, Action) {
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    (w, action)
}

fn with_codecs(codecs: &[Codec]) -> ChannelView {
    ChannelView { codecs: Some(codecs.to_vec()), ..view("healthy", "a") }
}

/// Read-backs may all fail, or the last one come from a replica that lags; a look at the channel has shown the change all the same.
#[test]
fn what_a_look_has_shown_was_made_whatever_the_read_backs_say() {
    for outcome in [unknown(), Outcome::NotApplied] {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.pass(1);
        w.look("a", "unhealthy", "b");
        w.outcome(action.op, outcome.clone());
        let told = (w.records(EventType::FailoverCompleted), w.records(EventType::FailoverFailed));
        assert_eq!((told, w.report("a").route), ((1, 0), Some("b".into())), "{outcome:?}");
    }
}

#[test]
fn a_page_of_the_list_shows_nothing_of_a_change() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.pass(1);
    w.listed("a", "unhealthy", "b");
    w.outcome(action.op, Outcome::NotApplied);
    assert_eq!((w.records(EventType::FailoverCompleted), w.records(EventType::FailoverFailed)), (0, 1));
}

#[test]
fn an_unknown_failback_is_settled_by_where_traffic_goes() {
    let rows = [
        ("a", EventType::FailbackCompleted, false),
        ("b", EventType::FailbackFailed, true),
        ("c", EventType::FailbackFailed, true),
    ];
    for (read, event, away) in rows {
        let (mut w, home) = failback();
        w.outcome(home.op, unknown());
        assert_eq!(w.records(EventType::FailbackUnknown), 1);
        w.pass(1);
        w.look("a", "healthy", read);
        // The old route may still be an old answer; another one cannot be.
        let settled = read != "b";
        assert_eq!(w.records(event), usize::from(settled), "{read}");
        w.pass(39);
        w.look("a", "healthy", read);
        assert_eq!(w.records(event), 1, "{read}: {}", w.text("a"));
        assert_eq!(w.report("a").failed_over, away, "{read}");
    }
}

#[test]
fn an_unknown_codec_change_is_settled_by_the_order_that_is_read() {
    let (mut w, action) = codec();
    let ActionKind::Codec { order, before, .. } = &action.kind else { panic!("{action:?}") };
    w.outcome(action.op, unknown());
    w.pass(1);
    w.look_from("a", w.now, Source::Single, with_codecs(before));
    assert_eq!(
        w.report("a").reason.to_string(),
        "not known whether the codec change was made; nothing more is done until the platform shows it"
    );
    // The same order, named the other way round.
    let mut turned = order.clone();
    turned.reverse();
    w.look_from("a", w.now, Source::Single, with_codecs(&turned));
    assert_eq!(w.records(EventType::CodecCompleted), 1);

    // Neither the one nor the other: it was not made.
    let (mut w, action) = codec();
    let ActionKind::Codec { order, .. } = &action.kind else { panic!("{action:?}") };
    w.outcome(action.op, unknown());
    w.pass(1);
    let mut other = order.clone();
    (other[0].priority, other[1].priority, other[2].priority) = (3, 2, 1);
    w.look_from("a", w.now, Source::Single, with_codecs(&other));
    assert_eq!((w.records(EventType::CodecCompleted), w.records(EventType::CodecFailed)), (0, 1));
}

#[test]
fn the_old_state_means_not_made_from_the_end_of_its_time_on() {
    for (waited, settled) in [(39, false), (40, true)] {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.outcome(action.op, unknown());
        w.pass(waited);
        w.look("a", "unhealthy", "a");
        assert_eq!(w.records(EventType::FailoverFailed) == 1, settled, "after {waited} s of 10 s and 30 s");
    }
}

#[test]
fn a_look_that_was_asked_for_before_settles_nothing() {
    let mut w = World::three_up();
    let action = w.fail_over();
    let before = w.now;
    w.pass(5);
    w.outcome(action.op, unknown());
    w.look_from("a", before, Source::Single, view("active", "b"));
    assert_eq!(w.records(EventType::FailoverCompleted), 0);
    w.look("a", "active", "b");
    assert_eq!(w.records(EventType::FailoverCompleted), 1);
}

#[test]
fn a_failback_that_shows_late_is_ours() {
    let (mut w, home) = failback();
    w.outcome(home.op, Outcome::NotApplied);
    w.pass(1);
    w.look("a", "healthy", "a");
    assert_eq!((w.records(EventType::FailbackCompleted), w.records(EventType::RouteChanged)), (1, 0));
    // Another route than the one of the late change is someone else's.
    let (mut w, home) = failback();
    w.outcome(home.op, Outcome::NotApplied);
    w.pass(1);
    w.moved("a", "healthy", "c");
    assert_eq!((w.records(EventType::FailbackCompleted), w.records(EventType::RouteChanged)), (0, 1));
}

#[test]
fn what_was_refused_cannot_show_late() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, refused());
    w.pass(1);
    w.moved("a", "unhealthy", "b");
    assert_eq!((w.records(EventType::FailoverCompleted), w.records(EventType::RouteChanged)), (0, 1));
}

#[test]
fn the_platforms_own_active_counts_again_where_ours_was_never_sent() {
    let rows = [
        (Outcome::NotSent { why: "no slot".to_owned() }, Health::Degraded),
        (Outcome::Conflict, Health::Degraded),
        (Outcome::Withdrawn { why: "paused".to_owned() }, Health::Degraded),
        // It may have been sent: what is read may be but our own word.
        (Outcome::NotApplied, Health::Up),
        (refused(), Health::Up),
    ];
    for (outcome, health) in rows {
        let mut w = World::three_up();
        w.order(&Order::Failover { channel: key("a"), to: "b".into(), force: false });
        w.pass(1);
        w.look("a", "healthy", "a").look("b", "healthy", "b");
        let action = w.act().unwrap();
        w.outcome(action.op, outcome.clone());
        w.look("a", "active", "a");
        assert_eq!(w.report("a").health, health, "{outcome:?}");
    }
    // Once a failover of ours shows, a later one that was not sent leaves the echo of the first.
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.down("b");
    w.pass(1);
    w.look("a", "active", "b").look("b", "unhealthy", "b").look("c", "healthy", "c");
    let on = w.act().unwrap();
    assert_eq!(on.kind, ActionKind::Failover { from: "b".into(), to: "c".into() });
    w.outcome(on.op, Outcome::Conflict);
    w.pass(1);
    w.look("a", "active", "b").look("a", "active", "b");
    assert_eq!((w.report("a").health, w.report("a").good_looks), (Health::Down, 0), "our own word is no evidence");
}

#[test]
fn our_word_stays_an_echo_while_a_change_is_under_way() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.look("a", "unhealthy", "a");
    w.applied(action.op);
    w.look("a", "active", "b");
    assert_eq!(w.report("a").health, Health::Down);
    // The platform's own word ends it.
    w.look("a", "degraded", "b").look("a", "healthy", "b").look("a", "healthy", "b");
    assert_eq!(w.report("a").health, Health::Up);
    w.look("a", "active", "b");
    assert_eq!(w.report("a").health, Health::Degraded, "from now on it is a status like any other");
}

#[test]
fn an_orphan_keeps_what_it_was_made_for() {
    // A failover for quality: the way home needs measured quality.
    let mut policy = Policy::default();
    policy.quality.scorer = Scorer::default_tiers();
    policy.codec.enabled = false;
    policy.failover.quality_below = Some(50.0);
    let mut w = World::new(params(&policy, THREE));
    w.up(&["a", "b", "c"]);
    let mut found = None;
    for _ in 0..10 {
        w.telemetry("a", 500.0, 0.0).telemetry("b", 20.0, 0.0);
        w.pass(45);
        w.look("a", "healthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
        found = found.or(w.act());
    }
    let action = found.unwrap();
    let mut next = World::new(params(&policy, THREE));
    next.engine.adopt_orphan(next.now, action.clone());
    next.applied(action.op);
    for _ in 0..34 {
        next.pass(30);
        next.look("b", "healthy", "b").look("c", "healthy", "c").look("a", "healthy", "b");
    }
    assert!(next.text("a").contains("for quality and stays there"), "{}", next.text("a"));
    // A later action gets a later number.
    assert!(next.engine.may_send(action.op).is_err());
    next.down("b");
    next.pass(1);
    next.look("a", "healthy", "b").look("b", "unhealthy", "b");
    assert_eq!(next.act().unwrap().op.0, action.op.0 + 1);
}

#[test]
fn an_orphaned_rescue_that_failed_holds_back_rescues_and_no_failback() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.look("a", "healthy", "b").look("a", "healthy", "b");
    w.down("b");
    w.pass(1);
    w.look("a", "healthy", "b").look("b", "unhealthy", "b");
    let home = w.act().unwrap();
    assert_eq!(home.kind, ActionKind::Failback { from: "b".into() });
    let (_, by_itself) = failback();
    for (action, kind) in [(home, BlockKind::RetryFailover), (by_itself, BlockKind::RetryFailback)] {
        let mut next = World::new(params(&Policy::default(), THREE));
        next.engine.adopt_orphan(next.now, action.clone());
        assert_eq!(next.report("a").in_flight, Some("failback"));
        next.outcome(action.op, refused());
        let blocks = next.report("a").explanation.blocks;
        assert_eq!(blocks.iter().map(|block| block.kind).collect::<Vec<_>>(), [kind]);
    }
}

#[test]
fn an_orphan_of_a_channel_that_left_the_file_is_told_of_once() {
    let mut w = World::three_up();
    let action = w.fail_over();
    let mut next = World::new(params(&Policy::default(), &THREE[1..]));
    next.out.clear();
    next.engine.adopt_orphan(next.now, action.clone());
    next.applied(action.op);
    let words = "record journal.orphan_resolved a: the failover shows on the platform";
    assert_eq!(next.said(), [words]);
    next.applied(action.op);
    assert!(next.said().is_empty());
}

#[test]
fn every_purpose_waits_for_itself_and_an_acknowledgement_ends_it() {
    let (mut w, home) = failback();
    w.outcome(home.op, refused());
    let block = w.report("a").explanation.blocks;
    assert_eq!(block.iter().map(|b| (b.kind, b.left)).collect::<Vec<_>>(), [(BlockKind::RetryFailback, secs(2))]);
    w.order(&Order::Acknowledge { channel: key("a") });
    assert!(w.report("a").explanation.blocks.is_empty());
    let nothing = Order::Acknowledge { channel: key("a") };
    let refused = w.engine.operator(w.now, &nothing, "alice", &mut w.out).unwrap_err().to_string();
    assert_eq!(refused, "nothing to acknowledge: acme/a has no block and no cooldown, and nobody else set its route");
}

#[test]
fn an_acknowledgement_says_what_it_released() {
    let order = Order::Acknowledge { channel: key("a") };
    let acknowledge = |w: &mut World| {
        w.out.clear();
        w.order(&order);
        w.said().remove(0)
    };
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    // To the second: when the block is over there is nothing to release.
    w.pass(600);
    assert!(w.engine.operator(w.now, &order, "alice", &mut w.out).is_err());
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.pass(599);
    assert_eq!(acknowledge(&mut w), "record operator.ordered a: released the block of acme/a");
    let mut w = World::three_up();
    w.moved("a", "healthy", "b");
    assert_eq!(acknowledge(&mut w), "record operator.ordered a: accepted the route of acme/a");
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, refused());
    assert_eq!(acknowledge(&mut w), "record operator.ordered a: released the block of acme/a");
    // To the second as well: when the next try is due, nothing waits.
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, refused());
    w.pass(2);
    assert!(w.engine.operator(w.now, &order, "alice", &mut w.out).is_err());
}

#[test]
fn a_person_may_move_what_came_home_long_ago_and_not_what_has_just_come() {
    let long_ago = |w: &mut World, s: u64| {
        w.pass(s);
        w.look("a", "healthy", "a");
    };
    for (waited, reversal) in [(0, true), (3000, false)] {
        let (mut w, home) = failback();
        w.applied(home.op);
        long_ago(&mut w, waited);
        w.out.clear();
        w.moved("a", "healthy", "c");
        let said = w.said();
        let words = if reversal {
            "record channel.route_changed a: someone else moved traffic from a, where we had put it, to c"
        } else {
            "record channel.route_changed a: someone else moved traffic from a to c"
        };
        assert!(said.contains(&words.to_owned()), "{waited} s after it came home: {said:?}");
    }
}

#[test]
fn a_doubtful_page_of_the_list_is_asked_about_once_in_a_fast_interval() {
    let mut w = World::three_up();
    w.listed("a", "healthy", "b");
    assert_eq!(w.said(), ["look a"]);
    w.pass(1);
    w.listed("a", "healthy", "b");
    assert!(w.said().is_empty());
    w.pass(1);
    w.listed("a", "healthy", "b");
    assert_eq!(w.said(), ["look a"]);
    assert!(!w.report("a").failed_over);
}

#[test]
fn a_route_at_first_sight_is_taken_once_the_channel_itself_has_shown_it_too() {
    let mut w = World::new(params(&Policy::default(), THREE));
    w.listed("a", "healthy", "b");
    w.pass(2);
    w.listed("a", "healthy", "b");
    assert_eq!((w.records(EventType::RouteChanged), w.report("a").route), (0, None), "by pages alone");
    w.look("a", "healthy", "b");
    let words = "record channel.route_changed a: traffic was at b at the first look: someone else moved it";
    assert!(w.said().contains(&words.to_owned()));
    assert!(w.report("a").failed_over && w.report("a").route_foreign);
}

#[test]
fn an_answer_to_a_question_of_the_very_moment_of_the_outcome_tells_the_route() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.pass(1);
    w.applied(action.op);
    w.look("a", "unhealthy", "c");
    w.pass(2);
    w.look("a", "unhealthy", "c");
    assert_eq!(w.records(EventType::RouteChanged), 1, "asked for when our change had ended");
}

#[test]
fn a_record_of_a_change_holds_what_was_and_what_shall_be() {
    let facts = |w: &World, event| {
        let found = w.out.iter().find_map(|command| match command {
            Command::Record(record) if record.event == event => Some(record.clone()),
            _ => None,
        });
        let record = found.unwrap_or_else(|| panic!("no {event:?}"));
        let text = |fact| serde_json::to_string(&fact).unwrap();
        (text(record.before), text(record.after), record.op.map(|op| op.0))
    };
    let mut w = World::three_up();
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    let (before, after, op) = facts(&w, EventType::FailoverIntended);
    assert!(before.contains("\"a\"") && after.contains("\"b\"") && op == Some(1), "{before} {after} {op:?}");
    let action = w.act().unwrap();
    w.applied(action.op);
    let (before, after, op) = facts(&w, EventType::FailoverCompleted);
    assert!(before.contains("\"a\"") && after.contains("\"b\"") && op == Some(1), "{before} {after} {op:?}");
    let (mut w, home) = failback();
    w.applied(home.op);
    let (before, after, _) = facts(&w, EventType::FailbackCompleted);
    assert!(before.contains("\"b\"") && after.contains("\"a\""), "{before} {after}");
    let (mut w, action) = codec();
    w.applied(action.op);
    let (before, after, _) = facts(&w, EventType::CodecCompleted);
    assert!(before.find("PCMU") < before.find("OPUS") && after.find("OPUS") < after.find("PCMU"), "{before} {after}");
}
