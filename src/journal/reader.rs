//! Reads what is committed: audit entries by filter and cursor, operations, observations.
//!
//! Calls block on the disk: from async code, `spawn_blocking`. Must never write; its connection is a read-only one.

use super::cancel::Cancel;
use super::error::JournalError;
use super::glob;
use super::model::ObservationRow;
use super::operation::{self, KeptOperation};
use super::{file, recovery};
use crate::policy::WallMs;
use crate::sync::lock;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params, params_from_iter};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// Entries on a page at most.
const MAX_PAGE: usize = 1000;

/// Entries that one search looks through at most, where no index leads to what it looks for.
const WINDOW: i64 = 50_000;

/// Observations in one answer at most.
const MAX_OBSERVATIONS: usize = 10_000;

/// Which audit entries are wanted. The default: the newest 100 of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Of this tenant only.
    pub tenant: Option<String>,
    /// Of this channel only.
    pub channel_id: Option<String>,
    /// Of this type only: exact (`failover.held`), a prefix that ends in a dot (`failover.`), or a glob whose `*` stands
    /// for anything, dots included (`*.failed`).
    pub event_type: Option<String>,
    /// Older than this entry only: the `next` of the page before.
    pub before_seq: Option<u64>,
    /// At this moment or later.
    pub since: Option<WallMs>,
    /// Before this moment.
    pub until: Option<WallMs>,
    /// Entries on the page, 1 to 1000; others are brought into the range.
    pub limit: usize,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            tenant: None,
            channel_id: None,
            event_type: None,
            before_seq: None,
            since: None,
            until: None,
            limit: 100,
        }
    }
}

/// Some audit entries, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// Each as it was hashed, plus its `hash`.
    pub entries: Vec<Value>,
    /// What goes into `before_seq` for the page after this one; `None`: there is none.
    pub next: Option<u64>,
}

/// Reads a journal. Cheap to clone; clones share one connection.
#[derive(Clone, Debug)]
pub struct Reader {
    db: Arc<Mutex<Connection>>,
    path: PathBuf,
}

