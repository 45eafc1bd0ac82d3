//! A sink of the test's own: a real HTTP server that remembers what it took and answers as it is told.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Act {
    /// With this status and headers.
    Say(u16, Vec<(&'static str, String)>),
    /// Never.
    Hang,
}

impl Act {
    pub fn status(code: u16) -> Self {
        Self::Say(code, Vec::new())
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether it was answered with 2xx.
    pub taken: bool,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Rule = Box<dyn Fn(&Seen) -> Act + Send>;

/// The sink. Cheap to clone.
#[derive(Clone)]
pub struct Sink {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    rule: Arc<Mutex<Rule>>,
}

impl Sink {
    /// One that takes everything.
    pub async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let rule: Rule = Box::new(|_| Act::status(204));
        let sink = Self { url, seen: Arc::default(), rule: Arc::new(Mutex::new(rule)) };
        let router = Router::new().fallback(answer).with_state(sink.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        sink
    }

    /// From now on it answers so.
    pub fn answers(&self, rule: impl Fn(&Seen) -> Act + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// Everything that came.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The bodies that were taken.
    pub fn taken(&self) -> Vec<Value> {
        self.seen().iter().filter(|s| s.taken).map(Seen::json).collect()
    }

    /// The numbers of the entries that were taken, in order.
    pub fn seqs(&self) -> Vec<u64> {
        self.taken().iter().filter_map(|body| body["seq"].as_u64()).collect()
    }
}

async fn answer(State(sink): State<Sink>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut seen = Seen { path: uri.path().to_owned(), headers, body, taken: false };
    let act = (sink.rule.lock().unwrap())(&seen);
    seen.taken = matches!(act, Act::Say(200..=299, _));
    sink.seen.lock().unwrap().push(seen);
    match act {
        Act::Say(code, headers) => {
            let headers: HeaderMap = headers
                .into_iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
                .collect();
            (StatusCode::from_u16(code).unwrap(), headers).into_response()
        }
        Act::Hang => std::future::pending().await,
    }
}
