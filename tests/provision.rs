//! Channels from TOML, over real sockets: the built binary as daemon and as command, against the simulated platform that
//! the test serves and breaks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "provision/changes.rs"]
mod changes;
#[path = "provision/command.rs"]
mod command;
#[path = "provision/creation.rs"]
mod creation;
#[path = "e2e/daemon.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests, which need more of it")]
mod daemon;
#[path = "provision/drift.rs"]
mod drift;
#[path = "provision/names.rs"]
mod names;
#[path = "e2e/platform.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests, which need more of it")]
mod platform;
#[path = "provision/scene.rs"]
mod scene;
#[path = "provision/syntax.rs"]
mod syntax;
#[path = "e2e/world.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests, which need more of it")]
mod world;
