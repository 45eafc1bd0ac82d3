//! Rows that leave the queue: delivered, dropped, or set aside.

use crate::policy::WallMs;
use rusqlite::{Connection, OptionalExtension, params};

/// Dead letters of one sink at most: beyond it none is set aside any more, and the sink waits for a person.
pub const MAX_DEAD: u64 = 10_000;

/// A row is over; one that is stretched, perhaps only since its first entry was read, moves on unless it has ended.
pub(super) fn passed(db: &Connection, row: i64, next: Option<u64>) -> rusqlite::Result<()> {
    let moved = db
        .prepare_cached(
            "UPDATE outbox SET seq = ?2, at = coalesce((SELECT at FROM audit WHERE seq = ?2), at),
             tries = 0, tried_at = NULL, error = NULL WHERE id = ?1 AND through >= ?2",
        )?
        .execute(params![row, next.and_then(|next| i64::try_from(next).ok())])?;
    if moved == 0 {
        db.prepare_cached("DELETE FROM outbox WHERE id = ?")?.execute([row])?;
    }
    Ok(())
}

/// Takes a row out of the queue, as a dead letter or for the lane; which row it is then. `None`: there is no room, or no such row.
pub(super) fn set_aside(
    db: &Connection,
    row: i64,
    seq: Option<u64>,
    (error, at): (&str, WallMs),
    dead: bool,
) -> rusqlite::Result<Option<i64>> {
    let letters: Option<i64> = db
        .prepare_cached("SELECT s.dead FROM outbox o JOIN outbox_sinks s ON s.name = o.sink WHERE o.id = ?")?
        .query_row([row], |r| r.get(0))
        .optional()?;
    if letters.is_none_or(|letters| u64::try_from(letters).unwrap_or(0) >= MAX_DEAD) {
        return Ok(None);
    }
    let whole = db
        .prepare_cached(
            "UPDATE outbox SET dead = ?4, tries = tries + ?4, tried_at = ?2, error = ?3
             WHERE id = ?1 AND coalesce(through, 0) = coalesce(seq, 0)",
        )?
        .execute(params![row, at.0, error, dead])?;
    if whole == 0 {
        let number = seq.and_then(|seq| i64::try_from(seq).ok());
        db.prepare_cached(
            "INSERT INTO outbox (sink, seq, through, at, tries, tried_at, error, dead)
             SELECT sink, ?2, ?2, at, tries + ?5, ?3, ?4, ?5 FROM outbox WHERE id = ?1",
        )?
        .execute(params![row, number, at.0, error, dead])?;
        let aside = db.last_insert_rowid();
        passed(db, row, seq.map(|seq| seq + 1))?;
        return Ok(Some(aside));
    }
    Ok(Some(row))
}
