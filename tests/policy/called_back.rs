//! What was called back before it was sent is decided anew, and not at every look.

use super::world::World;
use trunkwarden::policy::{EventType, Outcome};

fn withdrawn() -> Outcome {
    Outcome::Withdrawn { why: "b is no longer fit".to_owned() }
}

/// So many seconds in which every look that could be awaited is answered, and whatever is decided is called back; when each
/// was decided.
fn called_back(w: &mut World, seconds: u64) -> Vec<u64> {
    let mut decided = Vec::new();
    for s in 0..seconds {
        w.pass(1);
        w.look("a", "unhealthy", "a").look("b", "healthy", "b");
        if let Some(action) = w.act() {
            decided.push(s);
            w.look("b", "unhealthy", "b");
            assert!(w.engine.may_send(action.op).is_err());
            w.outcome(action.op, withdrawn());
            w.look("b", "healthy", "b");
        }
    }
    decided
}

#[test]
fn a_ground_that_comes_and_goes_is_not_acted_on_at_every_look() {
    let mut w = World::three_up();
    w.down("a");
    let decided = called_back(&mut w, 600);
    let gaps: Vec<u64> = decided.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((5..=9).contains(&decided.len()), "{decided:?}");
    assert!(gaps.windows(2).all(|pair| pair[1] > pair[0]), "each wait is longer: {gaps:?}");
}

#[test]
fn what_was_called_back_once_is_decided_anew_after_a_short_wait() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.outcome(action.op, withdrawn());
    w.look("a", "unhealthy", "a");
    assert_eq!(w.report("a").held, Some("backoff"));
    w.out.clear();
    w.pass(2);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    w.pass(1);
    w.look("a", "unhealthy", "a").look("b", "healthy", "b");
    let again = w.act().expect("two seconds later");
    w.applied(again.op);
    assert_eq!(w.records(EventType::FailoverCompleted), 1);
}

#[test]
fn what_was_never_done_leaves_no_wait_behind() {
    let mut w = World::three_up();
    let action = w.fail_over();
    w.engine.disown(w.now, action.op, &mut w.out);
    assert_eq!(w.report("a").explanation.blocks, []);
    assert_eq!((w.report("a").held, w.report("a").in_flight), (None, None));
}
