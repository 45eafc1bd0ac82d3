//! A disk that takes nothing more: no actions, while the watching goes on; and an end of it without a restart.

use super::daemon::binary_without_xfsz;
use super::world::{World, unlimited};
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use std::os::unix::fs::FileExt;

fn limit_files_to(world: &World, bytes: Option<u64>) {
    prlimit(Some(world.daemon().pid()), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_written_stops_actions_and_not_the_watching() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    world.start_as(binary_without_xfsz()).await;
    world.all_up().await;
    let wal = std::fs::metadata(world.state_dir().join("journal.db-wal")).unwrap().len();
    limit_files_to(&world, Some(wal));
    world.until("it is not ready to act", async || world.get("/readyz").await.0 == 503).await;
    let (status, health) = world.get("/healthz").await;
    assert!(status == 200 && health.contains("degraded"), "{status} {health}");
    world.metric_becomes("trunkwarden_journal_writable", 0.0).await;

    world.platform.turn("ch-0001", "unhealthy");
    world
        .until("the failover is held", async || {
            let channel = world.channel("ch-0001").await;
            channel["health"] == "down" && channel["held"] == "journal"
        })
        .await;
    assert_eq!(world.platform.patches(), []);

    limit_files_to(&world, None);
    world.until("it is ready to act", async || world.get("/readyz").await.0 == 200).await;
    world.entry("failover.completed", "ch-0001").await;
    world.entry("journal.recovered", "").await;
    assert_eq!(world.entries("health.changed", "ch-0001").len(), 2, "nothing that happened meanwhile was lost");
    assert_eq!(world.platform.patches().len(), 1);
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_a_pause_is_in_force_and_a_resume_is_refused() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    world.start_as(binary_without_xfsz()).await;
    world.all_up().await;
    limit_files_to(&world, Some(0));
    for (args, words) in [
        (["pause", "acme"], "in force, but not on disk: a restart forgets it"),
        (["resume", "acme"], "nothing was changed: the order cannot be written to the journal"),
    ] {
        let output = world.cli(&args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(words), "{args:?}: {said}");
    }
    world.until("it is paused", async || world.tenant().await["paused"] == true).await;
    limit_files_to(&world, None);
    world.entry("operator.ordered", "").await;
    assert_eq!(world.tenant().await["paused"], true);
    world.order(&["resume", "acme"]).await;
    world.until("it is resumed", async || world.tenant().await["paused"] == false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_removed_or_replaced_stops_actions_until_it_is_back() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    world.start().await;
    world.all_up().await;
    let (path, away) = (world.state_dir().join("journal.db"), world.state_dir().join("away.db"));
    std::fs::rename(&path, &away).unwrap();
    std::fs::copy(&away, &path).unwrap();
    world.until("it is not ready to act", async || world.get("/readyz").await.0 == 503).await;
    world.metric_becomes("trunkwarden_journal_writable", 0.0).await;
    world.until("the log says why", async || world.logs().contains("another file has its name now")).await;
    world.platform.turn("ch-0001", "unhealthy");
    world.until("the failover is held", async || world.channel("ch-0001").await["held"] == "journal").await;
    assert_eq!(world.platform.patches(), []);

    std::fs::rename(&away, &path).unwrap();
    world.until("it is ready to act", async || world.get("/readyz").await.0 == 200).await;
    world.entry("failover.completed", "ch-0001").await;
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_either_does_not_end_the_daemon() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    world.start_as(binary_without_xfsz()).await;
    world.all_up().await;
    // Nothing can be written any more, anywhere.
    limit_files_to(&world, Some(0));
    world.until("it is not ready to act", async || world.get("/readyz").await.0 == 503).await;
    for status in ["unhealthy", "healthy", "unhealthy"] {
        world.platform.turn("ch-0001", status);
        let health = if status == "healthy" { "up" } else { "down" };
        world.until("that is seen", async || world.channel("ch-0001").await["health"] == health).await;
    }
    assert_eq!(world.platform.patches(), []);

    limit_files_to(&world, None);
    world.entry("failover.completed", "ch-0001").await;
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_sink_on_a_full_disk_keeps_no_half_of_a_batch_and_repeats_nothing() {
    const BEFORE: u64 = 32 * 1024 * 1024;
    const ROOM: usize = 1500;
    let mut world = World::of(unlimited(4), |text| {
        format!("{text}\n[[audit.file]]\nname = \"file\"\npath = \"audit.jsonl\"\nmax_bytes = 1000000000\n")
    })
    .await;
    // Long enough, and with a hole in it, that only this file meets the limit and the journal does not.
    let path = world.folder.path().join("audit.jsonl");
    let file = std::fs::File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    file.write_all_at(b"\n", BEFORE - 1).unwrap();
    let written = || {
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len() - BEFORE).unwrap()];
        file.read_exact_at(&mut bytes, BEFORE).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    world.start_as(binary_without_xfsz()).await;
    world.all_up().await;
    let pending = "trunkwarden_outbox_pending{sink=\"file\"}";
    let failed = "trunkwarden_deliveries_total{result=\"failed\",sink=\"file\"}";
    world.metric_becomes(pending, 0.0).await;
    let kept = written();

    // Not a single line, until several wait; then one and a bit of the next.
    limit_files_to(&world, Some(BEFORE + kept.len() as u64));
    world.platform.turn("ch-0001", "unhealthy");
    world.until("several wait", async || world.metric(pending).await >= Some(3.0)).await;
    world.until("it was tried", async || world.metric(failed).await >= Some(1.0)).await;
    let tried = world.metric(failed).await.unwrap();
    limit_files_to(&world, Some(BEFORE + kept.len() as u64 + ROOM as u64));
    world.order(&["outbox", "retry", "--sink", "file"]).await;
    world.until("it was tried again", async || world.metric(failed).await > Some(tried)).await;
    assert!(written() == kept, "what the disk took of a batch is taken back");

    limit_files_to(&world, None);
    world.order(&["outbox", "retry", "--sink", "file"]).await;
    world.metric_becomes(pending, 0.0).await;
    let (text, log) = (written(), world.audit());
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, log.get(..lines.len()).unwrap(), "each line once, in order");
    assert!(text[kept.len()..].find('\n').unwrap() < ROOM && text.len() > kept.len() + ROOM);
}
