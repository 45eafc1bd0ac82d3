//! How answers may be odd without being wrong on purpose: what proxies, caches, replicas and careless serialisers do to them.
//!
//! The same list in a scenario (`[sim] odd = [{ is = "bom" }]`, `[[at]] odd = { is = "bom", for = "1m" }`), over the control
//! API (`{"odd": {"is": "bom"}}`) and in code. An oddity changes how the truth is shown, never the truth; what a client sends
//! back as it was shown is accepted.

use super::noise;
use bytes::Bytes;
use jiff::fmt::serde::unsigned_duration::friendly::compact as friendly;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Oddities in force at once; more replace the oldest.
const MAX: usize = 64;
/// Stands for what JSON cannot say until the text is written.
const NOT_A_NUMBER: &str = "\u{1}not-a-number\u{1}";
const HALF: &str = "\u{1}half\u{1}";

/// One way of being odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// A byte order mark before the JSON.
    Bom,
    /// A header with a space before its colon and a byte 0x7f in its value (over sockets only).
    BadHeaders,
    /// `NaN` in telemetry.
    NotANumber,
    /// Numbers in quotes, in channels and telemetry.
    QuotedNumbers,
    /// The last codec's priority is null.
    NullPriority,
    /// Codec priorities such as `1.0`.
    FractionalPriority,
    /// The last codec has no priority.
    MissingPriority,
    /// A channel at home shows `primary_channel_id: ""`.
    EmptyIds,
    /// Half a surrogate pair in the channel's name.
    HalfSurrogate,
    /// GETs come from a cache that keeps an answer for `by` (24 s) and ignores what the request asks of it; with `Age`.
    Cached,
    /// The `Date` of this node is ahead by `by` (90 s).
    NodeClock,
    /// GETs come from a replica that is `by` (10 s) behind.
    Replica,
    /// `W/"…"`, which never matches an `If-Match`.
    WeakEtag,
    /// `"…-gzip"` where the request allows gzip, which never matches an `If-Match`.
    GzipEtag,
    /// The list answers 500; single channels are well.
    ListFails,
    /// The list takes `by` (30 s).
    ListSlow,
    /// A page shows its first channel three times.
    RepeatedRows,
    /// A page leaves out its last channel.
    SkippedRows,
    /// `next` leads back to the first page.
    LoopingNext,
    /// `next` never ends.
    EndlessNext,
    /// A row that sums the page up, without an id.
    SummaryRows,
    /// Rows of the list without `configuration` and `routing`.
    BriefRows,
    /// A telemetry query that names a channel which is not there is answered 404 as a whole.
    UnknownIdRefused,
    /// An expired or revoked token is answered 403.
    ExpiredForbidden,
    /// A channel without calls reports zeros.
    IdleZeros,
}

impl Oddity {
    /// Every one.
    pub const ALL: [Self; 25] = [
        Self::Bom,
        Self::BadHeaders,
        Self::NotANumber,
        Self::QuotedNumbers,
        Self::NullPriority,
        Self::FractionalPriority,
        Self::MissingPriority,
        Self::EmptyIds,
        Self::HalfSurrogate,
        Self::Cached,
        Self::NodeClock,
        Self::Replica,
        Self::WeakEtag,
        Self::GzipEtag,
        Self::ListFails,
        Self::ListSlow,
        Self::RepeatedRows,
        Self::SkippedRows,
        Self::LoopingNext,
        Self::EndlessNext,
        Self::SummaryRows,
        Self::BriefRows,
        Self::UnknownIdRefused,
        Self::ExpiredForbidden,
        Self::IdleZeros,
    ];

    const fn usual(self) -> Duration {
        match self {
            Self::Cached => Duration::from_secs(24),
            Self::NodeClock => Duration::from_secs(90),
            Self::ListSlow => Duration::from_secs(30),
            _ => Duration::from_secs(10),
        }
    }
}

/// One oddity, how often, of whom, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Odd {
    /// How.
    pub is: Oddity,
    /// The share of requests that meet it, 0 to 1; all where left out.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub share: f64,
    /// For how long; left out: until a `reset`.
    #[serde(default, rename = "for", with = "friendly::optional", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Duration>,
    /// By how much, where it is a matter of time.
    #[serde(default, with = "friendly::optional", skip_serializing_if = "Option::is_none")]
    pub by: Option<Duration>,
    /// Only of this channel; left out: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

impl Odd {
    /// All requests of all channels meet it, until a reset.
    pub const fn always(is: Oddity) -> Self {
        Self { is, share: 1.0, lasts: None, by: None, channel: None }
    }

    /// By how much.
    pub(super) fn by(&self) -> Duration {
        self.by.unwrap_or(self.is.usual())
    }

    /// What it is called in a scenario.
    pub(super) fn words(&self) -> String {
        let name = json!(self.is);
        let of = self.channel.as_ref().map_or(String::new(), |id| format!(" of {id}"));
        let lasts = self.lasts.map_or(String::new(), |d| format!(" for {d:?}"));
        format!("answers{of} are odd: {}{lasts}", name.as_str().unwrap_or_default())
    }
}

const fn all() -> f64 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_all(share: &f64) -> bool {
    *share >= 1.0
}

/// The oddities in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Oddities {
    active: Vec<(Odd, Option<Duration>)>,
    /// Whether priorities or numbers were ever shown oddly: then what comes back like that is what was shown.
    pub(super) lenient: bool,
    seed: u64,
    request: u64,
}

impl Oddities {
    pub(super) fn new(seed: u64, odd: &[Odd]) -> Self {
        let mut oddities = Self { seed, ..Self::default() };
        for odd in odd {
            oddities.begin(Duration::ZERO, odd.clone());
        }
        oddities
    }

