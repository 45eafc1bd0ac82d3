//! After each event: what changed goes into the snapshot, and into the journal where a reason became another one.

use super::Driver;

impl Driver {
    pub(super) fn publish(&mut self) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let changed = self.engine.take_changed();
        for channel in &changed {
            if let Some(reason) = self.reasons.note(wall, channel, &self.engine) {
                self.ledger.reason(now, channel, reason);
            }
        }
        self.publisher.changed(changed);
        let unresolved = self.orphans.values();
        self.publisher.publish(now, wall, (&self.engine, &self.reasons), &self.platforms, unresolved);
        let journal = self.ledger.counters();
        self.counters.journal_entries(journal.entries_total);
        self.counters.observations_dropped(journal.observations_dropped_total);
        self.counters.journal_set_aside(journal.set_aside_total);
        self.publisher.unaccepted(journal.unaccepted, || self.ledger.trust());
        self.counters.checkpoint(journal.checkpoint_size, journal.checkpoint_at);
    }
}
