//! When a remedy for bad sound is held against what it promised, to the reading; and what of it is kept.

use super::*;
use trunkwarden::policy::{Part, TenantId};

const HOME: &str = "act a home from b";

#[test]
fn a_backup_is_degraded_when_it_has_been_for_as_long_as_being_down_takes() {
    let mut policy = moving();
    policy.health.interval = secs(120);
    policy.failover.quality_for = secs(600);
    let mut t = Trunks::new(policy);
    t.silent("c").minutes(6).set("a", BAD);
    let moved = (0..20).any(|_| t.minutes(1).w.report("a").failed_over);
    assert!(moved);
    t.said();
    t.silent("b").status.insert("b", "degraded");
    t.minutes(6);
    assert_eq!(t.said(), [] as [String; 0], "down takes three looks, 2 min apart");
    t.minutes(1);
    assert!(t.said().contains(&HOME.to_owned()));
}

#[test]
fn a_home_that_is_down_takes_nothing_back() {
    let mut t = Trunks::new(moving());
    t.silent("c").minutes(6).set("a", BAD);
    let moved = (0..20).any(|_| t.minutes(1).w.report("a").failed_over);
    assert!(moved);
    t.said();
    t.status.insert("a", "unhealthy");
    t.set("b", WORSE).minutes(5);
    assert_eq!(t.said(), [] as [String; 0]);
    assert_eq!(t.w.text("a"), "traffic is at b; home is down");
}

#[test]
fn an_order_must_not_be_worse_than_the_one_before_was_over_the_window_where_the_last_minute_was_better() {
    let mut t = Trunks::new(Policy::default());
    let tenant = Some(TenantId::from("acme"));
    t.w.order(&Order::Pause { tenant: tenant.clone() });
    t.minutes(6).set("a", (30.0, 7.0)).minutes(3).set("a", (30.0, 0.2)).minutes(1);
    t.w.order(&Order::Resume { tenant });
    t.minutes(1);
    let Reason::Codec { gain, predicted: Some(predicted), before: Some(before), .. } = t.acts[0].1.reason.clone()
    else {
        unreachable!("{:?}", t.acts[0].1)
    };
    assert!((before - (predicted - gain)).abs() < 1e-9, "{before}, {predicted}, {gain}");
}

#[test]
fn an_order_is_not_judged_while_a_change_of_the_same_channel_is_under_way() {
    let mut t = Trunks::new(Policy::default());
    t.codecs.get_mut("a").unwrap().pop();
    t.minutes(6).set("a", (30.0, 4.0)).minutes(1);
    assert_eq!(t.acts.len(), 1);
    t.minutes(1).status.insert("a", "unhealthy");
    t.minutes(1);
    t.said();
    t.unanswered = true;
    t.minutes(1);
    assert!(t.acts.len() == 2 && is_move(&t.acts[1].1), "{:?}", t.acts);
    assert!(!t.said().iter().any(|said| said.starts_with("codec.measured")));
}

#[test]
fn the_usual_is_kept_when_half_an_hour_is_over_and_not_at_every_reading() {
    let mut t = Trunks::new(Policy::default());
    let part = Part::Channel(key("a"));
    t.minutes(6);
    t.w.engine.take_unsaved();
    let mut kept = Vec::new();
    for minute in 0..70 {
        t.minutes(1);
        if t.w.engine.take_unsaved().contains(&part) {
            kept.push(minute);
        }
    }
    assert!(kept.len() >= 2, "{kept:?}");
    assert!(kept.windows(2).all(|pair| pair[1] - pair[0] == 30), "{kept:?}");
}
