//! A client for each tenant, kept across reloads where nothing about its connection changed: its token and its connections
//! stay. Its request budget is the tenant's: it outlives every client.

use super::calendar::Calendar;
use super::prober::TenantPlan;
use crate::config::{Config, Print, References, Tenant};
use crate::platform::{Budget, Platform, Spent};
use crate::policy::{Params, TelemetryParams, TenantId};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Makes a client for a tenant, given its secret and what is known of its last minute's requests.
pub type Connect = Box<dyn Fn(&Tenant, SecretString, Spent) -> Result<Arc<dyn Platform>, String> + Send + Sync>;

/// The clients of all tenants.
pub struct Clients {
    connect: Connect,
    known: BTreeMap<TenantId, Client>,
    /// One for each tenant, and for one that was taken out until its last minute is over.
    budgets: BTreeMap<TenantId, Budget>,
}

/// A client for each tenant of a configuration, for [`Clients::take`].
pub(super) struct Connected(BTreeMap<TenantId, Client>);

struct Client {
    tenant: Tenant,
    /// Of what its secrets and its authorities were when it was connected.
    print: Print,
    platform: Arc<dyn Platform>,
}

/// A configuration, ready for the driver.
pub struct Reload {
    /// What the engine works by.
    pub params: Params,
    /// What the prober works by.
    pub plans: Vec<TenantPlan>,
    /// The clients.
    pub platforms: BTreeMap<TenantId, Arc<dyn Platform>>,
    /// When its windows are open.
    pub calendar: Calendar,
    /// The reference targets.
    pub references: References,
    /// Why it is taken, and what it changes, for the audit log.
    pub news: News,
}

/// What is told of a configuration that is taken.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// One sentence.
    pub reason: String,
    /// The same for machines.
    pub details: Value,
}

/// What the driver gets about configurations.
pub enum Reconfiguration {
    /// Work by this one from now on.
    Take(Box<Reload>),
    /// One was refused, for this reason; the old one stays.
    Refused(String),
}

/// A tenant cannot be connected to as configured.
#[derive(Debug, thiserror::Error)]
#[error("tenant `{tenant}`: {why}")]
pub struct ConnectError {
    /// The tenant.
    pub tenant: TenantId,
    /// What is wrong and what to do, without secrets.
    pub why: String,
}

impl Clients {
    /// No clients yet.
    pub fn new(connect: Connect) -> Self {
        Self { connect, known: BTreeMap::new(), budgets: BTreeMap::new() }
    }

    /// Connects every tenant of `config` and works with them: all of them, or an error and nothing is changed.
    pub fn prepare(
        &mut self,
        config: &Config,
        recent: &BTreeMap<TenantId, Vec<Duration>>,
        why: String,
    ) -> Result<Reload, ConnectError> {
        let connected = self.connect(config, recent)?;
        Ok(self.take(config, connected, News { reason: why, details: Value::Null }))
    }

    /// Connects every tenant of `config`: all of them, or an error. Nothing is changed yet. Blocks while it reads secrets.
    pub(super) fn connect(
        &self,
        config: &Config,
        recent: &BTreeMap<TenantId, Vec<Duration>>,
    ) -> Result<Connected, ConnectError> {
        let mut next = BTreeMap::new();
        for (id, tenant) in &config.tenants {
            let client = self.client(tenant, recent.get(id).cloned());
            next.insert(id.clone(), client.map_err(|why| ConnectError { tenant: id.clone(), why })?);
        }
        Ok(Connected(next))
    }

    /// Works with these clients from now on.
    pub(super) fn take(&mut self, config: &Config, Connected(next): Connected, news: News) -> Reload {
        for client in next.values() {
            client.platform.set_limit(client.tenant.requests_per_minute);
        }
        self.budgets.retain(|id, budget| next.contains_key(id) || !budget.recent().is_empty());
        let budgets = next.iter().filter_map(|(id, client)| Some((id.clone(), client.platform.shared_budget()?)));
        self.budgets.extend(budgets);
        self.known = next;
        let platforms: BTreeMap<TenantId, Arc<dyn Platform>> =
            self.known.iter().map(|(id, client)| (id.clone(), Arc::clone(&client.platform))).collect();
        let plans = platforms
            .iter()
            .map(|(id, platform)| TenantPlan {
                id: id.clone(),
                platform: Arc::clone(platform),
                telemetry: telemetry_of(config, id),
                pages: None,
            })
            .collect();
        Reload {
            params: config.params(),
            plans,
            platforms,
            calendar: Calendar::new(&config.provisioning),
            references: config.references.clone(),
            news,
        }
    }

    fn client(&self, tenant: &Tenant, recent: Option<Vec<Duration>>) -> Result<Client, String> {
        // Before they are read for use: what is rotated in between is another print's the next time.
        let print = tenant.print();
        let secret = tenant.auth.client_secret.resolve().map_err(|error| error.to_string())?;
        let known = self.known.get(&tenant.id);
        if let Some(known) = known.filter(|k| same_connection(&k.tenant, tenant))
            && known.print == print
        {
            return Ok(Client { tenant: tenant.clone(), print, platform: Arc::clone(&known.platform) });
        }
        // A new client of a known tenant spends from the same budget, as the requests of the old one still do.
        let spent = match self.budgets.get(&tenant.id) {
            Some(budget) => Spent::Shared(budget.clone()),
            None => recent.into(),
        };
        let platform = (self.connect)(tenant, secret, spent)?;
        Ok(Client { tenant: tenant.clone(), print, platform })
    }
}

fn same_connection(a: &Tenant, b: &Tenant) -> bool {
    let auth = |t: &Tenant| {
        let auth = &t.auth;
        let bridging = t.bridge.as_ref().map(|bridge| bridge.scopes.clone());
        (auth.client_id.clone(), auth.token_url.clone(), auth.scopes.clone(), bridging)
    };
    a.base_url == b.base_url
        && a.ca_file == b.ca_file
        && a.proxy == b.proxy
        && a.headers == b.headers
        && auth(a) == auth(b)
        && a.paths == b.paths
}

/// The ways in which telemetry is asked for.
fn telemetry_of(config: &Config, tenant: &TenantId) -> Vec<TelemetryParams> {
    let mut ways: Vec<TelemetryParams> = Vec::new();
    for channel in config.channels.iter().filter(|c| c.key.tenant == *tenant) {
        if !ways.contains(&channel.policy.telemetry) {
            ways.push(channel.policy.telemetry);
        }
    }
    ways
}
