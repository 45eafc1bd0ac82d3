//! Calls: bridging on request, and the rescue of calls on a channel that has failed over.
//!
//! [`check`] is pure: a request as given, and either a [`Bridge`] that may be sent or everything that is
//! wrong with it. The [`Switchboard`] makes of it an operation in the journal, sends it once, finds out what came of it,
//! and writes that down. Must never: send without the journal's receipt, repeat what may have been made, or call an
//! outcome failed that is not known.

mod attempt;
mod key;
mod line;
mod matrix;
mod order;
mod orphans;
mod outcome;
mod record;
mod request;
mod rescue;
mod switchboard;

pub use crate::config::target::{Kind, Target, check_target};
pub use key::IdempotencyKey;
pub use line::{Line, lines};
pub use matrix::{Pair, reaches_all};
pub use order::{Order, Purpose, Refusal};
pub use orphans::is_a_bridge;
pub use outcome::{Failure, Outcome, Settled};
pub use request::{Bridge, Direction, Dtmf, Fault, GivenPair, GivenTarget, Request, Rules, check};
pub use rescue::{FailedOver, Rescue, Rescues};
pub use switchboard::Switchboard;
