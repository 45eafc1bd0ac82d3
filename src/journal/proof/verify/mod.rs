//! Whether the audit log is whole: the chain from the first entry, the tree against every checkpoint, the archives before
//! the cut, and whatever checkpoint somebody kept elsewhere.
//!
//! Reads one snapshot, also while a daemon writes. Must never trust what it has not computed: what the tables say of an entry,
//! a root or an archive is held against the entries themselves.

mod accepted;
mod blame;
mod entry;
mod ledger;
mod scan;
mod walk;

pub(in crate::journal) use entry::{Columns, Kept, Seen};

use super::note::{Checkpoint, VerifierKey};
use crate::journal::error::JournalError;
use crate::journal::reader::Reader;
use crate::sync::lock;
use std::path::PathBuf;
use std::time::Duration;

/// What a log is held against, besides itself. The default: nothing.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// Every checkpoint must be signed by one of them; `None`: signatures are not looked at.
    pub keys: Option<Vec<VerifierKey>>,
    /// Checkpoints that were kept elsewhere: the log must begin with what they cover.
    pub held: Vec<Checkpoint>,
    /// Where archived segments are.
    pub archive: Archive,
    /// How much of its end no checkpoint may cover; `None`: that is not looked at.
    pub cover: Option<Cover>,
}

/// How much of a log's end no checkpoint may cover: more of it is as good as unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// Entries after the newest checkpoint, at most.
    pub entries: u64,
    /// From the newest checkpoint to the newest entry, at most.
    pub within: Duration,
}

/// Where archived segments are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Archive {
    /// In the folder `archive` beside the journal.
    #[default]
    Beside,
    /// In this folder.
    In(PathBuf),
    /// Not at hand: the log is verified from the cut on, by the checkpoint at it.
    NotAtHand,
}

/// A log that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has, the archived ones included.
    pub entries: u64,
    /// The newest one's hash; 64 zeros before the first. Compared with a copy kept elsewhere, it shows that none were
    /// cut off at the end.
    pub head: String,
    /// The root of the tree over all of them, in base64.
    pub root: String,
    /// How many checkpoints it has.
    pub checkpoints: u64,
    /// How many entries the newest of them covers.
    pub covered: u64,
    /// Entries 1 to this one are in archives.
    pub archived: u64,
    /// Whether those archives were read.
    pub archives_read: bool,
    /// Entries at which a person accepted the log as it stood.
    pub accepted: Vec<u64>,
}

/// In which way a log is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An entry is not what was written.
    Changed,
    /// An entry is not there.
    Missing,
    /// An entry is there that was not written.
    Inserted,
    /// Entries do not stand in the order in which they were written.
    Reordered,
    /// The end is not there.
    Truncated,
    /// The entries agree with one another and not with a checkpoint.
    Rewritten,
    /// A checkpoint is not what was signed.
    Checkpoint,
    /// An archive is not what was archived.
    Archive,
    /// It cannot be read.
    Unreadable,
}

impl Fault {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Inserted => "inserted",
            Self::Reordered => "reordered",
            Self::Truncated => "truncated",
            Self::Rewritten => "rewritten",
            Self::Checkpoint => "checkpoint",
            Self::Archive => "archive",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A log that is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken at entry {seq} ({}): {what}", fault.name())]
pub struct Broken {
    /// The first entry at which it shows.
    pub seq: u64,
    /// In which way.
    pub fault: Fault,
    /// What is wrong there.
    pub what: String,
}

impl Broken {
    fn new(seq: u64, fault: Fault, what: impl Into<String>) -> Self {
        Self { seq, fault, what: what.into() }
    }

    fn unreadable(seq: u64, error: &JournalError) -> Self {
        Self::new(seq, Fault::Unreadable, error.to_string())
    }
}

impl Reader {
    /// Checks the log against itself, with the archives beside it and without looking at signatures.
    ///
    /// # Errors
    /// The first entry that fails, or that cannot be read.
    pub fn verify(&self) -> Result<Verified, Broken> {
        self.verify_against(&Against::default())
    }

    /// Checks every entry: numbers without a gap from 1, each tied to the one before, each hash that of its text, each
    /// text canonical and in agreement with the columns that are searched; and holds the tree against every checkpoint of the
    /// log and every one of `against`.
    ///
    /// # Errors
    /// The first entry that fails, or that cannot be read.
    pub fn verify_against(&self, against: &Against) -> Result<Verified, Broken> {
        let folder = match &against.archive {
            Archive::Beside => Some(super::archive::folder(self.path())),
            Archive::In(folder) => Some(folder.clone()),
            Archive::NotAtHand => None,
        };
        // A connection of its own, so that one snapshot holds nobody else up; a journal in memory has one only.
        let own = self.again().map_err(|e| Broken::unreadable(1, &e))?;
        let db = lock(own.as_ref().unwrap_or(self).connection());
        let snapshot = db.unchecked_transaction().map_err(|source| {
            Broken::unreadable(1, &JournalError::Sqlite { attempted: "begin to read the audit log", source })
        })?;
        ledger::verify(&snapshot, folder.as_deref(), against)
    }
}
