//! Reports drift: a gauge for each desired channel, and an audit entry whenever the drift changes.

use super::book::{self, state};
use super::known::Known;
use super::plan::{Item, What, digest};
use super::provisioner::Provisioner;
use super::survey::MOST_SEEN;
use crate::journal::Batch;
use crate::policy::{Actor, EventType, TenantId};
use crate::sync::lock;
use std::collections::HashSet;

impl Provisioner {
    /// Records what was seen. A channel that could not be seen keeps its last drift.
    pub(super) async fn note(&self, items: &[Item]) {
        let mut batch = Batch::default();
        for item in items {
            self.tell_unseen(item);
            let Some(drifts) = item.drifts() else { continue };
            self.counters.provision_drift(item.tenant.as_str(), &item.name, drifts);
            let key = (item.tenant.clone(), item.name.clone());
            let mut known = self.known(&key).unwrap_or_else(|| Known::nothing(key.0, key.1));
            let drift = drifts.then(|| fingerprint(item));
            if known.drift == drift {
                if known.shown && !self.keeps_shown(&(known.tenant.clone(), known.name.clone())) {
                    self.keep(&known);
                    batch.states.push(state(&known));
                }
                continue;
            }
            let actor = Actor::System.to_string();
            let entry = || self.entry(EventType::ProvisionDrift, item, &actor, words(item));
            batch.entries.push(book::span(item).in_scope(entry));
            known.drift = drift;
            let (key, kept) = ((known.tenant.clone(), known.name.clone()), std::mem::take(&mut known.seen));
            known.seen = self.surveyor.seen.of(&key).into_iter().chain(kept).take(MOST_SEEN).collect();
            self.keep(&known);
            batch.states.push(state(&known));
        }
        if !batch.states.is_empty() {
            self.write(batch).await;
        }
    }
}

impl Provisioner {
    /// Forgets channels that are no longer desired.
    pub(super) fn forget_unseen(&self, desired: &[Item]) {
        let desired: HashSet<(&TenantId, &str)> =
            desired.iter().map(|item| (&item.tenant, item.name.as_str())).collect();
        lock(&self.unseen).retain(|(tenant, name)| desired.contains(&(tenant, name.as_str())));
    }

    /// Logs once that a desired channel cannot be read, so that nothing is done about it; and once that it can be read again.
    fn tell_unseen(&self, item: &Item) {
        let (tenant, name, why) = (&item.tenant, &item.name, item.why.as_deref());
        let key = (tenant.clone(), name.clone());
        let unseen = item.what == What::Unseen;
        let changed = if unseen { lock(&self.unseen).insert(key) } else { lock(&self.unseen).remove(&key) };
        match (changed, unseen) {
            (true, true) => {
                tracing::warn!(%tenant, name, why, "cannot read a desired channel, so nothing is done about it");
            }
            (true, false) => tracing::info!(%tenant, name, "a desired channel can be read again"),
            (false, _) => {}
        }
    }
}

/// What makes two drifts different: not when they were seen, nor until when something waits.
fn fingerprint(item: &Item) -> String {
    let why = item.why.as_ref().filter(|_| item.what == What::Problem);
    digest(&serde_json::to_string(&(item.what, &item.id, &item.differences, why)).unwrap_or_default())
}

fn words(item: &Item) -> String {
    let name = &item.name;
    match item.what {
        What::Create => format!("`{name}` does not exist on the platform"),
        What::Change => {
            let fields: Vec<&str> = item.differences.iter().map(|d| d.field.as_str()).collect();
            format!("`{name}` differs from the configuration in {}", fields.join(", "))
        }
        What::Wait | What::Problem => format!("`{name}`: {}", item.why.as_deref().unwrap_or("a person has to decide")),
        What::Same | What::Unseen => format!("`{name}` matches the configuration"),
    }
}
