//! The doors under people who mean no good: connections that say nothing, readers that never read, names that are not
//! ours, pages of other sites, guesses at the token, bodies that mean something else.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpStream;

impl World {
    fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// What is answered to these bytes on a connection of their own, until its end.
    async fn raw(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn series(&self, name: &str) -> Option<f64> {
        self.text("/metrics").await.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Many channels, so that an answer is longer than any buffer on its way.
fn publish_many(world: &World) {
    let mut big = snapshot();
    for n in 0..10_000 {
        let channel = report("acme", &format!("bulk-{n:05}"), Health::Up);
        big.channels.insert(channel.key.clone(), Arc::new(channel));
    }
    world.app.snapshot.publish(big);
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let world = World::new().await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(world.connect().await);
    }
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/tenants"] {
        let answer = tokio::time::timeout(Duration::from_secs(5), world.get(path)).await;
        assert_eq!(answer.expect("an answer in time").status(), StatusCode::OK, "{path}");
    }
    assert!(world.series(r#"trunkwarden_http_refused_total{reason="no_head"}"#).await.unwrap() >= 300.0);
    assert!(world.series(r#"trunkwarden_http_connections{face="tcp"}"#).await.unwrap() <= 256.0);
}

#[tokio::test]
async fn readers_that_never_read_keep_neither_probes_nor_metrics_out() {
    let world = World::new().await;
    publish_many(&world);
    let mut readers = Vec::new();
    for (path, count) in [("/metrics", 20), ("/api/v1/channels?limit=300", 256)] {
        for _ in 0..count {
            let mut stream = world.connect().await;
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            // It may have been turned away by now.
            let _ = stream.write_all(request.as_bytes()).await;
            readers.push(stream);
        }
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = tokio::time::timeout(Duration::from_secs(10), async { world.get(path).await.text().await });
        assert!(answer.await.expect("an answer in time").is_ok(), "{path}");
    }
}

#[tokio::test]
async fn a_head_must_come_and_an_answer_be_taken_within_their_time() {
    let world = World::new().await;
    publish_many(&world);
    let mut silent = world.connect().await;
    let mut reader = world.connect().await;
    reader.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 16];
    reader.read_exact(&mut first).await.unwrap();
    let slow = r#"trunkwarden_http_refused_total{reason="slow_reader"}"#;
    assert_eq!(world.series(slow).await, Some(0.0));
    tokio::time::pause();
    assert_eq!(silent.read(&mut first).await.unwrap(), 0, "it is closed");
    tokio::time::sleep(Duration::from_secs(15)).await;
    tokio::time::resume();
    assert_eq!(world.series(slow).await, Some(1.0));
}

#[tokio::test]
async fn the_control_socket_answers_in_spite_of_silent_connections() {
    let control = ControlSocket::new().await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(tokio::net::UnixStream::connect(&control.path).await.unwrap());
    }
    let (code, _, said) = control.run(&["pause", "acme"]).await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused_with_the_key_that_lets_it_in() {
    let world = World::new().await;
    let ask = async |path: &str, hosts: &[&str]| {
        let hosts = hosts.iter().fold(String::new(), |all, host| all + "Host: " + host + "\r\n");
        world.raw(&format!("GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await
    };
    for path in ["/", "/api/v1/audit", "/metrics", "/live", "/assets/page.js"] {
        let answer = ask(path, &["evil.example:9475"]).await;
        assert_eq!(status(&answer), 403, "{path}: {answer}");
        assert!(answer.contains("`hosts` of [daemon]"), "{answer}");
        assert_eq!(status(&ask(path, &["localhost:9475"]).await), 200, "{path}");
    }
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(status(&ask(probe, &["whatever.example"]).await), 200, "{probe}");
        assert_eq!(status(&ask(probe, &["a", "a"]).await), 400, "{probe}");
    }
    assert_eq!(status(&ask("/", &["127.0.0.1", "127.0.0.1"]).await), 400);
    assert_eq!(status(&world.raw("GET /api/v1/tenants HTTP/1.0\r\n\r\n").await), 200);
    assert_eq!(world.series(r#"trunkwarden_http_refused_total{reason="host"}"#).await, Some(5.0));
}

#[tokio::test]
async fn an_order_from_a_page_of_another_site_is_refused_even_with_the_token() {
    let world = World::new().await;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = world.client.post(format!("{}/api/v1/pause", world.base)).bearer_auth(TOKEN).header(name, value);
        let answer = request.send().await.unwrap();
        assert!(answer.headers().get("access-control-allow-origin").is_none());
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert!(world.given.lock().unwrap().is_empty());
    let request = world.client.post(format!("{}/api/v1/pause", world.base)).bearer_auth(TOKEN);
    assert_eq!(request.header("origin", &world.base).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn guesses_at_the_token_are_few_counted_and_told() {
    let world = World::with(|app| {
        app.clock = Clock::virtual_from(WallMs(0));
        app.access = Access::new(&app.counters, &app.clock).with_token(TOKEN.to_owned().into());
    })
    .await;
    tokio::time::pause();
    let mut answers = Vec::new();
    for n in 0..20 {
        answers.push(world.post("/api/v1/pause", Some(&format!("a wrong guess {n}")), "").await.0);
    }
    assert!(answers[..10].iter().all(|code| *code == 401) && answers[10..].contains(&429), "{answers:?}");
    let report = world.app.access.refused().await;
    assert!(report.wrong >= 10 && report.unseen >= 1 && report.peers == ["127.0.0.1"], "{report:?}");
    assert!(world.given.lock().unwrap().is_empty());
    tokio::time::advance(Duration::from_mins(2)).await;
    assert_eq!(world.post("/api/v1/pause", Some(TOKEN), "").await.0, 200);
    let counted = world.series(r#"trunkwarden_http_refused_total{reason="token"}"#).await;
    assert!(counted >= Some(10.0), "{counted:?}");
}

#[tokio::test]
async fn a_token_that_is_too_short_is_none() {
    let world = World::with(|app| {
        app.access = Access::new(&app.counters, &app.clock).with_token("fifteen letters".to_owned().into());
    })
    .await;
    let (status, body) = world.post("/api/v1/pause", Some("fifteen letters"), "").await;
    assert_eq!((status, code(&body)), (403, "writes_refused"));
    assert!(body["error"]["message"].as_str().unwrap().contains("16"), "{body}");
}

#[tokio::test]
async fn the_body_of_an_order_is_an_object() {
    let world = World::new().await;
    let at = |verb: &str| format!("/api/v1/channels/acme/ch-0001/{verb}");
    for (path, body) in [
        (at("failover"), r#"["ch-0002", true]"#),
        (at("failover"), r#"[{"to": "ch-0002"}]"#),
        (at("failover"), r#"{"to": "ch-0002", "to": "ch-0003"}"#),
        (at("failover"), r#"{"to": "ch-0002"} {}"#),
        (at("failback"), "[true]"),
        (at("maintenance"), r#"[60, "why"]"#),
        ("/api/v1/pause".to_owned(), r#"["acme", 60]"#),
        ("/api/v1/pause".to_owned(), "[]"),
        ("/api/v1/resume".to_owned(), r#"["acme"]"#),
        ("/api/v1/resume".to_owned(), "null"),
    ] {
        let (status, answer) = world.post(&path, Some(TOKEN), body).await;
        assert_eq!((status, code(&answer)), (400, "bad_body"), "{path} {body}");
    }
    assert!(world.given.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_long_audit_answer_is_read_as_it_is_taken() {
    let pieces = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pieces);
    let source: AuditSource = Arc::new(move |query: Filter, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        let first = query.before_seq.unwrap_or(5001) - 1;
        let entry = |seq: u64| json!({"seq": seq, "reason": "x".repeat(100_000)});
        let entries: Vec<Value> = (0..query.limit as u64).map(|n| entry(first - n)).collect();
        Ok(Page { next: Some(first + 1 - entries.len() as u64), entries })
    });
    let world = World::with(|app| app.audit = Some(source)).await;
    let mut unread = Vec::new();
    for _ in 0..8 {
        let mut stream = world.connect().await;
        stream.write_all(b"GET /api/v1/audit?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut first = [0; 16];
        stream.read_exact(&mut first).await.unwrap();
        unread.push(stream);
    }
    // Whatever the buffers of the way take is read of the journal, and no more.
    let (_, whole) = world.json("/api/v1/audit?limit=1000").await;
    let read = whole["entries"].as_array().unwrap().len();
    assert!((60..=120).contains(&read), "8 MiB at most: {read}");
    assert_eq!(whole["next"], json!(5001 - read), "and it says where to go on");
    let seqs: Vec<u64> = whole["entries"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] == pair[1] + 1), "each once, in order");
    let taken = pieces.load(Ordering::Relaxed);
    assert!(taken < 9 * 6, "{taken} pieces were read");
}
