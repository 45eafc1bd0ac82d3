//! Desired state on the wire: the body of a creation, and of a change that keeps what stands beside it. Pure.

use super::difference::{BACKUPS, CODECS, Difference, INTERVAL, PASSWORD, PORT, SERVER, TIMEOUT, USERNAME};
use crate::config::Provision;
use crate::platform::{Body, ChannelDoc, codecs_as, quoted};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
/// sub-objects. Credentials are sent whole or not at all; without `password` they are not. Where it cannot be all that was
/// read, there is none; why.
pub fn change(
    desired: &Provision,
    password: Option<&SecretString>,
    doc: &ChannelDoc,
    differences: &[Difference],
) -> Result<Body, String> {
    let mut parts: BTreeMap<&str, Vec<(&str, String)>> = BTreeMap::new();
    let mut set = |object, field, value: String| {
        let fields = parts.entry(object).or_default();
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
    };
    for difference in differences {
        match difference.field.as_str() {
            SERVER => set("configuration", "sip_server", quoted(&desired.sip_server)),
            PORT => set("configuration", "sip_port", desired.sip_port.to_string()),
            CODECS => set("configuration", "codecs", codecs(doc, desired)),
            BACKUPS => {
                set("routing", "failover_channels", json!(desired.failover.clone().unwrap_or_default()).to_string());
            }
            INTERVAL | TIMEOUT => {
                let check = desired.health_check.unwrap_or_default();
                set("health_check", "interval_seconds", check.interval_seconds.to_string());
                set("health_check", "timeout_seconds", check.timeout_seconds.to_string());
            }
            USERNAME | PASSWORD => {
                if let Some(password) = password {
                    set("configuration", "authentication", authentication(desired, password).to_string());
                }
            }
            _ => {}
        }
    }
    doc.change(&[], &parts.into_iter().collect::<Vec<_>>())
}

fn codecs(doc: &ChannelDoc, desired: &Provision) -> String {
    codecs_as(doc.as_read("configuration").raw().and_then(|part| part.get("codecs")), &desired.codecs)
}

fn authentication(desired: &Provision, password: &SecretString) -> Value {
    json!({ "username": desired.username, "password": password.expose_secret() })
}

#[cfg(test)]
mod tests;
