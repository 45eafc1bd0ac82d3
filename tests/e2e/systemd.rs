//! What the daemon tells systemd, and its log as JSON for a collector.

use super::daemon::binary;
use super::world::{World, unlimited};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;

/// Takes whatever was said since the last time.
fn hear(socket: &UnixDatagram, heard: &mut Vec<String>) {
    let mut buffer = [0; 4096];
    while let Ok(length) = socket.recv(&mut buffer) {
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap()).into_owned();
        heard.extend(text.lines().map(str::to_owned));
    }
}

fn count(heard: &[String], word: &str) -> usize {
    heard.iter().filter(|line| line.starts_with(word)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_of_ready_reloading_stopping_and_fed_by_the_loop() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    let path = world.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut command = binary();
    command.env("NOTIFY_SOCKET", &path);
    world.start_as(command).await;
    let mut heard = Vec::new();
    world
        .until("it is ready, and its loop goes round", async || {
            hear(&socket, &mut heard);
            count(&heard, "READY=1") == 1 && count(&heard, "WATCHDOG=1") >= 3
        })
        .await;

    world.daemon().signal(Signal::HUP);
    world
        .until("it reloads and is ready again", async || {
            hear(&socket, &mut heard);
            count(&heard, "READY=1") == 2
        })
        .await;
    let reloading = heard.iter().position(|line| line == "RELOADING=1").unwrap();
    let ready = heard.iter().rposition(|line| line == "READY=1").unwrap();
    assert!(reloading < ready && count(&heard, "MONOTONIC_USEC=") == 1, "{heard:?}");

    assert!(world.take_daemon().stop().await.success());
    hear(&socket, &mut heard);
    assert_eq!(count(&heard, "STOPPING=1"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_log_in_json_is_json_and_names_tenant_and_channel() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    let mut command = binary();
    command.env("TRUNKWARDEN_LOG_FORMAT", "json");
    world.start_as(command).await;
    world.all_up().await;
    let logs = world.logs();
    let lines: Vec<Value> = logs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_channels: BTreeSet<(Option<&str>, Option<&str>)> = lines
        .iter()
        .filter(|line| line["event"] == "health.changed")
        .map(|line| (line["tenant"].as_str(), line["channel"].as_str()))
        .collect();
    let expected = ["ch-0001", "ch-0002", "ch-0003", "ch-0004"].map(|id| (Some("acme"), Some(id)));
    assert_eq!(of_channels, BTreeSet::from(expected));
}
