//! What would have to change for an action, at each step of a channel's way, and that parts add up.

use super::world::{World, key, params, secs};
use trunkwarden::policy::{ChannelId, Mode, Order, Policy, TenantId};

fn needed(world: &World, id: &str) -> String {
    world.report(id).outlook_at(world.now)
}

#[test]
fn what_is_needed_follows_the_channel_from_fine_to_home_again() {
    let mut world = World::three_up();
    assert_eq!(needed(&world, "a"), "3 bad looks in a row, then its traffic would go to b");
    world.look("a", "unhealthy", "a");
    assert_eq!(needed(&world, "a"), "2 more bad looks, then its traffic would go to b");
    world.down("b");
    assert_eq!(needed(&world, "a"), "2 more bad looks, then its traffic would go to c");
    world.up(&["a", "b"]);
    let action = world.fail_over();
    world.applied(action.op);
    assert_eq!(needed(&world, "a"), "home has to be up and good for 15 min, then its traffic comes home");
    for _ in 0..3 {
        world.look("a", "healthy", "b").pass(1);
    }
    assert_eq!(needed(&world, "a"), "home has to be up and good for another 14 min, then its traffic comes home");
}

#[test]
fn who_would_have_to_change_is_named_where_nobody_is_fit() {
    let all: &[(&str, Option<&[&str]>)] = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];
    let mut p = params(&Policy::default(), all);
    // All three at once would be held as a mass change.
    p.tenants.values_mut().for_each(|tenant| tenant.limits.mass_hold = false);
    let mut world = World::new(p);
    world.up(&["a", "b", "c"]);
    world.down("b");
    world.missing("c");
    world.pass(61);
    assert_eq!(needed(&world, "a"), "3 bad looks in a row, and b has to be up");
    world.down("a");
    world.look("a", "unhealthy", "a");
    assert_eq!(needed(&world, "a"), "b has to be up, or c has to exist on the platform");
}

#[test]
fn a_remaining_time_goes_on_while_the_report_stands_still() {
    let mut world = World::three_up();
    let action = world.fail_over();
    world.applied(action.op);
    let report = world.report("a");
    let left = |passed| report.explanation.blocks_after(secs(passed)).map(|block| block.left.as_secs()).next();
    assert_eq!((left(0), left(60), left(600)), (Some(600), Some(540), None));
}

#[test]
fn what_holds_an_action_is_named_with_what_ends_it() {
    let mut world = World::three_up();
    world.order(&Order::Pause { tenant: Some(TenantId::from("acme")) });
    world.down("a");
    assert_eq!(needed(&world, "a"), "`trunkwarden resume acme`");

    let policy = Policy { name: "default".to_owned(), ..Policy::default() };
    let all: &[(&str, Option<&[&str]>)] = &[("a", Some(&["b"])), ("b", Some(&[]))];
    let mut world = World::new(trunkwarden::policy::Params { mode: Mode::Observe, ..params(&policy, all) });
    world.up(&["a", "b"]);
    world.down("a");
    world.look("b", "healthy", "b").look("a", "unhealthy", "a");
    assert_eq!(needed(&world, "a"), "mode `enforce`, for the daemon and for policy `default`");
}

#[test]
fn a_candidate_alone_needs_nothing() {
    let all: &[(&str, Option<&[&str]>)] = &[("a", Some(&["b"]))];
    let mut world = World::new(params(&Policy::default(), all));
    world.up(&["a", "b"]);
    assert_eq!(needed(&world, "b"), "nothing: it is watched as a candidate only and never moved itself");
    assert_eq!(world.report("a").candidates[0].channel, ChannelId::from("b"));
}

#[test]
fn the_parts_of_a_score_add_up_to_it() {
    let mut world = World::three_up();
    for loss in [0.0, 0.5, 3.0, 20.0] {
        world.pass(60);
        world.telemetry("a", 180.0, loss);
        let report = world.report("a");
        let parts = report.explanation.score_parts.unwrap();
        let sum = parts.best - parts.codec_cost - parts.delay_cost - parts.loss_cost - parts.jitter_cost;
        assert!((sum - parts.r_factor).abs() < 1e-9, "{parts:?}");
        assert!((parts.r_factor - report.quality.unwrap().r_factor).abs() < 1e-9, "{parts:?}");
        assert!(parts.delay_cost > 0.0 && parts.loss_cost >= 0.0 && parts.jitter_cost >= 0.0, "{parts:?}");
    }
}

#[test]
fn a_reason_is_another_one_by_what_it_says_and_not_by_the_clock() {
    let mut world = World::three_up();
    let action = world.fail_over();
    world.applied(action.op);
    world.look("a", "healthy", "b").look("a", "healthy", "b");
    let before = world.report("a").reason;
    world.pass(30);
    world.look("a", "healthy", "b");
    let later = world.report("a").reason;
    assert!(before != later && !later.differs(&before), "{before} / {later}");
    world.down("a");
    assert!(world.engine.reason(&key("a")).unwrap().differs(&later));
}

#[test]
fn what_changes_of_a_candidate_is_told_with_the_channel_that_has_it() {
    let mut w = World::three_up();
    w.engine.take_changed();
    w.pass(1);
    w.look("b", "degraded", "b");
    assert!(w.engine.take_changed().contains(&key("a")), "b is not up any more");
    w.look("b", "healthy", "b");
    w.engine.take_changed();
    w.look("b", "healthy", "b");
    assert!(w.engine.take_changed().contains(&key("a")), "b is up again");
    w.look("b", "healthy", "b");
    assert_eq!(w.engine.take_changed(), [key("b")], "a good look changes nothing for a");
}
