//! What is said of a state: labels, remaining times, and what would have to change, for every reason there is.

use super::world::{World, key, secs};
use std::time::Duration;
use trunkwarden::policy::{
    ActionKind, Actor, Block, BlockKind, Cause, ChannelId, ChannelReport, Codec, CodecHold, Health, Hold, Ineligible,
    MaintenanceReport, Outcome, Reason, Statistic, TenantId, Time, WallMs,
};

#[test]
fn every_label_is_its_own_word() {
    let why = String::new;
    let outcomes = [
        (Outcome::Applied { siblings_lost: Vec::new() }, "applied"),
        (Outcome::NotApplied, "not_applied"),
        (Outcome::Refused { why: why() }, "refused"),
        (Outcome::NotSent { why: why() }, "not_sent"),
        (Outcome::Conflict, "conflict"),
        (Outcome::Withdrawn { why: why() }, "withdrawn"),
        (Outcome::Unknown { why: why() }, "unknown"),
    ];
    for (outcome, label) in outcomes {
        assert_eq!(outcome.name(), label);
    }
    let (to, from) = (ChannelId::from("b"), ChannelId::from("a"));
    let codec = ActionKind::Codec { order: Vec::new(), before: Vec::new(), dtmf_mode: None, rtp_payload_type: None };
    let kinds = [ActionKind::Failover { from: from.clone(), to }, ActionKind::Failback { from }, codec];
    assert_eq!(kinds.each_ref().map(ActionKind::name), ["failover", "failback", "codec"]);
    assert_eq!(Health::ALL.map(Health::name), ["unknown", "up", "degraded", "down"]);
    let blocks =
        [BlockKind::Move, BlockKind::RetryFailover, BlockKind::RetryFailback, BlockKind::RetryCodec, BlockKind::Codec]
            .map(BlockKind::name);
    assert_eq!(blocks, ["move", "retry_failover", "retry_failback", "retry_codec", "codec"]);
    let alice = Actor::Operator("alice".to_owned());
    let actors = [Actor::Engine, alice, Actor::Config, Actor::System, Actor::Outside].map(|actor| actor.to_string());
    assert_eq!(actors, ["engine", "operator:alice", "config", "system", "outside"]);
    assert_eq!((TenantId::from("acme").to_string(), key("a").to_string()), ("acme".to_owned(), "acme/a".to_owned()));
}

#[test]
fn a_time_left_is_told_in_the_unit_that_suits_it() {
    let told = |ms: u64| Hold::Cooldown { left: Duration::from_millis(ms) }.to_string();
    let rows = [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (119_999, "119 s"),
        (120_000, "2 min"),
        (7_199_999, "119 min"),
        (7_200_000, "2.0 h"),
        (9_000_000, "2.5 h"),
    ];
    for (ms, words) in rows {
        assert_eq!(told(ms), format!("the codecs are in cooldown for another {words}"));
    }
}

#[test]
fn no_samples_are_zero_by_every_statistic() {
    assert_eq!(Statistic::Mean.of(&mut []).to_bits(), 0.0_f64.to_bits());
    assert_eq!(Statistic::Percentile(50).of(&mut []).to_bits(), 0.0_f64.to_bits());
}

#[test]
fn calendar_time_is_counted_in_milliseconds() {
    assert_eq!(WallMs(2_500).since(WallMs(1_000)), Duration::from_millis(1_500));
    assert_eq!(WallMs(1_000).since(WallMs(2_500)), Duration::ZERO);
    assert_eq!(WallMs(2_500).back(Duration::from_secs(1)), WallMs(1_500));
    assert_eq!(Time::new(secs(9)).back(secs(4)), Time::new(secs(5)));
    assert_eq!(Time::new(secs(4)).back(secs(9)), Time::ZERO);
}

