//! Answers that are written oddly, over real sockets: what they cost, and what would go back on the wire.

use super::{client, serve};
use axum::Router;
use axum::routing::{get, post};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trunkwarden::platform::{Class, Client, ClientEvent, Observer, Platform, TelemetryQuery, quoted};
use trunkwarden::policy::WallMs;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Big numbers, a key that stands twice, half a surrogate, and an order of keys that no map has.
const CHANNEL: &str = "\u{feff}{\"status\": \"healthy\", \"id\": \"a\", \"x\": NaN,\n  \"routing\" : { \"z\": 1234567890123456789012345678901234567890 ,\"primary_channel_id\":\"a\",\"w\":1.50e+01, \"w\" : \"\\ud800\" },
  \"configuration\": {\"authentication\": {\"username\": \"u\", \"password\": \"canary\"}, \"sip_server\": \"s.example\"}}";
const ROWS: &str = "\u{feff}{\"channels\": [{\"id\": \"a\", \"status\": \"healthy\"}, {\"id\": \"\"}, {\"id\" \"b\"}, {\"id\": \"c\\nd\"},
  {\"id\": \"e\", \"weight\": NaN, \"name\": \"half \\udfff\", \"status\": \"odd\\u001b[2J\"}], \"next\": 2}";
const ITEMS: &str = "{\"metrics\": [{\"channelId\": \"a\", \"latency_ms\": NaN}, {\"channelId\": \"e\", \"latency_ms\": \"20.5\", \"timestamp\": 1795251300000}]}";

type Counted = Arc<Mutex<BTreeMap<&'static str, u32>>>;

/// A client of a platform that answers so, and what it could not read.
async fn world() -> (Client, Counted) {
    let router = Router::new()
        .route("/oauth/token", post(|| async { "\u{feff}{\"access_token\": \"t\", \"expires_in\": \"1800\"}" }))
        .route("/c", get(|| async { ROWS }))
        .route("/c/{id}", get(|| async { CHANNEL }))
        .route("/t", post(|| async { ITEMS }));
    let counted = Counted::default();
    let counting = Arc::clone(&counted);
    let observer: Observer = Arc::new(move |event: ClientEvent<'_>| {
        if let ClientEvent::Unread(unread) = event {
            for lapse in unread.lapses() {
                *counting.lock().unwrap().entry(lapse.what.name()).or_default() += lapse.count;
            }
        }
    });
    (client(serve(router).await, observer), counted)
}

#[tokio::test]
async fn what_is_sent_back_is_what_was_read_byte_for_byte() {
    let (client, counted) = world().await;
    let doc = client.channel(&"a".into(), Class::Action, TIMEOUT).await.unwrap().value;
    assert_eq!(doc.view().status.as_deref(), Some("healthy"));
    let body =
        doc.change(&[("status", "\"active\"")], &[("routing", vec![("primary_channel_id", quoted("b"))])]).unwrap();
    let expected = "{\"status\":\"active\",\"routing\":{ \"z\": 1234567890123456789012345678901234567890 ,\"primary_channel_id\":\"b\",\"w\":1.50e+01, \"w\" : \"\\ud800\" }}";
    assert_eq!(body.as_str(), expected);
    let codecs = doc.change(&[], &[("configuration", vec![("codecs", "[]".to_owned())])]).unwrap();
    assert_eq!(codecs.as_str(), "{\"configuration\":{\"sip_server\": \"s.example\",\"codecs\":[]}}");
    assert!(counted.lock().unwrap().is_empty(), "nothing of it was lost");
}

#[tokio::test]
async fn a_bad_row_or_item_costs_itself_alone_and_is_counted() {
    let (client, counted) = world().await;
    let page = client.channels(None, Class::Poll, TIMEOUT).await.unwrap().value;
    let read: Vec<(&str, Option<String>)> = page.channels.iter().map(|c| (c.id().as_str(), c.view().status)).collect();
    let odd = Some("odd\u{fffd}[2J".to_owned());
    assert_eq!(read, [("a", Some("healthy".to_owned())), ("e", odd)]);
    assert_eq!((page.malformed, page.next.as_deref()), (3, Some("2")));
    let (from, to) = (WallMs(1_795_248_000_000), WallMs(1_795_251_600_000));
    let query = TelemetryQuery { channels: vec!["a".into(), "e".into()], bucket: Duration::from_mins(1), from, to };
    let answer = client.telemetry(&query, TIMEOUT).await.unwrap().value;
    let [(whose, sample)] = answer.items.as_slice() else { panic!("{answer:?}") };
    assert_eq!((whose.as_ref(), sample.latency_ms), (Some(&"e".into()), Some(20.5)));
    assert_eq!(sample.at, Some(WallMs(1_795_251_300_000)));
    let expected = BTreeMap::from([("channel", 3), ("text", 2), ("telemetry", 1)]);
    assert_eq!(*counted.lock().unwrap(), expected);
}
