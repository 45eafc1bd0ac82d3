//! Reading for people: a few at once, on threads of their own, so that a search of a long log takes no thread, and no turn
//! at the journal, from what the daemon itself reads.

use super::error::ApiError;
use crate::journal::Cancel;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Reads at once; the next waits for its turn as long as its request does.
const AT_ONCE: usize = 4;

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reads(Arc<Semaphore>);

impl Default for Reads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Reads {
    /// Runs what blocks, and tells it where nobody waits for it any more. Its turn is over when it ends.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = Arc::clone(&self.0).acquire_owned().await.map_err(|_| ApiError::Internal)?;
        let cancel = Cancel::default();
        // Dropped with the request: whatever it began ends then.
        let _gone = cancel.on_drop();
        let running = tokio::task::spawn_blocking(move || {
            let read = read(&cancel);
            drop(turn);
            read
        });
        running.await.map_err(|_| ApiError::Internal)
    }
}
