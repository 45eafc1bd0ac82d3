//! People's orders: acknowledge, and the dispatch to `approval`, `pause` and `ordered`. The same rules and the same audit as for
//! everything else.

use super::super::command::{Command, EventType, Order, Refusal};
use super::super::key::{ChannelKey, TenantId};
use super::super::reason::{Cause, Reason};
use super::super::time::Time;
use super::{Engine, channel_record, person, record};

impl Engine {
    pub(super) fn on_order(
        &mut self,
        now: Time,
        order: &Order,
        who: &str,
        out: &mut Vec<Command>,
    ) -> Result<(), Refusal> {
        match order {
            Order::Pause { tenant } => self.pause(now, tenant.as_ref(), None, who, out),
            Order::PauseFor { tenant, lasts } => self.pause(now, tenant.as_ref(), Some(*lasts), who, out),
            Order::Resume { tenant } => self.resume(tenant.as_ref(), who, out),
            Order::ApproveMass { tenant } => self.approve_mass(tenant, who, out),
            Order::Approve { channel } => self.approve(now, channel, who, out),
            Order::Acknowledge { channel } => self.acknowledge(now, channel, who, out),
            Order::Failover { channel, to, force } => self.order_move(now, channel, Some(to), *force, who, out),
            Order::StartMaintenance { channel, lasts, reason } => {
                self.start_maintenance(now, channel, *lasts, reason, who, out)
            }
            Order::EndMaintenance { channel } => self.end_maintenance(channel, who, out),
            Order::Failback { channel, force } => self.order_move(now, channel, None, *force, who, out),
        }
    }

    fn approve_mass(&mut self, id: &TenantId, who: &str, out: &mut Vec<Command>) -> Result<(), Refusal> {
        let t = self.find_tenant(id)?;
        let tenant = &mut self.tenants[t];
        if !tenant.mass.held() || std::mem::replace(&mut tenant.mass.approved, true) {
            return Err(Refusal::NothingToDo(format!("no mass change is held for tenant {id}")));
        }
        let order =
            format!("approved the mass change of tenant {id}: {} of {} channels", tenant.bad(), tenant.configured);
        let event = EventType::OperatorOrdered;
        out.push(Command::Record(record(event, Some(id.clone()), None, person(who), Reason::Ordered { order })));
        self.touch_wanting(t);
        Ok(())
    }

    fn acknowledge(&mut self, now: Time, key: &ChannelKey, who: &str, out: &mut Vec<Command>) -> Result<(), Refusal> {
        let entered = self.credentials_entered(key, who, out);
        let i = match self.find_channel(key) {
            // It left the file since its credentials were lost.
            Err(_) if entered => return Ok(()),
            found => found?,
        };
        let slot = &mut self.slots[i];
        let blocked = slot.action.blocked_until.take().is_some_and(|until| until > now);
        // Whoever releases the block has judged what led to it: the next move counts as the first.
        slot.action.hold_down.take_if(|_| blocked);
        let retrying = std::mem::take(&mut slot.action.retries).waiting(now);
        let ordered = slot.route.moved_for.take_if(|cause| matches!(cause, Cause::Ordered { .. })).is_some();
        // A route that was found worse is accepted as it is.
        let accepted = slot.route.probation.take_if(|on| on.of.found.is_some()).is_some();
        let foreign = std::mem::take(&mut slot.route.foreign) | ordered | accepted;
        // Likewise what made its codecs wait, and the orders that were measured worse.
        let cooling = slot.codec.until.take().is_some_and(|until| until > now);
        let refuted = std::mem::take(&mut slot.codec.refuted).at(now).next().is_some();
        let codecs = cooling || refuted;
        let took = match (foreign, blocked || retrying, codecs) {
            (true, _, true) => "accepted the route and released the codecs",
            (true, _, false) => "accepted the route",
            (false, true, true) => "released the block and the codecs",
            (false, true, false) => "released the block",
            (false, false, true) => "released the codecs",
            (false, false, false) if entered => return Ok(()),
            (false, false, false) => {
                let why = format!(
                    "nothing to acknowledge: {key} has no block and no cooldown, and nobody else set its route"
                );
                return Err(Refusal::NothingToDo(why));
            }
        };
        let reason = Reason::Ordered { order: format!("{took} of {key}") };
        out.push(Command::Record(channel_record(key, EventType::OperatorOrdered, person(who), reason, (None, None))));
        self.mark_unsaved(i);
        self.touch(i);
        Ok(())
    }
}
