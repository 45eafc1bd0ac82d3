//! The simulated platform by its public faces: what it demands, what it answers, how it breaks on order.

#[path = "sim/client.rs"]
mod client;
#[path = "sim/face.rs"]
mod face;
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
