//! Looks at every watched channel in its turn, and brings telemetry.
//!
//! One task owns one [`DelayQueue`] with an entry for each watched channel, for each tenant's telemetry, and for its own
//! planning. Requests run as tasks of their own, bounded for each tenant, and come back through one queue. A channel has
//! one look under way, and at most one last look beside it, which must not wait in the queue of polls where the other may
//! stand. Suspect channels and last looks are asked for singly and ahead of the rest; routine looks of a tenant with a list
//! share one sweep of its pages.
//!
//! It decides nothing: what an answer means is the engine's business.

mod list;
mod look;
mod plan;
mod telemetry;
mod tenant;

pub use tenant::TenantPlan;

use super::spans;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::platform::ChannelDoc;
use crate::policy::{Cadence, ChannelId, ChannelKey, LookError, Observation, Pace, TelemetryParams, TenantId, Time};
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tenant::Tenant;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::time::{DelayQueue, delay_queue};
use tracing::{Instrument, Span};

/// Answers that wait for the prober's own loop.
const DONE_BOUND: usize = 256;
/// How often the plan is checked against the request budget, which a 429 lowers and time raises.
const REPLAN_EVERY: Duration = Duration::from_secs(5);
/// How soon after the set of suspect channels, or of all, became another one.
const REPLAN_SOON: Duration = Duration::from_millis(100);
/// The golden ratio's fraction: its multiples spread any number of channels evenly over an interval.
const SPREAD: f64 = 0.618_033_988_749_894_9;

/// What the driver tells the prober.
pub enum Task {
    /// Work for these tenants from now on, and no other.
    Tenants(Vec<TenantPlan>),
    /// Look at this channel at this cadence; replaces an earlier one.
    Watch(ChannelKey, Cadence),
    /// Stop looking at this channel.
    Unwatch(ChannelKey),
    /// Look at this channel once, now, by a single `GET`.
    LookNow(ChannelKey),
}

/// What the prober tells the driver.
#[derive(Debug)]
pub enum Seen {
    /// Something about one channel, with the document where a single `GET` brought it.
    Channel(ChannelKey, Observation, Option<Arc<ChannelDoc>>),
    /// By how much the request budget stretches what the policies ask for.
    Paced(TenantId, Pace),
    /// How many pages the list of channels has.
    Pages(TenantId, usize),
    /// Our calendar minus the platform's.
    ClockSkew(TenantId, i64),
    /// The platform does not authorise us, and why; `None`: it does again.
    NotAuthorised(TenantId, Option<String>),
}

/// The prober's state; [`Prober::run`] is its task.
pub struct Prober {
    clock: Clock,
    counters: Counters,
    seen: mpsc::Sender<Seen>,
    tenants: BTreeMap<TenantId, Tenant>,
    channels: BTreeMap<ChannelKey, Watched>,
    queue: DelayQueue<Due>,
    done: (mpsc::Sender<Done>, mpsc::Receiver<Done>),
    requests: JoinSet<()>,
    watched_so_far: u32,
    replan: Option<delay_queue::Key>,
    replans_soon: bool,
}

struct Watched {
    cadence: Cadence,
    due: Option<delay_queue::Key>,
    /// From when its interval counts, and which part of it passes until the next look.
    from: Time,
    part: f64,
    /// Its next look is a single one, even where there is a list.
    alone: bool,
    /// The last sweep did not show it: its looks are single ones until one does.
    absent: bool,
    looking: bool,
    last_look: LastLook,
}

/// A look that a change waits for: it is made beside any other, which may have to wait long for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastLook {
    None,
    UnderWay,
    /// Under way, and another one is due after it: it may have been asked for before the wish for that arose.
    Again,
}

#[derive(Clone, Debug)]
enum Due {
    Channel(ChannelKey),
    Telemetry(TenantId, usize, u64),
    Replan,
}

#[allow(clippy::large_enum_variant, reason = "it passes through one bounded queue, and a look is the common case")]
enum Done {
    Look(look::Looked),
    Page(list::Page),
    Sweep(list::Swept),
    Telemetry(telemetry::Told),
    TelemetryOver(telemetry::Asked),
}

