//! Trunkwarden keeps a contact centre's voice channels (SIP trunks) reachable and good to listen to.
//!
//! The rooms, in the order in which data flows: [`supervisor`] looks and acts, [`policy`] decides (purely), [`journal`]
//! remembers and proves, [`platform`] speaks to the outside, [`provision`] creates what is desired, [`delivery`] lets out
//! what others are told, [`http`] shows; [`replay`] tells an engine the past once more. [`config`] turns TOML into checked
//! parameters, [`sim`] is a platform of our own for demo and tests, [`cli`] is what people type. [`clock`] is the only file
//! that reads a clock. `ARCHITECTURE.md` is the map.

pub mod calls;
pub mod clearance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod counters;
pub mod delivery;
pub mod http;
pub mod journal;
pub mod platform;
pub mod policy;
pub mod provision;
pub mod replay;
pub mod sim;
pub mod snapshot;
pub mod supervisor;
mod sync;
