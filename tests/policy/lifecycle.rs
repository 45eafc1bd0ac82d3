//! The life of an action: every state of a channel's traffic meets every event, and what follows is written in
//! `lifecycle.txt`, a line for each pair: the state after it, and the commands in their order.
//!
//! The channel is `a` with the backups `b` and `c`. A state is told by the channel's reason, the hold, and where its
//! traffic is.

use super::world::{World, key, params, word};
use std::fmt::Write as _;
use trunkwarden::policy::{Command, Mode, OpId, Order, Outcome, Policy, PolicyMode};

const TABLE: &str = include_str!("lifecycle.txt");

type Make = fn() -> World;
type Happen = fn(&mut World);

const STATES: [(&str, Make); 16] = [
    ("fine", World::three_up),
    ("suspect", suspect),
    ("confirming", confirming),
    ("held", held),
    ("proposed", proposed),
    ("nobody fit", nobody),
    ("in flight", in_flight),
    ("not known", unsure),
    ("next try waits", retry),
    ("away", away),
    ("cascade", cascade),
    ("cascade in flight", cascading),
    ("way home", way_home),
    ("going home", going_home),
    ("home, blocked", home_again),
    ("someone else's", foreign),
];

const EVENTS: [(&str, Happen); 26] = [
    ("good", |w| own(w, "healthy")),
    ("bad", |w| own(w, "unhealthy")),
    ("neither", |w| own(w, "degraded")),
    ("error", |w| {
        w.fail("a");
    }),
    ("missing", |w| {
        w.missing("a");
    }),
    ("route at b", |w| {
        w.look("a", "active", "b");
    }),
    ("route at home", |w| {
        w.look("a", "active", "a");
    }),
    ("route at b twice", |w| {
        w.moved("a", "active", "b");
    }),
    ("route at home twice", |w| {
        w.moved("a", "active", "a");
    }),
    ("b good", |w| {
        w.look("b", "healthy", "b");
    }),
    ("b bad", |w| {
        w.look("b", "unhealthy", "b");
    }),
    ("c good", |w| {
        w.look("c", "healthy", "c");
    }),
    ("applied", |w| ended(w, &Outcome::Applied { siblings_lost: Vec::new() })),
    ("not applied", |w| ended(w, &Outcome::NotApplied)),
    ("refused", |w| ended(w, &Outcome::Refused { why: "400".to_owned() })),
    ("not sent", |w| ended(w, &Outcome::NotSent { why: "no slot".to_owned() })),
    ("conflict", |w| ended(w, &Outcome::Conflict)),
    ("withdrawn", |w| ended(w, &Outcome::Withdrawn { why: "paused".to_owned() })),
    ("unknown", |w| ended(w, &Outcome::Unknown { why: "no answer".to_owned() })),
    ("paused", |w| {
        let _ = w.engine.operator(w.now, &Order::Pause { tenant: None }, "alice", &mut w.out);
    }),
    ("resumed", |w| {
        let _ = w.engine.operator(w.now, &Order::Resume { tenant: None }, "alice", &mut w.out);
    }),
    ("acknowledged", |w| {
        let _ = w.engine.operator(w.now, &Order::Acknowledge { channel: key("a") }, "alice", &mut w.out);
    }),
    ("approved", |w| {
        let _ = w.engine.operator(w.now, &Order::Approve { channel: key("a") }, "alice", &mut w.out);
    }),
    ("10 s", |w| w.pass(10)),
    ("2 min", |w| w.pass(120)),
    ("clock jumps", |w| w.engine.clock_jumped(w.now, &mut w.out)),
];

#[test]
fn every_state_meets_every_event() {
    let mut told = String::new();
    for (state, make) in STATES {
        for (event, happen) in EVENTS {
            let mut w = make();
            w.pass(1);
            w.out.clear();
            happen(&mut w);
            let said = counted(&w.out);
            writeln!(told, "{state} + {event} = {}{}{said}", stand(&w), if said.is_empty() { "" } else { ": " })
                .unwrap();
        }
        told.push('\n');
    }
    let told = told.trim_end();
    let differ: Vec<_> = told.lines().zip(TABLE.lines()).filter(|(is, should)| is != should).collect();
    assert!(differ.is_empty(), "is, and should be: {differ:#?}");
    assert_eq!(told.lines().count(), TABLE.lines().count(), "the whole table:\n{told}");
}

