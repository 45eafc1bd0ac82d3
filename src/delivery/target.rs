//! Where one sink's deliveries go, with its secrets resolved: turns what is due into a request, or into a line of a file.
//!
//! Credentials are put on here, at sending; the outbox never holds one.

use super::body::Entry;
use super::file::LineFile;
use super::http::{HttpPost, Outgoing, Post};
use super::sign::{SigningKey, signatures};
use super::verdict::{self, Verdict};
use crate::clock::Clock;
use crate::config::SecretRef;
use crate::config::sink::{Credentials, Export, FileSink, HeaderText, HttpSink, Webhook};
use crate::journal::Due;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

/// Why a sink cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("the sink `{name}`: {why}")]
pub struct SinkError {
    /// The sink.
    pub name: String,
    /// What is wrong and what to do, without secrets.
    pub why: String,
}

/// Makes the way to a sink; tests put sinks of their own in place of HTTP.
pub type Connect = Arc<dyn Fn(&HttpSink, Option<&SecretString>) -> Result<Arc<dyn Post>, String> + Send + Sync>;

/// The way to real sinks.
pub fn over_http() -> Connect {
    Arc::new(|sink, key| HttpPost::new(sink, key).map(|post| Arc::new(post) as Arc<dyn Post>))
}

/// One sink, ready to be sent to.
pub struct Target {
    /// Its name.
    pub name: String,
    /// What it is: `export`, `bulk`, `webhook` or `file`.
    pub kind: &'static str,
    /// Scheme and host, or the file's path: what may be shown of where it is.
    pub place: String,
    /// Globs over event types.
    pub events: Vec<String>,
    /// Rows that may wait.
    pub max_pending: u32,
    /// Refusals of one delivery before it is set aside; `None`: never.
    pub max_tries: Option<u32>,
    way: Way,
}

enum Way {
    Http(Box<Http>),
    File(LineFile),
}

struct Http {
    url: String,
    headers: HeaderMap,
    keys: Vec<SigningKey>,
    timeout: Duration,
    post: Arc<dyn Post>,
}

impl Target {
    /// The audit sink of an export.
    pub fn export(export: &Export, connect: &Connect) -> Result<Self, SinkError> {
        Self::over_http(&export.sink, "export", export.sink.url.clone(), connect)
    }

    /// The bulk metrics of an export. At most 1,000 requests of them wait: newer ones matter more.
    pub fn bulk(export: &Export, connect: &Connect) -> Result<Self, SinkError> {
        let url = format!("{}/metrics/bulk", export.sink.url.trim_end_matches('/'));
        let target = Self::over_http(&export.sink, "bulk", url, connect)?;
        let max_pending = export.sink.max_pending.min(1000);
        Ok(Self { name: Export::bulk_name(&export.sink.name), events: Vec::new(), max_pending, ..target })
    }

    /// A webhook.
    pub fn webhook(webhook: &Webhook, connect: &Connect) -> Result<Self, SinkError> {
        let mut target = Self::over_http(&webhook.sink, "webhook", webhook.sink.url.clone(), connect)?;
        let named = |why: String| SinkError { name: webhook.sink.name.clone(), why };
        for secret in &webhook.secrets {
            let key = SigningKey::of(&resolve(secret).map_err(named)?).map_err(|error| named(error.to_string()))?;
            if let Way::Http(http) = &mut target.way {
                http.keys.push(key);
            }
        }
        Ok(target)
    }

    /// A file.
    pub fn file(sink: &FileSink) -> Self {
        Self {
            name: sink.name.clone(),
            kind: "file",
            place: sink.path.display().to_string(),
            events: sink.events.clone(),
            max_pending: sink.max_pending,
            max_tries: None,
            way: Way::File(LineFile::new(sink.path.clone(), sink.max_bytes, sink.keep)),
        }
    }

    /// How many deliveries are read, and acknowledged, together: what a crash may repeat.
    pub const fn at_once(&self) -> usize {
        match self.way {
            Way::Http(_) => 16,
            Way::File(_) => 64,
        }
    }

