//! What a sink is sent: an audit entry as it stands in the log, or an event in the CloudEvents 1.0 JSON envelope. Pure.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

/// An audit entry, ready to leave: what was hashed, and its hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The entry's own id, by which a receiver knows a repetition.
    pub id: String,
    fields: Map<String, Value>,
}

impl Entry {
    /// The entry of this text and hash; `None` where the text is no entry any more.
    pub fn read(text: &str, hash: Option<&str>) -> Option<Self> {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else { return None };
        let id = fields.get("id")?.as_str()?.to_owned();
        if let Some(hash) = hash {
            fields.insert("hash".to_owned(), json!(hash));
        }
        Some(Self { id, fields })
    }

    /// As an audit sink takes it: the entry's fields and its hash, on one line.
    pub fn plain(self) -> String {
        Value::Object(self.fields).to_string()
    }

    /// As a webhook takes it: CloudEvents 1.0, structured mode. `type` is the entry's, `source` tells the tenant, `subject`
    /// is the channel, `sequence` the entry's number, `data` the whole entry.
    pub fn cloud_event(self) -> String {
        let text = |name: &str| self.fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let tenant = text("tenant").map(|t| format!("/tenants/{}", utf8_percent_encode(&t, NON_ALPHANUMERIC)));
        let mut event = json!({
            "specversion": "1.0",
            "id": self.id,
            "source": format!("/trunkwarden{}", tenant.unwrap_or_default()),
            "type": text("event_type").unwrap_or_default(),
            "time": text("timestamp"),
            "datacontenttype": "application/json",
            "sequence": self.fields.get("seq").map(Value::to_string).unwrap_or_default(),
        });
        if let Value::Object(envelope) = &mut event {
            envelope.extend(text("channel_id").map(|channel| ("subject".to_owned(), json!(channel))));
            envelope.insert("data".to_owned(), Value::Object(self.fields));
        }
        event.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TEXT: &str = r#"{"id":"0190","seq":7,"event_type":"failover.held","tenant":"ac me","channel_id":null,"timestamp":"2026-11-21T08:00:00.000Z"}"#;

    #[test]
    fn an_entry_leaves_with_its_hash_and_in_an_envelope() {
        let entry = Entry::read(TEXT, Some("ab")).unwrap();
        let plain: Value = serde_json::from_str(&entry.clone().plain()).unwrap();
        assert_eq!((&plain["hash"], &plain["seq"]), (&json!("ab"), &json!(7)));
        let event: Value = serde_json::from_str(&entry.cloud_event()).unwrap();
        assert_eq!(event["data"], plain);
        assert_eq!(event["source"], "/trunkwarden/tenants/ac%20me");
        assert_eq!((&event["id"], &event["type"]), (&json!("0190"), &json!("failover.held")));
        assert!(event.get("subject").is_none());
        assert_eq!(Entry::read("[]", None), None);
    }
}
