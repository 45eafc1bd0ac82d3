//! What is recorded and shown of an action that is held back, and what it takes up again where it left off.
//!
//! Must never: say whether it is held back.

use super::super::command::{Command, EventType};
use super::super::hold::Hold;
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::observation::ranked;
use super::super::reason::Reason;
use super::super::time::Time;
use super::super::words::Actor;
use super::{Engine, Want, Wish, channel_record};

impl Engine {
    /// An action is wanted but held: recorded once for each episode and hold.
    pub(super) fn hold(&mut self, now: Time, i: SlotId, hold: Hold, to: Option<ChannelId>, out: &mut Vec<Command>) {
        self.line_up(now, i, &hold);
        let slot = &mut self.slots[i];
        let Some(wish) = &mut slot.action.wish else { return };
        let to = to.or_else(|| match &slot.reason {
            Reason::Held { to, hold: before, .. }
                if before.label() == hold.label() || matches!(hold, Hold::Lapsed { .. }) =>
            {
                to.clone()
            }
            _ => None,
        });
        // What was decided and waits for a person is named, so that he knows what he approves.
        let decided = matches!(hold, Hold::Propose | Hold::Lapsed { .. } | Hold::Observe);
        let order = wish.want.order().filter(|_| decided);
        let order = order.map(|order| ranked(order).into_iter().map(str::to_owned).collect());
        let reason = Reason::Held { wanted: wish.want.name().to_owned(), to, order, hold: hold.clone() };
        if hold == Hold::Propose {
            wish.proposed.get_or_insert(now);
        }
        if wish.recorded.insert(hold.label()) {
            let event = match wish.want {
                _ if matches!(hold, Hold::Lapsed { .. }) => EventType::Lapsed,
                Want::Failover(_) | Want::Cascade(..) => EventType::FailoverHeld,
                Want::Failback | Want::Rollback(_) => EventType::FailbackHeld,
                Want::Codec(_) => EventType::CodecHeld,
            };
            let record = channel_record(&slot.key, event, Actor::Engine, reason.clone(), (None, None));
            out.push(Command::Record(record));
        }
        if matches!(hold, Hold::Lapsed { .. })
            && wish.want.is_choice()
            && !slot.action.lapsed.iter().any(|lapsed| lapsed.want.same_episode(&wish.want))
        {
            slot.action.lapsed.push(wish.clone());
        }
        slot.action.held = Some(hold);
        self.set_reason(i, reason);
    }

    /// What was held is free: last looks count from now on.
    pub(super) fn unhold(&mut self, now: Time, i: SlotId, mut wish: Wish) -> Wish {
        if self.slots[i].action.held.take().is_some() {
            wish.since = now;
            wish.seq = self.seq;
            wish.asked = None;
            self.slots[i].action.wish = Some(wish.clone());
            self.mark_changed(i);
        }
        wish
    }
}
