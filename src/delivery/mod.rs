//! Delivery: what leaves this machine through the outbox. Audit entries to sinks and files, events to webhooks, and bulk
//! metrics, each in order, at least once, until it is acknowledged.
//!
//! Owns one worker for each sink (`worker`), which reads its rows from the journal, posts them and acknowledges them;
//! and what queues bulk metrics (`bulk`). What an entry owes to whom is decided by the journal, in the entry's own
//! transaction. Must never: send a tenant's credential anywhere, let one sink hold up another, or count anything but 2xx as
//! delivered.

mod body;
mod breaker;
mod bulk;
mod file;
mod http;
mod lane;
mod meters;
mod order;
mod sign;
mod standing;
mod target;
mod verdict;
mod witness;
mod worker;

pub use breaker::Pace;
pub use http::{Outgoing, Post};
pub use meters::Meters;
pub use order::{Order, OutboxError, Verb};
pub use standing::{SinkView, Standing};
pub use target::{Connect, SinkError, over_http};
pub use witness::witnessed;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::sink::{Bulk, Export};
use crate::counters::Counters;
use crate::journal::{Batch, Journal, JournalError, OutboxChange, OutboxFilter, OutboxPage, SinkState, Subscription};
use crate::snapshot::SnapshotCell;
use crate::sync::lock;
use bulk::{Exporter, Thresholds};
use lane::Lane;
use standing::left_behind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use target::Target;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Surroundings, Worker};

/// What waits is counted this often.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// How long a stop waits for the workers; what they had under way is repeated by the next start.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// The sinks of a configuration, ready to be sent to.
pub struct Sinks {
    targets: Vec<Arc<Target>>,
    bulks: Vec<(String, Bulk)>,
    thresholds: Thresholds,
}

impl Sinks {
    /// The sinks of a configuration, with their secrets and their TLS read.
    ///
    /// # Errors
    /// The first sink that cannot be used, and why.
    pub fn of(config: &Config, connect: &Connect) -> Result<Self, SinkError> {
        let mut targets = Vec::new();
        let mut bulks = Vec::new();
        for export in &config.audit.exports {
            targets.push(Target::export(export, connect)?);
            if let Some(bulk) = &export.bulk {
                targets.push(Target::bulk(export, connect)?);
                bulks.push((Export::bulk_name(&export.sink.name), bulk.clone()));
            }
        }
        for webhook in &config.webhooks {
            targets.push(Target::webhook(webhook, connect)?);
        }
        targets.extend(config.audit.files.iter().map(Target::file));
        let threshold =
            |(name, policy): (&String, &Arc<crate::policy::Policy>)| (name.clone(), policy.quality.optimise_below);
        let thresholds = config.policies.iter().map(threshold).collect();
        Ok(Self { targets: targets.into_iter().map(Arc::new).collect(), bulks, thresholds })
    }

    /// What of the audit log goes to which of them.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let subscription = |target: &Arc<Target>| Subscription {
            sink: target.name.clone(),
            events: target.events.clone(),
            max_pending: target.max_pending,
        };
        self.targets.iter().map(subscription).collect()
    }
}

/// Everything that leaves. Cheap to clone.
#[derive(Clone)]
pub struct Delivery(Arc<Inner>);

struct Inner {
    with: Surroundings,
    connect: Connect,
    /// Ends everything.
    stop: CancellationToken,
    /// The first task that died, and why.
    died: watch::Sender<Option<String>>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    workers: BTreeMap<String, Handle>,
    /// Ends what queues bulk metrics; made anew with each configuration.
    bulks: Option<CancellationToken>,
    tasks: Vec<JoinHandle<()>>,
}

struct Handle {
    target: watch::Sender<Arc<Target>>,
    wake: Arc<Notify>,
    stop: CancellationToken,
}

impl Delivery {
    /// Nothing runs yet.
    pub fn new(journal: Journal, clock: Clock, counters: &Counters, connect: Connect, pace: Pace) -> Self {
        let (meters, standing) = (Meters::new(counters), Standing::default());
        let with = Surroundings { journal, clock, meters, standing, pace };
        let (stop, died) = (CancellationToken::new(), watch::Sender::new(None));
        Self(Arc::new(Inner { with, connect, stop, died, running: Mutex::default() }))
    }

    /// The sinks of a configuration, to be taken in a reload; as [`Sinks::of`].
    ///
    /// # Errors
    /// The first sink that cannot be used, and why.
    pub fn prepare(&self, config: &Config) -> Result<Sinks, SinkError> {
        Sinks::of(config, &self.0.connect)
    }

    /// From now on every entry is queued for these sinks, and for no others.
    ///
    /// # Errors
    /// Where the journal cannot be written; the sinks before stay subscribed.
    pub async fn subscribe(&self, sinks: &Sinks) -> Result<(), JournalError> {
        let outbox = vec![OutboxChange::Subscribe(sinks.subscriptions())];
        self.0.with.journal.submit(Batch { outbox, ..Batch::default() }).await.map(drop)
    }

