//! The outcome of a bridge, as it is answered, kept in the journal, and answered again under the same key.

use crate::journal::Operation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// What came of a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was made.
    Completed {
        /// The platform's id of it, where it tells one.
        bridge_id: Option<String>,
        /// Whether its answer was lost, or did not say that it is made, and the call, read back, shows it.
        read_back: bool,
    },
    /// It was not made.
    Failed {
        /// In what way.
        failure: Failure,
        /// One sentence, without secrets.
        why: String,
    },
    /// Whether it was made is not known.
    Unknown {
        /// One sentence, without secrets.
        why: String,
    },
}

/// Why a bridge was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// With the legs that are on the call already there would be too many.
    TooManyLegs,
    /// The call is over, or there never was one of that id.
    CallOver,
    /// The call is bridged already.
    AlreadyBridged,
    /// A scope or a role is missing.
    Forbidden,
    /// The platform grants no token, or takes none.
    NotAuthorised,
    /// The platform refuses the request.
    Refused,
    /// It could not be sent before its deadline.
    NotSent,
}

impl Failure {
    /// Its name in metrics and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooManyLegs => "too_many_legs",
            Self::CallOver => "call_over",
            Self::AlreadyBridged => "already_bridged",
            Self::Forbidden => "forbidden",
            Self::NotAuthorised => "not_authorised",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
        }
    }
}

impl Outcome {
    /// A failure and why.
    pub(super) fn failed(failure: Failure, why: impl Into<String>) -> Self {
        Self::Failed { failure, why: why.into() }
    }

    /// `completed`, `failed` or `unknown`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The label `result` of the metrics: the failure by its own name.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Failed { failure, .. } => failure.name(),
            _ => self.name(),
        }
    }
}

/// An operation that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The operation, and the platform's `X-CXone-Request-ID`.
    #[serde(rename = "operation_id")]
    pub id: Uuid,
    /// The call.
    pub call: String,
    /// How many targets it was to be bridged to.
    pub targets: usize,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// From the order to the outcome, in milliseconds.
    pub latency_ms: u64,
    /// What is worth knowing beside it.
    pub warnings: Vec<String>,
    /// Whether this is the result of an earlier order under the same idempotency key.
    #[serde(default)]
    pub repeated: bool,
}

impl Settled {
    /// An operation of the journal whose outcome is not known, `took` after it began.
    pub(super) fn unknown(operation: &Operation, why: &str, took: Duration) -> Self {
        Self::of(operation, Outcome::Unknown { why: why.to_owned() }, took)
    }

    /// An operation of the journal and what came of it, `took` after it began.
    pub(super) fn of(operation: &Operation, outcome: Outcome, took: Duration) -> Self {
        let targets = operation.request.get("targets").and_then(Value::as_array);
        Self {
            id: operation.id,
            call: operation.subject.clone(),
            targets: targets.map_or(0, Vec::len),
            outcome,
            latency_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            warnings: Vec::new(),
            repeated: false,
        }
    }
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = &self.call;
        match &self.outcome {
            Outcome::Completed { read_back, .. } => {
                let targets = if self.targets == 1 { "1 target" } else { &format!("{} targets", self.targets) };
                write!(f, "bridged call {call} to {targets}")?;
                if *read_back {
                    f.write_str(" (read back: the call shows the bridge)")?;
                }
            }
            Outcome::Failed { why, .. } => write!(f, "call {call} was not bridged: {why}")?,
            Outcome::Unknown { why } => {
                write!(f, "not known whether call {call} was bridged: {why}")?;
            }
        }
        if self.repeated { f.write_str(" (the first result under this key)") } else { Ok(()) }
    }
}
