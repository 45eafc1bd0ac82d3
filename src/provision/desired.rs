//! A desired channel, and what may be done to bring it about.

use crate::config::{Config, Provision, ProvisioningMode};
use crate::policy::{Mode, TenantId};
use std::time::Duration;

/// A channel that the configuration desires.
#[derive(Clone, Debug)]
pub struct Desired {
    /// The channel as the file describes it.
    pub spec: Provision,
    /// What the daemon does by itself.
    pub by_itself: ProvisioningMode,
    /// The policy's mode under the daemon's cap: in `Observe` nothing is changed, in `Propose` only a person changes it.
    pub mode: Mode,
    /// How often it is compared with the platform.
    pub interval: Duration,
    /// How long after a creation of unknown outcome no other is sent.
    pub settle_for: Duration,
}

impl Desired {
    /// Its key: a name is unique within its tenant only.
    pub fn key(&self) -> (TenantId, String) {
        (self.spec.tenant.clone(), self.spec.name.clone())
    }

    /// Why not even a person may change it; `None`: a person may.
    pub fn forbidden(&self) -> Option<String> {
        let policy = &self.spec.policy.name;
        (self.mode == Mode::Observe).then(|| {
            format!("`daemon.mode` or the mode of policy `{policy}` is \"observe\", which makes no changes: set it to \"propose\" or \"enforce\"")
        })
    }
}

/// The channels that a configuration desires, in the order of its files.
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
