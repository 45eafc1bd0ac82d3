//! A person's approval of a proposal: for that action and that target, or that codec order, and for a quarter of an hour.
//!
//! Must never: let what was approved for one target move traffic to another, or put another codec order in place.

use super::super::command::{Command, EventType, Refusal};
use super::super::hold::{ByApproval, Hold, instead_of_approval};
use super::super::ids::SlotId;
use super::super::key::{ChannelId, ChannelKey};
use super::super::observation::{Codec, ranked};
use super::super::reason::Reason;
use super::super::time::Time;
use super::super::words::Actor;
use super::slot::Approved;
use super::{Engine, Slot, Want, channel_record, person};
use std::time::Duration;

/// An approval lapses after this time.
const APPROVED_FOR: Duration = Duration::from_mins(15);

impl Engine {
    pub(super) fn approve(
        &mut self,
        now: Time,
        key: &ChannelKey,
        who: &str,
        out: &mut Vec<Command>,
    ) -> Result<(), Refusal> {
        let i = self.find_channel(key)?;
        let slot = &mut self.slots[i];
        let wanted = slot.action.wish.as_ref().map(|wish| wish.want.name());
        let waits = slot.action.held.as_ref().is_some_and(|hold| hold.row().yields.approval == ByApproval::OfChannel);
        let Some(wanted) = wanted.filter(|_| waits) else {
            let lapsed = wanted.filter(|_| matches!(slot.action.held, Some(Hold::Lapsed { .. })));
            return Err(Refusal::NothingToDo(match lapsed {
                Some(wanted) => format!(
                    "the {wanted} proposed for {key} was not approved in time and lapsed; what helps now is {}",
                    instead_of_approval(wanted, key)
                ),
                None => format!("nothing on {key} waits for an approval"),
            }));
        };
        let to = slot.proposed_to();
        let order = slot.action.wish.as_ref().and_then(|wish| wish.want.order()).map(<[Codec]>::to_vec);
        let at = match (&to, &order) {
            (Some(to), _) if to != slot.id() => format!(" to {to}"),
            (_, Some(order)) => format!(" order {}", ranked(order).join(", ")),
            _ => String::new(),
        };
        slot.action.approved = Some(Approved { until: now + APPROVED_FOR, who: who.to_owned(), to, order });
        let reason = Reason::Ordered { order: format!("approved the {wanted}{at} proposed for {key}") };
        out.push(Command::Record(channel_record(key, EventType::OperatorOrdered, person(who), reason, (None, None))));
        self.touch(i);
        Ok(())
    }

    /// Traffic is about to go to `to`: an approval for another target is over, and that one is proposed anew.
    pub(super) fn end_other_approval(&mut self, now: Time, i: SlotId, to: &ChannelId, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        let other = slot.approved_at(now).is_some_and(|approved| approved.to.as_ref().is_some_and(|own| own != to));
        let Some(Approved { who, to: Some(was), .. }) = slot.action.approved.take_if(|_| other) else { return };
        let Some(wish) = &slot.action.wish else { return };
        let wanted = wish.want.name();
        let what = format!(
            "the approval of the {wanted} to {was} lapsed: {was} cannot take the traffic now, and {who} did not approve {to}"
        );
        slot.propose_anew(what, out);
    }

    /// Codecs are about to get this order: an approval of another one is over, and this one is proposed anew.
    pub(super) fn end_other_order(&mut self, now: Time, i: SlotId, order: &[Codec], out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        let other = slot.approved_at(now).is_some_and(|approved| approved.order.as_deref() != Some(order));
        let Some(Approved { who, order: Some(was), .. }) = slot.action.approved.take_if(|_| other) else { return };
        let (was, now) = (ranked(&was).join(", "), ranked(order).join(", "));
        let what = format!(
            "the approval of the codec order {was} lapsed: that order no longer helps, and {who} did not approve {now}"
        );
        slot.propose_anew(what, out);
    }
}

impl Slot {
    fn propose_anew(&mut self, lapsed: String, out: &mut Vec<Command>) {
        let Some(wish) = &mut self.action.wish else { return };
        wish.proposed = None;
        wish.recorded.remove(Hold::Propose.label());
        let reason = Reason::Lapsed { what: lapsed };
        out.push(Command::Record(channel_record(&self.key, EventType::Lapsed, Actor::System, reason, (None, None))));
    }

    /// Where traffic is to go by what is proposed; `None`: it is no move.
    fn proposed_to(&self) -> Option<ChannelId> {
        match (&self.action.wish.as_ref()?.want, &self.reason) {
            (Want::Failback | Want::Rollback(_), _) => Some(self.id().clone()),
            (Want::Failover(_) | Want::Cascade(..), Reason::Held { to, .. }) => to.clone(),
            _ => None,
        }
    }
}
