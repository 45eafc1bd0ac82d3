//! File sinks and the places that they must leave alone: each other's files, and those of the state directory.
//!
//! Paths are compared as they are written, made absolute and without `.` and `..`; symbolic links are not followed, so that
//! the same configuration is judged the same on every machine.

use super::Compiler;
use crate::config::model::{Audit, SecretRef};
use crate::config::section::Section;
use crate::config::sink::FileSink;
use crate::config::source::Loc;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// What the journal and the control socket keep in the state directory.
const OURS: &[&str] = &[
    "journal.db",
    "journal.db-wal",
    "journal.db-shm",
    "journal.db-journal",
    "journal.lock",
    "audit.key",
    "audit.vkey",
    "audit.signed",
    "provision.key",
    "control.sock",
    "archive",
];

impl Compiler<'_> {
    /// No file sink writes to the file of another one, renamed ones included, nor to what trunkwarden keeps or reads.
    pub(super) fn sink_files(&mut self, audit: &Section, sinks: &Audit, state_dir: &Path) {
        let placed: Vec<(Loc, PathBuf, &FileSink)> = audit
            .tables("file")
            .iter()
            .map(|section| section.get::<String>("path").at)
            .zip(&sinks.files)
            .map(|(at, sink)| (at, plain(&sink.path), sink))
            .collect();
        for (n, (at, path, sink)) in placed.iter().enumerate() {
            self.taken(*at, path, state_dir);
            for (first, other_path, other) in placed.iter().take(n) {
                let message = if path == other_path {
                    "two file sinks write to the same file"
                } else if is_renamed(path, other_path, other.keep) || is_renamed(other_path, path, sink.keep) {
                    "one file sink writes to the file that another one's is renamed to when it is full"
                } else {
                    continue;
                };
                self.error(*at, message)
                    .also(*first, "the other one")
                    .help("give each sink a `path` of its own: two writers would tear and rename each other's lines");
            }
        }
    }

    /// An error where `path` is a file of ours.
    fn taken(&mut self, at: Loc, path: &Path, state_dir: &Path) {
        let in_state_dir = path.strip_prefix(plain(state_dir)).ok().and_then(|rest| rest.components().next());
        let ours = in_state_dir.and_then(|first| OURS.iter().find(|name| first.as_os_str() == OsStr::new(name)));
        if let Some(name) = ours {
            self.error(at, format!("`path` is trunkwarden's own: `{name}` in `daemon.state_dir`"))
                .help("give the sink another name there, or a `path` elsewhere");
        }
        let is_secret = |secret: &SecretRef| matches!(secret, SecretRef::File(file) if plain(file) == path);
        if let Some(used) = self.secrets.iter().find(|used| is_secret(&used.secret)) {
            let message = format!("`path` is the file from which {} is read", used.name);
            self.error(at, message).help("give the sink a `path` of its own");
        }
    }
}

/// Whether a full file at `of` becomes `path`, with `keep` renamed ones kept.
fn is_renamed(path: &Path, of: &Path, keep: u32) -> bool {
    let (Some(path), Some(of)) = (path.to_str(), of.to_str()) else { return false };
    let number = path.strip_prefix(of).and_then(|rest| rest.strip_prefix('.')).filter(|n| !n.starts_with(['0', '+']));
    number.and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n <= keep)
}

/// Absolute, and without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    // Without a current directory a relative path still compares with other relative ones.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = plain.pop(),
            other => plain.push(other),
        }
    }
    plain
}
