//! Checks whether the database file is sound, and makes a sound copy of it.
//!
//! Both work beside a daemon that writes. Must never change the file that it checks, nor leave half of a copy.

use super::error::JournalError;
use super::reader::Reader;
use super::schema::{expected_rules, rules};
use crate::sync::lock;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::File;
use std::path::Path;

/// Findings that are told at most.
const MOST: usize = 100;

impl Reader {
    /// What SQLite finds wrong with the file as a whole, and which of the rules that keep audit entries are not in it; empty:
    /// nothing. The chain is verified elsewhere.
    ///
    /// # Errors
    /// Where the file cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>, JournalError> {
        let db = lock(self.connection());
        let findings: Vec<String> = db
            .prepare(&format!("PRAGMA integrity_check({MOST})"))
            .and_then(|mut s| s.query_map([], |r| r.get::<_, String>(0))?.collect())
            .map_err(JournalError::sqlite("check the journal"))?;
        let mut findings: Vec<String> = findings.into_iter().filter(|word| word != "ok").collect();
        let rules = rules(&db).map_err(JournalError::sqlite("read the journal's rules"))?;
        let expected = expected_rules().map_err(JournalError::sqlite("know the journal's rules"))?;
        for (name, sql) in expected {
            match rules.get(&name) {
                Some(there) if *there == sql => {}
                Some(_) => findings.push(format!("the rule {name}, which protects the log, was changed")),
                None => findings.push(format!("the rule {name}, which protects the log, is missing")),
            }
        }
        Ok(findings)
    }

    /// Copies the whole journal, as it is at one moment, to a new file (0600). How many bytes.
    ///
    /// # Errors
    /// Where the file exists, or cannot be written; nothing is left of it then.
    pub fn backup(&self, to: &Path) -> Result<u64, JournalError> {
        let io = |e: std::io::Error| JournalError::io("write the copy", to)(without_path(e));
        if to.exists() {
            let why = "it already exists; a copy never replaces a file".to_owned();
            return Err(JournalError::Io { attempted: "write the copy", path: to.to_owned(), why });
        }
        let folder = to.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
        self.copy(beside.path())?;
        beside.as_file().sync_all().map_err(io)?;
        let bytes = beside.as_file().metadata().map_err(io)?.len();
        beside.persist_noclobber(to).map_err(|e| io(e.error))?;
        File::open(folder).and_then(|f| f.sync_all()).map_err(io)?;
        Ok(bytes)
    }

    fn copy(&self, to: &Path) -> Result<(), JournalError> {
        let own = self.again()?;
        let from = lock(own.as_ref().unwrap_or(self).connection());
        let copy = || -> rusqlite::Result<StepResult> {
            let mut target = Connection::open(to)?;
            // In one step, which reads one snapshot: page by page, each commit of the daemon would start it anew.
            let step = Backup::new(&from, &mut target)?.step(-1)?;
            // A copy is one file: without this it would be read through a log of its own.
            target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
            Ok(step)
        };
        match copy().map_err(JournalError::sqlite("copy the journal"))? {
            StepResult::Done => Ok(()),
            _ => Err(JournalError::Corrupt { path: to.to_owned(), why: "the journal was busy; try again".to_owned() }),
        }
    }
}

/// Without the path of a temporary file, which nobody knows.
fn without_path(error: std::io::Error) -> std::io::Error {
    match error.to_string().split_once(" at path \"") {
        Some((cause, _)) => std::io::Error::new(error.kind(), cause),
        None => error,
    }
}
