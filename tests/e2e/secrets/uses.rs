//! What uses the secrets that the daemon needs now and then only: bridges and rescues, with a token of their own, and the
//! creation of a channel, with its SIP password. And the commands that show most of what is known.

use super::PLANTED;
use crate::daemon::binary;
use crate::world::World;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use trunkwarden::clock::{Clock, rfc3339};
use trunkwarden::sim::{BridgeMode, Incident};

/// Added to the configuration before its policies.
pub const KEYS: &str = r#"[tenants.acme.bridge]
verify_for = "1s"
timeout = "1s"
[tenants.acme.paths]
call = "/api/v2/cti/calls/{call}"
calls = "/api/v2/cti/calls?channel={id}"
[policies.default.rescue]
target = "phone:+12025550100"
"#;

/// The desired channel.
const NAME: &str = "prod-voice-trunk-1";

fn call(n: usize) -> String {
    format!("00000000-0000-0000-0000-{n:012}")
}

/// Calls on the channel that is going to fail: one to rescue, and three to bridge.
pub fn calls(world: &World) {
    for n in 1..=4 {
        let direction = if n == 1 { "inbound" } else { "outbound" };
        let (call, channel, direction) = (call(n), "ch-0001".to_owned(), direction.to_owned());
        world.platform.happen(Incident::Call { call, channel, direction, legs: 1 });
    }
}

/// Bridges that are made, repeated and lost, and a creation; what was answered.
pub async fn use_them(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut places = Vec::new();
    world.entry("rescue.ended", "ch-0001").await;
    let answered = async || world.cli(&["channels", "plan"]).await.status.success();
    world.until("the platform is whole again", answered).await;
    let target = ["--target", "phone:+12025550100", "--direction", "transfer", "--tenant", "acme"];
    let bridge = async |n: usize, more: &[&str]| world.cli(&[&["bridge", &call(n)], &target[..], more].concat()).await;
    for (n, more, code) in [(2, [].as_slice(), 0), (2, &["--json"], 1)] {
        let output = bridge(n, more).await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        places.push((format!("bridge {more:?}"), [output.stdout, output.stderr].concat()));
    }
    let order = json!({ "targets": [{ "type": "phone", "value": "+12025550100" }], "direction": "transfer" });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/api/v1/tenants/acme/calls/{}/bridge", world.page(), call(3));
    let answer = client.post(url).bearer_auth("canary-operator-token").json(&order).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    places.push(("a bridge over TCP".to_owned(), answer.bytes().await.unwrap().into()));
    let lasts = Duration::from_mins(10);
    world.platform.happen(Incident::Bridge { mode: BridgeMode::LoseAnswer, lasts, delay: None });
    let output = bridge(4, &["--json"]).await;
    assert_eq!(output.status.code(), Some(0), "it is read back: {output:?}");
    places.push(("a bridge whose answer was lost".to_owned(), [output.stdout, output.stderr].concat()));
    // The rescue, and three by people.
    assert_eq!(world.platform.model().bridges_made(), 4);

    for args in [["channels", "plan"].as_slice(), &["channels", "plan", "--json"], &["channels", "apply", "--yes"]] {
        places.push(shown(world, args).await);
    }
    let password = created(world)["configuration"]["authentication"]["password"].clone();
    assert_eq!(password, format!("{PLANTED}provision"), "it is in use: otherwise nothing was planted");
    places
}

/// What explains, replays and checks.
pub async fn told(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut places = Vec::new();
    let now = rfc3339(Clock::system().wall());
    for args in [
        ["explain", "acme/ch-0001"].as_slice(),
        &["explain", "acme/ch-0001", "--json"],
        &["explain", "acme/ch-0001", "--at", &now],
        &["explain", "acme/ch-0001", "--at", &now, "--json"],
        &["check", "--online"],
        &["channels", "plan"],
        &["channels", "list", "--json"],
    ] {
        places.push(shown(world, args).await);
    }
    let mut replay = binary();
    replay.args(["replay", "--json", "--journal"]).arg(world.state_dir().join("journal.db"));
    replay.arg("--config").arg(world.config()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = replay.output().await.unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
    places.push(("replay".to_owned(), [output.stdout, output.stderr].concat()));
    places
}

/// What a command says that ends well.
async fn shown(world: &World, args: &[&str]) -> (String, Vec<u8>) {
    let output = world.cli(args).await;
    assert!(output.status.success() && !output.stdout.is_empty(), "{args:?}: {output:?}");
    (format!("{args:?}"), [output.stdout, output.stderr].concat())
}

/// The document of the channel that was created, as the platform has it.
fn created(world: &World) -> Value {
    let model = world.platform.model();
    let channel = model.channels().find(|channel| channel.document()["name"] == NAME).unwrap();
    Value::Object(channel.document().clone())
}
