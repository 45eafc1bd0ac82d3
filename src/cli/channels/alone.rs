//! Without a daemon: the same provisioner in this process, without an engine beside it.

use crate::clearance::Permits;
use crate::cli::alone::{Alone, who};
use crate::cli::run::NotStarted;
use crate::config::Config;
use crate::policy::{ChannelId, TenantId, Writer};
use crate::provision::{Digests, Done, Plan, Provisioner, Setup, Surveyor, all_known};
use arc_swap::ArcSwap;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A provisioner, and what it works with.
pub struct Ourselves {
    provisioner: Provisioner,
    alone: Alone,
}

impl Ourselves {
    /// Under the journal's lock only where something is to be changed.
    pub fn open(config: &Config, changes: bool) -> Result<Self, NotStarted> {
        let tenants: BTreeSet<&TenantId> = config.provisions.iter().map(|desired| &desired.tenant).collect();
        let alone = Alone::open(config, changes, |id| tenants.contains(id))?;
        let setup = Setup::new(config, alone.platforms.clone());
        let surveyor = Surveyor::new(alone.clock.clone(), alone.reader.clone(), Digests::new(&config.daemon.state_dir));
        let held = |id: &TenantId| Some((id.clone(), alone.held(config, id, Writer::Apply)?));
        let provisioner = Provisioner::new(
            surveyor,
            alone.journal.clone(),
            Permits::alone(config.tenants.keys().filter_map(held).collect()),
            alone.counters.clone(),
            Arc::new(Mutex::new(all_known(&alone.recovered.states))),
            Arc::new(ArcSwap::from_pointee(setup)),
        );
        Ok(Self { provisioner, alone })
    }

    /// What would be done.
    pub async fn plan(&self, tenant: Option<&TenantId>) -> Plan {
        self.provisioner.plan(tenant).await
    }

    /// Applies the plan and returns what became of each channel.
    pub async fn apply(&self, tenant: Option<&TenantId>, expected: Option<&str>) -> Result<Vec<Done>, String> {
        self.provisioner.apply(tenant, expected, &who().to_string()).await.map(|(_, done)| done)
    }

    /// Records that the channel named `name` has this id.
    pub async fn adopt(&self, tenant: Option<&TenantId>, name: &str, id: &ChannelId) -> Result<Vec<Done>, String> {
        self.provisioner.adopt(tenant, name, id, &who().to_string()).await.map(|done| vec![done])
    }

    /// Lets the journal go.
    pub async fn close(self) {
        self.alone.close().await;
    }
}
