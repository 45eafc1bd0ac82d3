//! The commands that need no daemon: `check --online` against the platform, and the demo.

use super::daemon::binary;
use super::world::{World, unlimited};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test(flavor = "multi_thread")]
async fn check_online_tries_the_platform_and_says_who_would_back_whom() {
    let world = World::of(unlimited(4), str::to_owned).await;
    let output = world.cli(&["check", "--online"]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("ch-0001 is healthy; would fail over to ch-0002"), "{said}");
    assert_eq!(world.platform.patches(), []);

    world.platform.turn("ch-0002", "unhealthy");
    let said = world.cli(&["check", "--online"]).await.stdout;
    assert!(String::from_utf8_lossy(&said).contains("would fail over to ch-0003"));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_with_a_wrong_secret_fails_in_words() {
    let world = World::of(unlimited(4), str::to_owned).await;
    std::fs::write(world.folder.path().join("secret"), "canary-wrong-secret").unwrap();
    let output = world.cli(&["check", "--online"]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("FAIL  token:"), "{said}");
    let all = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!all.contains("canary-wrong-secret"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plays_its_story_to_the_end() {
    let output =
        binary().args(["demo", "--once"]).stdout(Stdio::piped()).stderr(Stdio::piped()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.ends_with("Every act of the story happened.\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_told_to_end_cleans_up_behind_itself() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = binary();
        let mut child = command.arg("demo").env("TMPDIR", folder.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next_line().await.unwrap().unwrap().contains("status page"));
        kill_process(Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap(), signal).unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await.unwrap().unwrap();
        assert_eq!(ended.code(), Some(0), "{signal:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{signal:?}: a folder is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_is_served_on_loopback_and_names_its_own_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (listen, words) in [("0.0.0.0:0", "is not a loopback address"), (taken.as_str(), "(--listen)")] {
        let output = binary().args(["demo", "--once", "--listen", listen]).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_is_no_level_is_refused_before_it_silences_the_log() {
    let run = |log: &'static str| async move {
        let output = binary().args(["run", "--config", "/no/such.toml", "--log", log]).output().await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for log in ["warning", "blah", "inf", "info,trunkwarden", "info,trunkwarden=bar"] {
        let (code, said) = run(log).await;
        assert_eq!(code, Some(2), "{log}: {said}");
        assert!(said.contains("is not a level; use error, warn, info, debug, trace, or TARGET=LEVEL"), "{log}: {said}");
    }
    for log in ["warn", "ERROR", "info,trunkwarden::platform=debug"] {
        assert_eq!(run(log).await.0, Some(78), "{log}: understood, and there is no such file");
    }
}
