//! New configurations on their way to the driver: connected, and with the desired channels in them that exist by now.

use super::calls::Calls;
use super::clients::{Clients, ConnectError, Reconfiguration, Reload};
use crate::config::Config;
use crate::policy::TenantId;
use crate::provision::{Register, Rewatch, Setup, watched};
use crate::sync::lock;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, mpsc};

/// Prepares new configurations and gives them to the driver. Clones are one.
#[derive(Clone)]
pub struct Reloads(Arc<Mutex<Taking>>);

/// What a configuration is prepared with.
pub struct Taking {
    /// The clients of the tenants.
    pub clients: Clients,
    /// The configuration in force, as it stands in the file.
    pub config: Config,
    /// The driver.
    pub driver: mpsc::Sender<Reconfiguration>,
    /// What is known of desired channels.
    pub register: Register,
    /// What the provisioner works by.
    pub setup: Arc<ArcSwap<Setup>>,
    /// Tells the provisioner of another one.
    pub poked: Arc<Notify>,
    /// Bridging.
    pub calls: Calls,
}

impl Reloads {
    /// Creates the handle; clones share one `Taking`.
    pub(super) fn new(taking: Taking) -> Self {
        Self(Arc::new(Mutex::new(taking)))
    }

    /// Connects what is new and gives the whole to the driver; on an error nothing is changed.
    pub async fn give(&mut self, config: &Config, why: String) -> Result<(), ConnectError> {
        let mut taking = self.0.lock().await;
        taking.take(config, why).await?;
        taking.poked.notify_one();
        Ok(())
    }

    /// Writes down that a configuration was refused, and why.
    pub async fn refused(&self, why: String) {
        let driver = self.0.lock().await.driver.clone();
        send(&driver, Reconfiguration::Refused(why)).await;
    }
}

#[async_trait::async_trait]
impl Rewatch for Reloads {
    async fn again(&self, why: String) -> Result<(), String> {
        let mut taking = self.0.lock().await;
        let config = taking.config.clone();
        taking.take(&config, why).await.map_err(|error| error.to_string())
    }
}

impl Taking {
    /// Connects `config`, and lets the provisioner work by it.
    pub(super) fn prepare(
        &mut self,
        config: &Config,
        recent: &BTreeMap<TenantId, Vec<Duration>>,
        why: String,
    ) -> Result<Reload, ConnectError> {
        let whole = watched(config, &lock(&self.register));
        let reload = self.clients.prepare(&whole, recent, why)?;
        self.calls.configure(&whole, &reload.platforms);
        self.setup.store(Arc::new(Setup::new(config, reload.platforms.clone())));
        Ok(reload)
    }

    async fn take(&mut self, config: &Config, why: String) -> Result<(), ConnectError> {
        let reload = self.prepare(config, &BTreeMap::new(), why)?;
        self.config = config.clone();
        send(&self.driver, Reconfiguration::Take(Box::new(reload))).await;
        Ok(())
    }
}

async fn send(driver: &mpsc::Sender<Reconfiguration>, what: Reconfiguration) {
    // The driver is gone only at a stop, and then it no longer matters.
    let _ = driver.send(what).await;
}
