//! The client over a scripted transport and paused time: one token for all, repetitions only where they are safe, and
//! errors that say what to do and nothing that is secret.

mod errors;
mod token;

use super::*;
use crate::config::Paths;
use crate::journal::{Gate, Receipt};
use crate::platform::{Body, ErrorClass, PlatformError, Request, Spent, TransportError};
use crate::policy::{Time, WallMs};
use http::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Mutex;
use uuid::Uuid;

const SECRET: &str = "s3cr3t-of-the-client";
const TIMEOUT: Duration = Duration::from_secs(10);
const HEALTHY: &str = r#"{"id": "ch-0001", "status": "healthy"}"#;

type Reply = Result<Response, TransportError>;
type Script = dyn Fn(usize, &Request) -> (Duration, Reply) + Send + Sync;

/// A platform that grants tokens `token-1`, `token-2`, … and answers everything else by a script, which is told how many
/// requests other than for tokens came before.
struct Fake {
    clock: Clock,
    sent: Mutex<Vec<(Time, Request)>>,
    tokens: Box<Script>,
    script: Box<Script>,
}

impl Fake {
    fn is_token(request: &Request) -> bool {
        request.url.ends_with("/token")
    }

    fn count(&self, tokens: bool) -> usize {
        self.sent.lock().unwrap().iter().filter(|(_, request)| Self::is_token(request) == tokens).count()
    }

    fn calls(&self) -> usize {
        self.count(false)
    }

    fn fetches(&self) -> usize {
        self.count(true)
    }

    fn requests(&self) -> Vec<Request> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|(_, request)| !Self::is_token(request)).map(|(_, request)| request.clone()).collect()
    }
}

#[async_trait::async_trait]
impl Transport for Fake {
    async fn send(&self, request: Request) -> Reply {
        let is_token = Self::is_token(&request);
        let before = self.count(is_token);
        self.sent.lock().unwrap().push((self.clock.now(), request.clone()));
        let (delay, reply) = if is_token { (self.tokens)(before, &request) } else { (self.script)(before, &request) };
        tokio::time::sleep(delay).await;
        reply
    }
}

fn reply(status: u16, body: &str) -> Reply {
    with_headers(status, body, &[])
}

#[allow(clippy::unnecessary_wraps, reason = "it stands where a script may also fail")]
fn with_headers(status: u16, body: &str, headers: &[(&str, &str)]) -> Reply {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Ok(Response { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::from(body.to_owned()) })
}

fn granted(before: usize, expires_in: u64) -> (Duration, Reply) {
    let body =
        json!({"access_token": format!("token-{}", before + 1), "token_type": "Bearer", "expires_in": expires_in});
    (Duration::ZERO, reply(200, &body.to_string()))
}

fn paths() -> Paths {
    Paths {
        channels: "/api/v2/channels".to_owned(),
        channel: "/api/v2/channels/{id}".to_owned(),
        telemetry: "/api/v2/telemetry/metrics".to_owned(),
        bridge: "/api/v2/cti/calls/{call}/bridge".to_owned(),
        call: None,
        calls: None,
    }
}

