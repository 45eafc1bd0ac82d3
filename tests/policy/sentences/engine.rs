//! What the engine writes of a person's orders: done, lapsed, or not taken. Each line is told to an engine and read from it.

use super::super::world::{World, key, params, secs, view};
use super::Group;
use trunkwarden::policy::{
    AuthenticationSeen, ChannelView, Codec, Command, Failback, Mode, Order, Params, Policy, PolicyMode, Reason, Source,
    TenantId, Windows,
};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b"])), ("b", Some(&[])), ("c", Some(&[]))];

fn acme() -> TenantId {
    TenantId::from("acme")
}

fn of(policy: &Policy) -> World {
    let mut w = World::new(params(policy, THREE));
    w.up(&["a", "b", "c"]);
    w
}

fn world() -> World {
    of(&Policy::default())
}

fn mode(mode: Mode) -> World {
    of(&Policy { mode: PolicyMode(mode), ..Policy::default() })
}

fn to(to: &str, force: bool) -> Order {
    Order::Failover { channel: key("a"), to: to.into(), force }
}

fn home(force: bool) -> Order {
    Order::Failback { channel: key("a"), force }
}

fn acknowledge() -> Order {
    Order::Acknowledge { channel: key("a") }
}

fn approve() -> Order {
    Order::Approve { channel: key("a") }
}

fn maintenance() -> Order {
    Order::StartMaintenance { channel: key("a"), lasts: secs(3600), reason: "carrier works".to_owned() }
}

fn codecs(names: &[&str]) -> Vec<Codec> {
    (1..).zip(names).map(|(priority, name)| Codec { name: (*name).to_owned(), priority }).collect()
}

/// `a` failed over to `b`.
fn away() -> World {
    let mut w = world();
    let action = w.fail_over();
    w.applied(action.op);
    w.look("a", "unhealthy", "b");
    w
}

/// Someone else sent the traffic of `a` to `c`.
fn foreign(mut w: World) -> World {
    w.moved("a", "healthy", "c");
    w
}

/// A look at `a` that shows the codecs as they were changed.
fn new_codecs(w: &mut World, status: &str, route: &str) {
    let codecs = Some(codecs(&["OPUS", "G729", "PCMU"]));
    w.look_from("a", w.now, Source::Single, ChannelView { codecs, authentication: THERE, ..view(status, route) });
}

const THERE: Option<AuthenticationSeen> = Some(AuthenticationSeen { user: Some(7), password: true });

/// The codecs of `a` were changed, and its credentials `after` that are these.
fn codecs_changed(after: Option<AuthenticationSeen>) -> World {
    let mut w = world();
    w.telemetry("a", 30.0, 5.0).pass(1);
    w.look_from("a", w.now, Source::Single, ChannelView { authentication: THERE, ..view("healthy", "a") });
    let action = w.act().expect("a codec change");
    let codecs = Some(codecs(&["OPUS", "G729", "PCMU"]));
    w.look_from("a", w.now, Source::Single, ChannelView { codecs, authentication: after, ..view("healthy", "a") });
    w.applied(action.op);
    w
}

/// `a` is down, and its move to `b` is proposed.
fn proposed() -> World {
    let mut w = World::new(params(
        &Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() },
        &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))],
    ));
    w.up(&["a", "b", "c"]);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
    w
}

/// Another order of the codecs of `a` is proposed.
fn codecs_proposed() -> World {
    let mut w = mode(Mode::Propose);
    w.telemetry("a", 30.0, 5.0).pass(1);
    w.look("a", "healthy", "a");
    w
}

/// The way back of `a` waits for a person.
fn manual() -> World {
    let mut policy = Policy::default();
    policy.failover.failback = Failback::Manual;
    let mut w = of(&policy);
    let action = w.fail_over();
    w.applied(action.op);
    for _ in 0..32 {
        w.pass(30);
        w.look("b", "healthy", "b").look("a", "healthy", "b");
    }
    w
}

/// The whole tenant turned bad at once.
fn mass() -> World {
    let mut w = world();
    for id in ["a", "b", "c"] {
        w.look(id, "unhealthy", id);
    }
    w
}

/// Routes of ours were undone twice.
fn other_controller() -> World {
    let channels: Channels = &[("a", Some(&["x"])), ("b", Some(&["x"])), ("x", Some(&[])), ("d", Some(&[]))];
    let mut w = World::new(params(&Policy::default(), channels));
    w.up(&["a", "b", "x", "d"]);
    w.all_over_to("x", &["a", "b"]);
    w.pass(30);
    w.moved("a", "unhealthy", "a").moved("b", "unhealthy", "b");
    w
}

