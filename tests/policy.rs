//! The engine through its public surface: "these inputs, exactly these commands", and invariants after every step of random
//! stories.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "policy/approvals.rs"]
mod approvals;
#[path = "policy/called_back.rs"]
mod called_back;
#[path = "policy/candidates.rs"]
mod candidates;
#[path = "policy/credentials.rs"]
mod credentials;
#[path = "policy/episodes.rs"]
mod episodes;
#[path = "policy/faults.rs"]
mod faults;
#[path = "policy/grounds.rs"]
mod grounds;
#[path = "policy/guards.rs"]
mod guards;
#[path = "policy/holds.rs"]
mod holds;
#[path = "policy/lag.rs"]
mod lag;
#[path = "policy/late.rs"]
mod late;
#[path = "policy/left.rs"]
mod left;
#[path = "policy/lifecycle.rs"]
mod lifecycle;
#[path = "policy/limits.rs"]
mod limits;
#[path = "policy/line.rs"]
mod line;
#[path = "policy/maintenance.rs"]
mod maintenance;
#[path = "policy/outcomes.rs"]
mod outcomes;
#[path = "policy/outlook.rs"]
mod outlook;
#[path = "policy/page.rs"]
mod page;
#[path = "policy/persons.rs"]
mod persons;
#[path = "policy/quality.rs"]
mod quality;
#[path = "policy/reload.rs"]
mod reload;
#[path = "policy/remedies.rs"]
mod remedies;
#[path = "policy/rescue.rs"]
mod rescue;
#[path = "policy/restart.rs"]
mod restart;
#[path = "policy/routes.rs"]
mod routes;
#[path = "policy/scenarios.rs"]
mod scenarios;
#[path = "policy/sentences.rs"]
mod sentences;
#[path = "policy/sight.rs"]
mod sight;
#[path = "policy/stories.rs"]
mod stories;
#[path = "policy/tenants.rs"]
mod tenants;
#[path = "policy/told.rs"]
mod told;
#[path = "policy/trunks.rs"]
mod trunks;
#[path = "policy/turns.rs"]
mod turns;
#[path = "policy/words.rs"]
mod words;
#[path = "policy/world.rs"]
mod world;
#[path = "policy/writers.rs"]
mod writers;
