//! Plans and applies desired channels.

use super::desired::{Desired, desired};
use super::known::{Known, Origin};
use super::plan::{Done, Item, Plan, Result as Came, Sight};
use super::register::{Key, Register};
use super::setbacks::Setbacks;
use super::survey::{Surveyor, single};
use crate::clearance::Permits;
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::journal::Journal;
use crate::platform::{Class, Platform};
use crate::policy::{ChannelId, ChannelKey, TenantId, Time};
use crate::sync::lock;
use arc_swap::ArcSwap;
use futures_util::{StreamExt, stream};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// Tenants that are worked on at once: a slow one keeps no other waiting.
pub(super) const AT_ONCE: usize = 16;

/// The configuration in force, as far as it concerns what is desired.
#[derive(Clone, Default)]
pub struct Setup {
    /// In the order of the files.
    pub desired: Vec<Desired>,
    /// Channels that stand in the files by their ids.
    pub by_id: HashSet<ChannelKey>,
    /// The clients of the tenants.
    pub platforms: BTreeMap<TenantId, Arc<dyn Platform>>,
}

impl Setup {
    /// What `config` desires, through these clients.
    pub fn new(config: &Config, platforms: BTreeMap<TenantId, Arc<dyn Platform>>) -> Self {
        let by_id = config.channels.iter().map(|channel| channel.key.clone()).collect();
        Self { desired: desired(config), by_id, platforms }
    }
}

/// Brings about what is desired. Whoever has one has the journal's lock.
pub struct Provisioner {
    pub(super) surveyor: Surveyor,
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    pub(super) permits: Permits,
    pub(super) counters: Counters,
    pub(super) register: Register,
    pub(super) setup: Arc<ArcSwap<Setup>>,
    /// When creations of this process were sent, by its own clock: the calendar may be set.
    pub(super) sent: Mutex<HashMap<Key, Time>>,
    /// What the daemon does not try again by itself, or not yet.
    pub(super) setbacks: Setbacks,
    /// What could not be read of the platform at the last look, and was told.
    pub(super) unseen: Mutex<HashSet<Key>>,
}

impl Provisioner {
    /// Creates one that knows what `register` holds and reads `setup` each time it works.
    pub fn new(
        surveyor: Surveyor,
        journal: Journal,
        permits: Permits,
        counters: Counters,
        register: Register,
        setup: Arc<ArcSwap<Setup>>,
    ) -> Self {
        let (sent, setbacks, unseen) = (Mutex::default(), Setbacks::default(), Mutex::default());
        let clock = surveyor.clock.clone();
        Self { surveyor, clock, journal, permits, counters, register, setup, sent, setbacks, unseen }
    }

