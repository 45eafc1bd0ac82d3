//! The HTTP transport over real loopback sockets: which failure is which, what is bounded, and where requests never go.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "platform/odd.rs"]
mod odd;
#[path = "tls/server.rs"]
mod server;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde_json::json;
use server::Authority;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trunkwarden::clock::Clock;
use trunkwarden::config::Paths;
use trunkwarden::platform::{
    Class, Client, ClientSettings, HttpTransport, Observer, Platform, Request, Spent, Transport, TransportBuildError,
    TransportError,
};

const LIMIT: usize = 64 * 1024;

fn transport() -> HttpTransport {
    HttpTransport::new(None, None, LIMIT).unwrap()
}

fn request(url: String) -> Request {
    Request { method: Method::GET, url, headers: HeaderMap::new(), body: None, timeout: Duration::from_secs(10) }
}

fn impatient(url: String) -> Request {
    Request { timeout: Duration::from_millis(300), ..request(url) }
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A server that does `act` with each connection, once it has read the request's head.
async fn raw<F>(act: impl Fn(TcpStream, String) -> F + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            tokio::spawn(act(stream, String::from_utf8(head).unwrap()));
        }
    });
    address
}

#[tokio::test]
async fn an_answer_comes_with_status_headers_and_body() {
    let address = serve(Router::new().route(
        "/x",
        get(|headers: HeaderMap| async move {
            (StatusCode::IM_A_TEAPOT, [("etag", "\"1\"")], headers["user-agent"].to_str().unwrap().to_owned())
        }),
    ))
    .await;
    let answer = transport().send(request(format!("http://{address}/x"))).await.unwrap();
    assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.headers["etag"], "\"1\"");
    assert!(answer.body.starts_with(b"trunkwarden/"));
}

#[tokio::test]
async fn no_connection_is_told_from_a_broken_one_and_from_silence() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = transport().send(request(format!("http://{closed}/"))).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");

    let error = transport().send(request("http://no-such-host.invalid/".to_owned())).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");

    let dropping = raw(|stream, _| async move { drop(stream) }).await;
    let error = transport().send(request(format!("http://{dropping}/"))).await.unwrap_err();
    assert!(matches!(error, TransportError::Reset(_)), "{error:?}");

    let halfway = raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let error = transport().send(request(format!("http://{halfway}/"))).await.unwrap_err();
    assert!(matches!(error, TransportError::Reset(_)), "{error:?}");

    let silent = raw(|stream, _| async move {
        tokio::time::sleep(Duration::from_mins(1)).await;
        drop(stream);
    })
    .await;
    let error = transport().send(impatient(format!("http://{silent}/"))).await.unwrap_err();
    assert!(matches!(error, TransportError::Timeout), "{error:?}");
}

