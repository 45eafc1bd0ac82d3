//! Rescue: the calls of a channel that is down and has failed over, within the policy's caps, each once.

use super::world::{LIST, READ, World};
use std::sync::Arc;
use std::time::Duration;
use trunkwarden::calls::{FailedOver, Rescues};
use trunkwarden::clearance::Change;
use trunkwarden::policy::{ChannelKey, Health, Mode};
use trunkwarden::sim::{BridgeMode, Scenario};

fn id(n: usize) -> String {
    format!("00000000-0000-0000-0000-{n:012}")
}

/// `inbound` calls and one outbound on the channel, and one on another.
fn world(policy: &str, inbound: usize) -> (World, Rescues) {
    paged(policy, inbound, 100)
}

/// The same, on pages of this size.
fn paged(policy: &str, inbound: usize, page: usize) -> (World, Rescues) {
    let rescue = format!("[policies.default.rescue]\ntarget = \"phone:+12025550100\"\n{policy}");
    let mut scenario = Scenario::quiet(7, 4);
    scenario.options.page_size = page;
    let world = World::with(&format!("{READ}\n{LIST}"), &rescue, scenario);
    for n in 1..=inbound {
        world.call(&id(n), "ch-0001", "inbound", 1);
    }
    world.call(&id(900), "ch-0001", "outbound", 1);
    world.call(&id(901), "ch-0002", "inbound", 1);
    let rescues = rescues(&world);
    (world, rescues)
}

fn rescues(world: &World) -> Rescues {
    let rescues = Rescues::new(world.board.clone());
    rescues.configure(&world.config);
    rescues
}

fn failed_over(mode: Mode, health: Health) -> FailedOver {
    let channel = ChannelKey::new("acme", "ch-0001");
    FailedOver { channel, to: "ch-0002".into(), policy: "default".into(), mode, health }
}