    /// What would be done, for one tenant or all. Changes nothing.
    pub async fn plan(&self, tenant: Option<&TenantId>) -> Plan {
        let setup = self.setup.load_full();
        let tenants = tenants(&setup, tenant);
        let surveys = tenants.iter().map(|tenant| self.survey(&setup, tenant));
        let items: Vec<Vec<Item>> = stream::iter(surveys.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
        Plan { items: items.into_iter().flatten().collect() }
    }

    /// Takes a person's word for which channel a name means.
    ///
    /// # Errors
    /// One sentence, if no such channel is desired or the platform does not have it.
    pub async fn adopt(
        &self,
        tenant: Option<&TenantId>,
        name: &str,
        id: &ChannelId,
        who: &str,
    ) -> std::result::Result<Done, String> {
        let setup = self.setup.load_full();
        let desired = one_named(&setup, tenant, name)?;
        let tenant = &desired.spec.tenant;
        if setup.by_id.contains(&ChannelKey::new(tenant.clone(), id.clone())) {
            return Err(format!(
                "{id} is a row of its own in the configuration (`id = \"{id}\"`), so it cannot be `{name}` as well; remove one of \
                 the two rows first; nothing was changed"
            ));
        }
        let platform = platform_of(&setup, tenant)?;
        let item = match single(&*platform, id, Class::Rest).await {
            Sight::Exists(doc) => self.surveyor.judge(desired, None, &Sight::Exists(doc)).await,
            Sight::Gone(_) => return Err(format!("the platform of {tenant} has no channel {id}; nothing was changed")),
            Sight::Unseen(why) => return Err(format!("{why}; nothing was changed")),
            _ => return Err("nothing was changed".to_owned()),
        };
        if item.id.is_none() || !item.new {
            return Err(item.why.unwrap_or_else(|| "nothing was changed".to_owned()));
        }
        if self.known(&desired.key()).and_then(|known| known.id).as_ref() == Some(id) {
            return Ok(item.done(Came::Unchanged, Some("it was already known by this id".to_owned())));
        }
        let other = setup.desired.iter().filter(|d| d.key() != desired.key()).find(|d| {
            let known = self.known(&d.key());
            d.spec.tenant == *tenant && known.and_then(|known| known.id).as_ref() == Some(id)
        });
        if let Some(other) = other {
            return Err(format!("{id} is already the id of `{}`; nothing was changed", other.spec.name));
        }
        Ok(self.take(desired, &item, Origin::Adopted, who).await)
    }

    pub(super) async fn survey(&self, setup: &Setup, tenant: &TenantId) -> Vec<Item> {
        let desired: Vec<(&Desired, Option<Known>)> = setup
            .desired
            .iter()
            .filter(|desired| desired.spec.tenant == *tenant)
            .map(|desired| (desired, self.known(&desired.key())))
            .collect();
        let Ok(platform) = platform_of(setup, tenant) else { return Vec::new() };
        self.surveyor.survey(&*platform, &desired).await
    }

    /// The ids that are known, by name.
    pub(super) fn ids(&self) -> BTreeMap<Key, ChannelId> {
        lock(&self.register).iter().filter_map(|(key, known)| Some((key.clone(), known.id.clone()?))).collect()
    }

    pub(super) fn known(&self, key: &Key) -> Option<Known> {
        let known = lock(&self.register).get(key).cloned()?;
        Some(Known { shown: known.shown || self.surveyor.seen.has_shown(key), ..known })
    }

    /// Whether it is already recorded that the channel has shown credentials.
    pub(super) fn keeps_shown(&self, key: &Key) -> bool {
        lock(&self.register).get(key).is_some_and(|known| known.shown)
    }

    /// Keeps this from now on; the caller writes it to the journal.
    pub(super) fn keep(&self, known: &Known) {
        lock(&self.register).insert((known.tenant.clone(), known.name.clone()), known.clone());
    }
}

/// The tenants that desire channels.
pub fn tenants(setup: &Setup, only: Option<&TenantId>) -> Vec<TenantId> {
    let mut tenants: Vec<TenantId> = setup.desired.iter().map(|desired| desired.spec.tenant.clone()).collect();
    tenants.sort();
    tenants.dedup();
    tenants.retain(|tenant| only.is_none_or(|only| only == tenant));
    tenants
}

/// The client of a tenant.
pub fn platform_of(setup: &Setup, tenant: &TenantId) -> std::result::Result<Arc<dyn Platform>, String> {
    setup.platforms.get(tenant).cloned().ok_or_else(|| format!("no tenant `{tenant}` is configured"))
}

fn one_named<'s>(setup: &'s Setup, tenant: Option<&TenantId>, name: &str) -> std::result::Result<&'s Desired, String> {
    let mut found =
        setup.desired.iter().filter(|d| d.spec.name == name && tenant.is_none_or(|tenant| d.spec.tenant == *tenant));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(format!("several tenants desire `{name}`: choose one with --tenant NAME")),
        (None, _) => Err(format!("no desired channel is named `{name}`: give it a [channels.provision] table first")),
    }
}
