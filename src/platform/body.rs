//! Bodies, both ways: the telemetry query as the contract writes it, and answers into channels and pages.
//!
//! Must never: hand on or quote a body that it cannot read (bodies carry SIP passwords), or let a hostile one grow in memory.

use super::channel::{ChannelDoc, ListPage, TelemetryQuery};
use super::raw::{Raw, decode};
use super::transport::Response;
use super::unread::{Malformed, Unread};
use crate::policy::{ChannelId, WallMs};
use bytes::Bytes;
use http::header;
use serde_json::{Value, json};
use std::time::Duration;
use zeroize::Zeroize;

/// Values in one body that is built, at most; each costs many times its bytes.
const MAX_VALUES: usize = 100_000;
/// Rows of one page at most.
const MAX_ROWS: usize = 20_000;
/// Bytes of the name of a page at most.
pub const MAX_TOKEN: usize = 2048;

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
pub fn channel(response: &Response, unread: &mut Unread) -> Result<ChannelDoc, String> {
    let etag = response.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let (text, replaced) = decode(&response.body);
    ChannelDoc::read(document(response, &text)?, etag, replaced, unread)
        .ok_or_else(|| unlike(response, "an object with a string `id`"))
}

/// A page of the list from an answer. A row that is no channel costs itself alone.
pub fn list(response: &Response, unread: &mut Unread) -> Result<ListPage, String> {
    let (text, replaced) = decode(&response.body);
    let picked = document(response, &text)?.pick(["channels", "next"]);
    // Some platforms write an empty list as `null`.
    let Some([Some(rows), next]) = picked.filter(|[rows, _]| rows.is_some_and(|r| r.is_array() || r.is_null())) else {
        return Err(unlike(response, "an object with an array `channels`"));
    };
    let next = page_token(next).ok_or_else(|| unlike(response, "`next` as a string of at most 2048 characters"))?;
    let mut page = ListPage { next, ..ListPage::default() };
    for (n, row) in rows.items().enumerate() {
        let channel = if page.channels.len() < MAX_ROWS { ChannelDoc::read_row(row, replaced, unread) } else { None };
        if let Some(channel) = channel {
            page.channels.push(channel);
        } else {
            unread.note(Malformed::Channel, || format!("channels[{n}]"));
            page.malformed = page.malformed.saturating_add(1);
        }
    }
    Ok(page)
}

/// The next page: `None` where there is none, nothing at all where it is no token.
#[allow(clippy::option_option, reason = "none is an answer, and no token is not")]
pub fn page_token(raw: Option<Raw<'_>>) -> Option<Option<String>> {
    let Some(raw) = raw.filter(|raw| !raw.is_null()) else { return Some(None) };
    let token = match raw.string() {
        Some(text) => text.into_owned(),
        None => raw.number().map(|_| raw.as_str().to_owned())?,
    };
    (token.len() <= MAX_TOKEN).then(|| Some(token).filter(|token| !token.is_empty()))
}

/// The body as it was written; where it breaks otherwise.
pub fn document<'a>(response: &Response, text: &'a str) -> Result<Raw<'a>, String> {
    Raw::document(text).map_err(|at| {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        unlike(response, &format!("JSON (it breaks at line {line}, column {column})"))
    })
}

/// The body, built: for answers that are small.
pub fn json(response: &Response) -> Result<Value, String> {
    if response.body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() > MAX_VALUES {
        return Err(unlike(response, "fewer than 100000 values"));
    }
    let (text, _) = decode(&response.body);
    document(response, &text).map(Raw::value)
}

/// Overwrites a body that may hold passwords, where nobody else holds it.
pub fn wipe(body: Bytes) {
    if let Ok(mut bytes) = body.try_into_mut() {
        bytes.as_mut().zeroize();
    }
}

pub fn unlike(response: &Response, expected: &str) -> String {
    let kind = response.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("none");
    let kind: String = kind.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(60).collect();
    let (status, length) = (response.status.as_u16(), response.body.len());
    format!(
        "{status}: the answer ({length} bytes, content type {kind}) is not {expected}; is base_url the platform's API?"
    )
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
