//! What leaves: real HTTP sinks that answer, refuse, hang and break; files; a clock that passes hours; a process that dies
//! at every step between an entry and its acknowledgement. Signatures are held against an implementation that is not ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "delivery/bulk.rs"]
mod bulk;
#[path = "delivery/crash.rs"]
mod crash;
#[path = "delivery/faults.rs"]
mod faults;
#[path = "delivery/hours.rs"]
mod hours;
#[path = "delivery/orders.rs"]
mod orders;
#[path = "delivery/reload.rs"]
mod reload;
#[path = "tls/server.rs"]
mod server;
#[path = "delivery/sink.rs"]
mod sink;
#[path = "delivery/tls.rs"]
mod tls;
#[path = "delivery/wire.rs"]
mod wire;
#[path = "delivery/world.rs"]
mod world;
