//! Channels from TOML: `[channels.provision]` is desired state, compared with the platform and, where allowed, brought about.
//!
//! Pure: what is desired ([`Desired`]), what differs ([`Difference`]), what follows from it ([`Plan`]). With hands: the
//! survey that reads the platform, and the one that changes it, each change an operation that is in the journal before
//! it is sent. The same under the daemon and under a command line that finds none.
//!
//! A channel is known by its name until its id is, and by its id from then on; the id is kept in the journal.
//!
//! Must never: delete on the platform; create where the list was not read whole, or again before an unknown outcome has
//! settled; send a route, or anything of a channel on which the engine acts; store, log or show a SIP password.

mod apply;
mod book;
mod create;
mod desired;
mod desk;
mod difference;
mod digest;
mod drift;
mod known;
mod plan;
mod provisioner;
mod register;
mod round;
mod service;
mod setbacks;
mod survey;
mod text;
mod update;
mod wire;

pub(crate) use book::KIND;
pub use desired::{Desired, desired};
pub use desk::{Desk, DeskError, Order, Overview, Run};
pub use difference::Difference;
pub use digest::{DigestError, Digests};
pub use known::{Known, Origin, all_known, watched, watched_by};
pub use plan::{Done, Item, Plan, Result as Came, What};
pub use provisioner::{Provisioner, Setup};
pub use register::Register;
pub(crate) use service::{Rewatch, Service};
pub use survey::Surveyor;
pub use text::{done as done_text, plan as plan_text};
