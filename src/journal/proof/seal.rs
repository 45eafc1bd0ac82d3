//! When a checkpoint is due, and what it leaves: a row, and an audit entry, so that it goes wherever the log goes.
//!
//! Written in the transaction whose entries make it due. Reads no clock: whoever submits says what time it is.

use super::note::{Checkpoint, Signer};
use super::tip::{Sealed, Tip};
use crate::journal::error::JournalError;
use crate::journal::model::Entry;
use crate::journal::options::Signing;
use crate::journal::rows::{self, Log};
use crate::policy::{EventType, WallMs};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, params};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

impl Signing {
    /// Whether the entries since `sealed` are due for a checkpoint at `wall`.
    pub(in crate::journal) fn is_due(&self, tip: &Tip, sealed: Sealed, wall: WallMs) -> bool {
        let Some(at) = sealed.at else { return is_new(tip, sealed) };
        let since = tip.head.seq.saturating_sub(sealed.size);
        // A calendar that was set back must not put checkpoints off for long.
        let passed = wall.0.saturating_sub(at.0).unsigned_abs();
        is_new(tip, sealed) && (since >= self.entries || u128::from(passed) >= self.interval.as_millis())
    }
}

/// Whether there is any entry since `sealed` but that of the checkpoint itself.
pub(in crate::journal) fn is_new(tip: &Tip, sealed: Sealed) -> bool {
    tip.head.seq > sealed.size + u64::from(sealed.at.is_some())
}

/// Writes a checkpoint over all entries, and the entry that tells of it.
pub(in crate::journal) fn write(
    db: &Connection,
    log: &mut Log<'_>,
    signer: &Signer,
    wall: WallMs,
) -> Result<Sealed, JournalError> {
    let tree = &log.tip.tree;
    let (size, root) = (tree.size(), tree.root());
    let note = signer.checkpoint(size, &root);
    let root = STANDARD.encode(root);
    db.prepare_cached("INSERT INTO checkpoints (size, root, at, note, frontier) VALUES (?, ?, ?, ?, ?)")
        .and_then(|mut s| {
            s.execute(params![i64::try_from(size).unwrap_or(i64::MAX), root, wall.0, note, tree.to_bytes()])
        })
        .map_err(JournalError::sqlite("write a checkpoint"))?;
    let entry = Entry {
        details: json!({ "note": note, "origin": signer.public().name(), "root": root, "size": size }),
        ..Entry::of_journal(wall, EventType::JournalCheckpoint, format!("signed checkpoint of entries 1 to {size}"))
    };
    let id = id_of(&note, wall);
    rows::append(db, log, &entry, id, None)?;
    Ok(Sealed { size, at: Some(wall) })
}

/// Writes the entry that tells under which key the checkpoints from now on are checked.
pub(in crate::journal) fn tell_key(
    db: &Connection,
    log: &mut Log<'_>,
    signer: &Signer,
    wall: WallMs,
) -> Result<(), JournalError> {
    let key = signer.public().to_string();
    let id = id_of(&key, wall);
    let reason = "checkpoints are signed by this key from now on".to_owned();
    let entry = Entry { after: json!({ "key": key }), ..Entry::of_journal(wall, EventType::JournalKeyChanged, reason) };
    rows::append(db, log, &entry, id, None)
}

/// Whether `signer` made the newest checkpoint.
pub(in crate::journal) fn is_last_signer(db: &Connection, signer: &Signer) -> bool {
    db.query_row("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1", [], |r| r.get::<_, String>(0))
        .ok()
        .and_then(|note| Checkpoint::parse(&note).ok())
        .is_some_and(|newest| newest.verify(std::slice::from_ref(signer.public())).is_ok())
}

/// A UUIDv7 whose random part is taken from the note: the writer has no source of ids, and the same note is the same entry.
fn id_of(note: &str, wall: WallMs) -> Uuid {
    let mut random = [0; 10];
    random.iter_mut().zip(Sha256::digest(note)).for_each(|(to, from)| *to = from);
    Builder::from_unix_timestamp_millis(u64::try_from(wall.0).unwrap_or(0), &random).into_uuid()
}
