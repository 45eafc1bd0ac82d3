//! Evidence and sight: what each input may say and for how long; a blind tenant, and our own network that is gone.

use super::world::{World, key, params, secs};
use trunkwarden::policy::{
    ActionKind, Command, EventType, FailoverParams, Health, HealthParams, Policy, Record, TelemetryParams, TenantId,
    TenantState,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const TWO_TENANTS: Channels = &[("a", Some(&["b"])), ("b", Some(&[])), ("beta/x", Some(&["y"])), ("beta/y", Some(&[]))];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];

fn two_tenants() -> World {
    let mut w = World::new(params(&Policy::default(), TWO_TENANTS));
    w.up(&["a", "b", "beta/x", "beta/y"]);
    w
}

fn references(w: &mut World, answered: u32, of: u32) -> bool {
    w.engine.set_references(w.now, answered, of, &mut w.out)
}

fn state(w: &World, tenant: &str) -> TenantState {
    w.engine.tenant(w.now, &TenantId::from(tenant)).unwrap().state
}

/// What was told of sight since the last call.
fn told(w: &mut World) -> Vec<(EventType, Option<String>, String)> {
    let of = |r: Record| (r.event, r.tenant.map(|t| t.to_string()), r.reason.to_string());
    std::mem::take(&mut w.out)
        .into_iter()
        .filter_map(|command| match command {
            Command::Record(r) if matches!(r.event, EventType::BlindEntered | EventType::BlindLeft) => Some(of(r)),
            _ => None,
        })
        .collect()
}

fn fail_all(w: &mut World, ids: &[&str]) {
    for _ in 0..9 {
        for id in ids {
            w.fail(id);
        }
    }
}

#[test]
fn with_our_own_network_gone_every_tenant_is_blind_at_once_and_one_alert_says_so() {
    let mut w = two_tenants();
    references(&mut w, 2, 2);
    w.down("a");
    w.out.clear();
    assert!(references(&mut w, 0, 2));
    let why = "our own network is down: 0 of 2 reference targets answer; no actions for any tenant";
    assert_eq!(told(&mut w), [(EventType::BlindEntered, None, why.to_owned())]);
    assert_eq!((state(&w, "acme"), state(&w, "beta")), (TenantState::Blind, TenantState::Blind));
    assert_eq!(w.report("a").held, Some("network"));
    // Neither good last looks nor failing ones change that, and nobody is told again.
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    fail_all(&mut w, &["a", "b", "beta/x", "beta/y"]);
    assert!(!references(&mut w, 0, 2), "no news");
    assert_eq!(w.out.iter().filter(|c| matches!(c, Command::Act(_))).count(), 0);
    assert_eq!(told(&mut w), []);
}

#[test]
fn sight_comes_back_channel_by_channel_with_its_own_fresh_evidence() {
    let mut w = two_tenants();
    references(&mut w, 2, 2);
    w.down("a");
    w.look("b", "healthy", "b");
    references(&mut w, 0, 2);
    w.out.clear();
    w.pass(5);
    references(&mut w, 1, 2);
    let why = "our own network is back: 1 of 2 reference targets answer";
    assert_eq!(told(&mut w), [(EventType::BlindLeft, None, why.to_owned())]);
    let b = w.report("a").candidates[0].clone();
    assert_eq!(b.against_text.unwrap(), "has not answered since the tenant was blind");
    w.pass(1);
    w.look("a", "unhealthy", "a");
    assert!(w.act().is_none(), "the candidate was not seen since");
    w.look("b", "healthy", "b");
    assert!(matches!(w.act().unwrap().kind, ActionKind::Failover { .. }));
}

#[test]
fn a_change_is_called_back_where_our_own_network_goes_before_it_is_sent() {
    let mut w = World::three_up();
    references(&mut w, 1, 1);
    let action = w.fail_over();
    assert_eq!(w.engine.may_send(action.op), Ok(()));
    references(&mut w, 0, 1);
    let why = w.engine.may_send(action.op).unwrap_err().to_string();
    assert_eq!(why, "called back before it was sent: our own network is down: no reference target answers");
}

