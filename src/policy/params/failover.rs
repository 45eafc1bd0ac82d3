//! When and where a policy moves traffic, and how it comes back.

use super::secs;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Moving traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct FailoverParams {
    /// Whether the policy moves traffic at all.
    pub enabled: bool,
    /// Platform statuses that count as bad.
    pub on: Vec<String>,
    /// A score below it, sustained, is also a reason. 0 to 100; `None`: off.
    pub quality_below: Option<f64>,
    /// How long the score must stay below `quality_below`, or `degraded_by` below its baseline; and how long a route taken
    /// for it is on probation, at the least.
    pub quality_for: Duration,
    /// By how many score points a candidate must be better, where quality is the reason.
    pub better_by: f64,
    /// The least score of a candidate that has one.
    pub min_candidate_score: f64,
    /// Whether a candidate without a score is unfit.
    pub require_score: bool,
    /// How fit candidates are ordered.
    pub order: Order,
    /// After an action, no other on this channel for so long, unless the backup fails too.
    pub block_period: Duration,
    /// The block doubles with each further move, up to this.
    pub hold_down_max: Duration,
    /// The grown block decays by half in this time.
    pub hold_down_half_life: Duration,
    /// Limits of the penalty as RFC 2439 has them; `None`: the block alone holds.
    pub damping: Option<Damping>,
    /// How long the change itself may take.
    pub action_timeout: Duration,
    /// How long the platform is read back for the change to show.
    pub verify_for: Duration,
    /// Channels whose traffic one backup may carry besides its own.
    pub max_dependents: u32,
    /// How traffic comes back.
    pub failback: Failback,
    /// Up and good for this long before it comes back by itself.
    pub failback_after: Duration,
    /// By how many score points home must be better than the backup before it comes back by itself, where both are measured.
    /// 0 to 100; `None`: their scores are not compared.
    pub failback_better_by: Option<f64>,
}

impl Default for FailoverParams {
    fn default() -> Self {
        Self {
            enabled: true,
            on: vec!["unhealthy".to_owned()],
            quality_below: None,
            quality_for: secs(300),
            better_by: 10.0,
            min_candidate_score: 60.0,
            require_score: false,
            order: Order::Configured,
            block_period: secs(600),
            hold_down_max: secs(8 * 600),
            hold_down_half_life: secs(3 * 600),
            damping: None,
            action_timeout: secs(10),
            verify_for: secs(30),
            max_dependents: 2,
            failback: Failback::Auto,
            failback_after: secs(900),
            failback_better_by: None,
        }
    }
}

/// The limits of route-flap damping (RFC 2439), in block periods: `reuse` is above 0 and below `suppress`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Damping {
    /// A penalty that reaches this suppresses the route.
    pub suppress: f64,
    /// It is released once its penalty has decayed below this.
    pub reuse: f64,
}

/// How fit candidates are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As configured.
    #[default]
    Configured,
    /// Best score first, those without one last.
    Best,
}

/// How traffic comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failback {
    /// By itself.
    #[default]
    Auto,
    /// By an operator only.
    Manual,
    /// By itself, within a calendar window.
    Window,
}
