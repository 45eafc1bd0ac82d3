//! The audit log as evidence: signed, verified, proved, archived and handed on, through the library and the command line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "audit/archive.rs"]
mod archive;
#[path = "audit/bits.rs"]
mod bits;
#[path = "audit/blame.rs"]
mod blame;
#[path = "audit/checkpoints.rs"]
mod checkpoints;
#[path = "audit/commands.rs"]
mod commands;
#[path = "audit/file.rs"]
mod file;
#[path = "audit/mistakes.rs"]
mod mistakes;
#[path = "audit/place.rs"]
mod place;
#[path = "audit/proofs.rs"]
mod proofs;
#[path = "audit/script.rs"]
mod script;
#[path = "audit/trust.rs"]
mod trust;