impl Done {
    /// Of the request that it answers.
    fn span(&self) -> Span {
        match self {
            Self::Look(looked) => spans::look(&looked.channel),
            Self::Page(page) => spans::sweep(&page.tenant),
            Self::Sweep(swept) => spans::sweep(&swept.tenant),
            Self::Telemetry(told) => spans::telemetry(&told.tenant),
            Self::TelemetryOver(asked) => spans::telemetry(&asked.tenant),
        }
    }
}

impl Prober {
    /// A prober without work; it gets that by [`Task`]s.
    pub fn new(clock: Clock, counters: Counters, seen: mpsc::Sender<Seen>) -> Self {
        Self {
            clock,
            counters,
            seen,
            tenants: BTreeMap::new(),
            channels: BTreeMap::new(),
            queue: DelayQueue::new(),
            done: mpsc::channel(DONE_BOUND),
            requests: JoinSet::new(),
            watched_so_far: 0,
            replan: None,
            replans_soon: false,
        }
    }

    /// Works until the driver lets go of its end. Requests that are under way then are dropped: they change nothing.
    pub async fn run(mut self, mut tasks: mpsc::Receiver<Task>) {
        self.replan = Some(self.queue.insert(Due::Replan, Duration::ZERO));
        loop {
            tokio::select! {
                biased;
                task = tasks.recv() => match task {
                    Some(task) => self.take(task).await,
                    None => return,
                },
                Some(done) = self.done.1.recv() => self.finished(done).await,
                Some(ended) = self.requests.join_next() => super::pass_on_panic(ended),
                Some(due) = self.queue.next() => self.due(due.into_inner()).await,
            }
        }
    }

    async fn take(&mut self, task: Task) {
        match task {
            Task::Tenants(plans) => self.take_tenants(plans).await,
            Task::Watch(channel, cadence) => self.watch(&channel, cadence),
            Task::Unwatch(channel) => {
                if let Some(due) = self.channels.remove(&channel).and_then(|watched| watched.due) {
                    self.queue.remove(&due);
                }
            }
            Task::LookNow(channel) => self.look_now(channel),
        }
    }

    fn watch(&mut self, channel: &ChannelKey, cadence: Cadence) {
        let from = self.clock.now();
        let planned = if let Some(watched) = self.channels.get_mut(channel) {
            let before = std::mem::replace(&mut watched.cadence, cadence);
            (watched.from, watched.part) = (from, 1.0);
            before.suspect == cadence.suspect
        } else {
            let part = (f64::from(self.watched_so_far) * SPREAD).fract();
            self.watched_so_far = self.watched_so_far.wrapping_add(1);
            let last_look = LastLook::None;
            let watched =
                Watched { cadence, due: None, from, part, alone: false, absent: false, looking: false, last_look };
            self.channels.insert(channel.clone(), watched);
            false
        };
        self.arm(channel);
        if let Some(replan) = self.replan.as_ref().filter(|_| !planned && !self.replans_soon) {
            // Soon: others may come with it.
            self.queue.reset(replan, REPLAN_SOON);
            self.replans_soon = true;
        }
    }

    fn look_now(&mut self, channel: ChannelKey) {
        match self.channels.get_mut(&channel) {
            Some(watched) if watched.last_look != LastLook::None => watched.last_look = LastLook::Again,
            Some(_) => self.look(channel, crate::platform::Class::Action),
            None => {}
        }
    }

    async fn due(&mut self, due: Due) {
        match due {
            Due::Channel(channel) => self.channel_due(channel),
            Due::Telemetry(tenant, group, epoch) => self.telemetry_due(tenant, group, epoch),
            Due::Replan => {
                self.replans_soon = false;
                self.replan_all().await;
                self.replan = Some(self.queue.insert(Due::Replan, REPLAN_EVERY));
            }
        }
    }

