//! How a journal is opened, and what it counts.

use super::ids::IdSource;
use super::outbox::Subscription;
use super::proof::note::{Checkpoint, Signer};
use crate::clock::Clock;
use crate::policy::WallMs;
use std::path::PathBuf;
use std::time::Duration;

/// Whether commits are made by a thread of the journal's own or by whoever submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterMode {
    /// A writer thread commits in groups: for the daemon.
    Thread,
    /// `submit` commits before it returns: for simulation and tests, where a thread would not hold a paused clock.
    Inline,
}

/// Who signs checkpoints, and how often.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The key; its name is the log's origin.
    pub signer: Signer,
    /// After this many entries, 1 at least.
    pub entries: u64,
    /// After this time, where there is anything new.
    pub interval: Duration,
}

/// How a journal is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file, `{state_dir}/journal.db`. Its folder is created (0700) where it is missing.
    pub path: PathBuf,
    /// The tag that every audit entry carries.
    pub compliance_tag: String,
    /// Who commits.
    pub mode: WriterMode,
    /// Where the ids of entries and operations come from.
    pub ids: IdSource,
    /// The clock, read by whoever submits and never by the writer thread.
    pub clock: Clock,
    /// How long observations are kept.
    pub observation_retention: Duration,
    /// How many batches may wait for the disk. From three quarters of it on, batches of observations alone are given up.
    pub queue: usize,
    /// Who signs checkpoints, and how often; `None`: there are none.
    pub signing: Option<Signing>,
    /// Who is told of entries from the first one on that this process writes; `None`: whoever was told of the last ones.
    pub subscriptions: Option<Vec<Subscription>>,
    /// Checkpoints that a witness holds: those that our key has signed are held against the log.
    pub witnessed: Vec<Checkpoint>,
    /// A bound on the file, in pages of 4 KiB: lets a test fill the disk.
    #[doc(hidden)]
    pub max_pages: Option<u32>,
}

impl Options {
    /// The daemon's: a writer thread, system ids, the contract's tag, a week of observations, 4,096 waiting batches.
    pub fn new(path: PathBuf, clock: Clock) -> Self {
        Self {
            path,
            compliance_tag: "telephony_channel_audit".to_owned(),
            mode: WriterMode::Thread,
            ids: IdSource::System,
            clock,
            observation_retention: Duration::from_hours(7 * 24),
            queue: 4096,
            signing: None,
            subscriptions: None,
            witnessed: Vec::new(),
            max_pages: None,
        }
    }
}

/// What the journal has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalCounters {
    /// Audit entries committed.
    pub entries_total: u64,
    /// Batches committed.
    pub batches_total: u64,
    /// Batches whose commit failed; their callers were told.
    pub batches_failed_total: u64,
    /// Batches refused because the queue was full; their callers were told.
    pub batches_refused_total: u64,
    /// Transactions committed: fewer than batches, where the disk was the slower one.
    pub commits_total: u64,
    /// Observations given up because the queue was more than three quarters full.
    pub observations_dropped_total: u64,
    /// What can never be written as it is: left out, or written without what makes it so.
    pub set_aside_total: u64,
    /// Batches that wait at this moment.
    pub queued: u64,
    /// Entries that the newest checkpoint covers; 0 before the first.
    pub checkpoint_size: u64,
    /// When the newest checkpoint was made; `None` before the first.
    pub checkpoint_at: Option<WallMs>,
    /// What a person has to accept before the log is signed again, in one word; `None`: nothing.
    pub unaccepted: Option<&'static str>,
}
