//! What a tenant's channels share: caps within the hour, the mass hold at its bounds, blindness by the window, and outside
//! reversals.

use super::world::{World, key, params, secs, view};
use trunkwarden::policy::{
    ChannelView, Engine, EventType, Limits, Order, Outcome, Params, Part, Policy, Saved, Source, TenantId,
    TenantParams, TenantReport, TenantState,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];

fn acme() -> TenantId {
    TenantId::from("acme")
}

fn tenant(w: &World) -> TenantReport {
    w.engine.tenant(w.now, &acme()).unwrap()
}

fn limited(channels: Channels, limits: Limits) -> Params {
    let mut params = params(&Policy::default(), channels);
    params.tenants.insert(acme(), TenantParams { limits, ..TenantParams::default() });
    params
}

/// Channels without backups, as many as asked for: `c0`, `c1` and so on, all of them up.
fn many(n: usize, limits: Limits) -> (World, Vec<String>) {
    let names: Vec<String> = (0..n).map(|i| format!("c{i}")).collect();
    let channels: Vec<(&str, Option<&[&str]>)> = names.iter().map(|name| (name.as_str(), Some(&[][..]))).collect();
    let mut w = World::new(limited(&channels, limits));
    w.up(&names.iter().map(String::as_str).collect::<Vec<_>>());
    (w, names)
}

#[test]
fn the_hours_cap_ends_by_itself_when_the_oldest_action_is_an_hour_old() {
    let channels: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    let mut w = World::new(limited(channels, Limits { max_per_hour: 1, ..Limits::default() }));
    w.up(&["a", "b", "x", "d"]);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("x", "healthy", "x");
    let action = w.act().unwrap();
    let acted = w.now;
    w.applied(action.op);
    assert_eq!(tenant(&w).actions_last_hour, 1);
    w.down("b");
    assert_eq!(w.report("b").held, Some("max_per_hour"));
    let left = |w: &World| 3600 - w.now.since(acted).as_secs();
    while left(&w) > 25 {
        w.pass(20);
        for id in ["b", "x", "d"] {
            w.look(id, if id == "b" { "unhealthy" } else { "healthy" }, id);
        }
    }
    w.out.clear();
    w.pass(left(&w) - 1);
    assert_eq!((w.said(), tenant(&w).actions_last_hour), (Vec::new(), 1));
    w.pass(1);
    assert_eq!(w.said()[..3], ["look b", "look x", "watch b every 2s suspect"]);
    assert_eq!(tenant(&w).actions_last_hour, 0);
}

#[test]
fn actions_within_the_hour_are_counted_and_those_that_were_never_sent_are_not() {
    let channels: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    let mut w = World::new(limited(channels, Limits::default()));
    w.up(&["a", "b", "x", "d"]);
    let mut ops = Vec::new();
    for id in ["a", "b"] {
        w.down(id);
        w.pass(1);
        w.look(id, "unhealthy", id).look("x", "healthy", "x");
        ops.push(w.act().unwrap().op);
    }
    assert_eq!((tenant(&w).actions_last_hour, tenant(&w).in_flight, tenant(&w).up), (2, 2, 2));
    w.outcome(ops[1], Outcome::NotSent { why: "no slot".to_owned() });
    assert_eq!((tenant(&w).actions_last_hour, tenant(&w).in_flight), (1, 1));
    w.outcome(ops[0], Outcome::Refused { why: "400".to_owned() });
    assert_eq!((tenant(&w).actions_last_hour, tenant(&w).in_flight), (1, 0), "one that was sent counts");
}

#[test]
fn half_of_a_tenant_and_three_at_least_turning_bad_within_a_minute_is_a_mass_change() {
    let rows = [(3, 3), (4, 3), (5, 3), (6, 3), (7, 4), (8, 4), (9, 5), (12, 6)];
    for (of, threshold) in rows {
        let (mut w, names) = many(of, Limits::default());
        for name in &names[..threshold - 1] {
            w.look(name, "unhealthy", name);
        }
        assert!(!tenant(&w).mass_hold, "{} of {of}", threshold - 1);
        let last = &names[threshold - 1];
        w.look(last, "unhealthy", last);
        assert!(tenant(&w).mass_hold, "{threshold} of {of}");
        assert_eq!(w.records(EventType::MassHold), 1);
        // One more is no news; one fewer ends it.
        if let Some(more) = names.get(threshold) {
            w.look(more, "unhealthy", more);
            w.look(more, "healthy", more);
        }
        assert_eq!((w.records(EventType::MassHold), w.records(EventType::MassHoldEnded)), (1, 0));
        w.look(last, "healthy", last);
        assert!(!tenant(&w).mass_hold);
        assert_eq!(w.records(EventType::MassHoldEnded), 1);
    }
}

