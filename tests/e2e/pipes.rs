//! The ends of pipes: a log that nobody reads, and a reader of the command line that goes away.

use super::daemon::binary;
use super::platform::LONG;
use super::world::{World, unlimited, until};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

fn free_port() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_stops_neither_watching_nor_failover_nor_the_end() {
    let page = free_port();
    let world = World::of(unlimited(4), |text| text.replace("127.0.0.1:0", &page.to_string())).await;
    // The pipe is full before the first line.
    let mut command = Command::new("sh");
    command.args(["-c", "head -c 65536 /dev/zero >&2; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_trunkwarden")]);
    command.args(["run", "--log", "trace", "--config"]).arg(world.config());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let _unread = child.stderr.take().unwrap();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build().unwrap();
    let status =
        async |path: &str| Some(client.get(format!("http://{page}{path}")).send().await.ok()?.status().as_u16());
    until("it is ready", async || status("/readyz").await == Some(200)).await;
    until("all are up", async || {
        let up = async || client.get(format!("http://{page}/api/v1/tenants")).send().await.ok()?.text().await.ok();
        up().await.is_some_and(|text| text.contains("\"channels_up\":4"))
    })
    .await;
    world.platform.turn("ch-0001", "unhealthy");
    until("the change was sent", async || world.platform.patches().len() == 1).await;
    assert_eq!(status("/healthz").await, Some(200));
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await;
    assert_eq!(ended.expect("it ends in time").unwrap().code(), Some(0));
    world.verify_journal();
}

/// The exit code and standard error of a command whose standard output nobody reads, or (`full`) cannot be written.
async fn unread(arguments: &[String], full: bool) -> (Option<i32>, String) {
    let stdout = if full {
        Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
    } else {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    let mut command = binary();
    let child = command.args(arguments).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    let done = tokio::time::timeout(LONG, child.wait_with_output()).await.unwrap().unwrap();
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_survives_the_end_of_its_reader() {
    let world = World::at_work().await;
    let config = world.config().display().to_string();
    let journal = world.state_dir().join("journal.db").display().to_string();
    let copy = world.folder.path().join("copy.db").display().to_string();
    for (line, has_config) in [
        ("status", true),
        ("status --json", true),
        ("explain acme/ch-0001", true),
        ("explain acme/ch-0001 --json", true),
        ("check", true),
        ("check --online", true),
        ("schema", false),
        ("score --latency-ms 20 --jitter-ms 2 --loss-pct 0", false),
        ("audit tail", true),
        ("audit export --format csv", true),
        ("audit export", true),
        ("audit verify", true),
        ("audit key", true),
        ("journal check", true),
        (&format!("journal backup {copy}"), true),
        ("outbox list", true),
        ("outbox list --json", true),
        ("channels list", true),
        ("channels plan", true),
        ("channels plan --json", true),
        ("pause --for 1s", true),
        ("resume", true),
        (&format!("replay --journal {journal}"), true),
        ("--help", false),
        ("--version", false),
    ] {
        let mut arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if has_config {
            arguments.extend(["--config".to_owned(), config.clone()]);
        }
        let (code, said) = unread(&arguments, false).await;
        assert!(code != Some(101) && code.is_some() && code != Some(2), "{line}: {code:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("roken pipe"), "{line}: {said}");
        let (code, said) = unread(&arguments, true).await;
        assert!(code != Some(101) && code.is_some() && !said.contains("panicked"), "{line} to a full disk: {said}");
    }
}