fn settings() -> ClientSettings {
    ClientSettings {
        tenant: "acme".into(),
        base_url: "https://api.example".to_owned(),
        paths: paths(),
        client_id: "cid".to_owned(),
        client_secret: SecretString::from(SECRET),
        secret_from: None,
        token_url: "https://auth.example/token".to_owned(),
        scopes: vec!["channel:read".to_owned(), "channel:write".to_owned()],
        bridge_scopes: None,
        headers: [("X-Team", "voice"), ("Authorization", "Basic no"), ("bad name", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        requests_per_minute: 6000,
        recent: Spent::Ages(Vec::new()),
        seed: 7,
    }
}

struct World {
    client: Arc<Client>,
    fake: Arc<Fake>,
    clock: Clock,
    events: Arc<Mutex<Vec<(&'static str, String)>>>,
}

/// A client whose budget is free, over a platform with the two scripts.
async fn world_with(
    settings: ClientSettings,
    tokens: impl Fn(usize, &Request) -> (Duration, Reply) + Send + Sync + 'static,
    script: impl Fn(usize, &Request) -> (Duration, Reply) + Send + Sync + 'static,
) -> World {
    let clock = Clock::virtual_from(WallMs(1_800_000_000_000));
    let fake = Arc::new(Fake {
        clock: clock.clone(),
        sent: Mutex::default(),
        tokens: Box::new(tokens),
        script: Box::new(script),
    });
    let events: Arc<Mutex<Vec<(&'static str, String)>>> = Arc::default();
    let observer: Observer = Arc::new({
        let events = Arc::clone(&events);
        move |event: ClientEvent<'_>| {
            if let ClientEvent::Request(event) = event {
                events.lock().unwrap().push((event.endpoint, event.code.clone()));
            }
        }
    });
    let transport: Arc<dyn Transport> = Arc::<Fake>::clone(&fake);
    let client = Arc::new(Client::new(settings, transport, clock.clone(), observer));
    tokio::time::sleep(Duration::from_mins(1)).await;
    World { client, fake, clock, events }
}

async fn world(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> World {
    let tokens = |before, _: &Request| granted(before, 1800);
    world_with(settings(), tokens, move |n, request| (Duration::ZERO, script(n, request))).await
}

impl World {
    async fn look(&self) -> Result<Answer<ChannelDoc>, PlatformError> {
        self.client.channel(&"ch-0001".into(), Class::Poll, TIMEOUT).await
    }

    async fn patch(&self) -> Result<Answer<ChannelDoc>, PlatformError> {
        let body = json!({"status": "active", "routing": {"primary_channel_id": "ch-0002"}});
        let clearance = Clearance::new(Receipt::for_tests(Uuid::nil()), Gate::open());
        let (id, body) = ("ch-0001".into(), Body::from(&body));
        let change = ChannelChange { id: &id, body: &body, if_match: Some("\"v1\""), class: Class::Action };
        self.client.change_channel(&clearance, change, TIMEOUT).await
    }
}

fn body_of(request: &Request) -> Value {
    serde_json::from_slice(request.body.as_ref().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_look_carries_the_token_and_brings_the_channel_with_its_times() {
    let world = world(|_, _| {
        let headers = [("etag", "\"v1\""), ("date", "Fri, 15 Jan 2027 08:00:00 GMT")];
        with_headers(200, HEALTHY, &headers)
    })
    .await;
    let answer = world.look().await.unwrap();
    assert_eq!(answer.value.view().status.as_deref(), Some("healthy"));
    assert_eq!(answer.value.etag(), Some("\"v1\""));
    assert_eq!(answer.date, Some(WallMs(1_800_000_000_000)));
    assert_eq!(answer.asked_at, world.clock.now());
    let request = &world.fake.requests()[0];
    assert_eq!(request.url, "https://api.example/api/v2/channels/ch-0001");
    assert_eq!(request.headers["authorization"], "Bearer token-1");
    assert!(request.headers["authorization"].is_sensitive());
    assert_eq!(request.headers["accept"], "application/json");
    assert_eq!(request.headers["x-team"], "voice");
    let events = world.events.lock().unwrap();
    assert_eq!(*events, [("token", "200".to_owned()), ("channel", "200".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn ids_stand_in_paths_as_one_segment_or_not_at_all() {
    let world = world(|_, _| reply(200, "{}")).await;
    for (id, segment) in [
        ("a/b", "a%2Fb"),
        ("a/../b", "a%2F..%2Fb"),
        ("50%2e", "50%252e"),
        ("a?b#c", "a%3Fb%23c"),
        ("weiß é", "wei%C3%9F%20%C3%A9"),
        ("@evil.example", "%40evil.example"),
    ] {
        let _ = world.client.channel(&id.into(), Class::Poll, TIMEOUT).await;
        let url = world.fake.requests().pop().unwrap().url;
        assert_eq!(url, format!("https://api.example/api/v2/channels/{segment}"));
        let parsed = url::Url::parse(&url).unwrap();
        assert_eq!(parsed.path(), format!("/api/v2/channels/{segment}"), "parsing leaves it alone");
    }
    let sent = world.fake.calls();
    for id in [".", "..", ""] {
        let error = world.client.channel(&id.into(), Class::Poll, TIMEOUT).await.unwrap_err();
        assert_eq!((error.class, error.sent), (ErrorClass::Fatal, false));
    }
    assert_eq!(world.fake.calls(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_path_that_leads_to_another_host_gets_no_token() {
    let mut elsewhere = settings();
    elsewhere.paths.channel = ".evil.example/{id}".to_owned();
    elsewhere.paths.channels = "@evil.example/channels".to_owned();
    let world = world_with(elsewhere, |n, _| granted(n, 1800), |_, _| (Duration::ZERO, reply(200, HEALTHY))).await;
    assert_eq!(world.look().await.unwrap_err().class, ErrorClass::Fatal);
    assert_eq!(world.client.channels(None, Class::Poll, TIMEOUT).await.unwrap_err().class, ErrorClass::Fatal);
    assert_eq!(world.fake.calls() + world.fake.fetches(), 0);
}

#[tokio::test(start_paused = true)]
async fn pages_are_followed_by_the_platforms_own_word() {
    let world = world(|n, _| match n {
        0 => reply(200, r#"{"channels": [{"id": "a"}, {"id": 7}, null], "next": "p&2=/ü"}"#),
        1 => reply(200, r#"{"channels": [], "next": null}"#),
        _ => reply(405, ""),
    })
    .await;
    let first = world.client.channels(None, Class::Poll, TIMEOUT).await.unwrap().value;
    assert_eq!((first.channels.len(), first.malformed), (1, 2));
    let second = world.client.channels(first.next.as_deref(), Class::Poll, TIMEOUT).await.unwrap().value;
    assert_eq!(second.next, None);
    let url = world.fake.requests().pop().unwrap().url;
    assert_eq!(url, "https://api.example/api/v2/channels?page=p%262%3D%2F%C3%BC");
    let none = world.client.channels(None, Class::Poll, TIMEOUT).await.unwrap_err();
    assert_eq!(none.class, ErrorClass::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn telemetry_is_asked_for_as_the_contract_says_and_passed_on_unjudged() {
    let world = world(|_, _| {
        let items = json!({"metrics": [
            {"channelId": "a", "latency_ms": 41.0, "jitter_ms": 4, "packet_loss_pct": null, "timestamp": "2026-11-21T08:55:00Z"},
            {"latency_ms": -5, "jitter_ms": "4"},
            {"channelId": "a", "timestamp": "yesterday"},
            {"channelId": 7},
            [],
        ]});
        reply(200, &items.to_string())
    })
    .await;
    let query = TelemetryQuery {
        channels: vec!["a".into(), "b".into()],
        bucket: Duration::from_mins(1),
        from: WallMs(1_795_248_000_123),
        to: WallMs(1_795_251_600_999),
    };
    let answer = world.client.telemetry(&query, TIMEOUT).await.unwrap().value;
    assert_eq!(answer.malformed, 3);
    let [(named, first), (unnamed, second)] = answer.items.as_slice() else { panic!("{answer:?}") };
    assert_eq!(named.as_ref(), Some(&"a".into()));
    assert_eq!(first.at, Some(WallMs(1_795_251_300_000)));
    assert_eq!((first.latency_ms, first.jitter_ms, first.packet_loss_pct), (Some(41.0), Some(4.0), None));
    assert_eq!((unnamed, second.at, second.latency_ms, second.jitter_ms), (&None, None, Some(-5.0), Some(4.0)));
    let request = &world.fake.requests()[0];
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(
        body_of(request),
        json!({"interval": "1m", "metrics": ["latency_ms", "jitter_ms", "packet_loss_pct"], "dimension": "channelId",
            "filter": {"type": "and", "clauses": [
                {"dimension": "channelId", "selector": "eq", "values": ["a", "b"]},
                {"dimension": "conversationType", "selector": "eq", "values": ["voice"]}]},
            "from": "2026-11-21T08:00:00Z", "to": "2026-11-21T09:00:00Z"})
    );
}

#[tokio::test(start_paused = true)]
async fn a_patch_carries_its_body_and_if_match_to_the_letter() {
    let world = world(|_, _| reply(200, HEALTHY)).await;
    world.patch().await.unwrap();
    let request = &world.fake.requests()[0];
    assert_eq!(request.method, Method::PATCH);
    assert_eq!(request.headers["if-match"], "\"v1\"");
    let sent = r#"{"routing":{"primary_channel_id":"ch-0002"},"status":"active"}"#;
    assert_eq!(request.body.as_deref(), Some(sent.as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn only_a_tag_that_a_server_matches_strongly_goes_back() {
    for (tag, sent) in [("\"v1\"", true), ("W/\"v1\"", false), ("\"v1-gzip\"", false), ("v1", true)] {
        let world = world(|_, _| reply(200, HEALTHY)).await;
        let body = json!({});
        let clearance = Clearance::new(Receipt::for_tests(Uuid::nil()), Gate::open());
        let (id, body) = ("ch-0001".into(), Body::from(&body));
        let change = ChannelChange { id: &id, body: &body, if_match: Some(tag), class: Class::Action };
        world.client.change_channel(&clearance, change, TIMEOUT).await.unwrap();
        let request = &world.fake.requests()[0];
        assert_eq!(request.headers.get("if-match").map(|tag| tag.to_str().unwrap()), sent.then_some(tag));
    }
}

#[tokio::test(start_paused = true)]
async fn every_request_asks_for_what_no_cache_keeps_and_a_look_for_what_nobody_encodes() {
    let world = world(|_, _| reply(200, HEALTHY)).await;
    world.look().await.unwrap();
    world.patch().await.unwrap();
    let _ = world.client.channels(None, Class::Poll, TIMEOUT).await;
    let sent = world.fake.sent.lock().unwrap();
    assert!(sent.iter().all(|(_, request)| request.headers["cache-control"] == "no-cache"));
    let identity = |request: &Request| request.headers.get("accept-encoding").is_some_and(|e| e == "identity");
    assert_eq!(sent.iter().map(|(_, request)| identity(request)).collect::<Vec<_>>(), [false, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_as_old_as_it_says() {
    for (age, seconds) in [("24", 24), ("\"24\"", 24), ("0", 0), ("x", 0), ("-1", 0), ("90000", 0)] {
        let headers = [("age", age), ("date", "Fri, 15 Jan 2027 08:00:00 GMT")];
        let world = world(move |_, _| with_headers(200, HEALTHY, &headers)).await;
        let answer = world.look().await.unwrap();
        assert_eq!(answer.asked_at.since(answer.as_of), Duration::from_secs(seconds), "{age}");
        let millis = i64::try_from(seconds).unwrap() * 1000;
        assert_eq!(answer.date, Some(WallMs(1_800_000_000_000 + millis)), "{age}: a cache keeps the date too");
    }
}

#[tokio::test(start_paused = true)]
async fn no_minute_sees_more_requests_than_allowed_tokens_and_repetitions_included() {
    let mut few = settings();
    few.requests_per_minute = 10;
    let world = world_with(
        few,
        |n, _| granted(n, 130),
        |n, _| (Duration::from_millis(300), if n % 3 == 0 { reply(503, "") } else { reply(200, HEALTHY) }),
    )
    .await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let client = Arc::clone(&world.client);
        tasks.spawn(async move { client.channel(&"ch-0001".into(), Class::Poll, TIMEOUT).await.map(drop) });
    }
    while tasks.join_next().await.is_some() {}
    let sent: Vec<Time> = world.fake.sent.lock().unwrap().iter().map(|(at, _)| *at).collect();
    assert!(sent.len() > 60);
    for first in &sent {
        let within = sent.iter().filter(|at| *at >= first && at.since(*first) < Duration::from_mins(1)).count();
        assert!(within <= 10, "{within} within a minute of {first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_shows_a_secret() {
    let said =
        json!({"message": format!("no {SECRET}, no token-1, password=hunter2"), "password": "hunter2"}).to_string();
    let world = world(move |n, _| reply([400, 403, 404, 409, 500][n % 5], &said)).await;
    let mut shown = format!("{:?}", settings());
    for _ in 0..5 {
        let error = world.patch().await.unwrap_err();
        write!(shown, "{error} {error:?}").unwrap();
    }
    for (_, request) in world.fake.sent.lock().unwrap().iter() {
        write!(shown, "{request:?} {:?}", request.headers).unwrap();
    }
    write!(shown, "{:?}", reply(200, SECRET)).unwrap();
    for canary in [SECRET, "token-1", "hunter2"] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
    assert!(shown.contains("***"));
}
