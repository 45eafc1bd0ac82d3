//! One channel of the model: its document, what its media is like, and how it looked a while ago.
//!
//! Owns the truth about the channel. Must never show a PATCHed status as the truth: it is an echo that ends with the next
//! health tick.

use super::noise;
use super::scenario::ChannelSpec;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

/// The beginning of every SIP password of the model: whoever finds it in a log, a journal or an export has found a leak.
pub const CANARY: &str = "canary-sip-password";

/// Documents kept for a list that lags.
const HISTORY: usize = 16;
/// Spells of other media kept.
const SPELLS: usize = 64;
/// Buckets whose noise is kept: more than a query's window, so that each is drawn once.
const NOISE: usize = 64;

/// What a channel's media is like: the middle around which the telemetry varies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// One-way latency in milliseconds.
    pub latency_ms: f64,
    /// Jitter in milliseconds.
    pub jitter_ms: f64,
    /// Packet loss in percent.
    pub loss_pct: f64,
}

/// A time during which an incident made the media otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spell {
    pub(super) from: Duration,
    pub(super) to: Option<Duration>,
    pub(super) latency_ms: Option<f64>,
    pub(super) jitter_ms: Option<f64>,
    pub(super) loss_pct: Option<f64>,
}

/// One channel, as it truly is.
#[derive(Clone, Debug)]
pub struct ChannelState {
    pub(super) id: String,
    /// The document, with the true status.
    pub(super) doc: Map<String, Value>,
    pub(super) echo: Option<(Duration, String)>,
    pub(super) version: u64,
    pub(super) quality: Quality,
    pub(super) idle: bool,
    pub(super) stream: u64,
    pub(super) spells: VecDeque<Spell>,
    /// When a client created it; zero: it has always been there.
    pub(super) born: Duration,
    /// The document as text, once somebody has asked for it.
    text: OnceLock<Bytes>,
    /// The noise of buckets asked for lately, each with its number.
    noise: VecDeque<(u64, [f64; 3])>,
    /// Earlier documents, each with the time at which it was replaced; the oldest first.
    history: VecDeque<(Duration, Map<String, Value>)>,
}

impl ChannelState {
    pub(super) fn new(seed: u64, spec: &ChannelSpec, failover: &[String]) -> Self {
        let id = spec.id.clone();
        let stream = noise::text(&id);
        let draw = |what: u64, low: f64, high: f64| low + (high - low) * noise::unit(&[seed, stream, what]);
        let quality = Quality {
            latency_ms: spec.latency_ms.unwrap_or_else(|| draw(1, 25.0, 60.0)),
            jitter_ms: spec.jitter_ms.unwrap_or_else(|| draw(2, 2.0, 8.0)),
            loss_pct: spec.loss_pct.unwrap_or_else(|| draw(3, 0.02, 0.3)),
        };
        let names = spec.codecs.clone().unwrap_or_else(|| ["OPUS", "G729", "PCMU"].map(str::to_owned).to_vec());
        let codecs: Vec<Value> =
            names.iter().zip(1..).map(|(name, priority)| json!({ "name": name, "priority": priority })).collect();
        let doc = json!({
            "id": id,
            "name": spec.name.clone().unwrap_or_else(|| format!("sim-voice-trunk-{id}")),
            "type": "sip",
            "status": spec.status.as_deref().unwrap_or("healthy"),
            "configuration": {
                "sip_server": "sip.carrier.example",
                "sip_port": 5060,
                "authentication": { "username": format!("trunk_{id}"), "password": format!("{CANARY}-{id}") },
                "codecs": codecs,
                "dtmf_mode": "RFC2833",
                "rtp_payload_type": "dynamic",
            },
            "routing": { "failover_channels": failover, "primary_channel_id": id },
            "health_check": { "interval_seconds": 60, "timeout_seconds": 15 },
        });
        Self::from_doc(id, object(doc), quality, spec.idle)
    }

