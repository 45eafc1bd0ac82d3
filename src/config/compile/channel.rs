//! Channels that exist, and whether what all channels refer to exists.

use super::Compiler;
use super::parts::{Placed, Read};
use super::policy::Compiled;
use crate::config::keys::{Key, List, Named, channel, root};
use crate::config::loc::Loc;
use crate::config::model::Channel;
use crate::config::section::Section;
use crate::config::syntax::{nearest, shorten};
use crate::policy::{ChannelId, ChannelKey, Policy};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Beyond so many channels of a tenant, an unknown backup is named without its nearest: the search would take long.
const MAX_FOR_NEAREST: usize = 2000;

impl Compiler<'_> {
    /// Every channel with an id, in the order of the files.
    pub(super) fn channels(&mut self, policies: &BTreeMap<String, Compiled>) -> Vec<Read> {
        let mut channels = Vec::new();
        let mut first: HashMap<ChannelKey, Loc> = HashMap::new();
        let documents = self.documents;
        for (_, section) in documents.rows(&root::CHANNELS) {
            if !self.exactly_one(section) {
                continue;
            }
            let id = section.get(&channel::ID);
            let tenant = section.get(&channel::TENANT);
            let policy = self.policy_of(section, policies);
            if !id.sound {
                continue;
            }
            let key = ChannelKey::new(tenant.value.as_str(), id.value.as_str());
            if tenant.sound
                && let Some(first) = first.insert(key.clone(), id.at)
            {
                let message = format!("the channel `{}` of `{}` is listed twice", shorten(&id.value), tenant.value);
                self.error(id.at, message).also(first, "first here");
            }
            let backups = self.backups(section.get(&channel::FAILOVER).value, Some(&id.value));
            let failover = section
                .has(&channel::FAILOVER)
                .then(|| backups.iter().map(|(id, _)| ChannelId::from(id.as_str())).collect::<Vec<_>>());
            let carrier = section.find(&channel::CARRIER).map(|found| found.value);
            channels.push(Read { channel: Channel { key, policy, failover, carrier }, tenant, backups });
        }
        channels
    }

    /// Whether the row has exactly one of `id` and `[channels.provision]`, and whether it is the former.
    fn exactly_one(&mut self, section: &Section) -> bool {
        let (id, provision) = (section.has(&channel::ID), section.has(&channel::PROVISION));
        match (id, provision) {
            (true, true) => {
                let other = section.key_at(&channel::PROVISION);
                self.error(
                    section.key_at(&channel::ID),
                    "a channel takes an `id` or a [channels.provision] table, not both",
                )
                .also(other, "and this");
            }
            (false, false) => {
                let found =
                    self.error(section.at, "a channel needs an `id`, or a `name` and a [channels.provision] table");
                found.help("`id` for a channel that exists, [channels.provision] for one to create");
            }
            (true, false) if section.has(&channel::NAME) => {
                self.warning(section.key_at(&channel::NAME), "`name` has no effect on a channel with an `id`");
            }
            (false, true) if !section.has(&channel::NAME) => {
                self.error(section.at, "a channel with [channels.provision] needs a `name`");
            }
            _ => {}
        }
        if provision && !id && section.has(&channel::FAILOVER) {
            let at = section.key_at(&channel::FAILOVER);
            self.error(at, "the `failover` of a desired channel belongs in its [channels.provision] table");
        }
        id && !provision
    }

    pub(super) fn policy_of(&mut self, section: &Section, policies: &BTreeMap<String, Compiled>) -> Arc<Policy> {
        let name = section.get(&channel::POLICY);
        if let Some(compiled) = policies.get(&name.value) {
            return Arc::clone(&compiled.policy);
        }
        if name.sound {
            self.unknown(name.at, "policy", &name.value, policies.keys().map(String::as_str));
        }
        Arc::new(Policy::default())
    }

    /// Backups as listed; never the channel itself, and none twice.
    pub(super) fn backups(&mut self, backups: List<String>, own: Option<&str>) -> List<String> {
        let mut seen: BTreeMap<&str, Loc> = BTreeMap::new();
        for (id, at) in &backups {
            let shown = shorten(id);
            if own == Some(id.as_str()) {
                self.error(*at, format!("the channel `{shown}` is its own backup"));
            } else if let Some(first) = seen.insert(id, *at) {
                self.error(*at, format!("the backup `{shown}` is listed twice")).also(first, "first here");
            }
        }
        backups
    }

    /// What channels refer to: tenants must exist; backups that are no configured channel are worth a warning.
    pub(super) fn references(&mut self, channels: &[Read], tenants: &BTreeMap<String, Placed>) {
        let mut ids: HashMap<&str, HashSet<&str>> = HashMap::new();
        for read in channels {
            ids.entry(read.channel.key.tenant.as_str()).or_default().insert(read.channel.key.channel.as_str());
        }
        let documents = self.documents;
        for (_, section) in documents.rows(&root::CHANNELS) {
            let tenant = section.get(&channel::TENANT);
            if tenant.sound && !tenants.contains_key(&tenant.value) && !self.declared(&root::TENANTS, &tenant.value) {
                self.unknown(tenant.at, "tenant", &tenant.value, tenants.keys().map(String::as_str));
            }
        }
        for read in channels.iter().filter(|read| read.tenant.sound) {
            // What a channel of no known tenant refers to is nobody's.
            let Some(known) = ids.get(read.tenant.value.as_str()).filter(|_| tenants.contains_key(&read.tenant.value))
            else {
                continue;
            };
            for (id, at) in read.backups.iter().filter(|(id, _)| !known.contains(id.as_str())) {
                let near = if known.len() <= MAX_FOR_NEAREST && self.findings.has_room() {
                    let own = read.channel.key.channel.as_str();
                    nearest(id, sorted(known.iter().copied().filter(|other| *other != own)).into_iter())
                } else {
                    None
                };
                let message =
                    format!("the backup `{}` is not a configured channel of `{}`", shorten(id), read.tenant.value);
                let found =
                    self.warning(*at, message).label("it is watched while it is a candidate, and never moved itself");
                let alone = id.strip_prefix(read.tenant.value.as_str()).and_then(|rest| rest.strip_prefix('/'));
                if let Some(id) = alone.filter(|id| known.contains(id)) {
                    found.help(format!("write the id alone: `{id}`"));
                } else if let Some(near) = near {
                    found.help(format!("did you mean `{near}`?"));
                }
            }
        }
    }

    /// Whether a named table stands in a file, rightly or not.
    fn declared(&self, table: &'static Key<Named>, name: &str) -> bool {
        self.documents.named(table).any(|(_, key, _, _)| key == name)
    }
}

fn sorted<'s>(names: impl Iterator<Item = &'s str>) -> Vec<&'s str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}
