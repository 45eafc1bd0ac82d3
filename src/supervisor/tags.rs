//! ETags that the platform shows and then refuses: a gateway that alters them on the way would make every change a conflict.
//!
//! A change may go without `If-Match` once its channel's tag was refused twice, at least the platform's lag of reads apart,
//! and what was read after each refusal is to the letter what was read before it, tag included: then nobody changed the
//! channel, and the tag is useless. Must never: conclude that from one refusal, or if the channel has changed in between.

use crate::platform::ChannelDoc;
use crate::policy::{ChannelKey, Time};
use crate::sync::lock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Channels that are remembered; at the bound the first of them is forgotten, and said.
const MOST: usize = 1024;

/// What was refused, by channel. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Tags(Arc<Mutex<BTreeMap<ChannelKey, Refused>>>);

#[derive(Debug)]
struct Refused {
    doc: Arc<ChannelDoc>,
    first: Time,
    proven: bool,
}

/// What one action may make of it.
#[derive(Clone, Debug, Default)]
pub struct Insistence {
    /// What was refused so far.
    pub tags: Tags,
    /// How far reads may be behind writes.
    pub read_lag: Duration,
    /// Whether the change may go without a tag at all: never that of a channel in maintenance, which people are at.
    pub allowed: bool,
}

impl Insistence {
    /// The tag of `sent` was refused, and `fresh` was read afterwards.
    pub(super) fn refused(&self, channel: &ChannelKey, sent: &Arc<ChannelDoc>, fresh: &ChannelDoc, now: Time) {
        let mut known = self.tags.known();
        if **sent != *fresh {
            known.remove(channel);
            return;
        }
        match known.get_mut(channel).filter(|before| before.doc == *sent) {
            Some(before) => before.proven |= now.since(before.first) >= self.read_lag,
            None => _ = known.insert(channel.clone(), Refused { doc: Arc::clone(sent), first: now, proven: false }),
        }
        if known.len() > MOST
            && let Some((forgotten, _)) = known.pop_first()
        {
            tracing::warn!(channel = %forgotten, "too many channels refuse their own ETag to remember them all; this one is forgotten");
        }
    }

    /// Whether a change decided on this document goes without its tag: that is known to be refused although nobody changed
    /// the channel.
    pub(super) fn insists(&self, channel: &ChannelKey, doc: &ChannelDoc) -> bool {
        self.allowed && self.tags.known().get(channel).is_some_and(|refused| refused.proven && *refused.doc == *doc)
    }
}

impl Tags {
    fn known(&self) -> MutexGuard<'_, BTreeMap<ChannelKey, Refused>> {
        lock(&self.0)
    }
}