/// So many channels of the same carrier by the file, by the server that a single look or a page shows, or by nothing.
fn carriers(of: &[(&str, usize)], known: &str) -> (World, Vec<String>) {
    let (mut w, _) = many(0, Limits::default());
    let carried = of.iter().flat_map(|(carrier, n)| std::iter::repeat_n(*carrier, *n));
    let all: Vec<(String, &str)> = carried.enumerate().map(|(n, carrier)| (format!("c{n}"), carrier)).collect();
    let channels: Vec<(&str, Option<&[&str]>)> = all.iter().map(|(name, _)| (name.as_str(), Some(&[][..]))).collect();
    let mut p = limited(&channels, Limits::default());
    for (channel, (_, carrier)) in p.channels.iter_mut().zip(&all) {
        channel.carrier = (known == "file").then(|| (*carrier).to_owned());
    }
    w.engine.reconfigure(w.now, p, &mut w.out);
    for (name, carrier) in &all {
        let source = if known == "page" { Source::List } else { Source::Single };
        let sip_server = ["single", "page"].contains(&known).then(|| (*carrier).to_owned());
        for _ in 0..2 {
            w.look_from(name, w.now, source, ChannelView { sip_server: sip_server.clone(), ..view("healthy", name) });
        }
    }
    w.out.clear();
    (w, all.into_iter().map(|(name, _)| name).collect())
}

fn die(w: &mut World, names: &[String]) {
    for name in names {
        w.listed(name, "unhealthy", name);
    }
}

#[test]
fn one_carrier_of_two_dying_is_no_mass_change_and_both_are() {
    for (known, held) in [("file", false), ("single", false), ("page", false), ("nothing", true)] {
        let (mut w, names) = carriers(&[("sip.a.example", 3), ("sip.b.example", 3)], known);
        die(&mut w, &names[..3]);
        assert_eq!(tenant(&w).mass_hold, held, "{known}");
        die(&mut w, &names[3..]);
        assert!(tenant(&w).mass_hold, "{known}");
    }
    let (mut w, names) = carriers(&[("sip.a.example", 6)], "single");
    die(&mut w, &names[..3]);
    assert!(tenant(&w).mass_hold, "one group alone: channels decide");
}

#[test]
fn a_server_is_kept_over_a_restart_and_not_changed_by_a_page_and_a_carrier_goes_before_it() {
    let (mut w, names) = carriers(&[("sip.a.example", 3), ("sip.b.example", 3)], "single");
    // A page that lacks it, and an old one that has another.
    for name in &names {
        w.listed(name, "healthy", name);
        let sip_server = Some(format!("{name}.example"));
        w.look_from(name, w.now, Source::List, ChannelView { sip_server, ..view("healthy", name) });
    }
    let then = w.now;
    let channels: Vec<(&str, Option<&[&str]>)> = names.iter().map(|name| (name.as_str(), Some(&[][..]))).collect();
    let again = limited(&channels, Limits::default());
    let mut engine = Engine::new(again.clone(), then);
    for part in names.iter().map(|name| Part::Channel(key(name))) {
        let saved = serde_json::to_string(&w.engine.save(then, &part).expect("something is kept")).unwrap();
        engine.restore(then, &part, serde_json::from_str::<Saved>(&saved).unwrap(), secs(60));
    }
    let mut next = World { engine, now: then, out: Vec::new() };
    next.engine.start(&mut next.out);
    for name in &names {
        next.listed(name, "healthy", name).listed(name, "healthy", name);
    }
    die(&mut next, &names[..3]);
    assert!(!tenant(&next).mass_hold);
    // The same servers, and the file says that they are the same carrier behind them.
    let mut one = again;
    one.channels.iter_mut().for_each(|channel| channel.carrier = Some("a".to_owned()));
    w.engine.reconfigure(w.now, one, &mut w.out);
    die(&mut w, &names[..3]);
    assert!(tenant(&w).mass_hold);
}

