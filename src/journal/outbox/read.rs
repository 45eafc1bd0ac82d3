//! Reads the outbox: what is due next for a sink, and what a person wants to see of it. Every answer has a bound.

use super::change::Selection;
use crate::journal::error::JournalError;
use crate::journal::glob;
use crate::journal::reader::Reader;
use crate::policy::WallMs;
use crate::sync::lock;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::{Deserialize, Serialize};

/// Deliveries in one answer at most.
const MAX_DUE: usize = 64;
/// An answer stops growing here, in bytes of text.
const MAX_TEXT: usize = 1024 * 1024;
/// Rows on a page at most.
const MAX_PAGE: usize = 1000;

/// One delivery that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its row.
    pub row: i64,
    /// The audit entry; `None`: a payload of its own.
    pub seq: Option<u64>,
    /// The payload's id; an entry has its own in its text.
    pub payload_id: Option<String>,
    /// The entry's canonical text, or the payload; `None`: the row stands for nothing that is left.
    pub text: Option<String>,
    /// The entry's hash.
    pub hash: Option<String>,
    /// Failed attempts so far.
    pub tries: u32,
    /// What acknowledges it goes on with this entry; `None`: with the next row.
    pub next: Option<u64>,
}

/// A sink and what waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkState {
    /// Its name.
    pub name: String,
    /// Whether it is configured.
    pub subscribed: bool,
    /// Rows that may wait.
    pub max_pending: u32,
    /// Entries and payloads that wait. Under a stretched row every entry counts, subscribed to or not.
    pub pending: u64,
    /// Dead letters.
    pub dead: u64,
    /// What was given up at a bound, since the sink is known.
    pub given_up: u64,
    /// When the oldest that waits was queued.
    pub oldest_at: Option<WallMs>,
    /// Why the first that waits failed, the last time it was tried.
    pub error: Option<String>,
}

impl SinkState {
    /// Whether it is no longer configured and something waits for it: that is sent to nobody, and stays.
    pub const fn is_left_behind(&self) -> bool {
        !self.subscribed && self.pending > 0
    }
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxFilter {
    /// Of this sink only.
    pub sink: Option<String>,
    /// Dead letters only, or only what waits.
    pub dead: Option<bool>,
    /// Behind this row: the `next` of the page before.
    pub after: Option<i64>,
    /// Rows on the page, 1 to 1000.
    pub limit: usize,
}

/// One row as a person sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Its number.
    pub id: i64,
    /// Its sink.
    pub sink: String,
    /// The audit entry; null: a payload of its own.
    pub seq: Option<u64>,
    /// The last entry, where it stands for many; else as `seq`.
    pub through: Option<u64>,
    /// The entry's type; null where there is none or many.
    pub event_type: Option<String>,
    /// When it was queued, in milliseconds since 1970.
    pub at: i64,
    /// Failed attempts.
    pub tries: u32,
    /// When it was last tried, in milliseconds since 1970.
    pub tried_at: Option<i64>,
    /// Why that failed.
    pub error: Option<String>,
    /// Whether it is a dead letter.
    pub dead: bool,
}

/// Some rows, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutboxPage {
    /// The rows.
    pub rows: Vec<OutboxRow>,
    /// What goes into `after` for the next page.
    pub next: Option<i64>,
}

/// How many rows a person means, and the last of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Their number.
    pub count: u64,
    /// The greatest row number; 0: there is none.
    pub last: i64,
}

