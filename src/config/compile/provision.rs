//! Channels that are desired by name: their bounds, and what they refer to.

use super::Compiler;
use super::parts::{Desired, Read};
use super::policy::Compiled;
use crate::config::documents::PASSWORD;
use crate::config::keys::channel::{self, codec, health_check, provision};
use crate::config::keys::root;
use crate::config::loc::Loc;
use crate::config::model::{HealthCheck, Provision, ProvisioningMode};
use crate::config::secrets::SecretRef;
use crate::config::section::Section;
use crate::config::syntax::shorten;
use crate::policy::{ChannelId, Codec, Mode, Policy};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

impl Compiler<'_> {
    /// Every channel that is desired by name.
    pub(super) fn provisions(&mut self, policies: &BTreeMap<String, Compiled>) -> Vec<Desired> {
        let mut out = Vec::new();
        let mut first: HashMap<(String, String), Loc> = HashMap::new();
        let documents = self.documents;
        for (dir, section) in documents.rows(&root::CHANNELS) {
            let Some(desired) = section.find_table(&channel::PROVISION).filter(|_| !section.has(&channel::ID)) else {
                continue;
            };
            let name = section.get(&channel::NAME);
            let tenant = section.get(&channel::TENANT);
            let policy = self.policy_of(section, policies);
            if name.sound && tenant.sound {
                let key = (tenant.value.clone(), name.value.clone());
                if let Some(first) = first.insert(key, name.at) {
                    let message = format!("the channel named `{}` of `{}` is listed twice", name.value, tenant.value);
                    self.error(name.at, message).also(first, "first here");
                }
            }
            let backups = self.backups(desired.get(&provision::FAILOVER).value, None);
            let mut provision = self.provision(&name.value, &tenant.value, policy, desired, dir);
            provision.carrier = section.find(&channel::CARRIER).map(|found| found.value);
            provision.failover = desired
                .has(&provision::FAILOVER)
                .then(|| backups.iter().map(|(id, _)| ChannelId::from(id.as_str())).collect::<Vec<_>>());
            out.push(Desired { provision, at: section.key_at(&channel::PROVISION), backups });
        }
        out
    }

    /// What desired channels refer to, and whether their policies let them be created.
    pub(super) fn desired(
        &mut self,
        desired: &[Desired],
        channels: &[Read],
        policies: &BTreeMap<String, Compiled>,
        daemon: Mode,
    ) {
        let ids: HashSet<(&str, &str)> =
            channels.iter().map(|r| (r.channel.key.tenant.as_str(), r.channel.key.channel.as_str())).collect();
        let names: HashSet<(&str, &str)> =
            desired.iter().map(|d| (d.provision.tenant.as_str(), d.provision.name.as_str())).collect();
        for Desired { provision, at, backups } in desired {
            let tenant = provision.tenant.as_str();
            for (id, at) in backups.iter().filter(|(id, _)| !ids.contains(&(tenant, id.as_str()))) {
                let message = format!("the backup `{}` is not a configured channel of `{tenant}`", shorten(id));
                let found = self.warning(*at, message).label("the platform refuses backups that do not exist there");
                if names.contains(&(tenant, id.as_str())) {
                    found.help("this is the name of a desired channel; backups are ids: `trunkwarden channels list`");
                }
            }
            let policy = &provision.policy;
            let own = policies.get(&policy.name).map(|p| p.provisioning.mode).unwrap_or_default();
            if own != ProvisioningMode::Report && daemon.min(policy.mode.0) != Mode::Enforce {
                let (whose, mode) = if daemon == Mode::Enforce {
                    (format!("the policy `{}`", policy.name), policy.mode.0)
                } else {
                    ("`daemon`".to_owned(), daemon)
                };
                let message = format!("`{}` is only reported, not created", shorten(&provision.name));
                let mode = match mode {
                    Mode::Observe => "observe",
                    Mode::Propose => "propose",
                    Mode::Enforce => "enforce",
                };
                self.warning(*at, message).label(format!("the mode of {whose} is \"{mode}\""));
            }
        }
    }

    fn provision(&mut self, name: &str, tenant: &str, policy: Arc<Policy>, desired: &Section, dir: &Path) -> Provision {
        let password = self.secret(desired, &provision::PASSWORD, &format!("{PASSWORD}{name}"), dir);
        Provision {
            tenant: tenant.into(),
            name: name.to_owned(),
            policy,
            carrier: None,
            sip_server: desired.get(&provision::SIP_SERVER).value,
            sip_port: desired.get(&provision::SIP_PORT).value,
            username: desired.get(&provision::USERNAME).value,
            // Where it is missing the reader said so, and this configuration is thrown away.
            password: password.unwrap_or_else(|| SecretRef::Env(String::new())),
            codecs: self.codecs(desired),
            failover: None,
            health_check: self.health_check(desired),
        }
    }

    fn health_check(&mut self, desired: &Section) -> Option<HealthCheck> {
        let check = desired.find_table(&provision::HEALTH_CHECK)?;
        let (interval, timeout) =
            (check.get(&health_check::INTERVAL_SECONDS), check.get(&health_check::TIMEOUT_SECONDS));
        if interval.sound && timeout.sound && timeout.value >= interval.value {
            let at = if timeout.set { timeout.at } else { interval.at };
            let message = format!(
                "health_check: `timeout_seconds` ({}) must be below `interval_seconds` ({})",
                timeout.value, interval.value
            );
            self.error(at, message);
        }
        Some(HealthCheck { interval_seconds: interval.value, timeout_seconds: timeout.value })
    }

    fn codecs(&mut self, desired: &Section) -> Vec<Codec> {
        let mut codecs = Vec::new();
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut priorities: BTreeSet<u32> = BTreeSet::new();
        let rows = desired.get(&provision::CODECS).value;
        for row in rows {
            let (name, priority) = (row.get(&codec::NAME), row.get(&codec::PRIORITY));
            if name.sound && !names.insert(name.value.clone()) {
                self.error(name.at, format!("the codec {} is listed twice", name.value));
            }
            if priority.sound && !priorities.insert(priority.value) {
                self.error(priority.at, format!("the priority {} is used twice", priority.value));
            }
            codecs.push(Codec { name: name.value, priority: priority.value });
        }
        codecs
    }
}
