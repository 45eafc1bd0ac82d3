//! The limits of route-flap damping: whether they fit each other and the hold-down that they limit.

use super::Compiler;
use crate::config::keys::failover;
use crate::config::section::{Got, Section};
use crate::policy::Damping;
use std::time::Duration;

/// What releases a suppressed route where the file does not say: what a single move costs.
const REUSE: f64 = 1.0;

impl Compiler<'_> {
    /// The limits, where the file sets them.
    pub(super) fn damping(&mut self, failover: &Section, block: Duration, max: &Got<Duration>) -> Option<Damping> {
        let (suppress, reuse) =
            (failover.find(&failover::HOLD_DOWN_SUPPRESS), failover.find(&failover::HOLD_DOWN_REUSE));
        let Some(suppress) = suppress else {
            if let Some(reuse) = reuse.filter(|_| !failover.has(&failover::HOLD_DOWN_SUPPRESS)) {
                self.warning(reuse.at, "failover: `hold_down_reuse` has no effect without `hold_down_suppress`");
            }
            return None;
        };
        let limits = Damping { suppress: suppress.value, reuse: reuse.as_ref().map_or(REUSE, |found| found.value) };
        if limits.reuse >= limits.suppress {
            let default = if reuse.is_some() { "" } else { ", the default" };
            let message = format!(
                "failover: `hold_down_reuse` ({}{default}) must be less than `hold_down_suppress` ({})",
                limits.reuse, limits.suppress
            );
            let found = self.error(reuse.as_ref().map_or(suppress.at, |reuse| reuse.at), message);
            if reuse.is_some() {
                found.also(suppress.at, "compared with this");
            }
        }
        let ceiling = max.value.as_secs_f64() / block.as_secs_f64();
        if max.sound && !block.is_zero() && max.value >= block && limits.suppress > ceiling {
            let message = format!(
                "failover: `hold_down_suppress` ({}) is never reached: the penalty grows to `hold_down_max`, which is {ceiling} block periods",
                limits.suppress
            );
            self.error(suppress.at, message);
        }
        Some(limits)
    }
}
