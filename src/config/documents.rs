//! The files after reading: what each sets, and where it uses a secret.

use super::diagnostic::Place;
use super::keys::{Key, Named};
use super::loc::Loc;
use super::secrets::{MIN_TOKEN_LENGTH, SecretRef};
use super::section::Section;
use secrecy::ExposeSecret;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The operator's token, which people show.
pub(crate) const OPERATOR: &str = "daemon.tokens.operator";

/// How the name of a desired channel's password begins.
pub(crate) const PASSWORD: &str = "the password of channel ";

/// Where the file uses a secret.
#[derive(Clone, Debug)]
pub(crate) struct SecretUse {
    pub name: String,
    pub secret: SecretRef,
    pub place: Place,
    pub at: Loc,
}

impl SecretUse {
    /// How messages name it: by its key, or in words.
    pub fn shown(&self) -> String {
        if self.name.contains(' ') { self.name.clone() } else { format!("`{}`", self.name) }
    }

    /// Why it would not do, here and now: the end of a sentence about it.
    pub fn unusable(&self) -> Option<String> {
        match self.secret.resolve() {
            // Passwords of desired channels are read when they are sent.
            Err(error) if self.name.starts_with(PASSWORD) => Some(format!("cannot be used: {error}")),
            Err(error) => Some(format!("cannot be used, and `run` will refuse to start: {error}")),
            Ok(token) if self.name == OPERATOR && token.expose_secret().chars().count() < MIN_TOKEN_LENGTH => {
                Some(format!("has fewer than {MIN_TOKEN_LENGTH} characters and is not accepted"))
            }
            Ok(_) if self.name == OPERATOR => self.open_to_others(),
            Ok(_) => None,
        }
    }

    /// A token that any user of the machine could show.
    fn open_to_others(&self) -> Option<String> {
        let SecretRef::File(path) = &self.secret else { return None };
        let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o004 != 0).then(|| {
            let path = path.display();
            format!("can be read by every user of this machine ({path} has mode {mode:04o}): chmod 600 {path}")
        })
    }
}

/// One file after reading.
pub(crate) struct Document {
    /// Its tables.
    pub root: Section,
    /// What its relative paths are relative to.
    pub dir: PathBuf,
}

/// All files after reading.
pub(crate) struct Documents {
    /// The main file first.
    pub documents: Vec<Document>,
    /// Whether every file could be read and parsed: only then is a missing name really missing.
    pub complete: bool,
}

impl Documents {
    /// Every entry of a table with free names, with the directory of its file, in the order of the files.
    pub fn named<'d>(
        &'d self,
        key: &'static Key<Named>,
    ) -> impl Iterator<Item = (&'d Path, &'d str, Loc, Option<&'d Section>)> {
        self.documents.iter().flat_map(move |document| {
            let entries = document.root.named(key).into_iter().flatten();
            entries.map(|(name, e)| (document.dir.as_path(), name.as_str(), e.key_at, e.section()))
        })
    }

    /// Every table of an array, with the directory of its file, in the order of the files.
    pub fn rows<'d>(&'d self, key: &'static Key<Vec<Section>>) -> impl Iterator<Item = (&'d Path, &'d Section)> {
        self.documents
            .iter()
            .flat_map(move |document| document.root.rows(key).map(|section| (document.dir.as_path(), section)))
    }
}