#[tokio::test]
async fn a_body_that_drips_for_ever_is_a_timeout() {
    let dripping = raw(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let error = transport().send(impatient(format!("http://{dripping}/"))).await.unwrap_err();
    assert!(matches!(error, TransportError::Timeout), "{error:?}");
}

#[tokio::test]
async fn bodies_are_bounded_declared_or_not() {
    let declared = raw(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n{").await;
        tokio::time::sleep(Duration::from_mins(1)).await;
    })
    .await;
    let endless = raw(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    })
    .await;
    for address in [declared, endless] {
        let error = transport().send(request(format!("http://{address}/"))).await.unwrap_err();
        assert!(matches!(error, TransportError::TooLarge { limit: LIMIT }), "{error:?}");
    }
    let exact = serve(Router::new().route("/", get(|| async { "x".repeat(LIMIT) }))).await;
    let answer = transport().send(request(format!("http://{exact}/"))).await.unwrap();
    assert_eq!(answer.body.len(), LIMIT);
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compressed_answers_are_read_and_bounded_by_what_they_become() {
    let bomb = gzip(&vec![b' '; 50 * 1024 * 1024]);
    assert!(bomb.len() < LIMIT, "it would pass the bound as it travels");
    let compressed = |body: Vec<u8>| get(move || async move { ([("content-encoding", "gzip")], body) });
    let address = serve(Router::new().route("/small", compressed(gzip(b"{}"))).route("/bomb", compressed(bomb))).await;
    let answer = transport().send(request(format!("http://{address}/small"))).await.unwrap();
    assert_eq!(&answer.body[..], b"{}");
    let error = transport().send(request(format!("http://{address}/bomb"))).await.unwrap_err();
    assert!(matches!(error, TransportError::TooLarge { limit: LIMIT }), "{error:?}");
}

#[tokio::test]
async fn redirects_are_answers_and_never_followed() {
    let visited = Arc::new(AtomicUsize::new(0));
    let elsewhere = {
        let visited = Arc::clone(&visited);
        serve(Router::new().fallback(move || async move { visited.fetch_add(1, Ordering::SeqCst).to_string() })).await
    };
    for status in [301, 302, 303, 307, 308] {
        let to = format!("http://{elsewhere}/");
        let redirect = move || async move { (StatusCode::from_u16(status).unwrap(), [("location", to)]) };
        let address = serve(Router::new().route("/", get(redirect))).await;
        let mut with_token = request(format!("http://{address}/"));
        with_token.headers.insert("authorization", HeaderValue::from_static("Bearer t"));
        assert_eq!(transport().send(with_token).await.unwrap().status.as_u16(), status);
    }
    assert_eq!(visited.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_configured_proxy_gets_every_request() {
    let proxy = raw(|mut stream, head| async move {
        let line = head.lines().next().unwrap().to_owned();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{line}", line.len());
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let transport = HttpTransport::new(None, Some(&format!("http://{proxy}")), LIMIT).unwrap();
    let answer = transport.send(request("http://platform.invalid/api".to_owned())).await.unwrap();
    assert_eq!(&answer.body[..], b"GET http://platform.invalid/api HTTP/1.1");
}

#[tokio::test]
async fn a_private_authority_is_believed_only_where_it_is_configured() {
    let authority = Authority::new();
    let address = authority.serve(false).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(authority.pem.as_bytes()).unwrap();
    let url = format!("https://{address}/");
    let trusting = HttpTransport::new(Some(file.path()), None, LIMIT).unwrap();
    assert_eq!(&trusting.send(request(url.clone())).await.unwrap().body[..], b"tls");
    let error = transport().send(request(url)).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "nothing was sent: {error:?}");
}

#[tokio::test]
async fn an_authority_that_is_rotated_in_its_file_is_believed_at_the_next_connection() {
    // As Kubernetes does it: the file is a link into a folder that is a link, and that one is swapped.
    let (before, after) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    for (name, authority) in [("1", &before), ("2", &after)] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("ca.pem"), &authority.pem).unwrap();
    }
    std::os::unix::fs::symlink("1", folder.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/ca.pem", folder.path().join("ca.pem")).unwrap();
    let transport = HttpTransport::new(Some(&folder.path().join("ca.pem")), None, LIMIT).unwrap();
    let (old, new) = (before.serve(false).await, after.serve(false).await);
    assert!(transport.send(request(format!("https://{old}/"))).await.is_ok());
    let error = transport.send(request(format!("https://{new}/"))).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
    std::os::unix::fs::symlink("2", folder.path().join("..new")).unwrap();
    std::fs::rename(folder.path().join("..new"), folder.path().join("..data")).unwrap();
    assert!(transport.send(request(format!("https://{new}/"))).await.is_ok());
    // A file that is no certificate for a moment costs nothing.
    std::fs::write(folder.path().join("2/ca.pem"), "half").unwrap();
    assert!(transport.send(request(format!("https://{old}/"))).await.is_err());
    assert!(transport.send(request(format!("https://{new}/"))).await.is_ok());
}

/// Answers each request with this head and `{}`, and closes.
async fn with_head(head: &'static [u8]) -> SocketAddr {
    raw(move |mut stream, _| async move {
        let _ = stream.write_all(head).await;
        let _ = stream.write_all(b"content-length: 2\r\n\r\n{}").await;
    })
    .await
}

#[tokio::test]
async fn an_odd_header_costs_itself_and_not_the_answer() {
    for head in [
        b"HTTP/1.1 200 OK\r\nX-Odd : 1\r\nEtag: \"1\"\r\n".as_slice(),
        b"HTTP/1.1 200 OK\r\nX-Odd: a\x7fb\r\nEtag: \"1\"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Odd: a\r\n  b\r\nEtag: \"1\"\r\n",
        b"HTTP/1.1 200 OK\r\nX Odd: 1\r\nEtag: \"1\"\r\n",
        b"HTTP/1.1 200 OK\r\nno colon at all\r\nEtag: \"1\"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Odd: \xff\xfe\r\nEtag: \"1\"\r\n",
        b"HTTP/1.1 200 OK\r\n: nameless\r\nEtag: \"1\"\r\n",
        b"HTTP/1.1 200\r\nEtag: \"1\"\r\n",
        b"HTTP/1.0 200 fine\r\nEtag: \"1\"\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nEtag: \"1\"\r\n",
    ] {
        let address = with_head(head).await;
        let shown = String::from_utf8_lossy(head);
        let answer = transport().send(request(format!("http://{address}/"))).await.expect(&shown);
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, b"{}".as_slice()), "{shown}");
        assert_eq!(answer.headers["etag"], "\"1\"", "{shown}");
    }
}

/// One head of 1xx after the other, as fast as they are taken; it counts their bytes.
fn flood(line: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    // On a thread of its own, so that what it costs is not taken from what is measured.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let (many, counted) = (line.repeat(1000), Arc::clone(&counted));
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                while stream.write_all(&many).is_ok() {
                    counted.fetch_add(many.len(), Ordering::SeqCst);
                }
            });
        }
    });
    (address, sent)
}