#[test]
fn what_a_report_says_of_time_goes_on_while_it_stands_still() {
    let world = World::three_up();
    let at = |s: u64| world.now + secs(s);
    let maintenance = Some(MaintenanceReport { left: Some(secs(60)), reason: "works".to_owned() });
    let report = ChannelReport {
        evidence_age: Some(secs(3)),
        health_for: secs(7),
        proposal_left: Some(secs(60)),
        blocked_for: Some(secs(60)),
        maintenance,
        ..world.report("a")
    };
    assert_eq!((report.evidence_age_at(at(5)), report.health_for_at(at(5))), (Some(secs(8)), secs(12)));
    let left =
        |s: u64| [report.proposal_left_at(at(s)), report.maintenance_left_at(at(s)), report.blocked_for_at(at(s))];
    assert_eq!(left(0), [Some(secs(60)); 3]);
    assert_eq!(left(59), [Some(secs(1)); 3]);
    // A block that is over is none; a proposal or a maintenance whose time is up ends by an event of its own.
    assert_eq!(left(60), [Some(Duration::ZERO), Some(Duration::ZERO), None]);
    let without = ChannelReport {
        evidence_age: None,
        proposal_left: None,
        blocked_for: None,
        maintenance: Some(MaintenanceReport { left: None, reason: "a window".to_owned() }),
        ..world.report("a")
    };
    assert_eq!(without.evidence_age_at(at(5)), None);
    assert_eq!((without.proposal_left_at(at(5)), without.maintenance_left_at(at(5))), (None, None));
    assert_eq!(without.blocked_for_at(at(5)), None);
}

fn outlook(reason: Reason) -> String {
    let world = World::three_up();
    ChannelReport { policy: "default".to_owned(), reason, ..world.report("a") }.outlook_at(world.now)
}

#[test]
fn what_would_have_to_change_is_said_for_every_reason() {
    let [b, c] = ["b", "c"].map(ChannelId::from);
    let down = || Cause::Down { looks: 3, status: "unhealthy".to_owned() };
    let status = || Some("unhealthy".to_owned());
    let away = |good_for| Reason::Away { at: b.clone(), home: Health::Up, good_for, failback_after: secs(900) };
    let against = vec![
        (b.clone(), Ineligible::NotUp { health: Health::Down }),
        (c.clone(), Ineligible::Full { carries: 2, max_dependents: 2 }),
    ];
    let order = |order: &str| Reason::Ordered { order: order.to_owned() };
    let rows = [
        (Reason::Fine, "3 bad looks in a row, then its traffic would go to b"),
        (Reason::Degraded { status: None }, "3 bad looks in a row, then its traffic would go to b"),
        (
            Reason::CodecKept { score: 60.0, hold: CodecHold::NoCodecs },
            "3 bad looks in a row, then its traffic would go to b",
        ),
        (
            Reason::CodecKept {
                score: 60.0,
                hold: CodecHold::OnTrial { to: "OPUS".to_owned(), predicted: 80.0, before: 60.0 },
            },
            "telemetry has to measure codec OPUS first; until then nothing else is done for quality",
        ),
        (Reason::Suspect { bad: 2, fall: 3, status: status() }, "1 more bad look, then its traffic would go to b"),
        (
            Reason::Settling { good: 1, rise: 2 },
            "1 more good look and it is up; 3 bad looks in a row and it is down, then its traffic would go to b",
        ),
        (
            Reason::Recovering { good: 0, rise: 2 },
            "2 more good looks and it is up again; one more bad look, then its traffic would go to b",
        ),
        (Reason::NotSeen, "an answer from the platform: without a recent one nothing is done"),
        (Reason::Stale { limit: secs(90) }, "an answer from the platform: without a recent one nothing is done"),
        (Reason::Missing { looks: 1, fall: 3, carries: 0 }, "the platform has to have the channel again"),
        (Reason::FailoverOff, "`enabled = true` under [policies.default.failover]"),
        (
            Reason::Confirming { wanted: "failover".to_owned(), awaiting: vec![b.clone(), c] },
            "b and c have to answer a last look that confirms it",
        ),
        (Reason::InFlight { kind: "codec".to_owned() }, "the codec change under way has to end"),
        (Reason::Unsure { kind: "codec".to_owned() }, "a look has to show whether the codec change was made"),
        (Reason::NoCandidate { cause: down(), against: Vec::new() }, "it needs candidates: name some under `failover`"),
        (Reason::NoCandidate { cause: down(), against }, "b has to be up, or c has to carry fewer than 2 others"),
        (away(Some(secs(300))), "home has to be up and good for another 10 min, then its traffic comes home"),
        (away(None), "home has to be up and good for 15 min, then its traffic comes home"),
        (Reason::AwayUnmeasured { at: b }, "telemetry has to show that home is good, then its traffic comes home"),
        (order("did something"), "another answer from the platform"),
    ];
    for (reason, words) in rows {
        assert_eq!(outlook(reason.clone()), words, "{reason:?}");
    }
}

