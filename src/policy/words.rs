//! Words that the engine's facts, commands, records and reports share: who did something, what came of it, and how a channel
//! or a tenant is.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of an intent: unique for the life of a journal, and rising.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub u64);

/// The outcome of an action, reported to the engine by the executor (or by the journal's recovery).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The platform was read back and shows the change.
    Applied {
        /// Fields beside the change that did not survive it, as JSON paths.
        siblings_lost: Vec<String>,
    },
    /// The platform took the change (or may have) and still showed the old state when `verify_for` ended.
    NotApplied,
    /// The platform refused it; repeating cannot help.
    Refused {
        /// One sentence, without secrets.
        why: String,
    },
    /// It could not be sent in time: nothing was changed.
    NotSent {
        /// One sentence, without secrets.
        why: String,
    },
    /// Someone else changed the channel since it was read (409, 412): nothing was changed.
    Conflict,
    /// It was called back before it was sent (paused, reload to observe, journal not writable): nothing was changed.
    Withdrawn {
        /// One sentence.
        why: String,
    },
    /// Whether it was made is not known: it may have been sent and the platform could not be read back.
    Unknown {
        /// One sentence, without secrets.
        why: String,
    },
}

impl Outcome {
    /// The metric label: `applied`, `not_applied`, `refused`, `not_sent`, `conflict`, `withdrawn` or `unknown`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::NotApplied => "not_applied",
            Self::Refused { .. } => "refused",
            Self::NotSent { .. } => "not_sent",
            Self::Conflict => "conflict",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The decision engine.
    Engine,
    /// A named person.
    Operator(String),
    /// A change of the configuration.
    Config,
    /// The process itself.
    System,
    /// Someone else who changed the platform.
    Outside,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => f.write_str("engine"),
            Self::Operator(name) => write!(f, "operator:{name}"),
            Self::Config => f.write_str("config"),
            Self::System => f.write_str("system"),
            Self::Outside => f.write_str("outside"),
        }
    }
}

/// What is known of a channel's health. Separate from what people decided about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Not known: at the start, when evidence is stale, and where the platform has no such channel.
    #[default]
    Unknown,
    /// Good for `rise` looks.
    Up,
    /// Neither good nor bad: not fit to take traffic, no reason to move any.
    Degraded,
    /// Bad for `fall` looks.
    Down,
}

impl Health {
    /// Every value, for metrics that show a state as one series each.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Up, Self::Degraded, Self::Down];

    /// The label: `unknown`, `up`, `degraded` or `down`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of a tenant as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantState {
    /// Its platform answers.
    #[default]
    Seen,
    /// Its platform does not answer: no actions.
    Blind,
}
