//! Whether the audit chain is whole, entry by entry from the first.

use super::chain::{Head, canonical, hash_of};
use super::model::JournalError;
use super::reader::Reader;
use super::store::lock;
use crate::clock::rfc3339;
use crate::policy::WallMs;
use rusqlite::{Row, params};
use serde_json::Value;

/// Entries read at once: other readers get their turn in between.
const STEP: i64 = 1000;

/// A chain that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// The newest one's hash; 64 zeros before the first. Compared with a copy kept elsewhere, it shows that none were
    /// cut off at the end.
    pub head: String,
}

/// A chain that is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit chain is broken at entry {seq}: {what}")]
pub struct Broken {
    /// The first entry at which it shows.
    pub seq: u64,
    /// What is wrong there.
    pub what: String,
}

impl Reader {
    /// Checks every entry: numbers without a gap from 1, each tied to the one before, each hash that of its text, each
    /// text canonical and in agreement with the columns that are searched.
    ///
    /// # Errors
    /// The first entry that fails, or that cannot be read.
    pub fn verify(&self) -> Result<Verified, Broken> {
        let mut head = Head::default();
        loop {
            let rows = self.after(head.seq).map_err(|e| Broken { seq: head.seq + 1, what: e.to_string() })?;
            if rows.is_empty() {
                return Ok(Verified { entries: head.seq, head: head.hash });
            }
            for row in &rows {
                check(&head, row).map_err(|what| Broken { seq: head.seq + 1, what })?;
                head = Head { seq: head.seq + 1, hash: row.hash.clone() };
            }
        }
    }

    fn after(&self, seq: u64) -> Result<Vec<AuditRow>, JournalError> {
        let db = lock(self.connection());
        db.prepare_cached(
            "SELECT seq, entry, hash, at, event_type, tenant, channel_id FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
        )
        .and_then(|mut s| s.query_map(params![i64::try_from(seq).unwrap_or(i64::MAX), STEP], AuditRow::read)?.collect())
        .map_err(JournalError::sqlite("read the audit log"))
    }
}

struct AuditRow {
    seq: i64,
    text: String,
    hash: String,
    at: i64,
    event_type: String,
    tenant: Option<String>,
    channel_id: Option<String>,
}

impl AuditRow {
    fn read(r: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: r.get(0)?,
            text: r.get(1)?,
            hash: r.get(2)?,
            at: r.get(3)?,
            event_type: r.get(4)?,
            tenant: r.get(5)?,
            channel_id: r.get(6)?,
        })
    }
}

/// What is wrong with `row` as the one after `head`.
fn check(head: &Head, row: &AuditRow) -> Result<(), String> {
    let expected = head.seq + 1;
    if u64::try_from(row.seq) != Ok(expected) {
        return Err(format!("it is missing, the next one is {}", row.seq));
    }
    if hash_of(&row.text) != row.hash {
        return Err("its text does not have the hash that is kept with it".to_owned());
    }
    let entry: Value = serde_json::from_str(&row.text).map_err(|_| "its text is no JSON".to_owned())?;
    if canonical(&entry).ok().as_deref() != Some(row.text.as_str()) {
        return Err("its text is not in canonical form (RFC 8785)".to_owned());
    }
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    if entry.get("seq").and_then(Value::as_u64) != Some(expected) {
        return Err("its text carries another number".to_owned());
    }
    if text("prev_hash") != Some(head.hash.as_str()) {
        return Err("it is not tied to the entry before it".to_owned());
    }
    let agrees = text("event_type") == Some(row.event_type.as_str())
        && text("tenant") == row.tenant.as_deref()
        && text("channel_id") == row.channel_id.as_deref()
        && text("timestamp") == Some(rfc3339(WallMs(row.at)).as_str());
    if agrees { Ok(()) } else { Err("the columns that are searched do not agree with its text".to_owned()) }
}
