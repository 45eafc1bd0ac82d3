//! Finds the tenant or the channel that a name means.

use super::super::command::Refusal;
use super::super::ids::{SlotId, TenantIx};
use super::super::key::{ChannelId, ChannelKey, TenantId};
use super::{Engine, Slot};

impl Engine {
    pub(super) fn find_tenant(&self, id: &TenantId) -> Result<TenantIx, Refusal> {
        let t = self.tenants.find(id).filter(|t| self.tenants[*t].live);
        t.ok_or_else(|| Refusal::UnknownTenant(id.clone()))
    }

    pub(super) fn find_channel(&self, key: &ChannelKey) -> Result<SlotId, Refusal> {
        let i = self.slots.find(key).filter(|i| self.slots[*i].configured);
        i.ok_or_else(|| Refusal::UnknownChannel(key.clone()))
    }

    /// The slot of another channel of the same tenant, by the index.
    pub(super) fn lookup(&self, slot: &Slot, id: &ChannelId) -> Option<SlotId> {
        self.slots.find(&ChannelKey { tenant: slot.key.tenant.clone(), channel: id.clone() })
    }

    /// The slot of another channel of the same tenant.
    pub(in crate::policy) fn sibling(&self, slot: &Slot, id: &ChannelId) -> Option<SlotId> {
        // Where traffic goes is always among the needs, which are few; the index would need a key built.
        slot.needs.iter().copied().find(|n| self.slots[*n].id() == id)
    }
}
