//! A wish, from the moment something is wanted until it is done or no longer wanted.

use super::super::ids::SlotId;
use super::super::time::Time;
use super::{Engine, Want, Wish};

impl Engine {
    pub(super) fn wish(&mut self, now: Time, i: SlotId, want: Want) {
        self.forget_lapsed(now, i, &want);
        let seq = self.seq;
        let slot = &mut self.slots[i];
        match &mut slot.action.wish {
            Some(wish) if wish.want.same_episode(&want) => wish.want = want,
            _ => {
                // A proposal that lapsed is not made again as long as the same is wanted.
                let before = slot.action.lapsed.iter().find(|lapsed| lapsed.want.same_episode(&want));
                let (recorded, proposed) =
                    before.map(|lapsed| (lapsed.recorded.clone(), lapsed.proposed)).unwrap_or_default();
                let (looked, asked) = (None, None);
                slot.action.wish =
                    Some(Wish { want, since: now, seq, looked, asked, recorded, proposed, nobody_told: false });
                slot.action.held = None;
                slot.action.no_candidate = false;
                // What a person approved was something else.
                slot.action.approved = None;
                self.tenants[slot.tenant].wanting.insert(i);
                self.places.forget(i);
            }
        }
    }

    /// Nothing is wanted any more.
    pub(super) fn unwish(&mut self, i: SlotId) {
        let slot = &mut self.slots[i];
        if slot.action.wish.take().is_some() {
            self.tenants[slot.tenant].wanting.remove(&i);
            slot.action.held = None;
            slot.action.no_candidate = false;
            slot.action.approved = None;
            self.places.forget(i);
            self.mark_changed(i);
        }
        self.slots[i].action.lapsed.clear();
    }
}
