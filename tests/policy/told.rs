//! What an answer leaves out: a page of the list that lacks a field says nothing of it, the channel itself has none.

use super::world::{World, key, params, view};
use trunkwarden::policy::{ActionKind, ChannelView, Codec, Command, Policy, Source};

/// A row of a list that leaves out `configuration` and `routing`.
fn bare(status: &str) -> ChannelView {
    ChannelView { status: Some(status.to_owned()), unrouted: true, ..ChannelView::default() }
}

fn names(w: &World) -> Vec<String> {
    w.report("a").candidates.iter().map(|candidate| candidate.channel.to_string()).collect()
}

#[test]
fn a_row_without_configuration_or_routing_takes_nothing_away() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    let seen = ChannelView { failover: Some(vec!["b".into()]), ..view("healthy", "a") };
    w.look_from("a", w.now, Source::Single, seen.clone());
    w.pass(1);
    w.said();
    w.look_from("a", w.now, Source::List, bare("healthy"));
    assert_eq!(names(&w), ["b"]);
    assert_eq!(w.report("a").codecs, seen.codecs.unwrap());
    assert!(w.said().iter().all(|said| !said.starts_with("unwatch")));
    // There and empty is another thing.
    let none = ChannelView { failover: Some(Vec::new()), codecs: Some(Vec::new()), ..view("healthy", "a") };
    w.look_from("a", w.now, Source::List, none);
    assert_eq!((names(&w).len(), w.report("a").codecs.len()), (0, 0));
}

#[test]
fn the_channel_itself_that_names_no_backups_or_codecs_has_none() {
    let mut w = World::new(params(&Policy::default(), &[("a", None)]));
    let seen = ChannelView { failover: Some(vec!["b".into()]), ..view("healthy", "a") };
    w.look_from("a", w.now, Source::Single, seen);
    w.pass(1);
    w.look_from("a", w.now, Source::Single, ChannelView { codecs: None, ..view("healthy", "a") });
    assert_eq!((names(&w), w.report("a").codecs), (Vec::new(), Vec::<Codec>::new()));
}

#[test]
fn a_row_without_routing_is_no_way_home() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.look("a", "unhealthy", "b");
    w.out.clear();
    for _ in 0..5 {
        w.pass(30);
        w.look_from("a", w.now, Source::List, bare("unhealthy"));
    }
    assert_eq!(w.report("a").route.unwrap().as_str(), "b");
    assert!(w.said().iter().all(|said| said != "look a"), "nothing is doubted either");
}

#[test]
fn where_the_list_tells_no_route_the_channel_itself_is_asked() {
    let mut w = World::new(params(&Policy::default(), &[("a", Some(&["b"])), ("b", Some(&[]))]));
    w.look_from("a", w.now, Source::List, bare("healthy"));
    assert!(w.said().contains(&"look a".to_owned()));
    w.look("a", "healthy", "a");
    w.pass(30);
    w.said();
    w.look_from("a", w.now, Source::List, bare("healthy"));
    assert!(!w.said().contains(&"look a".to_owned()));
}

#[test]
fn whose_route_was_never_read_takes_nobodys_traffic() {
    let mut w = World::new(params(&Policy::default(), &[("a", Some(&["b"])), ("b", Some(&[]))]));
    for _ in 0..3 {
        w.look("a", "healthy", "a");
        w.look_from("b", w.now, Source::List, bare("healthy"));
        w.pass(1);
    }
    let against = w.report("a").candidates.into_iter().next().unwrap().against_text;
    assert_eq!(against.as_deref(), Some("does not show where its own traffic goes"));
}

#[test]
fn an_order_whose_outcome_is_unknown_is_not_given_up_over_an_answer_without_codecs() {
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    w.outcome(action.op, trunkwarden::policy::Outcome::Unknown { why: "no answer".into() });
    w.out.clear();
    w.pass(1);
    w.look_from("a", w.now, Source::Single, ChannelView { codecs: None, ..view("healthy", "a") });
    assert_eq!(w.records(trunkwarden::policy::EventType::CodecFailed), 0);
}

#[test]
fn a_channel_whose_codecs_no_row_tells_is_asked_itself_once_where_another_order_may_help() {
    let mut w = World::new(params(&Policy::default(), &[("a", Some(&[]))]));
    let row = ChannelView { codecs: None, ..view("healthy", "a") };
    let asked = |w: &mut World| {
        let out = std::mem::take(&mut w.out).into_iter();
        out.filter(|command| matches!(command, Command::LookNow { channel } if *channel == key("a"))).count()
    };
    for loss in [0.0, 5.0] {
        for _ in 0..2 {
            w.look_from("a", w.now, Source::List, row.clone());
        }
        w.out.clear();
        w.telemetry("a", 30.0, loss);
        assert_eq!(asked(&mut w), usize::from(loss > 0.0), "{loss} %");
        w.pass(30);
    }
    w.look_from("a", w.now, Source::Single, view("healthy", "a"));
    assert!(w.text("a").starts_with("codec change wanted"), "{}", w.text("a"));
    // One that has none itself is not asked again and again.
    let mut w = World::new(params(&Policy::default(), &[("a", Some(&[]))]));
    for _ in 0..2 {
        w.look_from("a", w.now, Source::Single, row.clone());
    }
    w.telemetry("a", 30.0, 5.0);
    assert_eq!(asked(&mut w), 0);
}

#[test]
fn a_target_whose_route_cannot_be_read_is_passed_over_by_its_last_look() {
    let mut w = World::three_up();
    let unread = |status: &str| ChannelView { primary: None, unrouted: true, ..view(status, "b") };
    w.down("a");
    w.pass(1);
    let now = w.now;
    w.look("a", "unhealthy", "a").look_from("b", now, Source::Single, unread("healthy")).look("c", "healthy", "c");
    let action = w.act().unwrap();
    assert_eq!(action.kind, ActionKind::Failover { from: "a".into(), to: "c".into() });
    let against = w.report("a").candidates.into_iter().next().unwrap().against_text;
    assert_eq!(against.as_deref(), Some("does not show where its own traffic goes"));
    // Once it can be read again it is a candidate as before.
    w.look("b", "healthy", "b");
    assert_eq!(w.report("a").candidates[0].against_text, None);
}
