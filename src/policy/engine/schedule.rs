//! When channels are looked at, and when they are evaluated next.

use super::super::command::{Cadence, Command};
use super::super::hold::Hold;
use super::super::ids::SlotId;
use super::super::time::Time;
use super::super::words::Health;
use super::{Engine, Want, Wish};
use std::cmp::Reverse;
use std::time::Duration;

impl Engine {
    fn suspect(&self, i: SlotId) -> bool {
        let slot = &self.slots[i];
        let bad = slot.configured && slot.last_bad() && slot.evidence.fresh && slot.health() != Health::Down;
        let stranded = matches!(&slot.action.wish, Some(Wish { want: Want::Failover(_) | Want::Cascade(..), .. }));
        // A channel without any candidate is not helped by looking at it more often.
        let hopeless = slot.action.no_candidate && slot.candidates.is_empty();
        // A backup that the platform no longer has: until that has been said often enough to move its users' traffic.
        let vanishing =
            slot.evidence.missing && slot.route.carries > 0 && slot.evidence.missing_looks < slot.policy.health.fall;
        bad || vanishing
            || (stranded && slot.action.held.is_none() && !hopeless)
            || (slot.action.unsure.is_some() && !slot.evidence.missing)
    }

    pub(super) fn refresh_suspect(&mut self, i: SlotId, out: &mut Vec<Command>) {
        let suspect = self.suspect(i);
        if self.slots[i].suspect == suspect {
            return;
        }
        self.slots[i].suspect = suspect;
        self.refresh_cadence(i, out);
        for n in 0..self.slots[i].needs.len() {
            let Some(&c) = self.slots[i].needs.get(n) else { break };
            self.refresh_cadence(c, out);
        }
    }

    /// Orders another cadence where another one is due.
    pub(super) fn refresh_cadence(&mut self, i: SlotId, out: &mut Vec<Command>) {
        let slot = &self.slots[i];
        if !self.started || !slot.live {
            return;
        }
        let health = &slot.policy.health;
        let users = slot.users.iter().map(|user| &self.slots[*user]).filter(|user| user.suspect);
        let fast = users.map(|user| user.policy.health.fast_interval).min();
        let fast = if slot.suspect { Some(fast.unwrap_or(Duration::MAX).min(health.fast_interval)) } else { fast };
        let interval = fast.unwrap_or(health.interval).min(health.interval);
        let telemetry = slot.policy.telemetry;
        let cadence = Cadence { interval, timeout: health.timeout, suspect: fast.is_some(), telemetry };
        if slot.cadence != Some(cadence) {
            out.push(Command::Watch { channel: slot.key.clone(), cadence });
            self.slots[i].cadence = Some(cadence);
        }
    }

    /// The next moment at which time alone changes something for the channel.
    fn due(&self, now: Time, i: SlotId) -> Option<Time> {
        let slot = &self.slots[i];
        let policy = &slot.policy;
        let stale = slot
            .evidence
            .at
            .filter(|_| slot.evidence.fresh || slot.evidence.missing)
            .map(|at| at + slot.status_limit());
        if slot.quiet() {
            return stale.filter(|at| *at > now);
        }
        let wish = slot.action.wish.as_ref();
        let looked = wish.and_then(|wish| wish.looked).map(|at| at + slot.look_again_after());
        let patience = wish.and_then(|wish| wish.asked).map(|at| at + policy.health.timeout);
        let home = slot.action.good_since.filter(|_| slot.away()).map(|at| at + policy.failover.failback_after);
        let low = slot.telemetry.low_since.map(|at| at + policy.failover.quality_for);
        let degraded = slot.telemetry.degraded_since.map(|at| at + policy.failover.quality_for);
        let trial = slot.pending_trial().map(|trial| trial.until);
        let probation = slot.route.probation.as_ref().map(|probation| probation.until);
        let fine =
            slot.telemetry.fine_since.filter(|_| slot.codec.first.is_some()).map(|at| at + policy.codec.restore_after);
        let hour = match slot.action.held {
            Some(Hold::MaxPerHour { .. }) => self.tenants[slot.tenant].next_within_hour(),
            _ => None,
        };
        let unsure = slot.action.unsure.as_ref().map(|unsure| unsure.until);
        let ordered = slot.action.ordered.as_ref().map(|ordered| ordered.until);
        let maintenance = slot.action.maintenance.as_ref().map(|(until, _)| *until);
        let released = slot.action.flight.as_ref().and_then(|flight| flight.release_at());
        let doubt = slot.route.doubts.look_at();
        let own =
            [released, doubt, stale, looked, patience, home, hour, unsure, ordered, maintenance, slot.proposal_until()];
        let quality = [low, degraded, fine, trial, probation];
        let retry = wish.and_then(|wish| slot.action.retries.of(wish.want.purpose()).at);
        let blocks = [slot.action.blocked_until, retry, slot.codec.until].into_iter().filter(|_| wish.is_some());
        own.into_iter().chain(quality).chain(blocks).flatten().filter(|at| *at > now).min()
    }

    /// Sees to it that the channel is evaluated when it is due. A later deadline than the one set waits for that one.
    pub(super) fn arm(&mut self, now: Time, i: SlotId) {
        let Some(due) = self.due(now, i) else { return };
        if self.slots[i].armed.is_some_and(|armed| armed <= due) {
            return;
        }
        self.slots[i].armed = Some(due);
        self.deadlines.push(Reverse((due, i)));
        if self.deadlines.len() > 4 * self.slots.len() + 64 {
            let slots = &self.slots;
            self.deadlines.retain(|Reverse((at, i))| slots[*i].live && slots[*i].armed == Some(*at));
        }
    }
}
