//! Evidence: where knowledge of a channel comes from, how old it may be, and what the inputs say together.
//!
//! | input | comes by | stale once older than | may say |
//! |---|---|---|---|
//! | platform status | a look: a single `GET`, or a page of the list | 3 of the intervals that the budget really allows | up, degraded, down |
//! | telemetry | an answer to a telemetry query | 3 of its intervals as the budget stretches them, its window at the least | a score |
//!
//! The rule that joins them:
//! 1. The status decides health, and it alone. A status in the policy's `on` is bad, `healthy` is good, any other is neither;
//!    our own `active`, read back, is no status at all.
//! 2. `fall` bad looks, the last look bad too, is a failure, whatever telemetry says: telemetry never vetoes it.
//! 3. While a channel works, fresh telemetry speaks of its quality only: a reason to change codecs or to move traffic, and a
//!    reason against a candidate.
//! 4. Stale evidence says nothing. A stale status makes health unknown, and nothing is decided about an unknown channel. Stale
//!    telemetry gives no score, good or bad; conditions that it measured start anew.
//! 5. Errors on the way to the platform, and reference targets outside it, are no evidence about any channel. They show
//!    whether the platform can be seen at all (`engine/sight`).
//!
//! A probe of the trunk itself would be a third input beside the status: a row above, a limit below, and its word in
//! [`Slot::finding`], where rule 2 would have to say whether it may fail a channel that the platform calls healthy.

use super::super::channel::Event;
use super::super::observation::ChannelView;
use super::super::score::Quality;
use super::super::time::Time;
use super::super::words::Health;
use super::Slot;
use std::time::Duration;

/// What we PATCH into `status` with a failover; read back, it says nothing of the channel's health.
const OUR_STATUS: &str = "active";

/// What the inputs say of a channel together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing that could be acted on.
    Unknown,
    /// It has failed.
    Failed,
    /// It works, well or badly: fresh telemetry says which.
    Works,
}

impl Slot {
    /// What the inputs say together; see the module.
    pub(super) fn finding(&self) -> Finding {
        match self.health() {
            Health::Down if self.last_bad() => Finding::Failed,
            Health::Up | Health::Degraded => Finding::Works,
            Health::Unknown | Health::Down => Finding::Unknown,
        }
    }

    /// Its quality by telemetry that is fresh.
    pub(super) fn quality_now(&self, now: Time) -> Option<&Quality> {
        self.telemetry.quality.as_ref().filter(|_| now.since(self.telemetry.at) <= self.telemetry_limit())
    }

    /// What had lasted by telemetry that is stale by now begins anew.
    pub(super) fn forget_stale_telemetry(&mut self, now: Time) {
        if self.quality_now(now).is_none() {
            (self.telemetry.low_since, self.telemetry.degraded_since, self.telemetry.fine_since) = (None, None, None);
        }
    }

    /// How old its status may be: three of its intervals, each as long as the budget makes it.
    pub(super) fn status_limit(&self) -> Duration {
        self.pace.interval(&self.policy.health, self.cadence.as_ref()) * 3
    }

    /// How old its telemetry may be.
    pub(super) fn telemetry_limit(&self) -> Duration {
        let telemetry = &self.policy.telemetry;
        (self.pace.telemetry(telemetry) * 3).max(telemetry.window)
    }
}

/// What a status says of health; `None`: it is (or may be) but the echo of our own PATCH.
pub(super) fn judge(slot: &mut Slot, view: &ChannelView) -> Option<Event> {
    let Some(status) = view.status.as_deref() else { return Some(Event::Neither) };
    if slot.route.echo {
        if status == OUR_STATUS {
            return None;
        }
        if slot.action.flight.is_none() && slot.action.unsure.is_none() {
            slot.route.echo = false;
        }
    }
    Some(match status {
        _ if slot.policy.failover.on.iter().any(|bad| bad == status) => Event::Bad,
        "healthy" => Event::Good,
        _ => Event::Neither,
    })
}
