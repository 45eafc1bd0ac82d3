//! What another configuration changes, in a few words each: for the log and the audit entry of a reload.
//!
//! Must never: repeat a value, which may be a secret's place or hold one. Names are told, and the mode.

use super::model::{Auth, Config, Tenant};
use std::collections::BTreeMap;

/// What `new` changes; empty: no setting. One thing is named, more of a kind are counted.
pub fn changes(old: &Config, new: &Config) -> Vec<String> {
    let mut told = settings(old, new);
    // Which scopes are asked for, unless the file says so, follows from the mode.
    let is_same_mode = old.daemon.mode == new.daemon.mode;
    told.extend(compared("tenant", "tenants", old, new, |config| {
        let tenant = |tenant: &Tenant| {
            let scopes = tenant.auth.scopes.iter().filter(|_| is_same_mode).cloned().collect();
            Tenant { auth: Auth { scopes, ..tenant.auth.clone() }, ..tenant.clone() }
        };
        config.tenants.iter().map(|(name, of)| (name.to_string(), tenant(of))).collect()
    }));
    told.extend(compared("policy", "policies", old, new, |config| {
        let policy = |(name, policy)| (String::clone(name), (policy, config.provisioning.get(name)));
        config.policies.iter().map(policy).collect()
    }));
    told.extend(compared("channel", "channels", old, new, |config| {
        config.channels.iter().map(|c| (c.key.to_string(), (&c.policy.name, &c.failover, &c.carrier))).collect()
    }));
    told.extend(compared("desired channel", "desired channels", old, new, |config| {
        let desired = config.provisions.iter().map(|p| {
            let server = (&p.sip_server, p.sip_port, &p.username, &p.password);
            let rest = (&p.policy.name, &p.carrier, &p.codecs, &p.failover, &p.health_check);
            (format!("{}/{}", p.tenant, p.name), (server, rest))
        });
        desired.collect()
    }));
    told.extend(compared("export", "exports", old, new, |config| {
        config.audit.exports.iter().map(|export| (export.sink.name.clone(), export)).collect()
    }));
    told.extend(compared("file sink", "file sinks", old, new, |config| {
        config.audit.files.iter().map(|file| (file.name.clone(), file)).collect()
    }));
    told.extend(compared("webhook", "webhooks", old, new, |config| {
        config.webhooks.iter().map(|webhook| (webhook.sink.name.clone(), webhook)).collect()
    }));
    told
}

/// What there is one of.
fn settings(old: &Config, new: &Config) -> Vec<String> {
    let mode = (old.daemon.mode != new.daemon.mode)
        .then(|| format!("mode {} to {}", old.daemon.mode.name(), new.daemon.mode.name()));
    let others = [
        ("daemon.listen", old.daemon.listen != new.daemon.listen),
        ("daemon.state_dir", old.daemon.state_dir != new.daemon.state_dir),
        ("daemon.hosts", old.daemon.hosts != new.daemon.hosts),
        ("daemon.tokens.operator", old.daemon.operator_token != new.daemon.operator_token),
        ("limits", old.global_limits != new.global_limits),
        ("references", old.references != new.references),
        ("audit.compliance_tag", old.audit.compliance_tag != new.audit.compliance_tag),
        ("audit", old.audit.proof != new.audit.proof),
    ];
    let others = others.into_iter().filter(|(_, changed)| *changed).map(|(what, _)| format!("{what} changed"));
    mode.into_iter().chain(others).collect()
}

/// What became of the things of one kind, which `of` brings by their names.
fn compared<'c, V: PartialEq>(
    one: &str,
    more: &str,
    old: &'c Config,
    new: &'c Config,
    of: impl Fn(&'c Config) -> BTreeMap<String, V>,
) -> Vec<String> {
    let (old, new) = (of(old), of(new));
    let missing_in = |there: &BTreeMap<String, V>, of: &BTreeMap<String, V>| -> Vec<String> {
        of.keys().filter(|name| !there.contains_key(*name)).cloned().collect()
    };
    let changed = new.iter().filter(|(name, value)| old.get(*name).is_some_and(|before| before != *value));
    let changed: Vec<String> = changed.map(|(name, _)| name.clone()).collect();
    let became = [("added", missing_in(&old, &new)), ("removed", missing_in(&new, &old)), ("changed", changed)];
    let words = |(verb, names): (&str, Vec<String>)| match names.as_slice() {
        [] => None,
        [name] => Some(format!("{one} {name} {verb}")),
        names => Some(format!("{} {more} {verb}", names.len())),
    };
    became.into_iter().filter_map(words).collect()
}
