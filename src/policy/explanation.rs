//! What a report adds so that a person can follow it: how fresh the evidence is, what the score is made of,
//! what blocks an action and for how long. Plain values; reads nothing, decides nothing.

mod quality;

pub use quality::{CodecTrialReport, LowReport, ProbationReport, QualityWatch, RefutedReport};

use super::decay::left_after;
use super::time::WallMs;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What explains a channel's report. Ages and remaining times are of the report's `as_of`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// Whether the platform's status is fresh; otherwise nothing is decided by it.
    pub fresh: bool,
    /// A status older than this is stale.
    pub stale_after: Duration,
    /// Age of the last answer to a look at it alone; `None`: there was none.
    pub single_look_age: Option<Duration>,
    /// Age of the last telemetry; `None`: there was none that counts.
    pub telemetry_age: Option<Duration>,
    /// Telemetry older than this is stale.
    pub telemetry_stale_after: Duration,
    /// Good looks in a row before it is up.
    pub rise: u32,
    /// Bad looks in a row before it is down.
    pub fall: u32,
    /// Whether its policy moves traffic.
    pub failover_enabled: bool,
    /// Others whose traffic it carries, or is about to.
    pub carries: u32,
    /// What the score is made of; `None`: there is no score.
    pub score_parts: Option<ScoreParts>,
    /// What is watched for the sake of quality.
    pub quality: QualityWatch,
    /// What blocks an action for a time.
    pub blocks: Vec<Block>,
    /// The penalty of its moves; `None`: there is none that counts.
    pub hold_down: Option<HoldDownReport>,
    /// The last change of the reason, filled in by whoever keeps it; `None`: not known.
    pub last_change: Option<LastChange>,
}

/// What the E-model's rating is made of, in R points of ITU-T G.107. The costs are taken one after the other in this
/// order, so that `best` less all of them is `r_factor`; a cost below 0 is a gain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreParts {
    /// R of a narrowband call without codec, delay, loss and jitter.
    pub best: f64,
    /// The codec that calls are expected to use; `None`: not known, the defaults of ITU-T G.107 are taken.
    pub codec: Option<String>,
    /// What the codec costs, its own delay included.
    pub codec_cost: f64,
    /// What the network's delay costs.
    pub delay_cost: f64,
    /// What packets cost that the network lost.
    pub loss_cost: f64,
    /// What jitter costs: the buffer's delay, and packets that come after it.
    pub jitter_cost: f64,
    /// What remains.
    pub r_factor: f64,
}

/// The penalty that a channel's moves have left behind. See the policy's `block_period` and `hold_down_…`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HoldDownReport {
    /// In block periods: 1 after the first move, doubled by each further one. It holds the route while the move is younger
    /// than it is long.
    pub penalty: f64,
    /// It halves in this time; zero: it is gone at once.
    pub half_life: Duration,
    /// It grows no further than this.
    pub ceiling: f64,
    /// The penalty below which the route is released, where it has reached the suppress limit; `None`: it has not.
    pub reuse: Option<f64>,
}

impl HoldDownReport {
    /// The penalty `passed` after the report was made.
    pub fn penalty_after(&self, passed: Duration) -> f64 {
        self.penalty * left_after(passed, self.half_life)
    }
}

/// Something that blocks an action for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What kind it is.
    pub kind: BlockKind,
    /// Time left.
    pub left: Duration,
}

/// What blocks an action for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// The channel was moved (by us or someone else) not long ago; a rescue from a failed backup is free of it.
    Move,
    /// Earlier attempts to move traffic failed.
    RetryFailover,
    /// Earlier attempts to take traffic home failed.
    RetryFailback,
    /// Earlier attempts to change codecs failed.
    RetryCodec,
    /// Its codecs were changed not long ago.
    Codec,
}

impl BlockKind {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::RetryFailover => "retry_failover",
            Self::RetryFailback => "retry_failback",
            Self::RetryCodec => "retry_codec",
            Self::Codec => "codec",
        }
    }
}

/// When the reason last became another one, clocks and measured values left aside.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LastChange {
    /// When.
    pub at: WallMs,
    /// What it was until then, in words.
    pub was: String,
}

impl Explanation {
    /// Blocks that still hold `passed` after the report was made, with what is left of them.
    pub fn blocks_after(&self, passed: Duration) -> impl Iterator<Item = Block> + '_ {
        self.blocks.iter().filter_map(move |block| {
            let left = block.left.checked_sub(passed).filter(|left| !left.is_zero())?;
            Some(Block { left, ..*block })
        })
    }
}
