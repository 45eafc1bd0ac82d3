//! What may still stop a change between its decision and its sending: a person's word, or the age of its evidence.

use crate::policy::Time;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// Open until it is closed or its time is over. Cheap to clone; all clones are one gate.
#[derive(Clone, Debug)]
pub struct Gate {
    withdrawn: CancellationToken,
    why: Arc<OnceLock<String>>,
    not_after: Option<Time>,
    late: &'static str,
}

impl Gate {
    /// A gate without a time limit.
    pub fn open() -> Self {
        Self {
            withdrawn: CancellationToken::new(),
            why: Arc::default(),
            not_after: None,
            late: "its evidence grew old while it waited for its turn to be sent",
        }
    }

    /// A gate that closes by itself after `not_after`: evidence older than that moves nothing.
    pub fn open_until(not_after: Time) -> Self {
        Self { not_after: Some(not_after), ..Self::open() }
    }

    /// A gate that closes by itself after `not_after`, and then says `why`.
    pub fn open_until_because(not_after: Time, why: &'static str) -> Self {
        Self { late: why, ..Self::open_until(not_after) }
    }

    /// Closes it for good, and says why. The first reason stands.
    pub fn close(&self, why: String) {
        let _ = self.why.set(why);
        self.withdrawn.cancel();
    }

    /// Why it is closed; `None`: it is open.
    pub fn closed_because(&self, now: Time) -> Option<String> {
        if self.withdrawn.is_cancelled() {
            return Some(self.why.get().cloned().unwrap_or_default());
        }
        let late = self.not_after.is_some_and(|not_after| now > not_after);
        late.then(|| self.late.to_owned())
    }

    /// Waits until it is closed by hand, or `now` plus the time left is over.
    pub async fn closed(&self, now: Time) {
        match self.not_after {
            None => self.withdrawn.cancelled().await,
            Some(not_after) => {
                let left = not_after.since(now) + std::time::Duration::from_millis(1);
                let _ = tokio::time::timeout(left, self.withdrawn.cancelled()).await;
            }
        }
    }
}
