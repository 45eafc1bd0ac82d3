//! Tells the engine when the calendar's windows open and close, and records that like every other fact.

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
