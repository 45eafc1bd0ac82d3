//! Whether a log that is found at a start may be gone on with: held against the newest checkpoint that our own key has signed,
//! and against those that are kept elsewhere.
//!
//! Nothing is believed that the log says of itself: a checkpoint counts only where the key in use has signed it, whichever keys
//! lie beside it; a kept tree only where it has the root that was signed. Must never sign what it has not held against all
//! that is at hand.

use super::key::{public_keys_file, read_public_keys};
use super::note::{Checkpoint, MAX_NOTE, NoteError, VerifierKey};
use super::tip::{self, Tip};
use super::tree::{Frontier, Hash, leaf};
use crate::journal::error::JournalError;
use rusqlite::{Connection, params};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How a log stands to what was signed of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// It holds, or it is new.
    #[default]
    Sound,
    /// Nothing shows that it is ours: it is gone on with and not signed, until a person accepts it.
    Unsigned(String),
    /// It is shorter than what was signed, or another one: it is not written to, until a person accepts it.
    Contradicts(String),
}

impl Trust {
    /// One word of a closed list; `None`: nothing is to be accepted.
    pub const fn word(&self) -> Option<&'static str> {
        match self {
            Self::Sound => None,
            Self::Unsigned(_) => Some("unsigned"),
            Self::Contradicts(_) => Some("contradicts"),
        }
    }

    /// What is wrong, in a sentence.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Sound => None,
            Self::Unsigned(why) | Self::Contradicts(why) => Some(why),
        }
    }
}

/// A checkpoint that is kept outside of the log.
#[derive(Clone, Debug)]
pub(in crate::journal) struct Held {
    pub checkpoint: Checkpoint,
    pub by: &'static str,
}

/// Holds the log against its own newest checkpoint by `key`, and against `held`.
pub(in crate::journal) fn judge(
    db: &Connection,
    tip: &Tip,
    key: &VerifierKey,
    held: &[Held],
) -> Result<Trust, JournalError> {
    let (newest, is_foreign) = match newest(db, key)? {
        Newest::Ours { checkpoint, is_last } => (Some(checkpoint), !is_last),
        Newest::None { any } => (None, any),
        Newest::Forged(why) => return Ok(Trust::Contradicts(why)),
    };
    let own = newest.as_ref().map(|checkpoint| (checkpoint, "its own checkpoint"));
    let all: Vec<(&Checkpoint, &str)> = own.into_iter().chain(held.iter().map(|h| (&h.checkpoint, h.by))).collect();
    let length = tip.head.seq;
    // The entry after those that it covers tells of a checkpoint, and is committed with it.
    if let Some((longest, by)) = all.iter().max_by_key(|(c, _)| c.size).filter(|(c, _)| c.size >= length) {
        let why = format!("{by} covers {} entries and it has {length}: entries were cut off", longest.size);
        return Ok(Trust::Contradicts(why));
    }
    let roots = roots(db, key, all.iter().map(|(checkpoint, _)| checkpoint.size))?;
    for (checkpoint, by) in &all {
        match roots.get(&checkpoint.size) {
            Some(root) if *root != checkpoint.root => {
                let why = format!("entries 1 to {} are not those that {by} of so many entries covers", checkpoint.size);
                return Ok(Trust::Contradicts(why));
            }
            Some(_) => {}
            None => tracing::warn!(
                size = checkpoint.size,
                by,
                "the entries that a checkpoint covers are archived, so it is not checked"
            ),
        }
    }
    Ok(match (newest.is_some(), is_foreign) {
        (true, false) => Trust::Sound,
        (false, false) if length == 0 => Trust::Sound,
        (false, false) => Trust::Unsigned("it has entries and no checkpoint".to_owned()),
        (_, true) => Trust::Unsigned(format!("its newest checkpoint is not signed by the key in use, {}", key.name())),
    })
}

/// Checkpoints in it that do not hold, that no key beside it has signed, or that are told of and not there: their sizes and
/// notes.
pub(in crate::journal) fn refuted(
    db: &Connection,
    path: &Path,
    tip: &Tip,
    key: &VerifierKey,
) -> Result<Vec<(i64, String)>, JournalError> {
    // Whose they are is a matter of order here, not of trust: a person has just looked.
    let mut keys = read_public_keys(&public_keys_file(path)).unwrap_or_default();
    keys.push(key.clone());
    let rows = rows(db)?;
    let sizes = rows.iter().filter_map(|(size, _)| u64::try_from(*size).ok()).filter(|size| *size <= tip.head.seq);
    let roots = roots(db, key, sizes)?;
    let mut told =
        db.prepare("SELECT entry FROM audit WHERE seq = ?").map_err(JournalError::sqlite("read the audit log"))?;
    let mut holds = |size: i64, note: &str| {
        let Ok(checkpoint) = Checkpoint::parse(note) else { return false };
        let is_its_row = i64::try_from(checkpoint.size) == Ok(size) && checkpoint.size < tip.head.seq;
        let Some(root) = roots.get(&checkpoint.size) else {
            // What is archived cannot be held against the log here; verification does.
            return is_its_row;
        };
        let entry: Option<String> = told.query_row([size + 1], |r| r.get(0)).ok();
        let entry = entry.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let is_told = entry.is_some_and(|e| e.pointer("/details/note").and_then(Value::as_str) == Some(note));
        is_its_row && is_told && *root == checkpoint.root && checkpoint.verify(&keys).is_ok()
    };
    let (kept, mut refuted): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(size, note)| holds(*size, note));
    let kept: BTreeSet<&str> = kept.iter().map(|(_, note)| note.as_str()).collect();
    let known: BTreeSet<String> = refuted.iter().map(|(_, note)| note.clone()).collect();
    refuted.extend(told_of(db)?.into_iter().filter(|(_, note)| !kept.contains(note.as_str()) && !known.contains(note)));
    Ok(refuted)
}

