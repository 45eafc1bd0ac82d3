//! The tables of channels and of tenants, by index.
//!
//! Must never: be walked in another order than that of the indexes, so that the same inputs give the same commands.

use super::super::ids::{SlotId, TenantIx};
use super::super::key::{ChannelKey, TenantId};
use super::super::params::TenantParams;
use super::super::tenant::Tenant;
use super::slot::Slot;
use std::collections::{BTreeMap, HashMap};
use std::ops::{Index, IndexMut};

/// Every channel that is watched.
#[derive(Debug, Default)]
pub(in crate::policy) struct Slots {
    all: Vec<Slot>,
    index: HashMap<ChannelKey, SlotId>,
    free: Vec<SlotId>,
}

impl Slots {
    /// Makes room for `channels` in all. Slots are large: growing by doubling would leave up to half of their room unused.
    pub(super) fn reserve(&mut self, channels: usize) {
        self.all.reserve_exact(channels.saturating_sub(self.all.len()));
    }

    /// Places, those that are free included.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Every place, those that are free included.
    pub(super) fn ids(&self) -> impl Iterator<Item = SlotId> + use<> {
        (0..self.all.len()).map(SlotId::at)
    }

    /// Every channel that is watched, with its place.
    pub(super) fn live(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        self.all.iter().enumerate().filter(|(_, slot)| slot.live).map(|(i, slot)| (SlotId::at(i), slot))
    }

    /// Every place, a free one too, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.all.iter_mut()
    }

    /// The place of a channel.
    pub(super) fn find(&self, key: &ChannelKey) -> Option<SlotId> {
        self.index.get(key).copied()
    }

    /// Gives a channel a place.
    pub(super) fn add(&mut self, slot: Slot) -> SlotId {
        let key = slot.key.clone();
        let i = if let Some(i) = self.free.pop() {
            self[i] = slot;
            i
        } else {
            self.all.push(slot);
            SlotId::at(self.all.len() - 1)
        };
        self.index.insert(key, i);
        i
    }

    /// Frees the place of a channel, which is no longer found.
    pub(super) fn free(&mut self, i: SlotId) {
        self.index.remove(&self.all[i.index()].key);
        self.free.push(i);
    }
}

impl Index<SlotId> for Slots {
    type Output = Slot;

    fn index(&self, i: SlotId) -> &Slot {
        &self.all[i.index()]
    }
}

impl IndexMut<SlotId> for Slots {
    fn index_mut(&mut self, i: SlotId) -> &mut Slot {
        &mut self.all[i.index()]
    }
}

/// Every tenant that was ever named.
#[derive(Debug, Default)]
pub(in crate::policy) struct Tenants {
    all: Vec<Tenant>,
    index: BTreeMap<TenantId, TenantIx>,
}

impl Tenants {
    /// Every place.
    pub(super) fn ids(&self) -> impl Iterator<Item = TenantIx> + use<> {
        (0..self.all.len()).map(TenantIx::at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Tenant> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tenant> {
        self.all.iter_mut()
    }

    /// The place of a tenant.
    pub(super) fn find(&self, id: &TenantId) -> Option<TenantIx> {
        self.index.get(id).copied()
    }

    /// The place of a tenant that there is from now on.
    pub(super) fn ensure(&mut self, id: &TenantId) -> TenantIx {
        if let Some(t) = self.find(id) {
            self[t].live = true;
            return t;
        }
        self.all.push(Tenant::new(id.clone(), TenantParams::default()));
        let t = TenantIx::at(self.all.len() - 1);
        self.index.insert(id.clone(), t);
        t
    }
}

impl Index<TenantIx> for Tenants {
    type Output = Tenant;

    fn index(&self, t: TenantIx) -> &Tenant {
        &self.all[t.index()]
    }
}

impl IndexMut<TenantIx> for Tenants {
    fn index_mut(&mut self, t: TenantIx) -> &mut Tenant {
        &mut self.all[t.index()]
    }
}
