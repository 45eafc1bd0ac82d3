//! What is to be reported or saved anew.

use super::super::ids::{SlotId, TenantIx};
use super::super::reason::Reason;
use super::Engine;

impl Engine {
    pub(super) fn mark_changed(&mut self, i: SlotId) {
        let slot = &mut self.slots[i];
        if !std::mem::replace(&mut slot.changed, true) {
            self.changed.push(i);
        }
    }

    /// Those who have it as a candidate tell of it, too.
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
