//! The daemon at work: the driver owns the engine and takes one closed `Event`; the prober looks; the executor changes.
//!
//! Data flows one way: prober → observation → engine → command → journal (intent) → executor → platform → outcome →
//! journal → engine; the driver publishes an immutable [`Snapshot`] that everything else reads.

mod counters;
mod liveness;
mod orders;
mod snapshot;

pub use counters::Counters;
pub use liveness::Liveness;
pub use orders::{OrderError, OrderRequest, Orders};
pub use snapshot::{Snapshot, SnapshotCell, TenantSnapshot};
