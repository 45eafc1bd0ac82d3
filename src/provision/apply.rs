//! A person's apply: carries the plan out in order, and returns one result for each channel.

use super::book::{self, state};
use super::desired::Desired;
use super::known::{Known, Origin};
use super::plan::{Done, Item, Plan, Result as Came, What};
use super::provisioner::{AT_ONCE, Provisioner, Setup, tenants};
use crate::journal::Batch;
use crate::policy::{EventType, TenantId, Writer};
use crate::sync::lock;
use futures_util::{StreamExt, stream};
use tracing::Instrument;

impl Provisioner {
    /// Does what a plan made now says. With `expected`, the fingerprint of the plan that was shown, only if it is that one.
    ///
    /// # Errors
    /// One sentence, if the plan has changed since it was shown: nothing was done.
    pub async fn apply(
        &self,
        tenant: Option<&TenantId>,
        expected: Option<&str>,
        who: &str,
    ) -> Result<(Plan, Vec<Done>), String> {
        let plan = self.plan(tenant).await;
        if expected.is_some_and(|expected| expected != plan.fingerprint()) {
            return Err(
                "the plan is no longer the one that was shown: nothing was changed; read the plan again".to_owned()
            );
        }
        let setup = self.setup.load_full();
        let each = tenants(&setup, tenant).into_iter().map(|tenant| {
            let items: Vec<Item> = plan.items.iter().filter(|item| item.tenant == tenant).cloned().collect();
            self.apply_items(items, who)
        });
        let done: Vec<Vec<Done>> = stream::iter(each.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
        Ok((plan, done.into_iter().flatten().collect()))
    }

    async fn apply_items(&self, items: Vec<Item>, who: &str) -> Vec<Done> {
        let mut done = Vec::new();
        for item in items {
            let setup = self.setup.load_full();
            let came = match of(&setup, &item) {
                Some(desired) => self.apply_one(desired, &item, who).await,
                None => item.done(Came::Held, Some("it is no longer desired".to_owned())),
            };
            done.push(came);
        }
        done
    }

    async fn apply_one(&self, desired: &Desired, item: &Item, who: &str) -> Done {
        let changes = matches!(item.what, What::Create | What::Change);
        let forbidden = desired.forbidden().filter(|_| changes);
        match item.what {
            What::Problem | What::Unseen => return item.done(Came::Failed, item.why.clone()),
            What::Wait => return item.done(Came::Unknown, item.why.clone()),
            _ => {}
        }
        let taken = if self.turns_up(desired, item) {
            Some(self.take(desired, item, self.origin(desired), who).await)
        } else {
            None
        };
        match (item.what, forbidden) {
            (_, Some(why)) => item.done(Came::Held, Some(why)),
            (What::Create, _) => self.create(desired, item, (Writer::Apply, who)).instrument(book::span(item)).await,
            (What::Change, _) => self.change(desired, item, (Writer::Apply, who)).instrument(book::span(item)).await,
            _ => taken.unwrap_or_else(|| item.done(Came::Unchanged, None)),
        }
    }

    /// Whether this is a channel whose id was unknown or uncertain and that turns out to exist.
    pub(super) fn turns_up(&self, desired: &Desired, item: &Item) -> bool {
        let unsettled = || self.known(&desired.key()).is_some_and(|known| known.sent.is_some());
        item.id.is_some() && matches!(item.what, What::Same | What::Change) && (item.new || unsettled())
    }

    /// Where an id that turned up comes from: a creation of ours of unknown outcome, or someone else.
    pub(super) fn origin(&self, desired: &Desired) -> Origin {
        let sent = self.known(&desired.key()).is_some_and(|known| known.sent.is_some());
        if sent { Origin::Created } else { Origin::Found }
    }

    /// Keeps the id of a channel that exists, and assumes that it has the credentials that are desired now.
    pub(super) async fn take(&self, desired: &Desired, item: &Item, origin: Origin, who: &str) -> Done {
        let key = desired.key();
        let before = self.known(&key).unwrap_or_else(|| Known::nothing(key.0.clone(), key.1.clone()));
        let credentials = match (origin, before.credentials) {
            (Origin::Created, Some(sent)) => Some(sent),
            _ => Some(self.user(desired)),
        };
        let known = Known { id: item.id.clone(), origin: Some(origin), credentials, sent: None, ..before };
        lock(&self.sent).remove(&key);
        let id = item.id.as_ref().map(ToString::to_string).unwrap_or_default();
        let reason = match origin {
            Origin::Created => {
                format!("`{}` exists as {id}: the creation of unknown outcome was made after all", item.name)
            }
            Origin::Found => format!("`{}` exists as {id}, the one channel of this name", item.name),
            Origin::Adopted => format!("`{}` is {id}: a person said so", item.name),
        };
        let plain = Item { differences: Vec::new(), ..item.clone() };
        let entry = book::span(item).in_scope(|| self.entry(EventType::ProvisionAdopted, &plain, who, reason.clone()));
        self.keep(&known);
        self.write(Batch { entries: vec![entry], states: vec![state(&known)], ..Batch::default() }).await;
        self.counters.provision(item.tenant.as_str(), Came::Adopted.name());
        item.done(Came::Adopted, Some(reason))
    }
}

/// The channel that is desired under an item's name now.
pub fn of<'s>(setup: &'s Setup, item: &Item) -> Option<&'s Desired> {
    setup.desired.iter().find(|desired| desired.spec.tenant == item.tenant && desired.spec.name == item.name)
}
