//! Bridging and rescue: the checks against references written another way, and the operation through every fault of the
//! platform, over the real client, budget and journal, on simulated time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "bridge/api.rs"]
mod api;
#[path = "bridge/checks.rs"]
mod checks;
#[path = "bridge/crash.rs"]
mod crash;
#[path = "bridge/faults.rs"]
mod faults;
#[path = "bridge/keys.rs"]
mod keys;
#[path = "bridge/reference.rs"]
mod reference;
#[path = "bridge/rescue.rs"]
mod rescue;
#[path = "bridge/words.rs"]
mod words;
#[path = "bridge/world.rs"]
mod world;