/// The checkpoints that entries tell of.
fn told_of(db: &Connection) -> Result<Vec<(i64, String)>, JournalError> {
    let texts: Vec<(i64, String)> = db
        .prepare("SELECT seq, entry FROM audit WHERE event_type = 'journal.checkpoint' ORDER BY seq")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
        .map_err(JournalError::sqlite("read the audit log"))?;
    let note = |text: &str| -> Option<String> {
        let entry: Value = serde_json::from_str(text).ok()?;
        entry.pointer("/details/note").and_then(Value::as_str).map(str::to_owned)
    };
    Ok(texts.iter().filter_map(|(seq, text)| Some((seq - 1, note(text)?))).collect())
}

enum Newest {
    Ours {
        checkpoint: Checkpoint,
        /// None by anybody else comes after it.
        is_last: bool,
    },
    None {
        /// There are some by others.
        any: bool,
    },
    Forged(String),
}

/// The newest checkpoint by `key`.
fn newest(db: &Connection, key: &VerifierKey) -> Result<Newest, JournalError> {
    let sqlite = |e| JournalError::sqlite("read the checkpoints")(e);
    let mut statement = db.prepare("SELECT size, note FROM checkpoints ORDER BY size DESC").map_err(sqlite)?;
    let mut rows = statement.query([]).map_err(sqlite)?;
    let mut any = false;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let (size, note): (i64, String) = (row.get(0).map_err(sqlite)?, row.get(1).map_err(sqlite)?);
        let Ok(checkpoint) = Checkpoint::parse(&note) else {
            any = true;
            continue;
        };
        match checkpoint.verify(std::slice::from_ref(key)) {
            Ok(()) if i64::try_from(checkpoint.size) == Ok(size) => {
                return Ok(Newest::Ours { checkpoint, is_last: !any });
            }
            Ok(()) => {
                return Ok(Newest::Forged(format!("its checkpoint of {size} entries is one of {}", checkpoint.size)));
            }
            Err(NoteError::Forged { .. }) => {
                let why = format!("its checkpoint of {size} entries bears the key's name and not its signature");
                return Ok(Newest::Forged(why));
            }
            Err(_) => any = true,
        }
    }
    Ok(Newest::None { any })
}

fn rows(db: &Connection) -> Result<Vec<(i64, String)>, JournalError> {
    db.prepare("SELECT size, note FROM checkpoints ORDER BY size")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
        .map_err(JournalError::sqlite("read the checkpoints"))
}

/// The roots of the tree at `sizes`, as far as the entries are there.
fn roots(
    db: &Connection,
    key: &VerifierKey,
    sizes: impl Iterator<Item = u64>,
) -> Result<BTreeMap<u64, Hash>, JournalError> {
    let mut wanted: Vec<u64> = sizes.collect();
    wanted.sort_unstable();
    wanted.dedup();
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Ok(BTreeMap::new()) };
    let mut tree = tip::signed_tree(db, *first, key)?.unwrap_or_default();
    let mut found = BTreeMap::new();
    note(&mut found, &wanted, &tree);
    let replay = |tree: &mut Frontier, found: &mut BTreeMap<u64, Hash>| -> rusqlite::Result<()> {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let mut statement = db.prepare("SELECT seq, entry FROM audit WHERE seq > ? AND seq <= ? ORDER BY seq")?;
        let mut rows = statement.query(params![number(tree.size()), number(*last)])?;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? != number(tree.size() + 1) {
                // Archived, or gone: a tree over the rest would be another one.
                break;
            }
            tree.push(leaf(row.get_ref(1)?.as_bytes()?));
            note(found, &wanted, tree);
        }
        Ok(())
    };
    replay(&mut tree, &mut found).map_err(JournalError::sqlite("read the audit log"))?;
    Ok(found)
}

fn note(found: &mut BTreeMap<u64, Hash>, wanted: &[u64], tree: &Frontier) {
    if wanted.binary_search(&tree.size()).is_ok() {
        found.insert(tree.size(), tree.root());
    }
}

/// The file beside the key that holds the newest checkpoint that was signed: a log that is put back to an earlier state by
/// itself does not agree with it.
fn kept_file(journal: &Path) -> PathBuf {
    journal.with_file_name("audit.signed")
}

/// What is kept beside the key, and what `witnessed` says: checkpoints by `key` alone.
pub(in crate::journal) fn held(journal: &Path, witnessed: &[Checkpoint], key: &VerifierKey) -> Vec<Held> {
    let mut held = Vec::new();
    let mut text = String::new();
    let read = std::fs::File::open(kept_file(journal)).and_then(|f| f.take(MAX_NOTE as u64).read_to_string(&mut text));
    if read.is_ok() {
        held.extend(
            Checkpoint::parse(&text).ok().map(|checkpoint| Held { checkpoint, by: "the checkpoint beside the key" }),
        );
    }
    held.extend(witnessed.iter().map(|c| Held { checkpoint: c.clone(), by: "the witness's checkpoint" }));
    held.retain(|h| {
        let is_ours = h.checkpoint.verify(std::slice::from_ref(key)).is_ok();
        if !is_ours {
            tracing::warn!(
                by = h.by,
                origin = h.checkpoint.origin,
                "not signed by the key in use, so it says nothing about this log"
            );
        }
        is_ours
    });
    held
}

/// Keeps the newest checkpoint beside the key. What cannot be kept is said: the log itself holds it.
pub(in crate::journal) fn keep(journal: &Path, note: &str) {
    let path = kept_file(journal);
    let write = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, note.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    };
    if let Err(error) = write() {
        tracing::warn!(path = %path.display(), %error, "could not keep the newest checkpoint beside the key");
    }
}