#[test]
fn a_fault_of_one_platform_names_it_once_the_references_have_spoken() {
    let mut w = two_tenants();
    references(&mut w, 2, 2);
    w.out.clear();
    fail_all(&mut w, &["a", "b"]);
    assert_eq!(state(&w, "acme"), TenantState::Blind, "at once");
    assert_eq!(told(&mut w), [], "whose fault it is is not known yet");
    assert!(references(&mut w, 1, 2));
    let told = told(&mut w);
    assert_eq!((told.len(), &told[0].0, told[0].1.as_deref()), (1, &EventType::BlindEntered, Some("acme")));
    assert!(told[0].2.ends_with("; 1 of 2 reference targets answer, so the fault is the platform or the way to it"));
    assert_eq!(state(&w, "beta"), TenantState::Seen);
}

#[test]
fn tenants_that_went_blind_before_the_references_spoke_are_not_told_of_one_by_one() {
    let mut w = two_tenants();
    references(&mut w, 2, 2);
    w.out.clear();
    fail_all(&mut w, &["a", "b", "beta/x", "beta/y"]);
    references(&mut w, 0, 2);
    assert_eq!(told(&mut w).len(), 1);
    w.pass(5);
    references(&mut w, 2, 2);
    assert_eq!(told(&mut w).len(), 1);
    assert_eq!((state(&w, "acme"), state(&w, "beta")), (TenantState::Seen, TenantState::Seen));
}

#[test]
fn a_platform_that_was_blind_before_stays_so_until_it_answers() {
    let mut w = two_tenants();
    references(&mut w, 2, 2);
    fail_all(&mut w, &["a", "b"]);
    references(&mut w, 2, 2);
    references(&mut w, 0, 2);
    references(&mut w, 2, 2);
    w.out.clear();
    assert_eq!(state(&w, "acme"), TenantState::Blind);
    w.look("a", "healthy", "a");
    assert_eq!(told(&mut w).iter().map(|t| t.1.as_deref()).collect::<Vec<_>>(), [Some("acme")]);
}

#[test]
fn targets_that_are_asked_no_more_hold_nothing() {
    let mut w = two_tenants();
    references(&mut w, 0, 2);
    w.out.clear();
    references(&mut w, 0, 0);
    assert_eq!(told(&mut w)[0].2, "no reference target is configured any more: no longer held");
    assert_eq!(state(&w, "acme"), TenantState::Seen);
}

/// `a` away at `b` and good again; how long until it comes home, with `during` after ten minutes.
fn home_after(during: impl Fn(&mut World)) -> u64 {
    let mut w = World::three_up();
    references(&mut w, 1, 1);
    let action = w.fail_over();
    w.applied(action.op);
    w.out.clear();
    let start = w.now;
    for n in 0..200 {
        w.pass(10);
        if n == 60 {
            during(&mut w);
        }
        w.look("a", "healthy", "b").look("b", "healthy", "b").look("c", "healthy", "c");
        if w.act().is_some() {
            break;
        }
    }
    w.now.since(start).as_secs()
}

#[test]
fn being_blind_does_not_count_as_being_up() {
    let seen = home_after(|_| ());
    assert!((900..1000).contains(&seen), "{seen}");
    let blind = home_after(|w| {
        fail_all(w, &["a", "b", "c"]);
        references(w, 1, 1);
        assert_eq!(state(w, "acme"), TenantState::Blind);
        for _ in 0..9 {
            w.look("b", "healthy", "b").look("c", "healthy", "c").look("a", "healthy", "b");
        }
        assert_eq!(state(w, "acme"), TenantState::Seen);
    });
    let lost = home_after(|w| {
        references(w, 0, 1);
        references(w, 1, 1);
    });
    assert!((1500..1700).contains(&blind) && (1500..1700).contains(&lost), "{blind}, {lost}");
}

/// Quality counts, at once; each channel is polled every 30 s, telemetry every minute.
fn sounding(quality_for: u64) -> World {
    let failover = FailoverParams { quality_below: Some(60.0), quality_for: secs(quality_for), ..Default::default() };
    let mut w = World::new(params(&Policy { failover, ..Policy::default() }, THREE));
    w.up(&["a", "b", "c"]);
    w
}

