//! What a change looks like on the wire, and how a read-back is compared with it.
//!
//! Platforms merge or replace sub-objects, so a body carries what must stay, as read; never `authentication`, which a
//! [`ChannelDoc`] does not even hold.

use crate::platform::{Body, ChannelDoc, codecs_at, quoted};
use crate::policy::{ActionKind, Codec};

/// The `PATCH` body for a change of a channel that was last read as `doc`: what was read, byte for byte, with the changed
/// values in it. Where it cannot be all that was read, there is none; why.
pub fn body(kind: &ActionKind, doc: &ChannelDoc) -> Result<Body, String> {
    let route = |to: &str| [("routing", vec![("primary_channel_id", quoted(to))])];
    match kind {
        ActionKind::Failover { to, .. } => doc.change(&[("status", "\"active\"")], &route(to.as_str())),
        ActionKind::Failback { .. } => doc.change(&[], &route(doc.id().as_str())),
        ActionKind::Codec { order, dtmf_mode, rtp_payload_type, .. } => {
            let view = doc.view();
            let mut changes = vec![("codecs", codecs(doc, order)?)];
            for (name, wanted, read) in [
                ("dtmf_mode", dtmf_mode, &view.dtmf_mode),
                ("rtp_payload_type", rtp_payload_type, &view.rtp_payload_type),
            ] {
                // What is as wanted stays as it was written.
                if let Some(wanted) = wanted.as_ref().filter(|_| wanted != read) {
                    changes.push((name, quoted(wanted)));
                }
            }
            doc.change(&[], &[("configuration", changes)])
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
    let (object, changed) = match kind {
        ActionKind::Failover { .. } | ActionKind::Failback { .. } => ("routing", vec!["primary_channel_id"]),
        ActionKind::Codec { dtmf_mode, rtp_payload_type, .. } => {
            let set = [("dtmf_mode", dtmf_mode.is_some()), ("rtp_payload_type", rtp_payload_type.is_some())];
            let set = set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name);
            ("configuration", ["codecs"].into_iter().chain(set).collect())
        }
    };
    let mut lost = before.siblings_lost(after, object, &changed);
    if object == "configuration" {
        if before.as_read(object).loses_codecs(after.as_read(object)) {
            lost.push(format!("{object}.codecs"));
        }
        let seen = before.view().authentication;
        if seen.is_some() && seen != after.view().authentication {
            lost.push(format!("{object}.authentication"));
        }
    }
    lost
}

/// The codecs as read, whatever else the platform keeps with each, at the priorities of `order`.
fn codecs(doc: &ChannelDoc, order: &[Codec]) -> Result<String, String> {
    let read = doc.as_read("configuration").raw().and_then(|part| part.get("codecs"));
    let read = read.ok_or("the platform no longer shows the channel's codecs, so their order cannot be changed")?;
    codecs_at(read, order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ChannelId;
    use serde_json::{Value, json};

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

    fn sent(kind: &ActionKind, doc: &ChannelDoc) -> Value {
        serde_json::from_str(body(kind, doc).unwrap().as_str()).unwrap()
    }

    #[test]
    fn a_failover_carries_status_and_the_whole_routing_as_read() {
        let kind = ActionKind::Failover { from: ChannelId::from("a"), to: ChannelId::from("b") };
        assert_eq!(
            sent(&kind, &sample()),
            json!({ "status": "active",
                    "routing": { "failover_channels": ["b"], "primary_channel_id": "b", "region": "east" } })
        );
    }

    #[test]
    fn a_failback_carries_no_status() {
        let kind = ActionKind::Failback { from: ChannelId::from("b") };
        assert_eq!(
            sent(&kind, &sample()),
            json!({ "routing": { "failover_channels": ["b"], "primary_channel_id": "a", "region": "east" } })
        );
    }

    #[test]
    fn a_codec_change_keeps_what_stood_with_each_codec_and_adds_no_setting_nobody_asked_for() {
        let order = vec![codec("OPUS", 1), codec("PCMU", 2)];
        let kind = ActionKind::Codec { order, before: vec![], dtmf_mode: None, rtp_payload_type: None };
        assert_eq!(
            sent(&kind, &sample()),
            json!({ "configuration": {
                "sip_server": "sip.example",
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

    #[test]
    fn what_is_written_otherwise_is_not_lost_and_what_no_order_names_may_be() {
        let read = |configuration: Value| doc(json!({ "id": "a", "configuration": configuration }));
        let (auth, g722) = (json!({ "username": "u", "password": "canary" }), json!({ "name": "G722", "ptime": 20 }));
        let opus = json!({ "name": "OPUS", "priority": 1 });
        let before =
            read(json!({ "codecs": [opus, g722], "authentication": auth, "sip_port": 5060, "x": { "a": 1, "b": 2 } }));
        let kind = ActionKind::Codec {
            order: vec![codec("OPUS", 1)],
            before: vec![],
            dtmf_mode: None,
            rtp_payload_type: None,
        };
        let g722_again = json!({ "ptime": 20.0, "name": "G722" });
        for (after, lost) in [
            (
                json!({ "codecs": [g722_again, opus], "authentication": auth, "sip_port": 5060.0, "x": { "b": 2, "a": 1e0 } }),
                vec![],
            ),
            (
                json!({ "codecs": [opus], "authentication": { "username": "u" }, "sip_port": 5061, "x": { "a": 1 } }),
                vec![
                    "configuration.sip_port",
                    "configuration.x",
                    "configuration.codecs",
                    "configuration.authentication",
                ],
            ),
        ] {
            assert_eq!(siblings_lost(&kind, &before, &read(after)), lost);
        }
    }

    #[test]
    fn an_order_that_names_what_is_not_there_is_not_sent() {
        let kind = |order| ActionKind::Codec { order, before: vec![], dtmf_mode: None, rtp_payload_type: None };
        let gone = body(&kind(vec![codec("G729", 1)]), &sample()).unwrap_err();
        assert_eq!(gone, "the platform no longer shows the codec G729");
        let none = body(&kind(vec![codec("OPUS", 1)]), &doc(json!({ "id": "a" }))).unwrap_err();
        assert!(none.starts_with("the platform no longer shows the channel's codecs"), "{none}");
    }

    #[test]
    fn a_setting_that_is_as_wanted_stays_as_it_was_written() {
        let read = doc(json!({ "id": "a", "configuration": {
            "codecs": [{ "name": "OPUS", "priority": 2 }], "rtp_payload_type": 101, "dtmf_mode": "INFO" } }));
        let wanted = |text: &str| Some(text.to_owned());
        let (dtmf_mode, rtp_payload_type) = (wanted("RFC2833"), wanted("101"));
        let kind = ActionKind::Codec { order: vec![codec("OPUS", 1)], before: vec![], dtmf_mode, rtp_payload_type };
        let expected = json!({ "configuration": {
            "codecs": [{ "name": "OPUS", "priority": 1 }], "rtp_payload_type": 101, "dtmf_mode": "RFC2833" } });
        assert_eq!(sent(&kind, &read), expected);
    }
}