#[test]
fn a_reload_that_groups_channels_otherwise_ends_no_hold() {
    let (mut w, names) = carriers(&[("sip.a.example", 3), ("sip.b.example", 3)], "nothing");
    die(&mut w, &names[..3]);
    assert!(tenant(&w).mass_hold);
    let channels: Vec<(&str, Option<&[&str]>)> = names.iter().map(|name| (name.as_str(), Some(&[][..]))).collect();
    let mut p = limited(&channels, Limits::default());
    for (n, channel) in p.channels.iter_mut().enumerate() {
        channel.carrier = Some(if n < 3 { "a" } else { "b" }.to_owned());
    }
    w.engine.reconfigure(w.now, p, &mut w.out);
    for name in &names {
        let status = if names[..3].contains(name) { "unhealthy" } else { "healthy" };
        let sip_server = Some("sip.example".to_owned());
        w.look_from(name, w.now, Source::Single, ChannelView { sip_server, ..view(status, name) });
    }
    assert_eq!((tenant(&w).mass_hold, w.records(EventType::MassHoldEnded)), (true, 0));
    w.look(&names[0], "healthy", &names[0]);
    assert_eq!((tenant(&w).mass_hold, w.records(EventType::MassHoldEnded)), (false, 1), "fewer channels are bad");
    w.pass(61);
    die(&mut w, &names[..3]);
    assert!(!tenant(&w).mass_hold, "the new groups count from then on");
}

#[test]
fn channels_that_the_platform_suddenly_does_not_have_count_as_bad() {
    let (mut w, names) = many(6, Limits::default());
    w.missing(&names[0]).missing(&names[1]);
    assert!(!tenant(&w).mass_hold);
    w.look(&names[2], "unhealthy", &names[2]);
    assert!(tenant(&w).mass_hold);
    w.look(&names[0], "healthy", &names[0]);
    assert!(!tenant(&w).mass_hold);
}

#[test]
fn channels_that_turn_bad_one_after_the_other_are_no_mass_change() {
    for (gap, held) in [(30, true), (31, false)] {
        let (mut w, names) = many(6, Limits::default());
        for name in &names[..3] {
            w.pass(gap);
            w.look(name, "unhealthy", name);
        }
        assert_eq!(tenant(&w).mass_hold, held, "{gap} s apart");
    }
}

#[test]
fn a_tenant_may_do_without_the_mass_hold() {
    let (mut w, names) = many(6, Limits { mass_hold: false, ..Limits::default() });
    for name in &names {
        w.look(name, "unhealthy", name);
    }
    assert_eq!((tenant(&w).mass_hold, w.records(EventType::MassHold)), (false, 0));
    // Switched off while it holds, it ends.
    let (mut w, names) = many(6, Limits::default());
    for name in &names {
        w.look(name, "unhealthy", name);
    }
    assert!(tenant(&w).mass_hold);
    let channels: Vec<(&str, Option<&[&str]>)> = names.iter().map(|name| (name.as_str(), Some(&[][..]))).collect();
    let off = limited(&channels, Limits { mass_hold: false, ..Limits::default() });
    w.engine.reconfigure(w.now, off, &mut w.out);
    assert_eq!((tenant(&w).mass_hold, w.records(EventType::MassHoldEnded)), (false, 1));
}

#[test]
fn an_approval_is_for_one_mass_change() {
    let (mut w, names) = many(6, Limits::default());
    let all = |w: &mut World, status: &str| {
        for name in &names {
            w.look(name, status, name);
        }
    };
    all(&mut w, "unhealthy");
    w.order(&Order::ApproveMass { tenant: acme() });
    assert!(!tenant(&w).mass_hold);
    let again = w.engine.operator(w.now, &Order::ApproveMass { tenant: acme() }, "alice", &mut w.out);
    assert_eq!(again.unwrap_err().to_string(), "no mass change is held for tenant acme");
    all(&mut w, "healthy");
    assert_eq!(w.records(EventType::MassHoldEnded), 1);
    all(&mut w, "unhealthy");
    assert!(tenant(&w).mass_hold, "the next one is another one");
}

