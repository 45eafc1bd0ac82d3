//! Archived segments of the log: `archive/audit-FIRST-LAST.jsonl.gz`, an entry's text a line, and beside it the signed
//! checkpoint at its end.
//!
//! A segment ends at a checkpoint, so that what comes after it can be verified with or without it. Must never be the only
//! place to which an entry has gone before it was read back and found whole.

mod part;
mod segment;
mod write;

pub(in crate::journal) use part::sweep;
pub(in crate::journal) use segment::Segment;
pub(in crate::journal) use write::{plan, write};

use crate::journal::error::{JournalError, MAX_TEXT};
use crate::journal::hex::to_hex;
use flate2::read::GzDecoder;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The archive's folder beside `journal`.
pub(in crate::journal) fn folder(journal: &Path) -> PathBuf {
    journal.with_file_name("archive")
}

/// Every segment, oldest first.
pub(in crate::journal) fn segments(db: &Connection) -> Result<Vec<Segment>, JournalError> {
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    db.prepare("SELECT first, last, file, sha256, head, entry FROM segments ORDER BY last")
        .and_then(|mut s| {
            s.query_map([], |r| {
                Ok(Segment {
                    first: number(r.get(0)?),
                    last: number(r.get(1)?),
                    file: r.get(2)?,
                    sha256: r.get(3)?,
                    head: r.get(4)?,
                    entry: number(r.get(5)?),
                })
            })?
            .collect()
        })
        .map_err(JournalError::sqlite("read the archived segments"))
}

/// The first entry that a sink still waits for; `None` where none does. What a dead letter holds is copied into the outbox
/// before the entry is removed.
pub(in crate::journal) fn undelivered_from(db: &Connection) -> Result<Option<u64>, JournalError> {
    db.query_row("SELECT min(seq) FROM outbox WHERE payload IS NULL AND dead = 0", [], |r| r.get::<_, Option<i64>>(0))
        .map(|seq| seq.and_then(|seq| u64::try_from(seq).ok()))
        .map_err(JournalError::sqlite("read what is still to be delivered"))
}

/// The texts of a segment, in order, once its file is known to be the one that was archived. An error is one sentence.
pub(in crate::journal) fn open(folder: &Path, segment: &Segment) -> Result<Lines, String> {
    let path = folder.join(name(segment)?);
    let words = |e: std::io::Error| format!("the archive {} cannot be read: {e}", path.display());
    let sha256 = digest(&path).map_err(words)?;
    if sha256 != segment.sha256 {
        return Err(format!("the archive {} is not the file that was archived: its SHA-256 differs", path.display()));
    }
    Lines::open(&path).map_err(words)
}

/// Whether the checkpoint beside a segment is a sound one of its size. An error is one sentence.
pub(in crate::journal) fn note(folder: &Path, segment: &Segment) -> Result<String, String> {
    let path = folder.join(note_name(segment.first, segment.last));
    let mut text = String::new();
    File::open(&path)
        .and_then(|file| file.take(super::note::MAX_NOTE as u64 + 1).read_to_string(&mut text))
        .map_err(|e| format!("the checkpoint {} cannot be read: {e}", path.display()))?;
    Ok(text)
}

/// The texts in a compressed file.
pub(in crate::journal) struct Lines(BufReader<GzDecoder<BufReader<File>>>);

impl Lines {
    pub(in crate::journal) fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self(BufReader::new(GzDecoder::new(BufReader::new(File::open(path)?)))))
    }

    fn line(&mut self) -> Result<Option<String>, String> {
        let mut bytes = Vec::new();
        // A line that never ends must not fill the memory.
        let most = MAX_TEXT as u64 + 2;
        let read = (&mut self.0).take(most).read_until(b'\n', &mut bytes);
        if read.map_err(|e| format!("the archive is damaged: {e}"))? == 0 {
            return Ok(None);
        }
        if bytes.pop() != Some(b'\n') {
            return Err("the archive holds a line that is too long or cut off".to_owned());
        }
        String::from_utf8(bytes).map(Some).map_err(|_| "the archive holds a line that is not UTF-8".to_owned())
    }
}

impl Iterator for Lines {
    type Item = Result<String, String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line().transpose()
    }
}

/// A file's SHA-256, in hex.
fn digest(path: &Path) -> std::io::Result<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(to_hex(&hash.finalize().into())),
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// The file's name, where it is the one that its numbers give: a changed row must not lead elsewhere.
fn name(segment: &Segment) -> Result<&str, String> {
    if segment.file == file_name(segment.first, segment.last) {
        Ok(&segment.file)
    } else {
        Err(format!("the archive of entries {} to {} has another name", segment.first, segment.last))
    }
}

fn file_name(first: u64, last: u64) -> String {
    format!("audit-{first}-{last}.jsonl.gz")
}

fn note_name(first: u64, last: u64) -> String {
    format!("audit-{first}-{last}.checkpoint")
}
