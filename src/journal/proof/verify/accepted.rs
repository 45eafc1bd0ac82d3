//! What a person accepted: entries that tell so, and the checkpoints that were set aside with it.
//!
//! An acceptance counts only where a checkpoint that holds covers it: whoever can write the log and not sign it accepts nothing.

use super::{Broken, Fault};
use crate::journal::error::JournalError;
use crate::journal::proof::accept::digest;
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeMap;

/// The acceptances of a log, as its entries tell them.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    /// Digests of notes, and the entry that names each.
    named: BTreeMap<String, u64>,
    entries: BTreeMap<u64, usize>,
}

impl Accepted {
    /// An entry `journal.accepted`.
    pub(super) fn note(&mut self, seq: u64, entry: &Value) {
        let digests = entry.pointer("/details/set_aside").and_then(Value::as_array);
        let digests: Vec<&str> = digests.into_iter().flatten().filter_map(Value::as_str).collect();
        self.entries.insert(seq, digests.len());
        self.named.extend(digests.into_iter().map(|digest| (digest.to_owned(), seq)));
    }

    /// The entries.
    pub(super) fn entries(&self) -> Vec<u64> {
        self.entries.keys().copied().collect()
    }

    /// Whether the checkpoint that entry `seq` tells of was set aside by a later acceptance.
    pub(super) fn names(&self, seq: u64, entry: &Value) -> bool {
        let note = entry.pointer("/details/note").and_then(Value::as_str).unwrap_or_default();
        self.named.get(&digest(note)).is_some_and(|at| *at > seq)
    }

    /// What is set aside is what the entries name, and the newest of them is among the `covered` entries.
    pub(super) fn check(&self, db: &Connection, covered: u64) -> Result<(), Broken> {
        let failed = |e: rusqlite::Error| Broken::unreadable(1, &JournalError::sqlite("read what was set aside")(e));
        let mut rows = BTreeMap::<u64, usize>::new();
        let is_there = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'refuted')";
        if !db.query_row(is_there, [], |r| r.get::<_, bool>(0)).map_err(failed)? && self.entries.is_empty() {
            // A version that knew of no acceptance has written it.
            return Ok(());
        }
        let mut statement = db.prepare("SELECT note, entry FROM refuted").map_err(failed)?;
        let mut found = statement.query([]).map_err(failed)?;
        while let Some(row) = found.next().map_err(failed)? {
            let (note, entry): (String, i64) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
            let entry = u64::try_from(entry).unwrap_or(0);
            if self.named.get(&digest(&note)) != Some(&entry) {
                return Err(Broken::new(
                    entry.max(1),
                    Fault::Checkpoint,
                    "a checkpoint is set aside that no entry names",
                ));
            }
            *rows.entry(entry).or_default() += 1;
        }
        for (seq, count) in &self.entries {
            if rows.get(seq).copied().unwrap_or(0) != *count {
                let what = "the checkpoints that this entry sets aside are not all kept";
                return Err(Broken::new(*seq, Fault::Checkpoint, what));
            }
            if *seq > covered {
                let what = "it accepts the log before it, and no checkpoint that holds covers it";
                return Err(Broken::new(*seq, Fault::Checkpoint, what));
            }
        }
        Ok(())
    }
}
