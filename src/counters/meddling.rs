//! What is counted of platforms and people that undo or damage what we set.

use super::{ACTIONS, Counters, add, forget, opts};
use prometheus::{IntCounterVec, Registry};

/// The families.
#[derive(Debug)]
pub(super) struct Meddling {
    siblings_lost: IntCounterVec,
    other_controllers: IntCounterVec,
}

impl Meddling {
    pub(super) fn new(registry: &Registry) -> Self {
        let siblings_lost = IntCounterVec::new(
            opts(
                "siblings_lost_total",
                "Changes of channels that were made, and by which the platform lost fields beside them.",
            ),
            &["tenant", "action"],
        );
        let other_controllers = IntCounterVec::new(
            opts("other_controllers_total", "Times that a tenant was paused because something else steers it."),
            &["tenant"],
        );
        Self { siblings_lost: add(registry, siblings_lost), other_controllers: add(registry, other_controllers) }
    }

    pub(super) fn tenant(&self, tenant: &str) {
        for action in ACTIONS {
            self.siblings_lost.with_label_values(&[tenant, action]);
        }
        self.other_controllers.with_label_values(&[tenant]);
    }

    pub(super) fn forget_tenant(&self, tenant: &str) {
        forget(&self.siblings_lost, tenant);
        forget(&self.other_controllers, tenant);
    }
}

impl Counters {
    /// An `action` was made, and the platform lost fields beside what it changed.
    pub fn siblings_lost(&self, tenant: &str, action: &str) {
        self.0.meddling.siblings_lost.with_label_values(&[tenant, action]).inc();
    }

    /// A tenant was paused because something else steers it.
    pub fn other_controller(&self, tenant: &str) {
        self.0.meddling.other_controllers.with_label_values(&[tenant]).inc();
    }
}
