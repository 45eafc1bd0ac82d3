//! A person accepts a log as it stands: an entry tells who did and what was found, and checkpoints that do not hold are set
//! aside, so that what comes after it can be signed and verified.
//!
//! Nothing of it is forgotten: what is set aside stays in `refuted` and is named by its digest in the entry, which the next
//! checkpoint covers. A checkpoint that was kept elsewhere still says what it said.

use super::trust::Trust;
use crate::journal::error::JournalError;
use crate::journal::hex::to_hex;
use crate::journal::model::Entry;
use crate::journal::rows::{self, Log};
use crate::policy::{EventType, WallMs};
use rusqlite::{Connection, params};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Checkpoints that one entry can name.
const MOST: usize = 10_000;

/// Who accepts what.
pub(in crate::journal) struct Acceptance<'a> {
    pub who: &'a str,
    pub trust: &'a Trust,
    /// Sizes and notes of checkpoints that do not hold.
    pub refuted: &'a [(i64, String)],
    pub wall: WallMs,
    pub id: Uuid,
}

/// Writes it down, within a transaction.
pub(in crate::journal) fn write(db: &Connection, log: &mut Log<'_>, a: &Acceptance<'_>) -> Result<(), JournalError> {
    possible(db, a.refuted)?;
    let entry = i64::try_from(log.tip.head.seq + 1).unwrap_or(i64::MAX);
    set_aside(db, entry, a.refuted).map_err(JournalError::sqlite("set checkpoints aside"))?;
    let why = a.trust.why().unwrap_or_default();
    let digests: Vec<String> = a.refuted.iter().map(|(_, note)| digest(note)).collect();
    let reason = format!("accepted the audit log as it stands: {why}");
    let entry = Entry {
        actor: a.who.to_owned(),
        details: json!({ "found": a.trust.word(), "why": why, "set_aside": digests }),
        ..Entry::of_journal(a.wall, EventType::JournalAccepted, reason)
    };
    rows::append(db, log, &entry, a.id, None)
}

/// How a note is named in the entry.
pub(in crate::journal) fn digest(note: &str) -> String {
    to_hex(&Sha256::digest(note.as_bytes()).into())
}

fn possible(db: &Connection, refuted: &[(i64, String)]) -> Result<(), JournalError> {
    let unfit = |why: &str| Err(JournalError::Unfit { what: "to go on with this log", why: why.to_owned() });
    if refuted.len() > MOST {
        return unfit("too many of its checkpoints fail; move the file away but keep it, and start with a new one");
    }
    for (size, _) in refuted {
        let ends: bool = db
            .query_row("SELECT EXISTS (SELECT 1 FROM segments WHERE last = ?)", [size], |r| r.get(0))
            .map_err(JournalError::sqlite("read the archived segments"))?;
        if ends {
            return unfit(
                "an archived segment ends at a checkpoint that does not hold; keep the file and the archives, move them away, \
                 and start with a new log",
            );
        }
    }
    Ok(())
}

/// The rule that keeps checkpoints stands aside for this one statement, and is as it was afterwards.
fn set_aside(db: &Connection, entry: i64, refuted: &[(i64, String)]) -> rusqlite::Result<()> {
    if refuted.is_empty() {
        return Ok(());
    }
    let rule: String =
        db.query_row("SELECT sql FROM sqlite_master WHERE name = 'checkpoints_no_delete'", [], |r| r.get(0))?;
    db.execute_batch("DROP TRIGGER checkpoints_no_delete")?;
    for (size, note) in refuted {
        db.execute("INSERT INTO refuted (size, note, entry) VALUES (?, ?, ?)", params![size, note, entry])?;
        db.execute("DELETE FROM checkpoints WHERE size = ?", [size])?;
    }
    db.execute_batch(&rule)
}