#[tokio::test]
async fn heads_without_end_are_given_up_and_cost_nobody_else_anything() {
    for line in [
        b"HTTP/1.1 100 Continue\r\n\r\n".as_slice(),
        b"HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    ] {
        let (endless, sent) = flood(line);
        let fine = serve(Router::new().route("/", get(|| async { "{}" }))).await;
        let (hostile, other) = (transport(), transport());
        let patient = Request { timeout: Duration::from_mins(5), ..request(format!("http://{endless}/")) };
        let mut flooded = std::pin::pin!(hostile.send(patient));
        let mut served = 0_u32;
        let error = loop {
            // This test has one thread: an exchange that took it would let no other one end.
            tokio::select! {
                biased;
                ended = &mut flooded => break ended.unwrap_err(),
                answer = other.send(request(format!("http://{fine}/"))) => {
                    assert_eq!(&answer.unwrap().body[..], b"{}");
                    served += 1;
                }
            }
        };
        assert!(matches!(&error, TransportError::Reset(why) if why.contains("no end")), "{error:?}");
        assert!(served > 10, "{served} exchanges with somebody else went on beside it");
        // The connection is closed: nothing more is taken from it.
        let settled = || async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sent.load(Ordering::SeqCst)
        };
        let mut before = settled().await;
        loop {
            let now = settled().await;
            if now == before {
                break;
            }
            before = now;
        }
    }
}

#[tokio::test]
async fn a_length_that_is_wrong_is_no_whole_answer() {
    for (head, fine) in [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".as_slice(), false),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}", false),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}", false),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", false),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}", false),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}and more", true),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", true),
    ] {
        let address = raw(move |mut stream, _| async move {
            let _ = stream.write_all(head).await;
        })
        .await;
        let answer = transport().send(request(format!("http://{address}/"))).await;
        assert_eq!(answer.as_ref().is_ok_and(|a| &a.body[..] == b"{}"), fine, "{answer:?}");
    }
}

#[tokio::test]
async fn what_a_proxy_says_to_a_tunnel_is_no_answer_of_the_platform() {
    for line in ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway", "200 OK", "302 Found"] {
        let proxy = raw(move |mut stream, _| async move {
            let page = "<html>log in</html>";
            let answer = format!("HTTP/1.1 {line}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        })
        .await;
        let transport = HttpTransport::new(None, Some(&format!("http://{proxy}")), LIMIT).unwrap();
        let error = transport.send(request("https://platform.invalid/api".to_owned())).await.unwrap_err();
        assert!(matches!(error, TransportError::Connect(_)), "nothing was sent to it: {line}: {error:?}");
    }
}

#[test]
fn what_cannot_be_built_says_what_to_do_and_no_password() {
    let missing = HttpTransport::new(Some("/nowhere/ca.pem".as_ref()), None, LIMIT).unwrap_err();
    assert!(matches!(missing, TransportBuildError::CaFile { .. }));
    assert!(missing.to_string().contains("/nowhere/ca.pem"), "{missing}");
    let mut empty = tempfile::NamedTempFile::new().unwrap();
    empty.write_all(b"no certificate here").unwrap();
    assert!(HttpTransport::new(Some(empty.path()), None, LIMIT).is_err());
    let proxy = HttpTransport::new(None, Some("http://user:hunter2@[broken"), LIMIT).unwrap_err();
    assert!(!format!("{proxy} {proxy:?}").contains("hunter2"));
}

#[tokio::test]
async fn client_and_transport_together_speak_the_contract() {
    let router = Router::new()
        .route(
            "/oauth/token",
            post(|form: String| async move {
                assert!(
                    form.starts_with("grant_type=client_credentials&client_id=cid&client_secret=s%20%26&scope=a%20b")
                );
                Json(json!({"access_token": "t", "token_type": "Bearer", "expires_in": 1800}))
            }),
        )
        .route(
            "/c/{id}",
            patch(|| async {}).get(
                |axum::extract::Path(id): axum::extract::Path<String>, headers: HeaderMap| async move {
                    let status = if headers["authorization"] == "Bearer t" { "healthy" } else { "unhealthy" };
                    Json(json!({"id": id, "status": status}))
                },
            ),
        );
    let client = client(serve(router).await, Arc::new(|_| {}));
    let id = "50%/é".into();
    let answer = client.channel(&id, Class::Action, Duration::from_secs(10)).await.unwrap();
    assert_eq!(answer.value.id(), &id);
    assert_eq!(answer.value.view().status.as_deref(), Some("healthy"));
    assert!(answer.date.is_some());
    assert_eq!(client.recent_requests().len(), 2);
}

fn client(address: SocketAddr, observer: Observer) -> Client {
    let paths = ["/c", "/c/{id}", "/t", "/b/{call}"].map(str::to_owned);
    let [channels, channel, telemetry, bridge] = paths;
    let settings = ClientSettings {
        tenant: "acme".into(),
        base_url: format!("http://{address}"),
        paths: Paths { channels, channel, telemetry, bridge, call: None, calls: None },
        client_id: "cid".to_owned(),
        client_secret: "s &".to_owned().into(),
        secret_from: None,
        token_url: format!("http://{address}/oauth/token"),
        scopes: vec!["a".to_owned(), "b".to_owned()],
        bridge_scopes: None,
        headers: std::collections::BTreeMap::new(),
        requests_per_minute: 60_000,
        recent: Spent::Ages(Vec::new()),
        seed: 1,
    };
    Client::new(settings, Arc::new(transport()), Clock::system(), observer)
}
