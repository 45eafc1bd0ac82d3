//! The HTTP face over real sockets, its control API, and the transport without sockets.

use crate::world::{START, request, secs, unlimited};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkwarden::clock::Clock;
use trunkwarden::platform::{Transport, TransportError};
use trunkwarden::policy::WallMs;
use trunkwarden::sim::{FaultKind, InProcess, Incident, Model, Scenario, ServeError, serve};

struct Served {
    base: String,
    address: std::net::SocketAddr,
    model: Arc<Mutex<Model>>,
    http: reqwest::Client,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ServeError>>,
}

async fn served() -> Served {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut scenario = unlimited(Scenario::quiet(1, 3));
    scenario.options.latency = Duration::ZERO;
    let model = Arc::new(Mutex::new(Model::new(scenario)));
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, Arc::clone(&model), Clock::system(), stop.clone()));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    Served { base: format!("http://{address}"), address, model, http, stop, task }
}

impl Served {
    fn fault(&self, kind: FaultKind) {
        let incident = Incident::Fault { kind, lasts: secs(3600), paths: Vec::new() };
        self.model.lock().unwrap().apply(Duration::ZERO, incident).unwrap();
    }

    async fn control(&self, path: &str) -> Value {
        let text = self.http.get(format!("{}/control/{path}", self.base)).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    async fn order(&self, path: &str, body: &Value) -> (u16, String) {
        let request = self.http.post(format!("{}/control/{path}", self.base)).json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn get(&self, path: &str, token: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(token);
        request.header("accept", "application/json").send().await.unwrap()
    }

    async fn token(&self) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "cid"),
            ("client_secret", "secret"),
            ("scope", "channel:read channel:write"),
        ];
        let url = format!("{}/api/v2/oauth/token", self.base);
        let request = self.http.post(url).header("accept", "application/json").form(&form);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn the_platform_answers_over_http() {
    let served = served().await;
    let token = served.token().await;
    let response = served.get("/api/v2/channels/ch-0001", &token).await;
    assert_eq!(response.status(), 200);
    assert!(httpdate::parse_http_date(response.headers()["date"].to_str().unwrap()).is_ok());
    assert_eq!(response.json::<Value>().await.unwrap()["id"], "ch-0001");
    assert_eq!(served.get("/api/v2/nowhere", &token).await.status(), 404);
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_closed_connection_brings_not_one_byte() {
    let served = served().await;
    served.fault(FaultKind::Close);
    let mut line = TcpStream::connect(served.address).await.unwrap();
    line.write_all(b"GET /api/v2/channels HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    // The end of the stream, or a reset: both are what a client sees of a broken connection.
    let _ = line.read_to_end(&mut got).await;
    assert!(got.is_empty());
    let error = served.http.get(format!("{}/api/v2/channels", served.base)).send().await.unwrap_err();
    assert!(!error.is_timeout() && !error.is_connect());
}

#[tokio::test]
async fn a_hanging_request_is_held_until_the_face_ends() {
    let served = served().await;
    served.fault(FaultKind::Hang);
    let mut line = TcpStream::connect(served.address).await.unwrap();
    line.write_all(b"GET /api/v2/channels HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    while served.model.lock().unwrap().unanswered() == 0 {
        tokio::task::yield_now().await;
    }
    let mut byte = [0];
    let mut read = Box::pin(line.read(&mut byte));
    assert!(futures_util::poll!(&mut read).is_pending(), "nothing comes");
    assert!(!served.task.is_finished());
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
    assert!(matches!(read.await, Ok(0) | Err(_)), "and nothing ever came");
}

#[tokio::test]
async fn a_huge_answer_comes_whole_and_a_huge_request_is_refused() {
    let served = served().await;
    served.fault(FaultKind::Huge);
    let url = format!("{}/api/v2/channels", served.base);
    assert_eq!(served.http.get(&url).send().await.unwrap().bytes().await.unwrap().len(), 32 << 20);
    let request = served.http.post(&url).body(vec![b' '; (1 << 20) + 1]);
    // Refused, whether the status still reaches a client that goes on sending or not.
    assert!(request.send().await.map_or(true, |r| r.status() == 413));
    assert_eq!(served.model.lock().unwrap().requests_total(), 1);
}

#[tokio::test]
async fn the_control_api_steers_and_shows() {
    let served = served().await;
    let token = served.token().await;
    let sick = json!({"status": {"channel": "ch-0002", "is": "unhealthy"}});
    assert_eq!(served.order("incident", &sick).await.0, 204);
    let state = served.control("state").await;
    assert_eq!(
        state["channels"][1],
        json!({"id": "ch-0002", "status": "unhealthy", "primary": "ch-0002",
        "codecs": ["OPUS", "G729", "PCMU"], "version": 2})
    );
    assert!(!state.to_string().contains(trunkwarden::sim::CANARY));

    let (status, why) = served.order("incident", &json!({"status": {"channel": "nobody", "is": "x"}})).await;
    assert!(status == 400 && why.contains("nobody"), "{why}");
    let (status, why) = served.order("incident", &json!({"explode": {}})).await;
    assert!(status == 400 && why.contains("explode"), "{why}");

    served.get("/api/v2/channels/ch-0001", &token).await;
    let requests = served.control("requests").await["requests"].as_array().unwrap().clone();
    let paths: Vec<(&str, u64)> =
        requests.iter().map(|r| (r["path"].as_str().unwrap(), r["status"].as_u64().unwrap())).collect();
    assert_eq!(paths, [("/api/v2/oauth/token", 200), ("/api/v2/channels/ch-0001", 200)], "control is not counted");

    assert_eq!(served.order("reset", &json!({})).await.0, 204);
    assert_eq!(served.control("state").await["channels"][1]["status"], "healthy");
    assert_eq!(served.get("/api/v2/channels", &token).await.status(), 401, "tokens end too");
}

#[tokio::test]
async fn it_serves_on_loopback_only() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let model = Arc::new(Mutex::new(Model::new(Scenario::quiet(1, 1))));
    let error = serve(listener, model, Clock::system(), CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("not a loopback address"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_platform_does_late_what_it_is_asked() {
    let scenario = unlimited(Scenario::quiet(1, 2));
    let slow = serde_json::from_value(json!({"slow": {"latency": "8s", "for": "60s"}})).unwrap();
    let model = Arc::new(Mutex::new(Model::new(scenario.at(secs(10), slow))));
    let clock = Clock::virtual_from(WallMs(START));
    let transport = InProcess::new(Arc::clone(&model), clock.clone());
    let ask = || async {
        let before = clock.now();
        let mut request = request("GET", "/api/v2/channels", &[("accept", "application/json")], b"");
        request.timeout = secs(20);
        transport.send(request).await.unwrap();
        clock.now().since(before)
    };
    assert!(ask().await < secs(1));
    tokio::time::sleep(secs(10)).await;
    assert!((secs(4)..=secs(12)).contains(&ask().await));
    tokio::time::sleep(secs(60)).await;
    assert!(ask().await < secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_transport_keeps_the_models_time() {
    let mut scenario = unlimited(Scenario::quiet(1, 2));
    scenario.options.latency = secs(2);
    let scenario = scenario
        .at(secs(100), Incident::Fault { kind: FaultKind::Hang, lasts: secs(50), paths: Vec::new() })
        .at(secs(200), Incident::Fault { kind: FaultKind::Close, lasts: secs(50), paths: Vec::new() });
    let model = Arc::new(Mutex::new(Model::new(scenario)));
    let clock = Clock::virtual_from(WallMs(START));
    let transport = InProcess::new(Arc::clone(&model), clock.clone());
    let ask = |timeout| {
        let mut request = request("GET", "/api/v2/channels", &[("accept", "application/json")], b"");
        request.timeout = timeout;
        transport.send(request)
    };
    assert_eq!(ask(secs(10)).await.unwrap().status, 401);
    let took = clock.now().since_origin();
    assert!((secs(1)..=secs(3)).contains(&took), "{took:?}");
    assert!(matches!(ask(Duration::from_millis(500)).await, Err(TransportError::Timeout)));
    tokio::time::sleep(secs(100)).await;
    let before = clock.now();
    assert!(matches!(ask(secs(10)).await, Err(TransportError::Timeout)));
    assert_eq!(clock.now().since(before), secs(10));
    tokio::time::sleep(secs(100)).await;
    assert!(matches!(ask(secs(10)).await, Err(TransportError::Reset(_))));
}

#[tokio::test]
async fn headers_that_no_standard_allows_reach_the_wire() {
    let served = served().await;
    let token = served.token().await;
    let (status, _) = served.order("incident", &json!({"odd": {"is": "bad_headers"}})).await;
    assert_eq!(status, 204);
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET /api/v2/channels/ch-0001 HTTP/1.1\r\nhost: sim\r\naccept: application/json\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\r\nx-gateway-not : passed\u{7f}on\r\n"), "{answer}");
    assert!(answer.ends_with('}'), "the body is whole: {answer}");
    served.stop.cancel();
}
