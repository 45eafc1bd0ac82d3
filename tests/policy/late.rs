//! Codec orders that show on the platform after their time was over.

use super::world::{World, key, secs, view};
use trunkwarden::policy::{Action, ActionKind, ChannelView, Codec, EventType, Order, Outcome, Source};

/// `a` loses packets: a codec order that never showed in its time, and what it was.
fn late() -> (World, Vec<Codec>, Vec<Codec>) {
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let Action { op, kind: ActionKind::Codec { order, before, .. }, .. } = w.act().unwrap() else { panic!() };
    w.outcome(op, Outcome::NotApplied);
    w.out.clear();
    w.pass(1);
    (w, order, before)
}

fn shown(codecs: &[Codec]) -> ChannelView {
    ChannelView { codecs: Some(codecs.to_vec()), ..view("healthy", "a") }
}

fn look(w: &mut World, source: Source, codecs: &[Codec]) {
    w.look_from("a", w.now, source, shown(codecs));
}

#[test]
fn a_codec_order_that_shows_late_is_ours() {
    let (mut w, order, _) = late();
    look(&mut w, Source::Single, &order);
    assert_eq!(w.records(EventType::CodecCompleted), 1);
    let said = w.said();
    assert!(
        said.contains(&"record codec.completed a: the codec change shows on the platform after all".to_owned()),
        "{said:?}"
    );
    let report = w.report("a");
    assert_eq!(report.explanation.quality.trial.unwrap().state, "measuring");
    assert_eq!(report.explanation.blocks[0].left, secs(600), "the cooldown counts from here");
    look(&mut w, Source::Single, &order);
    assert_eq!(w.records(EventType::CodecCompleted), 0, "once");
}

#[test]
fn what_showed_late_goes_back_after_an_hour_of_good_conditions() {
    let (mut w, order, before) = late();
    look(&mut w, Source::Single, &order);
    for _ in 0..140 {
        w.pass(30);
        w.telemetry("a", 20.0, 0.0).look("b", "healthy", "b").look("c", "healthy", "c");
        look(&mut w, Source::Single, &order);
        if let Some(back) = w.act() {
            let ActionKind::Codec { order, .. } = back.kind else { panic!("{:?}", back.kind) };
            assert_eq!(order, before);
            return;
        }
    }
    panic!("taken for an operator's: {}", w.text("a"));
}

#[test]
fn a_page_of_the_list_that_shows_it_has_the_channel_asked() {
    let (mut w, order, _) = late();
    look(&mut w, Source::List, &order);
    let said = w.said();
    assert!(said.contains(&"look a".to_owned()), "{said:?}");
    assert_eq!(w.records(EventType::CodecCompleted), 0);
    look(&mut w, Source::Single, &order);
    assert_eq!(w.records(EventType::CodecCompleted), 1);
}

#[test]
fn another_order_or_one_that_shows_after_an_hour_is_somebody_elses() {
    let (mut w, mut order, _) = late();
    order.rotate_left(1);
    (1..).zip(&mut order).for_each(|(n, codec)| codec.priority = n);
    look(&mut w, Source::Single, &order);
    assert_eq!(w.records(EventType::CodecCompleted), 0);

    let (mut w, order, _) = late();
    w.order(&Order::Pause { tenant: None });
    w.pass(3600);
    look(&mut w, Source::Single, &order);
    assert_eq!(w.records(EventType::CodecCompleted), 0);
    assert_eq!(w.engine.channel(w.now, &key("a")).unwrap().explanation.quality.trial, None);
}

#[test]
fn what_was_refused_or_asked_for_before_it_ended_shows_nothing_of_ours() {
    let (mut w, order, _) = late();
    let before = w.now.back(secs(2));
    w.look_from("a", before, Source::Single, shown(&order));
    assert_eq!(w.records(EventType::CodecCompleted), 0);
    let mut w = World::three_up();
    w.telemetry("a", 30.0, 4.0);
    w.pass(1);
    w.look("a", "healthy", "a");
    let action = w.act().unwrap();
    w.outcome(action.op, Outcome::Refused { why: "400".to_owned() });
    w.pass(1);
    let ActionKind::Codec { order, .. } = action.kind else { panic!() };
    look(&mut w, Source::Single, &order);
    assert_eq!(w.records(EventType::CodecCompleted), 0);
}