/// What the engine wrote down since `from` commands, where `pick` takes its words.
fn records(w: &World, from: usize, pick: impl Fn(&Reason) -> Option<String>) -> Vec<String> {
    let records = w.out[from..].iter().filter_map(|command| match command {
        Command::Record(record) => pick(&record.reason),
        _ => None,
    });
    records.collect()
}

fn done(label: &str, mut w: World, order: &Order) -> Group {
    let before = w.out.len();
    w.order(order);
    let sentences = records(&w, before, |reason| match reason {
        Reason::Ordered { order } => Some(order.clone()),
        _ => None,
    });
    assert!(!sentences.is_empty(), "{label}");
    Group { label: label.to_owned(), sentences }
}

pub fn ordered() -> Vec<Group> {
    let (tenant, all) = (|| Some(acme()), None);
    let paused = |scope: Option<TenantId>| {
        let mut w = world();
        w.order(&Order::Pause { tenant: scope });
        w
    };
    let both_paused = || {
        let mut w = paused(Some(acme()));
        w.order(&Order::Pause { tenant: None });
        w
    };
    let blocked_with_codecs = || {
        let mut w = codecs_changed(THERE);
        for _ in 0..4 {
            w.pass(2);
            new_codecs(&mut w, "unhealthy", "a");
        }
        w.look("b", "healthy", "b");
        let action = w.act().expect("a failover");
        w.applied(action.op);
        w
    };
    let foreign_with_codecs = || {
        let mut w = codecs_changed(THERE);
        for _ in 0..2 {
            w.pass(2);
            new_codecs(&mut w, "healthy", "c");
        }
        w
    };
    let in_maintenance = || {
        let mut w = world();
        w.order(&maintenance());
        w
    };
    let lost = Some(AuthenticationSeen { user: Some(7), password: false });
    vec![
        done("pause a tenant", world(), &Order::Pause { tenant: tenant() }),
        done("pause everything for a time", world(), &Order::PauseFor { tenant: all.clone(), lasts: secs(1800) }),
        done("resume a tenant", paused(tenant()), &Order::Resume { tenant: tenant() }),
        done("resume everything", paused(None), &Order::Resume { tenant: all.clone() }),
        done("resume everything but a tenant", both_paused(), &Order::Resume { tenant: all }),
        done("approve a mass change", mass(), &Order::ApproveMass { tenant: acme() }),
        done("approve a failover", proposed(), &approve()),
        done("approve a failback", manual(), &approve()),
        done("approve a codec order", codecs_proposed(), &approve()),
        done("acknowledge a route", foreign(world()), &acknowledge()),
        done("acknowledge a block", away(), &acknowledge()),
        done("acknowledge codecs", codecs_changed(THERE), &acknowledge()),
        done("acknowledge a route and codecs", foreign_with_codecs(), &acknowledge()),
        done("acknowledge a block and codecs", blocked_with_codecs(), &acknowledge()),
        done("acknowledge credentials and codecs", codecs_changed(lost), &acknowledge()),
        done("order a failover", world(), &to("c", false)),
        done("force a failover", world(), &to("c", true)),
        done("force a failback", foreign(world()), &home(true)),
        done("start a maintenance", world(), &maintenance()),
        done("end a maintenance", in_maintenance(), &Order::EndMaintenance { channel: key("a") }),
    ]
}

fn ended(label: &str, mut w: World, order: &Order, then: impl FnOnce(&mut World)) -> Group {
    w.order(order);
    let before = w.out.len();
    then(&mut w);
    let sentences = records(&w, before, |reason| match reason {
        Reason::Lapsed { what } => Some(what.clone()),
        _ => None,
    });
    assert_eq!(sentences.len(), 1, "{label}: {sentences:?}");
    Group { label: label.to_owned(), sentences }
}