    /// As at the start. What was shown oddly may still come back as it was shown.
    pub(super) fn reset(&self, odd: &[Odd]) -> Self {
        let fresh = Self::new(self.seed, odd);
        Self { lenient: self.lenient | fresh.lenient, request: self.request, ..fresh }
    }

    pub(super) fn begin(&mut self, now: Duration, odd: Odd) {
        use Oddity::{FractionalPriority, MissingPriority, NullPriority, QuotedNumbers};
        self.lenient |= matches!(odd.is, FractionalPriority | MissingPriority | NullPriority | QuotedNumbers);
        if self.active.len() >= MAX {
            self.active.remove(0);
        }
        let until = odd.lasts.map(|lasts| now + lasts);
        self.active.push((odd, until));
    }

    /// Another request comes: number `nth`.
    pub(super) fn arrive(&mut self, now: Duration, nth: u64) {
        self.active.retain(|(_, until)| until.is_none_or(|until| now < until));
        self.request = nth;
    }

    /// Whether this request meets it, of `channel` where it is about one.
    pub(super) fn met(&self, is: Oddity, channel: Option<&str>) -> Option<&Odd> {
        self.active.iter().rev().map(|(odd, _)| odd).find(|odd| {
            let dice = || noise::unit(&[self.seed, noise::text("odd"), odd.is as u64, self.request]);
            let whose = odd.channel.is_none() || channel.is_none() || odd.channel.as_deref() == channel;
            odd.is == is && whose && (odd.share >= 1.0 || dice() < odd.share)
        })
    }

    pub(super) fn is(&self, is: Oddity, channel: Option<&str>) -> bool {
        !self.active.is_empty() && self.met(is, channel).is_some()
    }

    /// How far behind a GET of `channel` is, and the `Age` that it admits.
    pub(super) fn behind(&self, now: Duration, channel: Option<&str>) -> (Duration, Option<Duration>) {
        if self.active.is_empty() {
            return (Duration::ZERO, None);
        }
        if let Some(cached) = self.met(Oddity::Cached, channel) {
            let keep = u64::try_from(cached.by().as_millis()).unwrap_or(u64::MAX).max(1);
            let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            let age = Duration::from_millis(now_ms % keep);
            return (age, Some(age));
        }
        (self.met(Oddity::Replica, channel).map_or(Duration::ZERO, Odd::by), None)
    }

    /// A channel's document as it is shown; `None`: as it is.
    pub(super) fn show(&self, text: &Bytes, listed: bool) -> Option<Bytes> {
        if self.active.is_empty() {
            return None;
        }
        let Ok(Value::Object(mut doc)) = serde_json::from_slice::<Value>(text) else { return None };
        let id = doc.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let is = |oddity| self.is(oddity, Some(&id));
        if listed && is(Oddity::BriefRows) {
            doc.remove("configuration");
            doc.remove("routing");
        }
        let priorities = [Oddity::NullPriority, Oddity::FractionalPriority, Oddity::MissingPriority].map(is);
        if let Some(Value::Array(codecs)) = doc.get_mut("configuration").and_then(|c| c.get_mut("codecs")) {
            odd_priorities(codecs, priorities);
        }
        if is(Oddity::EmptyIds)
            && let Some(primary) = doc.get_mut("routing").and_then(|routing| routing.get_mut("primary_channel_id"))
            && primary.as_str() == Some(&id)
        {
            *primary = json!("");
        }
        if is(Oddity::HalfSurrogate)
            && let Some(name) = doc.get_mut("name")
        {
            *name = json!(format!("{}{HALF}", name.as_str().unwrap_or_default()));
        }
        let mut value = Value::Object(doc);
        if is(Oddity::QuotedNumbers) {
            quote(&mut value);
        }
        Some(written(&value))
    }

    /// Telemetry items as they are shown.
    pub(super) fn show_item(&self, channel: &str, item: &mut Value) {
        if self.active.is_empty() {
            return;
        }
        if self.is(Oddity::NotANumber, Some(channel))
            && let Some(latency) = item.get_mut("latency_ms")
        {
            *latency = json!(NOT_A_NUMBER);
        }
        if self.is(Oddity::QuotedNumbers, Some(channel)) {
            quote(item);
        }
    }
}

fn odd_priorities(codecs: &mut [Value], [null, fractional, missing]: [bool; 3]) {
    let last = codecs.len().saturating_sub(1);
    for (n, codec) in codecs.iter_mut().enumerate() {
        let Value::Object(codec) = codec else { continue };
        if null && n == last {
            codec.insert("priority".to_owned(), Value::Null);
        } else if missing && n == last {
            codec.remove("priority");
        } else if fractional && let Some(priority) = codec.get("priority").and_then(Value::as_u64) {
            codec.insert("priority".to_owned(), json!(priority as f64));
        }
    }
}

fn quote(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::String(number.to_string()),
        Value::Array(values) => values.iter_mut().for_each(quote),
        Value::Object(fields) => fields.values_mut().for_each(quote),
        _ => {}
    }
}

/// JSON, but for what stands for something that JSON cannot say.
pub(super) fn written(value: &Value) -> Bytes {
    let text = value.to_string();
    if !text.contains("\\u0001") {
        return Bytes::from(text);
    }
    let escaped = |mark: &str| mark.replace('\u{1}', "\\u0001");
    Bytes::from(text.replace(&format!("\"{}\"", escaped(NOT_A_NUMBER)), "NaN").replace(&escaped(HALF), "\\ud800"))
}

/// Items of zeros: what a line without calls reports.
pub(super) fn zeros(item: &mut Map<String, Value>) {
    for name in ["latency_ms", "jitter_ms", "packet_loss_pct"] {
        if item.contains_key(name) {
            item.insert(name.to_owned(), json!(0));
        }
    }
}
