//! The lane beside a sink's queue: deliveries that the sink refused while it took others. They go on by themselves, in no
//! order, and hold nobody up.

use super::dead::{MAX_DEAD, passed, set_aside};
use super::read::{Due, entry, maybe};
use crate::journal::error::JournalError;
use crate::journal::glob::event_matches;
use crate::journal::reader::Reader;
use crate::policy::WallMs;
use crate::sync::lock;
use rusqlite::{Connection, OptionalExtension, params};

/// Deliveries in the lane of one sink at most: beyond it none is passed over.
pub const MAX_LANE: u64 = 1_000;

/// A delivery in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneDue {
    /// The delivery.
    pub due: Due,
    /// Since when it is in the lane.
    pub since: WallMs,
    /// When it is to be tried.
    pub next_at: WallMs,
}

impl Reader {
    /// The delivery in the lane of `sink` that is to be tried first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn outbox_lane(&self, sink: &str) -> Result<Option<LaneDue>, JournalError> {
        let db = lock(self.connection());
        let read = || {
            let row = db
                .prepare_cached(
                    "SELECT o.id, o.seq, o.event_id, o.payload, o.hash, o.tries, l.since, l.next_at
                     FROM outbox_lane l JOIN outbox o ON o.id = l.row
                     WHERE o.sink = ? AND o.dead = 0 ORDER BY l.next_at, l.row LIMIT 1",
                )?
                .query_row([sink], |r| {
                    let due = Due {
                        row: r.get(0)?,
                        seq: maybe(r, 1)?,
                        payload_id: r.get(2)?,
                        text: r.get(3)?,
                        hash: r.get(4)?,
                        tries: r.get(5)?,
                        next: None,
                    };
                    Ok(LaneDue { due, since: WallMs(r.get(6)?), next_at: WallMs(r.get(7)?) })
                })
                .optional()?;
            let Some(mut lane) = row else { return Ok(None) };
            if let (None, Some(seq)) = (&lane.due.text, lane.due.seq) {
                (lane.due.text, lane.due.hash) = entry(&db, seq)?.unzip();
            }
            Ok(Some(lane))
        };
        read().map_err(JournalError::sqlite("read the outbox"))
    }

    /// How many deliveries are in the lane of `sink`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn outbox_lane_length(&self, sink: &str) -> Result<u64, JournalError> {
        lock(self.connection())
            .prepare_cached("SELECT count(*) FROM outbox_lane l JOIN outbox o ON o.id = l.row WHERE o.sink = ?")
            .and_then(|mut s| s.query_row([sink], |r| maybe(r, 0)))
            .map(Option::unwrap_or_default)
            .map_err(JournalError::sqlite("read the outbox"))
    }

    /// Whether a sink still waits for an entry from before `before`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn outbox_holds(&self, before: WallMs) -> Result<bool, JournalError> {
        let held = format!("SELECT EXISTS (SELECT 1 {HELD})");
        lock(self.connection())
            .query_row(&held, [before.0], |r| r.get(0))
            .map_err(JournalError::sqlite("read what is still to be delivered"))
    }
}

/// A row goes into the lane; of a stretched one its first entry does, and the rest moves on.
pub(super) fn enter(db: &Connection, row: i64, seq: Option<u64>, error: &str, at: WallMs) -> rusqlite::Result<()> {
    let Some(lane) = set_aside(db, row, seq, (error, at), false)? else { return Ok(()) };
    db.prepare_cached("INSERT OR IGNORE INTO outbox_lane (row, since, next_at) VALUES (?1, ?2, ?2)")?
        .execute(params![lane, at.0])
        .map(drop)
}

/// A delivery in the lane failed, and is to be tried again at `next_at`.
pub(super) fn failed(db: &Connection, row: i64, error: &str, at: WallMs, next_at: WallMs) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE outbox SET tries = tries + 1, tried_at = ?2, error = ?3 WHERE id = ?1")?
        .execute(params![row, at.0, error])?;
    db.prepare_cached("UPDATE outbox_lane SET next_at = ?2 WHERE row = ?1")?.execute(params![row, next_at.0]).map(drop)
}

/// Rows that hold back archiving of entries from before `?1`.
const HELD: &str = "FROM outbox o JOIN audit a ON a.seq = o.seq
    WHERE o.payload IS NULL AND o.seq IS NOT NULL AND o.dead = 0 AND a.at < ?1";

/// Rows that are looked at in one transaction, and entries of a stretched one.
const STEP: i64 = 1_000;

/// What held back archiving for too long.
const TOO_LONG: &str = "it held back archiving for longer than audit.hold_for";

/// Some of the rows that wait for entries from before `before` become dead letters, each with a copy of its entry; beyond the
/// bound of dead letters they are given up, and counted.
pub(super) fn release(db: &Connection, before: WallMs, at: WallMs) -> rusqlite::Result<()> {
    let rows: Vec<(i64, String, i64, i64)> = db
        .prepare_cached(&format!("SELECT o.id, o.sink, o.seq, o.through {HELD} ORDER BY o.id LIMIT ?2"))?
        .query_map(params![before.0, STEP], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (row, sink, seq, through) in rows {
        let last = if through > seq { last_before(db, seq, through, before)? } else { seq };
        let events = events_of(db, &sink)?;
        for number in seq..=last {
            copy(db, (row, &sink), number, &events, at)?;
        }
        passed(db, row, u64::try_from(last + 1).ok())?;
    }
    Ok(())
}

fn last_before(db: &Connection, seq: i64, through: i64, before: WallMs) -> rusqlite::Result<i64> {
    let end = through.min(seq + STEP);
    let young: Option<i64> = db
        .prepare_cached("SELECT min(seq) FROM audit WHERE seq >= ?1 AND seq <= ?2 AND at >= ?3")?
        .query_row(params![seq, end, before.0], |r| r.get(0))?;
    Ok(young.map_or(end, |young| (young - 1).max(seq)))
}

fn events_of(db: &Connection, sink: &str) -> rusqlite::Result<Vec<String>> {
    let events: Option<String> = db
        .prepare_cached("SELECT events FROM outbox_sinks WHERE name = ?")?
        .query_row([sink], |r| r.get(0))
        .optional()?;
    Ok(events.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Entry `seq` as a dead letter of its own, where the sink is sent such entries.
fn copy(db: &Connection, (row, sink): (i64, &str), seq: i64, events: &[String], at: WallMs) -> rusqlite::Result<()> {
    let found: Option<(String, String, String)> = db
        .prepare_cached("SELECT entry, hash, event_type FROM audit WHERE seq = ?")?
        .query_row([seq], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    let Some((entry, hash, event)) = found else { return Ok(()) };
    if !events.iter().any(|glob| event_matches(glob, &event)) {
        return Ok(());
    }
    let dead: i64 = db
        .prepare_cached("SELECT coalesce((SELECT dead FROM outbox_sinks WHERE name = ?), 0)")?
        .query_row([sink], |r| r.get(0))?;
    if u64::try_from(dead).unwrap_or(0) >= MAX_DEAD {
        return db
            .prepare_cached("UPDATE outbox_sinks SET given_up = given_up + 1 WHERE name = ?")?
            .execute([sink])
            .map(drop);
    }
    db.prepare_cached(
        "INSERT INTO outbox (sink, seq, through, payload, hash, at, tries, tried_at, error, dead)
         SELECT sink, ?2, ?2, ?3, ?4, at, tries, ?5, ?6, 1 FROM outbox WHERE id = ?1",
    )?
    .execute(params![row, seq, entry, hash, at.0, TOO_LONG])
    .map(drop)
}
