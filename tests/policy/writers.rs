//! Who may change a platform: the table of `docs/policy.md` is the code's, and the engine answers by it.

use super::page::table;
use super::world::{World, key, params, secs};
use trunkwarden::policy::{
    Bar, CLEARANCES, ChannelId, Hold, Mode, Order, Params, Policy, PolicyMode, TenantId, Writer,
};

const WRITERS: [Writer; 5] = [Writer::Action, Writer::Bridge, Writer::Rescue, Writer::Apply, Writer::Round];

const fn label(bar: Bar) -> &'static str {
    match bar {
        Bar::Journal => "journal",
        Bar::Paused => "paused",
        Bar::Network => "network",
        Bar::Blind => "blind",
        Bar::Maintenance => "maintenance",
        Bar::MassChange => "mass_change",
        Bar::Mode => "mode",
    }
}

#[test]
fn the_table_stands_in_the_page_as_the_code_has_it() {
    let row = |(bar, held): (Bar, &[Writer])| {
        let cells = WRITERS.map(|writer| if held.contains(&writer) { "yes" } else { "—" });
        std::iter::once(format!("`{}`", label(bar))).chain(cells.map(str::to_owned)).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = CLEARANCES.into_iter().map(row).collect();
    assert_eq!(rows, table("writers"), "docs/policy.md would have to have these rows");
}

fn world_in(mode: Mode, policy: &Policy) -> World {
    let names = ["a", "b", "c", "d", "e", "f"];
    let channels: Vec<_> = names.iter().map(|name| (*name, Some(&[] as &[&str]))).collect();
    let mut w = World::new(Params { mode, ..params(policy, &channels) });
    w.up(&names);
    w
}

/// A world in which this holds and nothing else of the table, whatever else it brings with it.
fn where_it_holds(bar: Bar) -> World {
    let mode = if bar == Bar::Mode { Mode::Observe } else { Mode::Enforce };
    let mut w = world_in(mode, &Policy::default());
    match bar {
        Bar::Journal => w.engine.set_journal_writable(w.now, false, &mut w.out),
        Bar::Paused => w.order(&Order::Pause { tenant: None }),
        Bar::Network => {
            w.engine.set_references(w.now, 2, 2, &mut w.out);
            w.engine.set_references(w.now, 0, 2, &mut w.out);
        }
        Bar::Blind => {
            for _ in 0..40 {
                for id in ["a", "b", "c", "d", "e", "f"] {
                    w.fail(id);
                }
                w.pass(5);
            }
        }
        Bar::Maintenance => {
            let reason = "new cables".to_owned();
            w.order(&Order::StartMaintenance { channel: key("a"), lasts: secs(600), reason });
        }
        Bar::MassChange => {
            for id in ["a", "b", "c", "d"] {
                w.look(id, "unhealthy", id);
            }
        }
        Bar::Mode => {}
    }
    w
}

fn held(w: &World, writer: Writer) -> Option<&'static str> {
    let (tenant, channel) = (TenantId::from("acme"), ChannelId::from("a"));
    w.engine.may_change(&tenant, Some(&channel), writer).err().map(|hold| hold.label())
}

#[test]
fn the_engine_holds_back_whom_the_table_names_and_nobody_else() {
    for (bar, writers) in CLEARANCES {
        let w = where_it_holds(bar);
        for writer in WRITERS {
            let expected = match (bar, writer) {
                // Asked last of all, by its guards: what would be proposed is known then.
                (Bar::Mode, Writer::Action) => None,
                (Bar::Mode, _) => Some("observe"),
                (bar, _) => Some(label(bar)),
            };
            let expected = expected.filter(|_| writers.contains(&writer));
            assert_eq!(held(&w, writer), expected, "{bar:?} {writer:?}");
        }
    }
}

#[test]
fn a_bridge_is_a_persons_and_goes_in_mode_propose_and_a_rescue_needs_enforce() {
    let proposing = Policy { mode: PolicyMode(Mode::Propose), ..Policy::default() };
    for w in [world_in(Mode::Propose, &Policy::default()), world_in(Mode::Enforce, &proposing)] {
        assert_eq!((held(&w, Writer::Bridge), held(&w, Writer::Rescue)), (None, Some("propose")));
    }
    let observing = Policy { mode: PolicyMode(Mode::Observe), ..Policy::default() };
    let w = world_in(Mode::Enforce, &observing);
    assert_eq!((held(&w, Writer::Bridge), held(&w, Writer::Rescue)), (None, Some("observe")));
}

#[test]
fn an_approved_mass_change_holds_nobody_back() {
    let mut w = where_it_holds(Bar::MassChange);
    assert_eq!(held(&w, Writer::Apply), Some("mass_change"));
    w.order(&Order::ApproveMass { tenant: "acme".into() });
    assert_eq!(WRITERS.map(|writer| held(&w, writer)), [None; 5]);
}

#[test]
fn what_the_engine_does_not_know_is_held_back_by_what_holds_all() {
    let mut w = world_in(Mode::Enforce, &Policy::default());
    let elsewhere = TenantId::from("nobody");
    assert_eq!(w.engine.may_change(&elsewhere, None, Writer::Bridge), Ok(()));
    w.order(&Order::Pause { tenant: None });
    assert_eq!(w.engine.may_change(&elsewhere, None, Writer::Bridge), Err(Hold::Paused { tenant: None }));
    let why = Hold::Paused { tenant: None }.refusal(&elsewhere);
    assert_eq!(why, "everything is paused; `trunkwarden resume` lifts that");
}
