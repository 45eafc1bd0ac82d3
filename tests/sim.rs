//! The simulated platform by its public faces: what it demands, what it answers, how it breaks on order.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must say so")]

#[path = "sim/client.rs"]
mod client;
#[path = "sim/command.rs"]
mod command;
#[path = "sim/face.rs"]
mod face;
#[path = "sim/odd.rs"]
mod odd;
#[path = "sim/patch.rs"]
mod patch;
#[path = "sim/scenario.rs"]
mod scenario;
#[path = "sim/strict.rs"]
mod strict;
#[path = "sim/telemetry.rs"]
mod telemetry;
#[path = "sim/world.rs"]
mod world;
