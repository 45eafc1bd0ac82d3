//! The HTTP face over real sockets: what it shows of a snapshot made by hand, and how it takes orders.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's own code may fail the test")]

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkwarden::calls::Outcome;
use trunkwarden::clock::Clock;
use trunkwarden::counters::Counters;
use trunkwarden::http::{
    Access, App, AuditSource, CheckpointSource, CheckpointView, Reads, bind_control, serve_control, serve_tcp,
};
use trunkwarden::journal::{Filter, Page};
use trunkwarden::platform::{BudgetReading, RequestEvent};
use trunkwarden::policy::{
    CandidateReport, ChannelId, ChannelKey, ChannelReport, Codec, CodecTrialReport, Explanation, Health,
    HoldDownReport, Ineligible, Mode, Order, ProbationReport, Quality, QualityWatch, Reason, Refusal, RefutedReport,
    TenantReport, TenantState, Time, WallMs,
};
use trunkwarden::snapshot::{ReferenceReading, Snapshot, SnapshotCell, TenantSnapshot};
use trunkwarden::supervisor::{Liveness, OrderError, OrderRequest, Orders};

#[path = "http/docs.rs"]
mod docs;
#[path = "http/doors.rs"]
mod doors;

const TOKEN: &str = "correct horse battery staple";

fn report(tenant: &str, id: &str, health: Health) -> ChannelReport {
    ChannelReport {
        key: ChannelKey::new(tenant, id),
        configured: true,
        policy: "default".to_owned(),
        mode: Mode::Enforce,
        health,
        status: Some("healthy".to_owned()),
        missing: false,
        bad_looks: 0,
        good_looks: 4,
        // Later than any moment of the test: its ages stand still.
        as_of: Time::new(Duration::from_hours(24)),
        evidence_age: Some(Duration::from_millis(1500)),
        health_for: Duration::from_secs(125),
        route: Some(ChannelId::from(id)),
        failed_over: false,
        route_foreign: false,
        quality: None,
        samples_rejected: 0,
        codecs: vec![Codec { name: "OPUS".to_owned(), priority: 1 }, Codec { name: "PCMU".to_owned(), priority: 2 }],
        in_flight: None,
        blocked_for: None,
        proposal_left: None,
        maintenance: None,
        held: None,
        no_candidate: false,
        reason: Reason::Fine,
        reason_text: "nothing is wrong".to_owned(),
        candidates: Vec::new(),
        explanation: Explanation { fresh: true, ..Explanation::default() },
    }
}

fn quality(score: f64) -> Quality {
    Quality {
        score,
        baseline: Some(96.5),
        latency_ms: 41.0,
        jitter_ms: 4.5,
        packet_loss_pct: 0.5,
        r_factor: 88.0,
        mos: 4.21,
        samples: 5,
    }
}

fn watched() -> QualityWatch {
    QualityWatch {
        degraded: Some(5.0),
        low: None,
        trial: Some(CodecTrialReport {
            from: "PCMU".to_owned(),
            to: "OPUS".to_owned(),
            before: 70.0,
            predicted: 82.0,
            worse_at: 67.5,
            state: "measuring",
            measured: None,
            left: Some(Duration::from_mins(3)),
        }),
        refuted: vec![RefutedReport {
            to: "G729".to_owned(),
            before: 70.0,
            measured: 61.0,
            left: Duration::from_mins(40),
        }],
        probation: Some(ProbationReport {
            backup: "ch-0001".into(),
            left_behind: 44.0,
            worse_at: 34.0,
            measured: Some(60.0),
            left: Duration::from_mins(4),
            found_worse: false,
        }),
    }
}

fn candidate(id: &str, score: Option<f64>, against: Option<(Ineligible, &str)>) -> CandidateReport {
    let (against, text) = against.map(|(why, text)| (why, text.to_owned())).unzip();
    CandidateReport { channel: id.into(), eligible: against.is_none(), against, against_text: text, score }
}

fn tenant(state: TenantState, clock_skew_ms: Option<i64>) -> TenantSnapshot {
    TenantSnapshot {
        paused_until: None,
        report: TenantReport {
            state,
            paused: false,
            paused_left: None,
            channels: 3,
            mass_hold: false,
            in_flight: 0,
            actions_last_hour: 2,
            up: 2,
            credentials_lost: vec!["ch-0009".into()],
        },
        budget: BudgetReading { configured: 60, limit: 45, looks: 45, available: 17, waiting: 0 },
        effective_interval: Duration::from_millis(30_500),
        clock_skew_ms,
        not_authorised: None,
    }
}

/// `acme` has a channel moved away, one that carries it, and one with a strange id; `blind` cannot be seen.
fn snapshot() -> Snapshot {
    let mut down = report("acme", "ch-0001", Health::Down);
    down.route = Some(ChannelId::from("ch-0002"));
    down.failed_over = true;
    down.blocked_for = Some(Duration::from_secs(590));
    down.explanation.hold_down =
        Some(HoldDownReport { penalty: 1.5, half_life: Duration::from_mins(30), ceiling: 8.0, reuse: None });
    down.reason_text = "moved to ch-0002: ch-0001 is down".into();
    let itself = Some((Ineligible::Itself, "it is the channel itself"));
    down.candidates = vec![candidate("ch-0002", Some(91.5), None), candidate("ch-0001", None, itself)];
    let mut up = report("acme", "ch-0002", Health::Up);
    up.quality = Some(quality(91.5));
    up.explanation.quality = watched();
    let mut odd = report("acme", "eu/west <1>&\"x\"", Health::Degraded);
    odd.held = Some("mass_change");
    odd.reason_text = "<script>alert('1')</script>".into();
    let mut lost = report("blind", "ch-0001", Health::Unknown);
    (lost.no_candidate, lost.missing) = (true, true);
    Snapshot {
        taken_at: WallMs(1_795_251_300_000),
        version: 7,
        mode: Mode::Enforce,
        paused: false,
        paused_until: None,
        references: vec![ReferenceReading { target: "192.0.2.1:443".to_owned(), up: true, known: true }],
        journal_writable: true,
        unaccepted: None,
        orphans_resolved: true,
        tenants: BTreeMap::from([
            ("acme".into(), tenant(TenantState::Seen, Some(-1250))),
            ("blind".into(), tenant(TenantState::Blind, None)),
        ]),
        channels: [down, up, odd, lost].into_iter().map(|r| (r.key.clone(), Arc::new(r))).collect(),
        config_loaded_at: WallMs(1_795_251_000_000),
        config_ok: true,
    }
}

