//! What the platform would have shown.

use super::*;
use crate::policy::{Actor, Reason};

fn key() -> ChannelKey {
    ChannelKey::new("acme", "a")
}

fn at(s: u64) -> Time {
    Time::new(Duration::from_secs(s))
}

fn look(asked: u64, source: Source, status: &str, route: &str) -> Observation {
    let view = ChannelView {
        status: Some(status.to_owned()),
        primary: Some(ChannelId::from(route)),
        ..ChannelView::default()
    };
    Observation::Look { asked_at: at(asked), source, view }
}

fn moved(to: &str) -> Action {
    Action {
        op: OpId(1),
        channel: key(),
        kind: ActionKind::Failover { from: ChannelId::from("a"), to: ChannelId::from(to) },
        reason: Reason::Fine,
        actor: Actor::Engine,
        evidence_at: at(1),
        action_timeout: Duration::from_secs(10),
        verify_for: Duration::from_secs(30),
    }
}

/// What is shown of a real look; its route, where it is shown.
fn shown(world: &mut World, mut real: Observation) -> Option<String> {
    let shown = world.show(&key(), &mut real);
    world.keep(&key(), real.clone());
    let seen = match shown {
        Shown::AsItIs => real,
        Shown::Otherwise(other) => other,
        Shown::Nothing => return None,
    };
    match seen {
        Observation::Look { view, .. } => view.primary.map(|id| id.to_string()),
        _ => None,
    }
}

#[test]
fn a_route_that_the_replay_set_stays_until_someone_else_changes_the_real_one() {
    let mut world = World::default();
    assert_eq!(shown(&mut world, look(1, Source::List, "unhealthy", "a")).as_deref(), Some("a"));
    world.act(&moved("b"));
    assert_eq!(shown(&mut world, look(2, Source::List, "unhealthy", "a")).as_deref(), Some("b"));
    assert_eq!(shown(&mut world, look(3, Source::List, "unhealthy", "c")).as_deref(), Some("c"));
}

#[test]
fn a_route_that_the_real_daemon_set_is_not_someone_elses_and_its_echo_tells_nothing() {
    let mut world = World::default();
    shown(&mut world, look(1, Source::List, "unhealthy", "a"));
    world.really_acted(&moved("b"));
    assert_eq!(shown(&mut world, look(2, Source::Single, "active", "b")), None);
    assert_eq!(shown(&mut world, look(3, Source::Single, "unhealthy", "b")).as_deref(), Some("a"));
    // From now on the word is the platform's own.
    assert_eq!(shown(&mut world, look(4, Source::Single, "active", "b")).as_deref(), Some("a"));
}

#[test]
fn a_look_that_is_asked_for_is_answered_by_the_next_recorded_one() {
    let mut world = World::default();
    world.ask(at(10), key());
    let single = |world: &mut World, mut real: Observation| {
        world.show(&key(), &mut real);
        matches!(real, Observation::Look { source: Source::Single, .. })
    };
    assert!(!single(&mut world, look(9, Source::List, "healthy", "a")));
    assert!(single(&mut world, look(10, Source::List, "healthy", "a")));
    assert!(!single(&mut world, look(11, Source::List, "healthy", "a")));
    assert_eq!(world.due(), None);
}

#[test]
fn where_none_comes_it_is_answered_by_what_was_last_shown_and_an_error_answers_nothing() {
    let mut world = World::default();
    shown(&mut world, look(1, Source::List, "healthy", "a"));
    world.ask(at(10), key());
    assert!(world.answers(at(10)).is_empty());
    let answers = world.answers(world.due().unwrap());
    assert_eq!(answers, [(key(), look(11, Source::Single, "healthy", "a"))]);
    world.keep(&key(), Observation::Failed { asked_at: at(12), error: crate::policy::LookError::Timeout });
    world.ask(at(20), key());
    assert!(world.answers(at(30)).is_empty());
}
