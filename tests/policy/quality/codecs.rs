//! What becomes of a codec order that was put in place.

use super::*;

/// PCMU and OPUS, under 4 % loss: OPUS is put first.
fn on_trial() -> Trunks {
    let mut t = Trunks::new(Policy::default());
    t.codecs.get_mut("a").unwrap().pop();
    t.minutes(6).set("a", (30.0, 4.0)).minutes(1);
    t
}

const INTENDED: &str = "codec.intended: putting codec OPUS before PCMU: score 76.4, predicted gain 8.3 points";
const PUT: &str = "act a codecs OPUS PCMU";
const UNDONE: &str = "act a codecs PCMU OPUS";

#[test]
fn an_order_that_keeps_its_promise_stays() {
    let mut t = on_trial();
    assert_eq!(t.said(), [INTENDED, PUT]);
    t.minutes(2);
    assert_eq!(t.said(), [] as [String; 0], "a bucket that may hold calls of before does not count");
    t.minutes(1);
    assert_eq!(t.said(), ["codec.measured: codec OPUS before PCMU holds: measured 70.5, predicted 84.7, 45.5 before"]);
    t.minutes(30);
    assert_eq!(t.said(), [] as [String; 0]);
    let trial = t.w.report("a").explanation.quality.trial.unwrap();
    assert_eq!((trial.state, trial.to.as_str()), ("holds", "OPUS"));
}

#[test]
fn an_order_that_is_worse_than_the_one_before_is_taken_back_in_spite_of_the_cooldown() {
    let mut t = on_trial();
    t.said();
    t.set("a", (400.0, 12.0)).minutes(3);
    assert_eq!(
        t.said(),
        [
            "codec.measured: codec OPUS before PCMU is worse than before: measured 16.5, predicted 84.7, 45.5 before",
            "codec.intended: putting codec PCMU back before OPUS: OPUS is worse, measured 16.5, predicted 84.7, \
             45.5 before",
            UNDONE,
            "codec.held: codec change is held: the codecs are in cooldown for another 10 min"
        ]
    );
    assert_eq!(t.w.report("a").codecs[0].name, "PCMU");
}

#[test]
fn a_refuted_order_is_left_alone_while_conditions_are_what_they_were() {
    let mut t = on_trial();
    t.set("a", (400.0, 12.0)).minutes(3).set("a", (30.0, 4.0)).minutes(12);
    t.said();
    assert_eq!(
        t.w.text("a"),
        "score 45.5, codecs stay as they are: OPUS first was tried and measured worse (16.5 after 45.5), and \
         conditions have not changed"
    );
    t.minutes(60);
    assert_eq!(t.said(), [] as [String; 0]);
    t.minutes(10);
    assert!(t.said().contains(&PUT.to_owned()), "after eight cooldowns it is forgotten");
}

#[test]
fn a_refuted_order_may_be_tried_again_where_conditions_changed() {
    let mut t = on_trial();
    // They stay bad after the order was put back: it was not to blame.
    t.set("a", (30.0, 30.0)).minutes(3);
    assert!(t.said().contains(&UNDONE.to_owned()));
    t.minutes(9);
    assert_eq!(t.said(), [] as [String; 0]);
    t.minutes(2);
    assert!(t.said().contains(&PUT.to_owned()));
}

#[test]
fn the_cooldown_grows_with_each_refuted_order() {
    let mut t = on_trial();
    t.set("a", (30.0, 30.0)).minutes(3);
    let block = |t: &Trunks| t.w.report("a").explanation.blocks[0].left.as_secs() / 60;
    assert_eq!(block(&t), 10);
    t.minutes(11).set("a", (400.0, 50.0)).minutes(3);
    assert_eq!(t.said().iter().filter(|said| *said == UNDONE).count(), 2);
    assert_eq!(block(&t), 13, "twice 10 min, decayed over a quarter of an hour");
}

#[test]
fn an_order_that_cannot_be_measured_in_time_stays_and_says_so() {
    let mut t = on_trial();
    t.said();
    t.silent("a").minutes(12);
    assert_eq!(t.said(), [] as [String; 0]);
    t.minutes(2);
    assert_eq!(t.said(), ["codec.measured: too little telemetry within 13 min to measure codec OPUS: it stays first"]);
    t.set("a", WORSE).minutes(20);
    assert!(!t.said().contains(&UNDONE.to_owned()));
}

#[test]
fn an_order_is_measured_across_a_restart() {
    let mut t = on_trial();
    t.said();
    t.restart(1800).set("a", (400.0, 12.0)).minutes(1);
    assert_eq!(t.w.report("a").explanation.quality.trial.unwrap().state, "measuring", "time while down does not count");
    t.minutes(2);
    assert_eq!(t.said()[2], UNDONE);
}

#[test]
fn what_is_refuted_survives_a_restart() {
    let mut t = on_trial();
    t.set("a", (400.0, 12.0)).minutes(3).set("a", (30.0, 4.0)).minutes(2).restart(1200).minutes(20);
    assert!(t.w.text("a").contains("OPUS first was tried and measured worse"), "{}", t.w.text("a"));
}

#[test]
fn someone_elses_order_ends_the_trial() {
    let mut t = on_trial();
    t.said();
    t.codecs.get_mut("a").unwrap().reverse();
    for (n, codec) in (1..).zip(t.codecs.get_mut("a").unwrap()) {
        codec.priority = n;
    }
    t.set("a", WORSE).minutes(5);
    assert!(t.said().iter().all(|said| !said.starts_with("codec.measured") && said != UNDONE));
    assert_eq!(t.w.report("a").explanation.quality.trial, None);
}

