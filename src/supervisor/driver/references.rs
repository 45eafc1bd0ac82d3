//! Hands the engine what each round of reference targets found.

use super::Driver;
use crate::policy::Time;
use crate::snapshot::ReferenceReading;
use crate::supervisor::fact::{Fact, Place};

impl Driver {
    /// Tells the engine what a round found; written down where it said anything new.
    pub(super) fn references(&mut self, now: Time, readings: Vec<ReferenceReading>) {
        let count = |all: &mut dyn Iterator<Item = &ReferenceReading>| u32::try_from(all.count()).unwrap_or(u32::MAX);
        let answered = count(&mut readings.iter().filter(|r| r.up));
        let of = count(&mut readings.iter().filter(|r| r.known));
        self.publisher.references(readings);
        if self.engine.set_references(now, answered, of, &mut self.commands) {
            self.ledger.fact(now, Place::Process, &Fact::References { answered, of });
        }
    }
}
