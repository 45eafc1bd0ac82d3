//! Without a daemon: the same provisioner in this process. A plan reads the journal; whatever changes something takes its
//! lock, so that no daemon starts meanwhile.

use crate::clearance::Permits;
use crate::cli::run::connect;
use crate::cli::terminal;
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::journal::{Batch, IdSource, Journal, Reader, Recovered};
use crate::policy::{Actor, ChannelId, TenantId, Writer};
use crate::provision::{Digests, Done, Plan, Provisioner, Setup, Surveyor, all_known, desired};
use crate::supervisor::{recent_requests, recent_state};
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex};

/// A provisioner without an engine beside it.
pub struct Alone {
    provisioner: Provisioner,
    setup: Arc<ArcSwap<Setup>>,
    journal: Option<Journal>,
    clock: Clock,
}

impl Alone {
    /// Opens the journal, with its lock only where something is to be changed. An error is one sentence.
    pub fn open(config: &Config, changes: bool) -> Result<Self, String> {
        let clock = Clock::system();
        let path = config.daemon.state_dir.join("journal.db");
        let (journal, recovered, reader) = if changes {
            let options = crate::cli::run::signed(config, clock.clone())?;
            let (journal, recovered) = Journal::open(options).map_err(|error| error.to_string())?;
            let reader = journal.reader();
            (Some(journal), recovered, Some(reader))
        } else if path.exists() {
            let reader = Reader::open(&path).map_err(|error| error.to_string())?;
            let states = reader.states().map_err(|error| error.to_string())?;
            (None, Recovered { states, ..Recovered::default() }, Some(reader))
        } else {
            (None, Recovered::default(), None)
        };
        let setup = Arc::new(ArcSwap::from_pointee(connected(config, &recovered, &clock)?));
        let register = Arc::new(Mutex::new(all_known(&recovered.states)));
        let surveyor = Surveyor::new(clock.clone(), reader, Digests::new(&config.daemon.state_dir));
        // Who only plans writes nothing; what nobody writes needs no file.
        let own = match &journal {
            Some(journal) => journal.clone(),
            None => Journal::in_memory(IdSource::System, clock.clone()).map_err(|error| error.to_string())?,
        };
        // A pause outlives the daemon.
        let why = |id: &TenantId| {
            Some((id.clone(), crate::cli::bridge::held(config, &recovered, &clock, id, Writer::Apply)?))
        };
        let permits = Permits::alone(config.tenants.keys().filter_map(why).collect());
        let provisioner = Provisioner::new(surveyor, own, permits, Counters::new(), register, Arc::clone(&setup));
        Ok(Self { provisioner, setup, journal, clock })
    }

    /// What would be done.
    pub async fn plan(&self, tenant: Option<&TenantId>) -> Plan {
        self.provisioner.plan(tenant).await
    }

    /// Applies the plan and returns what became of each channel.
    pub async fn apply(&self, tenant: Option<&TenantId>, expected: Option<&str>) -> Result<Vec<Done>, String> {
        self.provisioner.apply(tenant, expected, &who()).await.map(|(_, done)| done)
    }

    /// Records that the channel named `name` has this id.
    pub async fn adopt(&self, tenant: Option<&TenantId>, name: &str, id: &ChannelId) -> Result<Vec<Done>, String> {
        self.provisioner.adopt(tenant, name, id, &who()).await.map(|done| vec![done])
    }

    /// Leaves what was sent in the last minute for the next start, and lets the journal go.
    pub async fn close(self) {
        let Some(journal) = self.journal else { return };
        let wall = self.clock.wall();
        let recent = |(id, platform): (&TenantId, &Arc<dyn crate::platform::Platform>)| {
            recent_state(id.as_str(), &platform.recent_requests(), wall)
        };
        let states = self.setup.load().platforms.iter().map(recent).collect();
        if let Err(error) = journal.submit(Batch { states, ..Batch::default() }).await {
            terminal::complain(&format!("trunkwarden: {error}"));
        }
        journal.close().await;
    }
}

/// Clients of the tenants of which something is desired, with what the last minute has spent.
fn connected(config: &Config, recovered: &Recovered, clock: &Clock) -> Result<Setup, String> {
    let connect = connect(clock.clone(), Counters::new());
    let desired = desired(config);
    let mut recent = recent_requests(config, recovered, clock.wall());
    let mut setup = Setup::default();
    for (id, tenant) in config.tenants.iter().filter(|(id, _)| desired.iter().any(|d| d.spec.tenant == **id)) {
        let told = |why: String| format!("tenant `{id}`: {why}");
        let secret = tenant.auth.client_secret.resolve().map_err(|error| told(error.to_string()))?;
        let platform = connect(tenant, secret, recent.remove(id).into()).map_err(told)?;
        setup.platforms.insert(id.clone(), platform);
    }
    setup.desired = desired;
    Ok(setup)
}

fn who() -> String {
    Actor::Operator(format!("uid:{}", rustix::process::getuid().as_raw())).to_string()
}
