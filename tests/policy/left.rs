//! What left the file, within a reload or missing at a start: what people ordered goes on until its end, and the rest is kept
//! for a day.

use super::world::{World, key, params, secs};
use trunkwarden::policy::{EventType, Order, Params, Part, Policy, Saved, TenantId};

type Channels<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];
const THREE: Channels = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];
const WITHOUT_A: Channels = &[("b", Some(&[])), ("c", Some(&[]))];
const WITHOUT_B: Channels = &[("a", Some(&["b", "c"])), ("c", Some(&[]))];
const DAY: u64 = 86_400;

fn of(channels: Channels) -> Params {
    params(&Policy::default(), channels)
}

fn no_tenant() -> Params {
    let mut p = params(&Policy::default(), &[("umbrella/u", Some(&[]))]);
    p.tenants.remove(&TenantId::from("acme"));
    p
}

fn acme() -> TenantId {
    TenantId::from("acme")
}

fn reload(w: &mut World, p: Params) {
    w.engine.reconfigure(w.now, p, &mut w.out);
}

/// Journals all state as the driver does, and starts anew `gone` seconds later, with what is kept and no more.
struct Disk(Vec<(Part, Saved)>);

impl Disk {
    fn of(w: &mut World) -> Self {
        let mut disk = Self(Vec::new());
        disk.write(w);
        disk
    }

    fn write(&mut self, w: &mut World) {
        for part in w.engine.take_unsaved() {
            self.0.retain(|(other, _)| *other != part);
            let saved = w.engine.save(w.now, &part);
            self.0.extend(saved.map(|saved| {
                let text = serde_json::to_string(&saved).unwrap();
                (part, serde_json::from_str(&text).unwrap())
            }));
        }
    }

    fn start(&self, p: Params, gone: u64) -> World {
        let mut w = World::new(p);
        for (part, saved) in &self.0 {
            w.engine.restore(w.now, part, saved.clone(), secs(gone));
        }
        w.out.clear();
        w
    }
}

fn maintained() -> World {
    let mut w = World::three_up();
    for id in ["a", "b"] {
        w.order(&Order::StartMaintenance { channel: key(id), lasts: secs(3 * DAY), reason: "carrier".to_owned() });
    }
    w
}

fn left(w: &World, id: &str) -> Option<u64> {
    w.report(id).maintenance.and_then(|maintenance| maintenance.left).map(|left| left.as_secs())
}

#[test]
fn a_maintenance_outlives_the_file_until_its_own_end() {
    let mut w = maintained();
    reload(&mut w, of(WITHOUT_A));
    w.pass(2 * DAY);
    reload(&mut w, of(THREE));
    assert_eq!(left(&w, "a"), Some(DAY));
    // And ends while it is out, which is said.
    reload(&mut w, of(WITHOUT_A));
    w.out.clear();
    w.pass(DAY);
    let words = "record maintenance.ended a: the maintenance of acme/a ended: its time is up";
    assert!(w.said().contains(&words.to_owned()));
    reload(&mut w, of(THREE));
    assert_eq!(left(&w, "a"), None);
}

#[test]
fn a_channel_in_maintenance_is_no_target_though_it_left_the_file() {
    let mut w = maintained();
    w.order(&Order::EndMaintenance { channel: key("a") });
    reload(&mut w, of(WITHOUT_B));
    w.look("b", "healthy", "b").look("b", "healthy", "b");
    let against = |w: &World| w.report("a").candidates[0].against_text.clone();
    assert_eq!(against(&w).as_deref(), Some("is in maintenance"));
    // Nor after it was nobody's for a while.
    reload(&mut w, of(&[("c", Some(&[]))]));
    reload(&mut w, of(WITHOUT_B));
    w.look("b", "healthy", "b").look("b", "healthy", "b");
    assert_eq!(against(&w).as_deref(), Some("is in maintenance"));
    // A person may end it, and is told once where there is none.
    let end = Order::EndMaintenance { channel: key("b") };
    w.order(&end);
    assert_eq!(w.records(EventType::MaintenanceEnded), 2);
    assert_eq!(against(&w), None);
    let refused = w.engine.operator(w.now, &end, "alice", &mut w.out).unwrap_err().to_string();
    assert_eq!(refused, "no channel `acme/b` is configured");
}

