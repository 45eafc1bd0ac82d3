//! Remedies that are proposed to a person, one after the other where nobody approves.

use super::*;
use trunkwarden::policy::{Mode, Params};

const LAPSED: &str = "nobody approved the proposal within 15 min";

/// Moves for a score below 75 that lasts a minute.
fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.failover.quality_below = Some(75.0);
    policy.failover.quality_for = secs(60);
    policy
}

/// From now on a person has to approve.
fn proposing(t: &mut Trunks) {
    let all: &[(&str, Option<&[&str]>)] = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];
    let params = Params { mode: Mode::Propose, ..super::super::world::params(&t.policy, all) };
    t.w.engine.reconfigure(t.w.now, params, &mut t.w.out);
}

/// OPUS was put first and measured worse: putting PCMU back is proposed.
fn undo() -> Trunks {
    let mut t = Trunks::new(policy());
    t.codecs.get_mut("a").unwrap().pop();
    t.minutes(6).set("a", (30.0, 4.0)).minutes(1);
    proposing(&mut t);
    t.said();
    t.set("a", (30.0, 16.0)).minutes(3);
    assert_eq!(
        t.said().last().unwrap(),
        "codec.held: codec order PCMU, OPUS is held: the mode is propose and nobody has approved it"
    );
    t
}

#[test]
fn an_undo_that_nobody_approved_makes_room_for_a_move_and_both_lapse_once() {
    let mut t = undo();
    t.minutes(14);
    assert_eq!(t.said(), [] as [String; 0]);
    t.minutes(2);
    assert_eq!(
        t.said(),
        [
            format!("operator.lapsed: codec order PCMU, OPUS is held: {LAPSED}"),
            "failover.held: failover to b is held: the mode is propose and nobody has approved it".to_owned(),
        ]
    );
    t.minutes(120);
    assert_eq!(t.said(), [format!("operator.lapsed: failover to b is held: {LAPSED}")]);
    assert_eq!(t.acts.len(), 1);
}

#[test]
fn the_move_that_is_proposed_then_can_be_approved() {
    let mut t = undo();
    t.minutes(16);
    t.w.order(&Order::Approve { channel: key("a") });
    t.minutes(2);
    assert!(t.said().contains(&"act a a to b".to_owned()), "{}", t.w.text("a"));
}

#[test]
fn a_move_that_nobody_approved_makes_room_for_a_codec_order() {
    let mut t = Trunks::new(policy());
    t.minutes(6);
    proposing(&mut t);
    t.set("a", BAD).minutes(4);
    t.said();
    assert_eq!(t.w.text("a"), "failover to b is held: the mode is propose and nobody has approved it");
    t.minutes(16);
    assert_eq!(
        t.w.text("a"),
        "codec order OPUS, G729, PCMU is held: the mode is propose and nobody has approved it",
        "{:?}",
        t.said()
    );
    t.minutes(120);
    let lapsed = t.said().into_iter().filter(|said| said.starts_with("operator.lapsed")).count();
    assert_eq!(lapsed, 2, "each once");
    // What is not wanted any more and is wanted again is proposed again.
    t.set("a", CLEAN).minutes(6).set("a", BAD).minutes(6);
    assert!(t.said().iter().any(|said| said.starts_with("failover.held")));
}

#[test]
fn a_roll_back_that_nobody_approved_makes_room_for_the_failback() {
    let mut t = Trunks::new(moving());
    t.silent("c").minutes(6).set("a", BAD).minutes(12);
    assert!(t.w.report("a").failed_over);
    proposing(&mut t);
    t.said();
    t.set("b", WORSE).minutes(20).set("a", CLEAN).minutes(25);
    let said = t.said();
    let held = "failback.held: failback to a is held: the mode is propose and nobody has approved it";
    assert_eq!(said.iter().filter(|said| *said == held).count(), 2, "{said:?}");
    t.w.order(&Order::Approve { channel: key("a") });
    t.minutes(1);
    let last = t.said();
    assert!(
        last.iter().any(|said| said.contains("taking a home from b: up and good for")),
        "{last:?} {}",
        t.w.text("a")
    );
}
