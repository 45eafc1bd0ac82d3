//! The route: who may use it, what it takes, and a status that says what to do.

use super::world::{CALL, World};
use reqwest::Client;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trunkwarden::http::{Access, App, Reads, serve_tcp};
use trunkwarden::sim::{BridgeMode, FaultKind};
use trunkwarden::snapshot::SnapshotCell;
use trunkwarden::supervisor::{Liveness, Orders};

const TOKEN: &str = "the operator's token";

struct Face {
    world: World,
    base: String,
    client: Client,
}

impl Face {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let world = World::in_real_time();
        let app = App {
            snapshot: SnapshotCell::default(),
            counters: world.counters.clone(),
            liveness: Liveness::default(),
            clock: world.clock.clone(),
            orders: Orders::channel().0,
            switchboard: Some(world.board.clone()),
            audit: None,
            checkpoint: None,
            accept: None,
            provisioning: None,
            delivery: None,
            access: Access::new(&world.counters, &world.clock).with_token(TOKEN.to_owned().into()),
            reads: Reads::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve_tcp(listener, Arc::new(app), CancellationToken::new()));
        Self { world, base, client: Client::builder().no_proxy().build().unwrap() }
    }

    async fn post(&self, tenant: &str, call: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let url = format!("{}/api/v1/tenants/{tenant}/calls/{call}/bridge", self.base);
        let mut request = self.client.post(url).bearer_auth(TOKEN).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

fn good() -> Value {
    json!({"targets": [{"type": "phone", "value": "+12025550100"}], "direction": "transfer"})
}

fn code(body: &Value) -> &str {
    body.pointer("/error/code").and_then(Value::as_str).unwrap_or("")
}

#[tokio::test]
async fn a_bridge_over_tcp_needs_the_operators_token() {
    let face = Face::new().await;
    let url = format!("{}/api/v1/tenants/acme/calls/{CALL}/bridge", face.base);
    let answer = face.client.post(&url).json(&good()).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(face.client.get(&url).bearer_auth(TOKEN).send().await.unwrap().status(), 405);
    assert_eq!(face.world.sent(), 0);
    let (status, body) = face.post("acme", CALL, None, &good()).await;
    assert_eq!((status, &body["outcome"], &body["call"]), (200, &json!("completed"), &json!(CALL)), "{body}");
    assert_eq!(body["operation_id"], face.world.audit()[0]["operation_id"]);
    assert_eq!(face.world.audit()[0]["actor"], "operator:token");
}

#[tokio::test]
async fn the_status_says_what_to_do() {
    let face = Face::new().await;
    let (status, body) = face.post("nobody", CALL, None, &good()).await;
    assert_eq!((status, code(&body)), (404, "no_such_tenant"));
    let (status, body) = face.post("acme", CALL, None, &json!({"targets": []})).await;
    assert_eq!((status, code(&body)), (400, "bad_body"), "{body}");
    let wrong = json!({"targets": [{"type": "phone", "value": "1"}], "direction": "x", "bridgeMatrix": [{"source": 0, "target": 0}]});
    let (status, body) = face.post("acme", "a%2Fb", None, &wrong).await;
    assert_eq!((status, code(&body)), (422, "invalid_bridge"), "{body}");
    let fields: Vec<&str> = body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["callId", "targets[0].value", "direction", "bridgeMatrix[0]"]);
    let (status, body) = face.post("acme", "99999999-1234-1234-1234-123456789012", None, &good()).await;
    assert_eq!((status, code(&body)), (404, "call_over"), "{body}");

    assert_eq!(face.post("acme", CALL, Some("k"), &good()).await.0, 200);
    let (status, body) = face.post("acme", CALL, Some("k"), &good()).await;
    assert_eq!((status, &body["repeated"]), (200, &json!(true)));
    let mut other = good();
    other["direction"] = json!("consult");
    let (status, body) = face.post("acme", CALL, Some("k"), &other).await;
    assert_eq!((status, code(&body)), (422, "key_reused"));
    let (status, body) = face.post("acme", CALL, None, &good()).await;
    assert_eq!((status, code(&body)), (409, "already_bridged"));
    face.world.driver.hold("acme is paused");
    let (status, body) = face.post("acme", CALL, None, &good()).await;
    assert_eq!((status, code(&body)), (409, "refused"));
}

#[tokio::test]
async fn what_the_platform_refuses_or_does_not_answer_is_told_apart() {
    let face = Face::new().await;
    face.world.fault(FaultKind::Forbidden, Duration::from_hours(1));
    let (status, body) = face.post("acme", CALL, None, &good()).await;
    assert_eq!((status, code(&body)), (403, "forbidden"), "{body}");
    face.world.fault(FaultKind::Close, Duration::from_hours(1));
    let (status, body) = face.post("acme", CALL, None, &good()).await;
    assert_eq!((status, code(&body), &body["outcome"]), (504, "unknown_outcome", &json!("unknown")), "{body}");

    let other = Face::new().await;
    other.world.bridges(BridgeMode::LoseAnswer, Duration::ZERO);
    assert_eq!(other.post("acme", CALL, None, &good()).await.0, 504);
    assert_eq!(other.world.made(), 1);
    other.world.board.stop(Duration::from_secs(1)).await;
    let (status, body) = other.post("acme", CALL, None, &good()).await;
    assert_eq!((status, code(&body)), (503, "stopping"));
}
