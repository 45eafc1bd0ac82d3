//! Puts the daemon together: journal and engine restored, tasks started, ends wired. The same under `run`, under the demo,
//! and under the simulation tests.

use super::calls::Calls;
use super::clients::{Clients, ConnectError};
use super::driver::{Driver, Shared, Wiring};
use super::ledger::{self, Ledger};
use super::orders::Orders;
use super::prober::Prober;
use super::publisher::Publisher;
use super::references::Asking;
use super::reloads::{Reloads, Taking};
use super::{Liveness, Pulse};
use crate::calls::{Switchboard, is_a_bridge};
use crate::clearance::Permits;
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::journal::{Journal, ReadFor, Reader, Recovered};
use crate::policy::{TenantId, WallMs};
use crate::provision::{self, Desk, Digests, Provisioner, Service, Setup, Surveyor, all_known};
use crate::snapshot::SnapshotCell;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Observations that wait for the driver.
const SEEN_BOUND: usize = 4096;
/// Tasks that wait for the prober.
const TASKS_BOUND: usize = 1024;

/// What a daemon is made of, besides its configuration.
pub struct Parts {
    /// Time.
    pub clock: Clock,
    /// The open journal.
    pub journal: Journal,
    /// What it found at the start.
    pub recovered: Recovered,
    /// The clients of the tenants.
    pub clients: Clients,
    /// Counters and histograms.
    pub counters: Counters,
    /// A snapshot is published at most this often.
    pub publish_every: Duration,
    /// Whether observations are journalled.
    pub keep_observations: bool,
    /// What the driver's loop does of its own accord.
    pub pulse: Pulse,
}

/// A running daemon.
pub struct Daemon {
    /// What everybody may read.
    pub snapshot: SnapshotCell,
    /// Counters and histograms.
    pub counters: Counters,
    /// The driver's pulse.
    pub liveness: Liveness,
    /// The way for people's orders.
    pub orders: Orders,
    /// The way for people's orders to create what is desired.
    pub provisioning: Desk,
    /// Bridges calls.
    pub switchboard: Switchboard,
    /// Reads the audit log.
    pub reader: Reader,
    /// The journal, for what is ordered of the log itself.
    pub journal: Journal,
    /// Stops it.
    pub stop: CancellationToken,
    driver: JoinHandle<()>,
    prober: JoinHandle<()>,
    provisioner: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Restores what the journal knows and starts to work.
    #[allow(clippy::too_many_lines, reason = "it names every part once, and decides nothing")]
    pub fn start(config: &Config, parts: Parts) -> Result<(Self, Reloads), ConnectError> {
        let Parts { clock, journal, mut recovered, clients, counters, publish_every, keep_observations, pulse } = parts;
        let wall = clock.wall();
        let snapshot = SnapshotCell::default();
        let (permits, permit_requests) = Permits::channel();
        let (reload_sender, reloads) = mpsc::channel(4);
        let (poked, setup) = (Arc::new(Notify::new()), Arc::new(ArcSwap::from_pointee(Setup::default())));
        let register = Arc::new(Mutex::new(all_known(&recovered.states)));
        let calls = Calls::new(&journal, &clock, &counters, permits.clone());
        let mut taking = Taking {
            clients,
            config: config.clone(),
            register: Arc::clone(&register),
            setup: Arc::clone(&setup),
            poked: Arc::clone(&poked),
            calls: calls.clone(),
        };
        let mut start = taking.start(config, &recent_requests(config, &recovered, wall))?;
        for plan in &mut start.plans {
            plan.pages = pages_known(&plan.id, &recovered);
        }
        let given = Reloads::new(taking, reload_sender);
        let (desk, desk_orders) = Desk::open(&clock);
        let digests = Digests::new(&config.daemon.state_dir);
        let surveyor = Surveyor::new(clock.clone(), Some(journal.reader_for(ReadFor::Calls)), digests);
        let desired = recovered.take_open(|operation| operation.kind == provision::KIND);
        let bridges = recovered.take_open(is_a_bridge);
        let service = Service {
            provisioner: Provisioner::new(surveyor, journal.clone(), permits, counters.clone(), register, setup),
            desk: desk.clone(),
            orders: desk_orders,
            rewatch: Box::new(given.clone()),
            poked,
            open: desired,
        };
        let (liveness, stop) = (Liveness::default(), CancellationToken::new());
        let (orders, order_requests) = Orders::channel();
        let (seen_sender, seen) = mpsc::channel(SEEN_BOUND);
        let (tasks, tasks_receiver) = mpsc::channel(TASKS_BOUND);
        let (reader, kept) = (journal.reader(), journal.clone());
        let writable = journal.writable();
        calls.resume(&kept.reader_for(ReadFor::Calls), bridges);
        let switchboard = calls.switchboard.clone();
        let mut publisher = Publisher::new(snapshot.clone(), publish_every);
        publisher.configured(&start.params, wall);
        start.platforms.keys().for_each(|id| counters.tenant(id.as_str()));
        let wiring = Wiring {
            seen,
            tasks,
            orders: order_requests,
            references: Asking::start(start.references.clone()),
            permits: permit_requests,
            reloads,
            writable,
            stop: stop.clone(),
            pulse,
        };
        let ledger = Ledger::new(journal, clock.clone(), keep_observations);
        let shared = Shared {
            clock: clock.clone(),
            counters: counters.clone(),
            liveness: liveness.clone(),
            rescues: calls.rescues.clone(),
        };
        let mut driver = Driver::new(start, ledger, publisher, wiring, shared);
        driver.restore(recovered);
        liveness.beat(clock.now());
        let prober = Prober::new(clock, counters.clone(), seen_sender);
        let provisioner = tokio::spawn(service.run(stop.clone()));
        let daemon = Self {
            provisioning: desk,
            provisioner: Some(provisioner),
            snapshot,
            counters,
            liveness,
            orders,
            switchboard,
            reader,
            journal: kept,
            stop,
            prober: tokio::spawn(prober.run(tasks_receiver)),
            driver: tokio::spawn(driver.run()),
        };
        Ok((daemon, given))
    }

