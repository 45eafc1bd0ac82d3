//! A person's order to move traffic: the same rules and the same last looks as for the engine's own decisions.
//!
//! An order that the rules forbid is refused at once, with the reason. One that is taken and cannot be confirmed lapses:
//! traffic never moves long after anyone expected it to. `force` passes over blocks and limits, and never over fitness,
//! doubt about the evidence (blindness, a mass change), a pause, the journal or the mode.

use super::super::command::{Command, EventType, Refusal};
use super::super::hold::{ByOrder, Hold};
use super::super::ids::SlotId;
use super::super::key::{ChannelId, ChannelKey};
use super::super::params::Mode;
use super::super::reason::{Cause, Change, Reason};
use super::super::time::Time;
use super::super::words::{Actor, Health};
use super::failover::home_against;
use super::slot::Ordered;
use super::{Engine, Slot, Want, channel_record, person};
use std::time::Duration;

/// An order that was not carried out within this time lapses, or twice a look's timeout where that is longer.
const ORDERED_FOR: Duration = Duration::from_mins(1);

impl Ordered {
    pub(super) fn want(&self) -> Want {
        match self.to {
            Some(_) => Want::Failover(Cause::Ordered { who: self.who.clone(), force: self.force }),
            None => Want::Failback,
        }
    }

    fn words(&self, key: &ChannelKey) -> String {
        match &self.to {
            Some(to) => format!("failover of {key} to {to}"),
            None => format!("failback of {key}"),
        }
    }
}

impl Engine {
    pub(super) fn order_move(
        &mut self,
        now: Time,
        key: &ChannelKey,
        to: Option<&ChannelId>,
        force: bool,
        who: &str,
        out: &mut Vec<Command>,
    ) -> Result<(), Refusal> {
        let i = self.find_channel(key)?;
        let slot = &self.slots[i];
        applies(slot, to)?;
        if let Some(to) = to.filter(|to| self.lookup(slot, to).is_none()) {
            return Err(Refusal::UnknownChannel(ChannelKey { tenant: key.tenant.clone(), channel: to.clone() }));
        }
        let until = now + ORDERED_FOR.max(slot.policy.health.timeout * 2);
        let ordered = Ordered { to: to.cloned(), force, who: who.to_owned(), until, taken_over: false };
        let words = ordered.words(key);
        let before = self.slots[i].action.ordered.replace(ordered);
        if let Err(why) = self.order_allowed(now, i) {
            self.slots[i].action.ordered = before;
            return Err(Refusal::Forbidden(format!("the {words} is refused: {why}")));
        }
        // What was wanted so far had its own last looks: those of the order begin now.
        self.unwish(i);
        self.refresh_needs(now, i, out);
        self.mark_unsaved(i);
        let order = format!("ordered the {words}{}", if force { ", past blocks and limits" } else { "" });
        let (event, reason) = (EventType::OperatorOrdered, Reason::Ordered { order });
        out.push(Command::Record(channel_record(key, event, person(who), reason, (None, None))));
        self.touch(i);
        Ok(())
    }

    /// Ends an order that can no longer be carried out, or not in time.
    pub(super) fn lapse_order(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let slot = &self.slots[i];
        let Some(ordered) = &slot.action.ordered else { return };
        if ordered.taken_over && now < ordered.until && self.is_unseen(slot, ordered) {
            return;
        }
        let waited = slot.action.wish.as_ref().and_then(|wish| wish.asked);
        let unanswered =
            waited.is_some_and(|at| now.since(at) >= slot.policy.health.timeout)
                && ordered.to.as_ref().and_then(|to| self.sibling(slot, to)).is_some_and(|c| {
                    slot.action.wish.as_ref().is_some_and(|wish| !self.confirms_good(now, slot, wish, c))
                });
        let why = match applies(slot, ordered.to.as_ref()) {
            Err(refused) => refused.to_string(),
            Ok(()) => match self.order_fit(now, i) {
                Some(why) => why,
                None if unanswered => "its target did not answer a last look as good".to_owned(),
                None if now >= ordered.until => slot.reason.to_string(),
                None => return,
            },
        };
        let (key, words) = (slot.key.clone(), ordered.words(&slot.key));
        self.slots[i].action.ordered = None;
        self.mark_unsaved(i);
        let reason = Reason::Lapsed { what: format!("the ordered {words} lapsed: {why}") };
        out.push(Command::Record(channel_record(&key, EventType::Lapsed, Actor::System, reason, (None, None))));
        self.refresh_needs(now, i, out);
    }

    /// Whether too little is known yet, after a start, to say anything of the order.
    fn is_unseen(&self, slot: &Slot, ordered: &Ordered) -> bool {
        let to = ordered.to.as_ref().map_or(Some(slot), |to| self.lookup(slot, to).map(|c| &self.slots[c]));
        let known = |slot: &Slot| slot.health() != Health::Unknown || slot.evidence.missing;
        slot.route.read.is_none() || to.is_some_and(|to| !known(to))
    }

    /// Whether what was ordered may be done now, last looks left aside.
    fn order_allowed(&self, now: Time, i: SlotId) -> Result<(), String> {
        let slot = &self.slots[i];
        let Some(ordered) = &slot.action.ordered else { return Ok(()) };
        if let Some(why) = self.order_fit(now, i) {
            return Err(why);
        }
        if self.mode(slot) == Mode::Observe {
            return Err(Hold::Observe.to_string());
        }
        let target = ordered.to.as_ref().and_then(|to| self.lookup(slot, to));
        let want = ordered.want();
        let allowed = self.guards(now, i, &want).and_then(|()| self.may_be_done(now, i, &want, target));
        allowed.map_err(|hold| match hold.row().yields.order {
            ByOrder::Forced => format!("{hold}; `--force` passes over that"),
            ByOrder::Never | ByOrder::Always => hold.to_string(),
        })
    }

    /// What speaks against the target of the order: never passed over.
    fn order_fit(&self, now: Time, i: SlotId) -> Option<String> {
        let slot = &self.slots[i];
        match &slot.action.ordered.as_ref()?.to {
            Some(_) if slot.route.carries > 0 => {
                let others = slot.route.carries;
                let channels = if others == 1 { "channel" } else { "channels" };
                Some(format!("{} carries {others} other {channels}", slot.id()))
            }
            None => home_against(slot).map(|why| format!("{} {why}", slot.id())),
            Some(to) => match self.lookup(slot, to) {
                None => Some(format!("{to} is no longer watched")),
                Some(c) => self.against(now, i, c, None).map(|why| format!("{to} {why}")),
            },
        }
    }
}

/// Whether there is anything that an order could change about the channel's route.
fn applies(slot: &Slot, to: Option<&ChannelId>) -> Result<(), Refusal> {
    let key = &slot.key;
    let nothing = |why: String| Err(Refusal::NothingToDo(why));
    if let Some(kind) = slot.pending() {
        return nothing(format!("a {} of {key} is under way, or its outcome is not known yet", Change(kind)));
    }
    let Some(route) = slot.route.read.as_ref().filter(|_| !slot.evidence.missing) else {
        return nothing(format!("the route of {key} is not known, so it cannot be changed"));
    };
    match to {
        Some(to) if to == slot.id() => nothing(format!("{key} cannot be its own backup: a failback takes it home")),
        Some(to) if to == route => nothing(format!("the traffic of {key} already goes to {to}")),
        None if !slot.away() => nothing(format!("the traffic of {key} is already at home")),
        _ => Ok(()),
    }
}
