//! Inclusion proofs: one entry, the path from it to a signed root, and the checkpoint that signed it.
//!
//! A proof is checked without the log, by whoever has the public key. Must never be taken for more than it is: it shows that the
//! entry is in the log that was signed, not that the log is whole.

use super::archive;
use super::note::{Checkpoint, NoteError, VerifierKey};
use super::tree::{self, Hash, leaf};
use crate::journal::error::JournalError;
use crate::journal::reader::Reader;
use crate::sync::lock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The `format` of a proof.
const FORMAT: &str = "trunkwarden-audit-proof/1";

/// That an entry is in a log, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// `trunkwarden-audit-proof/1`.
    pub format: String,
    /// The entry's number, from 1; its leaf is the one before: `seq - 1`.
    pub seq: u64,
    /// The entry's text, exactly as it is hashed.
    pub entry: String,
    /// The audit path (RFC 6962, 2.1.1), nearest sibling first, in base64.
    pub path: Vec<String>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// Why a proof cannot be given or does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The journal or an archive cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An archive cannot be read.
    #[error("{0}")]
    Archive(String),
    /// There is nothing to prove it by.
    #[error("{0}")]
    NotCovered(String),
    /// The checkpoint is none, or is not signed.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// It does not hold.
    #[error("the proof does not hold: {0}")]
    Fails(&'static str),
}

impl Proof {
    /// Reads a proof from its JSON.
    ///
    /// # Errors
    /// Where it is none, in the reader's words.
    pub fn parse(json: &str) -> Result<Self, String> {
        let proof: Self = serde_json::from_str(json).map_err(|e| format!("it is no proof: {e}"))?;
        if proof.format == FORMAT { Ok(proof) } else { Err(format!("its format is not {FORMAT}")) }
    }

    /// Whether the entry is in the log that one of `keys` signed: the checkpoint, which is what to trust.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Checkpoint, ProofError> {
        let checkpoint = Checkpoint::parse(&self.checkpoint)?;
        checkpoint.verify(keys)?;
        let entry: Option<Value> = serde_json::from_str(&self.entry).ok();
        if entry.and_then(|e| e.get("seq").and_then(Value::as_u64)) != Some(self.seq) {
            return Err(ProofError::Fails("the entry carries another number than the proof"));
        }
        let path: Option<Vec<Hash>> =
            self.path.iter().map(|hash| STANDARD.decode(hash).ok()?.try_into().ok()).collect();
        let path = path.ok_or(ProofError::Fails("its path is not made of hashes in base64"))?;
        let index = self.seq.checked_sub(1).ok_or(ProofError::Fails("entries are numbered from 1"))?;
        if tree::includes(&checkpoint.root, checkpoint.size, index, leaf(self.entry.as_bytes()), &path) {
            Ok(checkpoint)
        } else {
            Err(ProofError::Fails("its path does not lead from the entry to the signed root"))
        }
    }
}

impl Reader {
    /// Proves that entry `seq` is in the log, by the checkpoint of `size` entries; `None`: by the newest.
    ///
    /// # Errors
    /// Where no such checkpoint covers it, or the log does not agree with it.
    pub fn prove(&self, seq: u64, size: Option<u64>) -> Result<Proof, ProofError> {
        let own = self.again()?;
        let db = lock(own.as_ref().unwrap_or(self).connection());
        let snapshot = db.unchecked_transaction().map_err(JournalError::sqlite("begin to read the audit log"))?;
        let checkpoint = checkpoint(&snapshot, size)?;
        if seq == 0 {
            return Err(ProofError::NotCovered("there is no entry 0: entries are numbered from 1".to_owned()));
        }
        if seq > checkpoint.size {
            let last = last_entry(&snapshot)?;
            if seq > last {
                return Err(ProofError::NotCovered(format!("there is no entry {seq}: the log ends with entry {last}")));
            }
            return Err(ProofError::NotCovered(format!(
                "entry {seq} is not covered by the checkpoint of {} entries; the next one covers what is newer",
                checkpoint.size
            )));
        }
        let (leaves, entry) = self.leaves(&snapshot, checkpoint.size, seq)?;
        let index = usize::try_from(seq - 1).unwrap_or(usize::MAX);
        let (Some(path), Some(entry)) = (tree::inclusion(&leaves, index), entry) else {
            return Err(ProofError::Fails("entries that the checkpoint covers are missing"));
        };
        if leaves.len() as u64 != checkpoint.size || tree::root(&leaves) != checkpoint.root {
            return Err(ProofError::Fails(
                "the log is not what the checkpoint covers; `trunkwarden audit verify` says more",
            ));
        }
        let path = path.iter().map(|hash| STANDARD.encode(hash)).collect();
        Ok(Proof { format: FORMAT.to_owned(), seq, entry, path, checkpoint: checkpoint.note })
    }

