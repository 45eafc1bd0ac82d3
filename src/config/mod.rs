//! The configuration: raw TOML, through [`load`], to a checked [`Config`] in which nothing is left to doubt.
//!
//! Owns the file format: its keys ([`schema`] prints them), its defaults, its syntaxes and its messages. All errors are
//! found at once, each with file, line and caret. It never keeps a secret: a [`SecretRef`] says where one is found, and
//! is resolved by whoever needs it.

mod advice;
mod aside;
mod changes;
mod compile;
mod diagnostic;
mod documents;
mod file;
mod get;
mod hints;
mod host;
mod keys;
mod load;
mod loc;
mod mask;
mod model;
mod plan;
mod reader;
mod rotation;
pub mod schema;
mod secrets;
mod section;
pub mod sink;
mod source;
mod syntax;
pub mod target;

pub(crate) use aside::Aside;
pub use aside::NoAnswer;
pub use changes::changes;
pub use diagnostic::{Diagnostic, Severity};
pub(crate) use file::open;
pub(crate) use keys::LONGEST_MS;
pub use load::{Loaded, Rejected, load, parse_str};
pub use model::{
    Audit, Auth, Bridge, Calendar, Channel, Config, Daemon, HealthCheck, Paths, Proof, Provision, Provisioning,
    ProvisioningMode, References, Rescue, Tenant,
};
pub use plan::{Plan, plan};
pub use rotation::Print;
pub use secrets::{MIN_TOKEN_LENGTH, SecretError, SecretRef, Setting};
pub(crate) use syntax::{count, cron, duration as duration_ms, nearest};
