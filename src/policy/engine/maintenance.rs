//! Maintenance: a channel is left alone and is no candidate, by its policy's calendar or by a person's order. Watching goes
//! on.
//!
//! Must never: begin without a reason and an end.

use super::super::command::{Command, EventType, Refusal};
use super::super::ids::SlotId;
use super::super::key::ChannelKey;
use super::super::params::Windows;
use super::super::reason::Reason;
use super::super::time::{Span, Time};
use super::super::words::Actor;
use super::{Engine, channel_record, person, record};
use std::time::Duration;

/// The longest reason, in characters.
const MAX_REASON: usize = 200;

impl Engine {
    /// Tells once for each policy, however many channels it has.
    pub(super) fn open_windows(&mut self, policy: &str, windows: Windows, out: &mut Vec<Command>) {
        let before = self.windows.insert(policy.to_owned(), windows).unwrap_or_default();
        if before == windows {
            return;
        }
        if before.maintenance != windows.maintenance {
            let open = windows.maintenance;
            let reason = Reason::MaintenanceWindow { policy: policy.to_owned(), open };
            out.push(Command::Record(record(event(open), None, None, Actor::System, reason)));
        }
        let touched: Vec<SlotId> = self
            .slots
            .ids()
            .filter(|i| self.slots[*i].live && self.slots[*i].configured && self.slots[*i].policy.name == policy)
            .collect();
        for i in &touched {
            self.slots[*i].windows = windows;
            self.mark_changed(*i);
        }
        for i in touched {
            self.after_maintenance(i);
        }
    }

    pub(super) fn start_maintenance(
        &mut self,
        now: Time,
        key: &ChannelKey,
        lasts: Duration,
        why: &str,
        who: &str,
        out: &mut Vec<Command>,
    ) -> Result<(), Refusal> {
        let i = self.find_channel(key)?;
        let length = why.chars().count();
        if why.trim().is_empty() || length > MAX_REASON || why.chars().any(char::is_control) {
            return Err(Refusal::Forbidden(format!(
                "maintenance needs a reason: one line of 1 to {MAX_REASON} characters"
            )));
        }
        self.slots[i].action.maintenance = Some((now + lasts, why.to_owned()));
        let order = format!("put {key} into maintenance for {}: {why}", Span(lasts));
        self.record_maintenance(i, true, person(who), Reason::Ordered { order }, out);
        Ok(())
    }

    pub(super) fn end_maintenance(
        &mut self,
        key: &ChannelKey,
        who: &str,
        out: &mut Vec<Command>,
    ) -> Result<(), Refusal> {
        let Ok(i) = self.find_channel(key) else { return self.end_left_maintenance(key, who, out) };
        if self.slots[i].action.maintenance.take().is_none() {
            let why = if self.slots[i].in_maintenance() {
                format!("{key} is in a maintenance window of its policy, which the calendar ends")
            } else {
                format!("{key} is not in maintenance")
            };
            return Err(Refusal::NothingToDo(why));
        }
        let order = format!("took {key} out of maintenance");
        self.record_maintenance(i, false, person(who), Reason::Ordered { order }, out);
        Ok(())
    }

    /// Ends a maintenance whose time is up.
    pub(super) fn lapse_maintenance(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        if slot.action.maintenance.take_if(|(until, _)| *until <= now).is_some() {
            let what = format!("the maintenance of {} ended: its time is up", slot.key);
            self.record_maintenance(i, false, Actor::System, Reason::Lapsed { what }, out);
        }
    }

    fn record_maintenance(&mut self, i: SlotId, open: bool, actor: Actor, reason: Reason, out: &mut Vec<Command>) {
        out.push(Command::Record(channel_record(&self.slots[i].key, event(open), actor, reason, (None, None))));
        self.mark_unsaved(i);
        self.mark_changed(i);
        self.after_maintenance(i);
    }
}

const fn event(open: bool) -> EventType {
    if open { EventType::MaintenanceStarted } else { EventType::MaintenanceEnded }
}