    /// Waits until it has stopped; `Err`: unasked, since a task died, and the process must not pretend to be alive.
    pub async fn stopped(&mut self) -> Result<(), String> {
        let told = |name: &str, result: Result<(), tokio::task::JoinError>| match result {
            Ok(()) => Ok(()),
            Err(error) => Err(format!("the {name} died: {error}")),
        };
        if let Some(provisioner) = &mut self.provisioner {
            tokio::select! {
                biased;
                ended = &mut self.driver => told("driver", ended)?,
                ended = provisioner => {
                    self.provisioner = None;
                    told("provisioner", ended)?;
                    told("driver", (&mut self.driver).await)?;
                }
            }
        } else {
            told("driver", (&mut self.driver).await)?;
        }
        if self.stop.is_cancelled() {
            return Ok(());
        }
        // A driver that nobody stopped has lost its prober.
        told("prober", (&mut self.prober).await)?;
        Err("the driver ended unasked".to_owned())
    }
}

/// How long ago each request of the last minute was sent, as far as a clean stop left that in the journal.
pub fn recent_requests(config: &Config, recovered: &Recovered, wall: WallMs) -> BTreeMap<TenantId, Vec<Duration>> {
    let one = |id: &TenantId| {
        let key = ledger::recent_key(id.as_str());
        let value = recovered.states.iter().find(|(k, _)| *k == key)?;
        Some((id.clone(), ledger::recent_of(&value.1, wall)?))
    };
    config.tenants.keys().filter_map(one).collect()
}

/// How many pages a tenant's list has, as far as an earlier process learnt it.
fn pages_known(tenant: &TenantId, recovered: &Recovered) -> Option<usize> {
    let key = ledger::pages_key(tenant.as_str());
    ledger::pages_of(&recovered.states.iter().find(|(known, _)| *known == key)?.1)
}
