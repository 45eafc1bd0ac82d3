//! How a channel differs from the desired one, field by field. Pure.
//!
//! Not desired, and so never a difference: the route (`primary_channel_id`), the status, and a codec order that the
//! engine set itself. A field that the platform does not show is not compared.

use super::known::{Credentials, Known};
use crate::config::Provision;
use crate::platform::{ChannelDoc, Raw};
use crate::policy::{ChannelView, Codec, ranked};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub const SERVER: &str = "configuration.sip_server";
pub const PORT: &str = "configuration.sip_port";
pub const USERNAME: &str = "configuration.authentication.username";
pub const PASSWORD: &str = "configuration.authentication.password";
pub const CODECS: &str = "configuration.codecs";
pub const BACKUPS: &str = "routing.failover_channels";
pub const INTERVAL: &str = "health_check.interval_seconds";
pub const TIMEOUT: &str = "health_check.timeout_seconds";

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its path in the platform's document.
    pub field: String,
    /// What the platform shows, or was last given; null: nothing, or it is secret.
    pub is: Value,
    /// What is desired; null where it is secret.
    pub desired: Value,
    /// Whether the value is secret.
    pub sensitive: bool,
}

impl Difference {
    /// The password; its values are never shown.
    pub(super) fn password() -> Self {
        Self { field: PASSWORD.to_owned(), is: Value::Null, desired: Value::Null, sensitive: true }
    }
}

/// A codec order that the engine set, and what it replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOrder {
    /// The order as read before.
    pub first: Vec<Codec>,
    /// What was set.
    pub set: Vec<Codec>,
}

/// The fields in which `doc` differs from what is desired. `now` is the desired user with the password's digest.
pub fn differences(
    desired: &Provision,
    now: &Credentials,
    known: Option<&Known>,
    doc: &ChannelDoc,
    engine: Option<&EngineOrder>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let shown = |object: &str, field: &str| doc.field(object, field);
    if let Some(is) = shown("configuration", "sip_server")
        && !is.as_str().is_some_and(|is| same_host(is, &desired.sip_server))
    {
        found.push(plain(SERVER, &is, json!(desired.sip_server)));
    }
    if let Some(is) = shown("configuration", "sip_port").filter(|is| whole(is) != Some(desired.sip_port.into())) {
        found.push(plain(PORT, &is, json!(desired.sip_port)));
    }
    if shown("configuration", "codecs").is_some() {
        // By name and in order: a codec that is missing differs too, which the engine's `has_order` lets pass.
        let read = doc.view().codecs.unwrap_or_default();
        let unchanged = engine.filter(|engine| ranked(&engine.set) == ranked(&read)).map(|engine| &engine.first);
        if ranked(unchanged.unwrap_or(&read)) != ranked(&desired.codecs) {
            found.push(plain(CODECS, &json!(read), json!(desired.codecs)));
        }
    }
    found.extend(credentials(now, known.and_then(|known| known.credentials.as_ref())));
    let configured = shown("configuration", "sip_server").is_some() || shown("configuration", "codecs").is_some();
    let lost = known.is_some_and(|known| known.shown) && configured && !has_credentials(&doc.view());
    if lost && !found.iter().any(|d| d.field == PASSWORD) {
        found.push(Difference::password());
    }
    if let (Some(backups), Some(_)) = (&desired.failover, doc.as_read("routing").raw()) {
        let is = doc.view().failover.unwrap_or_default();
        if is != *backups {
            found.push(plain(BACKUPS, &json!(is), json!(backups)));
        }
    }
    if let Some(check) = desired.health_check {
        for (path, field, wanted) in [
            (INTERVAL, "interval_seconds", check.interval_seconds),
            (TIMEOUT, "timeout_seconds", check.timeout_seconds),
        ] {
            if let Some(is) = shown("health_check", field).filter(|is| whole(is) != Some(wanted.into())) {
                found.push(plain(path, &is, json!(wanted)));
            }
        }
    }
    found
}

/// The fields that a missing channel is created with.
pub fn at_creation(desired: &Provision) -> Vec<Difference> {
    let check = desired.health_check.unwrap_or_default();
    let new = |field, value| plain(field, &Value::Null, value);
    vec![
        new(SERVER, json!(desired.sip_server)),
        new(PORT, json!(desired.sip_port)),
        new(USERNAME, json!(desired.username)),
        Difference::password(),
        new(CODECS, json!(desired.codecs)),
        new(BACKUPS, json!(desired.failover.clone().unwrap_or_default())),
        new(INTERVAL, json!(check.interval_seconds)),
        new(TIMEOUT, json!(check.timeout_seconds)),
    ]
}

/// The platform does not show credentials, so the desired ones are compared with those last sent.
fn credentials(now: &Credentials, sent: Option<&Credentials>) -> Vec<Difference> {
    let Some(sent) = sent else { return Vec::new() };
    let mut found = Vec::new();
    if sent.username != now.username {
        found.push(plain(USERNAME, &json!(sent.username), json!(now.username)));
    }
    if let (Some(before), Some(after)) = (&sent.digest, &now.digest)
        && before != after
    {
        found.push(Difference::password());
    }
    found
}

/// Whether the platform shows that there are a user and a password, without their values.
pub fn has_credentials(view: &ChannelView) -> bool {
    view.authentication.is_some_and(|there| there.user.is_some() && there.password)
}

fn plain(field: &str, is: &Value, desired: Value) -> Difference {
    Difference { field: field.to_owned(), is: short(is), desired, sensitive: false }
}

/// The platform's value where it is as short as such values are; its type otherwise.
fn short(is: &Value) -> Value {
    match is {
        Value::String(text) => {
            json!(text.chars().map(|c| if c.is_control() { '?' } else { c }).take(255).collect::<String>())
        }
        Value::Array(_) if is.to_string().len() <= 4096 => is.clone(),
        Value::Array(items) => json!(format!("{} items", items.len())),
        Value::Object(_) => json!("an object"),
        other => other.clone(),
    }
}

/// A whole number, however it is written: `1`, `1.0`, `"1"`.
fn whole(value: &Value) -> Option<u64> {
    Raw::document(&value.to_string()).ok()?.whole()
}

/// Host names are compared as DNS does: whatever the case, with or without the root's dot.
fn same_host(a: &str, b: &str) -> bool {
    let bare = |host: &str| host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    bare(a) == bare(b)
}

#[cfg(test)]
mod tests;
