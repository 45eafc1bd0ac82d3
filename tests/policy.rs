//! The engine through its public surface: "these inputs, exactly these commands", and invariants after every step of random
//! stories.

#[path = "policy/scenarios.rs"]
mod scenarios;
#[path = "policy/stories.rs"]
mod stories;
#[path = "policy/world.rs"]
mod world;
