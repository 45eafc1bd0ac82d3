//! Bridging beside the driver: neither waits for the other.
//!
//! Owns what the daemon has to do for the switchboard: its configuration, and what a crash left open.

use crate::calls::{Rescues, Switchboard};
use crate::clearance::Permits;
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::journal::{Journal, KeptOperation, Reader};
use crate::platform::Platform;
use crate::policy::{Mode, TenantId};
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
    /// Over an open journal; the driver is asked for leave.
    pub fn new(journal: &Journal, clock: &Clock, counters: &Counters, permits: Permits) -> Self {
        let switchboard = Switchboard::new(journal.clone(), clock.clone(), counters.clone(), permits);
        Self { rescues: Rescues::new(switchboard.clone()), switchboard }
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
