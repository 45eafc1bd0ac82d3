//! What a sink receives: the fields of the contract, the credentials of its own, signatures, envelopes, lines of a file.

use super::sink::Sink;
use super::world::{World, until};
use serde_json::Value;
use standardwebhooks::Webhook;
use trunkwarden::delivery::{Delivery, over_http};
use trunkwarden::journal::{Journal, Options, Signer, Signing};
use trunkwarden::policy::WallMs;

#[tokio::test]
async fn an_export_receives_each_entry_in_order_as_it_stands_in_the_log() {
    let sink = Sink::serve().await;
    let world = World::idle();
    let token = world.secret("token", "nms-token\n");
    let key = world.secret("key", "nms-key");
    world
        .configure(&format!(
            "[[audit.export]]\nname = \"nms\"\nurl = \"{}\"\nbulk = false\ntoken = {{ file = \"{}\" }}\n\
             headers = {{ \"X-Team\" = \"voice\", \"X-Api-Key\" = {{ file = \"{}\" }} }}\n",
            sink.url,
            token.display(),
            key.display()
        ))
        .await;
    world.write_many(40).await;
    world.drained("nms").await;
    assert_eq!(sink.seqs(), (1..=40).collect::<Vec<_>>());
    let log = world.journal.reader().entries(&trunkwarden::journal::Filter::default()).unwrap().entries;
    let mut received = sink.taken();
    received.reverse();
    assert_eq!(received, log);
    for seen in sink.seen() {
        let body = seen.json();
        for field in
            ["id", "timestamp", "event_type", "channel_id", "details", "compliance_tag", "seq", "prev_hash", "hash"]
        {
            assert!(body.get(field).is_some(), "{field} is missing");
        }
        assert_eq!(seen.path, "/in");
        assert_eq!(seen.header("content-type"), "application/json");
        assert_eq!(seen.header("authorization"), "Bearer nms-token");
        assert_eq!((seen.header("x-team"), seen.header("x-api-key")), ("voice", "nms-key"));
        assert_eq!(seen.header("idempotency-key"), body["id"]);
    }
    until("the metrics say so", || world.metric("outbox_pending", &[("sink", "nms")]) == Some(0.0)).await;
    assert_eq!(world.metric("deliveries_total", &[("sink", "nms"), ("result", "delivered")]), Some(40.0));
    assert_eq!(world.metric("delivery_duration_seconds", &[("sink", "nms")]), Some(40.0));
}

#[tokio::test]
async fn a_webhook_is_a_signed_cloud_event_and_only_of_what_it_subscribed_to() {
    let sink = Sink::serve().await;
    let world = World::idle();
    let base64 = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (new, old) = (world.secret("new", base64), world.secret("old", "a plain old secret"));
    world
        .configure(&format!(
            "[[webhooks]]\nname = \"cti\"\nurl = \"{}\"\nevents = [\"bridge.*\", \"*.completed\"]\n\
             secrets = [{{ file = \"{}\" }}, {{ file = \"{}\" }}]\n\
             basic = {{ username = \"tw\", password = {{ file = \"{}\" }} }}\n",
            sink.url,
            new.display(),
            old.display(),
            old.display(),
        ))
        .await;
    for event in ["failover.held", "failover.completed", "bridge.completed", "health.changed"] {
        world.write(event).await;
    }
    world.drained("cti").await;
    let seen = sink.seen();
    let types: Vec<Value> = seen.iter().map(|s| s.json()["type"].clone()).collect();
    assert_eq!(types, ["failover.completed", "bridge.completed"]);
    for one in &seen {
        let event = one.json();
        assert_eq!(one.header("content-type"), "application/cloudevents+json");
        assert_eq!((&event["specversion"], &event["subject"]), (&"1.0".into(), &"ch-0001".into()));
        assert_eq!(
            (&event["source"], &event["sequence"]),
            (&"/trunkwarden/tenants/acme".into(), &event["data"]["seq"].to_string().into())
        );
        assert_eq!(event["id"], event["data"]["id"]);
        assert_eq!(one.header("webhook-id"), event["id"]);
        assert!(one.header("authorization").starts_with("Basic "));
        // The oracle: whoever has either secret can verify, and nobody else.
        Webhook::new(base64).unwrap().verify(&one.body, &one.headers).unwrap();
        Webhook::from_bytes(b"a plain old secret".to_vec()).unwrap().verify(&one.body, &one.headers).unwrap();
        assert!(Webhook::from_bytes(b"another".to_vec()).unwrap().verify(&one.body, &one.headers).is_err());
        assert!(Webhook::new(base64).unwrap().verify(b"{}", &one.headers).is_err());
    }
}

#[tokio::test]
async fn a_checkpoint_leaves_as_soon_as_it_is_made() {
    let sink = Sink::serve().await;
    let folder = tempfile::tempdir().unwrap();
    let clock = trunkwarden::clock::Clock::system();
    let hour = std::time::Duration::from_hours(1);
    let signing = Signing { signer: Signer::new("test.example/log", &[7; 32]).unwrap(), entries: 1000, interval: hour };
    let options = Options { signing: Some(signing), ..Options::new(folder.path().join("journal.db"), clock.clone()) };
    let (journal, _) = Journal::open(options).unwrap();
    let world = World::over(folder, journal, clock, over_http(), super::world::FAST);
    world.configure(&format!("[[audit.export]]\nname = \"nms\"\nurl = \"{}\"\nbulk = false\n", sink.url)).await;
    let checkpoints = || sink.taken().iter().filter(|entry| entry["event_type"] == "journal.checkpoint").count();
    world.write_many(3).await;
    world.drained("nms").await;
    let before = checkpoints();
    world.journal.seal(WallMs(world.clock.wall().0 + 7_200_000)).await.unwrap();
    until("it left, with no entry behind it", || checkpoints() == before + 1).await;
}

#[tokio::test]
async fn a_file_gets_each_entry_as_a_line() {
    let world = World::idle();
    let path = world.folder.path().join("audit.jsonl");
    world.configure(&format!("[[audit.file]]\nname = \"lines\"\npath = \"{}\"\n", path.display())).await;
    world.write_many(200).await;
    world.drained("lines").await;
    let text = std::fs::read_to_string(&path).unwrap();
    let seqs: Vec<u64> =
        text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn no_secret_is_kept_in_the_outbox() {
    let sink = Sink::serve().await;
    sink.answers(|_| super::sink::Act::status(503));
    let world = World::idle();
    let token = world.secret("token", "canary-token");
    world
        .configure(&format!(
            "[[audit.export]]\nname = \"nms\"\nurl = \"{}\"\ntoken = {{ file = \"{}\" }}\n",
            sink.url,
            token.display()
        ))
        .await;
    world.write_many(3).await;
    until("it was tried", || sink.seen().len() > 2).await;
    let Ok(Ok(views)) = tokio::task::spawn_blocking({
        let delivery: Delivery = world.delivery.clone();
        move || delivery.sinks()
    })
    .await
    else {
        panic!("the outbox can be read")
    };
    assert!(!serde_json::to_string(&views).unwrap().contains("canary"));
    world.delivery.stop().await;
    let folder = world.folder.path().to_owned();
    world.journal.clone().close().await;
    for file in std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).filter(|p| !p.ends_with("token")) {
        assert!(!String::from_utf8_lossy(&std::fs::read(&file).unwrap()).contains("canary"), "{}", file.display());
    }
}
