//! Bridging beside the driver: neither waits for the other.
//!
//! Owns what the daemon has to do for the switchboard: its configuration, what a crash left open, and what forbids every
//! change.

use crate::calls::{Held, Rescues, Switchboard};
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::journal::{Journal, KeptOperation, Reader};
use crate::platform::Platform;
use crate::policy::{Mode, TenantId};
use crate::snapshot::{Snapshot, SnapshotCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long the token for bridging is tried for at a start.
const SCOPES_WITHIN: Duration = Duration::from_secs(30);

/// The switchboard, and who rescues calls by it. Clones are one.
#[derive(Clone)]
pub struct Calls {
    /// Bridges calls.
    pub switchboard: Switchboard,
    /// Rescues those of channels that failed over.
    pub rescues: Rescues,
}

impl Calls {
    /// Over an open journal; `snapshot` tells what is paused.
    pub fn new(journal: &Journal, clock: &Clock, counters: &Counters, snapshot: &SnapshotCell) -> Self {
        let cell = snapshot.clone();
        let held: Held = Arc::new(move |tenant| held_because(&cell.read(), tenant));
        let switchboard = Switchboard::new(journal.clone(), clock.clone(), counters.clone(), held);
        Self { rescues: Rescues::new(switchboard.clone(), snapshot.clone()), switchboard }
    }

    /// Takes a configuration with its clients.
    pub fn configure(&self, config: &Config, platforms: &BTreeMap<TenantId, Arc<dyn Platform>>) {
        let fresh = self.switchboard.configure(config, platforms);
        self.rescues.configure(config);
        // Who only observes bridges nothing, and asks for no write scope.
        if !fresh.is_empty() && config.daemon.mode != Mode::Observe {
            let switchboard = self.switchboard.clone();
            tokio::spawn(async move { switchboard.try_scopes(fresh, SCOPES_WITHIN).await });
        }
    }

    /// What the journal left open, and what it remembers.
    pub fn resume(&self, reader: &Reader, open: Vec<KeptOperation>) {
        self.switchboard.remember(reader);
        let switchboard = self.switchboard.clone();
        tokio::spawn(async move { switchboard.resolve(open).await });
    }
}

/// A bridge changes the platform, so what forbids every change forbids it too.
fn held_because(snapshot: &Snapshot, tenant: &TenantId) -> Option<String> {
    if snapshot.mode == Mode::Observe {
        return Some("daemon.mode is observe, which makes no changes; set it to propose or enforce".to_owned());
    }
    let paused = snapshot.paused || snapshot.tenants.get(tenant).is_some_and(|tenant| tenant.report.paused);
    paused.then(|| format!("{tenant} is paused until `trunkwarden resume`"))
}