    /// The newest checkpoint; `None` before the first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, JournalError> {
        match checkpoint(&lock(self.connection()), None) {
            Ok(checkpoint) => Ok(Some(checkpoint)),
            Err(ProofError::NotCovered(_)) => Ok(None),
            Err(ProofError::Journal(e)) => Err(e),
            Err(other) => Err(JournalError::Corrupt { path: self.path().to_owned(), why: other.to_string() }),
        }
    }

    /// The leaves of entries 1 to `size`, and the text of entry `wanted`.
    fn leaves(&self, db: &Connection, size: u64, wanted: u64) -> Result<(Vec<Hash>, Option<String>), ProofError> {
        let (mut leaves, mut entry) = (Vec::new(), None);
        let mut take = |text: &str| {
            leaves.push(leaf(text.as_bytes()));
            if leaves.len() as u64 == wanted {
                entry = Some(text.to_owned());
            }
        };
        let folder = archive::folder(self.path());
        let segments = archive::segments(db)?;
        for segment in segments.iter().take_while(|segment| segment.first <= size) {
            for text in archive::open(&folder, segment).map_err(ProofError::Archive)? {
                take(&text.map_err(ProofError::Archive)?);
            }
        }
        let cut = segments.last().map_or(0, |segment| segment.last);
        if cut < size {
            texts(db, cut, size, take).map_err(JournalError::sqlite("read the audit log"))?;
        }
        leaves.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok((leaves, entry))
    }
}

fn last_entry(db: &Connection) -> Result<u64, JournalError> {
    let last: Option<i64> = db
        .query_row("SELECT max(seq) FROM audit", [], |r| r.get(0))
        .map_err(JournalError::sqlite("read the audit log"))?;
    Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0))
}

fn texts(db: &Connection, after: u64, to: u64, mut take: impl FnMut(&str)) -> rusqlite::Result<()> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut statement = db.prepare("SELECT entry FROM audit WHERE seq > ? AND seq <= ? ORDER BY seq")?;
    let mut rows = statement.query([number(after), number(to)])?;
    while let Some(row) = rows.next()? {
        take(row.get_ref(0)?.as_str()?);
    }
    Ok(())
}

fn checkpoint(db: &Connection, size: Option<u64>) -> Result<Checkpoint, ProofError> {
    let size = size.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    let note: Option<String> = db
        .query_row(
            "SELECT note FROM checkpoints WHERE ?1 IS NULL OR size = ?1 ORDER BY size DESC LIMIT 1",
            [size],
            |r| r.get(0),
        )
        .optional()
        .map_err(JournalError::sqlite("read the checkpoints"))?;
    match (note, size) {
        (Some(note), _) => Ok(Checkpoint::parse(&note)?),
        (None, Some(size)) => Err(ProofError::NotCovered(format!("there is no checkpoint of {size} entries"))),
        (None, None) => Err(ProofError::NotCovered("there is no checkpoint yet".to_owned())),
    }
}
