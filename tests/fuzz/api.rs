//! Orders and queries over HTTP, at the router: heads, paths, parameters and bodies. Whatever is wrong with them, it is said as
//! a fault of the caller's; an answer is JSON, or a page.

use crate::bench::{Feed, Made, Target};
use crate::mutate::Form;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, Uri, header};
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tower::ServiceExt;
use trunkwarden::clock::Clock;
use trunkwarden::counters::Counters;
use trunkwarden::http::{Access, App, AuditSource, Reads, public};
use trunkwarden::journal::{Batch, Entry, IdSource, Journal};
use trunkwarden::policy::WallMs;
use trunkwarden::snapshot::SnapshotCell;
use trunkwarden::supervisor::{Liveness, Orders};

const TOKEN: &str = "correct horse battery staple";
const MOST: usize = 64 << 20;

pub fn targets() -> Vec<Target> {
    vec![Target { name: "api", form: Form::Lines, cost: 2, open }]
}

struct Door {
    runtime: Runtime,
    app: Arc<App>,
}

fn open() -> Feed {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let app = runtime.block_on(async { Arc::new(app()) });
    let door = Door { runtime, app };
    Box::new(move |input| door.knock(input))
}

fn app() -> App {
    let (orders, mut receiver) = Orders::channel();
    tokio::spawn(async move {
        while let Some(request) = receiver.recv().await {
            let _ = request.reply.send(Ok(()));
        }
    });
    let (counters, clock) = (Counters::new(), Clock::system());
    let reader = journal(&clock).reader();
    let audit: AuditSource = Arc::new(move |filter, _| reader.entries(&filter).map_err(|error| error.to_string()));
    let app = App {
        snapshot: SnapshotCell::default(),
        access: Access::new(&counters, &clock).with_token(TOKEN.to_owned().into()),
        counters,
        liveness: Liveness::default(),
        clock,
        orders,
        provisioning: None,
        switchboard: None,
        audit: Some(audit),
        checkpoint: Some(Arc::new(|| Ok(None))),
        delivery: None,
        reads: Reads::default(),
        accept: None,
    };
    app.liveness.beat(app.clock.now());
    app
}

/// A journal of a few entries.
fn journal(clock: &Clock) -> Journal {
    let (journal, _) = Journal::open(trunkwarden::journal::Options {
        mode: trunkwarden::journal::WriterMode::Inline,
        ids: IdSource::Seeded(1),
        ..trunkwarden::journal::Options::new(folder().join("journal.db"), clock.clone())
    })
    .unwrap();
    for n in 0..20 {
        let entry = Entry {
            at: WallMs(1_795_251_600_000 + n),
            event_type: "failover.completed".to_owned(),
            tenant: Some("acme".to_owned()),
            channel_id: Some("ch-0001".to_owned()),
            actor: "engine".to_owned(),
            reason: "moved".to_owned(),
            before: Value::Null,
            after: json!({ "route": "ch-0002" }),
            op: None,
            operation: None,
            details: json!({}),
        };
        let written = journal.submit(Batch { entries: vec![entry], ..Batch::default() });
        written.now_or_never().unwrap().unwrap();
    }
    journal
}

/// Kept until the process ends.
fn folder() -> std::path::PathBuf {
    tempfile::tempdir().unwrap().keep()
}

impl Door {
    fn knock(&self, input: &[u8]) -> Made {
        let Some(request) = request(input) else { return Made::default() };
        let uri = request.uri().clone();
        let (status, body) = self.runtime.block_on(async {
            let answer = public(Arc::clone(&self.app)).oneshot(request).await.unwrap();
            (answer.status(), to_bytes(answer.into_body(), MOST).await.unwrap())
        });
        let text = String::from_utf8_lossy(&body);
        assert!(!text.contains(TOKEN), "{uri} shows the token");
        // What is not set up here says so.
        let absent = ["\"no_journal\"", "\"outbox_unusable\""].iter().any(|code| text.contains(code));
        assert!(!status.is_server_error() || absent, "{uri}: {status} {text}");
        Made {
            accepted: status.is_success(),
            planted: status == StatusCode::PAYLOAD_TOO_LARGE || text.contains("bad_query"),
        }
    }
}

/// A request as it would reach the router; `None`: the server before it would have refused it.
fn request(input: &[u8]) -> Option<Request<Body>> {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (line, rest) = input.split_at(end);
    let (method, path) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let uri: Uri = path.parse().ok()?;
    let body = rest.strip_prefix(b"\n\n").unwrap_or(rest).to_vec();
    Request::builder()
        .method(method)
        .uri(uri)
        .header(header::HOST, "127.0.0.1:9475")
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Body::from(body))
        .ok()
}
