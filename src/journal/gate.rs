//! What may still stop a change between its decision and its sending: a person's word, or the age of its evidence.
//!
//! A change passes its gate or is stopped there, never both: closing the gate returns whether the change has already passed.

use crate::policy::Time;
use crate::sync::lock;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

/// Open until it is closed or its time is over. Cheap to clone; all clones are one gate.
#[derive(Clone, Debug)]
pub struct Gate {
    withdrawn: CancellationToken,
    state: Arc<Mutex<State>>,
    not_after: Option<Time>,
    late: &'static str,
}

#[derive(Debug, Default)]
struct State {
    /// Why it was closed by hand.
    closed: Option<String>,
    /// Something has passed and may be on its way.
    passed: bool,
}

impl Gate {
    /// A gate without a time limit.
    pub fn open() -> Self {
        Self {
            withdrawn: CancellationToken::new(),
            state: Arc::default(),
            not_after: None,
            late: "its evidence became too old while it waited to be sent",
        }
    }

    /// A gate that closes by itself after `not_after`: evidence older than that moves nothing.
    pub fn open_until(not_after: Time) -> Self {
        Self { not_after: Some(not_after), ..Self::open() }
    }

    /// The same gate for what is of no use after `not_after`; it then says `why`.
    #[must_use]
    pub fn until(&self, not_after: Time, why: &'static str) -> Self {
        Self { not_after: Some(not_after), late: why, ..self.clone() }
    }

    /// Closes it for good, and says why. The first reason stands. Whether something has passed it and may be on its way:
    /// where nothing has, nothing ever will.
    pub fn close(&self, why: String) -> bool {
        let passed = {
            let mut state = self.state();
            state.closed.get_or_insert(why);
            state.passed
        };
        self.withdrawn.cancel();
        passed
    }

    /// Right before something is sent: from here on it counts as on its way.
    ///
    /// # Errors
    /// Why it is closed: nothing may be sent.
    pub fn pass(&self, now: Time) -> Result<(), String> {
        let mut state = self.state();
        if let Some(why) = self.why(&state, now) {
            return Err(why);
        }
        state.passed = true;
        Ok(())
    }

    /// What has passed is known not to have been made: it is not on its way any more.
    pub fn came_back(&self) {
        self.state().passed = false;
    }

    /// Why it is closed; `None`: it is open.
    pub fn closed_because(&self, now: Time) -> Option<String> {
        self.why(&self.state(), now)
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

    fn why(&self, state: &State, now: Time) -> Option<String> {
        let late = self.not_after.is_some_and(|not_after| now > not_after);
        state.closed.clone().or_else(|| late.then(|| self.late.to_owned()))
    }

    /// Whoever panicked while holding it left it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_passes_or_is_stopped_and_never_both() {
        let gate = Gate::open();
        assert_eq!(gate.pass(Time::ZERO), Ok(()));
        assert!(gate.close("a person".to_owned()), "it is on its way");
        assert_eq!(gate.pass(Time::ZERO), Err("a person".to_owned()), "and is not sent again");
        gate.came_back();
        assert!(!gate.close("another".to_owned()));
        assert_eq!(gate.closed_because(Time::ZERO).as_deref(), Some("a person"));
        let late = Gate::open().until(Time::ZERO, "too late");
        assert_eq!(late.pass(Time::ZERO + std::time::Duration::from_millis(1)), Err("too late".to_owned()));
        assert!(!late.close(String::new()));
    }
}
