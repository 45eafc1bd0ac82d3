//! One daemon to a state directory: an advisory lock (`flock`) on `journal.lock`, held for the life of the journal.
//!
//! The kernel releases it with the process, however that ends; the file itself stays, and means nothing.

use super::error::JournalError;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The lock, released on drop.
#[derive(Debug)]
pub(in crate::journal) struct Lock {
    /// Held open, not read: the lock belongs to it.
    _file: File,
}

impl Lock {
    /// Takes the lock beside `journal`, or says at once that another process holds it.
    pub(in crate::journal) fn take(journal: &Path) -> Result<Self, JournalError> {
        let path = journal.with_extension("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(JournalError::io("create the lock", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: journal.to_owned() }),
            Err(TryLockError::Error(e)) => Err(JournalError::io("lock", &path)(e)),
        }
    }
}
