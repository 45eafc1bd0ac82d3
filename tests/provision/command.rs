//! `channels plan`, `apply`, `adopt` and `list`, with and without a daemon.

use super::scene::{NAME, created, desiring, doc, edit, edited, posts, up};
use super::world::World;
use serde_json::{Value, json};
use std::process::Output;

const NEW: &str = "ch-new-0001";

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

async fn plan(world: &World) -> Output {
    world.cli(&["channels", "plan"]).await
}

const CREATION: &str = "\
acme
  + trunk-west will be created
      configuration.sip_server: \"sip.west.example\"
      configuration.sip_port: 5061
      configuration.authentication.username: \"west\"
      configuration.authentication.password: (sensitive)
      configuration.codecs: [OPUS 1, PCMU 2]
      routing.failover_channels: [\"ch-0002\"]
      health_check.interval_seconds: 45
      health_check.timeout_seconds: 9

Plan: 1 to create, 0 to change, 0 as configured.
";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_the_same_is_planned_and_done() {
    let mut world = desiring("report").await;
    let planned = plan(&world).await;
    assert_eq!((planned.status.code(), text(&planned).as_str()), (Some(0), CREATION));
    assert!(!world.state_dir().exists(), "a plan leaves nothing behind");
    let refused = world.cli(&["channels", "apply"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--yes"), "{refused:?}");
    assert_eq!(posts(&world), 0);

    let done = world.cli(&["channels", "apply", "--yes"]).await;
    assert_eq!((done.status.code(), text(&done).as_str()), (Some(0), "acme/trunk-west (ch-new-0001): created\n"));
    let again = world.cli(&["channels", "apply", "--yes"]).await;
    assert_eq!((again.status.code(), text(&again).as_str()), (Some(0), "nothing to do\n"));
    assert_eq!(text(&plan(&world).await), "No changes: 1 channel is as configured.\n");
    assert_eq!(created(&world), 1);
    let entry = world.entry("provision.completed", NEW).await;
    assert!(entry["actor"].as_str().unwrap().starts_with("operator:uid:"), "{entry}");
    world.verify_journal();

    // The daemon knows it from the journal.
    world.start().await;
    up(&world, NEW).await;
    assert_eq!(text(&plan(&world).await), "No changes: 1 channel is as configured.\n");
    assert_eq!(world.entries("provision.adopted", "").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_daemon_a_plan_shows_changes_field_by_field_and_apply_makes_them() {
    let mut world = desiring("report").await;
    world.start().await;
    assert_eq!(text(&plan(&world).await), CREATION);
    world.order(&["channels", "apply", "--yes"]).await;
    up(&world, NEW).await;
    edit(&world, NEW, &json!({ "configuration": { "sip_port": 5070 }, "routing": { "failover_channels": [] } }));
    std::fs::write(world.folder.path().join("sip-password"), "another").unwrap();
    let changes = "\
acme
  ~ trunk-west (ch-new-0001) will be changed
      configuration.sip_port: 5070 -> 5061
      configuration.authentication.password: (sensitive), differs from what was last sent
      routing.failover_channels: [] -> [\"ch-0002\"]

Plan: 0 to create, 1 to change, 0 as configured.
";
    assert_eq!(text(&plan(&world).await), changes);
    let shown: Value = serde_json::from_slice(&world.cli(&["channels", "plan", "--json"]).await.stdout).unwrap();
    assert_eq!(shown["plan"]["items"][0]["what"], "change");
    assert_eq!(shown["plan"]["items"][0]["differences"][1]["desired"], Value::Null);
    world.order(&["channels", "apply", "--yes"]).await;
    assert_eq!(text(&plan(&world).await), "No changes: 1 channel is as configured.\n");
    let now = doc(&world, NEW);
    assert_eq!(now["routing"], json!({ "failover_channels": ["ch-0002"], "primary_channel_id": NEW }));
    assert_eq!(now["configuration"]["authentication"]["password"], "another");
    assert_eq!(created(&world), 1);
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn observing_and_paused_daemons_are_not_talked_into_changes() {
    let mut world = edited("create", |text| text.replace(r#"mode      = "enforce""#, r#"mode = "observe""#)).await;
    let alone = world.cli(&["channels", "apply", "--yes"]).await;
    assert_eq!(alone.status.code(), Some(1));
    assert!(text(&alone).contains(": held") && text(&alone).contains("observe"), "{alone:?}");
    world.start().await;
    let through = world.cli(&["channels", "apply", "--yes"]).await;
    assert_eq!((through.status.code(), text(&through)), (Some(1), text(&alone)));

    let mut world = desiring("report").await;
    world.start().await;
    world.order(&["pause"]).await;
    let paused = world.cli(&["channels", "apply", "--yes"]).await;
    assert_eq!(paused.status.code(), Some(1));
    assert!(text(&paused).contains("paused"), "{paused:?}");
    assert_eq!(posts(&world), 0);
    // It outlives the daemon.
    assert!(world.take_daemon().stop().await.success());
    let alone = world.cli(&["channels", "apply", "--yes"]).await;
    assert_eq!(alone.status.code(), Some(1));
    assert!(text(&alone).contains("paused"), "{alone:?}");
    assert_eq!(posts(&world), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposing_daemon_creates_at_a_persons_word() {
    let mut world = edited("create", |text| text.replace(r#"mode      = "enforce""#, r#"mode = "propose""#)).await;
    world.start().await;
    world.entry("provision.drift", "").await;
    world.order(&["channels", "apply", "--yes"]).await;
    up(&world, NEW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_a_plan_needs_the_token_and_a_stale_fingerprint_changes_nothing() {
    let mut world = edited("report", |text| {
        text.replace("[tenants.acme]\n", "[daemon.tokens]\noperator = { file = \"token\" }\n\n[tenants.acme]\n")
    })
    .await;
    std::fs::write(world.folder.path().join("token"), "open sesame, and be quick").unwrap();
    world.start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |path: &str, token: &str, body: Value| {
        let url = format!("http://{}/api/v1/provisioning/{path}", world.page());
        client.post(url).bearer_auth(token).json(&body).send()
    };
    assert_eq!(post("plan", "wrong", json!({})).await.unwrap().status(), 401);
    for (path, body) in [
        ("plan", json!({ "tenant": "nobody" })),
        ("apply", json!({ "surprise": 1 })),
        ("adopt", json!({ "name": NAME })),
    ] {
        let status = post(path, "open sesame, and be quick", body).await.unwrap().status().as_u16();
        assert!(status == 400 || status == 404, "{path}: {status}");
    }
    let run = async |path: &str, body: Value| -> Value {
        let started: Value = post(path, "open sesame, and be quick", body).await.unwrap().json().await.unwrap();
        let url = format!("/api/v1/provisioning/runs/{}", started["run"]);
        world.until("the run is over", async || world.json(&url).await["over"] == true).await;
        world.json(&url).await
    };
    let stale = run("apply", json!({ "fingerprint": "00" })).await;
    assert!(stale["error"].as_str().unwrap().contains("nothing was changed"), "{stale}");
    assert_eq!(posts(&world), 0);
    let planned = run("plan", json!({ "tenant": "acme" })).await;
    assert_eq!(planned["plan"]["items"][0]["what"], "create");
    let applied = run("apply", json!({ "fingerprint": planned["fingerprint"] })).await;
    assert_eq!(applied["done"][0]["result"], "created", "{applied}");
    assert_eq!(world.get("/api/v1/provisioning/runs/7").await.0, 404);
    assert_eq!(created(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_shows_the_plan_and_changes_nothing() {
    let world = desiring("create").await;
    let output = world.cli(&["check", "--online"]).await;
    let shown = text(&output);
    assert!(shown.contains("+ trunk-west will be created") && shown.contains("1 to create"), "{shown}");
    assert_eq!(posts(&world), 0);
}
