//! What may be done for a channel that works, first choice first: remedies for bad sound at home, ways home when its traffic is away.
//! A choice that nobody approved, or that is closed to the channel, makes room for the next one; a proposal that lapsed is not made
//! again as long as the same is wanted.
//!
//! Must never: say whether an action may be made, or want anything for a channel that failed.

use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::reason::{Cause, Reason};
use super::super::time::Time;
use super::super::words::Health;
use super::guards::{carries_others, codecs_ended};
use super::want::Purpose;
use super::{Engine, Slot, Want, Wish};

impl Engine {
    /// What would help a channel that sounds bad at home, up to the first that was not proposed in vain; and why nothing more.
    pub(super) fn remedies(&self, now: Time, i: SlotId) -> (Vec<Want>, Reason) {
        let slot = &self.slots[i];
        let well = slot.health() == Health::Up && !slot.last_bad();
        let mut wants = Vec::new();
        if let Some(undo) = slot.undo(now).filter(|_| well)
            && self.opens(slot, &mut wants, undo)
        {
            return (wants, self.quiet_reason(i));
        }
        let Some(quality) = slot.quality_now(now) else { return (wants, self.quiet_reason(i)) };
        if let Some(cause) = self.bad_quality(now, i, quality).filter(|_| slot.policy.failover.enabled) {
            // The cheaper remedy comes first, and two remedies are never measured at once.
            if let Some(hold) = slot.not_yet() {
                return (wants, Reason::CodecKept { score: quality.score, hold });
            }
            if self.opens(slot, &mut wants, Want::Failover(cause)) {
                return (wants, self.quiet_reason(i));
            }
        }
        if well && slot.policy.codec.enabled {
            match self.wanted_codec(now, i, quality.score) {
                Ok(want) => drop(self.opens(slot, &mut wants, want)),
                Err(reason) => return (wants, reason),
            }
        }
        (wants, self.quiet_reason(i))
    }

    /// The same for taking traffic home from a backup that works.
    pub(super) fn ways_home(&self, now: Time, i: SlotId, route: &ChannelId) -> (Vec<Want>, Reason) {
        let slot = &self.slots[i];
        let rules = &slot.policy.failover;
        let mut wants = Vec::new();
        if let Some(cause) = self.worse_there(now, i).filter(|_| rules.enabled)
            && self.opens(slot, &mut wants, Want::Rollback(cause))
        {
            return (wants, Reason::AwayUnmeasured { at: route.clone() });
        }
        let good_for = slot.action.good_since.map(|since| now.since(since));
        if good_for.is_none_or(|good_for| good_for < rules.failback_after) {
            let (home, failback_after) = (slot.health(), rules.failback_after);
            return (wants, Reason::Away { at: route.clone(), home, good_for, failback_after });
        }
        if slot.route.moved_for.as_ref().is_some_and(Cause::is_quality) && slot.quality_now(now).is_none() {
            return (wants, Reason::AwayUnmeasured { at: route.clone() });
        }
        if rules.enabled {
            wants.push(Want::Failback);
        }
        (wants, Reason::FailoverOff)
    }

    /// Forgets lapsed proposals that are no longer wanted.
    pub(super) fn forget_lapsed(&mut self, now: Time, i: SlotId, want: &Want) {
        let slot = &self.slots[i];
        if slot.action.lapsed.is_empty() {
            return;
        }
        let wanted = match &slot.route.read {
            _ if !want.is_choice() => Vec::new(),
            Some(route) if slot.away() => self.ways_home(now, i, route).0,
            _ => self.remedies(now, i).0,
        };
        self.slots[i].action.lapsed.retain(|lapsed| wanted.iter().any(|want| want.same_episode(&lapsed.want)));
    }
}

impl Engine {
    /// Adds a choice. Whether it is open: it may be made, and neither it nor, for the codecs, another order was proposed in vain.
    fn opens(&self, slot: &Slot, wants: &mut Vec<Want>, want: Want) -> bool {
        let open = self.is_open(slot, &want);
        wants.push(want);
        open
    }

    fn is_open(&self, slot: &Slot, want: &Want) -> bool {
        // Another remedy may do while it may not leave, or no codecs are changed.
        let closed = match want {
            Want::Failover(cause) => carries_others(slot, cause).is_some(),
            Want::Codec(_) => codecs_ended(&self.tenants[slot.tenant]).is_some(),
            Want::Cascade(..) | Want::Failback | Want::Rollback(_) => false,
        };
        let codec = |want: &Want| want.purpose() == Purpose::Codec;
        let taken = |lapsed: &Wish| lapsed.want.same_episode(want) || (codec(&lapsed.want) && codec(want));
        !closed && !slot.action.lapsed.iter().any(taken)
    }

    /// The first choice that is open, else the first.
    pub(super) fn choose(&self, slot: &Slot, mut wants: Vec<Want>) -> Option<Want> {
        let n = wants.iter().position(|want| self.is_open(slot, want)).unwrap_or(0);
        (n < wants.len()).then(|| wants.swap_remove(n))
    }
}
