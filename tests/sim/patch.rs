//! What a PATCH does, and what it may do instead.

use crate::world::{World, json, secs, unlimited};
use serde_json::{Value, json};
use trunkwarden::sim::{Answer, Effect, Incident, Merge, PatchMode, Scenario};

fn move_to(id: &str) -> Value {
    json!({"status": "active", "routing": {"failover_channels": ["ch-0002", "ch-0003"], "primary_channel_id": id}})
}

fn patching(world: &mut World, mode: PatchMode) {
    let now = world.now;
    world.model.apply(now, Incident::Patch { mode, lasts: secs(60), delay: Some(secs(5)) }).unwrap();
}

fn primary(world: &World) -> String {
    world.model.channel("ch-0001").unwrap().primary().to_owned()
}

#[test]
fn the_body_is_checked_to_the_letter() {
    let mut world = World::quiet();
    let long = json!([{"name": "OPUS", "priority": 1}, {"name": "OPUS", "priority": 2}]);
    // What the channel has already may be known to nobody who sends it back.
    let own = world.model.channel("ch-0001").unwrap().document()["configuration"]["authentication"].clone();
    for body in [
        json!({}),
        json!([]),
        json!({"state": "active"}),
        json!({"status": "healthy"}),
        json!({"routing": {"primary_channel_id": "nobody"}}),
        json!({"routing": {"primary": "ch-0002"}}),
        json!({"routing": "ch-0002"}),
        json!({"configuration": {"codecs": long}}),
        json!({"configuration": {"codecs": [{"name": "OPUS", "priority": 11}]}}),
        json!({"configuration": {"dtmf_mode": "rfc2833"}}),
        json!({"configuration": {"authentication": {"username": "u"}}}),
        json!({"configuration": {"authentication": own}}),
    ] {
        assert_eq!(world.patch("ch-0001", &body).status, 400, "{body}");
    }
    assert_eq!(world.patch("nobody", &move_to("ch-0002")).status, 404);
    assert!(world.model.patches().all(|p| p.effect == Effect::Refused));
    assert_eq!(world.model.channel("ch-0001").unwrap().version(), 1);
    let headers = [("content-type", "text/plain")];
    assert_eq!(world.send_with("PATCH", "/api/v2/channels/ch-0001", &move_to("ch-0002"), &headers).status, 400);
}

#[test]
fn a_patched_status_is_an_echo_until_the_next_health_tick() {
    let mut world = World::quiet();
    world.now = secs(11);
    let sick = Incident::Status { channel: "ch-0001".to_owned(), is: "unhealthy".to_owned() };
    world.model.apply(world.now, sick).unwrap();
    let answer = json(&world.patch("ch-0001", &move_to("ch-0002")));
    assert_eq!((&answer["status"], &answer["routing"]["primary_channel_id"]), (&json!("active"), &json!("ch-0002")));
    world.now = secs(14);
    assert_eq!(world.channel("ch-0001")["status"], "active");
    assert_eq!(world.model.channel("ch-0001").unwrap().status(), "unhealthy");
    world.now = secs(15);
    assert_eq!(world.channel("ch-0001")["status"], "unhealthy");
    let record = world.model.patches().next().unwrap();
    assert_eq!(
        (record.channel.as_str(), record.effect, &record.body),
        ("ch-0001", Effect::Applied, &move_to("ch-0002"))
    );
}

#[test]
fn sub_objects_are_merged_or_replaced() {
    let codecs = json!({"configuration": {"codecs": [{"name": "G729", "priority": 1}]}});
    let mut world = World::quiet();
    world.patch("ch-0001", &codecs);
    let merged = world.channel("ch-0001")["configuration"].clone();
    assert_eq!((&merged["dtmf_mode"], &merged["sip_port"]), (&json!("RFC2833"), &json!(5060)));

    let mut scenario = unlimited(Scenario::quiet(1, 3));
    scenario.options.patch = Merge::Replace;
    let mut world = World::new(scenario);
    world.patch("ch-0001", &codecs);
    let replaced = world.channel("ch-0001")["configuration"].clone();
    assert!(replaced.get("dtmf_mode").is_none() && replaced.get("authentication").is_some());
    world.patch("ch-0001", &json!({"routing": {"primary_channel_id": "ch-0002"}}));
    assert_eq!(world.channel("ch-0001")["routing"], json!({"primary_channel_id": "ch-0002"}));
}

#[test]
fn it_may_be_dropped_or_come_later() {
    let mut world = World::quiet();
    patching(&mut world, PatchMode::Drop);
    assert_eq!(world.patch("ch-0001", &move_to("ch-0002")).status, 200);
    world.now = secs(30);
    world.channel("ch-0001");
    assert_eq!(primary(&world), "ch-0001");

    patching(&mut world, PatchMode::Delay);
    let answer = json(&world.patch("ch-0001", &move_to("ch-0003")));
    assert_eq!(answer["routing"]["primary_channel_id"], "ch-0001");
    world.now = secs(34);
    assert_eq!(world.channel("ch-0001")["routing"]["primary_channel_id"], "ch-0001");
    world.now = secs(35);
    assert_eq!(world.channel("ch-0001")["routing"]["primary_channel_id"], "ch-0003");
    let effects: Vec<Effect> = world.model.patches().map(|p| p.effect).collect();
    assert_eq!(effects, [Effect::Dropped, Effect::Delayed]);
}

#[test]
fn the_answer_may_be_lost_after_the_change_was_made() {
    let mut world = World::quiet();
    patching(&mut world, PatchMode::LoseAnswer);
    let bearer = format!("Bearer {}", world.token);
    let headers =
        [("accept", "application/json"), ("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = move_to("ch-0002").to_string();
    assert!(matches!(world.reply("PATCH", "/api/v2/channels/ch-0001", &headers, body.as_bytes()), Answer::Close));
    assert_eq!(primary(&world), "ch-0002");
    let record = world.model.patches().next().unwrap();
    assert_eq!((record.status, record.effect), (None, Effect::Applied));
    world.now = secs(60);
    assert_eq!(world.patch("ch-0001", &move_to("ch-0001")).status, 200, "the mode ends");
}

#[test]
fn an_etag_that_is_old_is_refused() {
    let mut scenario = unlimited(Scenario::quiet(1, 3));
    scenario.options.etag = true;
    let mut world = World::new(scenario);
    let etag = world.get("/api/v2/channels/ch-0001").headers["etag"].to_str().unwrap().to_owned();
    let url = "/api/v2/channels/ch-0001";
    let route = Incident::Route { channel: "ch-0001".to_owned(), to: "ch-0003".to_owned() };
    world.model.apply(world.now, route).unwrap();
    assert_eq!(world.send_with("PATCH", url, &move_to("ch-0002"), &[("if-match", &etag)]).status, 412);
    assert_eq!(primary(&world), "ch-0003");
    let fresh = world.get(url).headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(world.send_with("PATCH", url, &move_to("ch-0002"), &[("if-match", &fresh)]).status, 200);
}
