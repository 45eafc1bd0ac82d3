//! A database connection that several tasks share.

use rusqlite::Connection;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A connection for one task at a time. A panic elsewhere does not harm it: an open transaction was rolled back.
pub(in crate::journal) fn lock(db: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    db.lock().unwrap_or_else(PoisonError::into_inner)
}
