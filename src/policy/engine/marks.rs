//! Marks what has to be evaluated, reported or saved again.

use super::super::ids::{SlotId, TenantIx};
use super::super::reason::Reason;
use super::super::time::Time;
use super::Engine;

impl Engine {
    /// The channel is evaluated when what is known is complete.
    pub(super) fn touch(&mut self, i: SlotId) {
        if !std::mem::replace(&mut self.slots[i].touched, true) {
            self.touched.push_back(i);
        }
    }

    /// Touches every channel of a tenant that wants something.
    pub(super) fn touch_wanting(&mut self, t: TenantIx) {
        let wanting: Vec<SlotId> = self.tenants[t].wanting.iter().copied().collect();
        for i in wanting {
            self.touch(i);
        }
    }

    /// Touches every channel that wants something.
    pub(super) fn touch_all_wanting(&mut self) {
        for t in self.tenants.ids() {
            self.touch_wanting(t);
        }
    }

    /// Touches those whose traffic depends on the channel; unless `all`, only where they want something.
    pub(super) fn touch_users(&mut self, i: SlotId, all: bool) {
        for n in 0..self.slots[i].users.len() {
            let Some(&user) = self.slots[i].users.get(n) else { break };
            if all || self.slots[user].action.wish.is_some() {
                self.touch(user);
            }
        }
    }

    /// A look at the channel was taken in: touches it, and those whose traffic depends on it. Most looks `changed` nothing.
    pub(super) fn follow_up(&mut self, now: Time, i: SlotId, changed: bool) {
        if !changed && self.slots[i].quiet() {
            self.arm(now, i);
        } else {
            self.touch(i);
        }
        if changed || !self.tenants[self.slots[i].tenant].wanting.is_empty() {
            self.touch_users(i, changed);
        }
    }

    /// The channel, and those that want something and might take it as their target.
    pub(super) fn after_maintenance(&mut self, i: SlotId) {
        self.mark_users_changed(i);
        self.touch(i);
        self.touch_users(i, false);
    }

    pub(super) fn mark_changed(&mut self, i: SlotId) {
        let slot = &mut self.slots[i];
        if !std::mem::replace(&mut slot.changed, true) {
            self.changed.push(i);
        }
    }

    /// The channels that have it as a candidate show it too.
    pub(super) fn mark_users_changed(&mut self, i: SlotId) {
        for n in 0..self.slots[i].users.len() {
            let Some(&user) = self.slots[i].users.get(n) else { break };
            self.mark_changed(user);
        }
    }

    pub(super) fn mark_unsaved(&mut self, i: SlotId) {
        let slot = &mut self.slots[i];
        if !std::mem::replace(&mut slot.unsaved, true) {
            self.unsaved.push(i);
        }
    }

    pub(super) fn mark_tenant_unsaved(&mut self, t: TenantIx) {
        self.tenants[t].unsaved = true;
    }

    pub(super) fn set_reason(&mut self, i: SlotId, reason: Reason) {
        if self.slots[i].reason != reason {
            self.slots[i].reason = reason;
            self.mark_changed(i);
        }
    }
}
