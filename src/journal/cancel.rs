//! Cancels a query that no one waits for any longer: it ends at once, so that those behind it get their turn.

use super::error::JournalError;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Instructions of SQLite between two looks at whether a query is still wanted.
const STEPS: std::ffi::c_int = 2_000;

/// Whether something is still wanted. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

/// Cancels when it is dropped.
#[derive(Debug)]
pub struct CancelOnDrop(Cancel);

impl Cancel {
    /// Whether nobody waits any more.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whoever waits holds this; it is cancelled with them.
    pub fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }

    /// Runs a query that ends early once it is cancelled.
    pub(in crate::journal) fn over<T>(
        &self,
        db: &mut Connection,
        query: impl FnOnce(&Connection) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        if self.is_cancelled() {
            return Err(JournalError::Closed);
        }
        let cancel = self.clone();
        db.progress_handler(STEPS, Some(move || cancel.is_cancelled()))
            .map_err(JournalError::sqlite("watch over a query"))?;
        let done = query(db);
        db.progress_handler(0, None::<fn() -> bool>).map_err(JournalError::sqlite("watch over a query"))?;
        done
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}