    fn channel_due(&mut self, channel: ChannelKey) {
        let Some(watched) = self.channels.get_mut(&channel) else { return };
        watched.due = None;
        if watched.looking {
            return;
        }
        let alone = std::mem::take(&mut watched.alone) || watched.absent;
        if watched.cadence.suspect {
            self.look(channel, crate::platform::Class::Suspect);
        } else if !self.sweep_instead(&channel, alone) {
            self.look(channel, crate::platform::Class::Poll);
        }
    }

    async fn finished(&mut self, done: Done) {
        let span = done.span();
        let taken = async {
            match done {
                Done::Look(looked) => self.looked(looked).await,
                Done::Page(page) => self.page(page).await,
                Done::Sweep(swept) => self.swept(swept).await,
                Done::Telemetry(told) => self.telemetry_told(told).await,
                Done::TelemetryOver(asked) => self.telemetry_asked(asked).await,
            }
        };
        taken.instrument(span).await;
    }

    /// The tenant's watched channels that are not suspect, in the order of their ids.
    fn routine<'a>(&'a self, tenant: &'a TenantId) -> impl Iterator<Item = (&'a ChannelKey, &'a Watched)> {
        self.watched(tenant).filter(|(_, w)| !w.cadence.suspect)
    }

    /// The tenant's watched channels, in the order of their ids.
    fn watched<'a>(&'a self, tenant: &'a TenantId) -> impl Iterator<Item = (&'a ChannelKey, &'a Watched)> {
        let first = ChannelKey { tenant: tenant.clone(), channel: ChannelId::from("") };
        self.channels.range(first..).take_while(move |(key, _)| key.tenant == *tenant)
    }

    /// The tenant's watched channels whose telemetry is asked for in this way, in the order of their ids.
    fn measured<'a>(
        &'a self,
        tenant: &'a TenantId,
        params: &'a TelemetryParams,
    ) -> impl Iterator<Item = &'a ChannelId> {
        self.watched(tenant).filter(move |(_, w)| w.cadence.telemetry == *params).map(|(key, _)| &key.channel)
    }

    async fn tell(&self, seen: Seen) {
        // The driver goes first at a stop; then nobody listens, and this task ends with its queue of tasks.
        let _ = self.seen.send(seen).await;
    }

    /// Counts the error, and logs it unless the same was logged lately for this tenant.
    async fn note_error(
        &mut self,
        tenant: &TenantId,
        now: Time,
        look: LookError,
        error: &crate::platform::PlatformError,
    ) {
        let Some(state) = self.tenants.get_mut(tenant) else { return };
        if state.should_log(look, now) {
            tracing::warn!(%error, "the platform does not answer; this says nothing about its channels");
        }
        if look == LookError::NotAuthorised && state.not_authorised.is_none() {
            state.not_authorised = Some(error.to_string());
            self.tell(Seen::NotAuthorised(tenant.clone(), Some(error.to_string()))).await;
        }
    }

    /// Says, now and then, that the tenant's answers come from a cache.
    fn note_age(&mut self, tenant: &TenantId, asked_at: Time, as_of: Time) {
        let (now, age) = (self.clock.now(), asked_at.since(as_of));
        let Some(state) = self.tenants.get_mut(tenant).filter(|_| !age.is_zero()) else { return };
        if state.cached_said.is_none_or(|at| now.since(at) >= tenant::LOG_AGAIN_AFTER) {
            state.cached_said = Some(now);
            let age_seconds = age.as_secs();
            tracing::warn!(age_seconds, "answers come from a cache: they count as being as old as it says");
        }
    }

    /// An answer came: we are authorised, and its `Date` shows how far apart the clocks are.
    async fn note_answer(&mut self, tenant: &TenantId, date: Option<crate::policy::WallMs>) {
        let wall = self.clock.wall();
        let Some(state) = self.tenants.get_mut(tenant) else { return };
        let authorised_again = state.not_authorised.take().is_some();
        let skew = date.and_then(|date| state.note_skew(wall.0 - date.0));
        if authorised_again {
            self.tell(Seen::NotAuthorised(tenant.clone(), None)).await;
        }
        if let Some(skew) = skew {
            self.tell(Seen::ClockSkew(tenant.clone(), skew)).await;
        }
    }
}
