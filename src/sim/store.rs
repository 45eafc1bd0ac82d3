//! The model's channels, and the pages of their list.
//!
//! A page begins after the last id of the one before it, so that it costs its own length whatever the number of channels,
//! and channels that come or go meanwhile make no other one appear twice.

use super::channel::{ChannelState, Quality};
use super::noise;
use super::scenario::ChannelSpec;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

/// Channels that a client may create beyond those of the scenario.
const MAX_CREATED: u32 = 10_000;

/// The channels of the tenant, by id.
#[derive(Debug)]
pub(super) struct Store {
    seed: u64,
    channels: BTreeMap<String, ChannelState>,
    created: u32,
}

impl Store {
    pub(super) fn new(seed: u64, specs: &[ChannelSpec]) -> Self {
        let count = specs.len();
        let next = |place: usize| {
            (1..=2.min(count.saturating_sub(1)))
                .filter_map(|step| specs.get((place + step) % count.max(1)))
                .map(|s| s.id.clone())
                .collect::<Vec<_>>()
        };
        let channels = specs
            .iter()
            .enumerate()
            .map(|(place, spec)| {
                let failover = spec.failover.clone().unwrap_or_else(|| next(place));
                (spec.id.clone(), ChannelState::new(seed, spec, &failover))
            })
            .collect();
        Self { seed, channels, created: 0 }
    }

    pub(super) fn get(&self, id: &str) -> Option<&ChannelState> {
        self.channels.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut ChannelState> {
        self.channels.get_mut(id)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.channels.contains_key(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ChannelState> {
        self.channels.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut ChannelState> {
        self.channels.values_mut()
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.channels.remove(id);
    }

    /// Creates a channel from a checked body; `None` where there are too many.
    pub(super) fn create(&mut self, mut doc: Map<String, Value>, now: Duration) -> Option<&ChannelState> {
        if self.created >= MAX_CREATED {
            return None;
        }
        self.created += 1;
        let id = format!("ch-new-{:04}", self.created);
        doc.insert("id".to_owned(), Value::from(id.clone()));
        doc.insert("status".to_owned(), Value::from("healthy"));
        if let Some(Value::Object(routing)) = doc.get_mut("routing") {
            routing.insert("primary_channel_id".to_owned(), Value::from(id.clone()));
        }
        let quality = Quality { latency_ms: 40.0, jitter_ms: 4.0, loss_pct: 0.1 };
        let mut channel = ChannelState::from_doc(id.clone(), doc, quality, false);
        channel.born = now;
        Some(self.channels.entry(id).or_insert(channel))
    }

    /// How many were created.
    pub(super) const fn created(&self) -> u32 {
        self.created
    }

    /// One page, each channel as JSON, and the cursor of the next; `None`: the cursor is none of ours.
    pub(super) fn page(
        &self,
        cursor: Option<&str>,
        size: usize,
        now: Duration,
        lag: Duration,
    ) -> Option<(Vec<Bytes>, Option<String>)> {
        let from = match cursor {
            None => Bound::Unbounded,
            Some(cursor) => Bound::Excluded(self.uncover(cursor)?),
        };
        // A list that lags does not show what was created just now.
        let listed = |channel: &ChannelState| channel.born.is_zero() || channel.born + lag <= now;
        let mut rest = self.channels.range((from, Bound::Unbounded)).filter(|(_, channel)| listed(channel));
        let mut last = None;
        let page: Vec<Bytes> = rest
            .by_ref()
            .take(size)
            .map(|(id, channel)| {
                last = Some(id);
                channel.shown_late(now, lag)
            })
            .collect();
        let next = rest.next().and(last).map(|id| self.cover(id));
        Some((page, next))
    }

    /// Opaque, and with characters that a client must percent-encode to bring back whole.
    fn cover(&self, id: &str) -> String {
        let hex = id.bytes().fold(String::new(), |hex, b| hex + &format!("{b:02x}"));
        format!("{hex}+/{:08x}=", noise::hash(&[self.seed, noise::text(id)]) >> 32)
    }

    fn uncover(&self, cursor: &str) -> Option<String> {
        let (hex, _) = cursor.split_once("+/")?;
        let bytes: Option<Vec<u8>> =
            hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
        let id = String::from_utf8(bytes?).ok()?;
        (self.cover(&id) == cursor).then_some(id)
    }
}
