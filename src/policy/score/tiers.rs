//! The plain alternative to the E-model: a table of upper bounds on latency and jitter. It does not see packet loss; who
//! wants loss scored uses the E-model.

use crate::policy::params::Tier;

/// The score of the first row of which both bounds hold (`<`), else `otherwise`. Both arguments in milliseconds,
/// `one_way_ms` one-way.
pub fn score(rows: &[Tier], otherwise: f64, one_way_ms: f64, jitter_ms: f64) -> f64 {
    rows.iter().find(|row| one_way_ms < row.latency_ms && jitter_ms < row.jitter_ms).map_or(otherwise, |row| row.score)
}
