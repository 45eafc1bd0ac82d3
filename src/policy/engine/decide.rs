//! What is wanted for a channel, and why nothing is.

use super::super::channel::Event;
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::reason::{Cause, Reason};
use super::super::time::Time;
use super::super::words::Health;
use super::evidence::Finding;
use super::{Engine, Want};

impl Engine {
    /// Since when home has been up and good, for a channel whose traffic is elsewhere.
    pub(super) fn note_home_good(&mut self, now: Time, i: SlotId) {
        let t = self.slots[i].tenant;
        let (blind, seen) = (self.is_blind(t), self.tenants[t].seen_since);
        let slot = &mut self.slots[i];
        let blind = blind || slot.evidence.at < seen;
        let below = slot.quality_now(now).is_some() && slot.telemetry.fine_since.is_none();
        let bad_score = below || slot.telemetry.low_since.is_some() || slot.telemetry.degraded_since.is_some();
        let good = slot.health() == Health::Up
            && slot.evidence.fresh
            && slot.evidence.verdict == Some(Event::Good)
            && !bad_score
            && !blind;
        slot.action.good_since = if good { slot.action.good_since.or(Some(now)) } else { None };
        slot.forget_stale_telemetry(now);
    }

    /// What is wanted now, or why nothing is.
    pub(super) fn wanted(&self, now: Time, i: SlotId) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        if let Some(flight) = &slot.action.flight {
            return Err(Reason::InFlight { kind: flight.action.kind.name().to_owned() });
        }
        if let Some(unsure) = &slot.action.unsure {
            return Err(Reason::Unsure { kind: unsure.kept.kind.name().to_owned() });
        }
        if slot.gone() {
            return Err(self.quiet_reason(i));
        }
        if slot.route.read.is_none() {
            let failed = slot.finding() == Finding::Failed && slot.route.unread;
            return Err(if failed { Reason::RouteUnread } else { self.quiet_reason(i) });
        }
        if let Some(ordered) = &slot.action.ordered {
            return Ok(ordered.want());
        }
        match &slot.route.read {
            Some(route) if slot.away() => self.wanted_away(now, i, route),
            _ => self.wanted_home(now, i),
        }
    }

    fn wanted_home(&self, now: Time, i: SlotId) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        if slot.finding() == Finding::Failed {
            if !slot.policy.failover.enabled {
                return Err(Reason::FailoverOff);
            }
            let status = slot.evidence.status.clone().unwrap_or_default();
            return Ok(Want::Failover(Cause::Down { looks: slot.evidence.machine.bads(), status }));
        }
        if slot.finding() != Finding::Works {
            return Err(self.quiet_reason(i));
        }
        let (wants, reason) = self.remedies(now, i);
        self.choose(slot, wants).ok_or(reason)
    }

    fn wanted_away(&self, now: Time, i: SlotId, route: &ChannelId) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        if let Some(b) = self.sibling(slot, route).filter(|_| slot.policy.failover.enabled) {
            let backup = &self.slots[b];
            // One such answer may be a mistake on the way: it counts against a target, and moves nothing. And what somebody
            // else set, and never was a channel that could be seen, is that person's affair.
            let was_there = slot.route.ours || backup.evidence.status.is_some();
            let gone = backup.evidence.missing && backup.evidence.missing_looks >= backup.policy.health.fall;
            if gone && was_there {
                return Ok(Want::Cascade(b, Cause::BackupMissing { backup: route.clone() }));
            }
            if backup.health() == Health::Down && backup.last_bad() {
                return Ok(Want::Cascade(b, Cause::BackupDown { backup: route.clone() }));
            }
        }
        let (wants, reason) = self.ways_home(now, i, route);
        self.choose(slot, wants).ok_or(reason)
    }
}