#[test]
fn what_ends_a_hold_is_said_for_every_hold() {
    let held = |wanted: &str, hold| Reason::Held { wanted: wanted.to_owned(), to: None, order: None, hold };
    let left = secs(30);
    let rows = [
        ("failover", Hold::Journal, "the journal has to be writable again"),
        ("failover", Hold::Paused { tenant: Some(TenantId::from("acme")) }, "`trunkwarden resume acme`"),
        ("failover", Hold::Paused { tenant: None }, "`trunkwarden resume`"),
        ("failover", Hold::Blind, "the tenant's platform has to answer again, then this channel has to answer a look"),
        (
            "failover",
            Hold::MassChange { bad: 3, of: 6 },
            "`trunkwarden approve acme`, or fewer of the tenant's channels have to be bad",
        ),
        ("failover", Hold::Observe, "mode `enforce`, for the daemon and for policy `default`"),
        ("failover", Hold::Propose, "`trunkwarden approve acme/a`"),
        ("failover", Hold::Blocked { left }, "the block ends in 11 s, or `trunkwarden acknowledge acme/a`"),
        (
            "failover",
            Hold::Backoff { failures: 2, left },
            "the wait after failed attempts ends in 12 s, or `trunkwarden acknowledge acme/a`",
        ),
        (
            "failback",
            Hold::Backoff { failures: 2, left },
            "the wait after failed attempts ends in 13 s, or `trunkwarden acknowledge acme/a`",
        ),
        (
            "codec",
            Hold::Backoff { failures: 2, left },
            "the wait after failed attempts ends in 14 s, or `trunkwarden acknowledge acme/a`",
        ),
        ("codec", Hold::Cooldown { left }, "the codecs' cooldown ends in 15 s, or `trunkwarden acknowledge acme/a`"),
        ("failover", Hold::MaxConcurrent { max: 3 }, "one of the tenant's actions in flight has to end"),
        ("failover", Hold::MaxPerHour { max: 3 }, "the oldest of the tenant's actions has to be an hour old"),
        ("failover", Hold::KeepFit { up: 1, keep_fit: 3 }, "the tenant needs 2 more channels up"),
        ("failover", Hold::GlobalKeepFit { up: 7, keep_fit: 9 }, "all tenants together need 2 more channels up"),
        ("failback", Hold::ForeignRoute, "`trunkwarden acknowledge acme/a`: someone else set the route"),
        ("failback", Hold::FailbackManual, "`trunkwarden approve acme/a`: failback is manual"),
        ("failback", Hold::FailbackWindow, "the failback window has to open, or `trunkwarden approve acme/a`"),
        (
            "failback",
            Hold::FailbackMargin {
                home: "a".into(),
                home_score: 81.0,
                backup: "b".into(),
                backup_score: 85.0,
                better_by: 3.0,
            },
            "a has to score 88.0 while b scores 85.0, or `trunkwarden approve acme/a`",
        ),
        ("failback", Hold::OrderedRoute, "`trunkwarden failback acme/a`, or `trunkwarden acknowledge acme/a`"),
        ("failover", Hold::Maintenance, "maintenance has to end, or `trunkwarden maintenance end acme/a`"),
        (
            "failover",
            Hold::Lapsed { after: left },
            "an order, such as `trunkwarden failover acme/a --to CHANNEL`: its proposal lapsed",
        ),
        ("failover", Hold::Outdated, "nothing: the engine decides again"),
    ];
    let world = World::three_up();
    let kinds = [
        (BlockKind::Move, 21),
        (BlockKind::RetryFailover, 22),
        (BlockKind::RetryFailback, 23),
        (BlockKind::RetryCodec, 24),
        (BlockKind::Codec, 25),
    ];
    for (wanted, hold, words) in rows {
        let mut report = world.report("a");
        report.policy = "default".to_owned();
        report.explanation.blocks = kinds.map(|(kind, s)| Block { kind, left: secs(s) }).into();
        report.reason = held(wanted, hold.clone());
        assert_eq!(report.outlook_at(world.now + secs(10)), words, "{hold:?}");
        report.explanation.blocks.clear();
        let none_left = report.outlook_at(world.now);
        if matches!(hold, Hold::Blocked { .. } | Hold::Backoff { .. } | Hold::Cooldown { .. }) {
            assert!(none_left.contains("is over"), "{none_left}");
        }
    }
}

