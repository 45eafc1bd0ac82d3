//! The audit log of a daemon at work: signed from the first entry on, and verified from outside while it is written.

use super::world::World;
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use trunkwarden::journal::note::Checkpoint;
use trunkwarden::journal::read_public_keys;

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_running_daemon_is_signed_and_verified_from_outside() {
    let mut world = World::at_work().await;
    let key = world.state_dir().join("audit.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let keys = read_public_keys(&world.state_dir().join("audit.vkey")).unwrap();
    let shown = world.json("/api/v1/audit/checkpoint").await;
    let held = Checkpoint::parse(shown["note"].as_str().unwrap()).unwrap();
    held.verify(&keys).unwrap();
    assert_eq!(shown["keys"][0], keys[0].to_string());
    world.metric_becomes("trunkwarden_audit_checkpoint_entries", held.size as f64).await;
    assert!(world.metric("trunkwarden_audit_checkpoint_timestamp_seconds").await.unwrap() > 1.7e9);

    let file = world.folder.path().join("held");
    std::fs::write(&file, &held.note).unwrap();
    let (file, vkey) = (file.to_str().unwrap().to_owned(), keys[0].to_string());
    let verify = ["audit", "verify", "--json", "--key", &vkey, "--checkpoint", &file];
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    let output = world.cli(&verify).await;
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && said["whole"] == true, "{said}");
    assert!(world.cli(&["journal", "check"]).await.status.success());

    let daemon = world.take_daemon();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().await.0.code(), Some(0));
    let entries = world.audit();
    let last = entries.last().unwrap();
    assert_eq!(last["event_type"], "journal.checkpoint", "a clean stop signs what is there");
    assert!(entries.iter().any(|e| e["event_type"] == "process.stopped"));
    let output = world.cli(&verify).await;
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["covered"].as_u64().unwrap() + 1, said["entries"].as_u64().unwrap(), "{said}");

    // The next start goes on under the same key, and a damaged journal is refused in words.
    world.start().await;
    assert_eq!(world.entries("journal.key_changed", "").len(), 1);
    drop(world.take_daemon());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_put_back_to_an_earlier_day_is_found_by_its_witness_and_waits_for_a_person() {
    let witness = "[audit]\ncheckpoint_entries = 2\nwitness = \"file\"\n[[audit.file]]\nname = \"file\"\npath = \"audit.jsonl\"\n\n[policies.default]\n";
    let mut world = World::of(super::world::unlimited(4), |text| text.replace("[policies.default]\n", witness)).await;
    let stopped = async |world: &mut World| {
        let daemon = world.take_daemon();
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.ended().await.0.code(), Some(0));
    };
    world.start().await;
    world.all_up().await;
    stopped(&mut world).await;
    let (state, away) = (world.state_dir(), world.folder.path().join("away"));
    copy(&state, &away);
    world.start().await;
    world.all_up().await;
    world.metric_becomes("trunkwarden_audit_unaccepted{why=\"contradicts\"}", 0.0).await;
    world.metric_becomes("trunkwarden_outbox_pending{sink=\"file\"}", 0.0).await;
    stopped(&mut world).await;
    // Whoever writes the disk puts back all that is on it; the witness remembers.
    std::fs::remove_dir_all(&state).unwrap();
    copy(&away, &state);
    let entries = world.audit().len();
    world.start().await;
    world.metric_becomes("trunkwarden_audit_unaccepted{why=\"contradicts\"}", 1.0).await;
    let (status, why) = world.get("/readyz").await;
    assert!(status == 503 && why.contains("trunkwarden audit accept"), "{status} {why}");
    world.until("it watches", async || world.channel("ch-0001").await["health"] == "up").await;
    world.platform.turn("ch-0001", "unhealthy");
    world.until("the failover is held", async || world.channel("ch-0001").await["held"] == "journal").await;
    assert_eq!((world.platform.patches().len(), world.audit().len()), (0, entries), "nothing is written to it");
    let status = world.cli(&["status"]).await;
    assert!(String::from_utf8_lossy(&status.stdout).contains("cut off"), "{status:?}");

    world.order(&["audit", "accept"]).await;
    world.until("it is ready to act", async || world.get("/readyz").await.0 == 200).await;
    world.entry("failover.completed", "ch-0001").await;
    let accepted = world.entry("journal.accepted", "").await;
    assert!(accepted["actor"].as_str().unwrap().starts_with("operator:uid:"), "{accepted}");
    let again = world.cli(&["audit", "accept"]).await;
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing to accept"), "{again:?}");
    assert!(world.cli(&["audit", "verify"]).await.status.success());
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_none_and_one_of_another_name_are_bad_configurations() {
    let no_key = |text: &str| {
        text.replace("[policies.default]\n", "[audit]\nsigning_key = { file = \"@state@\" }\n\n[policies.default]\n")
    };
    for (place, content, words) in [
        ("secret", None, "does not hold a signing key"),
        ("missing", None, "`audit.signing_key`"),
        ("key", Some("PRIVATE+KEY+a"), "does not hold a signing key"),
    ] {
        let world = World::of(super::world::unlimited(4), no_key).await;
        if let Some(content) = content {
            std::fs::write(world.folder.path().join(place), content).unwrap();
        }
        world.rewrite(|text| text.replace("@state@", place));
        let output = world.cli(&["run"]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(words) && !said.contains(super::world::SECRET), "{said}");
    }
}
