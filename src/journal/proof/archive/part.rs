//! Parts: archives that are still being written, under names that nothing else has. A process that is killed leaves one
//! behind, and the next that takes the journal removes it.
//!
//! Must never remove what bears any other name: archives are evidence.

use std::io::Result;
use std::path::Path;
use tempfile::{Builder, NamedTempFile};

const PREFIX: &str = ".audit-";
const SUFFIX: &str = ".part";

/// A new one in `folder`, with mode 0600; it goes with its holder unless it is renamed.
pub(super) fn new_in(folder: &Path) -> Result<NamedTempFile> {
    Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)
}

/// Removes what a process that was killed left in `folder`; how many. Only for whoever holds the journal's lock.
///
/// # Errors
/// Where the folder cannot be read or one of them not removed; without a folder there is none.
pub(in crate::journal) fn sweep(folder: &Path) -> Result<usize> {
    let mut removed = 0;
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_part = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if is_part && entry.file_type()?.is_file() {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_made_here_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(sweep(&folder.path().join("none")).unwrap(), 0);
        let left = new_in(folder.path()).unwrap().into_temp_path().keep().unwrap();
        let others = ["audit-1-5.jsonl.gz", "audit-1-5.checkpoint", "notes.part", ".audit-notes"];
        for name in others {
            std::fs::write(folder.path().join(name), "kept").unwrap();
        }
        std::fs::create_dir(folder.path().join(".audit-folder.part")).unwrap();
        assert_eq!(sweep(folder.path()).unwrap(), 1);
        assert!(!left.exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), others.len() + 1);
    }
}
