//! One batch as rows, within the transaction that commits it.

use super::error::{JournalError, MAX_TEXT};
use super::model::{Entry, ObservationRow};
use super::operation;
use super::outbox::{self, Subscribed};
use super::proof::archive::Segment;
use super::proof::chain::{self, Stamp};
use super::proof::tip::Tip;
use super::proof::tree::leaf;
use super::queue::Stamped;
use crate::policy::{EventType, WallMs};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use uuid::Uuid;

/// The log as a transaction writes it. On an error the caller rolls all of it back, and this is worth nothing.
#[derive(Debug)]
pub(in crate::journal) struct Log<'a> {
    pub tip: Tip,
    pub sinks: Subscribed,
    pub tag: &'a str,
    /// Why something of it was left out, or written shorter: it can never be written as it is.
    pub set_aside: Vec<JournalError>,
}

/// Writes everything of `job`.
pub(in crate::journal) fn write(db: &Connection, log: &mut Log<'_>, job: &Stamped) -> Result<(), JournalError> {
    if let Some(operation) = &job.batch.begin {
        operation::begin(db, operation, job.wall)?;
    }
    for (key, value) in &job.batch.states {
        match keep(db, key, value.as_ref(), job.wall) {
            Err(error @ JournalError::Unfit { .. }) => log.set_aside.push(error),
            kept => kept?,
        }
    }
    job.batch.outbox.iter().try_for_each(|change| outbox::apply(db, &mut log.sinks, change, job.wall))?;
    for (entry, id) in job.batch.entries.iter().zip(&job.ids) {
        let operation_id = match entry.operation {
            Some(id) => Some(id.to_string()),
            None => entry.op.map(|op| operation::of_action(db, op)).transpose()?.flatten(),
        };
        append(db, log, entry, *id, operation_id.as_deref())?;
    }
    job.batch.end.iter().try_for_each(|ended| operation::end(db, ended, job.wall))?;
    for row in &job.batch.observations {
        // Each for itself: one tenant's costs no other's.
        match observe(db, row) {
            Err(error) if error.is_permanent() => log.set_aside.push(error),
            written => written?,
        }
    }
    Ok(())
}

fn keep(db: &Connection, key: &str, value: Option<&Value>, at: WallMs) -> Result<(), JournalError> {
    let text = value.map(Value::to_string);
    if let Some(bytes) = text.as_ref().map(String::len).filter(|bytes| *bytes > MAX_STATE) {
        let why = format!("`{}` has {bytes} bytes, {MAX_STATE} are allowed", cut(key, 300));
        return Err(JournalError::Unfit { what: "a state", why });
    }
    let change = || match text {
        Some(text) => db
            .prepare_cached(
                "INSERT INTO state (key, value, at) VALUES (?, ?, ?)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at",
            )?
            .execute(params![key, text, at.0]),
        None => db.prepare_cached("DELETE FROM state WHERE key = ?")?.execute([key]),
    };
    change().map(drop).map_err(JournalError::sqlite("write the engine's state to the journal"))
}

/// Bytes of a state's text at most.
const MAX_STATE: usize = 8 * MAX_TEXT;

/// Characters of a text that are kept of an entry that no reader could bear.
const KEPT: usize = 300;

/// What is left of an entry that no reader could bear: who did what, to whom and when, and that the rest is missing.
fn shortened(entry: &Entry, why: &JournalError) -> Entry {
    Entry {
        at: entry.at,
        event_type: cut(&entry.event_type, KEPT),
        tenant: entry.tenant.as_deref().map(|text| cut(text, KEPT)),
        channel_id: entry.channel_id.as_deref().map(|text| cut(text, KEPT)),
        actor: cut(&entry.actor, KEPT),
        reason: cut(&entry.reason, KEPT),
        before: Value::Null,
        after: Value::Null,
        op: entry.op,
        operation: entry.operation,
        details: json!({ "set_aside": why.to_string() }),
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Adds an entry to the log: its row, its leaf in the tree, and a place in the outbox for whoever is sent it.
pub(in crate::journal) fn append(
    db: &Connection,
    log: &mut Log<'_>,
    entry: &Entry,
    id: Uuid,
    operation_id: Option<&str>,
) -> Result<(), JournalError> {
    let stamp = Stamp { id, operation_id, compliance_tag: log.tag };
    let short;
    let (entry, (text, next)) = match chain::link(&log.tip.head, entry, &stamp) {
        Ok(linked) => (entry, linked),
        Err(error) => {
            short = shortened(entry, &error);
            let linked = chain::link(&log.tip.head, &short, &stamp)?;
            log.set_aside.push(error);
            (&short, linked)
        }
    };
    let leaf = leaf(text.as_bytes());
    db.prepare_cached(
        "INSERT INTO audit (seq, entry, hash, at, event_type, tenant, channel_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .and_then(|mut s| {
        s.execute(params![
            i64::try_from(next.seq).unwrap_or(i64::MAX),
            text,
            next.hash,
            entry.at.0,
            entry.event_type,
            entry.tenant,
            entry.channel_id
        ])
    })
    .map_err(JournalError::sqlite("append to the audit log"))?;
    log.tip.head = next;
    log.tip.tree.push(leaf);
    outbox::enqueue(db, &log.sinks, log.tip.head.seq, &entry.event_type, entry.at)
}

/// A segment's row, and the entry that tells of it.
pub(in crate::journal) fn archive(
    db: &Connection,
    log: &mut Log<'_>,
    segment: &Segment,
    at: WallMs,
    id: Uuid,
) -> Result<(), JournalError> {
    let Segment { first, last, file, sha256, head, .. } = segment;
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let entry = number(log.tip.head.seq + 1);
    db.prepare_cached("INSERT INTO segments (first, last, file, sha256, head, entry) VALUES (?, ?, ?, ?, ?, ?)")
        .and_then(|mut s| s.execute(params![number(*first), number(*last), file, sha256, head, entry]))
        .map_err(JournalError::sqlite("note an archived segment"))?;
    let entry = Entry {
        details: segment.details(),
        ..Entry::of_journal(at, EventType::JournalArchived, format!("entries {first} to {last} are archived in {file}"))
    };
    append(db, log, &entry, id, None)
}

fn observe(db: &Connection, row: &ObservationRow) -> Result<(), JournalError> {
    if row.body.len() > MAX_TEXT {
        let why = format!("its body has {} bytes, {MAX_TEXT} are allowed", row.body.len());
        return Err(JournalError::Unfit { what: "an observation", why });
    }
    db.prepare_cached("INSERT INTO observations (at, tenant, channel, body) VALUES (?, ?, ?, ?)")
        .and_then(|mut s| s.execute(params![row.at.0, row.tenant, row.channel, row.body]))
        .map(drop)
        .map_err(JournalError::sqlite("write an observation to the journal"))
}
