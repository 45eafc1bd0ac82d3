//! A channel that is missing is created once, whatever happens on the way.

use super::scene::{LONG, NAME, PASSWORD, created, creations, desiring, doc, edit, edited, ids, posts, up};
use super::world::World;
use serde_json::json;
use std::time::Duration;
use trunkwarden::sim::{CANARY, CreateMode, FaultKind, Incident};

const NEW: &str = "ch-new-0001";

async fn started(mode: &str) -> World {
    let mut world = desiring(mode).await;
    world.start().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_created_as_desired_watched_and_found_again_after_a_restart() {
    let mut world = started("create").await;
    let requested = world.entry("provision.requested", "").await;
    let completed = world.entry("provision.completed", NEW).await;
    assert_eq!(completed["operation_id"], requested["operation_id"]);
    assert_eq!(requested["after"]["configuration.authentication.password"], "(sensitive)");
    let made = doc(&world, NEW);
    assert_eq!(made["configuration"]["sip_server"], "sip.west.example");
    assert_eq!(made["configuration"]["authentication"], json!({ "username": "west", "password": PASSWORD }));
    assert_eq!(made["routing"]["failover_channels"], json!(["ch-0002"]));
    assert_eq!(made["health_check"], json!({ "interval_seconds": 45, "timeout_seconds": 9 }));
    up(&world, NEW).await;
    world.metric_becomes(super::scene::DRIFT, 0.0).await;
    world.metric_becomes(r#"trunkwarden_provisions_total{result="created",tenant="acme"}"#, 1.0).await;

    assert!(world.take_daemon().stop().await.success());
    world.start().await;
    up(&world, NEW).await;
    world.until("another round was made", async || posts_and_lists(&world) > 4).await;
    assert_eq!((created(&world), posts(&world)), (1, 1));
    // It fails over like any other.
    world.platform.turn(NEW, "unhealthy");
    world.entry("failover.completed", NEW).await;
    world.verify_journal();
}

fn posts_and_lists(world: &World) -> usize {
    world.platform.model().requests().filter(|r| r.path == "/api/v2/channels").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn through_every_fault_of_a_creation_there_is_one_channel_in_the_end() {
    let short = Duration::from_millis(2500);
    for (mode, delay) in [
        (CreateMode::LoseAnswer, None),
        (CreateMode::Broken, None),
        (CreateMode::Late, Some(Duration::from_millis(300))),
        // After the time in which it is read back, and before another may be sent.
        (CreateMode::Late, Some(Duration::from_millis(2200))),
        (CreateMode::Drop, None),
        (CreateMode::Conflict, None),
        (CreateMode::TooMany, None),
    ] {
        let mut world = desiring("create").await;
        creations(&world, mode, short, delay);
        world.start().await;
        world.until(&format!("{mode:?}: one is there"), async || ids(&world, NAME).len() == 1).await;
        let id = ids(&world, NAME).remove(0);
        up(&world, &id).await;
        let first = world.entries("provision.", "").len();
        world.until("another round was made", async || posts_and_lists(&world) > first + 6).await;
        assert_eq!((created(&world), ids(&world, NAME)), (1, vec![id]), "{mode:?}");
        world.verify_journal();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_fails_creates_nothing_twice() {
    for kind in [FaultKind::Hang, FaultKind::Close, FaultKind::Unavailable, FaultKind::Garbage] {
        let mut world = desiring("create").await;
        world.platform.fail_for(kind, Duration::from_secs(3));
        world.start().await;
        world.until(&format!("{kind:?}: one is there"), async || ids(&world, NAME).len() == 1).await;
        up(&world, NEW).await;
        assert_eq!(created(&world), 1, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_over_a_creation_reads_back_before_it_sends_another() {
    for delay in [Duration::from_millis(100), Duration::from_millis(1500)] {
        let mut world = desiring("create").await;
        creations(&world, CreateMode::Late, LONG, Some(delay));
        world.start().await;
        world.until("it is sent", async || posts(&world) == 1).await;
        world.take_daemon().kill_now();
        world.start().await;
        world.until("one is there", async || ids(&world, NAME).len() == 1).await;
        up(&world, NEW).await;
        let unknown = world.entry("provision.unknown", "").await;
        assert!(unknown["reason"].as_str().unwrap().contains("read back"), "{unknown}");
        let adopted = world.entry("provision.adopted", NEW).await;
        assert!(adopted["reason"].as_str().unwrap().contains("was made"), "{adopted}");
        assert_eq!((created(&world), posts(&world)), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_told_and_nothing_is_sent_before_it_has_settled() {
    let mut world = edited("create", |text| text.replace(r#"settle_for = "3s""#, r#"settle_for = "1h""#)).await;
    creations(&world, CreateMode::Late, LONG, Some(Duration::from_hours(2)));
    world.start().await;
    let unknown = world.entry("provision.unknown", "").await;
    assert!(unknown["reason"].as_str().unwrap().contains("does not show it"), "{unknown}");
    let drift = world.nth_entry(2, "provision.drift", "").await;
    assert!(drift["reason"].as_str().unwrap().contains("no other creation is sent before"), "{drift}");
    // A person is told the same, and a restart forgets nothing.
    let output = world.cli(&["channels", "apply", "--yes"]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(world.take_daemon().stop().await.success());
    world.start().await;
    up(&world, "ch-0001").await;
    let output = world.cli(&["channels", "apply", "--yes"]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!((created(&world), posts(&world)), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_platform_refuses_is_told_in_its_words_and_not_sent_again_until_it_is_another() {
    let mut world = edited("create", |text| text.replace(r#"["ch-0002"]"#, r#"["ch-9999"]"#)).await;
    world.start().await;
    let failed = world.entry("provision.failed", "").await;
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("routing.failover_channels") && reason.contains("ch-9999"), "{reason}");
    world.until("rounds were made", async || posts_and_lists(&world) > 5).await;
    assert_eq!(posts(&world), 1);
    world.rewrite(|text| text.replace("ch-9999", "ch-0002"));
    world.entry("provision.completed", NEW).await;
    assert_eq!((created(&world), posts(&world)), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_desired_stays_on_the_platform_and_is_known_when_it_is_desired_again() {
    let world = started("create").await;
    up(&world, NEW).await;
    let mut whole = String::new();
    world.rewrite(|text| {
        text.clone_into(&mut whole);
        text.split_once("[[channels]]\nname").unwrap().0.to_owned()
    });
    world.entry("channel.unwatched", NEW).await;
    world.until("its drift is gone", async || !world.get("/metrics").await.1.contains("provision_drift")).await;
    assert_eq!(ids(&world, NAME), [NEW]);
    world.rewrite(|_| whole);
    world.until("it is up again", async || world.channel(NEW).await["health"] == "up").await;
    assert_eq!((created(&world), world.platform.patches().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_someone_deleted_is_created_again_by_a_person_only() {
    let world = started("create").await;
    up(&world, NEW).await;
    world.platform.happen(Incident::Remove { channel: NEW.into() });
    let drift = world.nth_entry(3, "provision.drift", "").await;
    assert!(drift["reason"].as_str().unwrap().contains("does not exist"), "{drift}");
    let before = posts_and_lists(&world);
    world.until("rounds were made", async || posts_and_lists(&world) > before + 2).await;
    assert_eq!(posts(&world), 1);
    let output = world.cli(&["channels", "apply", "--yes"]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(ids(&world, NAME).len(), 1);
    up(&world, &ids(&world, NAME).remove(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_created_while_observing_proposing_reporting_or_paused() {
    for (by_itself, mode) in
        [("report", "enforce"), ("create", "observe"), ("create", "propose"), ("enforce", "observe")]
    {
        let mut world =
            edited(by_itself, |text| text.replace(r#"mode      = "enforce""#, &format!("mode = \"{mode}\""))).await;
        world.start().await;
        world.entry("provision.drift", "").await;
        world.metric_becomes(super::scene::DRIFT, 1.0).await;
        world.until("rounds were made", async || posts_and_lists(&world) > 3).await;
        assert_eq!(posts(&world), 0, "{by_itself} {mode}");
        assert_eq!(world.entries("provision.drift", "").len(), 1, "told once");
    }
    let mut world = desiring("create").await;
    creations(&world, CreateMode::Conflict, LONG, None);
    world.start().await;
    world.order(&["pause"]).await;
    let sent = posts(&world);
    world.platform.heal();
    let before = posts_and_lists(&world);
    world.until("rounds were made", async || posts_and_lists(&world) > before + 3).await;
    assert_eq!((posts(&world), created(&world)), (sent, 0));
    world.order(&["resume"]).await;
    up(&world, NEW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_written_nowhere() {
    let mut world = desiring("enforce").await;
    creations(&world, CreateMode::Broken, Duration::from_secs(1), None);
    let mut command = super::daemon::binary();
    command.env("TRUNKWARDEN_LOG", "trace");
    world.start_as(command).await;
    up(&world, NEW).await;
    edit(&world, NEW, &json!({ "configuration": { "sip_port": 5070 } }));
    world.until("it is put right", async || doc(&world, NEW)["configuration"]["sip_port"] == 5061).await;
    let mut places = vec![("the log".to_owned(), world.logs().into_bytes())];
    for path in ["/metrics", "/api/v1/provisioning", "/api/v1/channels/acme/ch-new-0001", "/api/v1/audit?limit=1000"] {
        places.push((path.to_owned(), world.get(path).await.1.into_bytes()));
    }
    for args in [["channels", "plan"].as_slice(), &["channels", "plan", "--json"], &["channels", "list", "--json"]] {
        let output = world.cli(args).await;
        assert!(output.status.success(), "{args:?}: {output:?}");
        places.push((format!("{args:?}"), [output.stdout, output.stderr].concat()));
    }
    assert!(world.take_daemon().stop().await.success());
    for file in std::fs::read_dir(world.state_dir()).unwrap() {
        let path = file.unwrap().path();
        places.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for secret in [PASSWORD, CANARY] {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}
