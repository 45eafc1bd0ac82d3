//! What an answer means, however it is written: the oracle reads as leniently as the product has to, by code of its own.

use serde_json::Value;
use std::time::Duration;
use trunkwarden::platform::Response;

/// A body as JSON, without what careless serialisers add to it; `None`: it is none.
pub fn json(body: &[u8]) -> Option<Value> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).ok().or_else(|| {
        let text = std::str::from_utf8(body).ok()?;
        serde_json::from_str(&text.replace("\\ud800", "").replace(":NaN", ":null")).ok()
    })
}

/// Whether the platform itself says that there is nothing: what a gateway says in its place is a page.
pub fn is_missing(answer: &Response) -> bool {
    answer.status.as_u16() == 404 && (answer.body.is_empty() || json(&answer.body).is_some())
}

/// How old an answer is that a cache has kept.
pub fn age(answer: &Response) -> Duration {
    let age = answer.headers.get("age").and_then(|age| age.to_str().ok()).and_then(|age| age.parse().ok());
    Duration::from_secs(age.unwrap_or(0))
}

/// A whole number, as `1`, `1.0` or `"1"`.
pub fn number(value: &Value) -> Option<u64> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    (number.fract() == 0.0 && (0.0..1e9).contains(&number)).then_some(number as u64)
}

/// Where traffic goes, by a document that tells; no id is no other channel.
pub fn route<'a>(id: &'a str, document: &'a Value) -> &'a str {
    document["routing"]["primary_channel_id"].as_str().filter(|to| !to.trim().is_empty()).unwrap_or(id)
}

/// Names of codecs, the preferred one first; one without a place stands behind the others.
pub fn codecs(document: &Value) -> Vec<String> {
    let listed = document["configuration"]["codecs"].as_array();
    let mut listed: Vec<(u64, String)> = listed
        .into_iter()
        .flatten()
        .filter_map(|c| Some((number(&c["priority"]).unwrap_or(u64::MAX), c["name"].as_str()?.to_owned())))
        .collect();
    listed.sort_by_key(|(place, _)| *place);
    listed.into_iter().map(|(_, name)| name).collect()
}

/// Whether a document has this order of codecs; one without a place stands in none.
pub fn has_order(document: &Value, order: &[String]) -> bool {
    let mut read = document.clone();
    if let Some(listed) = read["configuration"]["codecs"].as_array_mut() {
        listed.retain(|codec| number(&codec["priority"]).is_some());
    }
    let read = codecs(&read);
    let wanted = order.iter().filter(|name| read.contains(name));
    read.first() == order.first() && read.iter().filter(|name| order.contains(name)).eq(wanted)
}

/// What of `read` is not in `sent`, by value: a change must not take along what it was not about.
pub fn lost<'a>(read: &'a Value, sent: &Value) -> Option<&'a str> {
    let read = read.as_object()?;
    read.iter()
        .find(|(name, value)| name.as_str() != "authentication" && !same(value, &sent[name.as_str()]))
        .map(|(name, _)| name.as_str())
}

fn same(read: &Value, sent: &Value) -> bool {
    read == sent || number(read).is_some_and(|n| number(sent) == Some(n))
}
