//! Why the journal fails, and what it refuses.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An entry's text at most, in bytes.
pub(in crate::journal) const MAX_TEXT: usize = 1024 * 1024;

/// Why the journal could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process holds it.
    #[error(
        "the journal {path} is in use by another trunkwarden (its lock is held): stop that one first, or give this one its own `state_dir`"
    )]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// The folder or the file cannot be created, read or written.
    #[error("cannot {attempted} {path}: {why}")]
    Io {
        /// What was being attempted.
        attempted: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// SQLite refused.
    #[error("cannot {attempted}: {source}")]
    Sqlite {
        /// What was being attempted.
        attempted: &'static str,
        /// SQLite's words.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is no journal of ours, or damaged.
    #[error("{path} is not a sound trunkwarden journal: {why}")]
    Corrupt {
        /// The journal.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// An entry or an observation can never be written as it is. Nothing of its batch was.
    #[error("the journal refuses {what}: {why}")]
    Unfit {
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The file that is open is no longer the one that its name means. Nothing is written to it.
    #[error(
        "the journal's file {path} is not the one that this process has open: {why}; the open one is lost when this process ends. Put it back, or \
         stop the daemon, restore a backup and start again"
    )]
    Replaced {
        /// The file.
        path: PathBuf,
        /// What became of its name.
        why: &'static str,
    },
    /// What was found at the start is not what was signed. Nothing is written to it until a person has looked.
    #[error(
        "the audit log differs from what was signed ({why}): nothing is written to it, and no actions are made, until `trunkwarden audit accept`"
    )]
    Contradicts {
        /// What is wrong.
        why: String,
    },
    /// It was wanted for a time only, and is never committed from now on.
    #[error("the journal did not write it within {} s, and no longer will: the disk or another program holds it up", limit.as_secs())]
    Late {
        /// That time.
        limit: Duration,
    },
    /// The queue is full: the disk does not keep up.
    #[error("the journal's queue is full ({bound} batches): the disk does not keep up")]
    Full {
        /// The bound.
        bound: usize,
    },
    /// The writer is gone.
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// For `map_err`: SQLite refused what was being attempted.
    pub(in crate::journal) fn sqlite(attempted: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { attempted, source }
    }

    /// For `map_err`: the system refused what was being attempted on `path`.
    pub(in crate::journal) fn io(attempted: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |e| Self::Io { attempted, path, why: e.to_string() }
    }

    /// Whether the journal as a whole cannot be written (disk full, read-only, I/O, damage), rather than this one batch.
    pub(in crate::journal) fn is_systemic(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        let source = match self {
            Self::Sqlite { source, .. } => source,
            Self::Io { .. } | Self::Replaced { .. } | Self::Contradicts { .. } => return true,
            _ => return false,
        };
        matches!(
            source.sqlite_error_code(),
            Some(
                Code::DiskFull
                    | Code::SystemIoFailure
                    | Code::ReadOnly
                    | Code::CannotOpen
                    | Code::DatabaseCorrupt
                    | Code::NotADatabase
                    | Code::DatabaseBusy
                    | Code::DatabaseLocked
                    | Code::OutOfMemory
                    | Code::PermissionDenied
                    | Code::FileLockingProtocolFailed
            )
        )
    }

    /// Whether the same would be refused again however often it is tried: it is too long, of a wrong type, against a rule.
    pub fn is_permanent(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        match self {
            Self::Unfit { .. } => true,
            Self::Sqlite { source, .. } => {
                let passing = [Code::OperationInterrupted, Code::OperationAborted];
                !self.is_systemic() && !source.sqlite_error_code().is_some_and(|code| passing.contains(&code))
            }
            _ => false,
        }
    }

    /// The same failure once more, for the next of those whom it hit.
    pub(in crate::journal) fn again(&self) -> Self {
        match self {
            Self::Sqlite { attempted, source: rusqlite::Error::SqliteFailure(code, words) } => {
                Self::Sqlite { attempted, source: rusqlite::Error::SqliteFailure(*code, words.clone()) }
            }
            Self::Io { attempted, path, why } => Self::Io { attempted, path: path.clone(), why: why.clone() },
            Self::Corrupt { path, why } => Self::Corrupt { path: path.clone(), why: why.clone() },
            Self::InUse { path } => Self::InUse { path: path.clone() },
            Self::Replaced { path, why } => Self::Replaced { path: path.clone(), why },
            Self::Late { limit } => Self::Late { limit: *limit },
            Self::Contradicts { why } => Self::Contradicts { why: why.clone() },
            Self::Unfit { what, why } => Self::Unfit { what, why: why.clone() },
            Self::Full { bound } => Self::Full { bound: *bound },
            Self::Sqlite { .. } | Self::Closed => Self::Closed,
        }
    }
}

/// A text that we wrote as JSON; `what` is named where it is none any more.
pub(in crate::journal) fn json(text: &str, path: &Path, what: &str) -> Result<Value, JournalError> {
    serde_json::from_str(text).map_err(|_| JournalError::Corrupt {
        path: path.to_owned(),
        why: format!("{what} is not JSON; move the file away but keep it (it is evidence), and restore a backup"),
    })
}