#[test]
fn a_failure_by_status_is_not_vetoed_by_telemetry() {
    let mut w = sounding(60);
    w.telemetry("a", 10.0, 0.0).telemetry("b", 10.0, 0.0);
    w.out.clear();
    let action = w.fail_over();
    assert_eq!(action.kind, ActionKind::Failover { from: "a".into(), to: "b".into() });
}

#[test]
fn bad_telemetry_makes_no_channel_down_and_good_telemetry_makes_none_up() {
    let mut w = sounding(3600);
    w.telemetry("a", 900.0, 30.0);
    assert_eq!(w.report("a").health, Health::Up);
    w.down("b");
    w.telemetry("b", 10.0, 0.0);
    assert_eq!(w.report("b").health, Health::Down);
}

#[test]
fn a_score_that_is_stale_is_no_reason_any_more() {
    let mut w = sounding(200);
    w.telemetry("a", 900.0, 30.0).telemetry("b", 10.0, 0.0);
    w.out.clear();
    // Telemetry stops; looks go on. Five minutes is its limit: the window, longer than three intervals.
    for _ in 0..40 {
        w.pass(10);
        w.look("c", "healthy", "c");
    }
    let a = w.report("a");
    assert_eq!((a.quality, a.explanation.telemetry_stale_after), (None, secs(300)));
    assert_eq!(a.explanation.telemetry_age, Some(secs(400)), "its age is shown all the same");
    w.look("a", "healthy", "a");
    assert!(w.report("a").held.is_none() && w.act().is_none());
}

#[test]
fn one_low_score_alone_moves_nothing_however_long_no_other_comes() {
    for (readings, moves) in [(1, false), (2, true)] {
        let mut w = sounding(100);
        for _ in 0..readings {
            w.pass(1);
            w.telemetry("a", 900.0, 30.0).telemetry("b", 10.0, 0.0);
        }
        w.out.clear();
        for _ in 0..12 {
            w.pass(10);
            w.look("a", "healthy", "a").look("b", "healthy", "b");
        }
        assert_eq!(w.act().is_some(), moves, "{}", w.text("a"));
    }
}

#[test]
fn what_lasted_before_a_gap_in_telemetry_begins_anew() {
    let mut w = sounding(600);
    for _ in 0..9 {
        w.telemetry("a", 900.0, 30.0).telemetry("b", 10.0, 0.0);
        w.pass(60);
    }
    w.pass(400);
    w.up(&["a", "b", "c"]);
    w.telemetry("a", 900.0, 30.0).telemetry("b", 10.0, 0.0);
    w.pass(1);
    w.look("a", "healthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_none(), "low for 9 minutes, unknown for 7, low again for a second");
}

#[test]
fn each_input_grows_stale_by_its_own_interval_as_the_budget_stretches_it() {
    let health = HealthParams { interval: secs(10), timeout: secs(5), ..Default::default() };
    let telemetry = TelemetryParams { interval: secs(60), window: secs(120), bucket: secs(60), ..Default::default() };
    let mut w = World::new(params(&Policy { health, telemetry, ..Policy::default() }, THREE));
    w.up(&["a", "b", "c"]);
    w.telemetry("a", 10.0, 0.0);
    let limits = |w: &World| {
        let e = w.report("a").explanation;
        (e.stale_after, e.telemetry_stale_after)
    };
    assert_eq!(limits(&w), (secs(30), secs(180)));
    w.engine.set_effective_interval(w.now, &TenantId::from("acme"), secs(20), &mut w.out);
    assert_eq!(limits(&w), (secs(60), secs(360)));
    w.pass(181);
    let a = w.report("a");
    assert!(a.quality.is_some(), "telemetry that is asked for half as often may be twice as old");
    assert!(!a.explanation.fresh && a.health == Health::Unknown, "its status is stale by its own limit");
    assert_eq!(a.key, key("a"));
}
