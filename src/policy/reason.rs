//! Why: every evaluation ends in one `Reason`, "no action" included. Shown as one sentence for people, kept as
//! structured data for machines.

use super::command::{Health, Outcome};
use super::key::ChannelId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why something was done, or nothing was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// Nothing is wrong.
    Fine,
    /// Health changed.
    Health {
        /// What is known now.
        now: Health,
    },
    /// What came of an action.
    Outcome {
        /// What came of it.
        outcome: Outcome,
    },
    /// Nobody is fit.
    NoCandidate {
        /// Every candidate, and what speaks against it.
        against: Vec<(ChannelId, Ineligible)>,
    },
}

/// Why a candidate is not fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Ineligible {
    /// It is the channel itself.
    Itself,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
