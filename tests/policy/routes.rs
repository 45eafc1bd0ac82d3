//! Whose route it is that the platform shows: ours, another writer's of ours, or somebody else's.

use super::world::{World, key, secs};
use trunkwarden::policy::EventType;

/// `a` at `b` by our own failover.
fn away() -> World {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.applied(action.op);
    w.pass(60);
    w.look("a", "unhealthy", "b").look("b", "healthy", "b").look("c", "healthy", "c");
    w.out.clear();
    w
}

#[test]
fn what_another_writer_of_ours_set_is_nobody_elses_and_blocks_nothing() {
    let mut w = away();
    w.engine.note_own_change(w.now, &key("a"), &"a".into(), w.now + secs(40));
    w.pass(30);
    w.look("a", "unhealthy", "a");
    let said = w.said();
    let words = "record channel.route_changed a: a provisioning change of ours moved traffic from b to a; \
                 it blocks nothing";
    assert!(said.contains(&words.to_owned()), "{said:?}");
    let a = w.report("a");
    assert_eq!((a.route_foreign, a.blocked_for, a.failed_over), (false, None, false));
    // It is done again, from fresh last looks.
    w.down("a");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    assert!(w.act().is_some(), "{}", w.text("a"));
}

#[test]
fn what_another_writer_of_ours_might_have_set_is_ours_once_and_in_its_time_only() {
    let mut w = away();
    w.engine.note_own_change(w.now, &key("a"), &"a".into(), w.now + secs(40));
    w.pass(40);
    for _ in 0..2 {
        w.pass(2);
        w.look("a", "unhealthy", "a");
    }
    assert_eq!(w.records(EventType::RouteChanged), 1);
    assert!(w.report("a").blocked_for.is_some(), "too late to be ours");
    // Another route than the one that was told of.
    let mut w = away();
    w.engine.note_own_change(w.now, &key("a"), &"a".into(), w.now + secs(40));
    for _ in 0..2 {
        w.pass(2);
        w.look("a", "unhealthy", "c");
    }
    assert!(w.report("a").route_foreign);
}
