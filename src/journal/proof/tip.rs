//! Where the log ends: the chain's head and the tree's frontier, as the writer keeps them, and how they are found again.
//!
//! Found by the newest checkpoint by our own key whose kept frontier has the root that was signed, and the entries after it; so
//! a start reads what came since, not the whole log. Must never take a tree from a checkpoint that somebody else may have
//! written, while the entries themselves are there.

use super::chain::Head;
use super::note::{Checkpoint, VerifierKey};
use super::tree::{Frontier, leaf};
use crate::journal::error::JournalError;
use crate::journal::recovery;
use crate::policy::WallMs;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// How many of the newest checkpoints are tried as a place to begin.
const TRIES: i64 = 1024;

/// The end of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::journal) struct Tip {
    pub head: Head,
    /// Of as many leaves as the head's number says.
    pub tree: Frontier,
}

/// The newest checkpoint; before the first, size 0 and no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::journal) struct Sealed {
    pub size: u64,
    pub at: Option<WallMs>,
}

/// Reads the end of the log; `path` is for the error alone. With `key`, a log that is shorter than a checkpoint of it is
/// somebody else's to judge.
pub(in crate::journal) fn read(db: &Connection, path: &Path, key: Option<&VerifierKey>) -> Result<Tip, JournalError> {
    let head = recovery::head(db)?;
    let sealed = sealed(db)?;
    if sealed.size > head.seq && key.is_none() {
        let why = format!(
            "its newest checkpoint covers {} entries and it has {}: entries were cut off; keep it (it is evidence), \
             move it away and restore a backup, or start with a new one",
            sealed.size, head.seq
        );
        return Err(JournalError::Corrupt { path: path.to_owned(), why });
    }
    let mut tree = begin(db, head.seq, key)?;
    replay(db, &mut tree).map_err(JournalError::sqlite("read the audit log"))?;
    if tree.size() != head.seq {
        let why = format!(
            "{} of its audit entries are missing; `trunkwarden journal check` says which. Keep it (it is evidence), move \
             it away and restore a backup, or start with a new one",
            head.seq.abs_diff(tree.size())
        );
        return Err(JournalError::Corrupt { path: path.to_owned(), why });
    }
    Ok(Tip { head, tree })
}

/// The newest checkpoint's size and time.
pub(in crate::journal) fn sealed(db: &Connection) -> Result<Sealed, JournalError> {
    let row = |r: &rusqlite::Row<'_>| {
        let size: i64 = r.get(0)?;
        Ok(Sealed { size: u64::try_from(size).unwrap_or(0), at: Some(WallMs(r.get(1)?)) })
    };
    db.query_row("SELECT size, at FROM checkpoints ORDER BY size DESC LIMIT 1", [], row)
        .optional()
        .map(Option::unwrap_or_default)
        .map_err(JournalError::sqlite("read the newest checkpoint"))
}

/// The tree at a checkpoint that `key` has signed; an empty one where there is none to trust.
fn begin(db: &Connection, length: u64, key: Option<&VerifierKey>) -> Result<Frontier, JournalError> {
    if let Some(key) = key {
        if let Some(tree) = signed_tree(db, length, key)? {
            return Ok(tree);
        }
        let first: Option<i64> = db
            .query_row("SELECT min(seq) FROM audit", [], |r| r.get(0))
            .map_err(JournalError::sqlite("read the audit log"))?;
        if first.is_none_or(|first| first <= 1) {
            return Ok(Frontier::default());
        }
        // What came before is archived, and signed by a key that was used before.
    }
    Ok(kept_tree(db, length, |_| true)?.unwrap_or_default())
}

/// The tree at the newest checkpoint of `most` entries or fewer that `key` has signed.
pub(in crate::journal) fn signed_tree(
    db: &Connection,
    most: u64,
    key: &VerifierKey,
) -> Result<Option<Frontier>, JournalError> {
    kept_tree(db, most, |checkpoint| checkpoint.verify(std::slice::from_ref(key)).is_ok())
}

/// The tree kept with the newest checkpoint of `most` entries or fewer that is `trusted`, where it has that root.
fn kept_tree(
    db: &Connection,
    most: u64,
    trusted: impl Fn(&Checkpoint) -> bool,
) -> Result<Option<Frontier>, JournalError> {
    let rows = db
        .prepare("SELECT size, note, frontier FROM checkpoints WHERE size <= ? ORDER BY size DESC LIMIT ?")
        .and_then(|mut s| {
            let row = |r: &rusqlite::Row<'_>| Ok((r.get(0)?, r.get(1)?, r.get(2)?));
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            s.query_map([most, TRIES], row)?.collect::<rusqlite::Result<Vec<(i64, String, Vec<u8>)>>>()
        })
        .map_err(JournalError::sqlite("read the checkpoints"))?;
    Ok(rows.into_iter().find_map(|(size, note, frontier)| {
        let signed = Checkpoint::parse(&note).ok()?;
        let tree = Frontier::from_bytes(u64::try_from(size).ok()?, &frontier)?;
        (signed.size == tree.size() && signed.root == tree.root() && trusted(&signed)).then_some(tree)
    }))
}

fn replay(db: &Connection, tree: &mut Frontier) -> rusqlite::Result<()> {
    let mut statement = db.prepare("SELECT entry FROM audit WHERE seq > ? ORDER BY seq")?;
    let mut rows = statement.query(params![i64::try_from(tree.size()).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        tree.push(leaf(row.get_ref(0)?.as_bytes()?));
    }
    Ok(())
}
