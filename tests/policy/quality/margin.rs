//! The margin by which home has to be better before traffic comes home by itself.

use super::*;
use trunkwarden::policy::{Action, Actor, TenantId, Windows};

/// Scores 81.4 by PCMU: good enough to come home to.
const FAIR: (f64, f64) = (30.0, 0.5);
const HOME: &str = "act a home from b";

fn by(margin: f64) -> Policy {
    let mut policy = Policy::default();
    policy.failover.failback_better_by = Some(margin);
    policy.codec.enabled = false;
    policy
}

/// `a` failed, is well again and measures `home`; its traffic has been at `b`, which is clean, for so many minutes since.
fn away(policy: Policy, home: (f64, f64), minutes: u64) -> Trunks {
    let mut t = Trunks::new(policy);
    t.minutes(6).status.insert("a", "unhealthy");
    t.minutes(3).status.insert("a", "healthy");
    assert!(t.w.report("a").failed_over);
    t.said();
    t.set("a", home).minutes(minutes);
    t
}

#[test]
fn traffic_stays_where_it_sounds_better_and_says_so() {
    let mut t = away(by(3.0), FAIR, 60);
    let held = "failback is held: a scores 81.4 and b 91.3; a has to be better by 3.0";
    assert_eq!(t.said(), [format!("failback.held: {held}")]);
    let report = t.w.report("a");
    assert_eq!((report.held, report.reason_text.as_str()), (Some("failback_margin"), held));
    assert_eq!(report.outlook_at(t.w.now), "a has to score 94.3 while b scores 91.3, or `trunkwarden approve acme/a`");
    // Worse than home, and not by the margin.
    t.set("b", (30.0, 0.6)).minutes(10);
    assert_eq!(t.said(), [] as [String; 0]);
    assert_eq!(t.w.report("a").held, Some("failback_margin"), "{}", t.w.text("a"));
    t.set("b", (30.0, 0.8)).minutes(10);
    assert_eq!(t.said().last().unwrap(), HOME);
}

#[test]
fn a_margin_that_is_not_set_compares_nothing() {
    let mut policy = by(3.0);
    policy.failover.failback_better_by = None;
    assert!(away(policy, FAIR, 20).said().contains(&HOME.to_owned()));
}

#[test]
fn as_good_is_enough_for_a_margin_of_none_and_for_no_other() {
    assert!(away(by(0.0), CLEAN, 20).said().contains(&HOME.to_owned()));
    assert!(!away(by(0.1), CLEAN, 60).said().contains(&HOME.to_owned()));
}

#[test]
fn the_margin_is_asked_at_the_moment_and_good_for_long_enough_before() {
    let mut t = away(by(3.0), FAIR, 60);
    t.set("b", (30.0, 2.0)).minutes(1);
    assert_eq!(t.said().len(), 1, "one bad minute of five");
    t.minutes(1);
    assert_eq!(t.said().last().unwrap(), HOME, "home has been good for an hour: no quarter of an hour more");
}

#[test]
fn what_is_not_measured_holds_nothing() {
    let mut t = away(by(3.0), FAIR, 20);
    t.said();
    t.silent("a").minutes(6);
    assert_eq!(t.said().last().unwrap(), HOME, "a line without calls has no telemetry");
    let mut t = away(by(3.0), FAIR, 20);
    t.said();
    t.silent("b").minutes(6);
    assert_eq!(t.said().last().unwrap(), HOME);
}

#[test]
fn a_move_for_quality_still_needs_home_to_be_measured_good() {
    let mut policy = moving();
    policy.failover.failback_better_by = Some(3.0);
    let mut t = Trunks::new(policy);
    t.silent("c").minutes(6).set("a", BAD).minutes(12);
    assert!(t.w.report("a").failed_over);
    t.said();
    t.silent("a").minutes(60);
    assert_eq!(t.said(), [] as [String; 0]);
}

#[test]
fn it_holds_within_the_window_of_the_calendar_too() {
    let mut policy = by(3.0);
    policy.failover.failback = Failback::Window;
    let mut t = away(policy, FAIR, 20);
    assert_eq!(t.w.report("a").held, Some("failback_window"));
    let open = Windows { maintenance: false, failback: true };
    t.w.engine.set_windows(t.w.now, "", open, &mut t.w.out);
    t.minutes(2);
    assert_eq!(t.w.report("a").held, Some("failback_margin"));
    t.set("b", BAD).minutes(2);
    assert_eq!(t.said().last().unwrap(), HOME);
}

#[test]
fn what_a_person_wants_is_not_held() {
    let home = |action: &Action| action.actor == Actor::Operator("alice".to_owned());
    let mut t = away(by(3.0), FAIR, 20);
    t.w.order(&Order::Approve { channel: key("a") });
    t.minutes(1);
    assert!(t.said().contains(&HOME.to_owned()) && home(&t.acts.last().unwrap().1));
    let mut t = away(by(3.0), FAIR, 20);
    t.w.order(&Order::Failback { channel: key("a"), force: false });
    t.minutes(1);
    assert!(t.said().contains(&HOME.to_owned()) && home(&t.acts.last().unwrap().1));
}

#[test]
fn a_failed_backup_is_left_whatever_it_scored() {
    let mut t = away(by(3.0), FAIR, 20);
    t.said();
    t.status.insert("b", "unhealthy");
    t.minutes(3);
    assert!(t.said().contains(&HOME.to_owned()));
}

#[test]
fn a_route_that_proved_worse_comes_back_by_its_own_margin() {
    let mut policy = moving();
    policy.failover.failback_better_by = Some(50.0);
    let mut t = Trunks::new(policy);
    t.silent("c").minutes(6).set("a", BAD).minutes(12);
    assert!(t.w.report("a").failed_over);
    t.said();
    // Home scores 23.8 points more: enough for `better_by`, and not for this one.
    t.set("b", WORSE).minutes(4);
    assert!(t.said().contains(&HOME.to_owned()), "{}", t.w.text("a"));
}

#[test]
fn a_pause_comes_first_and_leaves_the_margin_as_it_was() {
    let mut t = away(by(3.0), FAIR, 20);
    t.w.order(&Order::Pause { tenant: Some(TenantId::from("acme")) });
    t.minutes(1);
    assert_eq!(t.w.report("a").held, Some("paused"));
    t.w.order(&Order::Resume { tenant: Some(TenantId::from("acme")) });
    t.minutes(1);
    assert_eq!(t.w.report("a").held, Some("failback_margin"));
}
