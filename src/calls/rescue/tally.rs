//! What a rescue came to, call by call. Pure.

use crate::policy::ChannelKey;
use serde_json::{Value, json};

/// See the module.
#[derive(Default)]
pub(super) struct Tally {
    /// Bridges that were begun: what counts against the policy's `max_calls`.
    pub(super) begun: usize,
    /// Made.
    pub(super) made: usize,
    /// Not made.
    pub(super) failed: usize,
    /// Whether they were made is not known.
    pub(super) unknown: usize,
    /// Not begun: rescued before, or refused.
    pub(super) skipped: usize,
    /// Listed, and not come to.
    pub(super) left: usize,
    /// Why it ended before its time.
    pub(super) stopped: Option<String>,
    /// There were more calls than are listed.
    pub(super) more: bool,
}

impl Tally {
    /// One sentence for a person.
    pub(super) fn words(&self, channel: &ChannelKey) -> String {
        let Self { made, failed, unknown, skipped, left, .. } = self;
        let more = if self.more { " and more beyond what is listed" } else { "" };
        let end = self.stopped.as_ref().map(|why| format!("; stopped early: {why}")).unwrap_or_default();
        format!(
            "of the calls of {channel} {made} were rescued, {failed} not, {unknown} with an unknown outcome, \
             {skipped} skipped, {left} left{more}{end}"
        )
    }

    /// One word of a closed list, for counting.
    pub(super) const fn result(&self) -> &'static str {
        match (&self.stopped, self.more) {
            (Some(_), _) => "stopped",
            (None, true) => "cut",
            (None, false) => "ended",
        }
    }

    /// What it came to, structured.
    pub(super) fn details(&self) -> Value {
        json!({
            "rescued": self.made, "failed": self.failed, "unknown": self.unknown,
            "skipped": self.skipped, "left": self.left, "stopped": self.stopped, "more": self.more,
        })
    }
}