impl Reader {
    /// Opens an existing journal for reading, whether or not a daemon writes it at the moment.
    ///
    /// # Errors
    /// As [`Journal::open`](super::Journal::open), but never `InUse`.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Ok(Self::over(Arc::new(Mutex::new(file::open_for_reading(path)?)), path.to_owned()))
    }

    /// The entries that `filter` lets through.
    ///
    /// # Errors
    /// Where the file cannot be read, or an entry in it is no JSON any more.
    pub fn entries(&self, filter: &Filter) -> Result<Page, JournalError> {
        self.entries_unless(filter, &Cancel::default())
    }

    /// The same, until `cancel` says that nobody waits any more. At most `WINDOW` entries are looked through: where that
    /// ends the search, the page holds what was found, and its `next` goes on behind it.
    ///
    /// # Errors
    /// As [`Reader::entries`]; also where it was cancelled.
    pub fn entries_unless(&self, filter: &Filter, cancel: &Cancel) -> Result<Page, JournalError> {
        let limit = filter.limit.clamp(1, MAX_PAGE);
        let (mut rows, floor): (Vec<(i64, String, String)>, i64) = {
            let mut db = lock(&self.db);
            cancel.over(&mut db, |db| {
                let (end, floor) = window(db, filter)?;
                let narrowed = Filter { before_seq: end, ..filter.clone() };
                let (sql, mut values) = query(&narrowed, limit + 1, Order::NewestFirst);
                let sql = sql.replacen("WHERE 1", "WHERE seq > ?", 1);
                values.insert(0, Sql::Integer(floor));
                let rows = db
                    .prepare_cached(&sql)
                    .and_then(|mut s| {
                        s.query_map(params_from_iter(values), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect()
                    })
                    .map_err(JournalError::sqlite("read the audit log"))?;
                Ok((rows, floor))
            })?
        };
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more).map(|(seq, ..)| *seq);
        // Below the floor nothing was looked at.
        let next = last.or((floor > 0).then_some(floor + 1)).and_then(|seq| u64::try_from(seq).ok());
        let entries =
            rows.into_iter().map(|(seq, text, hash)| self.entry(seq, &text, hash)).collect::<Result<_, _>>()?;
        Ok(Page { entries, next })
    }

    /// What is kept under `key`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn state(&self, key: &str) -> Result<Option<Value>, JournalError> {
        recovery::state(&lock(&self.db), &self.path, key)
    }

    /// Everything that is kept.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn states(&self) -> Result<Vec<(String, Value)>, JournalError> {
        recovery::states(&lock(&self.db), &self.path)
    }

    /// The newest entry's number and hash; `None` before the first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn head(&self) -> Result<Option<(u64, String)>, JournalError> {
        let head = recovery::head(&lock(&self.db))?;
        Ok((head.seq > 0).then_some((head.seq, head.hash)))
    }

    /// Operations without an outcome, oldest first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn open_operations(&self) -> Result<Vec<KeptOperation>, JournalError> {
        operation::open(&lock(&self.db), &self.path)
    }

    /// An operation by its id.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn operation(&self, id: Uuid) -> Result<Option<KeptOperation>, JournalError> {
        operation::by_id(&lock(&self.db), &self.path, id)
    }

    /// The newest operation of a tenant and kind under `key` that was begun at `not_before` or later.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn operation_by_key(
        &self,
        tenant: &str,
        kind: &str,
        key: &str,
        not_before: WallMs,
    ) -> Result<Option<KeptOperation>, JournalError> {
        operation::by_key(&lock(&self.db), &self.path, (tenant, kind, key), not_before)
    }

    /// Operations that ended at `since` or later, newest first, `most` of them.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn operations_ended(&self, since: WallMs, most: usize) -> Result<Vec<KeptOperation>, JournalError> {
        operation::ended_since(&lock(&self.db), &self.path, since, most)
    }

    /// A channel's observations from `from` until before `to`, oldest first, `limit` (10,000 at most) of them.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn observations(
        &self,
        tenant: &str,
        channel: &str,
        from: WallMs,
        to: WallMs,
        limit: usize,
    ) -> Result<Vec<ObservationRow>, JournalError> {
        let limit = i64::try_from(limit.min(MAX_OBSERVATIONS)).unwrap_or(0);
        let db = lock(&self.db);
        db.prepare_cached(
            "SELECT at, tenant, channel, body FROM observations
             WHERE tenant = ? AND channel = ? AND at >= ? AND at < ? ORDER BY at, id LIMIT ?",
        )
        .and_then(|mut s| {
            s.query_map(params![tenant, channel, from.0, to.0, limit], |r| {
                Ok(ObservationRow { at: WallMs(r.get(0)?), tenant: r.get(1)?, channel: r.get(2)?, body: r.get(3)? })
            })?
            .collect()
        })
        .map_err(JournalError::sqlite("read observations"))
    }

    /// A reader over a connection that someone has opened.
    pub(in crate::journal) fn over(db: Arc<Mutex<Connection>>, path: PathBuf) -> Self {
        Self { db, path }
    }

    /// Where the journal is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A second connection to the same file; `None` for a journal in memory, which has one only.
    pub(in crate::journal) fn again(&self) -> Result<Option<Self>, JournalError> {
        let is_file = lock(&self.db).path().is_some_and(|path| !path.is_empty());
        if is_file { Self::open(&self.path).map(Some) } else { Ok(None) }
    }

    /// The connection, for what else reads.
    pub(in crate::journal) fn connection(&self) -> &Mutex<Connection> {
        &self.db
    }

    fn entry(&self, seq: i64, text: &str, hash: String) -> Result<Value, JournalError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(mut fields)) => {
                fields.insert("hash".to_owned(), Value::String(hash));
                Ok(Value::Object(fields))
            }
            _ => Err(JournalError::Corrupt {
                path: self.path.clone(),
                why: format!("audit entry {seq} is no JSON object: it was changed after it was written"),
            }),
        }
    }
}