#[test]
fn every_candidate_is_told_what_it_lacks() {
    let rows = [
        (Ineligible::Itself, "is the channel itself"),
        (Ineligible::NotSeen, "has to answer a look"),
        (Ineligible::NotSeenSinceBlind, "has to answer a look"),
        (Ineligible::Missing, "has to exist on the platform"),
        (Ineligible::NotUp { health: Health::Degraded }, "has to be up"),
        (Ineligible::LastLookNotGood { status: None }, "has to be healthy at the next look"),
        (Ineligible::RouteNotRead, "has to show where its own traffic goes"),
        (Ineligible::RoutedElsewhere { to: "c".into() }, "has to have its own traffic at home"),
        (Ineligible::InFlight { kind: "failover".to_owned() }, "has to finish its own failover"),
        (Ineligible::Full { carries: 3, max_dependents: 2 }, "has to carry fewer than 2 others"),
        (Ineligible::ScoreTooLow { score: 50.0, min: 60.0 }, "has to score 60"),
        (Ineligible::NoScore, "needs a score"),
        (Ineligible::NotBetter { score: None, needed: 51.0 }, "has to score 51"),
        (Ineligible::InMaintenance, "has to come out of maintenance"),
        (Ineligible::Unconfirmed, "has to answer a last look"),
    ];
    for (why, words) in rows {
        assert_eq!(why.remedy(), words, "{why:?}");
    }
}

#[test]
fn a_reason_is_another_one_where_more_than_time_and_measured_values_differ() {
    let held = |left: u64| Reason::Held {
        wanted: "failover".to_owned(),
        to: None,
        order: None,
        hold: Hold::Blocked { left: secs(left) },
    };
    let backoff = |failures, left| Reason::CalledBack { hold: Hold::Backoff { failures, left: secs(left) } };
    let cooldown = |left| Reason::CalledBack { hold: Hold::Cooldown { left: secs(left) } };
    let away = |at: &str, good_for: u64| Reason::Away {
        at: at.into(),
        home: Health::Up,
        good_for: Some(secs(good_for)),
        failback_after: secs(900),
    };
    let home = |good_for| Reason::Failback {
        channel: "a".into(),
        from: "b".into(),
        good_for: secs(good_for),
        backup_failed: false,
        cause: None,
    };
    let nobody = |looks, score: f64| Reason::NoCandidate {
        cause: Cause::Down { looks, status: "unhealthy".to_owned() },
        against: vec![
            ("b".into(), Ineligible::ScoreTooLow { score, min: 60.0 }),
            ("c".into(), Ineligible::NotBetter { score: Some(score), needed: 70.0 }),
        ],
    };
    let moved = |score, lasted| Reason::Failover {
        channel: "a".into(),
        to: "b".into(),
        cause: Cause::Quality { score, below: 50.0, lasted: secs(lasted) },
        carries: 0,
        max_dependents: 2,
        passed_over: Vec::new(),
    };
    let kept = |score, gain| Reason::CodecKept {
        score,
        hold: CodecHold::GainTooSmall { to: "OPUS".to_owned(), gain, min_gain: 5.0 },
    };
    let suspect = |bad, status: &str| Reason::Suspect { bad, fall: 3, status: Some(status.to_owned()) };
    let same = [
        (held(9), held(8)),
        (backoff(2, 9), backoff(2, 8)),
        (cooldown(9), cooldown(8)),
        (away("b", 1), away("b", 2)),
        (home(1), home(2)),
        (Reason::CodecRestored { good_for: secs(1) }, Reason::CodecRestored { good_for: secs(2) }),
        (nobody(3, 50.0), nobody(4, 51.0)),
        (moved(40.0, 300), moved(41.0, 301)),
        (kept(60.0, 3.0), kept(61.0, 4.0)),
        (suspect(1, "unhealthy"), suspect(2, "unhealthy")),
        (Reason::Settling { good: 0, rise: 2 }, Reason::Settling { good: 1, rise: 2 }),
        (Reason::Recovering { good: 0, rise: 2 }, Reason::Recovering { good: 1, rise: 2 }),
        (Reason::Fine, Reason::Fine),
    ];
    for (a, b) in same {
        assert!(!a.differs(&b) && !b.differs(&a), "{a} and {b}");
    }
    let other = [
        (Reason::Fine, Reason::NotSeen),
        (held(9), cooldown(9)),
        (backoff(2, 9), backoff(3, 9)),
        (away("b", 1), away("c", 1)),
        (suspect(1, "unhealthy"), suspect(1, "degraded")),
        (Reason::Settling { good: 0, rise: 2 }, Reason::Settling { good: 0, rise: 3 }),
    ];
    for (a, b) in other {
        assert!(a.differs(&b) && b.differs(&a), "{a} and {b}");
    }
}

