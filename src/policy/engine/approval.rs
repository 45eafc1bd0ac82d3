//! A person's approval of what was proposed: of that thing and for that target, for a quarter of an hour.
//!
//! Must never: let what was approved for one target move traffic to another.

use super::super::command::{Actor, Command, EventType, Refusal};
use super::super::guard::Hold;
use super::super::key::{ChannelId, ChannelKey};
use super::super::reason::Reason;
use super::super::time::Time;
use super::order::person;
use super::slot::Approved;
use super::{Engine, Slot, Want, channel_record};
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
        let wanted = slot.wish.as_ref().map(|wish| wish.want.name());
        let (
            Some(wanted),
            Some(
                Hold::Propose
                | Hold::FailbackManual
                | Hold::FailbackWindow
                | Hold::FailbackMargin { .. }
                | Hold::ForeignRoute
                | Hold::OrderedRoute,
            ),
        ) = (wanted, &slot.held)
        else {
            return Err(Refusal::NothingToDo(format!("nothing that could be approved is proposed for {key}")));
        };
        let to = slot.proposed_to();
        let at = to.as_ref().filter(|to| *to != slot.id()).map_or_else(String::new, |to| format!(" to {to}"));
        slot.approved = Some(Approved { until: now + APPROVED_FOR, who: who.to_owned(), to });
        let reason = Reason::Ordered { order: format!("approved the {wanted}{at} proposed for {key}") };
        out.push(Command::Record(channel_record(key, EventType::OperatorOrdered, person(who), reason, (None, None))));
        self.evaluate(now, i, out);
        Ok(())
    }

    /// Traffic is about to go to `to`: an approval for another target is over, and that one is proposed anew.
    pub(super) fn end_other_approval(&mut self, now: Time, i: usize, to: &ChannelId, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        let other = slot.approved_at(now).is_some_and(|approved| approved.to.as_ref().is_some_and(|own| own != to));
        let Some(Approved { who, to: Some(was), .. }) = slot.approved.take_if(|_| other) else { return };
        let Some(wish) = &mut slot.wish else { return };
        wish.proposed = None;
        wish.told &= !Hold::Propose.bit();
        let wanted = wish.want.name();
        let what = format!(
            "the approval of the {wanted} to {was} lapsed: {was} cannot take the traffic now, and {who} did not approve {to}"
        );
        let reason = Reason::Lapsed { what };
        out.push(Command::Record(channel_record(&slot.key, EventType::Lapsed, Actor::System, reason, (None, None))));
    }
}

impl Slot {
    /// Where traffic is to go by what is proposed; `None`: it is no move.
    fn proposed_to(&self) -> Option<ChannelId> {
        match (&self.wish.as_ref()?.want, &self.reason) {
            (Want::Failback | Want::Rollback(_), _) => Some(self.id().clone()),
            (Want::Failover(_) | Want::Cascade(..), Reason::Held { to, .. }) => to.clone(),
            _ => None,
        }
    }
}
