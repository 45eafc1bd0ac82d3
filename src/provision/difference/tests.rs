//! Differences field by field, and what is none.

use super::super::known::Origin;
use super::*;
use crate::config::{HealthCheck, SecretRef};
use crate::policy::{ChannelId, Policy};
use std::sync::Arc;

fn codec(name: &str, priority: u32) -> Codec {
    Codec { name: name.into(), priority }
}

fn desired() -> Provision {
    Provision {
        tenant: "acme".into(),
        name: "trunk".into(),
        policy: Arc::new(Policy::default()),
        carrier: None,
        sip_server: "sip.carrier.example".into(),
        sip_port: 5060,
        username: "u".into(),
        password: SecretRef::Env("NONE".into()),
        codecs: vec![codec("OPUS", 1), codec("PCMU", 2)],
        failover: Some(vec![ChannelId::from("b")]),
        health_check: Some(HealthCheck::default()),
    }
}

fn as_desired() -> Value {
    json!({
        "id": "a", "name": "trunk", "type": "sip", "status": "healthy",
        "configuration": { "sip_server": "SIP.carrier.example.", "sip_port": 5060,
            "codecs": [{ "name": "PCMU", "priority": 5 }, { "name": "OPUS", "priority": 1 }], "dtmf_mode": "INFO" },
        "routing": { "failover_channels": ["b"], "primary_channel_id": "b" },
        "health_check": { "interval_seconds": 60, "timeout_seconds": 15 },
    })
}

fn user(name: &str, digest: &str) -> Credentials {
    Credentials { username: name.into(), digest: Some(digest.into()) }
}

fn fields(doc: Value, engine: Option<&EngineOrder>) -> Vec<String> {
    let doc = ChannelDoc::from_value(doc, None).unwrap();
    let found = differences(&desired(), &user("u", "d"), None, &doc, engine);
    found.into_iter().map(|d| d.field).collect()
}

#[test]
fn the_case_of_a_host_the_spacing_of_priorities_a_route_and_what_is_not_desired_are_no_differences() {
    assert_eq!(fields(as_desired(), None), Vec::<String>::new());
}

#[test]
fn each_field_is_told_by_its_path() {
    for (path, pointer, value) in [
        (SERVER, "/configuration/sip_server", json!("other.example")),
        (PORT, "/configuration/sip_port", json!(5061)),
        (PORT, "/configuration/sip_port", json!("5061")),
        (
            CODECS,
            "/configuration/codecs",
            json!([{ "name": "PCMU", "priority": 1 }, { "name": "OPUS", "priority": 2 }]),
        ),
        (CODECS, "/configuration/codecs", json!([{ "name": "OPUS", "priority": 1 }])),
        (BACKUPS, "/routing/failover_channels", json!([])),
        (BACKUPS, "/routing/failover_channels", json!(["b", "c"])),
        (INTERVAL, "/health_check/interval_seconds", json!(90)),
        (TIMEOUT, "/health_check/timeout_seconds", json!(5)),
    ] {
        let mut doc = as_desired();
        *doc.pointer_mut(pointer).unwrap() = value;
        assert_eq!(fields(doc, None), [path]);
    }
}

#[test]
fn a_field_that_is_not_shown_or_not_desired_is_not_compared() {
    assert_eq!(fields(json!({ "id": "a" }), None), Vec::<String>::new());
    assert_eq!(fields(json!({ "id": "a", "configuration": { "codecs": null } }), None), Vec::<String>::new());
    assert_eq!(fields(json!({ "id": "a", "routing": {} }), None), [BACKUPS], "an empty list may be left out");
    let other =
        json!({ "id": "a", "routing": { "failover_channels": ["x"] }, "health_check": { "interval_seconds": 99 } });
    let free = Provision { failover: None, health_check: None, ..desired() };
    let doc = ChannelDoc::from_value(other, None).unwrap();
    assert_eq!(differences(&free, &user("u", "d"), None, &doc, None), []);
}

#[test]
fn an_order_that_the_engine_set_is_held_against_what_it_replaced() {
    let pcmu_first = json!([{ "name": "PCMU", "priority": 1 }, { "name": "OPUS", "priority": 2 }]);
    let mut doc = as_desired();
    *doc.pointer_mut("/configuration/codecs").unwrap() = pcmu_first;
    let set = vec![codec("PCMU", 1), codec("OPUS", 2)];
    let ours = EngineOrder { first: vec![codec("OPUS", 1), codec("PCMU", 2)], set: set.clone() };
    assert_eq!(fields(doc.clone(), Some(&ours)), Vec::<String>::new());
    let from_other = EngineOrder { first: vec![codec("G729", 1)], set };
    assert_eq!(fields(doc.clone(), Some(&from_other)), [CODECS], "what it replaced was not as desired either");
    let elsewhere = EngineOrder { first: ours.first, set: vec![codec("G722", 1)] };
    assert_eq!(fields(doc, Some(&elsewhere)), [CODECS], "someone else has changed it since");
}

#[test]
fn credentials_are_held_against_what_was_last_sent_and_a_password_never_shows() {
    let doc = ChannelDoc::from_value(as_desired(), None).unwrap();
    let sent = |credentials: Option<Credentials>| Known {
        seen: std::collections::BTreeSet::default(),
        id: Some("a".into()),
        origin: Some(Origin::Created),
        credentials,
        ..Known::nothing("acme".into(), "trunk".into())
    };
    let of = |known: Option<Credentials>| differences(&desired(), &user("u", "d"), Some(&sent(known)), &doc, None);
    assert_eq!(of(Some(user("u", "d"))), []);
    assert_eq!(of(None), [], "nothing was ever sent");
    assert_eq!(of(Some(Credentials { digest: None, ..user("u", "") })), []);
    let changed = of(Some(user("before", "other")));
    assert_eq!(changed[0], plain(USERNAME, &json!("before"), json!("u")));
    assert_eq!(
        (changed[1].field.as_str(), &changed[1].is, &changed[1].desired),
        (PASSWORD, &Value::Null, &Value::Null)
    );
    assert!(changed[1].sensitive);
}
