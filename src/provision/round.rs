//! What the daemon does by itself: looks, tells of drift, and creates or puts right where the policy says so.
//!
//! It creates only what does not exist yet: what someone deleted is a person's to create again.

use super::apply::of;
use super::desired::Desired;
use super::plan::{Item, Plan, Result as Came, What};
use super::provisioner::{Provisioner, lock, tenants};
use super::update;
use crate::config::ProvisioningMode;
use crate::policy::{Actor, Mode};
use futures_util::{StreamExt, stream};

/// Tenants that are worked on at once.
const AT_ONCE: usize = 16;

impl Provisioner {
    /// Goes once over everything that is desired. What was seen, and whether an id became known.
    pub(super) async fn round(&self) -> (Plan, bool) {
        let setup = self.setup.load_full();
        let each = tenants(&setup, None).into_iter().map(|tenant| {
            let setup = &setup;
            async move {
                let items = self.survey(setup, &tenant).await;
                self.note(&items).await;
                let (mut now, mut new) = (Vec::new(), false);
                for item in items {
                    let (item, known) = self.by_itself(item).await;
                    now.push(item);
                    new |= known;
                }
                (now, new)
            }
        });
        let each: Vec<(Vec<Item>, bool)> = stream::iter(each.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
        let new = each.iter().any(|(_, new)| *new);
        (Plan { items: each.into_iter().flat_map(|(items, _)| items).collect() }, new)
    }

    /// Does what may be done about one channel; how it stands then, and whether its id became known.
    async fn by_itself(&self, mut item: Item) -> (Item, bool) {
        let setup = self.setup.load_full();
        let Some(desired) = of(&setup, &item) else { return (item, false) };
        let system = Actor::System.to_string();
        let mut new = false;
        if self.turns_up(desired, &item) {
            self.take(desired, &item, self.origin(desired), &system).await;
            (item.new, new) = (false, true);
        }
        if !self.may(desired, &item) {
            return (item, new);
        }
        let done = match item.what {
            What::Create => self.create(desired, &item, &system).await,
            _ => self.change(desired, &item, &system).await,
        };
        let (tenant, name, why) = (&done.tenant, &done.name, &done.why);
        match done.result {
            Came::Created | Came::Changed => {
                item = Item { what: What::Same, id: done.id.clone(), differences: Vec::new(), why: None, ..item };
                self.note(std::slice::from_ref(&item)).await;
            }
            Came::Held => tracing::info!(%tenant, name, why, "a desired channel waits"),
            Came::Failed | Came::Unknown => tracing::warn!(%tenant, name, why, "a desired channel is not as desired"),
            Came::Unchanged | Came::Adopted => {}
        }
        new |= done.result == Came::Created;
        (item, new)
    }

    /// Whether the daemon does this by itself.
    fn may(&self, desired: &Desired, item: &Item) -> bool {
        let allowed = match item.what {
            What::Create => desired.by_itself >= ProvisioningMode::Create && !item.again,
            What::Change => desired.by_itself >= ProvisioningMode::Enforce,
            _ => false,
        };
        let told = || update::told(&self.surveyor, desired, item);
        allowed && desired.mode == Mode::Enforce && lock(&self.refused).get(&desired.key()).is_none_or(|r| *r != told())
    }
}
