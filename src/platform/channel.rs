//! Channels, list pages and telemetry as the platform writes them.

use crate::policy::{AuthenticationSeen, ChannelId, ChannelView, Codec, Sample, WallMs};
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// A channel as read, without its `configuration.authentication`, which is dropped on parsing and never kept.
#[derive(Clone, PartialEq)]
pub struct ChannelDoc {
    id: ChannelId,
    fields: Map<String, Value>,
    etag: Option<String>,
    row: bool,
    authentication: Option<AuthenticationSeen>,
}

impl fmt::Debug for ChannelDoc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelDoc").field("id", &self.id).finish_non_exhaustive()
    }
}

impl ChannelDoc {
    /// Takes a JSON value that is an object with a string `id`; anything else is not a channel.
    pub fn from_value(value: Value, etag: Option<String>) -> Option<Self> {
        let Value::Object(mut fields) = value else { return None };
        let mut authentication = None;
        if let Some(Value::Object(configuration)) = fields.get_mut("configuration") {
            authentication = configuration.remove("authentication").as_ref().and_then(seen);
        }
        let id = ChannelId::from(fields.get("id")?.as_str()?);
        Some(Self { id, fields, etag, row: false, authentication })
    }

    /// The same for a row of the list: what it leaves out is not told.
    pub fn from_row(value: Value) -> Option<Self> {
        Self::from_value(value, None).map(|doc| Self { row: true, ..doc })
    }

    /// Its id.
    pub fn id(&self) -> &ChannelId {
        &self.id
    }

    /// Its name, where it has one.
    pub fn name(&self) -> Option<&str> {
        self.fields.get("name")?.as_str()
    }

    /// The `ETag` it came with.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// A top-level field as read, such as `routing` or `configuration`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// What the engine decides by. Fields of another type than the contract's count as missing.
    pub fn view(&self) -> ChannelView {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let routing = self.field("routing");
        let configuration = self.field("configuration");
        let inside = |of: Option<&Value>, name: &str| of.and_then(|v| v.get(name)).cloned();
        ChannelView {
            status: text(self.field("status")),
            primary: inside(routing, "primary_channel_id").as_ref().and_then(Value::as_str).map(ChannelId::from),
            unrouted: self.row && routing.is_none_or(Value::is_null),
            failover: inside(routing, "failover_channels")
                .as_ref()
                .and_then(Value::as_array)
                .map(|ids| ids.iter().filter_map(Value::as_str).map(ChannelId::from).collect()),
            codecs: inside(configuration, "codecs")
                .as_ref()
                .and_then(Value::as_array)
                .map(|codecs| codecs.iter().filter_map(codec).collect()),
            dtmf_mode: text(inside(configuration, "dtmf_mode").as_ref()),
            rtp_payload_type: text(inside(configuration, "rtp_payload_type").as_ref()),
            authentication: self.authentication,
            sip_server: text(inside(configuration, "sip_server").as_ref()),
        }
    }
}

fn codec(value: &Value) -> Option<Codec> {
    let priority = u32::try_from(value.get("priority")?.as_u64()?).ok()?;
    Some(Codec { name: value.get("name")?.as_str()?.to_owned(), priority })
}

/// What stands in an `authentication` object, its values left out.
fn seen(authentication: &Value) -> Option<AuthenticationSeen> {
    let text = |name: &str| authentication.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    authentication
        .is_object()
        .then(|| AuthenticationSeen { user: text("username").map(digest), password: text("password").is_some() })
}

/// FNV-1a: by it a name is known again from one process to the next, and not told.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A page of the list.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// The channels on it. Entries that are no channels are left out and counted in `malformed`.
    pub channels: Vec<ChannelDoc>,
    /// Entries that are no channels.
    pub malformed: u32,
    /// The next page, as the platform named it; `None`: this was the last.
    pub next: Option<String>,
}

/// A telemetry query.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryQuery {
    /// The channels to ask for.
    pub channels: Vec<ChannelId>,
    /// The platform's summing interval.
    pub bucket: Duration,
    /// Start of the span.
    pub from: WallMs,
    /// End of the span.
    pub to: WallMs,
}

/// A telemetry answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TelemetryAnswer {
    /// The items, each with its channel where the platform named it. Out-of-range values are passed on as they came.
    pub items: Vec<(Option<ChannelId>, Sample)>,
    /// Items that were no objects.
    pub malformed: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(authentication: Value) -> Option<AuthenticationSeen> {
        let configuration = json!({ "authentication": authentication });
        ChannelDoc::from_value(json!({ "id": "a", "configuration": configuration }), None)
            .unwrap()
            .view()
            .authentication
    }

    #[test]
    fn of_credentials_it_is_known_whether_they_are_there_and_whose() {
        let whole = read(json!({ "username": "u", "password": "canary" })).unwrap();
        assert!(whole.user.is_some() && whole.password);
        assert_eq!(read(json!({ "username": "u", "password": "other" })), Some(whole));
        assert_ne!(read(json!({ "username": "v", "password": "canary" })), Some(whole));
        let nothing = Some(AuthenticationSeen::default());
        for empty in [json!({}), json!({ "username": "", "password": null }), json!({ "username": 1 })] {
            assert_eq!(read(empty), nothing);
        }
        assert_eq!((read(json!(null)), read(json!("u:canary"))), (None, None));
        let none = ChannelDoc::from_value(json!({ "id": "a" }), None).unwrap();
        assert_eq!(none.view().authentication, None);
    }
}
