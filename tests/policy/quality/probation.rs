//! A route that was taken for quality has to prove itself.

use super::*;

/// `a` has moved to `b` for its sound, a minute ago.
fn moved(policy: Policy) -> Trunks {
    let mut t = Trunks::new(policy);
    t.silent("c").minutes(6).set("a", BAD);
    while !t.w.report("a").failed_over {
        t.minutes(1);
    }
    t.said();
    t
}

const HOME: &str = "act a home from b";

#[test]
fn a_route_that_is_worse_than_what_was_left_is_rolled_back_in_spite_of_the_block() {
    let mut t = moved(moving());
    t.set("b", WORSE).minutes(2);
    assert_eq!(t.said(), [] as [String; 0], "too little is measured yet");
    let on = t.w.report("a").explanation.quality.probation.unwrap();
    assert_eq!((on.backup.as_str(), on.measured, on.left), ("b", None, secs(360)));
    assert!(
        t.w.report("a")
            .outlook_at(t.w.now)
            .ends_with("; or at once, if b scores 30.2 or less on probation and home is better")
    );
    t.minutes(1);
    assert_eq!(
        t.said(),
        [
            "failback.intended: taking a home from b: b scored 16.4 on probation; home scored 40.2 when its traffic \
             left, and scores 40.2 now",
            HOME,
            "failover.held: failover is held: the channel is blocked for another 18 min"
        ]
    );
    let block = t.w.report("a").blocked_for.unwrap().as_secs() / 60;
    assert_eq!(block, 18, "twice 10 min, decayed over 3 min: it counts for the hold-down");
    t.minutes(15);
    assert_eq!(t.said(), [] as [String; 0], "the next failover waits for the block");
}

#[test]
fn home_has_to_be_good_by_a_last_look() {
    let mut policy = moving();
    policy.health.fall = 9;
    let mut t = moved(policy);
    t.set("b", WORSE).minutes(2).status.insert("a", "unhealthy");
    t.minutes(2);
    assert_eq!(t.said(), [] as [String; 0], "up still, and its last look is bad");
    t.status.insert("a", "healthy");
    t.minutes(1);
    assert!(t.said().contains(&HOME.to_owned()));
}

#[test]
fn a_route_that_is_not_worse_by_the_margin_stays() {
    let mut t = moved(moving());
    t.set("b", (30.0, 6.0)).minutes(20);
    assert_eq!(t.said(), [] as [String; 0]);
    assert_eq!(t.w.report("a").explanation.quality.probation, None, "it is over after 8 min");
}

#[test]
fn a_home_that_is_worse_still_or_not_measured_takes_nothing_back() {
    let mut t = moved(moving());
    t.set("a", (30.0, 18.0)).minutes(3).set("b", WORSE).minutes(12);
    assert_eq!(t.said(), [] as [String; 0]);
    let mut t = moved(moving());
    t.silent("a").minutes(4).set("b", WORSE).minutes(12);
    assert_eq!(t.said(), [] as [String; 0]);
}

#[test]
fn a_route_that_turns_bad_later_is_not_on_probation_any_more() {
    let mut t = moved(moving());
    t.minutes(8).set("b", WORSE).minutes(20);
    assert_eq!(t.said(), [] as [String; 0]);
}

#[test]
fn a_route_taken_for_health_is_on_no_probation() {
    let mut t = Trunks::new(moving());
    t.minutes(6).status.insert("a", "unhealthy");
    t.minutes(3).set("b", WORSE).status.insert("a", "healthy");
    t.minutes(8);
    assert!(t.w.report("a").failed_over && t.acts.len() == 1);
}

#[test]
fn a_backup_that_turns_degraded_is_worse_where_it_is_not_measured_better() {
    let mut t = moved(moving());
    t.silent("b").status.insert("b", "degraded");
    t.minutes(3);
    assert_eq!(t.said(), [] as [String; 0], "its score of before is known still");
    t.minutes(1);
    assert_eq!(
        t.said()[0],
        "failback.intended: taking a home from b: b turned degraded on probation; home scored 40.2 when its \
         traffic left, and scores 40.2 now"
    );
    let mut t = moved(moving());
    t.status.insert("b", "degraded");
    t.minutes(7);
    assert_eq!(t.said(), [] as [String; 0], "its telemetry says that it is well");
}

#[test]
fn where_failback_is_manual_a_person_rolls_back() {
    let mut policy = moving();
    policy.failover.failback = Failback::Manual;
    let mut t = moved(policy);
    t.set("b", WORSE).minutes(4);
    assert_eq!(t.said(), ["failback.held: failback is held: failback is manual"]);
    t.w.order(&Order::Approve { channel: key("a") });
    t.minutes(1);
    assert!(t.said().contains(&HOME.to_owned()));
}

