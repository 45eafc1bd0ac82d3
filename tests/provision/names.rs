//! Names and ids: one of a name is it, two are a person's to tell apart, and without a list only a person knows.

use super::scene::{NAME, created, desiring, doc, edit, edited, ids, posts, up};
use super::world::World;
use serde_json::json;
use trunkwarden::sim::Incident;

/// Without the row of ch-0002, which a name is to mean.
fn without_its_row(text: &str) -> String {
    let row = "\n[[channels]]\nid = \"ch-0002\"\ntenant = \"acme\"\nfailover = []\n";
    assert!(text.contains(row), "{text}");
    text.replace(row, "")
}

fn rename(world: &World, id: &str) {
    edit(world, id, &json!({ "name": NAME }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_channel_of_the_name_is_it_and_its_differences_are_drift() {
    let mut world = desiring("create").await;
    rename(&world, "ch-0002");
    world.start().await;
    let adopted = world.entry("provision.adopted", "ch-0002").await;
    assert_eq!((adopted["actor"].as_str(), &adopted["before"]), (Some("system"), &json!(null)));
    let drift = world.entry("provision.drift", "ch-0002").await;
    assert_eq!(drift["after"]["configuration.sip_server"], "sip.west.example");
    world
        .until("rounds were made", async || {
            world.json("/api/v1/provisioning").await["plan"]["items"][0]["new"] == false
        })
        .await;
    assert_eq!((created(&world), world.platform.patches().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_a_name_are_a_persons_to_tell_apart() {
    let mut world = edited("create", without_its_row).await;
    rename(&world, "ch-0001");
    rename(&world, "ch-0002");
    world.start().await;
    let drift = world.entry("provision.drift", "").await;
    let reason = drift["reason"].as_str().unwrap();
    assert!(reason.contains("ch-0001, ch-0002") && reason.contains("channels adopt"), "{reason}");
    let output = world.cli(&["channels", "apply", "--yes"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for (id, code, words) in [
        ("ch-7777", 1, "has no channel ch-7777"),
        ("ch-0001", 1, "ch-0001 is a row of its own in the configuration"),
        ("ch-0002", 0, ""),
        ("ch-0002", 0, ""),
    ] {
        let output = world.cli(&["channels", "adopt", NAME, id]).await;
        assert_eq!(output.status.code(), Some(code), "{id}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(words), "{output:?}");
    }
    assert_eq!(world.entries("provision.adopted", "ch-0002").len(), 1);
    let drift = world.entry("provision.drift", "ch-0002").await;
    assert!(drift["reason"].as_str().unwrap().contains("configuration.sip_server"), "{drift}");
    let table = String::from_utf8(world.cli(&["channels", "list"]).await.stdout).unwrap();
    assert!(table.contains("ch-0002") && table.contains("adopted"), "{table}");
    assert_eq!((created(&world), world.platform.patches().len(), posts(&world)), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_nothing_is_created_until_a_person_names_the_channel() {
    let mut world = edited("enforce", without_its_row).await;
    world.platform.happen(Incident::List { absent: Some(true), lag: None });
    world.start().await;
    let drift = world.entry("provision.drift", "").await;
    assert!(drift["reason"].as_str().unwrap().contains("no list of channels"), "{drift}");
    assert_eq!(posts(&world), 0);
    let output = world.cli(&["channels", "adopt", NAME, "ch-0002"]).await;
    assert!(output.status.success(), "{output:?}");
    world.entry("provision.completed", "ch-0002").await;
    world.until("it is put right", async || doc(&world, "ch-0002")["configuration"]["sip_port"] == 5061).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_lags_behind_makes_nothing_twice() {
    let mut world = desiring("create").await;
    world.platform.happen(Incident::List { absent: None, lag: Some(std::time::Duration::from_secs(20)) });
    world.start().await;
    up(&world, "ch-new-0001").await;
    let before = world.platform.model().requests_total();
    world.until("rounds were made", async || world.platform.model().requests_total() > before + 20).await;
    assert_eq!((created(&world), ids(&world, NAME).len(), posts(&world)), (1, 1, 1));
}
