//! The real daemon and a real sink: killed between an entry and its acknowledgement, stopped with a full outbox, asked by
//! people.

use super::world::{World, unlimited};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// What a sink took, what it answers, and how long it thinks before.
#[derive(Clone)]
struct Sink {
    url: String,
    taken: Arc<Mutex<Vec<Value>>>,
    answers: Arc<Mutex<(u16, Duration)>>,
}

impl Sink {
    async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/audit", listener.local_addr().unwrap());
        let sink = Self { url, taken: Arc::default(), answers: Arc::new(Mutex::new((200, Duration::ZERO))) };
        let router = Router::new().fallback(take).with_state(sink.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        sink
    }

    fn answers(&self, status: u16, after: Duration) {
        *self.answers.lock().unwrap() = (status, after);
    }

    fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }

    /// A daemon that exports to it; `more` are further keys of the export.
    async fn world(&self, more: &str) -> World {
        let export = format!("\n[[audit.export]]\nname = \"nms\"\nurl = \"{}\"\nbulk = false\n{more}\n", self.url);
        World::of(unlimited(4), |text| format!("{text}{export}")).await
    }
}

async fn take(State(sink): State<Sink>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (status, after) = *sink.answers.lock().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(headers["idempotency-key"].to_str().unwrap(), body["id"]);
    let token = headers.get("authorization").map(|value| value.to_str().unwrap());
    assert!(token.is_none_or(|t| t == "Bearer canary-TOKEN"), "no credential but the sink's own ever leaves");
    if status < 300 {
        sink.taken.lock().unwrap().push(body);
    }
    tokio::time::sleep(after).await;
    StatusCode::from_u16(status).unwrap()
}

