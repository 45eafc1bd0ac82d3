//! What every endpoint demands of a request, and the schema of channels. Each refusal names the field.

use super::reply::Draft;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const CODECS: [&str; 5] = ["PCMU", "PCMA", "G729", "G722", "OPUS"];
const DTMF: [&str; 3] = ["RFC2833", "INFO", "PULSE"];

type Checked<T = ()> = Result<T, Draft>;

/// A header that is text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Every call must accept JSON.
pub(super) fn accept(headers: &HeaderMap) -> Checked {
    let accepted = header(headers, "accept").unwrap_or("");
    let json = |part: &str| part.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json");
    if accepted.split(',').any(json) { Ok(()) } else { Err(Draft::bad("Accept must be application/json")) }
}

/// The type of a body.
pub(super) fn content_type(headers: &HeaderMap, wanted: &str) -> Checked {
    let given = header(headers, "content-type").unwrap_or("");
    if given.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Draft::bad(format!("Content-Type must be {wanted}")))
    }
}

/// A form's fields, or a query's: each at most once.
pub(super) fn form(body: &[u8]) -> Checked<BTreeMap<String, String>> {
    let text = std::str::from_utf8(body).map_err(|_| Draft::bad("the form is not UTF-8"))?;
    let mut fields = BTreeMap::new();
    for pair in text.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| Draft::bad("the form is malformed"))?;
        let name = decode(&name.replace('+', " "))?;
        let value = decode(&value.replace('+', " "))?;
        if fields.insert(name.clone(), value).is_some() {
            return Err(Draft::bad(format!("the field {name} is there twice")));
        }
    }
    Ok(fields)
}

/// Percent-decodes a part of a path or a form.
pub(super) fn decode(part: &str) -> Checked<String> {
    percent_decode_str(part)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Draft::bad("a percent-encoded part is not UTF-8"))
}

/// A body that must be a JSON object.
pub(super) fn json_body(headers: &HeaderMap, body: &[u8]) -> Checked<Map<String, Value>> {
    content_type(headers, "application/json")?;
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Draft::bad("the body must be a JSON object")),
        Err(e) => Err(Draft::bad(format!("the body is not JSON: line {} column {}", e.line(), e.column()))),
    }
}

/// No field but `known`.
pub(super) fn only(map: &Map<String, Value>, at: &str, known: &[&str]) -> Checked {
    match map.keys().find(|k| !known.contains(&k.as_str())) {
        Some(other) => Err(Draft::bad(format!("{at}{other} is not known"))),
        None => Ok(()),
    }
}

/// A field that must be there.
pub(super) fn required<'a>(map: &'a Map<String, Value>, at: &str, name: &str) -> Checked<&'a Value> {
    map.get(name).ok_or_else(|| Draft::bad(format!("{at}{name} is missing")))
}

/// A value that must be a text.
pub(super) fn text<'a>(value: &'a Value, at: &str) -> Checked<&'a str> {
    value.as_str().ok_or_else(|| Draft::bad(format!("{at} must be a string")))
}

/// A value that must be an object.
pub(super) fn object<'a>(value: &'a Value, at: &str) -> Checked<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| Draft::bad(format!("{at} must be an object")))
}

/// A value that must be an array.
pub(super) fn array<'a>(value: &'a Value, at: &str) -> Checked<&'a [Value]> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| Draft::bad(format!("{at} must be an array")))
}

/// A text out of a closed list.
pub(super) fn one_of(value: &Value, at: &str, list: &[&str]) -> Checked {
    let given = text(value, at)?;
    if list.contains(&given) { Ok(()) } else { Err(Draft::bad(format!("{at} must be one of {}", list.join(", ")))) }
}

fn whole(value: &Value, at: &str, from: u64, to: u64) -> Checked<u64> {
    value
        .as_u64()
        .filter(|n| (from..=to).contains(n))
        .ok_or_else(|| Draft::bad(format!("{at} must be a whole number from {from} to {to}")))
}

