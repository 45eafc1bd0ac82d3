//! The folders of the configuration, watched for files that come, change or go.

use notify_debouncer_full::notify::{EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// Editors write in several steps: a change counts once it is this old.
const SETTLE: Duration = Duration::from_millis(500);

/// Folders, not files: editors replace a file by renaming another over it.
pub(super) struct Folders {
    watcher: Debouncer<RecommendedWatcher, RecommendedCache>,
    watched: BTreeSet<PathBuf>,
    changes: mpsc::Receiver<()>,
}

impl Folders {
    /// None is watched yet.
    pub(super) fn new() -> Result<Self, String> {
        let (sender, changes) = mpsc::channel(1);
        let touched =
            |kind: EventKind| matches!(kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
        let watcher = new_debouncer(SETTLE, None, move |result: DebounceEventResult| {
            if result.is_ok_and(|events| events.iter().any(|e| touched(e.kind) && e.paths.iter().any(|p| is_toml(p)))) {
                // One waiting word is enough.
                let _ = sender.try_send(());
            }
        })
        .map_err(|error| format!("cannot watch the configuration for changes: {error}"))?;
        Ok(Self { watcher, watched: BTreeSet::new(), changes })
    }

    /// These too.
    pub(super) fn watch(&mut self, folders: &BTreeSet<PathBuf>) {
        // The folder of a bare file name is the empty path.
        let folders = folders.iter().filter_map(|folder| Path::new(".").join(folder).canonicalize().ok());
        for folder in folders.filter(|folder| !self.watched.contains(folder)).collect::<Vec<_>>() {
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => _ = self.watched.insert(folder),
                Err(error) => tracing::warn!(
                    folder = %folder.display(), %error, "cannot watch this folder for changes; SIGHUP still reloads"
                ),
            }
        }
    }

    /// Waits until a file came, changed or went that may be one of the configuration. May be dropped and called again.
    pub(super) async fn changed(&mut self) {
        // The other end is the watcher's, which is ours.
        let _ = self.changes.recv().await;
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}
