//! How rows come into the outbox and leave it, within the transaction that commits them.

use super::lane;
use crate::journal::model::JournalError;
use crate::policy::WallMs;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;
use uuid::Uuid;

/// Dead letters of one sink at most: beyond it none is set aside any more, and the sink waits for a person.
pub const MAX_DEAD: u64 = 10_000;

/// Who is told of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The sink's name, unique among all sinks.
    pub sink: String,
    /// Globs over event types; `*` matches dots too. None: entries do not go there, payloads do.
    pub events: Vec<String>,
    /// Rows that may wait.
    pub max_pending: u32,
}

/// Which rows of a sink a person means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// This one.
    Row(i64),
    /// Its dead letters, up to this row.
    Dead(i64),
    /// All of its rows, up to this one.
    All(i64),
}

/// What is changed in the outbox.
#[derive(Clone, Debug)]
pub enum OutboxChange {
    /// These are the sinks from now on. Rows of others stay, and none is added to them.
    Subscribe(Vec<Subscription>),
    /// A payload of its own for a sink, under an id by which the receiver recognises a repetition.
    Queue {
        /// The sink.
        sink: String,
        /// The id.
        id: Uuid,
        /// What is sent.
        payload: String,
    },
    /// A row was delivered: a payload, or its entries before `next`. It goes on with `next` where it is stretched so far.
    Delivered {
        /// The row.
        row: i64,
        /// The number behind the entry that was delivered; `None`: it was a payload.
        next: Option<u64>,
    },
    /// An attempt to deliver a row failed.
    Failed {
        /// The row.
        row: i64,
        /// Why, without secrets.
        error: String,
    },
    /// A row is set aside as a dead letter. Nothing where the sink has too many of them; it stays at the head then.
    Dead {
        /// The row.
        row: i64,
        /// The entry; `None`: it is a payload.
        seq: Option<u64>,
        /// Why, without secrets.
        error: String,
    },
    /// A row goes on in the lane beside the queue, and what comes after it is next.
    Aside {
        /// The row.
        row: i64,
        /// The entry; `None`: it is a payload.
        seq: Option<u64>,
        /// Why, without secrets.
        error: String,
    },
    /// An attempt to deliver a row of the lane failed.
    LaneFailed {
        /// The row.
        row: i64,
        /// Why, without secrets.
        error: String,
        /// When it is tried again.
        next_at: WallMs,
    },
    /// What waits for entries from before this moment holds back archiving no longer: some of it is copied as dead letters.
    Release(WallMs),
    /// Dead letters wait again, in their old places; and what waits counts as never tried.
    Retry(String, Selection),
    /// A person gives rows up.
    Drop(String, Selection),
}

impl OutboxChange {
    /// Whether a sender that waits for work has a reason to look.
    pub(in crate::journal) const fn is_more_to_do(&self) -> bool {
        matches!(self, Self::Subscribe(_) | Self::Queue { .. } | Self::Aside { .. } | Self::Retry(..) | Self::Drop(..))
    }
}

/// The subscriptions in force, shared by the transactions that use them.
pub(in crate::journal) type Subscribed = Arc<Vec<Subscription>>;

