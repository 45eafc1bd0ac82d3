//! What the driver publishes: immutable, cheap to read, replaced as a whole. HTTP, metrics and the command line read
//! nothing else.

use crate::platform::BudgetReading;
use crate::policy::{ChannelKey, ChannelReport, Mode, TenantId, TenantReport, WallMs};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
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
    /// Whether the journal can be written; otherwise no actions.
    pub journal_writable: bool,
    /// Whether intents that a crash left open are resolved (or their tenant is blind).
    pub orphans_resolved: bool,
    /// The tenants.
    pub tenants: BTreeMap<TenantId, TenantSnapshot>,
    /// The channels: configured ones, and those watched as someone's candidate.
    pub channels: BTreeMap<ChannelKey, Arc<ChannelReport>>,
    /// When the configuration was last taken.
    pub config_loaded_at: WallMs,
    /// Whether the last attempt to load a configuration succeeded.
    pub config_ok: bool,
}

/// One tenant at one moment.
#[derive(Clone, Debug)]
pub struct TenantSnapshot {
    /// What the engine says of it.
    pub report: TenantReport,
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