impl Reader {
    /// What is due for `sink`, in order, `limit` (64 at most) deliveries or 1 MiB of them. `events`: what of a stretched row counts.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn outbox_due(&self, sink: &str, events: &[String], limit: usize) -> Result<Vec<Due>, JournalError> {
        let limit = limit.clamp(1, MAX_DUE);
        let db = lock(self.connection());
        let read = || {
            let rows = db
                .prepare_cached(
                    "SELECT id, seq, through, event_id, payload, hash, tries FROM outbox
                     WHERE sink = ? AND dead = 0 AND NOT EXISTS (SELECT 1 FROM outbox_lane WHERE row = outbox.id)
                     ORDER BY id LIMIT ?",
                )?
                .query_map(params![sink, i64::try_from(limit).unwrap_or(1)], Waiting::read)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let (mut due, mut bytes) = (Vec::new(), 0);
            for row in rows {
                let room = limit - due.len();
                for one in row.due(&db, events, room)? {
                    bytes += one.text.as_ref().map_or(0, String::len);
                    due.push(one);
                }
                if due.len() >= limit || bytes >= MAX_TEXT || row.is_stretched() {
                    break;
                }
            }
            Ok(due)
        };
        read().map_err(JournalError::sqlite("read the outbox"))
    }

    /// Every sink that is configured or that something waits for, by name.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn outbox_sinks(&self) -> Result<Vec<SinkState>, JournalError> {
        let db = lock(self.connection());
        let read = || {
            db.prepare_cached(
                "SELECT s.name, s.subscribed, s.max_pending, s.pending + s.stretched, s.dead, s.given_up, o.at, o.error
                 FROM outbox_sinks s LEFT JOIN outbox o
                 ON o.id = (SELECT min(id) FROM outbox WHERE sink = s.name AND dead = 0) ORDER BY s.name",
            )?
            .query_map([], |r| {
                Ok(SinkState {
                    name: r.get(0)?,
                    subscribed: r.get(1)?,
                    max_pending: r.get(2)?,
                    pending: number(r, 3)?,
                    dead: number(r, 4)?,
                    given_up: number(r, 5)?,
                    oldest_at: r.get::<_, Option<i64>>(6)?.map(WallMs),
                    error: r.get(7)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(JournalError::sqlite("read the outbox's sinks"))
    }

    /// The rows that `filter` lets through.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn outbox_rows(&self, filter: &OutboxFilter) -> Result<OutboxPage, JournalError> {
        let limit = filter.limit.clamp(1, MAX_PAGE);
        let db = lock(self.connection());
        let mut rows = db
            .prepare_cached(
                "SELECT o.id, o.sink, o.seq, o.through, a.event_type, o.at, o.tries, o.tried_at, o.error, o.dead
                 FROM outbox o LEFT JOIN audit a ON a.seq = o.seq AND o.through = o.seq
                 WHERE (?1 IS NULL OR o.sink = ?1) AND (?2 IS NULL OR o.dead = ?2) AND o.id > ?3 ORDER BY o.id LIMIT ?4",
            )
            .and_then(|mut s| {
                let limit = i64::try_from(limit + 1).unwrap_or(i64::MAX);
                s.query_map(params![filter.sink, filter.dead, filter.after.unwrap_or(0), limit], row)?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(JournalError::sqlite("read the outbox"))?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok(OutboxPage { next: rows.last().filter(|_| more).map(|row| row.id), rows })
    }

    /// The rows of `sink` that `which` means now.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn outbox_place(&self, sink: &str, which: Selection) -> Result<Place, JournalError> {
        let (row, through, waiting) = which.values();
        lock(self.connection())
            .prepare_cached(&format!("SELECT count(*), coalesce(max(id), 0) FROM outbox WHERE {}", Selection::SQL))
            .and_then(|mut s| {
                s.query_row(params![sink, row, through, waiting], |r| {
                    Ok(Place { count: number(r, 0)?, last: r.get(1)? })
                })
            })
            .map_err(JournalError::sqlite("read the outbox"))
    }
}

fn row(r: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        id: r.get(0)?,
        sink: r.get(1)?,
        seq: maybe(r, 2)?,
        through: maybe(r, 3)?,
        event_type: r.get(4)?,
        at: r.get(5)?,
        tries: r.get(6)?,
        tried_at: r.get(7)?,
        error: r.get(8)?,
        dead: r.get(9)?,
    })
}

/// Counts and entry numbers are never negative.
fn number(r: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(maybe(r, column)?.unwrap_or(0))
}

pub(super) fn maybe(r: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(r.get::<_, Option<i64>>(column)?.and_then(|n| u64::try_from(n).ok()))
}

/// A row that waits, before its entries are looked up.
struct Waiting {
    id: i64,
    seq: Option<u64>,
    through: Option<u64>,
    event_id: Option<String>,
    payload: Option<String>,
    hash: Option<String>,
    tries: u32,
}

impl Waiting {
    fn read(r: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: r.get(0)?,
            seq: maybe(r, 1)?,
            through: maybe(r, 2)?,
            event_id: r.get(3)?,
            payload: r.get(4)?,
            hash: r.get(5)?,
            tries: r.get(6)?,
        })
    }

    fn is_stretched(&self) -> bool {
        self.through > self.seq
    }

    fn due(&self, db: &Connection, events: &[String], room: usize) -> rusqlite::Result<Vec<Due>> {
        let (Some(seq), Some(through)) = (self.seq, self.through) else {
            return Ok(vec![self.as_due(None, self.payload.clone(), None)]);
        };
        if !self.is_stretched() {
            let (text, hash) = match &self.payload {
                Some(text) => (Some(text.clone()), self.hash.clone()),
                None => entry(db, seq)?.unzip(),
            };
            return Ok(vec![self.as_due(Some(seq), text, hash)]);
        }
        let found = entries(db, (seq, through), events, room)?;
        if found.is_empty() {
            let nothing = Due { next: Some(through + 1), ..self.as_due(Some(seq), None, None) };
            return Ok(vec![nothing]);
        }
        let first = found.first().map(|(seq, ..)| *seq);
        let due = |(seq, text, hash)| {
            let tries = if Some(seq) == first { self.tries } else { 0 };
            Due { tries, ..self.as_due(Some(seq), Some(text), Some(hash)) }
        };
        Ok(found.into_iter().map(due).collect())
    }

    fn as_due(&self, seq: Option<u64>, text: Option<String>, hash: Option<String>) -> Due {
        Due {
            row: self.id,
            seq,
            payload_id: self.event_id.clone(),
            text,
            hash,
            tries: self.tries,
            next: seq.map(|seq| seq + 1),
        }
    }
}

pub(super) fn entry(db: &Connection, seq: u64) -> rusqlite::Result<Option<(String, String)>> {
    db.prepare_cached("SELECT entry, hash FROM audit WHERE seq = ?")?
        .query_row([i64::try_from(seq).unwrap_or(i64::MAX)], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()
}

/// Entries of a range that a sink subscribed to, `limit` of them, and 1 MiB of text at most but one entry at least.
fn entries(
    db: &Connection,
    (from, through): (u64, u64),
    events: &[String],
    limit: usize,
) -> rusqlite::Result<Vec<(u64, String, String)>> {
    let bound = |n: u64| Sql::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    let globs = vec!["event_type GLOB ?"; events.len()].join(" OR ");
    let sql = format!(
        "SELECT seq, entry, hash FROM audit WHERE seq >= ? AND seq <= ? AND ({}) ORDER BY seq LIMIT {limit}",
        if globs.is_empty() { "0" } else { &globs }
    );
    let values = [bound(from), bound(through)].into_iter().chain(events.iter().map(|g| Sql::Text(glob::pattern(g))));
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(r) = rows.next()? {
        let text: String = r.get(1)?;
        bytes += text.len();
        found.push((number(r, 0)?, text, r.get(2)?));
        if bytes >= MAX_TEXT {
            break;
        }
    }
    Ok(found)
}