#[test]
fn a_maintenance_outlives_starts_at_which_its_channel_is_missing() {
    let mut w = maintained();
    let mut disk = Disk::of(&mut w);
    let mut without = disk.start(of(WITHOUT_A), 1000);
    without.pass(2000);
    disk.write(&mut without);
    // Another one without it, killed before it wrote a word.
    let again = disk.start(of(WITHOUT_A), 3000);
    drop(again);
    let back = disk.start(of(THREE), 4000);
    let expected = 3 * DAY - 4000;
    assert!(
        left(&back, "a").is_some_and(|left| (expected - 5000..=expected).contains(&left)),
        "{:?}",
        left(&back, "a")
    );
    // Out of the file and in again under one process, after such a start.
    let mut late = disk.start(of(WITHOUT_A), 4000);
    late.pass(1000);
    reload(&mut late, of(THREE));
    assert_eq!(left(&late, "a"), Some(3 * DAY - 5000));
    assert_eq!(left(&late, "b"), Some(3 * DAY - 5000));
}

#[test]
fn our_route_is_ours_when_the_channel_comes_back_within_a_day() {
    for (gone, ours) in [(23 * 3600, true), (DAY, false)] {
        let mut w = World::three_up();
        let action = w.fail_over();
        w.applied(action.op);
        reload(&mut w, of(WITHOUT_A));
        let mut disk = Disk::of(&mut w);
        w.pass(gone);
        disk.write(&mut w);
        reload(&mut w, of(THREE));
        let mut started = disk.start(of(THREE), 0);
        for next in [&mut w, &mut started] {
            next.moved("a", "healthy", "b");
            assert_eq!(next.report("a").route_foreign, !ours, "{gone} s");
        }
    }
}

#[test]
fn a_block_goes_on_while_its_channel_is_out() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    reload(&mut w, of(WITHOUT_A));
    w.pass(100);
    reload(&mut w, of(THREE));
    assert_eq!(w.report("a").blocked_for, Some(secs(500)));
    w.look("a", "unhealthy", "b");
    assert_eq!(w.records(EventType::RouteChanged), 0);
}

#[test]
fn a_pause_outlives_its_tenant_until_its_end_or_for_a_day() {
    let paused = |w: &World| w.engine.tenant(w.now, &"acme".into()).unwrap().paused;
    // Within reloads.
    let mut w = World::three_up();
    w.order(&Order::Pause { tenant: Some(acme()) });
    reload(&mut w, no_tenant());
    w.pass(DAY - 1);
    reload(&mut w, of(THREE));
    assert!(paused(&w));
    reload(&mut w, no_tenant());
    w.out.clear();
    w.pass(DAY);
    let words = "record operator.lapsed: the pause of tenant acme ended: the tenant left the configuration a day ago";
    assert_eq!(w.said().iter().filter(|said| *said == words).count(), 1);
    reload(&mut w, of(THREE));
    assert!(!paused(&w));
    // Over starts, with an end and without.
    for (lasts, out, holds) in [(None, 20 * 3600, true), (None, 25 * 3600, false), (Some(2 * DAY), 30 * 3600, true)] {
        let mut w = World::three_up();
        w.order(&match lasts {
            None => Order::Pause { tenant: Some(acme()) },
            Some(lasts) => Order::PauseFor { tenant: Some(acme()), lasts: secs(lasts) },
        });
        let mut disk = Disk::of(&mut w);
        let mut without = disk.start(no_tenant(), 10);
        without.pass(out);
        disk.write(&mut without);
        let mut back = disk.start(of(THREE), 20);
        back.pass(1);
        assert_eq!(paused(&back), holds, "{lasts:?}, out for {out} s");
    }
}

#[test]
fn what_is_kept_of_those_that_left_is_forgotten_in_the_journal_too() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    reload(&mut w, of(WITHOUT_A));
    let mut disk = Disk::of(&mut w);
    let kept = |disk: &Disk| disk.0.iter().any(|(part, _)| *part == Part::Channel(key("a")));
    assert!(kept(&disk));
    assert_eq!(w.engine.left().collect::<Vec<_>>(), [Part::Channel(key("a"))]);
    w.pass(DAY);
    disk.write(&mut w);
    assert!(!kept(&disk));
    assert_eq!(w.engine.left().count(), 0);
}
