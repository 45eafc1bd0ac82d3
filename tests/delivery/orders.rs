//! What people see and order of the outbox, over the API; each order is in the audit log.

use super::sink::{Act, Sink};
use super::world::{World, until};
use serde_json::{Value, json};
use std::sync::Arc;
use trunkwarden::http::{Access, App, Reads, serve_tcp};
use trunkwarden::supervisor::{Liveness, Orders};

const TOKEN: &str = "correct horse battery staple";

struct Face {
    base: String,
    client: reqwest::Client,
}

impl Face {
    async fn of(world: &World) -> Self {
        let app = App {
            snapshot: world.snapshot.clone(),
            counters: world.counters.clone(),
            liveness: Liveness::default(),
            clock: world.clock.clone(),
            orders: Orders::channel().0,
            switchboard: None,
            audit: None,
            checkpoint: None,
            accept: None,
            provisioning: None,
            delivery: Some(world.delivery.clone()),
            access: Access::new(&world.counters, &world.clock).with_token(TOKEN.to_owned().into()),
            reads: Reads::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve_tcp(listener, Arc::new(app), tokio_util::sync::CancellationToken::new()));
        Self { base, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(TOKEN).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

/// A sink with two dead letters behind it and two more entries delivered.
async fn with_dead_letters() -> (World, Sink, Face) {
    let sink = Sink::serve().await;
    sink.answers(|seen| Act::status(if seen.json()["seq"].as_u64() < Some(3) { 400 } else { 200 }));
    let sinks =
        format!("[[audit.export]]\nname = \"nms\"\nurl = \"{}\"\nbulk = false\norder = \"set_aside\"\n", sink.url);
    let world = World::of(&sinks).await;
    world.write_many(4).await;
    world.drained("nms").await;
    let face = Face::of(&world).await;
    (world, sink, face)
}

#[tokio::test]
async fn dead_letters_are_shown_and_tried_again_in_their_order() {
    let (world, sink, face) = with_dead_letters().await;
    let view = face.get("/api/v1/outbox?state=dead").await;
    assert_eq!((&view["sinks"][0]["name"], &view["sinks"][0]["dead"]), (&json!("nms"), &json!(2)));
    let rows = view["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|r| r["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert!(rows.iter().all(|r| r["error"] == "it answered 400" && r["event_type"] == "failover.held"));

    sink.answers(|_| Act::status(200));
    let (status, answer) = face.post("/api/v1/outbox/retry", json!({ "sink": "nms", "dead": true })).await;
    assert_eq!((status, &answer["rows"]), (200, &json!(2)));
    until("all of it arrived", || sink.seqs() == [3, 4, 1, 2, 5]).await;
    let order = sink.taken().pop().unwrap();
    assert_eq!((&order["event_type"], &order["actor"]), (&json!("operator.ordered"), &json!("operator:token")));
    assert_eq!(order["details"], json!({ "order": "outbox_retry", "rows": 2, "sink": "nms" }));
    assert_eq!(world.state("nms").dead, 0);
}

#[tokio::test]
async fn what_is_dropped_is_gone_and_written_down() {
    let (world, sink, face) = with_dead_letters().await;
    let row = face.get("/api/v1/outbox").await["rows"][0]["id"].clone();
    let (status, answer) = face.post("/api/v1/outbox/drop", json!({ "sink": "nms", "row": row })).await;
    assert_eq!((status, &answer["rows"]), (200, &json!(1)));
    until("the order was delivered", || sink.seqs() == [3, 4, 5]).await;
    assert_eq!(world.state("nms").dead, 1);
    face.post("/api/v1/outbox/drop", json!({ "sink": "nms", "all": true })).await;
    until("nothing is left but what the order itself wrote", || world.state("nms").dead == 0).await;
}

#[tokio::test]
async fn a_sink_that_waits_for_hours_is_tried_at_once_when_told() {
    let sink = Sink::serve().await;
    sink.answers(|_| Act::Say(503, vec![("retry-after", "3600".to_owned())]));
    let folder = tempfile::tempdir().unwrap();
    let clock = trunkwarden::clock::Clock::system();
    let options = trunkwarden::journal::Options::new(folder.path().join("journal.db"), clock.clone());
    let (journal, _) = trunkwarden::journal::Journal::open(options).unwrap();
    let connect = trunkwarden::delivery::over_http();
    let world = World::over(folder, journal, clock, connect, trunkwarden::delivery::Pace::default());
    world.configure(&format!("[[audit.export]]\nname = \"nms\"\nurl = \"{}\"\nbulk = false\n", sink.url)).await;
    world.write_many(1).await;
    let face = Face::of(&world).await;
    until("it was tried", || sink.seen().len() == 1).await;
    sink.answers(|_| Act::status(200));
    face.post("/api/v1/outbox/retry", json!({ "sink": "nms" })).await;
    until("it arrived", || sink.seqs() == [1, 2]).await;
}

#[tokio::test]
async fn orders_that_mean_nothing_are_refused_and_not_written_down() {
    let (world, _sink, face) = with_dead_letters().await;
    for (path, body, status) in [
        ("/api/v1/outbox/drop", json!({ "sink": "nms" }), 400),
        ("/api/v1/outbox/drop", json!({ "sink": "nms", "all": true, "dead": true }), 400),
        ("/api/v1/outbox/drop", json!({ "sink": "nobody", "all": true }), 409),
        ("/api/v1/outbox/drop", json!({ "sink": "nms", "row": 4711 }), 409),
        ("/api/v1/outbox/retry", json!({ "sink": "nms", "what": 1 }), 400),
    ] {
        assert_eq!(face.post(path, body.clone()).await.0, status, "{body}");
    }
    let without_token = face.client.post(format!("{}/api/v1/outbox/retry", face.base)).send().await.unwrap();
    assert_eq!(without_token.status().as_u16(), 401);
    assert_eq!(world.journal.reader().head().unwrap().unwrap().0, 4);
    let page = face.client.get(format!("{}/", face.base)).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Sink nms: 2 dead letters wait"), "{page}");
}