#[test]
fn a_mistake_does_not_wait_for_the_failback_window() {
    let mut policy = moving();
    policy.failover.failback = Failback::Window;
    let mut t = moved(policy);
    t.set("b", WORSE).minutes(3);
    assert_eq!(t.said()[1], HOME);
}

#[test]
fn a_probation_goes_on_after_a_restart() {
    let mut t = moved(moving());
    t.set("b", WORSE).minutes(1).restart(1800).minutes(1);
    let on = t.w.report("a").explanation.quality.probation.unwrap();
    assert_eq!(on.left, secs(360), "the time while down does not count");
    t.minutes(2);
    assert!(t.said().contains(&HOME.to_owned()));
}

#[test]
fn a_cascade_ends_it() {
    let mut t = moved(moving());
    t.status.insert("b", "unhealthy");
    t.set("c", CLEAN).minutes(3);
    assert!(t.said().iter().any(|said| said.starts_with("act a")));
    assert_eq!(t.w.report("a").explanation.quality.probation, None);
}

/// `b` is worse and `a` may not be moved: found, and held beyond the end of the probation.
fn held() -> Trunks {
    let mut t = moved(moving());
    t.w.order(&Order::Pause { tenant: None });
    t.set("b", WORSE).minutes(15);
    assert_eq!(t.said(), ["failback.held: failback is held: everything is paused"]);
    let on = t.w.report("a").explanation.quality.probation.unwrap();
    assert!(on.found_worse && on.left == secs(0), "{on:?}");
    t
}

fn resume(t: &mut Trunks) {
    t.w.order(&Order::Resume { tenant: None });
    t.minutes(2);
}

#[test]
fn what_was_found_worse_and_held_is_rolled_back_once_it_may_be() {
    let mut t = held();
    resume(&mut t);
    assert_eq!(t.said()[1], HOME);
    // Nothing is measured any more: what was found counts on.
    let mut t = held();
    t.silent("b").minutes(10);
    resume(&mut t);
    assert_eq!(t.said()[1], HOME);
}

#[test]
fn what_was_found_worse_is_let_be_once_it_is_measured_well() {
    let mut t = held();
    t.set("b", CLEAN).minutes(6);
    assert_eq!(t.w.report("a").explanation.quality.probation, None);
    t.set("b", WORSE);
    resume(&mut t);
    t.minutes(10);
    assert_eq!(t.acts.len(), 1, "its probation is over: {:?}", t.said());
}

#[test]
fn what_was_found_worse_is_not_left_for_what_is_worse_still() {
    let mut t = held();
    t.set("a", (30.0, 20.0)).minutes(6);
    resume(&mut t);
    assert_eq!(t.acts.len(), 1, "{:?}", t.said());
    t.set("a", BAD).minutes(6);
    assert_eq!(t.said().last().unwrap(), "failover.held: failover is held: the channel is blocked for another 10 min");
    assert_eq!(t.acts.len(), 2);
}

#[test]
fn what_was_found_worse_is_accepted_by_an_acknowledgement() {
    let mut t = held();
    t.w.order(&Order::Acknowledge { channel: key("a") });
    assert_eq!(t.w.report("a").explanation.quality.probation, None);
    resume(&mut t);
    t.minutes(10);
    assert_eq!(t.acts.len(), 1, "{:?}", t.said());
}

#[test]
fn what_was_found_worse_survives_a_restart() {
    let mut t = held();
    t.restart(600).minutes(6);
    assert_eq!(t.said()[1], HOME);
}

#[test]
fn a_backup_that_was_degraded_and_is_up_again_keeps_its_traffic() {
    let mut t = moved(moving());
    t.w.order(&Order::Pause { tenant: None });
    t.silent("b").status.insert("b", "degraded");
    t.minutes(10);
    assert!(t.w.report("a").explanation.quality.probation.unwrap().found_worse);
    t.status.insert("b", "healthy");
    t.minutes(2);
    assert_eq!(t.w.report("a").explanation.quality.probation, None);
    resume(&mut t);
    assert_eq!(t.acts.len(), 1, "{:?}", t.said());
}

#[test]
fn a_home_that_fails_after_a_roll_back_waits_for_the_block_and_a_backup_that_fails_does_not() {
    let mut t = moved(moving());
    t.set("b", WORSE).minutes(3);
    assert!(t.said().contains(&HOME.to_owned()));
    t.set("a", CLEAN).set("b", CLEAN).minutes(6).status.insert("a", "unhealthy");
    t.minutes(3);
    assert_eq!(t.w.report("a").held, Some("blocked"), "it is the next failover of a channel that is home");
    // Once it is away again, no block holds it at a backup that fails.
    t.minutes(12);
    assert!(t.said().contains(&"act a a to b".to_owned()));
    t.status.insert("b", "unhealthy");
    t.minutes(2);
    assert!(t.w.report("a").blocked_for.is_some());
    assert!(t.said().contains(&"act a b to c".to_owned()), "{}", t.w.text("a"));
}
