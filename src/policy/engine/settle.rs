//! Facts first, then decisions. A handler takes a fact in, updates what is known, and touches the channels that the fact may
//! concern; every public method of the engine then settles: it evaluates the touched channels, in that order, and gives free places
//! to the next in line, until nothing is left to do.
//!
//! Must never: evaluate a channel while a fact is only half taken in.

use super::super::command::Command;
use super::super::ids::SlotId;
use super::super::time::Time;
use super::Engine;

impl Engine {
    /// Evaluates what was touched, and gives free places to those who are next. The end of every public method.
    pub(super) fn settle(&mut self, now: Time, out: &mut Vec<Command>) {
        self.evaluate_touched(now, out);
        // Each round gives a channel a place or takes it out of the line; the bound guards against an endless loop.
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
