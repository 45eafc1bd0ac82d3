//! Checks that the open files are still the ones at their paths: a database that was removed or replaced under
//! the process takes every write and loses all of them when it ends.

use super::error::JournalError;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What SQLite keeps beside the database while it is open, and our lock.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// The names, and the device and inode that each had when it was opened.
#[derive(Debug, Default)]
pub(in crate::journal) struct Names(Vec<(PathBuf, (u64, u64))>);

impl Names {
    /// Of the journal at `path` and what stands beside it, just opened.
    pub(in crate::journal) fn of(path: &Path) -> Result<Self, JournalError> {
        let mut files = vec![path.to_owned(), path.with_extension("lock")];
        files.extend(BESIDE.map(|end| beside(path, end)));
        let mut names = Vec::new();
        for file in files {
            match std::fs::metadata(&file) {
                Ok(there) => names.push((file, identity(&there))),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && file != path => {}
                Err(e) => return Err(JournalError::io("look at the journal", &file)(e)),
            }
        }
        Ok(Self(names))
    }

    /// Whether each name still means the file that is open.
    pub(in crate::journal) fn check(&self) -> Result<(), JournalError> {
        for (path, opened) in &self.0 {
            let why = match std::fs::metadata(path) {
                Ok(there) if identity(&there) == *opened => continue,
                Ok(_) => "another file has its name now",
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => "it was removed",
                Err(e) => return Err(JournalError::io("look at the journal", path)(e)),
            };
            return Err(JournalError::Replaced { path: path.clone(), why });
        }
        Ok(())
    }
}

fn identity(there: &Metadata) -> (u64, u64) {
    (there.dev(), there.ino())
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(end);
    PathBuf::from(name)
}
