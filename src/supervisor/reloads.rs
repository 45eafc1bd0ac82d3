//! New configurations on their way to the driver: connected, and with the desired channels in them that exist by now.
//!
//! Secrets are read in a thread of their own. Must never: change anything before every one of them has been read.

use super::calls::Calls;
use super::clients::{Clients, ConnectError, Connected, News, Reconfiguration, Reload};
use crate::config::{Aside, Config, NoAnswer, changes};
use crate::policy::TenantId;
use crate::provision::{Register, Rewatch, Setup, watched};
use crate::sync::lock;
use arc_swap::ArcSwap;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, mpsc};

/// How long the secrets of all tenants may take to be read.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Prepares new configurations and gives them to the driver. Clones are one.
#[derive(Clone)]
pub struct Reloads {
    taking: Arc<Mutex<Taking>>,
    driver: mpsc::Sender<Reconfiguration>,
    reading: Aside,
}

/// What a configuration is prepared with.
pub struct Taking {
    /// The clients of the tenants.
    pub clients: Clients,
    /// The configuration in force, as it stands in the file.
    pub config: Config,
    /// What is known of desired channels.
    pub register: Register,
    /// What the provisioner works by.
    pub setup: Arc<ArcSwap<Setup>>,
    /// Tells the provisioner of another one.
    pub poked: Arc<Notify>,
    /// Bridging.
    pub calls: Calls,
}

/// Why a configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// A tenant cannot be connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A secret was not read in time.
    #[error("the tenants' secrets: {0}")]
    Secrets(#[from] NoAnswer),
}

impl Reloads {
    /// Creates the handle; clones share one `Taking`.
    pub(super) fn new(taking: Taking, driver: mpsc::Sender<Reconfiguration>) -> Self {
        Self { taking: Arc::new(Mutex::new(taking)), driver, reading: Aside::new(READ_WITHIN) }
    }

    /// Connects what is new and gives the whole to the driver; on an error nothing is changed. Answers what is told of it.
    ///
    /// # Errors
    /// Where a tenant cannot be connected to as configured.
    pub async fn give(&mut self, config: &Config, why: String) -> Result<String, NotTaken> {
        let (taking, connected) = self.connected(|_| config.clone()).await?;
        let news = news(&taking.config, config, &why);
        let reason = news.reason.clone();
        let poked = Arc::clone(&taking.poked);
        self.take(taking, config, connected, news).await;
        poked.notify_one();
        Ok(reason)
    }

    /// Writes down that a configuration was refused, and why.
    pub async fn refused(&self, why: String) {
        self.send(Reconfiguration::Refused(why)).await;
    }

    /// Reads the secrets and connects. Who comes late has changed nothing.
    async fn connected(
        &self,
        of: impl FnOnce(&Taking) -> Config,
    ) -> Result<(OwnedMutexGuard<Taking>, Connected), NotTaken> {
        let taking = tokio::time::timeout(READ_WITHIN, Arc::clone(&self.taking).lock_owned()).await;
        let taking = taking.map_err(|_| self.reading.no_answer())?;
        let whole = taking.whole(&of(&taking));
        let read = move || taking.clients.connect(&whole, &BTreeMap::new()).map(|connected| (taking, connected));
        Ok(self.reading.read(read).await??)
    }

    async fn take(&self, mut taking: OwnedMutexGuard<Taking>, config: &Config, connected: Connected, news: News) {
        let reload = taking.prepare(config, connected, news);
        taking.config = config.clone();
        self.send(Reconfiguration::Take(Box::new(reload))).await;
    }

    async fn send(&self, what: Reconfiguration) {
        // The driver is gone only at a stop, and then it no longer matters.
        let _ = self.driver.send(what).await;
    }
}

#[async_trait::async_trait]
impl Rewatch for Reloads {
    async fn again(&self, why: String) -> Result<(), String> {
        let (taking, connected) =
            self.connected(|taking| taking.config.clone()).await.map_err(|error| error.to_string())?;
        let config = taking.config.clone();
        self.take(taking, &config, connected, News { reason: why, details: json!({}) }).await;
        Ok(())
    }
}

impl Taking {
    /// Connects the first configuration, and lets the provisioner work by it.
    pub(super) fn start(
        &mut self,
        config: &Config,
        recent: &BTreeMap<TenantId, Vec<Duration>>,
    ) -> Result<Reload, ConnectError> {
        let connected = self.clients.connect(&self.whole(config), recent)?;
        Ok(self.prepare(config, connected, News::default()))
    }

    fn prepare(&mut self, config: &Config, connected: Connected, news: News) -> Reload {
        let whole = self.whole(config);
        let reload = self.clients.take(&whole, connected, news);
        self.calls.configure(&whole, &reload.platforms);
        self.setup.store(Arc::new(Setup::new(config, reload.platforms.clone())));
        reload
    }

    fn whole(&self, config: &Config) -> Config {
        watched(config, &lock(&self.register))
    }
}

/// What is told of a reload: why it was done, and what it changes.
fn news(old: &Config, new: &Config, why: &str) -> News {
    let changes = changes(old, new);
    let told = match changes.as_slice() {
        [] if old.digest == new.digest => "nothing changed".to_owned(),
        [] => "no setting changed".to_owned(),
        changes => changes.join("; "),
    };
    let details = json!({
        "changes": changes,
        "old": { "mode": old.daemon.mode, "digest": old.digest },
        "new": { "mode": new.daemon.mode, "digest": new.digest },
    });
    News { reason: format!("configuration reloaded ({why}): {told}"), details }
}
