//! One operation through every fault: exactly one bridge on the platform, or none and a failure that says so, or a truthful
//! "unknown".

use super::world::{CALL, World, order};
use std::time::Duration;
use trunkwarden::calls::{Failure, Outcome, Refusal, Settled};
use trunkwarden::sim::{BridgeMode, FaultKind, Incident, Scenario};

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn failure(settled: &Settled) -> Option<Failure> {
    match &settled.outcome {
        Outcome::Failed { failure, .. } => Some(*failure),
        _ => None,
    }
}

fn is_unknown(settled: &Settled) -> bool {
    matches!(settled.outcome, Outcome::Unknown { .. })
}

#[tokio::test(start_paused = true)]
async fn a_bridge_is_made_once_and_told_with_latency_result_and_actor() {
    let world = World::new();
    assert_eq!(world.metric("trunkwarden_bridge_success_ratio", &[]), None, "absent before the first");
    let settled = world.bridge().await.unwrap();
    assert_eq!(settled.outcome, Outcome::Completed { bridge_id: Some("bridge-000001".into()), read_back: false });
    assert_eq!((world.made(), world.sent()), (1, 1));
    assert_eq!(world.events(), ["bridge.requested", "bridge.completed"]);
    let audit = world.audit();
    let id = settled.id.to_string();
    assert!(audit.iter().all(|e| e["operation_id"] == id.as_str() && e["actor"] == "operator:alice"), "{audit:?}");
    assert_eq!(audit[1]["details"]["result"], "completed");
    assert_eq!(audit[1]["details"]["latency_ms"], settled.latency_ms);
    assert!(settled.latency_ms > 0);
    let model = world.model();
    let call = model.calls().find(|call| call.id == CALL).unwrap();
    assert_eq!(call.bridges, [(id, "bridge-000001".to_owned())], "the operation is the request id");
    drop(model);
    assert_eq!(world.metric("trunkwarden_bridge_success_ratio", &[("tenant", "acme")]), Some(1.0));
    assert_eq!(world.metric("trunkwarden_bridges_total", &[("tenant", "acme"), ("result", "completed")]), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn through_every_fault_there_is_one_bridge_or_a_truthful_word() {
    let kinds = [
        FaultKind::Internal,
        FaultKind::Unavailable,
        FaultKind::TooMany,
        FaultKind::Unauthorised,
        FaultKind::Forbidden,
        FaultKind::Hang,
        FaultKind::Close,
        FaultKind::Garbage,
        FaultKind::Empty,
        FaultKind::Huge,
    ];
    let modes = [
        BridgeMode::LoseAnswer,
        BridgeMode::Slow,
        BridgeMode::Late,
        BridgeMode::Busy,
        BridgeMode::Failed,
        BridgeMode::Pending,
    ];
    let hour = secs(3600);
    let faults = kinds
        .iter()
        .flat_map(|kind| [secs(1), secs(5), hour].map(|lasts| (Some(*kind), Incident::RevokeTokens {}, lasts)));
    let others = modes.iter().flat_map(|mode| {
        let mode = *mode;
        [secs(1), secs(5), secs(40)]
            .map(|delay| (None, Incident::Bridge { mode, lasts: hour, delay: Some(delay) }, delay))
    });
    let all: Vec<(Option<FaultKind>, Incident, Duration)> = faults.chain(others).collect();
    // A platform that knows request ids hides a second sending; one that does not answers 409 to it.
    for (readable, ids) in [(true, true), (true, false), (false, true), (false, false)] {
        for (kind, incident, span) in &all {
            let world = World::that(readable, ids);
            match kind {
                Some(kind) => world.fault(*kind, *span),
                None => world.happen(incident.clone()),
            }
            let settled = world.bridge().await.unwrap();
            tokio::time::sleep(secs(120)).await;
            world.model().advance(world.clock.now().since_origin());
            let made = world.made();
            let story = format!("{kind:?} or {incident}, {span:?}, readable {readable}, ids {ids}: {settled}");
            assert!(made <= 1, "{made} bridges: {story}");
            match settled.outcome {
                Outcome::Completed { .. } => assert_eq!(made, 1, "{story}"),
                Outcome::Failed { .. } => assert_eq!(made, 0, "{story}"),
                Outcome::Unknown { .. } => {}
            }
            let ids: std::collections::BTreeSet<String> =
                world.audit().iter().map(|e| e["operation_id"].to_string()).collect();
            assert_eq!((ids.len(), world.events().len()), (1, 2), "one operation: {story}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_is_waited_out_and_repeated_under_the_same_id() {
    let world = World::blindfolded();
    world.fault(FaultKind::TooMany, secs(5));
    let settled = world.bridge().await.unwrap();
    assert_eq!(settled.outcome.name(), "completed", "{settled}");
    assert!(world.sent() > 1);
    assert_eq!(world.made(), 1);
    assert!((1_000..30_000).contains(&settled.latency_ms), "{settled:?}");
}

#[tokio::test(start_paused = true)]
async fn a_429_that_does_not_end_is_not_sent_and_says_so() {
    let world = World::blindfolded();
    world.fault(FaultKind::TooMany, secs(3600));
    let settled = world.bridge().await.unwrap();
    assert_eq!(failure(&settled), Some(Failure::NotSent), "{settled}");
    assert!((29_000..31_000).contains(&settled.latency_ms), "{settled:?}");
    assert_eq!(world.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_read_back_and_never_sent_again() {
    let world = World::new();
    world.bridges(BridgeMode::LoseAnswer, secs(0));
    let settled = world.bridge().await.unwrap();
    assert_eq!(settled.outcome, Outcome::Completed { bridge_id: None, read_back: true });
    assert_eq!((world.made(), world.sent()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_bridge_that_shows_late_is_seen_while_it_is_read_back() {
    let world = World::new();
    world.bridges(BridgeMode::Late, secs(6));
    let settled = world.bridge().await.unwrap();
    assert_eq!(settled.outcome, Outcome::Completed { bridge_id: None, read_back: true });
    assert_eq!((world.made(), world.sent()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_without_a_way_to_read_is_unknown_and_never_failed() {
    for mode in [BridgeMode::LoseAnswer, BridgeMode::Slow, BridgeMode::Late] {
        let world = World::blindfolded();
        world.bridges(mode, secs(40));
        let settled = world.bridge().await.unwrap();
        assert!(is_unknown(&settled), "{mode:?}: {settled}");
        assert_eq!(world.sent(), 1, "{mode:?}");
        assert_eq!(world.events(), ["bridge.requested", "bridge.unknown"]);
        assert_eq!(world.metric("trunkwarden_bridge_success_ratio", &[("tenant", "acme")]), Some(0.0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_call_does_not_show_stays_unknown() {
    let world = World::new();
    world.bridges(BridgeMode::Late, secs(60));
    let settled = world.bridge().await.unwrap();
    assert!(is_unknown(&settled), "{settled}");
    tokio::time::sleep(secs(60)).await;
    world.model().advance(world.clock.now().since_origin());
    assert_eq!((world.made(), world.sent()), (1, 1), "it was made after all");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_over_bridged_or_forbidden_is_told_apart() {
    let over = World::new();
    over.happen(Incident::HangUp { call: CALL.to_owned() });
    assert_eq!(failure(&over.bridge().await.unwrap()), Some(Failure::CallOver));
    assert_eq!(over.sent(), 0, "reading it was enough");

    let never = World::blindfolded();
    let settled = never.board.bridge(order("99999999-1234-1234-1234-123456789012", None)).await.unwrap();
    assert_eq!(failure(&settled), Some(Failure::CallOver));

    let bridged = World::new();
    bridged.bridge().await.unwrap();
    let again = bridged.bridge().await.unwrap();
    assert_eq!(failure(&again), Some(Failure::AlreadyBridged), "{again}");
    assert_eq!(bridged.made(), 1);

    let forbidden = World::blindfolded();
    forbidden.fault(FaultKind::Forbidden, secs(60));
    let settled = forbidden.bridge().await.unwrap();
    assert_eq!(failure(&settled), Some(Failure::Forbidden));
    assert!(settled.to_string().contains("cti:bridge:write"), "{settled}");
    assert_eq!(forbidden.sent(), 1, "never repeated");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_the_scopes_is_told_which_and_the_rest_works() {
    let mut scenario = Scenario::quiet(7, 2);
    scenario.options.scopes.retain(|scope| !scope.starts_with("cti:"));
    let world = World::with("", "", scenario);
    let settled = world.bridge().await.unwrap();
    assert_eq!(failure(&settled), Some(Failure::NotAuthorised), "{settled}");
    let line = world.board.line(&"acme".into()).unwrap();
    let error = line.control.lacking_scopes(secs(5)).await.unwrap_err();
    assert!(error.to_string().contains("cti:"), "{error}");
    assert_eq!(world.sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_replaced_once() {
    let world = World::blindfolded();
    let line = world.board.line(&"acme".into()).unwrap();
    line.control.lacking_scopes(secs(5)).await.unwrap();
    tokio::time::sleep(secs(6)).await;
    world.happen(Incident::RevokeTokens {});
    assert_eq!(world.bridge().await.unwrap().outcome.name(), "completed");
    assert_eq!((world.made(), world.sent()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn legs_that_are_on_the_call_already_are_counted() {
    let world = World::new();
    world.call(CALL, "ch-0001", "inbound", 8);
    let settled = world.bridge().await.unwrap();
    assert_eq!(failure(&settled), Some(Failure::TooManyLegs), "{settled}");
    assert_eq!(world.sent(), 0);
    world.call(CALL, "ch-0001", "inbound", 7);
    assert_eq!(world.bridge().await.unwrap().outcome.name(), "completed");
}

#[tokio::test(start_paused = true)]
async fn a_pause_reaches_a_bridge_that_waits_to_be_sent_again() {
    let world = World::blindfolded();
    world.fault(FaultKind::TooMany, secs(20));
    let pause = async {
        tokio::time::sleep(secs(1)).await;
        world.driver.hold("acme is paused");
    };
    let (settled, ()) = tokio::join!(world.bridge(), pause);
    let settled = settled.unwrap();
    assert_eq!(failure(&settled), Some(Failure::NotSent), "{settled}");
    assert!(settled.to_string().contains("acme is paused"), "{settled}");
    assert_eq!(world.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_or_wrong_is_not_begun() {
    let world = World::new();
    world.driver.hold("acme is paused");
    assert_eq!(world.bridge().await.unwrap_err(), Refusal::Held("acme is paused".to_owned()));
    world.driver.let_go();
    let mut wrong = order(CALL, None);
    wrong.request.direction.clear();
    assert!(matches!(world.board.bridge(wrong).await, Err(Refusal::Invalid(faults)) if faults.len() == 1));
    let nobody = trunkwarden::calls::Order { tenant: "nobody".into(), ..order(CALL, None) };
    assert_eq!(world.board.bridge(nobody).await.unwrap_err(), Refusal::NoTenant("nobody".into()));
    world.board.stop(secs(1)).await;
    assert_eq!(world.bridge().await.unwrap_err(), Refusal::Stopping);
    assert_eq!((world.events(), world.sent()), (Vec::<String>::new(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_pause_while_the_call_is_read_reaches_the_bridge_after_it() {
    let world = World::new();
    // Below the call, and so the first look at it, until just before that look is given up.
    world.happen(Incident::Fault {
        kind: FaultKind::Hang,
        lasts: secs(8),
        paths: vec![format!("/api/v2/cti/calls/{CALL}")],
    });
    let pause = async {
        tokio::time::sleep(secs(1)).await;
        world.driver.hold("acme is paused");
    };
    let (settled, ()) = tokio::join!(world.bridge(), pause);
    let settled = settled.unwrap();
    assert_eq!(failure(&settled), Some(Failure::NotSent), "{settled}");
    assert_eq!((world.made(), world.sent()), (0, 0));
}
