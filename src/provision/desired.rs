//! What is desired, and how far it may be brought about.

use crate::config::{Config, Provision, ProvisioningMode};
use crate::policy::{Mode, TenantId};
use std::time::Duration;

/// A channel that the configuration desires.
#[derive(Clone, Debug)]
pub struct Desired {
    /// As it stands in the file.
    pub spec: Provision,
    /// What the daemon does by itself.
    pub by_itself: ProvisioningMode,
    /// The policy's mode under the daemon's cap: in `Observe` nobody changes anything, in `Propose` a person does.
    pub mode: Mode,
    /// How often it is held against the platform.
    pub interval: Duration,
    /// How long after a creation of unknown outcome no other is sent.
    pub settle_for: Duration,
}

impl Desired {
    /// Under which it is kept: names are a tenant's own.
    pub fn key(&self) -> (TenantId, String) {
        (self.spec.tenant.clone(), self.spec.name.clone())
    }

    /// Why nobody may change it; `None`: a person may.
    pub fn forbidden(&self) -> Option<String> {
        let policy = &self.spec.policy.name;
        (self.mode == Mode::Observe).then(|| {
            format!("`daemon.mode` or the mode of policy `{policy}` is \"observe\", which makes no changes: set it to \"propose\" or \"enforce\"")
        })
    }
}

/// What a configuration desires, in the order of its files.
pub fn desired(config: &Config) -> Vec<Desired> {
    let one = |spec: &Provision| {
        let rules = config.provisioning.get(&spec.policy.name);
        Desired {
            spec: spec.clone(),
            by_itself: rules.map(|rules| rules.mode).unwrap_or_default(),
            mode: config.daemon.mode.min(spec.policy.mode.0),
            interval: rules.map_or(Duration::from_mins(5), |rules| rules.interval),
            settle_for: rules.map_or(Duration::from_mins(5), |rules| rules.settle_for),
        }
    };
    config.provisions.iter().map(one).collect()
}
