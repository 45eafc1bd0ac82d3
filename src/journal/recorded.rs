//! Reads what was recorded for explaining and replaying, in the order in which it was handed in.

use super::error::JournalError;
use super::model::ObservationRow;
use super::reader::Reader;
use crate::policy::WallMs;
use crate::sync::lock;
use rusqlite::{OptionalExtension, Row, params};

/// Rows in one answer at most.
const MAX_ROWS: usize = 10_000;

/// One row, with the number by which rows are ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Rises with each row.
    pub id: i64,
    /// The row.
    pub row: ObservationRow,
}

impl Reader {
    /// Rows from number `from_id` on, those dated after `until` left out, in order, `limit` (10,000 at most) of them. With
    /// `tenant`: that tenant's rows and those of the process alone (whose tenant is empty).
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn recorded(
        &self,
        tenant: Option<&str>,
        from_id: i64,
        until: WallMs,
        limit: usize,
    ) -> Result<Vec<Recorded>, JournalError> {
        let limit = i64::try_from(limit.min(MAX_ROWS)).unwrap_or(0);
        let db = lock(self.connection());
        db.prepare_cached(
            "SELECT id, at, tenant, channel, body FROM observations
             WHERE id >= ?1 AND at <= ?2 AND (?3 IS NULL OR tenant IN (?3, '')) ORDER BY id LIMIT ?4",
        )
        .and_then(|mut s| s.query_map(params![from_id, until.0, tenant, limit], row)?.collect())
        .map_err(JournalError::sqlite("read what was recorded"))
    }

    /// The first row that is kept.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn first_recorded(&self) -> Result<Option<Recorded>, JournalError> {
        self.recorded(None, i64::MIN, WallMs(i64::MAX), 1).map(|rows| rows.into_iter().next())
    }

    /// The newest row under this tenant and channel that is dated `at` or earlier; else the oldest one there is.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn recorded_mark(&self, tenant: &str, channel: &str, at: WallMs) -> Result<Option<Recorded>, JournalError> {
        let before = "SELECT id, at, tenant, channel, body FROM observations
             WHERE tenant = ?1 AND channel = ?2 AND at <= ?3 ORDER BY at DESC, id DESC LIMIT 1";
        let after = "SELECT id, at, tenant, channel, body FROM observations
             WHERE tenant = ?1 AND channel = ?2 AND at > ?3 ORDER BY at, id LIMIT 1";
        let db = lock(self.connection());
        let one = |sql| db.prepare_cached(sql)?.query_row(params![tenant, channel, at.0], row).optional();
        let found = || match one(before)? {
            Some(mark) => Ok(Some(mark)),
            None => one(after),
        };
        found().map_err(JournalError::sqlite("read what was recorded"))
    }
}

fn row(r: &Row<'_>) -> rusqlite::Result<Recorded> {
    let row = ObservationRow { at: WallMs(r.get(1)?), tenant: r.get(2)?, channel: r.get(3)?, body: r.get(4)? };
    Ok(Recorded { id: r.get(0)?, row })
}