/// Codecs in a fixed order, so that a platform's order of naming them is no order of preference.
#[test]
fn the_codec_in_use_is_the_one_of_the_first_priority() {
    let mut world = World::three_up();
    let codec = |name: &str, priority| Codec { name: name.to_owned(), priority };
    let view = trunkwarden::policy::ChannelView {
        codecs: Some(vec![codec("G729", 3), codec("PCMU", 1)]),
        ..super::world::view("healthy", "a")
    };
    world.look_from("a", world.now, trunkwarden::policy::Source::Single, view);
    world.telemetry("a", 20.0, 0.0);
    assert_eq!(world.report("a").explanation.score_parts.and_then(|parts| parts.codec).as_deref(), Some("PCMU"));
}

#[test]
fn what_came_of_an_action_and_who_could_not_take_it_are_told_apart() {
    let applied = |lost: &[&str]| {
        let siblings_lost = lost.iter().map(|path| (*path).to_owned()).collect();
        Reason::Outcome { kind: "failover".to_owned(), outcome: Outcome::Applied { siblings_lost } }.to_string()
    };
    assert_eq!(applied(&[]), "the failover shows on the platform");
    assert_eq!(applied(&["routing.x", "tags"]), "the failover shows on the platform, which lost routing.x, tags");
    let cause = || Cause::Down { looks: 1, status: "unhealthy".to_owned() };
    let nobody = |against| Reason::NoCandidate { cause: cause(), against }.to_string();
    assert_eq!(nobody(Vec::new()), "unhealthy for 1 look, and it has no candidates: name some under `failover`");
    let none = vec![("b".into(), Ineligible::NoScore)];
    assert_eq!(nobody(none), "unhealthy for 1 look, and no candidate is fit: b has no score");
}

#[test]
fn every_part_of_a_score_costs_what_it_costs() {
    let parts = |latency_ms: f64, loss: f64| {
        let mut world = World::three_up();
        world.telemetry("a", latency_ms, loss);
        world.report("a").explanation.score_parts.unwrap()
    };
    let (fair, far, lossy) = (parts(0.0, 0.0), parts(300.0, 0.0), parts(0.0, 5.0));
    assert!(fair.codec_cost > 0.1, "PCMU's own 20 ms: {fair:?}");
    assert!(fair.delay_cost.abs() < 1e-9 && fair.loss_cost.abs() < 1e-9, "{fair:?}");
    assert!(
        far.delay_cost > 15.0 && far.loss_cost.abs() < 1e-9 && (far.codec_cost - fair.codec_cost).abs() < 1e-9,
        "{far:?}"
    );
    assert!(lossy.loss_cost > 30.0 && lossy.delay_cost.abs() < 1e-9, "{lossy:?}");
    for parts in [fair, far, lossy] {
        let sum = parts.codec_cost + parts.delay_cost + parts.loss_cost + parts.jitter_cost;
        assert!((parts.best - sum - parts.r_factor).abs() < 1e-9, "{parts:?}");
    }
}
