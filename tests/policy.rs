//! The engine through its public surface: "these inputs, exactly these commands", and invariants after every step of random
//! stories.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "policy/guards.rs"]
mod guards;
#[path = "policy/limits.rs"]
mod limits;
#[path = "policy/maintenance.rs"]
mod maintenance;
#[path = "policy/outlook.rs"]
mod outlook;
#[path = "policy/persons.rs"]
mod persons;
#[path = "policy/quality.rs"]
mod quality;
#[path = "policy/remedies.rs"]
mod remedies;
#[path = "policy/rescue.rs"]
mod rescue;
#[path = "policy/scenarios.rs"]
mod scenarios;
#[path = "policy/sight.rs"]
mod sight;
#[path = "policy/stories.rs"]
mod stories;
#[path = "policy/trunks.rs"]
mod trunks;
#[path = "policy/world.rs"]
mod world;
