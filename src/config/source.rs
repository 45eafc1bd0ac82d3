//! The files of a configuration as text, and places in them.
//!
//! Owns the bytes and their line starts, so that everything after it can speak of places by two small numbers.
//! Never judges what the text says.

use super::loc::Loc;
use super::mask::{self, Hidden};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Bytes that one file may have.
pub(crate) const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Files that a configuration may have.
pub(crate) const MAX_FILES: usize = 10_000;

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// As it was named, for messages.
    pub name: PathBuf,
    /// Its text.
    pub text: String,
    lines: Vec<usize>,
    masked: OnceLock<Vec<Hidden>>,
}

/// Every file read so far.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

/// One line as it may be shown, with a span in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The file's name.
    pub file: PathBuf,
    /// 1 is the first.
    pub line: usize,
    /// 1 is the first character.
    pub column: usize,
    /// The line, values of secret keys masked.
    pub text: String,
    /// The span in `text`, in bytes; empty at the end of a line.
    pub span: std::ops::Range<usize>,
}

impl Source {
    fn new(name: PathBuf, text: String) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name, text, lines, masked: OnceLock::new() }
    }

    /// The line that holds the byte at `offset`. It may hold a secret.
    pub fn line_at(&self, offset: usize) -> &str {
        let from = self.lines.get(self.line_of(offset.min(self.text.len()))).copied().unwrap_or_default();
        self.text.get(from..).and_then(|rest| rest.lines().next()).unwrap_or_default()
    }

    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

impl Sources {
    /// Takes a text in, and answers its number.
    pub fn add(&mut self, name: PathBuf, text: String) -> usize {
        self.0.push(Source::new(name, text));
        self.0.len() - 1
    }

    /// A file by its number.
    pub fn get(&self, file: usize) -> Option<&Source> {
        self.0.get(file)
    }

    /// The names of all, in the order in which they came.
    pub fn names(&self) -> Vec<PathBuf> {
        self.0.iter().map(|source| source.name.clone()).collect()
    }

    /// Of all names and texts, in hex: another one once anything in any file is another.
    pub fn digest(&self) -> String {
        let mut all = Sha256::new();
        for source in &self.0 {
            for part in [source.name.as_os_str().as_encoded_bytes(), source.text.as_bytes()] {
                all.update((part.len() as u64).to_be_bytes());
                all.update(part);
            }
        }
        all.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// The first line of a span, as it may be shown.
    pub fn show(&self, loc: Loc) -> Option<Shown> {
        let source = self.get(loc.file)?;
        let line = source.line_of(loc.start.min(source.text.len()));
        let from = *source.lines.get(line)?;
        let rest = source.text.get(from..)?;
        let raw = rest.lines().next().unwrap_or_default();
        let hidden = source.masked.get_or_init(|| mask::hidden(&source.text));
        let (text, map) = mask::apply(raw, from, hidden);
        let start = map(loc.start.saturating_sub(from).min(raw.len()));
        let end = map(loc.end.saturating_sub(from).min(raw.len())).max(start);
        let (start, end) = (start.min(text.len()), end.min(text.len()));
        let column = text.get(..start).map_or(0, |before| before.chars().count()) + 1;
        Some(Shown { file: source.name.clone(), line: line + 1, column, text, span: start..end })
    }
}

/// Reads a file of at most [`MAX_FILE_BYTES`].
///
/// # Errors
///
/// In one sentence: it cannot be read, is too large, or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let refuse = |why: String| format!("cannot read {}: {why}", path.display());
    let file = super::file::open(path).map_err(|error| refuse(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| refuse(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(refuse(format!("it is larger than {} MiB", MAX_FILE_BYTES / 1024 / 1024)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        refuse(format!("line {line} is not UTF-8"))
    })
}
