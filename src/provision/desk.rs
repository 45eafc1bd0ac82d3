//! How people reach the provisioner of a running daemon: an order starts a run, whose result is fetched once it has ended.
//!
//! A run may wait long for the request budget, longer than any answer over HTTP: so it is answered with its number.
//! At most [`WAITING`] orders wait; the last [`KEPT`] runs are kept.

use super::plan::{Done, Plan};
use crate::clock::{Clock, rfc3339};
use crate::policy::{ChannelId, TenantId};
use crate::sync::lock;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Most orders that wait.
const WAITING: usize = 16;
/// Runs that are remembered.
const KEPT: usize = 16;

/// A person's order to the provisioner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Show what would be done.
    Plan {
        /// Of this tenant alone.
        tenant: Option<TenantId>,
    },
    /// Apply the plan.
    Apply {
        /// Of this tenant alone.
        tenant: Option<TenantId>,
        /// Only if the plan is still this one.
        expected: Option<String>,
        /// Who, as the audit log names him.
        who: String,
    },
    /// Say which channel a name means.
    Adopt {
        /// The tenant, where the name is desired of several.
        tenant: Option<TenantId>,
        /// The name.
        name: String,
        /// The channel's id.
        id: ChannelId,
        /// Who.
        who: String,
    },
}

/// An order under way, or what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub run: u64,
    /// Whether it is over.
    pub over: bool,
    /// The plan that was shown or applied.
    pub plan: Option<Plan>,
    /// The plan's fingerprint, to apply this very plan.
    pub fingerprint: Option<String>,
    /// The result for each channel.
    pub done: Vec<Done>,
    /// Why nothing was done; `None`: the run was carried out.
    pub error: Option<String>,
}

/// Why an order was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// Others wait.
    #[error("{WAITING} provisioning orders already wait; nothing was changed")]
    Busy,
    /// The daemon is stopping.
    #[error("the daemon is stopping; nothing was changed")]
    Stopping,
}

/// What was last seen, for whoever asks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Overview {
    /// When the desired channels were last compared with the platform, RFC 3339; null: not yet.
    pub seen_at: Option<String>,
    /// The plan that followed from that.
    pub plan: Plan,
}

#[derive(Default)]
struct Books {
    next: u64,
    runs: VecDeque<Run>,
    overview: Overview,
}

/// The way to the provisioner. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    orders: mpsc::Sender<(u64, Order)>,
    books: Arc<Mutex<Books>>,
}

impl Desk {
    /// A desk, and the orders that are given there. Runs are numbered from the calendar's milliseconds on, so that a number
    /// of an earlier process is not taken for one of this.
    pub fn open(clock: &Clock) -> (Self, mpsc::Receiver<(u64, Order)>) {
        let (orders, receiver) = mpsc::channel(WAITING);
        let next = u64::try_from(clock.wall().0).unwrap_or(1);
        (Self { orders, books: Arc::new(Mutex::new(Books { next, ..Books::default() })) }, receiver)
    }

    /// Starts a run; its number.
    ///
    /// # Errors
    /// Too many orders wait, or the daemon is stopping.
    pub fn give(&self, order: Order) -> Result<u64, DeskError> {
        let place = self.orders.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => DeskError::Busy,
            mpsc::error::TrySendError::Closed(()) => DeskError::Stopping,
        })?;
        let mut books = lock(&self.books);
        let run = books.next;
        books.next += 1;
        if books.runs.len() == KEPT {
            books.runs.pop_front();
        }
        books.runs.push_back(Run { run, ..Run::default() });
        place.send((run, order));
        Ok(run)
    }

    /// A run, under way or ended.
    pub fn run(&self, run: u64) -> Option<Run> {
        lock(&self.books).runs.iter().find(|known| known.run == run).cloned()
    }

    /// The last comparison with the platform.
    pub fn overview(&self) -> Overview {
        lock(&self.books).overview.clone()
    }

    /// Records the end of a run.
    pub(super) fn over(&self, over: Run) {
        if let Some(run) = lock(&self.books).runs.iter_mut().find(|known| known.run == over.run) {
            *run = Run { over: true, ..over };
        }
    }

    /// Records a comparison of the desired channels with the platform.
    pub(super) fn seen(&self, clock: &Clock, plan: Plan) {
        lock(&self.books).overview = Overview { seen_at: Some(rfc3339(clock.wall())), plan };
    }
}
