//! Operations: whatever changes a platform. An action of the engine's, a bridge, a rescue, a channel created or put right.
//!
//! Owns their words and their rows in `operations`. An operation is on disk before anything is sent, and only the journal
//! makes the receipt that its sender must hold. Must never remove one that has no outcome, nor the engine's newest: the
//! numbers of its actions go on from there.

use super::error::{JournalError, MAX_TEXT, json};
use crate::policy::{OpId, WallMs};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use std::path::Path;
use tracing::{Span, error_span};
use uuid::Uuid;

/// Something that is about to be done on the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// From [`Journal::new_operation_id`](super::Journal::new_operation_id); the `operation_id` of its audit entries.
    pub id: Uuid,
    /// The number of the engine's action that it is.
    pub op: Option<OpId>,
    /// `failover`, `failback`, `codec`, `bridge`, `rescue` or `provision`.
    pub kind: String,
    /// The tenant.
    pub tenant: String,
    /// What it is done to: a channel's id or name, a call's id.
    pub subject: String,
    /// The key under which the same operation is found again, where there is one.
    pub key: Option<String>,
    /// Who asked for it.
    pub actor: String,
    /// What is asked of the platform, without secrets; or the whole action, as the engine gave it.
    pub request: Value,
}

impl Operation {
    /// What each log line about it bears, whatever `--log` shows.
    pub fn span(&self) -> Span {
        let Self { id, kind, tenant, subject, .. } = self;
        error_span!("operation", %id, kind, tenant, subject)
    }
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

/// Proof that an operation is on disk. Only the journal makes one, after the commit; only its holder may change the platform.
#[derive(Debug)]
pub struct Receipt(Uuid);

impl Receipt {
    /// The journal's own; called after the commit and nowhere else.
    pub(in crate::journal) const fn after_commit(id: Uuid) -> Self {
        Self(id)
    }

    /// A receipt without a journal, for the unit tests of rooms that need one.
    #[cfg(test)]
    pub(crate) const fn for_tests(id: Uuid) -> Self {
        Self(id)
    }

    /// The operation that it stands for.
    pub const fn operation(&self) -> Uuid {
        self.0
    }
}

const COLUMNS: &str =
    "operation_id, kind, tenant, subject, key, actor, request, opened_at, closed_at, outcome, result, op
    FROM operations";

/// Opens `operation`; an id that is there already is refused, and its batch with it.
pub(in crate::journal) fn begin(db: &Connection, operation: &Operation, at: WallMs) -> Result<(), JournalError> {
    let (request, op) = (text(&operation.request)?, operation.op.map(number).transpose()?);
    db.prepare_cached(
        "INSERT INTO operations (operation_id, kind, tenant, subject, key, actor, request, opened_at, op)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            at.0,
            op
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
            (SELECT operation_id FROM operations WHERE closed_at < ?
             AND (op IS NULL OR op < (SELECT max(op) FROM operations WHERE op IS NOT NULL)) ORDER BY closed_at LIMIT ?)",
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

/// The operation of an engine's action; `None` where no such was begun (or it was removed long since).
pub(in crate::journal) fn of_action(db: &Connection, op: OpId) -> Result<Option<String>, JournalError> {
    db.prepare_cached("SELECT operation_id FROM operations WHERE op = ?")
        .and_then(|mut s| s.query_row([i64::try_from(op.0).ok()], |r| r.get(0)).optional())
        .map_err(JournalError::sqlite(READ))
}

/// The greatest number that an action of the engine's ever had.
pub(in crate::journal) fn last_op(db: &Connection) -> Result<OpId, JournalError> {
    let last: Option<i64> = db
        .query_row("SELECT max(op) FROM operations WHERE op IS NOT NULL", [], |r| r.get(0))
        .map_err(JournalError::sqlite(READ))?;
    Ok(OpId(last.and_then(|op| u64::try_from(op).ok()).unwrap_or(0)))
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
        op: r.get::<_, Option<i64>>(11)?.and_then(|op| u64::try_from(op).ok()).map(OpId),
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

/// An action's number as SQLite keeps it.
fn number(op: OpId) -> Result<i64, JournalError> {
    i64::try_from(op.0).map_err(|_| JournalError::Unfit {
        what: "an operation",
        why: format!("its number {} is greater than SQLite keeps", op.0),
    })
}

fn text(value: &Value) -> Result<String, JournalError> {
    let text = value.to_string();
    if text.len() > MAX_TEXT {
        let why = format!("its text has {} bytes, {MAX_TEXT} are allowed", text.len());
        return Err(JournalError::Unfit { what: "an operation", why });
    }
    Ok(text)
}
