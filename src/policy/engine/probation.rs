//! A route that was taken for quality, while it has to prove itself; and afterwards, if it failed and its traffic still has to
//! come back.
//!
//! Must never: act by itself, or judge a route by telemetry from before it showed.

use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::reason::Cause;
use super::super::score;
use super::super::time::Time;
use super::super::trial::{Probation, There, Timed};
use super::super::words::Health;
use super::Engine;

impl Engine {
    /// A route of ours shows: if it was taken for quality, its probation starts now.
    pub(super) fn begin_probation(&mut self, now: Time, i: SlotId, backup: &ChannelId, cause: Option<&Cause>) {
        let window = self.sibling(&self.slots[i], backup).map(|b| &self.slots[b].telemetry.window);
        let probation = Probation::of(backup, cause).map(|probation| {
            let policy = &self.slots[i].policy;
            Box::new(Timed::new(probation, now, Probation::lasts(&policy.failover, &policy.telemetry), window))
        });
        self.slots[i].route.probation = probation;
    }

    /// Notes that traffic has to come back, or no longer has to; and ends the probation of a route that traffic has left, or
    /// that has proved itself in its time.
    pub(super) fn note_probation(&mut self, now: Time, i: SlotId) {
        let slot = &self.slots[i];
        let Some(on) = &slot.route.probation else { return };
        let left = slot.route.expected.as_ref() != Some(&on.of.backup);
        let there = self.there(now, i, on);
        let found = match on.of.found {
            Some(_) if self.is_well_there(i, on, &there) => None,
            None if self.worse_there(now, i).is_some() => Some(there),
            found => found,
        };
        let over = left || (now >= on.until && found.is_none());
        if !over && found.is_some() == on.of.found.is_some() {
            return;
        }
        let slot = &mut self.slots[i];
        if over {
            slot.route.probation = None;
        } else if let Some(on) = &mut slot.route.probation {
            on.of.found = found;
        }
        self.mark_unsaved(i);
        self.mark_changed(i);
    }

    /// Why the traffic of a channel has to come back from where it was moved for quality. Where nothing new is known of a
    /// route that was found worse, what was known then counts on.
    pub(super) fn worse_there(&self, now: Time, i: SlotId) -> Option<Cause> {
        let slot = &self.slots[i];
        let on = slot.route.probation.as_ref()?;
        let home = slot.quality_now(now).filter(|_| slot.health() == Health::Up && slot.evidence.fresh)?;
        let there = self.there(now, i, on);
        let known = there.measured.is_some() || there.degraded;
        let there = on.of.found.filter(|_| !known).unwrap_or(there);
        on.of.failed(&slot.policy.failover, &there, home.score)
    }

    /// The score of the backup since traffic came to it; `None`: nobody is on probation there, or too little is measured.
    pub(super) fn measured_there(&self, now: Time, i: SlotId) -> Option<f64> {
        let slot = &self.slots[i];
        let on = slot.route.probation.as_ref()?;
        let backup = &self.slots[self.sibling(slot, &on.of.backup)?];
        let summary = on.measured(&backup.telemetry.window).filter(|_| backup.quality_now(now).is_some())?;
        let latency = self.tenants[backup.tenant].params.latency;
        Some(score::quality(&backup.policy.quality, latency, &summary, backup.codec_in_use()).score)
    }

    /// What is known of the route on probation.
    fn there(&self, now: Time, i: SlotId, on: &Timed<Probation>) -> There {
        let Some(b) = self.sibling(&self.slots[i], &on.of.backup) else { return There::default() };
        let backup = &self.slots[b];
        // Degraded for as long as being down takes.
        let health = &backup.policy.health;
        let degraded = backup.health() == Health::Degraded
            && backup.evidence.fresh
            && now.since(backup.evidence.machine.since()) >= health.interval * health.fall;
        let score = backup.quality_now(now).map(|quality| quality.score);
        There { measured: self.measured_there(now, i), score, degraded }
    }

    fn is_well_there(&self, i: SlotId, on: &Timed<Probation>, there: &There) -> bool {
        let slot = &self.slots[i];
        let backup = self.sibling(slot, &on.of.backup).map(|b| &self.slots[b]);
        let up = backup.is_some_and(|backup| backup.health() == Health::Up && backup.evidence.fresh);
        on.of.is_well(&slot.policy.failover, there, up)
    }
}
