//! Files that are read for secrets and certificates, held against what they were: whatever the name leads to counts, through
//! every link, and not the name.
//!
//! Must never: read one, or call a file changed that is still being written.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a name leads to; `None`: nothing.
type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;
type Stamps = BTreeMap<PathBuf, Stamp>;

/// The files, and what they were.
pub(super) struct Places {
    taken: Stamps,
    seen: Stamps,
}

impl Places {
    /// These files, as they are now.
    pub(super) fn new(files: BTreeSet<PathBuf>) -> Self {
        let taken = stamps(files);
        Self { seen: taken.clone(), taken }
    }

    /// What they are now is what is taken: they are about to be read.
    pub(super) fn refresh(&mut self) {
        self.taken = stamps(self.taken.keys().cloned().collect());
    }

    /// These files from now on; those that stay are held against what they were.
    pub(super) fn keep(&mut self, files: BTreeSet<PathBuf>) {
        self.taken.retain(|file, _| files.contains(file));
        let new = files.into_iter().filter(|file| !self.taken.contains_key(file)).collect();
        self.taken.extend(stamps(new));
    }

    /// Whether one of them is another file, or holds something else, than when this was last answered with yes, and has been
    /// so for two looks: one that is being written is not read half.
    pub(super) async fn moved(&mut self) -> bool {
        let files = self.taken.keys().cloned().collect();
        let Ok(now) = tokio::task::spawn_blocking(move || stamps(files)).await else { return false };
        let settled = now == self.seen;
        self.seen.clone_from(&now);
        let moved = settled && now != self.taken;
        if moved {
            self.taken = now;
        }
        moved
    }
}

fn stamps(files: BTreeSet<PathBuf>) -> Stamps {
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
        let mut places = Places::new(BTreeSet::from([at("secret"), at("not-yet")]));
        assert!(!places.moved().await);
        // As Kubernetes swaps a folder.
        symlink("2", at("..new")).unwrap();
        std::fs::rename(at("..new"), at("..data")).unwrap();
        let mut told = Vec::new();
        // Written in place, renamed over, removed, and one that was not there.
        std::fs::write(at("2/secret"), "3").unwrap();
        told.push((places.moved().await, places.moved().await, places.moved().await));
        std::fs::write(at("2/other"), "4").unwrap();
        std::fs::rename(at("2/other"), at("2/secret")).unwrap();
        told.push((places.moved().await, places.moved().await, places.moved().await));
        std::fs::remove_file(at("2/secret")).unwrap();
        told.push((places.moved().await, places.moved().await, places.moved().await));
        std::fs::write(at("not-yet"), "5").unwrap();
        told.push((places.moved().await, places.moved().await, places.moved().await));
        assert_eq!(told, [(false, true, false); 4]);
    }
}
