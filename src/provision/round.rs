//! What the daemon does by itself: compares, reports drift, and creates or corrects where the policy says so.
//!
//! It creates only what does not exist yet: what someone deleted is a person's to create again.

use super::apply::of;
use super::book;
use super::desired::Desired;
use super::plan::{Item, Plan, Result as Came, What};
use super::provisioner::{AT_ONCE, Provisioner, tenants};
use super::update;
use crate::config::ProvisioningMode;
use crate::policy::{Actor, Mode, Writer};
use futures_util::{StreamExt, stream};
use tracing::Instrument;

impl Provisioner {
    /// Goes once over every desired channel, and returns how each stands then.
    pub(super) async fn round(&self) -> Plan {
        let setup = self.setup.load_full();
        let each = tenants(&setup, None).into_iter().map(|tenant| {
            let setup = &setup;
            async move {
                let items = self.survey(setup, &tenant).await;
                self.note(&items).await;
                let mut now = Vec::new();
                for item in items {
                    now.push(self.by_itself(item).await);
                }
                now
            }
        });
        let items: Vec<Vec<Item>> = stream::iter(each.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
        let plan = Plan { items: items.into_iter().flatten().collect() };
        self.forget_unseen(&plan.items);
        plan
    }

    /// Does what is allowed about one channel, and returns how it stands then.
    async fn by_itself(&self, mut item: Item) -> Item {
        let setup = self.setup.load_full();
        let Some(desired) = of(&setup, &item) else { return item };
        let (key, system) = (desired.key(), Actor::System.to_string());
        if self.turns_up(desired, &item) {
            self.take(desired, &item, self.origin(desired), &system).await;
            item.new = false;
        }
        if !may(desired, &item) {
            return item;
        }
        let attempt = update::attempt(&self.surveyor, desired, &item);
        if !self.setbacks.allow(&key, &attempt, self.clock.now()) {
            return item;
        }
        let done = match item.what {
            What::Create => self.create(desired, &item, (Writer::Round, &system)).instrument(book::span(&item)).await,
            _ => self.change(desired, &item, (Writer::Round, &system)).instrument(book::span(&item)).await,
        };
        let (tenant, name, why) = (&done.tenant, &done.name, &done.why);
        match done.result {
            Came::Created | Came::Changed => {
                self.setbacks.over(&key);
                item = Item { what: What::Same, id: done.id.clone(), differences: Vec::new(), why: None, ..item };
                self.note(std::slice::from_ref(&item)).await;
            }
            Came::Failed | Came::Unknown => {
                tracing::warn!(%tenant, name, why, "a desired channel could not be put right");
                // Named again: the first try makes the key that tells passwords apart.
                let attempt = update::attempt(&self.surveyor, desired, &item);
                self.setbacks.failed(key, attempt, desired.interval, self.clock.now());
            }
            Came::Held => tracing::info!(%tenant, name, why, "a desired channel waits"),
            Came::Unchanged | Came::Adopted => {}
        }
        item
    }
}

/// Whether the daemon does this by itself.
fn may(desired: &Desired, item: &Item) -> bool {
    let allowed = match item.what {
        What::Create => desired.by_itself >= ProvisioningMode::Create && !item.again,
        What::Change => desired.by_itself >= ProvisioningMode::Enforce,
        _ => false,
    };
    allowed && desired.mode == Mode::Enforce
}
