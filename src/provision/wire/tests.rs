//! The bodies: a creation in full, a change with everything beside it as read.

use super::*;
use crate::config::{HealthCheck, SecretRef};
use crate::policy::{ChannelId, Codec, Policy};
use std::sync::Arc;

fn desired() -> Provision {
    Provision {
        tenant: "acme".into(),
        name: "trunk".into(),
        policy: Arc::new(Policy::default()),
        carrier: None,
        sip_server: "sip.example".into(),
        sip_port: 5070,
        username: "u".into(),
        password: SecretRef::Env("NONE".into()),
        codecs: vec![Codec { name: "OPUS".into(), priority: 1 }],
        failover: None,
        health_check: None,
    }
}

fn differs(fields: &[&str]) -> Vec<Difference> {
    let one = |field: &&str| Difference {
        field: (*field).to_owned(),
        is: Value::Null,
        desired: Value::Null,
        sensitive: false,
    };
    fields.iter().map(one).collect()
}

fn sent(desired: &Provision, password: Option<&SecretString>, doc: &ChannelDoc, differs: &[Difference]) -> Value {
    serde_json::from_str(change(desired, password, doc, differs).unwrap().as_str()).unwrap()
}

fn doc() -> ChannelDoc {
    let value = json!({
        "id": "a",
        "configuration": { "sip_server": "old.example", "sip_port": 5060, "region": "east",
            "authentication": { "username": "u", "password": "canary" },
            "codecs": [{ "name": "OPUS", "priority": 2, "ptime": 20 }] },
        "routing": { "failover_channels": ["b"], "primary_channel_id": "a", "weight": 3 },
        "health_check": { "interval_seconds": 90, "timeout_seconds": 10, "method": "OPTIONS" },
    });
    ChannelDoc::from_value(value, None).unwrap()
}

#[test]
fn a_creation_has_every_field_of_the_contract() {
    let body = creation(&desired(), &SecretString::from("secret"));
    assert_eq!(
        body,
        json!({
            "name": "trunk", "type": "sip",
            "configuration": { "sip_server": "sip.example", "sip_port": 5070,
                "authentication": { "username": "u", "password": "secret" },
                "codecs": [{ "name": "OPUS", "priority": 1 }] },
            "routing": { "failover_channels": [] },
            "health_check": { "interval_seconds": 60, "timeout_seconds": 15 },
        })
    );
}

#[test]
fn a_change_carries_what_stands_beside_it_and_no_credentials() {
    let body = sent(&desired(), None, &doc(), &differs(&[SERVER, CODECS]));
    assert_eq!(
        body,
        json!({ "configuration": { "sip_server": "sip.example", "sip_port": 5060, "region": "east",
            "codecs": [{ "name": "OPUS", "priority": 1, "ptime": 20 }] } })
    );
}

#[test]
fn a_route_is_sent_as_read_and_objects_without_a_difference_are_not_sent() {
    let wanted = Provision {
        failover: Some(vec![ChannelId::from("c")]),
        health_check: Some(HealthCheck { interval_seconds: 30, timeout_seconds: 5 }),
        ..desired()
    };
    let body = sent(&wanted, None, &doc(), &differs(&[BACKUPS, TIMEOUT]));
    assert_eq!(
        body,
        json!({ "routing": { "failover_channels": ["c"], "primary_channel_id": "a", "weight": 3 },
                "health_check": { "interval_seconds": 30, "timeout_seconds": 5, "method": "OPTIONS" } })
    );
}

#[test]
fn credentials_are_sent_whole_where_either_changed() {
    let body = sent(&desired(), Some(&SecretString::from("new")), &doc(), &differs(&[PASSWORD]));
    assert_eq!(body["configuration"]["authentication"], json!({ "username": "u", "password": "new" }));
    assert_eq!(body["configuration"]["region"], "east");
}
