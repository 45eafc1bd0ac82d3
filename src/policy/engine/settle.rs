//! Facts first, then decisions. Whatever takes a fact in updates what is known and touches the channels that it may mean
//! something for; every public method of the engine then settles: it evaluates what was touched, in that order, and gives free
//! places to those who are next, until nothing is left to do.
//!
//! Must never: evaluate a channel while a fact is half taken in.

use super::super::command::Command;
use super::super::ids::{SlotId, TenantIx};
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

    /// Evaluates what was touched, and gives free places to those who are next. The end of every public method.
    pub(super) fn settle(&mut self, now: Time, out: &mut Vec<Command>) {
        self.evaluate_touched(now, out);
        // Each round gives somebody a place or takes him out of the line; the bound is for what nobody thought of.
        let mut rounds = 2 * self.places.len() + 1;
        while rounds > 0 && self.places.take_moved(now) {
            rounds -= 1;
            for i in self.places.overdue(now) {
                self.touch(i);
            }
            self.evaluate_touched(now, out);
            let (free, _) = self.places.free(now);
            for i in self.line(now, None).into_iter().take(free as usize) {
                self.touch(i);
            }
            self.evaluate_touched(now, out);
        }
    }

    fn evaluate_touched(&mut self, now: Time, out: &mut Vec<Command>) {
        while let Some(i) = self.touched.pop_front() {
            self.slots[i].touched = false;
            self.evaluate(now, i, out);
        }
    }

    /// Decides what is to be done for one channel, and does it. Ends in a reason.
    fn evaluate(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        if !self.slots[i].live {
            return;
        }
        if self.slots[i].configured {
            self.note_home_good(now, i);
            self.lapse_maintenance(now, i, out);
            self.lapse_order(now, i, out);
            self.lapse_trials(now, i, out);
            let wanted = self.wanted(now, i);
            self.end_episodes(now, i, wanted.as_ref().ok());
            match wanted {
                Ok(want) => {
                    self.wish(now, i, want);
                    self.pursue(now, i, out);
                }
                Err(reason) => {
                    self.unwish(i);
                    self.set_reason(i, reason);
                }
            }
        } else {
            let reason = self.quiet_reason(i);
            self.set_reason(i, reason);
        }
        self.refresh_suspect(i, out);
        self.arm(now, i);
    }
}