/// Where the channel stands: its reason's code, what holds it, and where its traffic is.
fn stand(w: &World) -> String {
    let report = w.report("a");
    let code = serde_json::to_value(&report.reason).unwrap()["code"].as_str().unwrap().to_owned();
    let mut stand = code;
    if let Some(held) = report.held {
        write!(stand, " by {held}").unwrap();
    }
    if let Some(route) = report.route.filter(|route| route.as_str() != "a") {
        write!(stand, ", at {route}").unwrap();
    }
    if report.blocked_for.is_some() {
        stand += ", blocked";
    }
    stand
}

/// The commands in the order in which each comes first, with how often it comes.
fn counted(commands: &[Command]) -> String {
    let mut counts: Vec<(String, u32)> = Vec::new();
    for said in commands.iter().map(short) {
        match counts.iter_mut().find(|(word, _)| *word == said) {
            Some((_, n)) => *n += 1,
            None => counts.push((said, 1)),
        }
    }
    let told = |(word, n): &(String, u32)| if *n == 1 { word.clone() } else { format!("{word} ({n} times)") };
    counts.iter().map(told).collect::<Vec<_>>().join(", ")
}

fn short(command: &Command) -> String {
    match command {
        Command::Record(record) => {
            let of = record.channel.as_ref().map(|c| format!(" {c}")).unwrap_or_default();
            format!("{}{of}", serde_json::to_value(record.event).unwrap().as_str().unwrap())
        }
        other => word(other),
    }
}

fn own(w: &mut World, status: &str) {
    let route = w.report("a").route.map_or_else(|| "a".to_owned(), |route| route.to_string());
    w.look("a", status, &route);
}

/// The outcome of the last action that was ordered, whichever it was.
fn ended(w: &mut World, outcome: &Outcome) {
    for op in 1..=4 {
        w.outcome(OpId(op), outcome.clone());
    }
}

fn suspect() -> World {
    let mut w = World::three_up();
    w.look("a", "unhealthy", "a");
    w
}

fn confirming() -> World {
    let mut w = World::three_up();
    w.down("a");
    w
}

fn held() -> World {
    let mut w = World::three_up();
    w.order(&Order::Pause { tenant: None });
    w.down("a");
    assert_eq!(w.report("a").held, Some("paused"));
    w
}

fn proposed() -> World {
    let policy = Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() };
    let mut w = World::new(params(&policy, &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))]));
    w.up(&["a", "b", "c"]);
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert_eq!(w.report("a").held, Some("propose"));
    w
}

fn nobody() -> World {
    let mut w = World::three_up();
    w.look("b", "degraded", "b").look("c", "degraded", "c");
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a");
    assert!(w.report("a").no_candidate);
    w
}

fn in_flight() -> World {
    let mut w = World::three_up();
    w.fail_over();
    w
}

fn unsure() -> World {
    let mut w = in_flight();
    ended(&mut w, &Outcome::Unknown { why: "no answer".to_owned() });
    w
}

fn retry() -> World {
    let mut w = in_flight();
    for _ in 0..3 {
        ended(&mut w, &Outcome::NotApplied);
        for _ in 0..9 {
            w.pass(1);
            w.look("a", "unhealthy", "a").look("b", "healthy", "b").look("c", "healthy", "c");
        }
    }
    ended(&mut w, &Outcome::NotApplied);
    assert_eq!(w.report("a").held, Some("backoff"));
    w
}

fn away() -> World {
    let mut w = in_flight();
    ended(&mut w, &Outcome::Applied { siblings_lost: Vec::new() });
    w.look("a", "unhealthy", "b");
    w
}

fn cascade() -> World {
    let mut w = away();
    w.down("b");
    w
}

fn cascading() -> World {
    let mut w = cascade();
    w.pass(1);
    w.look("a", "unhealthy", "b").look("b", "unhealthy", "b").look("c", "healthy", "c");
    assert_eq!(w.report("a").in_flight, Some("failover"));
    w
}

/// Up and good for the quarter of an hour that it takes.
fn way_home() -> World {
    let mut w = away();
    for _ in 0..31 {
        w.pass(30);
        w.look("b", "healthy", "b").look("c", "healthy", "c").look("a", "healthy", "b");
    }
    w.pass(30);
    assert!(w.text("a").starts_with("failback wanted"), "{}", w.text("a"));
    w
}

fn going_home() -> World {
    let mut w = way_home();
    w.pass(1);
    w.look("a", "healthy", "b");
    assert_eq!(w.report("a").in_flight, Some("failback"));
    w
}

fn home_again() -> World {
    let mut w = going_home();
    ended(&mut w, &Outcome::Applied { siblings_lost: Vec::new() });
    w
}

fn foreign() -> World {
    let mut w = World::three_up();
    w.moved("a", "healthy", "c");
    w
}
