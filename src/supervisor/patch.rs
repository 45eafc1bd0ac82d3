//! What a change looks like on the wire, and how a read-back is held against it.
//!
//! Platforms merge or replace sub-objects, so a body carries what must stay, as read; never `authentication`, which a
//! [`ChannelDoc`] does not even hold.

use crate::platform::ChannelDoc;
use crate::policy::{ActionKind, Codec};
use serde_json::{Map, Value, json};

/// The `PATCH` body for a change of a channel that was last read as `doc`.
pub fn body(kind: &ActionKind, doc: &ChannelDoc) -> Value {
    match kind {
        ActionKind::Failover { to, .. } => json!({ "status": "active", "routing": routing(doc, to.as_str()) }),
        ActionKind::Failback { .. } => json!({ "routing": routing(doc, doc.id().as_str()) }),
        ActionKind::Codec { order, dtmf_mode, rtp_payload_type, .. } => {
            let view = doc.view();
            let mut configuration = Map::new();
            configuration.insert("codecs".into(), codecs(doc, order));
            for (name, value) in [
                ("dtmf_mode", dtmf_mode.clone().or(view.dtmf_mode)),
                ("rtp_payload_type", rtp_payload_type.clone().or(view.rtp_payload_type)),
            ] {
                if let Some(value) = value {
                    configuration.insert(name.into(), value.into());
                }
            }
            json!({ "configuration": configuration })
        }
    }
}

/// Whether `doc` shows the change.
pub fn shows(kind: &ActionKind, doc: &ChannelDoc) -> bool {
    let view = doc.view();
    match kind {
        ActionKind::Failover { to, .. } => view.primary.as_ref() == Some(to),
        ActionKind::Failback { .. } => !view.unrouted && view.primary.is_none_or(|primary| primary == *doc.id()),
        ActionKind::Codec { order, .. } => view.has_order(order) == Some(true),
    }
}

/// Fields that stood beside the change in `before` and are gone or different in `after`, as JSON paths.
pub fn siblings_lost(kind: &ActionKind, before: &ChannelDoc, after: &ChannelDoc) -> Vec<String> {
    let (object, changed): (_, &[&str]) = match kind {
        ActionKind::Failover { .. } | ActionKind::Failback { .. } => ("routing", &["primary_channel_id"]),
        ActionKind::Codec { .. } => ("configuration", &["codecs", "dtmf_mode", "rtp_payload_type"]),
    };
    let Some(Value::Object(before)) = before.field(object) else { return Vec::new() };
    before
        .iter()
        .filter(|(name, _)| !changed.contains(&name.as_str()))
        .filter(|(name, value)| after.field(object).and_then(|o| o.get(name.as_str())) != Some(value))
        .map(|(name, _)| format!("{object}.{name}"))
        .collect()
}

fn routing(doc: &ChannelDoc, primary: &str) -> Value {
    let mut routing = match doc.field("routing") {
        Some(Value::Object(as_read)) => as_read.clone(),
        _ => Map::new(),
    };
    routing.insert("primary_channel_id".into(), primary.into());
    Value::Object(routing)
}

/// Each codec as read, whatever else the platform keeps with it, at its new priority.
pub fn codecs(doc: &ChannelDoc, order: &[Codec]) -> Value {
    let mut as_read =
        doc.field("configuration").and_then(|c| c.get("codecs")).and_then(Value::as_array).cloned().unwrap_or_default();
    order
        .iter()
        .map(|codec| {
            let place = as_read.iter().position(|c| c.get("name").and_then(Value::as_str) == Some(&codec.name));
            let mut entry = place.map_or_else(|| json!({ "name": codec.name }), |i| as_read.remove(i));
            if let Value::Object(fields) = &mut entry {
                fields.insert("priority".into(), codec.priority.into());
            }
            entry
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ChannelId;

    fn doc(value: Value) -> ChannelDoc {
        ChannelDoc::from_value(value, None).unwrap()
    }

    fn sample() -> ChannelDoc {
        doc(json!({
            "id": "a", "status": "unhealthy",
            "configuration": {
                "sip_server": "sip.example", "authentication": { "username": "u", "password": "canary" },
                "codecs": [{ "name": "PCMU", "priority": 1, "ptime": 20 }, { "name": "OPUS", "priority": 2 }],
                "dtmf_mode": "INFO",
            },
            "routing": { "failover_channels": ["b"], "primary_channel_id": "a", "region": "east" },
        }))
    }

    fn codec(name: &str, priority: u32) -> Codec {
        Codec { name: name.into(), priority }
    }

    #[test]
    fn a_failover_carries_status_and_the_whole_routing_as_read() {
        let kind = ActionKind::Failover { from: ChannelId::from("a"), to: ChannelId::from("b") };
        assert_eq!(
            body(&kind, &sample()),
            json!({ "status": "active",
                    "routing": { "failover_channels": ["b"], "primary_channel_id": "b", "region": "east" } })
        );
    }

    #[test]
    fn a_failback_carries_no_status() {
        let kind = ActionKind::Failback { from: ChannelId::from("b") };
        assert_eq!(
            body(&kind, &sample()),
            json!({ "routing": { "failover_channels": ["b"], "primary_channel_id": "a", "region": "east" } })
        );
    }

    #[test]
    fn a_codec_change_keeps_what_stood_with_each_codec_and_adds_no_setting_nobody_asked_for() {
        let order = vec![codec("OPUS", 1), codec("PCMU", 2)];
        let kind = ActionKind::Codec { order, before: vec![], dtmf_mode: None, rtp_payload_type: None };
        assert_eq!(
            body(&kind, &sample()),
            json!({ "configuration": {
                "codecs": [{ "name": "OPUS", "priority": 1 }, { "name": "PCMU", "priority": 2, "ptime": 20 }],
                "dtmf_mode": "INFO" } })
        );
    }

    #[test]
    fn a_route_that_is_left_out_means_home() {
        let home = doc(json!({ "id": "a" }));
        assert!(shows(&ActionKind::Failback { from: ChannelId::from("b") }, &home));
        assert!(!shows(&ActionKind::Failover { from: ChannelId::from("a"), to: ChannelId::from("b") }, &home));
    }

    #[test]
    fn a_sibling_that_a_replacing_platform_dropped_is_named() {
        let kind = ActionKind::Failover { from: ChannelId::from("a"), to: ChannelId::from("b") };
        let after = doc(json!({ "id": "a", "routing": { "primary_channel_id": "b", "failover_channels": ["b"] } }));
        assert_eq!(siblings_lost(&kind, &sample(), &after), ["routing.region"]);
        assert!(siblings_lost(&kind, &sample(), &sample()).is_empty());
    }
}
