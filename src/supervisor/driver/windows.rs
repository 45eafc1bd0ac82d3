//! Tells the engine, and the journal, what the calendar opens and closes. Must never: decide what follows from it.

use super::super::fact::{Fact, Place};
use super::Driver;
use crate::policy::Time;

impl Driver {
    /// What the calendar opened or closed since the last round.
    pub(super) fn open_windows(&mut self, now: Time) {
        for (policy, windows) in self.calendar.round(self.clock.wall()) {
            self.engine.set_windows(now, &policy, windows, &mut self.commands);
            self.ledger.fact(now, Place::Process, &Fact::Windows { policy, windows });
        }
    }
}
