//! The files after reading: what each sets, and where it uses a secret.

use super::diagnostic::Place;
use super::keys::{Key, Named};
use super::loc::Loc;
use super::secrets::SecretRef;
use super::section::Section;
use std::path::{Path, PathBuf};

/// The operator's token, which people show.
pub(crate) const OPERATOR: &str = "daemon.tokens.operator";

/// Where the file uses a secret.
#[derive(Clone, Debug)]
pub(crate) struct SecretUse {
    pub name: String,
    pub secret: SecretRef,
    pub place: Place,
    pub at: Loc,
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
