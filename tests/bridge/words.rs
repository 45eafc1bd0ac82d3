//! What the platform says of a bridge is believed; what it does not say is not told.

use super::world::World;
use serde_json::{Value, json};
use trunkwarden::calls::{Failure, Outcome, Settled};

async fn told(world: &World, status: u16, body: Value, shown: Option<Value>) -> Settled {
    *world.says.0.lock().unwrap() = (Some((status, body)), shown);
    world.bridge().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_body_that_says_it_failed_is_told_in_its_words_and_not_sent_again() {
    for (body, words) in [
        (json!({ "success": false }), "`success` is false"),
        (json!({ "success": false, "message": "the agent is busy" }), "The platform says: the agent is busy"),
        (json!({ "error": { "code": 17, "message": "no such leg" } }), "The platform says: no such leg"),
        (json!({ "bridgeId": "b-1", "state": "failed" }), "`state` is \"failed\""),
        (json!({ "errors": [{ "reason": "x" }], "success": "true" }), "`errors`"),
    ] {
        for readable in [true, false] {
            let world = World::that(readable, true);
            let settled = told(&world, 200, body.clone(), None).await;
            let Outcome::Failed { failure, why } = &settled.outcome else { panic!("{body}: {settled}") };
            assert_eq!(*failure, Failure::Refused, "{body}");
            assert!(why.contains(words) && why.contains("200"), "{why}");
            assert_eq!(world.events(), ["bridge.requested", "bridge.failed"]);
            assert_eq!(world.metric("trunkwarden_bridges_total", &[("result", "refused")]), Some(1.0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_without_a_failure_is_a_bridge() {
    for body in [
        json!({ "success": true, "error": null, "errors": [] }),
        json!({ "bridgeId": "b-1", "state": "connected" }),
        json!({}),
    ] {
        let settled = told(&World::new(), 200, body.clone(), None).await;
        let Outcome::Completed { read_back: false, .. } = settled.outcome else { panic!("{body}: {settled}") };
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_pending_is_unknown_until_it_is_read_back() {
    for (status, body) in
        [(202, json!({})), (202, json!({ "bridgeId": "b-1", "state": "done" })), (200, json!({ "state": "pending" }))]
    {
        // Nothing shows, and nothing can be read.
        for world in [World::new(), World::blindfolded()] {
            let settled = told(&world, status, body.clone(), None).await;
            assert_eq!(settled.outcome.name(), "unknown", "{settled}");
            assert!(settled.to_string().contains("does not say that it is made"), "{settled}");
            assert_eq!(world.events(), ["bridge.requested", "bridge.unknown"]);
        }
        let settled = told(&World::new(), status, body.clone(), Some(json!({ "state": "active" }))).await;
        let Outcome::Completed { bridge_id, read_back: true } = &settled.outcome else { panic!("{settled}") };
        assert_eq!(bridge_id.as_deref(), body["bridgeId"].as_str(), "the id that it told is kept");
        // What the call shows of it is believed too.
        let settled = told(&World::new(), status, body.clone(), Some(json!({ "state": "failed" }))).await;
        assert_eq!(settled.outcome.name(), "failed", "{settled}");
        let settled = told(&World::new(), status, body, Some(json!({ "state": "ringing" }))).await;
        assert_eq!(settled.outcome.name(), "unknown", "{settled}");
        assert!(settled.to_string().contains("ringing"), "{settled}");
    }
}
