//! Two channels by id, and one that is desired by name: `trunk-west`, with a password that must never turn up anywhere.

use super::world::{World, unlimited};
use serde_json::Value;
use std::time::Duration;
use trunkwarden::sim::{CreateMode, Incident};

/// The SIP password of the desired channel.
pub const PASSWORD: &str = "canary-own-sip-password";
/// Its name.
pub const NAME: &str = "trunk-west";
/// Longer than any test takes.
pub const LONG: Duration = Duration::from_mins(10);

const DESIRED: &str = r#"
[policies.default.provisioning]
mode       = "@mode@"
interval   = "500ms"
settle_for = "3s"

[[channels]]
name   = "trunk-west"
tenant = "acme"
[channels.provision]
sip_server   = "sip.west.example"
sip_port     = 5061
username     = "west"
password     = { file = "sip-password" }
codecs       = [{ name = "OPUS", priority = 1 }, { name = "PCMU", priority = 2 }]
failover     = ["ch-0002"]
health_check = { interval_seconds = 45, timeout_seconds = 9 }
"#;

/// A world in which the daemon's own part is `mode`, not started yet.
pub async fn desiring(mode: &str) -> World {
    edited(mode, str::to_owned).await
}

/// The same with the configuration changed.
pub async fn edited(mode: &str, edit: impl FnOnce(&str) -> String) -> World {
    let desired = DESIRED.replace("@mode@", mode).replace("500ms", "1s");
    let world = World::of(unlimited(2), |text| {
        edit(&format!("{}{desired}", text.replace(r#"verify_for     = "5s""#, r#"verify_for = "1s""#)))
    })
    .await;
    std::fs::write(world.folder.path().join("sip-password"), format!("{PASSWORD}\n")).unwrap();
    world
}

pub fn creations(world: &World, mode: CreateMode, lasts: Duration, delay: Option<Duration>) {
    world.platform.happen(Incident::Create { mode, lasts, delay });
}

/// Somebody else changes a channel.
pub fn edit(world: &World, channel: &str, set: &Value) {
    let set = set.as_object().unwrap().clone();
    world.platform.happen(Incident::Edit { channel: channel.into(), set });
}

/// The document of a channel as it truly is.
pub fn doc(world: &World, id: &str) -> Value {
    Value::Object(world.platform.model().channel(id).unwrap().document().clone())
}

/// The ids of all channels of a name, now.
pub fn ids(world: &World, name: &str) -> Vec<String> {
    let now = world.platform.now();
    let mut model = world.platform.model();
    model.advance(now);
    model.channels().filter(|c| c.document()["name"] == name).map(|c| c.id().to_owned()).collect()
}

/// How often the platform has created anything.
pub fn created(world: &World) -> u32 {
    let now = world.platform.now();
    let mut model = world.platform.model();
    model.advance(now);
    model.created()
}

/// How many creations were sent.
pub fn posts(world: &World) -> usize {
    world.platform.model().requests().filter(|r| r.method == "POST" && r.path == "/api/v2/channels").count()
}

/// Waits until the channel is watched and up.
pub async fn up(world: &World, id: &str) {
    world.until(&format!("{id} is up"), async || world.channel(id).await["health"] == "up").await;
}

/// The gauge of the desired channel.
pub const DRIFT: &str = r#"trunkwarden_provision_drift{channel="trunk-west",tenant="acme"}"#;