/// Whether an event type is one that `glob` means: `*` stands for anything, dots included.
pub fn event_matches(glob: &str, event_type: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(rest) = parts.next().and_then(|first| event_type.strip_prefix(first)) else { return false };
    let mut rest = rest;
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else { return false };
            rest = rest.get(at + before.len()..).unwrap_or_default();
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

/// The subscriptions that the file holds.
pub(in crate::journal) fn subscriptions(db: &Connection) -> Result<Subscribed, JournalError> {
    let read = || {
        db.prepare_cached("SELECT name, events, max_pending FROM outbox_sinks WHERE subscribed = 1 ORDER BY name")?
            .query_map([], |r| {
                let events: String = r.get(1)?;
                Ok(Subscription {
                    sink: r.get(0)?,
                    events: serde_json::from_str(&events).unwrap_or_default(),
                    max_pending: r.get(2)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map(Arc::new).map_err(JournalError::sqlite("read the outbox's sinks"))
}

/// Queues an entry that was just appended, for whoever subscribed to it.
pub(in crate::journal) fn enqueue(
    db: &Connection,
    sinks: &Subscribed,
    seq: u64,
    event_type: &str,
    at: WallMs,
) -> Result<(), JournalError> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let wanted = |s: &&Subscription| s.events.iter().any(|glob| event_matches(glob, event_type));
    sinks
        .iter()
        .filter(wanted)
        .try_for_each(|sink| queue_entry(db, sink, seq, at))
        .map_err(JournalError::sqlite("queue an entry for its sinks"))
}

/// At the bound the newest row is stretched; not one that was tried: a dead letter that waits again stands behind later
/// entries, and stretched it would send all of those once more.
fn queue_entry(db: &Connection, sink: &Subscription, seq: i64, at: WallMs) -> rusqlite::Result<()> {
    if pending(db, &sink.sink)? >= i64::from(sink.max_pending) {
        let stretched = db
            .prepare_cached(
                "UPDATE outbox SET through = ?2 WHERE payload IS NULL AND tried_at IS NULL
                 AND id = (SELECT max(id) FROM outbox WHERE sink = ?1 AND dead = 0)",
            )?
            .execute(params![sink.sink, seq])?;
        if stretched == 1 {
            return Ok(());
        }
    }
    db.prepare_cached("INSERT INTO outbox (sink, seq, through, at) VALUES (?1, ?2, ?2, ?3)")?
        .execute(params![sink.sink, seq, at.0])
        .map(drop)
}

fn pending(db: &Connection, sink: &str) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT pending FROM outbox_sinks WHERE name = ?")?
        .query_row([sink], |r| r.get(0))
        .optional()
        .map(Option::unwrap_or_default)
}

/// Makes a change; `at` is when it was asked for.
pub(in crate::journal) fn apply(
    db: &Connection,
    sinks: &mut Subscribed,
    change: &OutboxChange,
    at: WallMs,
) -> Result<(), JournalError> {
    match change {
        OutboxChange::Subscribe(new) => {
            subscribe(db, new).map_err(JournalError::sqlite("write the outbox's sinks"))?;
            *sinks = Arc::new(new.clone());
            Ok(())
        }
        OutboxChange::Queue { sink, id, payload } => {
            queue_payload(db, sinks, sink, *id, payload, at).map_err(JournalError::sqlite("queue a payload"))
        }
        OutboxChange::Delivered { row, next } => {
            passed(db, *row, *next).map_err(JournalError::sqlite("acknowledge a delivery"))
        }
        OutboxChange::Failed { row, error } => db
            .prepare_cached("UPDATE outbox SET tries = tries + 1, tried_at = ?2, error = ?3 WHERE id = ?1")
            .and_then(|mut s| s.execute(params![row, at.0, error]))
            .map(drop)
            .map_err(JournalError::sqlite("note a failed delivery")),
        OutboxChange::Dead { row, seq, error } => set_aside(db, *row, *seq, (error, at), true)
            .map(drop)
            .map_err(JournalError::sqlite("set a dead letter aside")),
        OutboxChange::Aside { row, seq, error } => {
            lane::enter(db, *row, *seq, error, at).map_err(JournalError::sqlite("pass over a delivery"))
        }
        OutboxChange::LaneFailed { row, error, next_at } => {
            lane::failed(db, *row, error, at, *next_at).map_err(JournalError::sqlite("note a failed delivery"))
        }
        OutboxChange::Release(before) => {
            lane::release(db, *before, at).map_err(JournalError::sqlite("copy what holds back archiving"))
        }
        OutboxChange::Retry(sink, which) => retry(db, sink, *which).map_err(JournalError::sqlite("retry deliveries")),
        OutboxChange::Drop(sink, which) => give_up(db, sink, *which).map_err(JournalError::sqlite("drop deliveries")),
    }
}

/// Sinks that are gone and owe nothing are forgotten.
fn subscribe(db: &Connection, new: &[Subscription]) -> rusqlite::Result<()> {
    db.execute("UPDATE outbox_sinks SET subscribed = 0", [])?;
    for sink in new {
        let events = serde_json::Value::from(sink.events.clone()).to_string();
        db.prepare_cached(
            "INSERT INTO outbox_sinks (name, subscribed, events, max_pending) VALUES (?1, 1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET subscribed = 1, events = ?2, max_pending = ?3",
        )?
        .execute(params![sink.sink, events, sink.max_pending])?;
    }
    db.execute("DELETE FROM outbox_sinks WHERE subscribed = 0 AND pending = 0 AND dead = 0", []).map(drop)
}

fn queue_payload(
    db: &Connection,
    sinks: &Subscribed,
    sink: &str,
    id: Uuid,
    payload: &str,
    at: WallMs,
) -> rusqlite::Result<()> {
    let Some(subscription) = sinks.iter().find(|s| s.sink == sink) else { return Ok(()) };
    let over = pending(db, sink)? + 1 - i64::from(subscription.max_pending);
    if over > 0 {
        let gone = db
            .prepare_cached(
                "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE sink = ? AND dead = 0 ORDER BY id LIMIT ?)",
            )?
            .execute(params![sink, over])?;
        db.prepare_cached("UPDATE outbox_sinks SET given_up = given_up + ?2 WHERE name = ?1")?
            .execute(params![sink, i64::try_from(gone).unwrap_or(0)])?;
    }
    db.prepare_cached("INSERT INTO outbox (sink, event_id, payload, at) VALUES (?, ?, ?, ?)")?
        .execute(params![sink, id.to_string(), payload, at.0])
        .map(drop)
}

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

/// Selections as `?2` the row that is meant, `?3` the last row, `?4` whether rows that wait are meant too.
const SELECTED: &str = "sink = ?1 AND (?2 IS NULL OR id = ?2) AND id <= ?3 AND (dead = 1 OR ?4)";

impl Selection {
    pub(in crate::journal) const SQL: &'static str = SELECTED;

    pub(in crate::journal) const fn values(self) -> (Option<i64>, i64, bool) {
        match self {
            Self::Row(id) => (Some(id), id, true),
            Self::Dead(through) => (None, through, false),
            Self::All(through) => (None, through, true),
        }
    }
}

fn retry(db: &Connection, sink: &str, which: Selection) -> rusqlite::Result<()> {
    let (row, through, waiting) = which.values();
    // What is in the lane waits again in its old place, like a dead letter.
    db.prepare_cached(&format!("DELETE FROM outbox_lane WHERE row IN (SELECT id FROM outbox WHERE {SELECTED})"))?
        .execute(params![sink, row, through, waiting])?;
    db.prepare_cached(&format!("UPDATE outbox SET dead = 0, tries = 0, error = NULL WHERE {SELECTED}"))?
        .execute(params![sink, row, through, waiting])
        .map(drop)
}

fn give_up(db: &Connection, sink: &str, which: Selection) -> rusqlite::Result<()> {
    let (row, through, waiting) = which.values();
    db.prepare_cached(&format!("DELETE FROM outbox WHERE {SELECTED}"))?
        .execute(params![sink, row, through, waiting])?;
    db.execute("DELETE FROM outbox_sinks WHERE subscribed = 0 AND pending = 0 AND dead = 0", []).map(drop)
}
