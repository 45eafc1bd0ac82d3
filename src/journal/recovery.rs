//! What a start finds in the file.

use super::error::{JournalError, json};
use super::model::{Intent, OpenIntent, Recovered};
use super::operation;
use super::proof::chain::Head;
use crate::policy::{OpId, WallMs};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;
use std::path::Path;

/// The newest entry's number and hash.
pub(in crate::journal) fn head(db: &Connection) -> Result<Head, JournalError> {
    let row = |r: &Row<'_>| {
        let seq: i64 = r.get(0)?;
        Ok(Head { seq: u64::try_from(seq).unwrap_or(0), hash: r.get(1)? })
    };
    db.prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        .and_then(|mut s| s.query_row([], row).optional())
        .map(Option::unwrap_or_default)
        .map_err(JournalError::sqlite("read the newest audit entry"))
}

/// States, orphans and the greatest number; `path` is for the error alone.
pub(in crate::journal) fn read(db: &Connection, path: &Path) -> Result<Recovered, JournalError> {
    let last_op: Option<i64> = db
        .query_row("SELECT max(op) FROM intents", [], |r| r.get(0))
        .map_err(JournalError::sqlite("read the journal's intents"))?;
    let last_entry_at: Option<i64> = db
        .query_row("SELECT at FROM audit ORDER BY seq DESC LIMIT 1", [], |r| r.get(0))
        .optional()
        .map_err(JournalError::sqlite("read the newest audit entry"))?;
    Ok(Recovered {
        states: states(db, path)?,
        orphans: open_intents(db, path)?,
        open_operations: operation::open(db, path)?,
        last_op: OpId(last_op.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)),
        last_entry_at: last_entry_at.map(WallMs),
    })
}

/// Intents without an outcome, oldest first.
pub(in crate::journal) fn open_intents(db: &Connection, path: &Path) -> Result<Vec<OpenIntent>, JournalError> {
    let row = |r: &Row<'_>| {
        let op: i64 = r.get(0)?;
        let action: String = r.get(4)?;
        let intent = Intent {
            op: OpId(u64::try_from(op).unwrap_or(0)),
            tenant: r.get(1)?,
            channel: r.get(2)?,
            kind: r.get(3)?,
            action: Value::Null,
        };
        Ok((OpenIntent { intent, opened_at: WallMs(r.get(5)?) }, action))
    };
    let rows = db
        .prepare_cached(
            "SELECT op, tenant, channel, kind, action, opened_at FROM intents WHERE outcome IS NULL ORDER BY op",
        )
        .and_then(|mut s| s.query_map([], row)?.collect::<rusqlite::Result<Vec<_>>>())
        .map_err(JournalError::sqlite("read the journal's intents"))?;
    rows.into_iter()
        .map(|(mut open, action)| {
            open.intent.action = json(&action, path, &format!("the action of intent {}", open.intent.op.0))?;
            Ok(open)
        })
        .collect()
}

/// What is kept under one key.
pub(in crate::journal) fn state(db: &Connection, path: &Path, key: &str) -> Result<Option<Value>, JournalError> {
    let text: Option<String> = db
        .prepare_cached("SELECT value FROM state WHERE key = ?")
        .and_then(|mut s| s.query_row([key], |r| r.get(0)).optional())
        .map_err(JournalError::sqlite("read the journal's state"))?;
    text.map(|text| json(&text, path, &format!("the state `{key}`"))).transpose()
}

/// Everything that is kept, by key.
pub(in crate::journal) fn states(db: &Connection, path: &Path) -> Result<Vec<(String, Value)>, JournalError> {
    let rows = db
        .prepare_cached("SELECT key, value FROM state ORDER BY key")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<Vec<_>>>())
        .map_err(JournalError::sqlite("read the journal's state"))?;
    rows.into_iter()
        .map(|(key, value): (String, String)| {
            let value = json(&value, path, &format!("the state `{key}`"))?;
            Ok((key, value))
        })
        .collect()
}
