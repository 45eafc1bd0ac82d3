//! Which channel carries whose traffic, and which limits an action under way counts against.

use super::super::ids::{SlotId, TenantIx};
use super::super::key::ChannelId;
use super::Engine;

impl Engine {
    /// One action fewer is under way, as far as limits count them.
    pub(super) fn give_place_back(&mut self, t: TenantIx) {
        self.tenants[t].in_flight = self.tenants[t].in_flight.saturating_sub(1);
        self.places.land();
    }

    /// Counts the channel's traffic, and a change under way, for those that (will) carry it. Until its route has been read,
    /// it counts where it was left; a channel that the platform does not have carries nothing anywhere.
    pub(super) fn sync_load(&mut self, i: SlotId) {
        let slot = &self.slots[i];
        let find = |id: &ChannelId| {
            let other = self.sibling(slot, id).filter(|other| *other != i);
            other.or_else(|| self.lookup(slot, id)).filter(|other| *other != i)
        };
        let doubted = slot.route.doubts.route.as_ref().map(|doubt| &doubt.of);
        let route = slot.route.read.as_ref().or(slot.route.expected.as_ref()).filter(|_| !slot.gone());
        let at = route.filter(|route| *route != slot.id()).and_then(&find);
        // Where it may go by what is in doubt counts, too.
        let to = slot.pending_to().or(doubted.filter(|_| !slot.gone())).and_then(&find).filter(|to| Some(*to) != at);
        let before = slot.route.loads;
        if before == [at, to] {
            return;
        }
        self.slots[i].route.loads = [at, to];
        for c in before.into_iter().flatten() {
            self.slots[c].route.carries = self.slots[c].route.carries.saturating_sub(1);
        }
        for c in [at, to].into_iter().flatten() {
            self.slots[c].route.carries += 1;
        }
    }
}
