//! A score far below what is usual for the channel.

use super::*;

/// Seven hours of clean calls: what is usual is known.
fn usual(policy: Policy) -> Trunks {
    let mut t = Trunks::new(policy);
    t.minutes(7 * 60);
    t.said();
    t
}

#[test]
fn a_score_far_below_what_is_usual_moves_traffic_once_it_has_lasted() {
    let mut t = usual(degraded(5.0));
    // The mean of the window is 5 points below after two of its five minutes.
    t.set("a", (30.0, 0.5)).minutes(6);
    assert_eq!(t.said(), [] as [String; 0]);
    let low = t.w.report("a").explanation.quality.low.unwrap();
    assert!(low.of_baseline && low.lasted == secs(180) && low.needed == secs(300), "{low:?}");
    assert!(
        t.w.report("a")
            .outlook_at(t.w.now)
            .contains("; or a score below 86.3 for another 2 min, then to a better candidate")
    );
    t.minutes(2);
    assert_eq!(
        t.said(),
        [
            "failover.intended: moving a to b: score 81.4, 9.9 below its usual 91.3 (degraded_by 5.0) for 5 min; b is up \
             and carries 0 of 2 others",
            "act a a to b"
        ]
    );
}

#[test]
fn without_degraded_by_nothing_is_degraded() {
    let mut policy = degraded(5.0);
    policy.quality.degraded_by = None;
    let mut t = usual(policy);
    t.set("a", (30.0, 0.8)).minutes(20);
    assert_eq!(t.said(), [] as [String; 0]);
    assert!(t.w.report("a").quality.unwrap().baseline.is_some(), "it is shown all the same");
}

#[test]
fn what_became_bad_and_good_again_in_between_did_not_last() {
    let mut t = usual(degraded(5.0));
    t.set("a", (30.0, 0.5)).minutes(3).set("a", CLEAN).minutes(5).set("a", (30.0, 0.5)).minutes(4);
    assert_eq!(t.said(), [] as [String; 0]);
}

#[test]
fn nobody_better_by_the_margin_is_no_candidate() {
    let mut t = usual(degraded(5.0));
    t.set("a", (30.0, 0.5)).set("b", (30.0, 0.4)).silent("c").minutes(8);
    let said = t.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].ends_with("no candidate is fit: b scores 83.2 and needs 86.4, c has no score and needs 86.4"),
        "{said:?}"
    );
}

#[test]
fn traffic_stays_away_while_home_is_degraded_though_its_score_is_no_bad_one() {
    let mut t = usual(degraded(5.0));
    t.set("a", (30.0, 0.5)).minutes(40);
    assert!(score(&t) > 80.0 && t.w.report("a").failed_over);
    assert_eq!(t.w.text("a"), "traffic is at b; home is up, but not known to be good");
    t.set("a", CLEAN).minutes(25);
    assert!(!t.w.report("a").failed_over);
}

#[test]
fn what_is_usual_survives_a_restart_and_lasting_begins_anew() {
    let mut t = usual(degraded(5.0));
    t.set("a", (30.0, 0.5)).minutes(5);
    let usual = t.w.report("a").quality.unwrap().baseline;
    t.restart(600).minutes(4);
    assert_eq!(t.w.report("a").quality.unwrap().baseline, usual);
    assert_eq!(t.said(), [] as [String; 0], "ten minutes without telemetry are none of bad sound");
    t.minutes(4);
    assert!(t.said().contains(&"act a a to b".to_owned()));
}

#[test]
fn what_is_usual_is_forgotten_after_a_day_without_telemetry() {
    let mut t = usual(degraded(5.0));
    t.restart(25 * 3600).minutes(5);
    assert_eq!(t.w.report("a").quality.unwrap().baseline, None);
}
