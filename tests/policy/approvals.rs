//! What an approval covers: what was proposed, for the target that was named.

use super::world::{World, key, params, view};
use trunkwarden::policy::{ActionKind, Actor, ChannelView, Codec, EventType, Mode, Order, Policy, PolicyMode, Source};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn proposing() -> World {
    let mut w = World::new(params(&Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() }, THREE));
    w.up(&["a", "b", "c"]);
    w
}

fn approve(w: &mut World) {
    w.order(&Order::Approve { channel: key("a") });
}

fn to(from: &str, to: &str) -> ActionKind {
    ActionKind::Failover { from: from.into(), to: to.into() }
}

/// `a` is down, and its move to `b` is proposed.
fn proposed() -> World {
    let mut w = proposing();
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    assert_eq!(w.text("a"), "failover to b is held: the mode is propose and nobody has approved it");
    w.out.clear();
    w
}

#[test]
fn an_approval_names_the_target_that_it_was_given_for() {
    let mut w = proposed();
    approve(&mut w);
    assert!(w.said().contains(&"record operator.ordered a: approved the failover to b proposed for acme/a".to_owned()));
    w.pass(1);
    w.look("a", "unhealthy", "a").look("c", "healthy", "c").look("b", "healthy", "b");
    let action = w.act().unwrap();
    assert_eq!((action.kind, action.actor), (to("a", "b"), Actor::Operator("alice".to_owned())));
}

#[test]
fn another_target_needs_another_approval() {
    let mut w = proposed();
    approve(&mut w);
    w.out.clear();
    w.pass(1);
    w.look("b", "unhealthy", "b").look("a", "unhealthy", "a").look("c", "healthy", "c");
    assert_eq!((w.records(EventType::Lapsed), w.records(EventType::FailoverHeld)), (1, 1));
    let said = w.said();
    let lapsed = "record operator.lapsed a: the approval of the failover to b lapsed: b cannot take the traffic now, and \
                  alice did not approve c";
    let held = "record failover.held a: failover to c is held: the mode is propose and nobody has approved it";
    let found: Vec<&String> =
        said.iter().filter(|said| said.contains("a: the approval") || said.contains("held")).collect();
    assert_eq!(found, [lapsed, held], "{said:?}");
    assert_eq!(w.report("a").proposal_left.map(|left| left.as_secs()), Some(900), "as long as any");
    // What b is fit for again was approved, and is not any more.
    w.pass(1);
    w.look("b", "healthy", "b").look("b", "healthy", "b").look("a", "unhealthy", "a").look("c", "healthy", "c");
    assert!(w.act().is_none());
    approve(&mut w);
    w.pass(1);
    w.look("a", "unhealthy", "a").look("c", "healthy", "c").look("b", "healthy", "b");
    let action = w.act().unwrap();
    assert_eq!((action.kind, action.actor), (to("a", "c"), Actor::Operator("alice".to_owned())));
}

#[test]
fn what_was_approved_goes_before_what_is_preferred() {
    let mut w = proposing();
    w.look("b", "degraded", "b");
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("c", "healthy", "c");
    assert_eq!(w.text("a"), "failover to c is held: the mode is propose and nobody has approved it");
    approve(&mut w);
    w.out.clear();
    w.pass(1);
    w.look("b", "healthy", "b").look("b", "healthy", "b").look("c", "healthy", "c").look("a", "unhealthy", "a");
    assert_eq!(w.act().unwrap().kind, to("a", "c"));
}

#[test]
fn a_rescue_that_was_approved_for_a_backup_does_not_go_home_instead() {
    let mut w = proposed();
    approve(&mut w);
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    let action = w.act().unwrap();
    w.applied(action.op);
    w.down("b");
    w.pass(1);
    w.look("b", "unhealthy", "b").look("a", "unhealthy", "b").look("c", "healthy", "c");
    assert_eq!(w.text("a"), "failover to c is held: the mode is propose and nobody has approved it");
    approve(&mut w);
    w.out.clear();
    w.pass(1);
    w.look("c", "degraded", "c").look("a", "healthy", "b").look("a", "healthy", "b").look("b", "unhealthy", "b");
    assert!(w.act().is_none());
    assert_eq!(w.text("a"), "failover to a is held: the mode is propose and nobody has approved it");
    approve(&mut w);
    w.pass(1);
    w.look("a", "healthy", "b").look("b", "unhealthy", "b");
    assert_eq!(w.act().unwrap().kind, ActionKind::Failback { from: "b".into() });
}

fn codecs(names: &[&str]) -> Vec<Codec> {
    (1..).zip(names).map(|(priority, name)| Codec { name: (*name).to_owned(), priority }).collect()
}

/// `a` sounds bad, and another order of its codecs is proposed.
fn codec_proposed() -> World {
    let mut w = proposing();
    w.telemetry("a", 30.0, 5.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    assert_eq!(w.text("a"), "codec order OPUS, G729, PCMU is held: the mode is propose and nobody has approved it");
    w.out.clear();
    w
}

#[test]
fn an_approval_names_the_codec_order_and_that_order_is_carried_out_whatever_would_be_proposed_by_then() {
    let mut w = codec_proposed();
    approve(&mut w);
    let said = w.said();
    let named = "record operator.ordered a: approved the codec order OPUS, G729, PCMU proposed for acme/a";
    assert!(said.contains(&named.to_owned()), "{said:?}");
    // By now PCMU would stand before G729.
    w.telemetry("a", 450.0, 2.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap_or_else(|| panic!("{}", w.text("a")));
    let ActionKind::Codec { order, .. } = action.kind else { panic!("{action:?}") };
    assert_eq!((order, action.actor), (codecs(&["OPUS", "G729", "PCMU"]), Actor::Operator("alice".to_owned())));
}

#[test]
fn an_order_that_is_of_no_use_any_more_is_not_carried_out_and_neither_is_another_in_its_place() {
    let mut w = codec_proposed();
    approve(&mut w);
    w.out.clear();
    // The platform lost a codec meanwhile: what was approved is no order of these.
    let shown = ChannelView { codecs: Some(codecs(&["PCMU", "OPUS"])), ..view("healthy", "a") };
    w.pass(1);
    w.look_from("a", w.now, Source::Single, shown.clone());
    w.pass(1);
    w.look_from("a", w.now, Source::Single, shown);
    let said = w.said();
    let lapsed = "record operator.lapsed a: the approval of the codec order OPUS, G729, PCMU lapsed: that order no longer helps, and \
                  alice did not approve OPUS, PCMU";
    let held = "record codec.held a: codec order OPUS, PCMU is held: the mode is propose and nobody has approved it";
    assert!(said.contains(&lapsed.to_owned()) && said.contains(&held.to_owned()), "{said:?}");
    assert!(!said.iter().any(|said| said.starts_with("act")), "{said:?}");
    approve(&mut w);
    w.pass(1);
    let shown = ChannelView { codecs: Some(codecs(&["PCMU", "OPUS"])), ..view("healthy", "a") };
    w.look_from("a", w.now, Source::Single, shown);
    assert!(matches!(w.act().unwrap().kind, ActionKind::Codec { order, .. } if order == codecs(&["OPUS", "PCMU"])));
}
