//! Operations: changes of the platform that are not the engine's actions: a bridge, a rescue, a provisioned channel.
//!
//! Owns their words and their rows in `operations`. As with an intent, an operation is on disk before anything is sent,
//! and only the journal makes the receipt that its sender must hold. Must never remove one that has no outcome.

use super::error::{JournalError, MAX_TEXT, json};
use crate::policy::WallMs;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use std::path::Path;
use uuid::Uuid;

/// Something that is about to be done on the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// From [`Journal::new_operation_id`](super::Journal::new_operation_id); the `operation_id` of its audit entries.
    pub id: Uuid,
    /// `bridge`, `rescue` or `provision`.
    pub kind: String,
    /// The tenant.
    pub tenant: String,
    /// What it is done to: a call's id, a channel's name.
    pub subject: String,
    /// The key under which the same operation is found again, where there is one.
    pub key: Option<String>,
    /// Who asked for it.
    pub actor: String,
    /// What is asked of the platform, without secrets.
    pub request: Value,
}

/// An operation that has its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The operation.
    pub id: Uuid,
    /// The outcome's name.
    pub outcome: String,
    /// The outcome, structured, without secrets.
    pub result: Value,
}

/// An operation as it is kept: with its outcome, 90 days from then on; without, until it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptOperation {
    /// The operation.
    pub operation: Operation,
    /// When it was begun.
    pub opened_at: WallMs,
    /// When it ended, and how; `None`: it is under way, or the process died over it.
    pub ended: Option<(WallMs, Ended)>,
}

/// Proof that an operation is on disk. Only the journal makes one, after the commit; only its holder may send it.
#[derive(Debug)]
pub struct OperationReceipt {
    id: Uuid,
}

impl OperationReceipt {
    /// The journal's own; called after the commit and nowhere else.
    pub(in crate::journal) const fn after_commit(id: Uuid) -> Self {
        Self { id }
    }

    /// The operation that it stands for.
    pub const fn id(&self) -> Uuid {
        self.id
    }
}

const COLUMNS: &str =
    "operation_id, kind, tenant, subject, key, actor, request, opened_at, closed_at, outcome, result FROM operations";

/// Opens `operation`; an id that is there already is refused, and its batch with it.
pub(in crate::journal) fn begin(db: &Connection, operation: &Operation, at: WallMs) -> Result<(), JournalError> {
    let request = text(&operation.request)?;
    db.prepare_cached(
        "INSERT INTO operations (operation_id, kind, tenant, subject, key, actor, request, opened_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .and_then(|mut s| {
        s.execute(params![
            operation.id.to_string(),
            operation.kind,
            operation.tenant,
            operation.subject,
            operation.key,
            operation.actor,
            request,
            at.0
        ])
    })
    .map(drop)
    .map_err(JournalError::sqlite("write an operation to the journal"))
}

/// One that is not there, or has its outcome already, is left as it is: the first outcome stands.
pub(in crate::journal) fn end(db: &Connection, ended: &Ended, at: WallMs) -> Result<(), JournalError> {
    let result = text(&ended.result)?;
    db.prepare_cached(
        "UPDATE operations SET outcome = ?2, result = ?3, closed_at = ?4 WHERE operation_id = ?1 AND outcome IS NULL",
    )
    .and_then(|mut s| s.execute(params![ended.id.to_string(), ended.outcome, result, at.0]))
    .map(drop)
    .map_err(JournalError::sqlite("write an operation's outcome to the journal"))
}

/// Removes at most `most` that ended before `before`; how many.
pub(in crate::journal) fn prune(db: &Connection, before: WallMs, most: i64) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM operations WHERE operation_id IN
            (SELECT operation_id FROM operations WHERE closed_at < ? ORDER BY closed_at LIMIT ?)",
    )?
    .execute(params![before.0, most])
}

/// One operation.
pub(in crate::journal) fn by_id(db: &Connection, path: &Path, id: Uuid) -> Result<Option<KeptOperation>, JournalError> {
    let sql = format!("SELECT {COLUMNS} WHERE operation_id = ?");
    let found = db.prepare_cached(&sql).and_then(|mut s| s.query_row([id.to_string()], raw).optional());
    found.map_err(JournalError::sqlite(READ))?.map(|raw| raw.kept(path)).transpose()
}

