//! The daemon over a platform of the test's own, under paused time: what the order and the fate of single requests must
//! not change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "supervisor/as_read.rs"]
mod as_read;
#[path = "supervisor/desired.rs"]
mod desired;
#[path = "supervisor/interrupted.rs"]
mod interrupted;
#[path = "supervisor/looking.rs"]
mod looking;
#[path = "supervisor/permits.rs"]
mod permits;
#[path = "supervisor/platform.rs"]
mod platform;
#[path = "supervisor/read_back.rs"]
mod read_back;
#[path = "supervisor/references.rs"]
mod references;
#[path = "supervisor/scene.rs"]
mod scene;
#[path = "supervisor/tags.rs"]
mod tags;

use platform::{WALL, World};
use serde_json::json;
use std::time::Duration;
use trunkwarden::journal::{KeptOperation, Operation};
use trunkwarden::policy::{Action, ActionKind, Actor, ChannelKey, Health, OpId, Reason, TenantId, Time};
use uuid::Uuid;

async fn pass(s: u64) {
    tokio::time::sleep(Duration::from_secs(s)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stranded_channel_moves_at_once_when_a_candidate_becomes_fit() {
    let w = World::start(Vec::new());
    pass(70).await;
    w.platform.say("b", "degraded");
    w.platform.say("c", "degraded");
    pass(35).await;
    w.platform.say("a", "unhealthy");
    pass(60).await;
    assert_eq!((w.told("failover.no_candidate").unwrap(), w.changes()), (1, 0));
    w.platform.say("b", "healthy");
    pass(60).await;
    assert_eq!(w.told("failover.failed").unwrap(), 0, "nothing was tried in vain");
    assert_eq!((w.told("failover.completed").unwrap(), w.changes()), (1, 1));
    let body = w.platform.with(|held| held.changes[0].1.clone());
    assert_eq!(body["routing"], json!({ "primary_channel_id": "b", "region": "east" }));
}

#[tokio::test(start_paused = true)]
async fn a_last_look_does_not_wait_behind_a_look_that_waits_for_its_turn() {
    let w = World::start(Vec::new());
    pass(70).await;
    w.platform.with(|held| held.starved = ["b", "c"].map(str::to_owned).into());
    w.platform.say("a", "unhealthy");
    pass(45).await;
    assert_eq!(w.told("failover.completed").unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_action_on_a_channel_that_is_gone_is_resolved_as_unknown() {
    let action = Action {
        op: OpId(7),
        channel: ChannelKey::new("acme", "a"),
        kind: ActionKind::Failover { from: "a".into(), to: "b".into() },
        reason: Reason::Fine,
        actor: Actor::Engine,
        evidence_at: Time::ZERO,
        action_timeout: Duration::from_secs(10),
        verify_for: Duration::from_secs(30),
    };
    let operation = Operation {
        id: Uuid::from_u128(7),
        op: Some(action.op),
        kind: "failover".into(),
        tenant: "acme".into(),
        subject: "a".into(),
        key: None,
        actor: "engine".into(),
        request: serde_json::to_value(&action).unwrap(),
    };
    let w = World::start(vec![KeptOperation { operation, opened_at: WALL, ended: None }]);
    w.platform.with(|held| held.gone.insert("a".to_owned()));
    pass(5).await;
    assert_eq!(w.told("journal.orphan_resolved").unwrap().min(1), 1);
    let snapshot = w.daemon.snapshot.read();
    assert!(snapshot.orphans_resolved);
    assert_eq!(snapshot.tenants[&TenantId::from("acme")].report.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_not_made_only_where_the_last_word_was_the_old_state() {
    let w = World::start(Vec::new());
    pass(70).await;
    w.platform.with(|held| held.drops_changes = true);
    w.platform.say("a", "unhealthy");
    while w.changes() == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = w.platform.clock.now();
    w.platform.with(|held| held.deaf_from = Some(sent + Duration::from_secs(20)));
    pass(45).await;
    assert_eq!((w.told("failover.failed").unwrap(), w.told("failover.unknown").unwrap()), (0, 1));
    assert_eq!(w.changes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_calendar_that_is_set_makes_all_evidence_stale_and_moves_nothing() {
    let w = World::start(Vec::new());
    pass(70).await;
    let healths = || w.daemon.snapshot.read().channels.values().map(|c| c.health).collect::<Vec<_>>();
    assert_eq!(healths(), [Health::Up; 4]);
    // Silence, so that nothing is known anew, and then an hour at once.
    w.platform.with(|held| held.deaf_from = Some(Time::ZERO));
    w.platform.clock.step_wall(3_600_000);
    pass(2).await;
    assert_eq!(healths(), [Health::Unknown; 4]);
    assert_eq!((w.told("process.clock_jumped").unwrap(), w.changes()), (1, 0));
    w.platform.with(|held| held.deaf_from = None);
    pass(90).await;
    assert_eq!(healths(), [Health::Up; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_dies_ends_the_daemon() {
    let mut w = World::start(Vec::new());
    pass(70).await;
    w.platform.with(|held| held.broken = true);
    let ended = tokio::time::timeout(Duration::from_mins(2), w.daemon.stopped()).await;
    assert!(ended.expect("it ends").is_err());
}

#[tokio::test(start_paused = true)]
async fn looks_at_suspects_stretch_the_others_intervals_where_the_budget_is_small() {
    let w = World::start(Vec::new());
    let effective = || w.daemon.snapshot.read().tenants[&TenantId::from("acme")].effective_interval;
    w.platform.with(|held| held.limit = Some(10));
    pass(70).await;
    let calm = effective();
    // Nobody takes its traffic, so that it stays suspect for a while.
    w.platform.with(|held| held.drops_changes = true);
    w.platform.say("a", "unhealthy");
    let stretched = async {
        while effective() <= calm {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(5), stretched).await.expect("routine looks give way to urgent ones");
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_only_the_platform_names_is_measured_and_may_be_taken_by_its_score() {
    let folder = tempfile::tempdir().unwrap();
    let text = platform::file(folder.path()).replace("failover = [\"b\", \"c\"]\n", "")
        + "[policies.default.failover]\nrequire_score = true\n";
    let w = World::over(folder.path(), &text, std::sync::Arc::default(), WALL, Vec::new());
    w.platform.with(|held| {
        held.backups.insert("a".to_owned(), vec!["x".to_owned()]);
        held.loss.insert("x".to_owned(), 0.0);
    });
    pass(150).await;
    assert!(w.platform.with(|held| held.measured.contains("x")));
    w.platform.say("a", "unhealthy");
    pass(60).await;
    let body = w.platform.with(|held| held.changes[0].1.clone());
    assert_eq!(body["routing"]["primary_channel_id"], "x");
}