pub fn lapsed() -> Vec<Group> {
    let gone = |w: &mut World| {
        let mut p = params(&Policy::default(), &[("umbrella/u", Some(&[]))]);
        p.tenants.remove(&acme());
        w.engine.reconfigure(w.now, p, &mut w.out);
        w.pass(86_400 + 60);
    };
    let other_order = |w: &mut World| {
        for _ in 0..2 {
            w.pass(1);
            let shown = ChannelView { codecs: Some(codecs(&["PCMU", "OPUS"])), ..view("healthy", "a") };
            w.look_from("a", w.now, Source::Single, shown);
        }
    };
    let paused_for = |tenant| Order::PauseFor { tenant, lasts: secs(60) };
    vec![
        ended("a tenant's pause", world(), &paused_for(Some(acme())), |w| w.pass(61)),
        ended("a pause of everything", world(), &paused_for(None), |w| w.pass(61)),
        ended("the pause of a tenant that left", world(), &Order::Pause { tenant: Some(acme()) }, gone),
        ended("a maintenance", world(), &maintenance(), |w| w.pass(3601)),
        ended("an order whose target turned bad", world(), &to("c", false), |w| {
            w.pass(1);
            w.look("c", "unhealthy", "c");
        }),
        ended("an order whose target keeps silent", world(), &to("c", false), |w| {
            w.pass(5);
            w.look("a", "healthy", "a");
            w.pass(10);
        }),
        ended("an order that was not confirmed", world(), &to("c", false), |w| {
            for _ in 0..70 {
                w.pass(1);
                w.look("c", "healthy", "c");
            }
        }),
        ended("an order that someone else carried out", world(), &to("c", false), |w| {
            w.moved("a", "healthy", "c");
        }),
        ended("an approval of another target", proposed(), &approve(), |w| {
            w.pass(1);
            w.look("b", "unhealthy", "b").look("a", "unhealthy", "a").look("c", "healthy", "c");
        }),
        ended("an approval of another codec order", codecs_proposed(), &approve(), other_order),
    ]
}

fn no(label: &str, mut w: World, order: &Order) -> Group {
    let refusal = w.engine.operator(w.now, order, "alice", &mut w.out).expect_err(label);
    Group { label: label.to_owned(), sentences: vec![refusal.to_string()] }
}

pub fn refused() -> Vec<Group> {
    let after = |mut w: World, change: &dyn Fn(&mut World)| {
        change(&mut w);
        w
    };
    let paused = || after(world(), &|w| w.order(&Order::Pause { tenant: Some(acme()) }));
    let in_window = || {
        let maintenance = true;
        let windows = Windows { maintenance, ..Windows::default() };
        after(world(), &|w| w.engine.set_windows(w.now, "", windows, &mut w.out))
    };
    let unread = || {
        let mut w = World::new(params(&Policy::default(), THREE));
        w.pass(1);
        w
    };
    let one = || World::new(Params { mode: Mode::Observe, ..params(&Policy::default(), THREE) });
    let observed = || after(one(), &|w| w.up(&["a", "b", "c"]));
    let gone = TenantId::from("umbrella");
    let z = Order::Acknowledge { channel: key("z") };
    let end = Order::EndMaintenance { channel: key("a") };
    let no_reason = Order::StartMaintenance { channel: key("a"), lasts: secs(60), reason: " ".to_owned() };
    let carries = || after(away(), &|w| w.up(&["b", "c"]));
    let from_b = Order::Failover { channel: key("b"), to: "c".into(), force: false };
    vec![
        no("UnknownTenant", world(), &Order::Pause { tenant: Some(gone) }),
        no("UnknownChannel", world(), &z),
        no("NothingToDo: no mass change", world(), &Order::ApproveMass { tenant: acme() }),
        no("NothingToDo: nothing proposed", world(), &approve()),
        no("NothingToDo: nothing to acknowledge", world(), &acknowledge()),
        no("NothingToDo: already paused", paused(), &Order::Pause { tenant: Some(acme()) }),
        no(
            "NothingToDo: paused for another controller",
            other_controller(),
            &Order::PauseFor { tenant: Some(acme()), lasts: secs(60) },
        ),
        no("NothingToDo: not paused", world(), &Order::Resume { tenant: Some(acme()) }),
        no("NothingToDo: nothing is paused", world(), &Order::Resume { tenant: None }),
        no("NothingToDo: only a tenant is paused", paused(), &Order::Resume { tenant: None }),
        no("NothingToDo: not in maintenance", world(), &end),
        no("NothingToDo: in a maintenance window", in_window(), &end),
        no("NothingToDo: an action is under way", after(world(), &|w| drop(w.fail_over())), &to("c", false)),
        no("NothingToDo: the route is not known", unread(), &to("c", false)),
        no("NothingToDo: to itself", world(), &to("a", false)),
        no("NothingToDo: there already", away(), &to("b", false)),
        no("NothingToDo: at home already", world(), &home(false)),
        no("Forbidden: a maintenance without a reason", world(), &no_reason),
        no(
            "Forbidden: the target is not fit",
            after(world(), &|w| {
                w.look("c", "degraded", "c");
            }),
            &to("c", true),
        ),
        no("Forbidden: home is not fit", away(), &home(true)),
        no("Forbidden: it carries others", carries(), &from_b),
        no("Forbidden: the mode is observe", observed(), &to("c", false)),
        no("Forbidden: a pause", paused(), &to("c", true)),
        no("Forbidden: a block, and without force", after(away(), &|w| w.up(&["a"])), &to("c", false)),
    ]
}