/// The newest under a key that was begun at `not_before` or later.
pub(in crate::journal) fn by_key(
    db: &Connection,
    path: &Path,
    (tenant, kind, key): (&str, &str, &str),
    not_before: WallMs,
) -> Result<Option<KeptOperation>, JournalError> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE tenant = ? AND kind = ? AND key = ? AND opened_at >= ?
         ORDER BY opened_at DESC, rowid DESC LIMIT 1"
    );
    let find =
        |mut s: rusqlite::CachedStatement<'_>| s.query_row(params![tenant, kind, key, not_before.0], raw).optional();
    let found = db.prepare_cached(&sql).and_then(find);
    found.map_err(JournalError::sqlite(READ))?.map(|raw| raw.kept(path)).transpose()
}

/// Those that ended at `since` or later, newest first, `most` of them.
pub(in crate::journal) fn ended_since(
    db: &Connection,
    path: &Path,
    since: WallMs,
    most: usize,
) -> Result<Vec<KeptOperation>, JournalError> {
    let sql = format!("SELECT {COLUMNS} WHERE closed_at >= ? ORDER BY closed_at DESC LIMIT ?");
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let find = |mut s: rusqlite::CachedStatement<'_>| {
        s.query_map(params![since.0, most], raw)?.collect::<rusqlite::Result<Vec<_>>>()
    };
    let found = db.prepare_cached(&sql).and_then(find).map_err(JournalError::sqlite(READ))?;
    found.into_iter().map(|raw| raw.kept(path)).collect()
}

/// Those without an outcome, oldest first.
pub(in crate::journal) fn open(db: &Connection, path: &Path) -> Result<Vec<KeptOperation>, JournalError> {
    let sql = format!("SELECT {COLUMNS} WHERE outcome IS NULL ORDER BY opened_at, rowid");
    let found = db.prepare_cached(&sql).and_then(|mut s| s.query_map([], raw)?.collect::<rusqlite::Result<Vec<_>>>());
    found.map_err(JournalError::sqlite(READ))?.into_iter().map(|raw| raw.kept(path)).collect()
}

const READ: &str = "read the journal's operations";

/// A row whose texts are not yet understood.
struct Raw {
    id: String,
    operation: Operation,
    request: String,
    opened_at: WallMs,
    ended: Option<(WallMs, String, String)>,
}

fn raw(r: &Row<'_>) -> rusqlite::Result<Raw> {
    let operation = Operation {
        id: Uuid::nil(),
        kind: r.get(1)?,
        tenant: r.get(2)?,
        subject: r.get(3)?,
        key: r.get(4)?,
        actor: r.get(5)?,
        request: Value::Null,
    };
    let ended: (Option<i64>, Option<String>, Option<String>) = (r.get(8)?, r.get(9)?, r.get(10)?);
    let ended = match ended {
        (Some(at), Some(outcome), Some(result)) => Some((WallMs(at), outcome, result)),
        _ => None,
    };
    Ok(Raw { id: r.get(0)?, operation, request: r.get(6)?, opened_at: WallMs(r.get(7)?), ended })
}

impl Raw {
    fn kept(self, path: &Path) -> Result<KeptOperation, JournalError> {
        let Ok(id) = Uuid::parse_str(&self.id) else {
            let why = format!("an operation's id is `{}`; keep the file and restore a backup", self.id);
            return Err(JournalError::Corrupt { path: path.to_owned(), why });
        };
        let request = json(&self.request, path, &format!("the request of operation {id}"))?;
        let ended = match self.ended {
            None => None,
            Some((at, outcome, result)) => {
                let result = json(&result, path, &format!("the result of operation {id}"))?;
                Some((at, Ended { id, outcome, result }))
            }
        };
        let operation = Operation { id, request, ..self.operation };
        Ok(KeptOperation { operation, opened_at: self.opened_at, ended })
    }
}

fn text(value: &Value) -> Result<String, JournalError> {
    let text = value.to_string();
    if text.len() > MAX_TEXT {
        let why = format!("its text has {} bytes, {MAX_TEXT} are allowed", text.len());
        return Err(JournalError::Unfit { what: "an operation", why });
    }
    Ok(text)
}
