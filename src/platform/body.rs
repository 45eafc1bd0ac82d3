//! Bodies, both ways: the telemetry query as the contract writes it, and answers into channels, pages and samples.
//!
//! Must never: hand on or quote a body that it cannot read (bodies carry SIP passwords), or let a hostile one grow in memory.

use super::channel::{ChannelDoc, ListPage, TelemetryAnswer, TelemetryQuery};
use super::transport::Response;
use crate::policy::{ChannelId, Sample, WallMs};
use axum::http::header;
use serde_json::{Value, json};
use std::time::Duration;

/// Values in one body at most; each costs many times its bytes once parsed.
const MAX_VALUES: usize = 500_000;

/// The telemetry query's body.
pub fn telemetry_query(query: &TelemetryQuery) -> Value {
    let channels: Vec<&str> = query.channels.iter().map(ChannelId::as_str).collect();
    json!({
        "interval": interval(query.bucket),
        "metrics": ["latency_ms", "jitter_ms", "packet_loss_pct"],
        "dimension": "channelId",
        "filter": {"type": "and", "clauses": [
            {"dimension": "channelId", "selector": "eq", "values": channels},
            {"dimension": "conversationType", "selector": "eq", "values": ["voice"]},
        ]},
        "from": seconds(query.from),
        "to": seconds(query.to),
    })
}

/// A channel from an answer. The error says length, content type and place, never content.
pub fn channel(response: &Response) -> Result<ChannelDoc, String> {
    let etag = response.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    ChannelDoc::from_value(json(response)?, etag).ok_or_else(|| unlike(response, "an object with a text `id`"))
}

/// A page of the list from an answer.
pub fn list(response: &Response) -> Result<ListPage, String> {
    let mut value = json(response)?;
    let Some(Value::Array(entries)) = value.get_mut("channels").map(Value::take) else {
        return Err(unlike(response, "an object with an array `channels`"));
    };
    let next = match value.get("next") {
        None | Some(Value::Null) => None,
        Some(Value::String(next)) => (!next.is_empty()).then(|| next.clone()),
        Some(Value::Number(next)) => Some(next.to_string()),
        Some(_) => return Err(unlike(response, "`next` as text")),
    };
    let mut page = ListPage { next, ..ListPage::default() };
    for entry in entries {
        match ChannelDoc::from_row(entry) {
            Some(channel) => page.channels.push(channel),
            None => page.malformed = page.malformed.saturating_add(1),
        }
    }
    Ok(page)
}

/// Telemetry from an answer.
pub fn telemetry(response: &Response) -> Result<TelemetryAnswer, String> {
    let value = json(response)?;
    let Some(Value::Array(items)) = value.get("metrics") else {
        return Err(unlike(response, "an object with an array `metrics`"));
    };
    let mut answer = TelemetryAnswer::default();
    for value in items {
        match item(value) {
            Some(item) => answer.items.push(item),
            None => answer.malformed = answer.malformed.saturating_add(1),
        }
    }
    Ok(answer)
}

/// The body as JSON; nesting is bounded by serde_json.
pub fn json(response: &Response) -> Result<Value, String> {
    if response.body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() > MAX_VALUES {
        return Err(unlike(response, "fewer than 500000 values"));
    }
    serde_json::from_slice(&response.body).map_err(|error| {
        let place = format!("JSON (it breaks at line {}, column {})", error.line(), error.column());
        unlike(response, &place)
    })
}

fn unlike(response: &Response, expected: &str) -> String {
    let kind = response.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("none");
    let kind: String = kind.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(60).collect();
    let (status, length) = (response.status.as_u16(), response.body.len());
    format!(
        "{status}: the answer ({length} bytes, content type {kind}) is not {expected}; is base_url the platform's API?"
    )
}

fn item(value: &Value) -> Option<(Option<ChannelId>, Sample)> {
    let fields = value.as_object()?;
    let text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text.as_str())),
        Some(_) => None,
    };
    let at = match text("timestamp")? {
        None => None,
        Some(text) => Some(WallMs(text.parse::<jiff::Timestamp>().ok()?.as_millisecond())),
    };
    let number = |name: &str| fields.get(name).and_then(Value::as_f64);
    let sample = Sample {
        at,
        latency_ms: number("latency_ms"),
        jitter_ms: number("jitter_ms"),
        packet_loss_pct: number("packet_loss_pct"),
    };
    Some((text("channelId")?.map(ChannelId::from), sample))
}

fn interval(bucket: Duration) -> String {
    let millis = bucket.as_millis();
    if millis.is_multiple_of(60_000) {
        format!("{}m", millis / 60_000)
    } else if millis.is_multiple_of(1000) {
        format!("{}s", millis / 1000)
    } else {
        format!("{millis}ms")
    }
}

fn seconds(wall: WallMs) -> String {
    jiff::Timestamp::from_second(wall.0.div_euclid(1000)).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}