type Given = Arc<Mutex<Vec<(Order, String)>>>;
type Asked = Arc<Mutex<Vec<Filter>>>;

/// A daemon's face without the daemon: orders are noted down and answered, entries are made up.
struct World {
    app: App,
    base: String,
    given: Given,
    asked: Asked,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    client: Client,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut App)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (orders, receiver) = Orders::channel();
        let (given, asked) = (Given::default(), Asked::default());
        tokio::spawn(driver(receiver, Arc::clone(&given)));
        let counters = exercised();
        let mut app = App {
            snapshot: SnapshotCell::default(),
            access: Access::new(&counters, &Clock::system()).with_token(TOKEN.to_owned().into()),
            counters,
            liveness: Liveness::default(),
            clock: Clock::system(),
            orders,
            provisioning: None,
            switchboard: None,
            audit: Some(entries(Arc::clone(&asked))),
            checkpoint: Some(Arc::new(|| Ok(Some(checkpoint())))),
            accept: None,
            delivery: None,
            reads: Reads::default(),
        };
        app.snapshot.publish(snapshot());
        app.liveness.beat(app.clock.now());
        change(&mut app);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve_tcp(listener, Arc::new(app.clone()), shutdown.clone()));
        let client = Client::builder().no_proxy().no_gzip().build().unwrap();
        Self { app, base, given, asked, shutdown, server, client }
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    /// Status and body.
    async fn json(&self, path: &str) -> (u16, Value) {
        let answer = self.get(path).await;
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// Status and body.
    async fn post(&self, path: &str, token: Option<&str>, body: &str) -> (u16, Value) {
        let mut request = self.client.post(format!("{}{path}", self.base)).body(body.to_owned());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

fn checkpoint() -> CheckpointView {
    CheckpointView {
        origin: "log.example/audit".to_owned(),
        size: 7,
        root: "cm9vdA==".to_owned(),
        note: "a note\n".to_owned(),
        keys: vec!["log.example/audit+00000000+AQ==".to_owned()],
    }
}

#[tokio::test]
async fn the_newest_checkpoint_is_there_for_whoever_keeps_it_elsewhere() {
    let (status, body) = World::new().await.json("/api/v1/audit/checkpoint").await;
    assert_eq!((status, &body), (200, &serde_json::to_value(checkpoint()).unwrap()));
    for (source, want) in [
        (Some(Arc::new(|| Ok(None)) as CheckpointSource), (404, "no_checkpoint")),
        (Some(Arc::new(|| Err("it is gone".to_owned()))), (503, "audit_unreadable")),
        (None, (503, "no_journal")),
    ] {
        let (status, body) = World::with(|app| app.checkpoint = source).await.json("/api/v1/audit/checkpoint").await;
        assert_eq!((status, body["error"]["code"].as_str().unwrap()), want);
    }
}

async fn driver(mut receiver: tokio::sync::mpsc::Receiver<OrderRequest>, given: Given) {
    while let Some(request) = receiver.recv().await {
        let answer = match &request.order {
            Order::Pause { tenant: Some(t) } if t.as_str() == "nobody" => {
                Err(OrderError::Refused(Refusal::UnknownTenant(t.clone())))
            }
            Order::Acknowledge { channel } | Order::Failover { channel, .. }
                if channel.channel.as_str() == "ch-9999" =>
            {
                Err(OrderError::Refused(Refusal::UnknownChannel(channel.clone())))
            }
            Order::Acknowledge { channel } if channel.channel.as_str() == "ch-0003" => {
                Err(OrderError::Refused(Refusal::NothingToDo("nothing is blocked".to_owned())))
            }
            Order::Pause { tenant: Some(t) } if t.as_str() == "full" => Err(OrderError::NotOnDisk),
            Order::Resume { tenant: Some(t) } if t.as_str() == "full" => Err(OrderError::Unwritten("full".to_owned())),
            _ => Ok(()),
        };
        given.lock().unwrap().push((request.order, request.who));
        let _ = request.reply.send(answer);
    }
}

fn entries(asked: Asked) -> AuditSource {
    Arc::new(move |query: Filter, _| {
        asked.lock().unwrap().push(query);
        let entry = json!({"seq": 41, "timestamp": "2026-11-21T08:55:00.000Z", "event_type": "failover.completed",
            "tenant": "acme", "channel_id": "ch-0001", "actor": "engine", "reason": "<b>moved</b>"});
        Ok(Page { entries: vec![entry], next: Some(41) })
    })
}

/// Counters of which every family has a series.
fn exercised() -> Counters {
    let counters = Counters::new();
    counters.poll("acme", "ok", Duration::from_millis(20));
    let event = RequestEvent { endpoint: "channel", code: "200".to_owned(), took: Duration::from_millis(20) };
    counters.request("acme", &event);
    counters.action("acme", "failover", "applied");
    counters.action_latency("acme", Duration::from_millis(7));
    counters.journal_entries(12);
    counters.observations_dropped(0);
    counters.config_reload(true, WallMs(1_795_251_000_000));
    counters.loop_lag(Duration::from_micros(300));
    counters.tenant("acme");
    counters.malformed("acme", trunkwarden::platform::Malformed::Answer, 1);
    counters.provision("acme", "created");
    counters.provision_drift("acme", "trunk-west", true);
    let made = Outcome::Completed { bridge_id: None, read_back: false };
    counters.bridges().ended(Clock::system().now(), "acme", made.label(), Duration::from_millis(300));
    counters.bridges().rescue("acme", "completed");
    counters.bridges().rescue_over("acme", "ended");
    let meters = trunkwarden::delivery::Meters::new(&counters);
    meters.attempt("nms", "delivered", 1);
    meters.took("nms", Duration::from_millis(20));
    meters.refused("nms", false);
    let waiting = trunkwarden::journal::SinkState {
        name: "nms".to_owned(),
        subscribed: true,
        max_pending: 10,
        pending: 2,
        dead: 1,
        given_up: 0,
        oldest_at: Some(WallMs(1_795_251_000_000)),
        error: None,
    };
    meters.waiting(&[waiting], WallMs(1_795_251_300_000));
    counters
}

fn code(body: &Value) -> &str {
    body.pointer("/error/code").and_then(Value::as_str).unwrap_or("(no code)")
}

#[tokio::test]
async fn health_follows_the_loop_and_readiness_the_journal() {
    let world = World::new().await;
    assert_eq!(world.json("/healthz").await.1["status"], "ok");
    assert_eq!(world.json("/readyz").await, (200, json!({"ready": true, "reasons": []})));

    world.app.snapshot.publish(Snapshot { journal_writable: false, orphans_resolved: false, ..snapshot() });
    let (status, body) = world.json("/healthz").await;
    assert_eq!((status, &body["status"]), (200, &json!("degraded")));
    let (status, body) = world.json("/readyz").await;
    assert_eq!((status, body["reasons"].as_array().map(Vec::len)), (503, Some(2)), "{body}");
}

#[tokio::test]
async fn health_fails_where_the_loop_is_late() {
    let world = World::with(|app| app.clock = Clock::virtual_from(WallMs(0))).await;
    world.app.liveness.beat(world.app.clock.now());
    assert_eq!(world.json("/healthz").await.0, 200);
    tokio::time::pause();
    tokio::time::advance(Liveness::LATE_AFTER + Duration::from_secs(1)).await;
    tokio::time::resume();
    let (status, body) = world.json("/healthz").await;
    assert_eq!((status, &body["status"]), (503, &json!("late")));
}

#[tokio::test]
async fn before_the_first_snapshot_it_lives_and_is_not_ready() {
    let world = World::with(|app| app.snapshot = SnapshotCell::default()).await;
    assert_eq!(world.json("/healthz").await.0, 200);
    let (status, body) = world.json("/readyz").await;
    assert_eq!(status, 503);
    assert!(body["reasons"][0].as_str().unwrap().contains("starting"), "{body}");
    assert!(world.text("/").await.contains("no channel has been looked at yet"));
}

#[tokio::test]
async fn channels_are_paged_to_the_end() {
    let world = World::new().await;
    let (mut seen, mut path) = (Vec::new(), "/api/v1/channels?limit=1".to_owned());
    for _ in 0..10 {
        let (_, page) = world.json(&path).await;
        seen.extend(page["channels"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/channels?limit=1&after={}", next.replace('%', "%25").replace('/', "%2F"));
    }
    assert_eq!(seen, ["ch-0001", "ch-0002", "eu/west <1>&\"x\"", "ch-0001"]);
}

#[tokio::test]
async fn channels_are_filtered_and_told_in_seconds() {
    let world = World::new().await;
    let (_, page) = world.json("/api/v1/channels?tenant=acme&health=down").await;
    assert_eq!((page["channels"].as_array().unwrap().len(), &page["next"]), (1, &Value::Null));
    let only = &page["channels"][0];
    assert_eq!((&only["health"], &only["route"]), (&json!("down"), &json!("ch-0002")));
    assert_eq!((&only["blocked_for_seconds"], &only["evidence_age_seconds"]), (&json!(590.0), &json!(1.5)));
}

#[tokio::test]
async fn a_channel_shows_why_each_candidate_is_or_is_not_eligible() {
    let world = World::new().await;
    let (status, body) = world.json("/api/v1/channels/acme/ch-0001").await;
    assert_eq!((status, &body["reason"]), (200, &json!("moved to ch-0002: ch-0001 is down")));
    let fit = json!({"id": "ch-0002", "eligible": true, "against": null, "against_detail": null, "score": 91.5});
    assert_eq!(body["candidates"][0], fit);
    assert_eq!(body["candidates"][1]["against"], "it is the channel itself");
    assert_eq!(body["codecs"][0], json!({"name": "OPUS", "priority": 1}));

    let (status, body) = world.json("/api/v1/channels/acme/eu%2Fwest%20%3C1%3E%26%22x%22").await;
    assert_eq!((status, &body["held"]), (200, &json!("mass_change")));
    let (status, body) = world.json("/api/v1/channels/acme/ch-9").await;
    assert_eq!((status, code(&body)), (404, "no_such_channel"));
}

#[tokio::test]
async fn a_channel_shows_its_usual_score_and_what_is_on_trial() {
    let world = World::new().await;
    let (_, body) = world.json("/api/v1/channels/acme/ch-0002").await;
    assert_eq!((&body["quality"]["score"], &body["quality"]["baseline"]), (&json!(91.5), &json!(96.5)));
    let watched = json!({
        "degraded_points": 5.0,
        "low": null,
        "codec_trial": {"from": "PCMU", "to": "OPUS", "before": 70.0, "predicted": 82.0, "worse_at": 67.5,
            "state": "measuring", "measured": null, "left_seconds": 180.0},
        "refuted": [{"codec": "G729", "before": 70.0, "measured": 61.0, "left_seconds": 2400.0}],
        "probation": {"backup": "ch-0001", "left_behind": 44.0, "worse_at": 34.0, "measured": 60.0, "left_seconds": 240.0,
                      "found_worse": false},
    });
    assert_eq!(body["explanation"]["quality"], watched);
    let page = world.get("/").await.text().await.unwrap();
    for tag in ["5.0 below its usual score", "codec OPUS on trial", "ch-0001 on probation"] {
        assert!(page.contains(tag), "{tag}");
    }
}

#[tokio::test]
async fn tenants_show_budget_interval_and_skew_in_seconds() {
    let world = World::new().await;
    let (_, body) = world.json("/api/v1/tenants").await;
    assert_eq!(body["daemon"]["mode"], "enforce");
    let (acme, blind) = (&body["tenants"][0], &body["tenants"][1]);
    assert_eq!((&acme["effective_interval_seconds"], &acme["clock_skew_seconds"]), (&json!(30.5), &json!(-1.25)));
    assert_eq!((&acme["budget_limit_per_minute"], &acme["budget_available"]), (&json!(45), &json!(17)));
    assert_eq!((&blind["state"], &blind["clock_skew_seconds"]), (&json!("blind"), &Value::Null));
}

#[tokio::test]
async fn the_audit_log_is_asked_for_what_the_query_says() {
    let world = World::new().await;
    let path = "/api/v1/audit?tenant=acme&channel=ch-0001&event_type=failover.completed&limit=5&before=99\
                &since=2026-11-21T08:00:00Z&until=2026-11-21T09:00:00Z";
    let (status, body) = world.json(path).await;
    assert_eq!((status, &body["entries"][0]["seq"], &body["next"]), (200, &json!(41), &json!(41)));
    let at = |text: &str| Some(WallMs(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()));
    let expected = Filter {
        tenant: Some("acme".to_owned()),
        channel_id: Some("ch-0001".to_owned()),
        event_type: Some("failover.completed".to_owned()),
        before_seq: Some(99),
        since: at("2026-11-21T08:00:00Z"),
        until: at("2026-11-21T09:00:00Z"),
        limit: 5,
    };
    assert_eq!(*world.asked.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_bad_query_is_refused_with_the_parameters_name() {
    let world = World::new().await;
    for (path, name) in [
        ("/api/v1/channels?limit=0", "limit"),
        ("/api/v1/channels?limit=1001", "limit"),
        ("/api/v1/channels?health=sick", "health"),
        ("/api/v1/channels?after=x", "after"),
        ("/api/v1/channels?tenants=acme", "tenants"),
        ("/api/v1/channels?limit=1&limit=2", "limit"),
        ("/api/v1/audit?since=yesterday", "since"),
        ("/api/v1/audit?since=2026-11-21T09:00:00Z&until=2026-11-21T08:00:00Z", "until"),
        ("/api/v1/audit?before=-1", "before"),
        ("/?health=sick", "health"),
        ("/api/v1/tenants?tenant=acme", "tenant"),
        ("/api/v1/channels/acme/ch-0001?full=1", "full"),
        ("/api/v1/provisioning?tenant=acme", "tenant"),
        ("/api/v1/provisioning/runs/run-1?wait=1", "wait"),
        ("/api/v1/audit/checkpoint?origin=x", "origin"),
    ] {
        let (status, body) = world.json(path).await;
        assert_eq!((status, code(&body)), (400, "bad_query"), "{path}");
        assert!(body["error"]["message"].as_str().unwrap().contains(&format!("`{name}`")), "{path}: {body}");
    }
    assert!(world.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_answered_is_told_in_json() {
    let world = World::with(|app| app.audit = Some(Arc::new(|_, _| Err("the disk is gone".to_owned())))).await;
    for (path, expected) in [
        ("/nowhere", (404, "no_such_path")),
        ("/api/v1/pause", (405, "method_not_allowed")),
        ("/api/v1/audit", (503, "audit_unreadable")),
        ("/api/v1/channels/acme/%FF", (400, "bad_path")),
        ("/api/v1/channels?tenant=nobody", (404, "no_such_tenant")),
        ("/?tenant=nobody", (404, "no_such_tenant")),
        ("/live?tenant=nobody", (404, "no_such_tenant")),
    ] {
        let (status, body) = world.json(path).await;
        assert_eq!((status, code(&body)), expected, "{path}");
    }
    let (status, body) = world.post("/api/v1/tenants", None, "").await;
    assert_eq!((status, code(&body)), (405, "method_not_allowed"));
    assert!(world.text("/").await.contains("the disk is gone"));
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_answer_only() {
    let world = World::with(|app| app.audit = Some(Arc::new(|_, _| panic!("on purpose")))).await;
    let (status, body) = world.json("/api/v1/audit").await;
    assert_eq!((status, code(&body)), (500, "internal"));
    assert_eq!(world.json("/healthz").await.0, 200);
}

#[tokio::test]
async fn writes_over_tcp_need_the_operators_token() {
    let world = World::new().await;
    for token in [None, Some(""), Some("wrong"), Some("correct horse battery stapl")] {
        let (status, body) = world.post("/api/v1/pause", token, "").await;
        assert_eq!((status, code(&body)), (401, "unauthorised"), "{token:?}");
    }
    assert!(world.given.lock().unwrap().is_empty());
    assert_eq!(world.post("/api/v1/pause", Some(TOKEN), "").await.0, 200);
    assert_eq!(*world.given.lock().unwrap(), [(Order::Pause { tenant: None }, "token".to_owned())]);
}

const WRITES: [(&str, &str); 11] = [
    ("/api/v1/pause", r#"{"tenant": "acme"}"#),
    ("/api/v1/resume", "{}"),
    ("/api/v1/tenants/acme/approve", ""),
    ("/api/v1/channels/acme/eu%2Fwest/approve", ""),
    ("/api/v1/channels/acme/ch-0001/acknowledge", ""),
    ("/api/v1/pause", r#"{"tenant": "acme", "for_seconds": 7200}"#),
    ("/api/v1/channels/acme/ch-0001/failover", r#"{"to": "ch-0002"}"#),
    ("/api/v1/channels/acme/ch-0001/failover", r#"{"to": "ch-0002", "force": true}"#),
    ("/api/v1/channels/acme/ch-0001/failback", ""),
    ("/api/v1/channels/acme/ch-0001/maintenance", r#"{"for_seconds": 5400, "reason": "new card"}"#),
    ("/api/v1/channels/acme/ch-0001/maintenance/end", ""),
];

fn orders_of_writes() -> [Order; 11] {
    let (channel, to) = (ChannelKey::new("acme", "ch-0001"), ChannelId::from("ch-0002"));
    [
        Order::Pause { tenant: Some("acme".into()) },
        Order::Resume { tenant: None },
        Order::ApproveMass { tenant: "acme".into() },
        Order::Approve { channel: ChannelKey::new("acme", "eu/west") },
        Order::Acknowledge { channel: channel.clone() },
        Order::PauseFor { tenant: Some("acme".into()), lasts: Duration::from_hours(2) },
        Order::Failover { channel: channel.clone(), to: to.clone(), force: false },
        Order::Failover { channel: channel.clone(), to, force: true },
        Order::Failback { channel: channel.clone(), force: false },
        Order::StartMaintenance {
            channel: channel.clone(),
            lasts: Duration::from_mins(90),
            reason: "new card".to_owned(),
        },
        Order::EndMaintenance { channel },
    ]
}

#[tokio::test]
async fn without_a_configured_token_every_write_over_tcp_is_refused() {
    let world = World::with(|app| app.access = Access::new(&app.counters, &app.clock)).await;
    for (path, body) in WRITES {
        let (status, answer) = world.post(path, Some(TOKEN), body).await;
        assert_eq!((status, code(&answer)), (403, "writes_refused"), "{path}");
    }
    assert!(world.given.lock().unwrap().is_empty());
}

#[tokio::test]
async fn each_write_becomes_its_order() {
    let world = World::new().await;
    for (path, body) in WRITES {
        assert_eq!(world.post(path, Some(TOKEN), body).await.0, 200, "{path}");
    }
    let orders: Vec<Order> = world.given.lock().unwrap().iter().map(|(order, _)| order.clone()).collect();
    assert_eq!(orders, orders_of_writes());
}

#[tokio::test]
async fn an_order_that_cannot_be_taken_says_why() {
    let world = World::new().await;
    let (status, body) = world.post("/api/v1/pause", Some(TOKEN), r#"{"tenant": "nobody"}"#).await;
    assert_eq!((status, code(&body)), (404, "no_such_tenant"));
    assert_eq!(body["error"]["message"], "no tenant `nobody` is configured");
    for (channel, want) in [("ch-9999", (404, "no_such_channel")), ("ch-0003", (409, "refused"))] {
        let (status, body) = world.post(&format!("/api/v1/channels/acme/{channel}/acknowledge"), Some(TOKEN), "").await;
        assert_eq!((status, code(&body)), want, "{body}");
    }
    for (path, words) in [("pause", "in force, but not on disk"), ("resume", "nothing was changed")] {
        let (status, body) = world.post(&format!("/api/v1/{path}"), Some(TOKEN), r#"{"tenant": "full"}"#).await;
        assert_eq!((status, code(&body)), (503, "not_on_disk"));
        assert!(body["error"]["message"].as_str().unwrap().starts_with(words), "{body}");
    }
    for body in ["[1", r#"{"tenants": "acme"}"#, "\"acme\""] {
        let (status, answer) = world.post("/api/v1/pause", Some(TOKEN), body).await;
        assert_eq!((status, code(&answer)), (400, "bad_body"), "{body}");
    }
    for body in ["", "{}", r#"{"to": 7}"#, r#"{"to": "b", "forced": true}"#] {
        let (status, answer) = world.post("/api/v1/channels/acme/ch-0001/failover", Some(TOKEN), body).await;
        assert_eq!((status, code(&answer)), (400, "bad_body"), "{body}");
    }
    for seconds in ["0", "-1", "31536001", "1.5"] {
        let (status, answer) =
            world.post("/api/v1/pause", Some(TOKEN), &format!(r#"{{"for_seconds": {seconds}}}"#)).await;
        assert_eq!((status, code(&answer)), (400, "bad_body"), "{seconds}");
    }
    let (status, answer) = world.post("/api/v1/pause", Some(TOKEN), &"x".repeat(70_000)).await;
    assert_eq!((status, code(&answer)), (413, "body_too_large"));

    let stopping = World::with(|app| app.orders = Orders::channel().0).await;
    let (status, answer) = stopping.post("/api/v1/pause", Some(TOKEN), "").await;
    assert_eq!((status, code(&answer)), (503, "stopping"));
}

#[tokio::test]
async fn an_order_takes_no_parameters_and_no_body_that_it_does_not_know() {
    let world = World::new().await;
    for path in [
        "/api/v1/resume?tenant=acme",
        "/api/v1/pause?for_seconds=60",
        "/api/v1/outbox/drop?all=false",
        "/api/v1/provisioning/apply?tenant=acme",
        "/api/v1/audit/accept?why=x",
        "/api/v1/channels/acme/ch-0001/failover?force=true",
        "/api/v1/channels/acme/ch-0001/maintenance?for_seconds=60",
        "/api/v1/tenants/acme/calls/c-1/bridge?leg=x",
    ] {
        let (status, body) = world.post(path, Some(TOKEN), "").await;
        assert_eq!((status, code(&body)), (400, "bad_query"), "{path}");
        assert_eq!(world.post(path, None, "").await.0, 401, "{path}: who may not ask is told nothing");
    }
    for path in [
        "/api/v1/audit/accept",
        "/api/v1/tenants/acme/approve",
        "/api/v1/channels/acme/ch-0001/approve",
        "/api/v1/channels/acme/ch-0001/acknowledge",
        "/api/v1/channels/acme/ch-0001/maintenance/end",
    ] {
        for body in ["xx", r#"{"force": true}"#, "[]"] {
            let (status, answer) = world.post(path, Some(TOKEN), body).await;
            assert_eq!((status, code(&answer)), (400, "bad_body"), "{path} {body}");
        }
        let (status, answer) = world.post(path, Some(TOKEN), &"x".repeat(70_000)).await;
        assert_eq!((status, code(&answer)), (413, "body_too_large"), "{path}");
    }
    assert!(world.given.lock().unwrap().is_empty(), "nothing was ordered");
    assert_eq!(world.post("/api/v1/channels/acme/ch-0001/approve", Some(TOKEN), "{}").await.0, 200);
    assert_eq!(world.post("/api/v1/resume?", Some(TOKEN), "").await.0, 200);
    // What looks after us may add what it likes.
    for path in ["/healthz?at=1", "/readyz?at=1", "/metrics?name=x", "/assets/page.css?v=1"] {
        assert_eq!(world.get(path).await.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_question_without_an_answer_is_no_order() {
    let (answer, waits) = std::sync::mpsc::channel::<()>();
    let waits = std::sync::Mutex::new(waits);
    let silent: CheckpointSource = Arc::new(move || {
        let _ = waits.lock().unwrap().recv();
        Ok(None)
    });
    let world = World::with(|app| app.checkpoint = Some(silent)).await;
    let (status, body) = world.json("/api/v1/audit/checkpoint").await;
    assert_eq!((status, code(&body)), (504, "timeout"));
    assert!(!body.to_string().contains("order"), "{body}");
    drop(answer);
}

#[tokio::test]
async fn an_order_without_an_answer_is_an_unknown_outcome() {
    let (orders, mut receiver) = Orders::channel();
    let world = World::with(|app| app.orders = orders).await;
    let request = world.client.post(format!("{}/api/v1/pause", world.base)).bearer_auth(TOKEN);
    let answer = tokio::spawn(request.send());
    let _kept_waiting = receiver.recv().await.unwrap();
    tokio::time::pause();
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    let body: Value = answer.json().await.unwrap();
    assert!(body["error"]["message"].as_str().unwrap().contains("may have been taken"), "{body}");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let world = World::new().await;
    for path in ["/", "/api/v1/tenants", "/nowhere", "/metrics", "/assets/page.js"] {
        let answer = world.get(path).await;
        let header = |name: &str| answer.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        let kept = [header("x-content-type-options"), header("x-frame-options"), header("cache-control")];
        let cache = if path.starts_with("/assets/") { "max-age=300" } else { "no-store" };
        assert_eq!(kept, ["nosniff", "DENY", cache], "{path}");
    }
}

#[tokio::test]
async fn the_page_escapes_what_the_platform_says_and_runs_nothing_inline() {
    let world = World::new().await;
    for path in ["/", "/live"] {
        let page = world.text(path).await;
        assert!(!page.contains("<script>") && !page.contains("<b>moved") && !page.contains("style="), "{page}");
        assert!(page.contains("alert(&#39;1&#39;)"), "{page}");
        assert!(page.contains("/api/v1/channels/acme/eu%2Fwest%20%3C1%3E%26%22x%22"), "{page}");
        assert!(page.contains("moved to ch-0002: ch-0001 is down") && page.contains("failover.completed"), "{page}");
    }
    assert!(!world.text("/?tenant=blind").await.contains("ch-0002"));
}

#[tokio::test]
async fn a_big_installation_shows_the_worst_channels_and_says_how_many_it_hides() {
    let world = World::new().await;
    let mut big = snapshot();
    for n in 0..2000 {
        let mut channel = report("acme", &format!("bulk-{n:04}"), Health::Up);
        channel.quality = Some(quality(95.0));
        big.channels.insert(channel.key.clone(), Arc::new(channel));
    }
    world.app.snapshot.publish(big);
    let page = world.text("/").await;
    assert!(page.contains("1\u{202f}504 are not shown"));
    assert_eq!(page.matches("<th scope=\"row\"><a ").count(), 500);
    let at = |text: &str| page.find(text).unwrap_or(usize::MAX);
    assert!(at("channels/blind/ch%2D0001") < at("channels/acme/ch%2D0001"), "nowhere to go comes before moved away");
    assert!(at("channels/acme/ch%2D0001") < at("bulk%2D0000"));
}

#[tokio::test]
async fn the_page_shows_what_is_down_above_all_that_is_up_and_says_when_it_shows_only_some() {
    let world = World::new().await;
    let mut all = snapshot();
    let mut held = report("acme", "held", Health::Up);
    (held.held, held.failed_over, held.missing) = (Some("mass_change"), true, true);
    for channel in [held, report("acme", "gone", Health::Down)] {
        all.channels.insert(channel.key.clone(), Arc::new(channel));
    }
    world.app.snapshot.publish(all);
    let page = world.text("/?tenant=acme").await;
    let at = |text: &str| page.find(text).unwrap_or(usize::MAX);
    assert!(at("channels/acme/gone") < at("channels/acme/held"), "{page}");
    assert!(page.contains(" match, worst first.") && !page.contains("in all"), "{page}");
    assert!(world.text("/").await.contains(" in all, worst first."));
}

/// Type and help of every family, by name.
fn families(text: &str) -> BTreeMap<String, (String, String)> {
    let mut families: BTreeMap<String, (String, String)> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => help.clone_into(&mut families.entry(name.to_owned()).or_default().1),
            ["#", "TYPE", name, kind] => kind.clone_into(&mut families.entry(name.to_owned()).or_default().0),
            _ => {}
        }
    }
    families
}

const OWN: &[&str] = &[
    "action_latency_seconds",
    "actions_held",
    "actions_total",
    "audit_checkpoint_entries",
    "audit_checkpoint_timestamp_seconds",
    "audit_unaccepted",
    "bridge_duration_seconds",
    "bridge_success_ratio",
    "bridges_total",
    "build_info",
    "channel_blocked_seconds",
    "channel_failed_over",
    "channel_health",
    "channel_hold_down_penalty",
    "channel_jitter_seconds",
    "channel_latency_seconds",
    "channel_maintenance",
    "channel_packet_loss_ratio",
    "channel_quality_baseline",
    "channel_quality_score",
    "clock_skew_seconds",
    "config_last_reload_success_timestamp_seconds",
    "config_last_reload_successful",
    "credentials_lost",
    "dead_letters",
    "deliveries_total",
    "delivery_duration_seconds",
    "effective_interval_seconds",
    "http_connections",
    "http_refused_total",
    "journal_entries_total",
    "journal_set_aside_total",
    "journal_writable",
    "log_lines_dropped_total",
    "loop_lag_seconds",
    "malformed_total",
    "network_up",
    "no_candidate",
    "observations_dropped_total",
    "other_controllers_total",
    "outbox_given_up_total",
    "outbox_oldest_seconds",
    "outbox_pending",
    "outbox_refused",
    "outbox_sink_removed",
    "paused",
    "platform_requests_total",
    "poll_duration_seconds",
    "polls_total",
    "provision_drift",
    "provisions_total",
    "reference_up",
    "request_budget_available",
    "rescued_calls_total",
    "rescues_total",
    "siblings_lost_total",
    "stranded_seconds",
    "tenant_blind",
    "tenant_mass_hold",
    "tenant_paused",
];

#[tokio::test]
async fn every_metric_keeps_the_naming_rules() {
    let world = World::new().await;
    let answer = world.get("/metrics").await;
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    let text = answer.text().await.unwrap();
    let families = families(&text);
    let own: Vec<&str> = families.keys().filter_map(|n| n.strip_prefix("trunkwarden_")).collect();
    assert_eq!(own, OWN);
    let not_base = ["_ms", "_milliseconds", "_minutes", "_percent", "_pct", "_kilobytes", "_count", "_sum", "_bucket"];
    for (name, (kind, help)) in &families {
        assert!(name.starts_with("trunkwarden_") || name.starts_with("process_"), "{name}: prefix");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}: characters");
        assert!(!not_base.iter().any(|unit| name.ends_with(unit)), "{name}: base units only");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}: counters, and they alone, end in _total");
        assert!(help.ends_with('.'), "{name}: help is a sentence");
        assert!(kind != "histogram" || name.ends_with("_seconds"), "{name}: unit");
    }
    assert!(families.contains_key("process_resident_memory_bytes"));
    promtool(&["check", "metrics"], Some(&text));
}

#[tokio::test]
async fn metrics_say_what_the_snapshot_says() {
    let world = World::new().await;
    let text = world.text("/metrics").await;
    for line in [
        r#"trunkwarden_channel_health{tenant="acme",channel="ch-0001",state="down"} 1"#,
        r#"trunkwarden_channel_health{tenant="acme",channel="ch-0001",state="up"} 0"#,
        r#"trunkwarden_channel_failed_over{tenant="acme",channel="ch-0001"} 1"#,
        r#"trunkwarden_channel_latency_seconds{tenant="acme",channel="ch-0002"} 0.041"#,
        r#"trunkwarden_channel_packet_loss_ratio{tenant="acme",channel="ch-0002"} 0.005"#,
        r#"trunkwarden_channel_health{tenant="acme",channel="eu/west <1>&\"x\"",state="degraded"} 1"#,
        r#"trunkwarden_actions_held{tenant="acme",why="mass_change"} 1"#,
        r#"trunkwarden_tenant_blind{tenant="blind"} 1"#,
        r#"trunkwarden_no_candidate{tenant="blind",channel="ch-0001"} 1"#,
        r#"trunkwarden_stranded_seconds{tenant="blind",channel="ch-0001",reason="no_candidate"} 125"#,
        r#"trunkwarden_clock_skew_seconds{tenant="acme"} -1.25"#,
        r#"trunkwarden_effective_interval_seconds{tenant="acme"} 30.5"#,
        r#"trunkwarden_request_budget_available{tenant="acme"} 17"#,
        r#"trunkwarden_channel_hold_down_penalty{tenant="acme",channel="ch-0001"} 1.5"#,
        r#"trunkwarden_channel_blocked_seconds{tenant="acme",channel="ch-0001"} 590"#,
        r#"trunkwarden_channel_maintenance{tenant="acme",channel="ch-0001"} 0"#,
        "trunkwarden_paused 0",
        "trunkwarden_network_up 1",
        r#"trunkwarden_reference_up{target="192.0.2.1:443"} 1"#,
        "trunkwarden_journal_writable 1",
        r#"trunkwarden_outbox_oldest_seconds{sink="nms"} 300"#,
        r#"trunkwarden_deliveries_total{result="delivered",sink="nms"} 1"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
    }
    // Without a value there is no series, never a zero.
    assert!(!text.contains(r#"trunkwarden_channel_quality_score{tenant="acme",channel="ch-0001"}"#));
    assert!(!text.contains(r#"trunkwarden_clock_skew_seconds{tenant="blind"}"#));

    let mut fewer = snapshot();
    fewer.channels.remove(&ChannelKey::new("acme", "ch-0002"));
    world.app.snapshot.publish(fewer);
    assert!(!world.text("/metrics").await.contains(r#"channel="ch-0002""#));
}

#[tokio::test]
async fn ten_thousand_channels_are_told_in_pieces_that_fit_together() {
    let world = World::new().await;
    let mut big = snapshot();
    for n in 0..10_000 {
        let mut channel = report("acme", &format!("bulk-{n:05}"), Health::Up);
        // Whole pieces of a family have no series, the first one included.
        channel.quality = (n % 3000 > 2300).then(|| quality(95.0));
        big.channels.insert(channel.key.clone(), Arc::new(channel));
    }
    big.channels.remove(&ChannelKey::new("acme", "ch-0002"));
    let scored = big.channels.values().filter(|c| c.quality.is_some()).count();
    world.app.snapshot.publish(big);
    let text = world.text("/metrics").await;
    let lines = |prefix: &str| text.lines().filter(|l| l.starts_with(prefix)).count();
    assert_eq!(lines("trunkwarden_channel_health{"), 4 * 10_003);
    assert_eq!(lines("trunkwarden_channel_quality_score{"), scored);
    assert_eq!(lines("trunkwarden_no_candidate{"), 10_003);
    assert_eq!(lines("# TYPE trunkwarden_channel_quality_score "), 1);
    assert_eq!(lines("# TYPE"), families(&text).len());
    promtool(&["check", "metrics"], Some(&text));
}

#[tokio::test]
async fn the_alert_rules_and_the_dashboard_name_metrics_that_exist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/prometheus");
    promtool(&["check", "rules", folder.join("alerts.yml").to_str().unwrap()], None);
    let tests = ["stranded.yml", "first_event.yml", "others.yml"].map(|name| folder.join("tests").join(name));
    let shown: String = tests.iter().map(|test| std::fs::read_to_string(test).unwrap()).collect();
    for test in &tests {
        promtool(&["test", "rules", test.to_str().unwrap()], None);
    }
    promtool(&["check", "config", folder.join("prometheus.yml").to_str().unwrap()], None);
    let world = World::new().await;
    let known = families(&world.text("/metrics").await);
    let rules = std::fs::read_to_string(folder.join("alerts.yml")).unwrap();
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(shown.contains(&format!("\"{alert}\"")), "{alert}: no test of config/prometheus/tests shows it fire");
    }
    let dashboard = std::fs::read_to_string(folder.join("../grafana/trunkwarden.json")).unwrap();
    serde_json::from_str::<Value>(&dashboard).unwrap();
    let both = rules + &dashboard;
    let words = both.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    for name in words.filter(|w| w.starts_with("trunkwarden_")) {
        let family = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(known.contains_key(family), "{name} is no metric of ours");
    }
}

/// Runs promtool where it is installed (Debian: `prometheus`).
fn promtool(arguments: &[&str], input: Option<&str>) {
    let mut command = Command::new("promtool");
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        println!("skipped: promtool is not installed");
        return;
    };
    child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "promtool {arguments:?}: {said}");
}

struct ControlSocket {
    world: World,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl ControlSocket {
    async fn new() -> Self {
        let world = World::new().await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let listener = bind_control(&path).unwrap();
        tokio::spawn(serve_control(listener, path.clone(), Arc::new(world.app.clone()), world.shutdown.clone()));
        Self { world, path, _folder: folder }
    }

    /// Exit code, standard output, standard error.
    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_trunkwarden"));
        let done = command.args(arguments).arg("--socket").arg(&self.path).output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
    }
}

#[tokio::test]
async fn the_command_line_gives_orders_as_its_user_without_a_token() {
    let control = ControlSocket::new().await;
    for arguments in [
        &["pause", "acme"][..],
        &["resume"],
        &["approve", "acme"],
        &["approve", "acme/eu/west"],
        &["acknowledge", "acme/ch-0001"],
        &["pause", "acme", "--for", "2h"],
        &["failover", "acme/ch-0001", "--to", "ch-0002"],
        &["failover", "acme/ch-0001", "--to", "ch-0002", "--force"],
        &["failback", "acme/ch-0001"],
        &["maintenance", "start", "acme/ch-0001", "--for", "90m", "--reason", "new card"],
        &["maintenance", "end", "acme/ch-0001"],
    ] {
        let (code, _, said) = control.run(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {said}");
    }
    let me = format!("uid:{}", rustix::process::getuid().as_raw());
    let given = control.world.given.lock().unwrap().clone();
    assert!(given.iter().all(|(_, who)| *who == me), "{given:?}");
    let orders: Vec<Order> = given.into_iter().map(|(order, _)| order).collect();
    assert_eq!(orders, orders_of_writes());
}

#[tokio::test]
async fn a_refused_order_ends_with_one_and_its_reason() {
    let control = ControlSocket::new().await;
    let (code, _, said) = control.run(&["pause", "nobody"]).await;
    assert_eq!((code, said.as_str()), (1, "trunkwarden: no tenant `nobody` is configured\n"));
    assert_eq!(control.run(&["acknowledge", "acme"]).await.0, 2);
    assert_eq!(control.run(&["failover", "acme/ch-0001"]).await.0, 2);
    assert_eq!(control.run(&["pause", "--for", "0s"]).await.0, 2);
    let (code, _, said) = control.run(&["pause", "--for", "-5m"]).await;
    assert!(code == 2 && said.contains("must be a whole number and a unit") && !said.contains("tip"), "{said}");
    let (code, _, said) = control.run(&["failover", "acme/ch-9999", "--to", "acme/ch-0002"]).await;
    assert!(code == 1 && said.ends_with("; --to takes the id alone, such as --to ch-0002\n"), "{said}");
}

#[tokio::test]
async fn a_daemon_that_hangs_has_given_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    // Nobody ever accepts.
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_trunkwarden"));
    let done = command.arg("status").arg("--socket").arg(&path).output().await.unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.code() == Some(1) && said.contains("gave no answer: none came within 15 s"), "{said}");
}

#[tokio::test]
async fn status_shows_every_channel_as_a_table_and_as_json() {
    let control = ControlSocket::new().await;
    let (code, said, _) = control.run(&["status"]).await;
    assert_eq!(code, 0);
    for expected in
        ["mode enforce", "acme/ch-0001", "-> ch-0002", "91.5", "BLIND", "moved to ch-0002", "held (mass change)"]
    {
        assert!(said.contains(expected), "{expected} is missing in\n{said}");
    }
    let (_, said, _) = control.run(&["status", "--json", "--tenant", "blind"]).await;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((said["channels"].as_array().unwrap().len(), &said["tenants"][0]["state"]), (1, &json!("blind")));
}

#[tokio::test]
async fn an_order_is_done_only_where_the_answer_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let listener = bind_control(&path).unwrap();
    let bodies = Arc::new(std::sync::Mutex::new(vec![r#"{"done": true}"#, r#"{"done": false}"#, "{}"]));
    let answers = axum::Router::new().fallback(move || {
        let body = bodies.lock().unwrap().pop().unwrap();
        async move { body }
    });
    tokio::spawn(async move { axum::serve(listener, answers).await });
    let mut codes = Vec::new();
    for _ in 0..3 {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_trunkwarden"));
        let done = command.args(["pause", "--socket"]).arg(&path).output().await.unwrap();
        codes.push((done.status.code().unwrap(), String::from_utf8(done.stderr).unwrap()));
    }
    assert_eq!(codes.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [3, 3, 0], "{codes:?}");
}

#[tokio::test]
async fn a_control_socket_that_was_taken_away_is_made_again() {
    let control = ControlSocket::new().await;
    std::fs::remove_file(&control.path).unwrap();
    let clock = Clock::system();
    while control.run(&["status"]).await.0 != 0 {
        assert!(clock.now().since_origin() < Duration::from_secs(30), "nobody answers");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(std::fs::read_dir(control.path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn status_without_a_daemon_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("trunkwarden.toml");
    // A mistake elsewhere in the file does not matter here.
    std::fs::write(&config, format!("[daemon]\nstate_dir = {:?}\nlissten = 7\n", folder.path())).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkwarden"));
    let done = command.arg("status").arg("--config").arg(&config).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    let socket = folder.path().join("control.sock");
    assert!(said.contains("not running") && said.contains(socket.to_str().unwrap()), "{said}");
    assert!(said.contains("if state_dir was edited while it runs") && said.contains("--socket"), "{said}");
    let done =
        Command::new(env!("CARGO_BIN_EXE_trunkwarden")).arg("status").arg("--socket").arg(socket).output().unwrap();
    assert!(!String::from_utf8(done.stderr).unwrap().contains("state_dir"), "a socket that was named is meant");
}

#[tokio::test]
async fn the_control_socket_is_private_and_taken_over_only_from_the_dead() {
    use std::os::unix::fs::PermissionsExt;
    let control = ControlSocket::new().await;
    let mode = std::fs::metadata(&control.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(bind_control(&control.path).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);

    let folder = tempfile::tempdir().unwrap();
    let stale = folder.path().join("control.sock");
    drop(bind_control(&stale).unwrap());
    assert!(stale.exists(), "a killed process leaves its socket");
    let _listener = bind_control(&stale).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");

    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(bind_control(&file).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test]
async fn answers_are_compressed_for_whoever_asks() {
    let world = World::new().await;
    let request = world.client.get(format!("{}/metrics", world.base)).header("accept-encoding", "gzip");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert!(answer.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]), "gzip's own mark");
}

#[tokio::test]
async fn connections_that_stay_open_do_not_hold_up_the_end() {
    let world = World::new().await;
    let address = world.base.trim_start_matches("http://").to_owned();
    // One that never says anything, one that never finishes its request, and an idle one.
    let silent = tokio::net::TcpStream::connect(&address).await.unwrap();
    let mut slow = tokio::net::TcpStream::connect(&address).await.unwrap();
    let unfinished = format!(
        "POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 10\r\n\r\n{{"
    );
    slow.write_all(unfinished.as_bytes()).await.unwrap();
    world.get("/healthz").await;
    tokio::time::pause();
    world.shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(7), world.server).await;
    ended.expect("it ends soon after the grace of 5 s").unwrap();
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest).await;
    assert!(world.given.lock().unwrap().is_empty(), "half an order is no order");
    drop(silent);
}

#[tokio::test]
async fn ages_go_on_after_the_report_was_made() {
    let world = World::new().await;
    let mut later = snapshot();
    let report = later.channels.values_mut().next().map(Arc::make_mut).unwrap();
    // The clock's origin: any request comes after it.
    report.as_of = Time::ZERO;
    world.app.snapshot.publish(later);
    let (_, page) = world.json("/api/v1/channels?limit=1").await;
    let channel = &page["channels"][0];
    assert!(channel["evidence_age_seconds"].as_f64().unwrap() > 1.5, "{channel}");
    assert!(channel["blocked_for_seconds"].as_f64().unwrap() < 590.0, "{channel}");
}
