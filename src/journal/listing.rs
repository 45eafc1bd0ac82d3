//! The log read forwards: what a filter lets through from an entry on, archived segments included.
//!
//! Texts are handed on exactly as they were hashed. Must never hold more than a page of them.

use super::error::JournalError;
use super::glob::{event_matches, of_filter};
use super::hex::to_hex;
use super::proof::archive::{self, Segment};
use super::proof::verify::Archive;
use super::reader::{Filter, Order, Reader, query};
use crate::policy::WallMs;
use crate::sync::lock;
use rusqlite::params_from_iter;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Entries that are read at once.
const PAGE: usize = 1000;

/// An entry as it was hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub seq: u64,
    /// Its text.
    pub text: String,
    /// Its hash, in hex.
    pub hash: String,
}

impl Reader {
    /// The oldest `limit` (1000 at most) entries after `after` that `filter` lets through, oldest first; its `before_seq` and
    /// `limit` do not count.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn entries_after(&self, filter: &Filter, after: u64, limit: usize) -> Result<Vec<Listed>, JournalError> {
        let (sql, values) = query(filter, limit.clamp(1, PAGE), Order::OldestAfter(after));
        let db = lock(self.connection());
        db.prepare_cached(&sql)
            .and_then(|mut s| {
                s.query_map(params_from_iter(values), |r| {
                    Ok(Listed {
                        seq: u64::try_from(r.get::<_, i64>(0)?).unwrap_or(0),
                        text: r.get(1)?,
                        hash: r.get(2)?,
                    })
                })?
                .collect()
            })
            .map_err(JournalError::sqlite("read the audit log"))
    }

    /// Hands every entry that `filter` lets through to `each`, oldest first, until that says `false`; archived ones first,
    /// where `archive` has them at hand.
    ///
    /// # Errors
    /// Where the journal or an archive cannot be read, or is not what was archived; in one sentence.
    pub fn list(
        &self,
        filter: &Filter,
        archive: &Archive,
        mut each: impl FnMut(&Listed) -> bool,
    ) -> Result<(), String> {
        let folder = match archive {
            Archive::Beside => Some(archive::folder(self.path())),
            Archive::In(folder) => Some(folder.clone()),
            Archive::NotAtHand => None,
        };
        let mut after = 0;
        loop {
            let page = self.entries_after(filter, after, PAGE).map_err(|e| e.to_string())?;
            // Read behind the page: what was archived and removed meanwhile is in an archive, and not passed over.
            let segments = archive::segments(&lock(self.connection())).map_err(|e| e.to_string())?;
            if let Some(segment) = segments.iter().find(|segment| segment.last > after) {
                if let Some(folder) = &folder
                    && !archived(folder, segment, after, filter, &mut each)?
                {
                    return Ok(());
                }
                after = segment.last;
                continue;
            }
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            if !page.iter().all(&mut each) {
                return Ok(());
            }
        }
    }
}

/// Hands on the entries of a segment that come after entry `after`; whether more are wanted.
fn archived(
    folder: &Path,
    segment: &Segment,
    after: u64,
    filter: &Filter,
    each: &mut impl FnMut(&Listed) -> bool,
) -> Result<bool, String> {
    for (seq, text) in (segment.first..).zip(archive::open(folder, segment)?) {
        let text = text?;
        if seq <= after {
            continue;
        }
        let entry: Value = serde_json::from_str(&text).map_err(|e| format!("archived entry {seq}: {e}"))?;
        let hash = || to_hex(&Sha256::digest(text.as_bytes()).into());
        if filter.admits(&entry) && !each(&Listed { seq, hash: hash(), text }) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Filter {
    /// Whether it lets an entry through, as the database would: `before_seq` and `limit` do not count.
    fn admits(&self, entry: &Value) -> bool {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let is =
            |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| text(name) == Some(wanted));
        let event = self
            .event_type
            .as_deref()
            .is_none_or(|wanted| text("event_type").is_some_and(|e| event_type_matches(wanted, e)));
        let at = text("timestamp").and_then(|t| t.parse::<jiff::Timestamp>().ok()).map(|t| WallMs(t.as_millisecond()));
        let since = self.since.is_none_or(|since| at.is_some_and(|at| at >= since));
        let until = self.until.is_none_or(|until| at.is_some_and(|at| at < until));
        event && since && until && is(&self.tenant, "tenant") && is(&self.channel_id, "channel_id")
    }
}

/// Whether an event type is one that a filter means: exact, a prefix that ends in a dot, or a glob.
pub fn event_type_matches(wanted: &str, event: &str) -> bool {
    event_matches(&of_filter(wanted), event)
}
