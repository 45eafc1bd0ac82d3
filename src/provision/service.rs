//! The provisioner's task in the daemon: rounds by itself, orders as they come, one after the other.
//!
//! It works beside the driver and never on its time. Dropping it, at a stop, leaves an operation open in the journal; the
//! next start reads the platform back before it sends anything.

use super::book::KIND;
use super::desk::{Desk, Order, Run};
use super::difference::BACKUPS;
use super::plan::Result as Came;
use super::provisioner::Provisioner;
use super::register::Key;
use crate::clearance::MAY_SHOW_FOR;
use crate::journal::{Batch, Ended, Entry, KeptOperation};
use crate::policy::{Actor, ChannelId, ChannelKey, EventType, TenantId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Most ended operations of the last hour that are read.
const MOST_REMEMBERED: usize = 10_000;
/// The time between rounds when nothing is desired.
const IDLE: Duration = Duration::from_hours(1);

/// Has the driver watch what became known; implemented by the way to it, in a room above.
#[async_trait::async_trait]
pub trait Rewatch: Send + Sync {
    /// The configuration in force once more: more of what it desires exists by now.
    ///
    /// # Errors
    /// One sentence: why nothing was changed.
    async fn again(&self, why: String) -> Result<(), String>;
}

/// See the module documentation.
pub struct Service {
    /// The provisioner.
    pub provisioner: Provisioner,
    /// Where runs are kept.
    pub desk: Desk,
    /// Orders of people.
    pub orders: mpsc::Receiver<(u64, Order)>,
    /// Makes the driver watch channels whose ids became known.
    pub rewatch: Box<dyn Rewatch>,
    /// Another configuration was loaded.
    pub poked: Arc<Notify>,
    /// Operations that an earlier process left open.
    pub open: Vec<KeptOperation>,
}

impl Service {
    /// Works until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.work() => {}
        }
    }

    async fn work(&mut self) {
        self.tell_what_may_show().await;
        self.close_open().await;
        let (mut shown, mut watched) = (BTreeSet::new(), self.provisioner.ids());
        loop {
            self.forget(&mut shown);
            self.round().await;
            self.watch(&mut watched).await;
            let pause = self.pause();
            tokio::select! {
                biased;
                Some((run, order)) = self.orders.recv() => {
                    self.order(run, order).await;
                    self.watch(&mut watched).await;
                }
                () = self.poked.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn round(&self) {
        if !self.provisioner.setup.load().desired.is_empty() {
            let plan = self.provisioner.round().await;
            self.desk.seen(&self.provisioner.clock, plan);
        }
    }

    async fn order(&self, run: u64, order: Order) {
        let mut result = Run { run, ..Run::default() };
        match order {
            Order::Plan { tenant } => {
                let plan = self.provisioner.plan(tenant.as_ref()).await;
                result.fingerprint = Some(plan.fingerprint());
                result.plan = Some(plan);
            }
            Order::Apply { tenant, expected, who } => {
                match self.provisioner.apply(tenant.as_ref(), expected.as_deref(), &who).await {
                    Ok((plan, done)) => (result.plan, result.done) = (Some(plan), done),
                    Err(why) => result.error = Some(why),
                }
            }
            Order::Adopt { tenant, name, id, who } => {
                match self.provisioner.adopt(tenant.as_ref(), &name, &id, &who).await {
                    Ok(done) => result.done = vec![done],
                    Err(why) => result.error = Some(why),
                }
            }
        }
        self.desk.over(result);
    }

    /// Has the engine watch the channels whose ids became known or changed since the last time.
    async fn watch(&self, watched: &mut BTreeMap<Key, ChannelId>) {
        let now = self.provisioner.ids();
        if now == *watched {
            return;
        }
        let new = now.iter().filter(|(key, id)| watched.get(*key) != Some(*id));
        let names: Vec<String> = new.map(|((_, name), id)| format!("`{name}` is {id}")).collect();
        match self.rewatch.again(format!("desired channels got their ids: {}", names.join(", "))).await {
            Ok(()) => *watched = now,
            Err(error) => tracing::error!(%error, "could not start to watch new channels yet"),
        }
    }

    /// What is no longer desired has no drift.
    fn forget(&self, shown: &mut BTreeSet<Key>) {
        let now: BTreeSet<Key> = self.provisioner.setup.load().desired.iter().map(super::Desired::key).collect();
        for (tenant, name) in shown.difference(&now) {
            self.provisioner.counters.forget_provision(tenant.as_str(), name);
        }
        *shown = now;
    }

    fn pause(&self) -> Duration {
        self.provisioner.setup.load().desired.iter().map(|desired| desired.interval).min().unwrap_or(IDLE)
    }

    /// Tells the driver which routes an earlier process sent without learning the outcome: they are ours, should they still show.
    async fn tell_what_may_show(&self) {
        let Some(reader) = self.provisioner.surveyor.reader.clone() else { return };
        let wall = self.provisioner.clock.wall();
        let ended = move || reader.operations_ended(wall.back(MAY_SHOW_FOR), MOST_REMEMBERED);
        let ended = match tokio::task::spawn_blocking(ended).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot read which changes of desired channels may still show");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let unsure = |kept: &&KeptOperation| {
            let done = ["changed", "held"];
            kept.ended.as_ref().is_none_or(|(_, ended)| !done.contains(&ended.outcome.as_str()))
        };
        let ours = |kept: &&KeptOperation| kept.operation.kind == KIND;
        for KeptOperation { operation, opened_at, .. } in self.open.iter().chain(&ended).filter(ours).filter(unsure) {
            let left = MAY_SHOW_FOR.saturating_sub(wall.since(*opened_at));
            let fields = operation.request.get("fields").and_then(Value::as_array);
            let routed = fields.into_iter().flatten().any(|d| d.get("field").and_then(Value::as_str) == Some(BACKUPS));
            let channel = operation.request.get("channel_id").and_then(Value::as_str);
            if let Some(channel) = channel.filter(|_| routed && !left.is_zero()) {
                let key = ChannelKey::new(TenantId::from(operation.tenant.as_str()), channel);
                self.provisioner.permits.may_show(key, left).await;
            }
        }
    }

    /// Operations of an earlier process are over, and what came of them is not known: a creation stays unsettled until the
    /// list has shown it or its time is over, and whatever differs still is seen by the next round.
    async fn close_open(&mut self) {
        let mut batch = Batch::default();
        for open in std::mem::take(&mut self.open).into_iter().filter(|open| open.operation.kind == KIND) {
            let (id, name) = (open.operation.id, open.operation.subject);
            let reason =
                format!("`{name}`: the daemon ended before the outcome was known; the platform is read back first");
            batch.end.push(Ended {
                id,
                outcome: Came::Unknown.name().to_owned(),
                result: json!({ "why": "interrupted" }),
            });
            batch.entries.push(Entry {
                at: self.provisioner.clock.wall(),
                event_type: EventType::ProvisionUnknown.name().to_owned(),
                tenant: Some(open.operation.tenant),
                channel_id: None,
                actor: Actor::System.to_string(),
                reason,
                before: Value::Null,
                after: Value::Null,
                op: None,
                operation: Some(id),
                details: json!({ "name": name }),
            });
        }
        if !batch.end.is_empty() {
            self.provisioner.write(batch).await;
        }
    }
}
