//! Files that are read for secrets and certificates, held against what they were: whatever the name leads to counts, through
//! every link, and not the name.
//!
//! Must never: read one, call a file changed that is still being written, or wait where a file system does not answer.

use crate::config::Aside;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a name leads to; `None`: nothing.
type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;

/// Files, and what they are.
pub(super) type Stamps = BTreeMap<PathBuf, Stamp>;

/// The files, and what they were.
pub(super) struct Places {
    taken: Stamps,
    seen: Stamps,
    looking: Aside,
}

impl Places {
    /// These files, as they are now.
    pub(super) fn new(files: Stamps, looking: Aside) -> Self {
        Self { seen: files.clone(), taken: files, looking }
    }

    pub(super) fn files(&self) -> BTreeSet<PathBuf> {
        self.taken.keys().cloned().collect()
    }

    /// What some of the files were when they were read.
    pub(super) fn read(&mut self, now: Stamps) {
        for (file, now) in now {
            self.taken.entry(file).and_modify(|taken| *taken = now);
        }
    }

    /// These files from now on, as they were when they were read.
    pub(super) fn keep(&mut self, files: Stamps) {
        self.taken = files;
    }

    /// Which of them are other files, or hold something else, than when this last told of them, and have been so for two
    /// looks: one that is being written is not read half.
    pub(super) async fn moved(&mut self) -> BTreeSet<PathBuf> {
        let files = self.files();
        let Ok(now) = self.looking.read(move || stamps(files)).await else { return BTreeSet::new() };
        let settled = now == self.seen;
        self.seen.clone_from(&now);
        if !settled {
            return BTreeSet::new();
        }
        let moved = now.iter().filter(|(file, stamp)| self.taken.get(*file) != Some(stamp));
        let moved = moved.map(|(file, _)| file.clone()).collect();
        self.taken = now;
        moved
    }
}

/// What these files are now. Blocks where a file system does not answer.
pub(super) fn stamps(files: BTreeSet<PathBuf>) -> Stamps {
    files.into_iter().map(|file| (file.clone(), stamp(&file))).collect()
}

fn stamp(file: &Path) -> Stamp {
    let of = std::fs::metadata(file).ok()?;
    Some((of.dev(), of.ino(), of.size(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    #[tokio::test]
    async fn what_a_name_leads_to_is_noticed_once_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["1", "2"] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("secret"), version).unwrap();
        }
        symlink("1", at("..data")).unwrap();
        symlink("..data/secret", at("secret")).unwrap();
        let files = stamps(BTreeSet::from([at("secret"), at("not-yet")]));
        let mut places = Places::new(files, Aside::new(Duration::from_secs(30)));
        assert!(places.moved().await.is_empty());
        // As Kubernetes swaps a folder.
        symlink("2", at("..new")).unwrap();
        std::fs::rename(at("..new"), at("..data")).unwrap();
        let mut told = Vec::new();
        // Written in place, renamed over, removed, and one that was not there.
        std::fs::write(at("2/secret"), "3").unwrap();
        told.push((places.moved().await.len(), places.moved().await, places.moved().await.len()));
        std::fs::write(at("2/other"), "4").unwrap();
        std::fs::rename(at("2/other"), at("2/secret")).unwrap();
        told.push((places.moved().await.len(), places.moved().await, places.moved().await.len()));
        std::fs::remove_file(at("2/secret")).unwrap();
        told.push((places.moved().await.len(), places.moved().await, places.moved().await.len()));
        std::fs::write(at("not-yet"), "5").unwrap();
        told.push((places.moved().await.len(), places.moved().await, places.moved().await.len()));
        let one = |name: &str| (0, BTreeSet::from([at(name)]), 0);
        assert_eq!(told, [one("secret"), one("secret"), one("secret"), one("not-yet")]);
    }
}
