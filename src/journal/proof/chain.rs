//! The audit chain: an entry's canonical text (RFC 8785), and the hash that ties it to the one before.
//!
//! `hash` is the SHA-256 of the text, in hex; the text contains the `prev_hash` and the `seq`, so that an entry that is
//! changed, removed, inserted or moved breaks the chain from there on. What a chain alone cannot show is that its newest
//! entries were cut off: that takes a copy of its head, kept elsewhere.

use crate::clock::rfc3339;
use crate::journal::error::{JournalError, MAX_TEXT};
use crate::journal::hex::to_hex;
use crate::journal::model::Entry;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How deep `before`, `after` and `details` may be nested: well below what JSON readers bear.
const MAX_DEPTH: usize = 64;

/// The greatest integer that JSON numbers carry exactly (RFC 7493, 2.2): 2^53 − 1.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// The newest entry's number and hash; before the first entry 0 and 64 zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::journal) struct Head {
    pub seq: u64,
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

/// What the journal adds to an entry.
pub(in crate::journal) struct Stamp<'a> {
    pub id: Uuid,
    pub operation_id: Option<&'a str>,
    pub compliance_tag: &'a str,
}

/// The text of `entry` as the one after `head`, and the head that it becomes.
pub(in crate::journal) fn link(head: &Head, entry: &Entry, stamp: &Stamp<'_>) -> Result<(String, Head), JournalError> {
    let seq = head.seq + 1;
    let text = canonical(&json!({
        "id": stamp.id.to_string(),
        "seq": seq,
        "timestamp": rfc3339(entry.at),
        "event_type": entry.event_type,
        "channel_id": entry.channel_id,
        "tenant": entry.tenant,
        "actor": entry.actor,
        "reason": entry.reason,
        "before": exact(&entry.before, 0)?,
        "after": exact(&entry.after, 0)?,
        "operation_id": stamp.operation_id,
        "details": object(exact(&entry.details, 0)?),
        "compliance_tag": stamp.compliance_tag,
        "prev_hash": head.hash,
    }))
    .map_err(|e| unfit(e.to_string()))?;
    if text.len() > MAX_TEXT {
        return Err(unfit(format!("its text has {} bytes, {MAX_TEXT} are allowed", text.len())));
    }
    let hash = hash_of(&text);
    Ok((text, Head { seq, hash }))
}

/// The canonical form of a JSON value: RFC 8785.
pub(in crate::journal) fn canonical(value: &Value) -> serde_json::Result<String> {
    serde_json_canonicalizer::to_string(value)
}

/// SHA-256 of a text, in lower-case hex.
pub(in crate::journal) fn hash_of(text: &str) -> String {
    to_hex(&Sha256::digest(text.as_bytes()).into())
}

fn unfit(why: String) -> JournalError {
    JournalError::Unfit { what: "an audit entry", why }
}

/// `details` is an object always, so that readers need no second case.
fn object(details: Value) -> Value {
    match details {
        Value::Object(_) => details,
        Value::Null => Value::Object(Map::new()),
        other => json!({ "value": other }),
    }
}

/// Integers that a JSON number would round become strings (RFC 7493, 2.2): proof must not say what did not happen.
fn exact(value: &Value, depth: usize) -> Result<Value, JournalError> {
    if depth > MAX_DEPTH {
        return Err(unfit(format!("it is nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(match value {
        Value::Number(n) if rounds(n) => Value::String(n.to_string()),
        Value::Array(items) => Value::Array(items.iter().map(|v| exact(v, depth + 1)).collect::<Result<_, _>>()?),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(k, v)| Ok((k.clone(), exact(v, depth + 1)?))).collect::<Result<_, JournalError>>()?,
        ),
        other => other.clone(),
    })
}

fn rounds(n: &serde_json::Number) -> bool {
    n.as_u64().is_some_and(|n| n > MAX_EXACT) || n.as_i64().is_some_and(|n| n.unsigned_abs() > MAX_EXACT)
}