/// Everything in the log has arrived, in the log's order and as it stands there; what came again is the same.
fn arrived(world: &World, sink: &Sink) -> bool {
    let log = world.audit();
    let mut first: Vec<Value> = Vec::new();
    for body in sink.taken() {
        match first.iter().find(|before| before["id"] == body["id"]) {
            Some(before) => assert_eq!(*before, body, "a repetition differs"),
            None => first.push(body),
        }
    }
    assert!(first.iter().zip(&log).all(|(taken, entry)| taken == entry), "out of order, or forged");
    first.len() == log.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_and_forges_nothing() {
    let sink = Sink::serve().await;
    sink.answers(200, Duration::from_millis(30));
    let mut world = sink.world("").await;
    for _ in 0..4 {
        let before = sink.taken().len();
        world.start().await;
        // In the middle of what a start has to tell.
        world.until("the sink took something", async || sink.taken().len() > before + 1).await;
        world.take_daemon().kill_now();
    }
    sink.answers(200, Duration::ZERO);
    world.start().await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    world.until("all of the log arrived", async || arrived(&world, &sink)).await;
    assert!(world.take_daemon().stop().await.success());
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_takes_its_time_with_a_full_outbox_and_a_sink_that_hangs() {
    let sink = Sink::serve().await;
    sink.answers(200, Duration::from_mins(1));
    let mut world = sink.world("").await;
    world.start().await;
    world.all_up().await;
    world.until("a delivery hangs", async || !sink.taken().is_empty()).await;
    let daemon = world.take_daemon();
    daemon.signal(rustix::process::Signal::TERM);
    let (status, took) = daemon.ended().await;
    assert!(status.code() == Some(0) && took < Duration::from_secs(20), "{status} after {took:?}");
    // Without the daemon the outbox is still to be read.
    let list = world.cli(&["outbox", "list", "--json"]).await;
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!((&list["sinks"][0]["name"], &list["sinks"][0]["state"]), (&"nms".into(), &"waiting".into()));
    assert!(list["rows"].as_array().unwrap().len() > 1);

    sink.answers(200, Duration::ZERO);
    world.start().await;
    world.until("all of the log arrived", async || arrived(&world, &sink)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_the_outbox_and_give_orders_about_it() {
    let sink = Sink::serve().await;
    sink.answers(422, Duration::ZERO);
    let mut world = sink.world("").await;
    world.start().await;
    world.all_up().await;
    world
        .until("something waits", async || world.metric("trunkwarden_outbox_pending{sink=\"nms\"}").await > Some(2.0))
        .await;
    world.metric_becomes("trunkwarden_outbox_refused{sink=\"nms\"}", 1.0).await;
    let list = world.cli(&["outbox", "list"]).await;
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(text.contains("nms") && text.contains("process.started") && text.contains("it answered 422"), "{text}");
    assert!(world.get("/").await.1.contains("has been failing"));

    let row = world.cli(&["outbox", "list", "--json"]).await;
    let row = serde_json::from_slice::<Value>(&row.stdout).unwrap()["rows"][0]["id"].to_string();
    let dropped = world.cli(&["outbox", "drop", "--sink", "nms", "--row", &row, "--json"]).await;
    assert_eq!(serde_json::from_slice::<Value>(&dropped.stdout).unwrap()["rows"], 1);
    world
        .until("the order itself waits too", async || {
            let waiting = world.json("/api/v1/outbox?state=pending").await;
            waiting["rows"].as_array().unwrap().iter().any(|row| row["event_type"] == "operator.ordered")
        })
        .await;
    sink.answers(200, Duration::ZERO);
    world.order(&["outbox", "retry", "--sink", "nms"]).await;
    world.metric_becomes("trunkwarden_outbox_pending{sink=\"nms\"}", 0.0).await;
    let seqs: Vec<u64> = sink.taken().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert!(!seqs.contains(&1) && seqs.contains(&2), "{seqs:?}");
    let orders = world.entries("operator.ordered", "");
    assert_eq!(orders.len(), 2);
    assert!(orders.iter().all(|e| e["actor"].as_str().unwrap().starts_with("operator:uid:")), "{orders:?}");

    let refused = world.cli(&["outbox", "drop", "--sink", "nobody", "--all"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no sink `nobody`"));
    assert_eq!(world.cli(&["outbox", "drop", "--sink", "nms"]).await.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_of_a_sink_is_written_anywhere() {
    let (good, bad) = (Sink::serve().await, Sink::serve().await);
    bad.answers(401, Duration::ZERO);
    let mut world = World::of(unlimited(4), |text| {
        let secret = |name: &str| format!("{{ env = \"CANARY_{name}\" }}");
        let (token, header, hook) = (secret("TOKEN"), secret("HEADER"), secret("HOOK"));
        format!(
            "{text}\n[[webhooks]]\nname = \"good\"\nurl = \"{}\"\nevents = [\"*\"]\nsecret = {hook}\n\
             headers = {{ \"X-Api-Key\" = {header} }}\n[[audit.export]]\nname = \"bad\"\nurl = \"{}\"\ntoken = {token}\n",
            good.url, bad.url
        )
    })
    .await;
    let mut command = super::daemon::binary();
    command.env("TRUNKWARDEN_LOG", "trace");
    for name in ["TOKEN", "HEADER", "HOOK"] {
        command.env(format!("CANARY_{name}"), format!("canary-{name}"));
    }
    world.start_as(command).await;
    world.all_up().await;
    world
        .until("both were tried", async || {
            let failed = world.metric("trunkwarden_deliveries_total{result=\"unauthorised\",sink=\"bad\"}").await;
            failed >= Some(1.0) && !good.taken().is_empty()
        })
        .await;
    let mut places = vec![world.logs(), format!("{:?}", world.cli(&["outbox", "list", "--json"]).await)];
    for path in ["/", "/metrics", "/api/v1/outbox", "/api/v1/audit?limit=1000"] {
        places.push(world.get(path).await.1);
    }
    assert!(world.take_daemon().stop().await.success());
    for file in std::fs::read_dir(world.state_dir()).unwrap() {
        places.push(String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned());
    }
    for place in places {
        assert!(!place.contains("canary-"), "a secret is in {}", place.chars().take(2000).collect::<String>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_sinks() {
    let (first, second) = (Sink::serve().await, Sink::serve().await);
    let mut world = first.world("").await;
    world.start().await;
    world.until("the first is told", async || !first.taken().is_empty()).await;
    world.rewrite(|text| text.replace(&first.url, &second.url));
    world.entry("config.reloaded", "").await;
    world.order(&["pause", "acme"]).await;
    let told = |sink: &Sink| sink.taken().iter().any(|e| e["event_type"] == "operator.ordered");
    world.until("the second is told", async || told(&second)).await;
    assert!(!told(&first));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_removed_sink_leaves_is_told_everywhere_until_it_is_dropped() {
    let sink = Sink::serve().await;
    sink.answers(503, Duration::ZERO);
    let mut world = sink.world("").await;
    world.start().await;
    world.all_up().await;
    world.rewrite(|text| text.split("[[audit.export]]").next().unwrap().to_owned());
    let (removed, advice) = ("trunkwarden_outbox_sink_removed{sink=\"nms\"}", "outbox drop --sink nms --all");
    world.metric_becomes(removed, 1.0).await;
    world.until("the log tells", async || world.logs().contains(advice)).await;
    let told = "is no longer configured";
    assert_eq!(world.logs().matches(told).count(), 1, "once, and not at every count");
    let list = String::from_utf8(world.cli(&["outbox", "list"]).await.stdout).unwrap();
    assert!(list.contains("removed") && list.contains(told) && list.contains(advice), "{list}");
    assert!(world.get("/").await.1.contains(told));

    world.order(&["outbox", "drop", "--sink", "nms", "--all"]).await;
    world.until("it is forgotten", async || world.metric(removed).await.is_none()).await;
    let list = String::from_utf8(world.cli(&["outbox", "list"]).await.stdout).unwrap();
    assert!(!list.contains("nms"), "{list}");
}
