//! The request budget as the client waits for it: a queue of tasks on top of [`slots::Slots`].
//!
//! Who waits may be dropped at any moment and leaves the queue; a [`Slot`] that was granted and never used goes back. One
//! task serves the queue while anyone is in it. Must never: wake a waiter without a slot, or hold its lock over an await.

mod slots;
mod slowed;
#[cfg(test)]
mod tests;

use super::endpoint::Endpoint;
use crate::clock::Clock;
use crate::platform::{BudgetReading, Class};
use crate::policy::Time;
use slots::{Slots, Ticket};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// The span over which the platform counts.
const WINDOW: Duration = Duration::from_mins(1);
/// A limit is cut at most once in this span: answers of requests already under way all say the same thing.
const BETWEEN_CUTS: Duration = Duration::from_secs(5);

/// The budget of one tenant. Cheap to clone.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    clock: Clock,
    queue: Mutex<Queue>,
    changed: Notify,
}

struct Queue {
    slots: Slots,
    waiters: BTreeMap<Ticket, oneshot::Sender<Slot>>,
    served: bool,
}

/// The right to send one request. Dropping it starts the minute after which it is free again, or gives it back unused.
pub struct Slot {
    budget: Budget,
    class: Class,
    endpoint: Endpoint,
    granted_at: Time,
    begun: bool,
}

/// What is known of a tenant's last minute when a client begins.
#[derive(Clone, Default)]
pub enum Spent {
    /// Nothing: it counts as full.
    #[default]
    Unknown,
    /// How long ago each of its requests was sent.
    Ages(Vec<Duration>),
    /// The budget that another client of the tenant has spent from, and may still.
    Shared(Budget),
}

impl From<Option<Vec<Duration>>> for Spent {
    fn from(ages: Option<Vec<Duration>>) -> Self {
        ages.map_or(Self::Unknown, Self::Ages)
    }
}

/// Too many requests wait for a slot already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} requests of this class already wait for the tenant's request budget; look less often or raise requests_per_minute",
    slots::MAX_WAITING
)]
pub struct QueueFull;

impl Budget {
    /// See `Slots::new`.
    pub fn new(requests_per_minute: u32, recent: Option<&[Duration]>, clock: Clock) -> Self {
        let slots = Slots::new(requests_per_minute, recent, clock.now());
        let queue = Mutex::new(Queue { slots, waiters: BTreeMap::new(), served: false });
        Self(Arc::new(Shared { clock, queue, changed: Notify::new() }))
    }

    /// The budget of a tenant of which so much is known. A shared one keeps its limit until another one is set.
    pub fn of(requests_per_minute: u32, spent: &Spent, clock: &Clock) -> Self {
        match spent {
            Spent::Unknown => Self::new(requests_per_minute, None, clock.clone()),
            Spent::Ages(ages) => Self::new(requests_per_minute, Some(ages), clock.clone()),
            Spent::Shared(budget) => budget.clone(),
        }
    }

    /// Waits for a slot. Needs a tokio runtime. Dropping the future gives the place up.
    pub async fn acquire(&self, class: Class, endpoint: Endpoint) -> Result<Slot, QueueFull> {
        let (sender, receiver) = oneshot::channel();
        let ticket = {
            let mut queue = self.queue();
            let ticket = queue.slots.enqueue(class, endpoint).ok_or(QueueFull)?;
            queue.waiters.insert(ticket, sender);
            ticket
        };
        let _place = Place { budget: self, ticket };
        self.serve();
        self.keep_serving();
        receiver.await.map_err(|_| QueueFull)
    }

    /// See `Slots::throttled`.
    pub fn throttled(&self, endpoint: Endpoint, pause: Duration) {
        let now = self.0.clock.now();
        self.queue().slots.throttled(now, endpoint, pause);
        self.0.changed.notify_one();
    }

    /// See `Slots::set_limit`.
    pub fn set_limit(&self, requests_per_minute: u32) {
        let now = self.0.clock.now();
        self.queue().slots.set_limit(now, requests_per_minute);
        self.0.changed.notify_one();
    }

    /// The state now.
    pub fn reading(&self) -> BudgetReading {
        let now = self.0.clock.now();
        self.queue().slots.reading(now)
    }

    /// See `Slots::recent`.
    pub fn recent(&self) -> Vec<Duration> {
        let now = self.0.clock.now();
        self.queue().slots.recent(now)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out what may be used now. Slots are sent after the lock is gone: one whose waiter has left gives itself back.
    fn serve(&self) {
        let now = self.0.clock.now();
        let mut granted = Vec::new();
        {
            let mut queue = self.queue();
            while let Some((ticket, class, endpoint)) = queue.slots.grant(now) {
                let slot = Slot { budget: self.clone(), class, endpoint, granted_at: now, begun: false };
                granted.push((queue.waiters.remove(&ticket), slot));
            }
        }
        for (waiter, slot) in granted {
            match waiter {
                Some(waiter) => drop(waiter.send(slot)),
                None => drop(slot),
            }
        }
    }

    /// Sees to it that one task serves the queue while anyone waits.
    fn keep_serving(&self) {
        let mut queue = self.queue();
        if queue.served || queue.slots.is_idle() {
            return;
        }
        queue.served = true;
        drop(queue);
        let budget = self.clone();
        tokio::spawn(async move { budget.run().await });
    }

    async fn run(self) {
        loop {
            self.serve();
            let now = self.0.clock.now();
            let wake = {
                let mut queue = self.queue();
                if queue.slots.is_idle() {
                    queue.served = false;
                    return;
                }
                queue.slots.next_wake(now)
            };
            let changed = self.0.changed.notified();
            match wake {
                Some(at) => drop(tokio::time::timeout(at.since(now), changed).await),
                None => changed.await,
            }
        }
    }
}

impl Slot {
    /// The request is about to be sent: from here on the platform may count it.
    pub fn begin(&mut self) {
        self.begun = true;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let now = self.budget.0.clock.now();
        let mut queue = self.budget.queue();
        if self.begun {
            queue.slots.finish(now);
        } else {
            queue.slots.refund(self.class, self.endpoint, self.granted_at);
        }
        drop(queue);
        self.budget.0.changed.notify_one();
    }
}

/// A place in the queue, given up on drop.
struct Place<'a> {
    budget: &'a Budget,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queue = self.budget.queue();
        if queue.waiters.remove(&self.ticket).is_some() {
            queue.slots.cancel(self.ticket);
            drop(queue);
            self.budget.0.changed.notify_one();
        }
    }
}
