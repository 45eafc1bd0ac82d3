//! How rows come into the outbox and leave it, within the transaction that commits them.

use super::change::{OutboxChange, Selection, Subscription};
use super::dead::{passed, set_aside};
use super::lane;
use crate::journal::error::JournalError;
use crate::journal::glob::event_matches;
use crate::policy::WallMs;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;
use uuid::Uuid;

const SELECTED: &str = Selection::SQL;

/// The subscriptions in force, shared by the transactions that use them.
pub(in crate::journal) type Subscribed = Arc<Vec<Subscription>>;

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
