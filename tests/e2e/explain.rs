//! `explain` asked of the running daemon, over its control socket.

use super::world::{World, unlimited};
use serde_json::Value;

async fn explained(world: &World, channel: &str) -> String {
    let output = world.cli(&["explain", channel]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn line<'t>(text: &'t str, label: &str) -> &'t str {
    let found = text.lines().find_map(|line| line.strip_prefix(label));
    found.unwrap_or_else(|| panic!("no {label} in\n{text}")).trim()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_explained_before_and_after_its_failover() {
    let slow_to_move_again = |text: &str| text.replace(r#"block_period   = "1s""#, r#"block_period   = "10m""#);
    let mut world = World::of(unlimited(4), slow_to_move_again).await;
    world.start().await;
    world.all_up().await;
    let text = explained(&world, "acme/ch-0001").await;
    assert!(line(&text, "channel").starts_with("acme/ch-0001 at "), "{text}");
    assert!(line(&text, "health").starts_with("up for "), "{text}");
    assert!(line(&text, "evidence").starts_with("\"healthy\", "), "{text}");
    assert_eq!((line(&text, "route"), line(&text, "blocks")), ("itself", "none"));
    assert!(line(&text, "candidates").starts_with("ch-0002 is eligible"), "{text}");
    assert!(line(&text, "needed").ends_with("then its traffic would go to ch-0002"), "{text}");

    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    world.until("it is shown", async || world.channel("ch-0001").await["failed_over"] == true).await;
    let text = explained(&world, "acme/ch-0001").await;
    assert!(line(&text, "health").starts_with("down for "), "{text}");
    assert!(line(&text, "route").starts_with("traffic goes to ch-0002"), "{text}");
    assert!(line(&text, "blocks").starts_with("no further move for another "), "{text}");
    assert_eq!(line(&text, "hold-down"), "penalty 1.0 of at most 8, halving every 30 min");

    let output = world.cli(&["explain", "acme/ch-0001", "--json"]).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["channel"]["explanation"]["blocks"][0]["kind"], "move");
    assert!(told["channel"]["explanation"]["hold_down"]["penalty"].as_f64().unwrap() > 0.9, "{told}");
    assert_eq!(told["tenant"]["actions_last_hour"], 1);

    let output = world.cli(&["explain", "acme/ch-9999"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ch-9999"));
}
