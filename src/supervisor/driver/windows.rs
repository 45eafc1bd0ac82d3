//! The calendar's windows, told to the engine as they open and close, and written down like all that it is told.

use super::{Driver, Fact, Place};
use crate::policy::Time;

impl Driver {
    /// What the calendar opened or closed since the last round.
    pub(super) fn open_windows(&mut self, now: Time) {
        for (policy, windows) in self.calendar.round(self.clock.wall()) {
            self.ledger.fact(now, Place::Process, &Fact::Windows { policy: policy.clone(), windows });
            self.engine.set_windows(now, &policy, windows, &mut self.commands);
        }
    }
}
