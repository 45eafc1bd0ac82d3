//! What a start finds in the file.

use super::error::{JournalError, json};
use super::model::Recovered;
use super::operation;
use super::proof::chain::Head;
use crate::policy::WallMs;
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

/// States, open operations and the greatest number; `path` is for the error alone.
pub(in crate::journal) fn read(db: &Connection, path: &Path) -> Result<Recovered, JournalError> {
    let last_entry_at: Option<i64> = db
        .query_row("SELECT at FROM audit ORDER BY seq DESC LIMIT 1", [], |r| r.get(0))
        .optional()
        .map_err(JournalError::sqlite("read the newest audit entry"))?;
    Ok(Recovered {
        states: states(db, path)?,
        open: operation::open(db, path)?,
        last_op: operation::last_op(db)?,
        last_entry_at: last_entry_at.map(WallMs),
    })
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
