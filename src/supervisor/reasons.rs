//! When each channel's reason last changed. The journal keeps every change, the snapshot shows the last.

use crate::policy::{ChannelKey, Engine, LastChange, Reason, WallMs};
use std::collections::HashMap;

/// The reasons of all channels that are watched.
#[derive(Debug, Default)]
pub struct Reasons(HashMap<ChannelKey, Known>);

#[derive(Debug)]
struct Known {
    reason: Reason,
    change: Option<LastChange>,
}

impl Reasons {
    /// Takes note of a channel's last evaluation; the reason, where it became another one.
    pub fn note<'a>(&mut self, at: WallMs, channel: &ChannelKey, engine: &'a Engine) -> Option<&'a Reason> {
        let Some(now) = engine.reason(channel) else {
            self.0.remove(channel);
            return None;
        };
        match self.0.get_mut(channel) {
            Some(known) if !now.differs(&known.reason) => return None,
            Some(known) => {
                let was = std::mem::replace(&mut known.reason, now.clone()).to_string();
                known.change = Some(LastChange { at, was });
            }
            None => {
                self.0.insert(channel.clone(), Known { reason: now.clone(), change: None });
            }
        }
        Some(now)
    }

    /// The last change of a channel's reason; `None`: it is the first.
    pub fn last_change(&self, channel: &ChannelKey) -> Option<LastChange> {
        self.0.get(channel)?.change.clone()
    }
}
