//! What goes into the journal and what comes back.

use super::gate::Gate;
use super::operation::{Ended, KeptOperation, Operation};
use super::outbox::OutboxChange;
use crate::policy::{OpId, WallMs};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// What is committed together: all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Audit entries, in order.
    pub entries: Vec<Entry>,
    /// State to keep: a key and its value, `None` to forget it.
    pub states: Vec<(String, Option<Value>)>,
    /// An intent to open. Its receipt is what the commit brings back.
    pub open: Option<Intent>,
    /// Intents that have their outcome.
    pub close: Vec<Closed>,
    /// An operation to begin; [`Journal::begin`](super::Journal::begin) brings its receipt back.
    pub begin: Option<Operation>,
    /// Operations that have their outcome.
    pub end: Vec<Ended>,
    /// What was observed. Given up first where the queue is full; never together with the rest of a batch.
    pub observations: Vec<ObservationRow>,
    /// What is changed in the outbox; entries of the same batch are queued by the subscriptions in force after it.
    pub outbox: Vec<OutboxChange>,
}

/// An audit entry before it is numbered and chained. The journal adds `id` (UUIDv7), `seq`, `timestamp`,
/// `compliance_tag`, `prev_hash` and `hash`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it happened.
    pub at: WallMs,
    /// `category.word`, from the closed list.
    pub event_type: String,
    /// The tenant, where it concerns one.
    pub tenant: Option<String>,
    /// The channel, where it concerns one; written as null otherwise.
    pub channel_id: Option<String>,
    /// Who did it.
    pub actor: String,
    /// One sentence.
    pub reason: String,
    /// What was; null where nothing applies.
    pub before: Value,
    /// What is; null where nothing applies.
    pub after: Value,
    /// The action that it belongs to; the journal writes the intent's UUID as `operation_id`.
    pub op: Option<OpId>,
    /// The operation that it belongs to; written as `operation_id`, before `op`'s.
    pub operation: Option<Uuid>,
    /// Everything else, structured.
    pub details: Value,
}

/// An action that is about to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Its number.
    pub op: OpId,
    /// The tenant.
    pub tenant: String,
    /// The channel.
    pub channel: String,
    /// `failover`, `failback` or `codec`.
    pub kind: String,
    /// The whole action, as the engine gave it.
    pub action: Value,
}

/// An intent that has its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Closed {
    /// The intent.
    pub op: OpId,
    /// The outcome's name.
    pub outcome: String,
    /// The outcome, structured.
    pub detail: Value,
}

/// Proof that an intent is on disk. Only the journal makes one, after the commit; only its holder may change the platform.
#[derive(Debug)]
pub struct Receipt {
    op: OpId,
    gate: Gate,
}

impl Receipt {
    /// The journal's own; called after the commit and nowhere else.
    pub(in crate::journal) fn after_commit(op: OpId) -> Self {
        Self { op, gate: Gate::open() }
    }

    /// A receipt without a journal, for the unit tests of rooms that need one.
    #[cfg(test)]
    pub(crate) fn for_tests(op: OpId) -> Self {
        Self { op, gate: Gate::open() }
    }

    /// The intent that it stands for.
    pub const fn op(&self) -> OpId {
        self.op
    }

    /// The same receipt, good only while `gate` is open.
    #[must_use]
    pub fn gated(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// What may still stop the change before it is sent.
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }
}

/// One observation, for replay and for explaining the past.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservationRow {
    /// When it was given to the engine.
    pub at: WallMs,
    /// The tenant.
    pub tenant: String,
    /// The channel.
    pub channel: String,
    /// The observation as JSON text.
    pub body: String,
}

/// What a start finds.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Every kept state, by key.
    pub states: Vec<(String, Value)>,
    /// Intents without an outcome: the process died between the two.
    pub orphans: Vec<OpenIntent>,
    /// Operations without an outcome, for the same reason.
    pub open_operations: Vec<KeptOperation>,
    /// The greatest intent number ever used.
    pub last_op: OpId,
    /// When the last entry was written; `None`: the journal is new.
    pub last_entry_at: Option<WallMs>,
}

/// An intent that was left open.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenIntent {
    /// The intent.
    pub intent: Intent,
    /// When it was opened.
    pub opened_at: WallMs,
}

/// Why the journal could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process holds it.
    #[error(
        "the journal {path} is in use by another trunkwarden (its lock is held): stop that one first, or give this one a `state_dir` of its own"
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
        "the journal's file {path} is not the one that is open: {why}; what is open is lost with this process. Put it back, or \
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
        "the audit log is not what was signed ({why}): nothing is written to it and nothing is changed until `trunkwarden audit accept`"
    )]
    Contradicts {
        /// What is wrong.
        why: String,
    },
    /// It was wanted for a time only, and is never committed from now on.
    #[error("the journal did not write it down within {} s, and does not any more: the disk or another program holds it up", limit.as_secs())]
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
    pub(in crate::journal) fn io(
        attempted: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
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
