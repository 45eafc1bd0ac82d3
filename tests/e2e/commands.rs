//! The commands that need no daemon: `check --online` against the platform, and the demo.

use super::daemon::binary;
use super::world::{World, unlimited};
use std::process::Stdio;

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
