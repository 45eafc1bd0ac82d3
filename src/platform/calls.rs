//! What bridging needs of a tenant's platform: calls as it tells them, and the trait of the client that speaks to it.
//!
//! The contract fixes the bridge request alone. What a call looks like when it is read is read tolerantly, and whatever is
//! missing there counts as not told: it is never taken for the absence of a leg or of a bridge.

use super::body::MAX_TOKEN;
use super::unread::{Malformed, Unread};
use super::{Answer, BridgeWord, Class, PlatformError, scrub};
use crate::clearance::Clearance;
use crate::policy::ChannelId;
use serde_json::Value;
use std::time::Duration;

/// Legs, and bridges, of one call that are read at most.
const MAX_PARTS: usize = 100;
/// A text of a call at most, in bytes.
const MAX_TEXT: usize = 512;

/// A call as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallDoc {
    /// Its id.
    pub id: String,
    /// `inbound`, `outbound`, `transfer` or `consult`, where the platform tells.
    pub direction: Option<String>,
    /// Whether its `status` says that it is over.
    pub over: bool,
    /// What each of its legs goes to (`type`, `value`), its own leg included; `None`: not told.
    pub legs: Option<Vec<(String, String)>>,
    /// The bridges on it that name the request they were asked for by; `None`: not told.
    pub bridges: Option<Vec<CallBridge>>,
}

/// A bridge as a call shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallBridge {
    /// The id of the request that asked for it.
    pub request: String,
    /// What the call says of it.
    pub said: BridgeWord,
}

impl CallDoc {
    /// Takes an object with a text `callId` (or `id`); anything else is no call.
    pub fn from_value(value: &Value) -> Option<Self> {
        let id = text(value, "callId").or_else(|| text(value, "id"))?;
        let over = text(value, "status").is_some_and(|status| {
            ["ended", "completed", "disconnected", "terminated", "closed"]
                .contains(&status.to_ascii_lowercase().as_str())
        });
        // A list that is too long, or that holds what cannot be read, does not tell that something is not on it.
        let parts = |name: &str| {
            let all = value.get(name)?.as_array()?;
            (all.len() <= MAX_PARTS && all.iter().all(Value::is_object)).then_some(all)
        };
        let legs = parts("legs").map(|legs| {
            let part = |leg: &Value, name| text(leg, name).unwrap_or_default();
            legs.iter().map(|leg| (part(leg, "type"), part(leg, "value"))).collect()
        });
        let told = |bridge: &Value| match bridge.get("requestId") {
            None | Some(Value::Null) => Some(None),
            Some(_) => Some(Some(CallBridge { request: text(bridge, "requestId")?, said: BridgeWord::of(bridge) })),
        };
        let bridges = parts("bridges").and_then(|all| all.iter().map(told).collect::<Option<Vec<_>>>());
        let bridges = bridges.map(|all| all.into_iter().flatten().collect());
        Some(Self { id, direction: text(value, "direction"), over, legs, bridges })
    }
}

/// A page of a channel's calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallPage {
    /// The calls.
    pub calls: Vec<CallDoc>,
    /// The next page, where there is one.
    pub next: Option<String>,
    /// Entries that are no calls.
    pub malformed: u32,
}

impl CallPage {
    /// Takes an object with an array `calls`.
    pub(super) fn from_value(value: &Value, unread: &mut Unread) -> Option<Self> {
        let mut page = Self { next: next(value.get("next"))?, ..Self::default() };
        let none = Vec::new();
        let entries = match value.get("calls")? {
            Value::Null => &none,
            entries => entries.as_array()?,
        };
        for (n, entry) in entries.iter().enumerate() {
            if let Some(call) = CallDoc::from_value(entry) {
                page.calls.push(call);
            } else {
                unread.note(Malformed::Call, || format!("calls[{n}]"));
                page.malformed = page.malformed.saturating_add(1);
            }
        }
        Some(page)
    }
}

/// What is asked of the bridge endpoint.
#[derive(Clone, Copy, Debug)]
pub struct BridgeOrder<'a> {
    /// Proves that the operation is on disk, whose id is the `X-CXone-Request-ID`; its gate is asked right before anything
    /// is sent.
    pub clearance: &'a Clearance,
    /// The call.
    pub call: &'a str,
    /// The contract's body.
    pub body: &'a Value,
}

/// The answer to a bridge that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeAnswer {
    /// The platform's id of it, where it tells one.
    pub id: Option<String>,
    /// What it says of it; a failure in the platform's own words, scrubbed of secrets.
    pub said: BridgeWord,
}

/// Bridging, with a token of its own, on the tenant's own request budget ([`Class::Call`](super::Class::Call)).
#[async_trait::async_trait]
pub trait CallControl: Send + Sync + 'static {
    /// `POST` of one bridge. Repeated inside only where it is known not to have been made: after a 401, after a 429
    /// (waiting as told) and where the connection was never made, always under the same request id and within `timeout`.
    /// [`ErrorClass::UnknownOutcome`](super::ErrorClass::UnknownOutcome): it may have been made.
    async fn bridge(&self, order: BridgeOrder<'_>, timeout: Duration) -> Result<Answer<BridgeAnswer>, PlatformError>;

    /// Whether the tenant has a way to read one call.
    fn reads_calls(&self) -> bool;

    /// `GET` of one call; `class`: how urgent it is.
    async fn call(&self, id: &str, class: Class, timeout: Duration) -> Result<Answer<CallDoc>, PlatformError>;

    /// Whether the tenant lists a channel's calls.
    fn lists_calls(&self) -> bool;

    /// One page of a channel's calls: the first where `page` is `None`.
    async fn calls(
        &self,
        channel: &ChannelId,
        page: Option<&str>,
        timeout: Duration,
    ) -> Result<Answer<CallPage>, PlatformError>;

    /// Fetches the bridging token now; the scopes that it lacks, as far as the platform tells.
    async fn lacking_scopes(&self, timeout: Duration) -> Result<Vec<String>, PlatformError>;
}

/// A short text field; a number as it is written. A blank one, and one of which something would have to be cut or
/// replaced, is none.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    let text = match value.get(name)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (text.len() <= MAX_TEXT && !text.trim().is_empty() && scrub::is_clean(&text)).then_some(text)
}

/// The next page; nothing at all where what stands there names none.
#[allow(clippy::option_option, reason = "none is an answer, and no token is not")]
fn next(value: Option<&Value>) -> Option<Option<String>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) if text.is_empty() => Some(None),
        Some(Value::String(text)) => (text.len() <= MAX_TOKEN).then(|| Some(text.clone())),
        Some(Value::Number(number)) => Some(Some(number.to_string())),
        Some(_) => None,
    }
}