/// What a body means that comes back as it was shown oddly: numbers in quotes and `1.0` are numbers, and a codec whose
/// priority is null or missing stands behind the others.
pub(super) fn as_meant(body: &mut Map<String, Value>) {
    if let Some(Value::Object(health)) = body.get_mut("health_check") {
        health.values_mut().for_each(number);
    }
    let Some(Value::Object(configuration)) = body.get_mut("configuration") else { return };
    configuration.get_mut("sip_port").map(number);
    let Some(Value::Array(codecs)) = configuration.get_mut("codecs") else { return };
    let mut codecs: Vec<_> = codecs.iter_mut().filter_map(Value::as_object_mut).collect();
    codecs.iter_mut().filter_map(|codec| codec.get_mut("priority")).for_each(number);
    let last = codecs.iter().filter_map(|codec| codec.get("priority")?.as_u64()).max().unwrap_or(0);
    for (codec, place) in codecs.into_iter().filter(|codec| codec.get("priority").is_none_or(Value::is_null)).zip(1..) {
        codec.insert("priority".to_owned(), Value::from(last + place));
    }
}

fn number(value: &mut Value) {
    let meant = match &*value {
        Value::String(text) => text.parse::<f64>().ok(),
        Value::Number(number) => number.as_f64(),
        _ => None,
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within range")]
    if let Some(whole) = meant.filter(|n| n.fract() == 0.0 && (0.0..1e9).contains(n)) {
        *value = Value::from(whole as u64);
    }
}

/// The body of `POST /api/v2/channels`.
pub(super) fn create(body: &Map<String, Value>, exists: impl Fn(&str) -> bool) -> Checked {
    only(body, "", &["name", "type", "configuration", "routing", "health_check"])?;
    name(required(body, "", "name")?)?;
    one_of(required(body, "", "type")?, "type", &["sip"])?;
    let configuration = object(required(body, "", "configuration")?, "configuration")?;
    for field in ["sip_server", "sip_port", "authentication", "codecs"] {
        required(configuration, "configuration.", field)?;
    }
    configuration_fields(configuration)?;
    let routing = object(required(body, "", "routing")?, "routing")?;
    only(routing, "routing.", &["failover_channels"])?;
    required(routing, "routing.", "failover_channels")?;
    routing_fields(routing, exists, |_| false)?;
    let health = object(required(body, "", "health_check")?, "health_check")?;
    required(health, "health_check.", "interval_seconds")?;
    required(health, "health_check.", "timeout_seconds")?;
    health_fields(health)
}

/// The body of `PATCH /api/v2/channels/{id}`. The one status that a client may set is `active`.
pub(super) fn patch(
    body: &Map<String, Value>,
    exists: impl Fn(&str) -> bool,
    names_already: impl Fn(&str) -> bool,
) -> Checked {
    only(body, "", &["name", "status", "configuration", "routing", "health_check"])?;
    if body.is_empty() {
        return Err(Draft::bad("the body changes nothing"));
    }
    for (field, value) in body {
        match field.as_str() {
            "name" => name(value)?,
            "status" => one_of(value, "status", &["active"])?,
            "configuration" => configuration_fields(object(value, "configuration")?)?,
            "routing" => {
                let routing = object(value, "routing")?;
                only(routing, "routing.", &["failover_channels", "primary_channel_id"])?;
                routing_fields(routing, &exists, &names_already)?;
            }
            _ => health_fields(object(value, "health_check")?)?,
        }
    }
    Ok(())
}

/// Credentials are changed, or not sent: a client that sends back those that the channel has leaked what it should not
/// have kept.
pub(super) fn credentials(body: &Map<String, Value>, channel: &Map<String, Value>) -> Checked {
    let of = |doc: &Map<String, Value>| doc.get("configuration").and_then(|c| c.get("authentication")).cloned();
    match of(body) {
        Some(sent) if Some(&sent) == of(channel).as_ref() => {
            Err(Draft::bad("configuration.authentication is what the channel has already: it is not to be sent back"))
        }
        _ => Ok(()),
    }
}

fn name(value: &Value) -> Checked {
    let length = text(value, "name")?.chars().count();
    if (3..=64).contains(&length) { Ok(()) } else { Err(Draft::bad("name must have 3 to 64 characters")) }
}

fn configuration_fields(map: &Map<String, Value>) -> Checked {
    only(
        map,
        "configuration.",
        &["sip_server", "sip_port", "authentication", "codecs", "dtmf_mode", "rtp_payload_type"],
    )?;
    for (field, value) in map {
        let at = format!("configuration.{field}");
        match field.as_str() {
            "sip_server" => host(text(value, &at)?)?,
            "sip_port" => whole(value, &at, 5060, 5080).map(|_| ())?,
            "authentication" => {
                let map = object(value, &at)?;
                only(map, "configuration.authentication.", &["username", "password"])?;
                for name in ["username", "password"] {
                    text(required(map, "configuration.authentication.", name)?, name)?;
                }
            }
            "codecs" => codecs(array(value, &at)?)?,
            "dtmf_mode" => one_of(value, &at, &DTMF)?,
            _ => text(value, &at).map(|_| ())?,
        }
    }
    Ok(())
}

fn codecs(list: &[Value]) -> Checked {
    if list.is_empty() {
        return Err(Draft::bad("configuration.codecs must name at least one"));
    }
    let mut seen = BTreeSet::new();
    for value in list {
        let at = "configuration.codecs[].";
        let codec = object(value, "configuration.codecs[]")?;
        only(codec, at, &["name", "priority"])?;
        let name = required(codec, at, "name")?;
        one_of(name, "configuration.codecs[].name", &CODECS)?;
        whole(required(codec, at, "priority")?, "configuration.codecs[].priority", 1, 10)?;
        if !seen.insert(name.as_str()) {
            return Err(Draft::bad(format!("configuration.codecs names {name} twice")));
        }
    }
    Ok(())
}

/// A backup that was deleted may stay where it is named already: whoever sends back what was read is not to blame.
fn routing_fields(
    map: &Map<String, Value>,
    exists: impl Fn(&str) -> bool,
    names_already: impl Fn(&str) -> bool,
) -> Checked {
    let there = |value: &Value, at: &str, may_be_gone: bool| {
        let id = text(value, at)?;
        let sound = exists(id) || (may_be_gone && names_already(id));
        if sound { Ok(()) } else { Err(Draft::bad(format!("{at}: there is no channel {id:?}"))) }
    };
    if let Some(ids) = map.get("failover_channels") {
        for id in array(ids, "routing.failover_channels")? {
            there(id, "routing.failover_channels", true)?;
        }
    }
    map.get("primary_channel_id").map_or(Ok(()), |id| there(id, "routing.primary_channel_id", false))
}

fn health_fields(map: &Map<String, Value>) -> Checked {
    only(map, "health_check.", &["interval_seconds", "timeout_seconds"])?;
    let get =
        |name: &str, from, to| map.get(name).map(|v| whole(v, &format!("health_check.{name}"), from, to)).transpose();
    let (interval, timeout) = (get("interval_seconds", 30, 300)?, get("timeout_seconds", 5, 30)?);
    match (interval, timeout) {
        (Some(interval), Some(timeout)) if timeout >= interval => {
            Err(Draft::bad("health_check.timeout_seconds must be below interval_seconds"))
        }
        _ => Ok(()),
    }
}

/// A host name or an address (RFC 1123 labels: letters, digits and inner hyphens).
fn host(text: &str) -> Checked {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        Ok(())
    } else {
        Err(Draft::bad("configuration.sip_server must be a host name"))
    }
}

/// 404 for what is not there.
pub(super) fn not_found(message: impl Into<String>) -> Draft {
    Draft::refuse(StatusCode::NOT_FOUND, "not_found", message)
}