#[test]
fn a_tenant_is_blind_by_the_looks_of_three_of_its_intervals() {
    let mut policy = Policy::default();
    policy.health.interval = secs(60);
    let channels: Channels = &[("a", Some(&[])), ("b", Some(&[]))];
    // Three failures within three minutes are blindness; spread over more, they are not.
    for (gap, blind) in [(80, true), (100, false)] {
        let mut w = World::new(params(&policy, channels));
        for id in ["a", "b", "a"] {
            w.pass(gap);
            w.fail(id);
        }
        assert_eq!(tenant(&w).state == TenantState::Blind, blind, "{gap} s apart");
    }
}

#[test]
fn blindness_is_told_with_what_it_was_before() {
    let mut w = World::three_up();
    for _ in 0..9 {
        w.fail("b").fail("c");
    }
    let told = |w: &World, event| {
        let found = w.out.iter().find_map(|command| match command {
            trunkwarden::policy::Command::Record(record) if record.event == event => Some(record.clone()),
            _ => None,
        });
        let record = found.unwrap();
        assert_eq!((record.tenant, record.channel), (Some(acme()), None));
        let state = |fact| serde_json::to_value(fact).unwrap().to_string();
        (state(record.before), state(record.after))
    };
    let (before, after) = told(&w, EventType::BlindEntered);
    assert!(before.contains("seen") && after.contains("blind"), "{before} to {after}");
    for _ in 0..30 {
        w.look("a", "healthy", "a");
    }
    let (before, after) = told(&w, EventType::BlindLeft);
    assert!(before.contains("blind") && after.contains("seen"), "{before} to {after}");
}

#[test]
fn two_reversals_within_ten_minutes_are_another_controller_and_two_that_are_further_apart_are_not() {
    for (gap, paused) in [(600, true), (601, false)] {
        let channels: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
        let mut w = World::new(limited(channels, Limits::default()));
        w.up(&["a", "b", "x", "d"]);
        w.all_over_to("x", &["a", "b"]);
        w.pass(30);
        w.moved("a", "unhealthy", "a");
        w.pass(gap - 2);
        w.moved("b", "unhealthy", "b");
        assert_eq!(w.records(EventType::RouteChanged), 2);
        assert_eq!(tenant(&w).paused, paused, "{gap} s apart");
    }
}

#[test]
fn orders_name_tenants_that_exist() {
    let mut w = World::three_up();
    for order in [
        Order::Pause { tenant: Some("umbrella".into()) },
        Order::Resume { tenant: Some("umbrella".into()) },
        Order::ApproveMass { tenant: "umbrella".into() },
    ] {
        let refused = w.engine.operator(w.now, &order, "alice", &mut w.out).unwrap_err().to_string();
        assert_eq!(refused, "no tenant `umbrella` is configured");
    }
    let unknown = Order::Acknowledge { channel: key("z") };
    let refused = w.engine.operator(w.now, &unknown, "alice", &mut w.out).unwrap_err().to_string();
    assert_eq!(refused, "no channel `acme/z` is configured");
    // One that left the file is no tenant of ours any more.
    let mut p = params(&Policy::default(), &[]);
    p.tenants.clear();
    w.engine.reconfigure(w.now, p, &mut w.out);
    assert!(w.engine.operator(w.now, &Order::Pause { tenant: Some(acme()) }, "alice", &mut w.out).is_err());
}

#[test]
fn a_pause_that_another_controller_caused_ends_by_a_person_only() {
    let channels: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    let mut w = World::new(limited(channels, Limits::default()));
    w.up(&["a", "b", "x", "d"]);
    let pause_for = |s: u64| Order::PauseFor { tenant: Some(acme()), lasts: secs(s) };
    // One that a person gave may be made longer, shorter, and without end.
    w.order(&pause_for(60));
    w.order(&pause_for(120));
    w.order(&Order::Pause { tenant: Some(acme()) });
    w.order(&pause_for(30));
    w.pass(30);
    assert!(!tenant(&w).paused);
    w.all_over_to("x", &["a", "b"]);
    w.pass(30);
    w.moved("a", "unhealthy", "a").moved("b", "unhealthy", "b");
    assert!(tenant(&w).paused);
    let refused = w.engine.operator(w.now, &pause_for(60), "alice", &mut w.out).unwrap_err().to_string();
    assert_eq!(refused, "tenant acme is paused because another controller undid our routes: only `resume` ends that");
    w.order(&Order::Resume { tenant: Some(acme()) });
    assert!(!tenant(&w).paused);
    w.order(&pause_for(60));
}