    /// Tries to deliver `due`, in order; as many as were delivered, and what came of the one that was not.
    ///
    /// One that stands for nothing any more counts as delivered.
    pub async fn deliver(&self, due: &[Due], clock: &Clock) -> (usize, Verdict) {
        match &self.way {
            Way::Http(http) => match due.first() {
                Some(one) => {
                    let verdict = http.deliver(one, self.kind, clock).await;
                    (usize::from(verdict == Verdict::Delivered), verdict)
                }
                None => (0, Verdict::Delivered),
            },
            Way::File(file) => {
                let numbered = due.iter().enumerate().filter_map(|(n, due)| Some((n, entry(due)?.plain())));
                let (places, lines): (Vec<usize>, Vec<String>) = numbered.unzip();
                let file = file.clone();
                let later = |error| Verdict::Later { error, retry_after: None, word: "failed" };
                match tokio::task::spawn_blocking(move || file.append(&lines)).await {
                    Ok(Ok(())) => (due.len(), Verdict::Delivered),
                    Ok(Err((kept, error))) => (places.get(kept).copied().unwrap_or(due.len()), later(error)),
                    Err(error) => (0, later(error.to_string())),
                }
            }
        }
    }

    fn over_http(sink: &HttpSink, kind: &'static str, url: String, connect: &Connect) -> Result<Self, SinkError> {
        let named = |why: String| SinkError { name: sink.name.clone(), why };
        let key = sink.credentials.client.as_ref().map(|(_, key)| resolve(key)).transpose().map_err(named)?;
        let http = Http {
            headers: headers(&sink.credentials).map_err(named)?,
            keys: Vec::new(),
            timeout: sink.timeout,
            post: connect(sink, key.as_ref()).map_err(named)?,
            url,
        };
        Ok(Self {
            name: sink.name.clone(),
            kind,
            place: place(&sink.url),
            events: sink.events.clone(),
            max_pending: sink.max_pending,
            max_tries: Some(sink.max_tries),
            way: Way::Http(Box::new(http)),
        })
    }
}

impl Http {
    async fn deliver(&self, due: &Due, kind: &str, clock: &Clock) -> Verdict {
        let Some((id, body)) = body(due, kind) else { return Verdict::Delivered };
        let wall = clock.wall();
        let mut headers = self.headers.clone();
        let content = if kind == "webhook" { "application/cloudevents+json" } else { "application/json" };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
        let mut set = |name: &'static str, value: String| {
            // Ids, numbers and base64: nothing that a header could not hold.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        if kind == "webhook" {
            let seconds = wall.0.div_euclid(1000);
            if !self.keys.is_empty() {
                set("webhook-signature", signatures(&self.keys, &id, seconds, body.as_bytes()));
            }
            set("webhook-id", id.clone());
            set("webhook-timestamp", seconds.to_string());
        }
        set("idempotency-key", id);
        let request = Outgoing { url: self.url.clone(), headers, body: Bytes::from(body), timeout: self.timeout };
        let answer = match tokio::time::timeout(self.timeout, self.post.post(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(crate::platform::TransportError::Timeout),
        };
        verdict::of(&answer, clock.wall())
    }
}

/// What is sent, and the id by which the receiver knows a repetition.
fn body(due: &Due, kind: &str) -> Option<(String, String)> {
    if kind == "bulk" {
        return Some((due.payload_id.clone()?, due.text.clone()?));
    }
    let entry = entry(due)?;
    let id = entry.id.clone();
    Some((id, if kind == "webhook" { entry.cloud_event() } else { entry.plain() }))
}

fn entry(due: &Due) -> Option<Entry> {
    Entry::read(due.text.as_deref()?, due.hash.as_deref())
}

/// The headers that authorise a request to a sink.
pub(super) fn headers(credentials: &Credentials) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut set = |name: &str, text: &str| {
        let refused = || format!("the header `{name}` has a value that no header can hold");
        let mut value = HeaderValue::from_str(text).map_err(|_| refused())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?, value);
        Ok::<(), String>(())
    };
    if let Some(token) = &credentials.token {
        set("authorization", &format!("Bearer {}", resolve(token)?.expose_secret()))?;
    }
    if let Some((user, password)) = &credentials.basic {
        let pair = format!("{user}:{}", resolve(password)?.expose_secret());
        set("authorization", &format!("Basic {}", STANDARD.encode(pair)))?;
    }
    for (name, text) in &credentials.headers {
        match text {
            HeaderText::Plain(text) => set(name, text)?,
            HeaderText::Secret(secret) => set(name, resolve(secret)?.expose_secret())?,
        }
    }
    Ok(headers)
}

fn resolve(secret: &SecretRef) -> Result<SecretString, String> {
    secret.resolve().map_err(|error| error.to_string())
}

/// Scheme and host: services put secrets into paths.
fn place(url: &str) -> String {
    let end = url.find("://").map_or(0, |at| at + 3);
    let host = url.get(end..).unwrap_or_default().split('/').next().unwrap_or_default();
    format!("{}{host}", url.get(..end).unwrap_or_default())
}
