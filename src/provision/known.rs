//! What one process leaves to the next about a desired channel, in the journal's state: above all its id.

use crate::config::{Channel, Config};
use crate::journal::{JournalError, Reader};
use crate::policy::{ChannelId, ChannelKey, TenantId, WallMs};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;
use uuid::Uuid;

/// The prefix of the state keys of desired channels.
pub const PREFIX: &str = "provision/";

/// What is known of a desired channel. Holds no secret: of the password only a keyed digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Its id on the platform; `None`: it is not known to exist.
    pub id: Option<ChannelId>,
    /// Where that id comes from.
    pub origin: Option<Origin>,
    /// The credentials that it was last given.
    pub credentials: Option<Credentials>,
    /// A creation that was sent and whose outcome is not known.
    pub sent: Option<Sent>,
    /// What of it was last told as drift.
    #[serde(default)]
    pub drift: Option<String>,
    /// Other ids that were seen under its name: before it is created they are looked at.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seen: BTreeSet<ChannelId>,
    /// Whether the platform has shown that it has credentials: where it shows none any more, they were lost.
    #[serde(default)]
    pub shown: bool,
}

/// How an id came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// We created it.
    Created,
    /// It was the one channel of that name.
    Found,
    /// A person named it.
    Adopted,
}

/// A SIP user, and a digest of the password under a key of this journal's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// HMAC-SHA-256 in hex; `None`: the password could not be read then.
    pub digest: Option<String>,
}

/// A creation without a certain outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// When it was begun.
    pub at: WallMs,
    /// Its operation.
    pub operation: Uuid,
}

impl Origin {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Found => "found",
            Self::Adopted => "adopted",
        }
    }
}

impl Known {
    /// Nothing is known yet.
    pub fn nothing(tenant: TenantId, name: String) -> Self {
        Self {
            tenant,
            name,
            id: None,
            origin: None,
            credentials: None,
            sent: None,
            drift: None,
            seen: BTreeSet::new(),
            shown: false,
        }
    }

    /// Its key in the journal's state.
    pub fn state_key(&self) -> String {
        format!("{PREFIX}{}/{}", self.tenant, self.name)
    }

    /// How long another creation has still to wait; zero: not at all.
    pub fn unsettled_for(&self, now: WallMs, settle_for: Duration) -> Duration {
        self.sent.map_or(Duration::ZERO, |sent| settle_for.saturating_sub(now.since(sent.at)))
    }
}

/// The desired channels among the journal's states; other states are skipped.
pub fn all_known<'s>(states: impl IntoIterator<Item = &'s (String, Value)>) -> BTreeMap<(TenantId, String), Known> {
    let read = |(key, value): &(String, Value)| -> Option<Known> {
        key.starts_with(PREFIX).then(|| serde_json::from_value(value.clone()).ok())?
    };
    states.into_iter().filter_map(read).map(|known| ((known.tenant.clone(), known.name.clone()), known)).collect()
}

/// [`watched`] by what a journal knows, for whoever reads the past.
///
/// # Errors
/// Where the journal cannot be read.
pub fn watched_by(config: &Config, reader: &Reader) -> Result<Config, JournalError> {
    Ok(watched(config, &all_known(&reader.states()?)))
}

/// The configuration with every desired channel whose id is known watched like any other. A channel that stands in the
/// file by its id is watched as it stands there.
pub fn watched(config: &Config, known: &BTreeMap<(TenantId, String), Known>) -> Config {
    let mut config = config.clone();
    let mut there: HashSet<ChannelKey> = config.channels.iter().map(|channel| channel.key.clone()).collect();
    for desired in &config.provisions {
        let found = known.get(&(desired.tenant.clone(), desired.name.clone()));
        let Some(id) = found.and_then(|known| known.id.clone()) else { continue };
        let key = ChannelKey::new(desired.tenant.clone(), id);
        if there.insert(key.clone()) {
            let (policy, failover) = (std::sync::Arc::clone(&desired.policy), desired.failover.clone());
            config.channels.push(Channel { key, policy, failover, carrier: desired.carrier.clone() });
        }
    }
    config
}
