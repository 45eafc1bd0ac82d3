//! A platform of our own: what `platform-api.md` describes, for the demo, the tests and simulation.
//!
//! [`Model`] is the platform of one tenant: pure and seeded, it is told the time with every request, and answers exactly as
//! the contract says, strict about what it is sent. [`Scenario`] and [`Incident`] say what goes wrong and when.
//! [`InProcess`] is a [`crate::platform::Transport`] onto a model without sockets; [`serve`] is its HTTP face, with a control
//! API beside it.
//!
//! The model owns the truth about its channels. It must never wait, read a clock, draw from an unseeded source, or be
//! lenient: a client that passes here keeps the contract.

mod calls;
mod channel;
mod check;
mod face;
mod fault;
mod incident;
mod ledger;
mod limit;
mod model;
mod noise;
mod oddity;
mod options;
mod patch;
mod reply;
mod scenario;
mod store;
mod telemetry;
mod token;
mod transport;

pub use calls::CallState;
pub use channel::{CANARY, ChannelState, Quality};
pub use face::{ServeError, serve};
pub use incident::{BridgeMode, CreateMode, FaultKind, Incident, IncidentError, PatchMode, TargetMode};
pub use ledger::{Effect, News, PatchRecord, RequestRecord};
pub use model::Model;
pub use oddity::{Odd, Oddity};
pub use options::{Merge, Options, RetryAfter, TelemetryForm};
pub use reply::{Answer, Reply};
pub use scenario::{ChannelSpec, Event, Scenario, ScenarioError};
pub use transport::InProcess;
