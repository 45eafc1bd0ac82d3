//! Desired state on the wire: the body of a creation, and of a change that keeps what stands beside it. Pure.

use super::difference::{BACKUPS, CODECS, Difference, INTERVAL, PASSWORD, PORT, SERVER, TIMEOUT, USERNAME};
use crate::config::Provision;
use crate::platform::ChannelDoc;
use crate::supervisor::codecs_as_read;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

/// The body of `POST`: the whole channel, with its password.
pub fn creation(desired: &Provision, password: &SecretString) -> Value {
    let check = desired.health_check.unwrap_or_default();
    json!({
        "name": desired.name,
        "type": "sip",
        "configuration": {
            "sip_server": desired.sip_server,
            "sip_port": desired.sip_port,
            "authentication": authentication(desired, password),
            "codecs": desired.codecs,
        },
        "routing": { "failover_channels": desired.failover.clone().unwrap_or_default() },
        "health_check": {
            "interval_seconds": check.interval_seconds,
            "timeout_seconds": check.timeout_seconds,
        },
    })
}

/// The body of `PATCH` that brings `differences` about, everything beside them as read: platforms merge or replace
/// sub-objects. Credentials are sent whole or not at all; without `password` they are not.
pub fn change(
    desired: &Provision,
    password: Option<&SecretString>,
    doc: &ChannelDoc,
    differences: &[Difference],
) -> Value {
    let mut body = Map::new();
    let mut set = |object: &str, field: &str, value: Value| {
        let as_read = || doc.field(object).and_then(Value::as_object).cloned().unwrap_or_default();
        if let Value::Object(fields) = body.entry(object).or_insert_with(|| Value::Object(as_read())) {
            fields.insert(field.to_owned(), value);
        }
    };
    for difference in differences {
        match difference.field.as_str() {
            SERVER => set("configuration", "sip_server", json!(desired.sip_server)),
            PORT => set("configuration", "sip_port", json!(desired.sip_port)),
            CODECS => set("configuration", "codecs", codecs_as_read(doc, &desired.codecs)),
            BACKUPS => set("routing", "failover_channels", json!(desired.failover.clone().unwrap_or_default())),
            INTERVAL | TIMEOUT => {
                let check = desired.health_check.unwrap_or_default();
                set("health_check", "interval_seconds", json!(check.interval_seconds));
                set("health_check", "timeout_seconds", json!(check.timeout_seconds));
            }
            USERNAME | PASSWORD => {
                if let Some(password) = password {
                    set("configuration", "authentication", authentication(desired, password));
                }
            }
            _ => {}
        }
    }
    Value::Object(body)
}

fn authentication(desired: &Provision, password: &SecretString) -> Value {
    json!({ "username": desired.username, "password": password.expose_secret() })
}

#[cfg(test)]
mod tests;
