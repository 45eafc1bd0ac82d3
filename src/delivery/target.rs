//! Where one sink's deliveries go, with its secrets resolved: turns what is due into a request, or into a line of a file.
//!
//! Credentials are put on here, at sending; the outbox never holds one.

use super::body::Entry;
use super::file::LineFile;
use super::http::{HttpPost, Outgoing, Post};
use super::sign::{SigningKey, signatures};
use super::verdict::{self, Verdict};
use crate::clock::Clock;
use crate::config::sink::{Credentials, Export, FileSink, HttpSink, Order, Webhook};
use crate::config::{Print, SecretRef, Setting};
use crate::journal::Due;
use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

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
    /// Whether a delivery that is refused is passed over.
    pub order: Order,
    /// Tries of one delivery in the lane before it is a dead letter.
    pub max_tries: u32,
    way: Way,
}

enum Way {
    Http(Arc<Http>),
    File(LineFile),
}

/// What is read of a sink's secrets and certificates; read again before one is given up as refused.
struct Http {
    sink: HttpSink,
    signing: Vec<SecretRef>,
    /// What stands behind the sink's own address.
    path: &'static str,
    connect: Connect,
    parts: ArcSwap<Parts>,
}

/// A sink's secrets, resolved.
struct Parts {
    print: Print,
    url: SecretString,
    headers: HeaderMap,
    keys: Vec<SigningKey>,
    post: Arc<dyn Post>,
}

impl Target {
    /// The audit sink of an export.
    pub fn export(export: &Export, connect: &Connect) -> Result<Self, SinkError> {
        Self::over_http(&export.sink, "export", "", &[], connect)
    }

    /// The bulk metrics of an export. At most 1,000 requests of them wait: newer ones matter more.
    pub fn bulk(export: &Export, connect: &Connect) -> Result<Self, SinkError> {
        let target = Self::over_http(&export.sink, "bulk", "/metrics/bulk", &[], connect)?;
        let max_pending = export.sink.max_pending.min(1000);
        // Each request stands for itself.
        let order = Order::SetAside;
        Ok(Self { name: Export::bulk_name(&export.sink.name), events: Vec::new(), max_pending, order, ..target })
    }

    /// A webhook.
    pub fn webhook(webhook: &Webhook, connect: &Connect) -> Result<Self, SinkError> {
        Self::over_http(&webhook.sink, "webhook", "", &webhook.secrets, connect)
    }

    /// A file.
    pub fn file(sink: &FileSink) -> Self {
        Self {
            name: sink.name.clone(),
            kind: "file",
            place: sink.path.display().to_string(),
            events: sink.events.clone(),
            max_pending: sink.max_pending,
            order: Order::Strict,
            max_tries: u32::MAX,
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

    fn over_http(
        sink: &HttpSink,
        kind: &'static str,
        path: &'static str,
        signing: &[SecretRef],
        connect: &Connect,
    ) -> Result<Self, SinkError> {
        let named = |why: String| SinkError { name: sink.name.clone(), why };
        let parts = ArcSwap::from_pointee(Parts::read(sink, signing, path, connect).map_err(named)?);
        let http = Http { sink: sink.clone(), signing: signing.to_vec(), path, connect: Arc::clone(connect), parts };
        Ok(Self {
            name: sink.name.clone(),
            kind,
            place: match &sink.url {
                Setting::Plain(url) => place(url),
                Setting::Secret(secret) => format!("what {secret} holds"),
            },
            events: sink.events.clone(),
            max_pending: sink.max_pending,
            order: sink.order,
            max_tries: sink.max_tries,
            way: Way::Http(Arc::new(http)),
        })
    }
}

impl Parts {
    /// Blocks while it reads files.
    fn read(sink: &HttpSink, signing: &[SecretRef], path: &str, connect: &Connect) -> Result<Self, String> {
        let print = sink.print(signing);
        let key = sink.credentials.client.as_ref().map(|(_, key)| resolve(key)).transpose()?;
        let url = sink.url.resolve_url().map_err(|error| format!("`url`: {error}"))?;
        let url = match path {
            "" => url,
            path => SecretString::from(format!("{}{path}", url.expose_secret().trim_end_matches('/'))),
        };
        let signing_key = |secret| SigningKey::of(&resolve(secret)?).map_err(|error| error.to_string());
        Ok(Self {
            print,
            url,
            headers: headers(&sink.credentials)?,
            keys: signing.iter().map(signing_key).collect::<Result<_, String>>()?,
            post: connect(sink, key.as_ref())?,
        })
    }
}

impl Http {
    /// Sends; where the sink refuses our credentials, or there is no connection, once more with what stands in their places
    /// by now, if that is something else.
    async fn deliver(self: &Arc<Self>, due: &Due, kind: &str, clock: &Clock) -> Verdict {
        let parts = self.parts.load_full();
        let verdict = self.deliver_with(&parts, due, kind, clock).await;
        if !matches!(verdict.word(), "unauthorised" | "connect") {
            return verdict;
        }
        let (this, before) = (Arc::clone(self), parts.print);
        let reread = tokio::task::spawn_blocking(move || {
            let other = this.sink.print(&this.signing) != before;
            other.then(|| Parts::read(&this.sink, &this.signing, this.path, &this.connect))
        });
        match reread.await {
            Ok(Some(Ok(parts))) => {
                tracing::info!(sink = self.sink.name, "the sink's credentials changed and were loaded again");
                let parts = Arc::new(parts);
                self.parts.store(Arc::clone(&parts));
                self.deliver_with(&parts, due, kind, clock).await
            }
            _ => verdict,
        }
    }

    async fn deliver_with(&self, parts: &Parts, due: &Due, kind: &str, clock: &Clock) -> Verdict {
        let Some((id, body)) = body(due, kind) else { return Verdict::Delivered };
        let wall = clock.wall();
        let mut headers = parts.headers.clone();
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
            if !parts.keys.is_empty() {
                set("webhook-signature", signatures(&parts.keys, &id, seconds, body.as_bytes()));
            }
            set("webhook-id", id.clone());
            set("webhook-timestamp", seconds.to_string());
        }
        set("idempotency-key", id);
        let (url, timeout) = (parts.url.expose_secret().to_owned(), self.sink.timeout);
        let request = Outgoing { url, headers, body: Bytes::from(body), timeout };
        let answer = match tokio::time::timeout(timeout, parts.post.post(request)).await {
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
        let refused = || format!("the value of the header `{name}` is not valid in a header");
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
            Setting::Plain(text) => set(name, text)?,
            Setting::Secret(secret) => set(name, resolve(secret)?.expose_secret())?,
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
