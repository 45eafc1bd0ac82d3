//! What the driver publishes: immutable, cheap to read, replaced as a whole. HTTP, metrics and the command line read
//! nothing else.

use crate::platform::BudgetReading;
use crate::policy::{ChannelKey, ChannelReport, Mode, TenantId, TenantReport, WallMs};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

/// The daemon at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was taken.
    pub taken_at: WallMs,
    /// Rises by one with each.
    pub version: u64,
    /// The daemon's mode, which caps every policy's.
    pub mode: Mode,
    /// Whether everything is paused.
    pub paused: bool,
    /// When that ends by itself.
    pub paused_until: Option<WallMs>,
    /// The reference targets, as last asked.
    pub references: Vec<ReferenceReading>,
    /// Whether the journal can be written; otherwise no actions.
    pub journal_writable: bool,
    /// What of the audit log a person has to accept: a word of a closed list, and why. `None`: nothing.
    pub unaccepted: Option<(&'static str, String)>,
    /// Whether actions that a crash left open are resolved (or their tenant is blind).
    pub orphans_resolved: bool,
    /// The tenants.
    pub tenants: BTreeMap<TenantId, TenantSnapshot>,
    /// The channels: configured ones, and those watched as someone's candidate.
    pub channels: Channels,
    /// When the configuration was last taken.
    pub config_loaded_at: WallMs,
    /// Whether the last attempt to load a configuration succeeded.
    pub config_ok: bool,
}

/// One target, as the last round found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceReading {
    /// Host and port, as configured.
    pub target: String,
    /// Whether it answers.
    pub up: bool,
    /// Whether it ever did; otherwise it says nothing of our network.
    pub known: bool,
}

/// Reports by channel, shared from one snapshot to the next as long as none of them changes; a change makes a copy.
#[derive(Clone, Debug, Default)]
pub struct Channels(Arc<BTreeMap<ChannelKey, Arc<ChannelReport>>>);

impl Deref for Channels {
    type Target = BTreeMap<ChannelKey, Arc<ChannelReport>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Channels {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl FromIterator<(ChannelKey, Arc<ChannelReport>)> for Channels {
    fn from_iter<I: IntoIterator<Item = (ChannelKey, Arc<ChannelReport>)>>(reports: I) -> Self {
        Self(Arc::new(reports.into_iter().collect()))
    }
}

/// One tenant at one moment.
#[derive(Clone, Debug)]
pub struct TenantSnapshot {
    /// What the engine says of it.
    pub report: TenantReport,
    /// When its pause ends by itself.
    pub paused_until: Option<WallMs>,
    /// Its request budget.
    pub budget: BudgetReading,
    /// The longest time from one routine look to the next that the budget really allows.
    pub effective_interval: Duration,
    /// Our calendar minus the platform's, in milliseconds; `None` before the first `Date`.
    pub clock_skew_ms: Option<i64>,
    /// Why the platform does not authorise us, where it does not.
    pub not_authorised: Option<String>,
}

/// Where the current snapshot stands: read without waiting, from any task.
#[derive(Clone, Debug, Default)]
pub struct SnapshotCell(Arc<ArcSwap<Snapshot>>);

impl SnapshotCell {
    /// The current snapshot.
    pub fn read(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Replaces it; the driver's alone.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
