//! File sinks and the places that they must leave alone: each other's files, and those of the state directory.
//!
//! Paths are compared as they are written, made absolute and without `.` and `..`; symbolic links are not followed, so that
//! the same configuration is judged the same on every machine.

use super::Compiler;
use crate::config::keys::sink::file;
use crate::config::keys::{audit, root};
use crate::config::loc::Loc;
use crate::config::model::Audit;
use crate::config::secrets::SecretRef;
use crate::config::section::Section;
use crate::config::sink::FileSink;
use glob::{MatchOptions, Pattern};
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
            .get(&audit::FILE)
            .value
            .iter()
            .map(|section| section.get(&file::PATH).at)
            .zip(&sinks.files)
            .map(|(at, sink)| (at, plain(&sink.path), sink))
            .collect();
        for (n, (at, path, sink)) in placed.iter().enumerate() {
            self.taken(*at, path, state_dir);
            for (first, other_path, other) in placed.iter().take(n) {
                let message = if path == other_path {
                    "two file sinks write to the same file"
                } else if is_renamed(path, other_path, other.keep) || is_renamed(other_path, path, sink.keep) {
                    "one file sink writes to the file that another one rotates its full file to"
                } else {
                    continue;
                };
                self.error(*at, message)
                    .also(*first, "the other one")
                    .help("give each sink its own `path`: two writers would tear each other's lines and rename each other's files");
            }
        }
    }

    /// An error where `path` is a file of ours.
    fn taken(&mut self, at: Loc, path: &Path, state_dir: &Path) {
        let in_state_dir = path.strip_prefix(plain(state_dir)).ok().and_then(|rest| rest.components().next());
        let ours = in_state_dir.and_then(|first| OURS.iter().find(|name| first.as_os_str() == OsStr::new(name)));
        if let Some(name) = ours {
            self.error(at, format!("`path` is a file of trunkwarden itself: `{name}` in `daemon.state_dir`"))
                .help("give the sink another file name, or a `path` elsewhere");
        }
        let is_secret = |secret: &SecretRef| matches!(secret, SecretRef::File(file) if plain(file) == path);
        if let Some(used) = self.secrets.iter().find(|used| is_secret(&used.secret)) {
            let message = format!("`path` is the file from which {} is read", used.name);
            self.error(at, message).help("give the sink its own `path`");
        }
    }
}

impl Compiler<'_> {
    /// `include_secrets`; each is a glob.
    pub(super) fn include_secrets(&mut self, root: &Section) -> Vec<String> {
        let globs = root.get(&root::INCLUDE_SECRETS).value;
        for (glob, at) in &globs {
            if let Err(error) = Pattern::new(glob) {
                self.error(*at, format!("`include_secrets` has an entry that is not a glob: {}", error.msg));
            }
        }
        globs.into_iter().map(|(glob, _)| glob).collect()
    }

    /// A warning for a secret that an included file names and neither owns nor is allowed: whoever may write that file
    /// could have any file or variable of this process sent to a host of their choice.
    pub(super) fn included_secret(&mut self, secret: &SecretRef, at: Loc, name: &str, dir: &Path) {
        let named = match secret {
            SecretRef::File(path) if is_below(path, dir) => return,
            SecretRef::File(path) => plain(path).display().to_string(),
            SecretRef::Env(variable) => format!("env:{variable}"),
            SecretRef::Credential(credential) => format!("credential:{credential}"),
        };
        // Of a path, a `*` stands for a name and not for folders.
        let options = MatchOptions { require_literal_separator: named.starts_with('/'), ..MatchOptions::new() };
        let allows = |glob: &String| Pattern::new(glob).is_ok_and(|glob| glob.matches_with(&named, options));
        if self.allowed.iter().any(allows) {
            return;
        }
        self.warning(at, format!("{name} is a secret outside this included file's own folder"))
            .label("a later version will refuse it")
            .help(format!("if this is intended, allow it in the main file: include_secrets = [\"{named}\"]"));
    }

    /// An error where a secret is read from what trunkwarden itself keeps in the state directory: it would be sent away.
    pub(super) fn own_secrets(&mut self, state_dir: &Path) {
        let kept = |file: &Path| {
            let rest = file.strip_prefix(plain(state_dir)).ok()?.components().next()?;
            OURS.iter().find(|name| rest.as_os_str() == OsStr::new(name)).copied()
        };
        let taken: Vec<(Loc, String, &str)> = self
            .secrets
            .iter()
            .filter(|used| used.name != "audit.signing_key")
            .filter_map(|used| match &used.secret {
                SecretRef::File(file) => Some((used.at, used.name.clone(), kept(&plain(file))?)),
                _ => None,
            })
            .collect();
        for (at, name, file) in taken {
            self.error(at, format!("{name} is read from trunkwarden's own `{file}` in `daemon.state_dir`"))
                .help("keep the secret in a file of its own");
        }
    }
}

/// Whether a file is below a folder, as both are written and, where they are there, as they really are.
fn is_below(file: &Path, folder: &Path) -> bool {
    let really = match (file.canonicalize(), plain(folder).canonicalize()) {
        (Ok(file), Ok(folder)) => file.starts_with(folder),
        _ => true,
    };
    really && plain(file).starts_with(plain(folder))
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
