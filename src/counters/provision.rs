//! What is counted of desired channels.

use super::{Counters, add, forget, opts};
use prometheus::{IntCounterVec, IntGaugeVec, Registry};

/// What comes of a desired channel.
const CAME: [&str; 7] = ["unchanged", "created", "changed", "adopted", "held", "failed", "unknown"];

/// The families.
#[derive(Debug)]
pub(super) struct Provisions {
    changes: IntCounterVec,
    drift: IntGaugeVec,
}

impl Provisions {
    pub(super) fn new(registry: &Registry) -> Self {
        let changes = IntCounterVec::new(
            opts("provisions_total", "Desired channels that were created, changed or adopted, by what came of it."),
            &["tenant", "result"],
        );
        let drift = IntGaugeVec::new(
            opts(
                "provision_drift",
                "Whether a desired channel is missing on the platform or differs from what is desired.",
            ),
            &["tenant", "channel"],
        );
        Self { changes: add(registry, changes), drift: add(registry, drift) }
    }

    pub(super) fn tenant(&self, tenant: &str) {
        for came in CAME {
            self.changes.with_label_values(&[tenant, came]);
        }
    }

    pub(super) fn forget_tenant(&self, tenant: &str) {
        forget(&self.changes, tenant);
        forget(&self.drift, tenant);
    }
}

impl Counters {
    /// A change of a desired channel ended in `result`, from the closed list of the provisioner's.
    pub fn provision(&self, tenant: &str, result: &str) {
        self.0.provisions.changes.with_label_values(&[tenant, result]).inc();
    }

    /// Whether a desired channel differs from what is desired; as many series as the configuration has of them.
    pub fn provision_drift(&self, tenant: &str, name: &str, drifts: bool) {
        self.0.provisions.drift.with_label_values(&[tenant, name]).set(i64::from(drifts));
    }

    /// A channel is no longer desired: its series goes.
    pub fn forget_provision(&self, tenant: &str, name: &str) {
        // It may never have been seen.
        let _ = self.0.provisions.drift.remove_label_values(&[tenant, name]);
    }
}