/// Where a search begins and what it does not go below: `before_seq`, and a number that is passed over. Only what no index
/// leads to is bounded.
fn window(db: &Connection, filter: &Filter) -> Result<(Option<u64>, i64), JournalError> {
    let sqlite = |e| JournalError::sqlite("read the audit log")(e);
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let mut end = filter.before_seq;
    if let Some(until) = filter.until {
        let newest: Option<i64> = db
            .prepare_cached("SELECT max(seq) FROM audit WHERE at < ?")
            .and_then(|mut s| s.query_row([until.0], |r| r.get(0)))
            .map_err(sqlite)?;
        let until = newest.map_or(1, |newest| number(newest) + 1);
        end = Some(end.map_or(until, |end| end.min(until)));
    }
    let by_event = filter.event_type.as_ref().is_some_and(|wanted| !glob::is_glob(wanted));
    let named = [filter.tenant.is_some(), filter.channel_id.is_some(), by_event].into_iter().filter(|is| *is).count();
    let together = filter.tenant.is_some() && filter.channel_id.is_some() && filter.event_type.is_none();
    let has_index = filter.since.is_none()
        && !filter.event_type.as_ref().is_some_and(|wanted| glob::is_glob(wanted))
        && (named <= 1 || together);
    if has_index {
        return Ok((end, i64::MIN));
    }
    let mut lowest = 0;
    if let Some(since) = filter.since {
        let first: Option<i64> = db
            .prepare_cached("SELECT min(seq) FROM audit WHERE at >= ?")
            .and_then(|mut s| s.query_row([since.0], |r| r.get(0)))
            .map_err(sqlite)?;
        lowest = first.unwrap_or(i64::MAX);
    }
    let newest: Option<i64> = db
        .prepare_cached("SELECT max(seq) FROM audit")
        .and_then(|mut s| s.query_row([], |r| r.get(0)))
        .map_err(sqlite)?;
    let top =
        end.map_or(newest.unwrap_or(0), |end| i64::try_from(end).unwrap_or(i64::MAX).min(newest.unwrap_or(0) + 1));
    let floor = top.saturating_sub(WINDOW).max(0);
    let oldest: Option<i64> = db
        .prepare_cached("SELECT min(seq) FROM audit")
        .and_then(|mut s| s.query_row([], |r| r.get(0)))
        .map_err(sqlite)?;
    // Where nothing lies below it, it ends nothing.
    Ok((end, if floor < lowest.max(oldest.unwrap_or(1)) { i64::MIN } else { floor }))
}

/// In which order entries are wanted.
#[derive(Clone, Copy, Debug)]
pub(in crate::journal) enum Order {
    NewestFirst,
    /// Oldest first, after this entry.
    OldestAfter(u64),
}

/// The filter as SQL; every value is bound, none is spliced in.
pub(in crate::journal) fn query(filter: &Filter, limit: usize, order: Order) -> (String, Vec<Sql>) {
    let (mut sql, mut values) = ("SELECT seq, entry, hash FROM audit WHERE 1".to_owned(), Vec::new());
    let mut and = |condition: &str, value: Sql| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.push(value);
    };
    let number = |n: u64| Sql::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    if let Some(tenant) = &filter.tenant {
        and("tenant = ?", Sql::Text(tenant.clone()));
    }
    if let Some(channel) = &filter.channel_id {
        and("channel_id = ?", Sql::Text(channel.clone()));
    }
    match &filter.event_type {
        Some(wanted) if glob::is_glob(wanted) => {
            and("event_type GLOB ?", Sql::Text(glob::pattern(&glob::of_filter(wanted))));
        }
        Some(wanted) => and("event_type = ?", Sql::Text(wanted.clone())),
        None => {}
    }
    match (order, filter.before_seq) {
        (Order::OldestAfter(seq), _) => and("seq > ?", number(seq)),
        (Order::NewestFirst, Some(seq)) => and("seq < ?", number(seq)),
        (Order::NewestFirst, None) => {}
    }
    if let Some(since) = filter.since {
        and("at >= ?", Sql::Integer(since.0));
    }
    if let Some(until) = filter.until {
        and("at < ?", Sql::Integer(until.0));
    }
    values.push(number(limit as u64));
    sql.push_str(match order {
        Order::NewestFirst => " ORDER BY seq DESC LIMIT ?",
        Order::OldestAfter(_) => " ORDER BY seq LIMIT ?",
    });
    (sql, values)
}