/// Waits for the end of a rescue, on simulated time.
async fn ended(world: &World, times: usize) {
    for _ in 0..2000 {
        if world.events().iter().filter(|event| *event == "rescue.ended").count() >= times {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("it did not end: {:?}", world.events());
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_the_policys_directions_are_bridged_to_its_target() {
    let (world, rescues) = world("", 3);
    rescues.failed_over(failed_over(Mode::Enforce, Health::Down));
    ended(&world, 1).await;
    assert_eq!(world.made(), 3);
    let model = world.model();
    for call in model.calls() {
        let rescued = call.channel.as_deref() == Some("ch-0001") && call.direction == "inbound";
        assert_eq!(call.bridges.len(), usize::from(rescued), "{call:?}");
        assert!(!rescued || call.legs.contains(&("phone".into(), "+12025550100".into())));
    }
    drop(model);
    let audit = world.audit();
    assert_eq!(audit.first().unwrap()["event_type"], "rescue.started");
    let last = audit.last().unwrap();
    assert_eq!((&last["event_type"], &last["details"]["rescued"]), (&"rescue.ended".into(), &3.into()));
    let bridged: Vec<_> = audit.iter().filter(|e| e["event_type"] == "bridge.completed").collect();
    assert!(
        bridged
            .iter()
            .all(|e| e["actor"] == "engine" && e["channel_id"] == "ch-0001" && e["details"]["rescue"] == true)
    );
    assert_eq!(world.metric("trunkwarden_rescued_calls_total", &[("result", "completed")]), Some(3.0));
}

#[tokio::test(start_paused = true)]
async fn no_call_is_rescued_twice_not_even_by_the_next_process() {
    let (world, rescues_now) = world("", 3);
    rescues_now.failed_over(failed_over(Mode::Enforce, Health::Down));
    ended(&world, 1).await;
    rescues_now.failed_over(failed_over(Mode::Enforce, Health::Down));
    ended(&world, 2).await;
    world.board.stop(Duration::from_secs(1)).await;
    world.journal.clone().close().await;
    let (next, _) = world.restarted();
    let later = rescues(&next);
    later.failed_over(failed_over(Mode::Enforce, Health::Down));
    ended(&next, 3).await;
    assert_eq!((next.made(), next.sent()), (3, 3));
    assert_eq!(next.metric("trunkwarden_rescued_calls_total", &[("result", "skipped")]), Some(3.0));
}

#[tokio::test(start_paused = true)]
async fn max_calls_and_per_minute_are_kept() {
    let (world, rescues) = world("max_calls = 7\nper_minute = 2", 12);
    let world = Arc::new(world);
    rescues.failed_over(failed_over(Mode::Enforce, Health::Down));
    ended(&world, 1).await;
    assert_eq!(world.made(), 7);
    let model = world.model();
    let at: Vec<Duration> =
        model.requests().filter(|r| r.method == "POST" && r.path.ends_with("/bridge")).map(|r| r.at).collect();
    assert!(at.windows(3).all(|three| three[2] > three[0] + Duration::from_secs(59)), "{at:?}");
    drop(model);
    assert_eq!(world.audit().last().unwrap()["details"]["left"], 5);
}

#[tokio::test(start_paused = true)]
async fn where_the_engine_may_not_act_nothing_is_rescued_and_that_is_written_down() {
    for (mode, health, why) in [
        (Mode::Observe, Health::Down, "observe"),
        (Mode::Propose, Health::Down, "propose"),
        (Mode::Enforce, Health::Up, "can still be heard"),
    ] {
        let (world, rescues) = world("", 3);
        rescues.failed_over(failed_over(mode, health));
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(world.events(), ["rescue.held"]);
        assert!(world.audit()[0]["reason"].as_str().unwrap().contains(why));
        assert_eq!(world.model().requests_total(), 0, "not even the list is asked for");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_stops_a_rescue_that_is_under_way() {
    let (world, rescues) = world("per_minute = 1", 5);
    rescues.failed_over(failed_over(Mode::Enforce, Health::Down));
    tokio::time::sleep(Duration::from_secs(70)).await;
    world.driver.hold("acme is paused");
    ended(&world, 1).await;
    assert_eq!(world.made(), 2);
    let last = world.audit().pop().unwrap();
    assert_eq!((&last["details"]["stopped"], &last["details"]["left"]), (&"acme is paused".into(), &3.into()));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_no_reason_to_bridge_a_call_again() {
    let (world, rescues) = world("", 2);
    world.bridges(BridgeMode::LoseAnswer, Duration::ZERO);
    rescues.failed_over(failed_over(Mode::Enforce, Health::Down));
    ended(&world, 1).await;
    assert_eq!((world.made(), world.sent()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_rescue_is_one_change_that_the_driver_can_call_back_until_it_is_over() {
    let (world, rescues) = world("per_minute = 1", 2);
    rescues.failed_over(failed_over(Mode::Enforce, Health::Down));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let change = Change::Rescue { channel: "ch-0001".into(), backup: "ch-0002".into() };
    assert_eq!((world.driver.out(), world.made()), (vec![change], 1));
    ended(&world, 1).await;
    assert_eq!((world.driver.out(), world.made()), (Vec::new(), 2));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_rescue() {
    let (world, rescues) = world("per_minute = 1", 5);
    rescues.failed_over(failed_over(Mode::Enforce, Health::Down));
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.board.stop(Duration::from_mins(5)).await;
    assert_eq!(world.made(), 1);
    let last = world.audit().pop().unwrap();
    assert_eq!(last["details"]["stopped"], "trunkwarden is stopping", "{last}");
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_what_is_listed_are_told_and_counted() {
    // The outbound one is the last of them: 20 pages hold exactly the others.
    for (inbound, more, result) in [(59, false, "ended"), (60, true, "cut")] {
        let (world, rescues) = paged("max_calls = 100\nper_minute = 100", inbound, 3);
        rescues.failed_over(failed_over(Mode::Enforce, Health::Down));
        ended(&world, 1).await;
        let audit = world.audit();
        for entry in [audit.first().unwrap(), audit.last().unwrap()] {
            assert_eq!(entry["details"]["more"], more, "{entry}");
            assert_eq!(entry["reason"].as_str().unwrap().contains("more"), more, "{entry}");
        }
        assert_eq!(world.metric("trunkwarden_rescues_total", &[("result", result)]), Some(1.0));
    }
}

#[tokio::test(start_paused = true)]
async fn one_rescue_too_many_at_once_is_told_and_counted() {
    let (world, rescues) = world("per_minute = 1", 3);
    for _ in 0..65 {
        rescues.failed_over(failed_over(Mode::Enforce, Health::Down));
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    let held: Vec<_> = world.audit().into_iter().filter(|e| e["event_type"] == "rescue.held").collect();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0]["channel_id"], "ch-0001");
    assert!(held[0]["reason"].as_str().unwrap().contains("64 rescues are already under way"), "{}", held[0]);
    assert_eq!(world.metric("trunkwarden_rescues_total", &[("result", "skipped")]), Some(1.0));
}
