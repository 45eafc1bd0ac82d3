//! The real daemon, end to end: the built binary as a child process, over real sockets, against the simulated platform
//! that the test serves and breaks. What is promised of faults and of the life of the process is held here.
//!
//! Conditions are waited for, up to a deadline; nothing is assumed to have happened because time has passed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's own code may fail the test")]

#[path = "e2e/audit.rs"]
mod audit;
#[path = "e2e/blindness.rs"]
mod blindness;
#[path = "e2e/bridge.rs"]
mod bridge;
#[path = "e2e/changes.rs"]
mod changes;
#[path = "e2e/commands.rs"]
mod commands;
#[path = "e2e/crash.rs"]
mod crash;
#[path = "e2e/daemon.rs"]
mod daemon;
#[path = "e2e/delivery.rs"]
mod delivery;
#[path = "e2e/disk.rs"]
mod disk;
#[path = "e2e/explain.rs"]
mod explain;
#[path = "e2e/line.rs"]
mod line;
#[path = "e2e/logs.rs"]
mod logs;
#[path = "e2e/odd.rs"]
mod odd;
#[path = "e2e/orders.rs"]
mod orders;
#[path = "e2e/pipes.rs"]
mod pipes;
#[path = "e2e/platform.rs"]
mod platform;
#[path = "e2e/prometheus.rs"]
mod prometheus;
#[path = "e2e/reload.rs"]
mod reload;
#[path = "e2e/requests.rs"]
mod requests;
#[path = "e2e/routes.rs"]
mod routes;
#[path = "e2e/secrets.rs"]
mod secrets;
#[path = "e2e/start.rs"]
mod start;
#[path = "e2e/stop.rs"]
mod stop;
#[path = "e2e/systemd.rs"]
mod systemd;
#[path = "e2e/world.rs"]
mod world;
