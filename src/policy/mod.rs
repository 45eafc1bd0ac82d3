//! The decision engine: pure, and the only room that decides.
//!
//! Nothing here reads a clock, waits, logs, or talks to anything. Time, randomness and every fact come in as
//! arguments; commands go out as values. It imports nothing but `std` (and serde derives, because the journal keeps
//! what it says); `tests/house.rs` holds that.

mod cause;
mod channel;
pub mod codec;
mod codec_table;
mod command;
mod engine;
mod evidence;
mod explanation;
mod failover;
mod hold;
mod hold_down;
mod key;
mod looks;
mod mass;
mod observation;
mod outlook;
mod params;
mod places;
pub mod plan;
mod reason;
mod record;
mod report;
pub mod score;
mod tenant;
mod time;
mod trial;
mod window;

pub use codec::{CodecHold, Proposal};
pub use command::{
    Action, ActionKind, Actor, Cadence, Command, EventType, Fact, Health, OpId, Order, Outcome, Record, Refusal,
    TenantState,
};
pub use engine::{Engine, Part, Saved, SavedChannel};
pub use explanation::{
    Block, BlockKind, CodecTrialReport, Explanation, HoldDownReport, LastChange, LowReport, ProbationReport,
    QualityWatch, RefutedReport, ScoreParts,
};
pub use hold::{ByApproval, ByOrder, ByRescue, Hold, HoldRow, Yields};
pub use key::{ChannelId, ChannelKey, TenantId};
pub use observation::{
    AuthenticationSeen, ChannelView, Codec, LookError, Observation, Sample, Source, TelemetryReading, ranked,
};
pub use params::{
    ChannelParams, CodecParams, CodecTable, CodecValues, Damping, Failback, FailoverParams, GlobalLimits, HealthParams,
    Latency, Limits, Mode, OPUS_WIDEBAND, Order as CandidateOrder, Params, Patch, Policy, PolicyMode, ProposeFor,
    QualityParams, READ_LAG, Scorer, Statistic, TelemetryParams, TenantParams, Tier, Windows,
};
pub use plan::Pace;
pub use reason::{Cause, Ineligible, Reason};
pub use report::{CandidateReport, ChannelReport, MaintenanceReport, Quality, TenantReport};
pub use time::{Time, WallMs};
pub use trial::{CodecTrial, Probation, Promise, Refuted, Verdict};
pub use window::{Measured, SavedBaseline, Summary, Window};
