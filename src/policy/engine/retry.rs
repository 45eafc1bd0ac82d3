//! Attempts that failed, and when the next one may be made: for each purpose on its own, so that what fails for one holds back
//! none for another. Must never: hold back a rescue for the sake of anything else.

use super::super::time::Time;

/// What an action is for. Attempts that failed for one purpose hold back none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Purpose {
    /// Traffic has to leave where it goes, home included as a target.
    Rescue,
    /// Traffic may come home.
    Failback,
    /// Another codec order.
    Codec,
}

/// Attempts that failed in a row, and when the next one may be made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::policy) struct Retry {
    pub failures: u32,
    pub at: Option<Time>,
}

/// One for each purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::policy) struct Retries {
    pub rescue: Retry,
    pub failback: Retry,
    pub codec: Retry,
}

impl Retries {
    pub(in crate::policy) const fn of(&self, purpose: Purpose) -> &Retry {
        match purpose {
            Purpose::Rescue => &self.rescue,
            Purpose::Failback => &self.failback,
            Purpose::Codec => &self.codec,
        }
    }

    pub(in crate::policy) const fn of_mut(&mut self, purpose: Purpose) -> &mut Retry {
        match purpose {
            Purpose::Rescue => &mut self.rescue,
            Purpose::Failback => &mut self.failback,
            Purpose::Codec => &mut self.codec,
        }
    }

    /// Whether any attempt has to wait at `now`.
    pub(in crate::policy) fn waiting(&self, now: Time) -> bool {
        [self.rescue, self.failback, self.codec].iter().any(|retry| retry.at.is_some_and(|at| at > now))
    }
}
