//! The client secret, the tokens and the SIP passwords: in no log, no journal, no metric, no answer, no page.

use super::daemon::binary;
use super::world::{SECRET, World, unlimited};
use std::time::Duration;
use trunkwarden::sim::{CANARY, FaultKind, Incident, PatchMode};

/// How the model's tokens begin.
const TOKEN: &str = "sim-token-";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_anywhere() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    let mut command = binary();
    command.env("TRUNKWARDEN_LOG", "trace");
    world.start_as(command).await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    // Refusals, lost answers, and answers that cannot be read are where secrets slip out.
    world.platform.happen(Incident::RevokeTokens {});
    world.platform.patching(PatchMode::LoseAnswer, None);
    world.platform.turn("ch-0001", "healthy");
    world.entry("failback.completed", "ch-0001").await;
    for kind in [FaultKind::Garbage, FaultKind::Unauthorised] {
        let asked = || world.platform.model().requests_total();
        let before = asked();
        world.platform.fail_for(kind, Duration::from_secs(1));
        world.until("that was met", async || asked() >= before + 4).await;
    }
    world.all_up().await;

    let mut places = vec![("the log".to_owned(), world.logs().into_bytes())];
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/tenants",
        "/api/v1/channels",
        "/api/v1/channels/acme/ch-0001",
        "/api/v1/audit?limit=1000",
    ] {
        let (status, body) = world.get(path).await;
        assert_eq!(status, 200, "{path}");
        places.push((path.to_owned(), body.into_bytes()));
    }
    for args in [["status"].as_slice(), &["status", "--json"], &["check"]] {
        let output = world.cli(args).await;
        assert!(output.status.success(), "{args:?}: {output:?}");
        places.push((format!("{args:?}"), [output.stdout, output.stderr].concat()));
    }
    assert!(world.take_daemon().stop().await.success());
    for file in std::fs::read_dir(world.state_dir()).unwrap() {
        let path = file.unwrap().path();
        places.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    assert!(places.iter().any(|(name, bytes)| name.ends_with("journal.db") && bytes.len() > 4096));
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for secret in [SECRET, CANARY, TOKEN] {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}