    pub(super) fn from_doc(id: String, doc: Map<String, Value>, quality: Quality, idle: bool) -> Self {
        let stream = noise::text(&id);
        Self {
            id,
            doc,
            echo: None,
            version: 1,
            quality,
            idle,
            stream,
            spells: VecDeque::new(),
            born: Duration::ZERO,
            text: OnceLock::new(),
            noise: VecDeque::new(),
            history: VecDeque::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its true status, whatever a PATCH has said.
    pub fn status(&self) -> &str {
        self.doc.get("status").and_then(Value::as_str).unwrap_or("")
    }

    /// Where its traffic goes: its own id, or another's.
    pub fn primary(&self) -> &str {
        self.doc.get("routing").and_then(|r| r.get("primary_channel_id")).and_then(Value::as_str).unwrap_or(&self.id)
    }

    /// Its backups, in order.
    pub fn backups(&self) -> impl Iterator<Item = &str> {
        let named = self.doc.get("routing").and_then(|r| r.get("failover_channels")).and_then(Value::as_array);
        named.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Its codecs, the preferred one first.
    pub fn codecs(&self) -> Vec<String> {
        let listed = self.doc.get("configuration").and_then(|c| c.get("codecs")).and_then(Value::as_array);
        let mut codecs: Vec<(u64, String)> = listed
            .into_iter()
            .flatten()
            .filter_map(|c| Some((c.get("priority")?.as_u64()?, c.get("name")?.as_str()?.to_owned())))
            .collect();
        codecs.sort();
        codecs.into_iter().map(|(_, name)| name).collect()
    }

    /// The whole document, the SIP password included.
    pub fn document(&self) -> &Map<String, Value> {
        &self.doc
    }

    /// How often it was changed, from 1.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn etag(&self) -> String {
        format!("\"{}-{}\"", self.id, self.version)
    }

    /// As a single GET shows it: JSON.
    pub(super) fn shown(&self, now: Duration) -> Bytes {
        match self.echo.as_ref().filter(|(until, _)| now < *until) {
            None => self.text.get_or_init(|| text(&self.doc)).clone(),
            Some((_, echo)) => {
                let mut doc = self.doc.clone();
                doc.insert("status".to_owned(), Value::from(echo.clone()));
                text(&doc)
            }
        }
    }

    /// As a list shows it that is `lag` behind.
    pub(super) fn shown_late(&self, now: Duration, lag: Duration) -> Bytes {
        let seen = now.saturating_sub(lag);
        match self.history.iter().find(|(replaced, _)| !lag.is_zero() && *replaced > seen) {
            Some((_, doc)) => text(doc),
            None => self.shown(now),
        }
    }

    /// The noise of bucket `step`: standard normal, one for each of latency, jitter and loss.
    pub(super) fn noise(&mut self, seed: u64, step: u64) -> [f64; 3] {
        if let Some((_, known)) = self.noise.iter().find(|(of, _)| *of == step) {
            return *known;
        }
        let drawn = [1, 2, 3].map(|what| noise::ar1(seed ^ what, self.stream, step));
        if self.noise.len() >= NOISE {
            self.noise.pop_front();
        }
        self.noise.push_back((step, drawn));
        drawn
    }

    /// Changes the document; what it was is kept for a while.
    pub(super) fn change(&mut self, now: Duration, change: impl FnOnce(&mut Map<String, Value>)) {
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((now, self.doc.clone()));
        change(&mut self.doc);
        self.text = OnceLock::new();
        self.version += 1;
    }

    pub(super) fn set_status(&mut self, now: Duration, status: &str) {
        self.change(now, |doc| {
            doc.insert("status".to_owned(), Value::from(status));
        });
    }

    pub(super) fn set_primary(&mut self, now: Duration, to: &str) {
        self.change(now, |doc| {
            let routing = doc.entry("routing").or_insert_with(|| json!({}));
            if let Value::Object(routing) = routing {
                routing.insert("primary_channel_id".to_owned(), Value::from(to));
            }
        });
    }

    /// Another spell begins: the one before it ends.
    pub(super) fn begin_spell(&mut self, spell: Spell) {
        for earlier in &mut self.spells {
            earlier.to = Some(earlier.to.map_or(spell.from, |to| to.min(spell.from)));
        }
        if self.spells.len() >= SPELLS {
            self.spells.pop_front();
        }
        self.spells.push_back(spell);
    }

    /// Its media at a moment, before noise.
    pub(super) fn quality_at(&self, at: Duration) -> Quality {
        let spell = self.spells.iter().rev().find(|s| s.from <= at && s.to.is_none_or(|to| at < to));
        let own = self.quality;
        match spell {
            None => own,
            Some(s) => Quality {
                latency_ms: s.latency_ms.unwrap_or(own.latency_ms),
                jitter_ms: s.jitter_ms.unwrap_or(own.jitter_ms),
                loss_pct: s.loss_pct.unwrap_or(own.loss_pct),
            },
        }
    }
}

fn text(doc: &Map<String, Value>) -> Bytes {
    // Keys are text and numbers finite: this cannot fail.
    Bytes::from(serde_json::to_vec(doc).unwrap_or_default())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