    /// Works for these sinks from now on: workers of sinks that stay go on with what is new of them, at once.
    pub fn run(&self, sinks: Sinks, snapshot: &SnapshotCell) {
        let mut running = lock(&self.0.running);
        let Running { workers, bulks, tasks } = &mut *running;
        workers.retain(|name, handle| {
            let stays = sinks.targets.iter().any(|target| target.name == *name);
            if !stays {
                handle.stop.cancel();
            }
            stays
        });
        if tasks.is_empty() {
            tasks.push(self.task(count(self.0.with.clone(), self.0.stop.clone())));
        }
        tasks.retain(|task| !task.is_finished());
        for target in sinks.targets {
            let name = target.name.clone();
            if let Some(handle) = workers.get(&name) {
                handle.target.send_replace(target);
            } else {
                let (handle, worker) = self.worker(target);
                let lane = Lane { with: worker.with.clone(), target: worker.target.clone(), stop: handle.stop.clone() };
                tasks.push(self.task(worker.run()));
                tasks.push(self.task(lane.run()));
                workers.insert(name, handle);
            }
        }
        let stop = self.0.stop.child_token();
        if let Some(before) = bulks.replace(stop.clone()) {
            before.cancel();
        }
        for (sink, bulk) in sinks.bulks {
            let (journal, clock) = (self.0.with.journal.clone(), self.0.with.clock.clone());
            let (snapshot, thresholds) = (snapshot.clone(), sinks.thresholds.clone());
            let exporter = Exporter { sink, bulk, thresholds, snapshot, journal, clock };
            tasks.push(self.task(exporter.run(stop.clone())));
        }
    }

    /// Ends all workers, within 4 s; what was delivered is acknowledged, the rest stays in the outbox.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        let tasks = std::mem::take(&mut lock(&self.0.running).tasks);
        let all = async {
            for task in tasks {
                // A death was told already.
                let _ = task.await;
            }
        };
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            tracing::warn!("stopped with deliveries under way; the next start repeats them");
        }
    }

    /// Waits for a task to die, which none should: the process must not pretend then that everything leaves.
    pub async fn died(&self) -> String {
        let mut died = self.0.died.subscribe();
        match died.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Every sink, as it stands. Blocks while it reads the journal.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn sinks(&self) -> Result<Vec<SinkView>, JournalError> {
        let states = self.0.with.journal.reader().outbox_sinks()?;
        Ok(self.0.with.standing.views(states, self.0.with.clock.now(), self.0.with.clock.wall()))
    }

    /// Rows of the outbox. Blocks while it reads the journal.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn rows(&self, filter: &OutboxFilter) -> Result<OutboxPage, JournalError> {
        self.0.with.journal.reader().outbox_rows(filter)
    }

    fn task(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let (work, died) = (tokio::spawn(work), self.0.died.clone());
        tokio::spawn(async move {
            if let Err(error) = work.await {
                died.send_replace(Some(format!("a worker of the delivery died: {error}")));
            }
        })
    }

    fn journal(&self) -> &Journal {
        &self.0.with.journal
    }

    fn clock(&self) -> &Clock {
        &self.0.with.clock
    }

    fn wake(&self, sink: &str) {
        let running = lock(&self.0.running);
        if let Some(handle) = running.workers.get(sink) {
            handle.wake.notify_one();
        }
    }

    fn worker(&self, target: Arc<Target>) -> (Handle, Worker) {
        let (target, receiver) = watch::channel(target);
        let handle = Handle { target, wake: Arc::new(Notify::new()), stop: self.0.stop.child_token() };
        let worker = Worker::new(self.0.with.clone(), receiver, Arc::clone(&handle.wake), handle.stop.clone());
        (handle, worker)
    }
}

/// Counts what waits, until stopped.
async fn count(with: Surroundings, stop: CancellationToken) {
    let mut told = BTreeSet::new();
    while !stop.is_cancelled() {
        let reader = with.reader();
        if let Ok(Ok(sinks)) = tokio::task::spawn_blocking(move || reader.outbox_sinks()).await {
            with.meters.waiting(&sinks, with.clock.wall());
            tell_left_behind(&sinks, &mut told);
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(COUNT_EVERY) => {}
        }
    }
}

/// A line of the log for each sink that is left behind, once until it is not. The outbox's sinks are few.
fn tell_left_behind(sinks: &[SinkState], told: &mut BTreeSet<String>) {
    told.retain(|name| sinks.iter().any(|sink| sink.name == *name && sink.is_left_behind()));
    for sink in sinks.iter().filter(|sink| sink.is_left_behind()) {
        if told.insert(sink.name.clone()) {
            tracing::warn!(sink = sink.name, "a sink {}", left_behind(&sink.name, sink.pending));
        }
    }
}
