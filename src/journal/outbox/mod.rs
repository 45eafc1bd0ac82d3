//! The outbox: the deliveries that each sink still has to get, committed together with their audit entries.
//!
//! Owns the tables of the outbox, how rows come into them and leave them, and what is read of them. A row is one delivery:
//! a reference to an audit entry, or a payload of its own. Rows of one sink leave in the order in which they came.
//!
//! A sink has at most `max_pending` rows. At that bound a sink of entries gets no more rows: its newest row is stretched
//! over the audit log instead (`through`), so that nothing is lost and nothing grows; a sink of payloads loses its oldest.
//! Beside the queue of a sink stands its lane, for what it refused while it took others.
//!
//! An entry that retention removes while a row of its own still refers to it is copied into that row; one under a stretch
//! is given up and counted. Must never: hold a credential, or remove a row that was neither delivered nor dropped by a
//! person, the oldest payloads at their bound excepted.

mod apply;
mod change;
mod dead;
mod lane;
mod read;
mod schema;
#[cfg(test)]
mod tests;

pub use change::{OutboxChange, Selection, Subscription};
pub use dead::MAX_DEAD;
pub use lane::{LaneDue, MAX_LANE};
pub use read::{Due, OutboxFilter, OutboxPage, OutboxRow, Place, SinkState};

pub(in crate::journal) use apply::{Subscribed, apply, enqueue, subscriptions};
pub(in crate::journal) use schema::{CREATE, CREATE_LANE};
