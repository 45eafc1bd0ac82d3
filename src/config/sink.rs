//! Sinks as they are configured: checked, and without their secrets, of which only the places are known here.

use super::secrets::{SecretRef, Setting};
use std::path::PathBuf;
use std::time::Duration;

/// Sinks at most, files included: each has one delivery under way at most, so this bounds those too.
pub const MAX_SINKS: usize = 64;

/// What a sink that is reached over HTTP has, whatever goes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSink {
    /// Unique among all sinks: what metrics, the outbox and people call it.
    pub name: String,
    /// `http` or `https`.
    pub url: Setting,
    /// Globs over event types; `*` matches dots too.
    pub events: Vec<String>,
    /// How it is authorised.
    pub credentials: Credentials,
    /// A PEM file with further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// A proxy's URL.
    pub proxy: Option<Setting>,
    /// From sending to the complete answer.
    pub timeout: Duration,
    /// Deliveries that may wait on disk.
    pub max_pending: u32,
    /// Whether what it refuses holds up the rest.
    pub order: Order,
    /// Tries in the lane before a delivery becomes a dead letter.
    pub max_tries: u32,
}

/// Whether a delivery that is refused again and again holds up those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It goes on in a lane of its own once the sink takes another.
    SetAside,
    /// Nothing is passed over.
    Strict,
}

/// A sink's own credentials; none of a tenant's ever goes to one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// A bearer token.
    pub token: Option<SecretRef>,
    /// A user and a password.
    pub basic: Option<(String, SecretRef)>,
    /// Headers for every request.
    pub headers: Vec<(String, Setting)>,
    /// A certificate of ours (PEM) and its key, for mutual TLS.
    pub client: Option<(PathBuf, SecretRef)>,
}

/// `[[audit.export]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Where each entry is posted.
    pub sink: HttpSink,
    /// Bulk metrics, which go to `{url}/metrics/bulk`; `None`: they are not sent.
    pub bulk: Option<Bulk>,
}

impl Export {
    /// Bulk metrics wait apart from entries, under a name of their own, so that neither holds up the other.
    pub fn bulk_name(name: &str) -> String {
        format!("{name}.bulk")
    }
}

/// Bulk metrics of one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// When they are sent.
    pub when: BulkWhen,
    /// Channels in one request at most.
    pub batch: usize,
}

/// When bulk metrics are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BulkWhen {
    /// This often.
    Every(Duration),
    /// By a cron expression of six fields, in UTC.
    Cron(String),
}

/// `[[webhooks]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where events are posted.
    pub sink: HttpSink,
    /// The signing secrets, the newest first; none: nothing is signed.
    pub secrets: Vec<SecretRef>,
}

/// `[[audit.file]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSink {
    /// Unique among all sinks.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Globs over event types.
    pub events: Vec<String>,
    /// A file that would grow beyond it, in bytes, is renamed.
    pub max_bytes: u64,
    /// Renamed files that are kept.
    pub keep: u32,
    /// Deliveries that may wait on disk.
    pub max_pending: u32,
}
