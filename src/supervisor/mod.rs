//! The daemon at work: the driver owns the engine and takes one closed `Event`; the prober looks; the
//! executor changes.
//!
//! Data flows one way: prober → observation → engine → command → journal (operation) → executor → platform → outcome →
//! journal → engine; the driver publishes an immutable [`Snapshot`](crate::snapshot::Snapshot) that everything else reads.
//!
//! Tasks: one driver, one prober, a task for each request under way (dropped at a stop: a look changes nothing), a task
//! for each action in flight (waited for at a stop, within the grace time).

mod calendar;
mod calls;
mod clients;
mod daemon;
mod dial;
mod driver;
mod entry;
mod executor;
pub mod fact;
mod ledger;
mod liveness;
mod observer;
mod orders;
mod patch;
mod prober;
mod publisher;
mod reasons;
mod references;
mod reloads;
mod spans;
mod tags;

pub use crate::counters::Counters;
pub use clients::{Clients, Connect, ConnectError, News, Reload};
pub use daemon::{Daemon, Parts, recent_requests};
pub(crate) use entry::of_process;
pub use ledger::recent_state;
pub(crate) use ledger::state_of;
pub use liveness::{Liveness, Pulse};
pub use observer::observer;
pub use orders::{OrderAnswer, OrderError, OrderRequest, Orders};
pub use prober::TenantPlan;
pub use reloads::{NotTaken, Reloads};

/// A task that dies must take the daemon down, not leave a channel unwatched or an action unfinished for ever.
fn pass_on_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
