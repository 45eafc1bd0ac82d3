//! Which channel gets the next place when the limits over all tenants leave fewer than are wanted. `places` states the order.
//!
//! Rescues off a backup that is down, forced orders, and wishes that will not be carried out now need no place.
//!
//! Must never: keep a free place for a channel that does not want it.

use super::super::hold::Hold;
use super::super::ids::{SlotId, TenantIx};
use super::super::time::Time;
use super::Engine;
use std::collections::BTreeMap;

impl Engine {
    /// Puts what is held into the line, or takes it out.
    pub(super) fn line_up(&mut self, now: Time, i: SlotId, hold: &Hold) {
        match hold {
            Hold::GlobalMaxConcurrent { .. } | Hold::GlobalMaxPerHour { .. } => self.places.wait(now, i),
            _ => self.places.leave(i),
        }
    }

    /// The line at `now`, the next one first; with `joining` as if he stood in it.
    pub(super) fn line(&self, now: Time, joining: Option<SlotId>) -> Vec<SlotId> {
        let mut all: Vec<_> = self.places.waiting().filter(|(i, _)| Some(*i) != joining).collect();
        all.extend(joining.map(|i| (i, self.places.standing(now, i))));
        all.sort_by_key(|(i, waiting)| (waiting.turns, waiting.since, *i));
        let mut used: BTreeMap<TenantIx, u32> = BTreeMap::new();
        for i in self.places.holders() {
            *used.entry(self.slots[i].tenant).or_default() += 1;
        }
        let mut line: Vec<_> = all
            .into_iter()
            .map(|(i, waiting)| {
                let t = self.slots[i].tenant;
                let ahead = used.entry(t).or_default();
                let share = self.tenants[t].actions_last_hour(now).saturating_add(*ahead);
                *ahead += 1;
                (waiting.turns, share, waiting.since, i)
            })
            .collect();
        line.sort_unstable();
        line.into_iter().map(|(.., i)| i).collect()
    }
}