#[test]
fn a_move_for_quality_waits_until_the_codec_order_is_measured() {
    let mut policy = Policy::default();
    policy.failover.quality_below = Some(75.0);
    policy.failover.quality_for = secs(60);
    let mut t = Trunks::new(policy);
    t.codecs.get_mut("a").unwrap().pop();
    t.minutes(6).set("a", BAD).minutes(1);
    assert!(t.said().contains(&PUT.to_owned()), "the cheaper remedy comes first");
    t.set("a", (30.0, 8.0)).minutes(2);
    assert_eq!(t.said(), [] as [String; 0]);
    assert!(t.w.text("a").contains("OPUS was put first and is being measured"), "{}", t.w.text("a"));
    t.minutes(1);
    let said = t.said();
    assert!(said.iter().any(|said| said.starts_with("codec.measured")), "{said:?}");
    assert_eq!(said.last().unwrap(), "act a a to b", "{said:?}");
}

#[test]
fn an_acknowledgement_ends_the_cooldown_and_forgets_what_was_refuted() {
    let mut t = on_trial();
    t.set("a", (400.0, 12.0)).minutes(3).set("a", (30.0, 4.0)).minutes(3);
    t.said();
    assert_eq!(t.w.report("a").explanation.quality.refuted.len(), 1);
    t.w.order(&Order::Acknowledge { channel: key("a") });
    let report = t.w.report("a");
    assert_eq!((report.explanation.blocks.len(), report.explanation.quality.refuted.len()), (0, 0));
    t.minutes(1);
    let said = t.said();
    assert_eq!(said[0], "operator.ordered: released the codecs of acme/a");
    assert!(said.contains(&PUT.to_owned()), "{said:?} {}", t.w.text("a"));
    // Its cooldown is that of a first one.
    t.set("a", (400.0, 12.0)).minutes(3);
    assert!(t.said().contains(&UNDONE.to_owned()));
    assert_eq!(t.w.report("a").explanation.blocks[0].left.as_secs() / 60, 10);
    t.w.order(&Order::Acknowledge { channel: key("a") });
    let again = t.w.engine.operator(t.w.now, &Order::Acknowledge { channel: key("a") }, "alice", &mut t.w.out);
    assert_eq!(
        again.unwrap_err().to_string(),
        "nothing to acknowledge: acme/a has no block and no cooldown, and nobody else set its route"
    );
}

/// OPUS first is measured worse while nothing may be changed.
fn worse_and_held() -> Trunks {
    let mut t = on_trial();
    t.w.order(&Order::Pause { tenant: None });
    t.set("a", (400.0, 12.0)).minutes(3);
    let said = t.said();
    assert_eq!(said.last().unwrap(), "codec.held: codec change is held: everything is paused", "{said:?}");
    t
}

#[test]
fn an_order_that_is_to_be_put_back_is_measured_on() {
    let mut t = worse_and_held();
    t.set("a", CLEAN).minutes(6);
    assert_eq!(
        t.said(),
        ["codec.measured: codec OPUS before PCMU holds: measured 50.2, predicted 84.7, 45.5 before".to_owned()]
    );
    t.w.order(&Order::Resume { tenant: None });
    t.minutes(10);
    assert!(!t.said().contains(&UNDONE.to_owned()));
}

#[test]
fn an_order_is_not_put_back_by_telemetry_that_is_stale() {
    let mut t = worse_and_held();
    t.silent("a").minutes(43);
    t.w.order(&Order::Resume { tenant: None });
    t.minutes(5);
    assert_eq!(t.acts.len(), 1, "{:?}", t.said());
    t.set("a", (400.0, 12.0)).minutes(3);
    assert!(t.said().contains(&UNDONE.to_owned()), "{}", t.w.text("a"));
}

/// OPUS first is measured worse in the minute in which `a` fails; so long after, its traffic is home again.
fn worse_and_away() -> Trunks {
    let mut t = on_trial();
    t.set("a", (400.0, 12.0)).minutes(2).status.insert("a", "unhealthy");
    t.minutes(3);
    let said = t.said();
    assert!(said.iter().any(|said| said.contains("is worse than before")), "{said:?}");
    assert_eq!(t.acts.last().unwrap().1.kind, ActionKind::Failover { from: "a".into(), to: "b".into() });
    t.set("a", CLEAN).status.insert("a", "healthy");
    while t.w.report("a").failed_over {
        t.minutes(1);
    }
    assert_eq!(t.w.report("a").explanation.quality.trial.unwrap().state, "worse");
    assert_eq!(t.acts.len(), 3, "nothing follows the way home at once: {:?}", t.said());
    t.said();
    t
}

#[test]
fn what_was_measured_before_traffic_left_takes_nothing_back_when_it_is_home() {
    let mut t = worse_and_away();
    t.minutes(2);
    assert_eq!(t.said(), [] as [String; 0]);
    t.minutes(2);
    assert_eq!(
        t.said(),
        ["codec.measured: codec OPUS before PCMU holds: measured 89.1, predicted 84.7, 45.5 before".to_owned()]
    );
    t.minutes(20);
    assert_eq!(t.acts.len(), 3);
}

#[test]
fn an_order_that_is_worse_at_home_again_is_put_back() {
    let mut t = worse_and_away();
    t.set("a", (400.0, 12.0)).minutes(2);
    assert_eq!(t.acts.len(), 3, "too little of it is measured");
    t.minutes(1);
    assert!(t.said().contains(&UNDONE.to_owned()), "{}", t.w.text("a"));
}

#[test]
fn what_was_measured_before_a_restart_is_measured_again() {
    let mut t = worse_and_held();
    t.restart(2400).set("a", CLEAN).minutes(7);
    assert!(!t.said().contains(&UNDONE.to_owned()));
    assert_eq!(t.w.report("a").explanation.quality.trial.unwrap().state, "holds");
}
