//! The decision engine: pure, and the only room that decides.
//!
//! Nothing here reads a clock, waits, logs, or talks to anything. Time, randomness and every fact come in as
//! arguments; commands go out as values. It imports nothing but `std` (and serde derives, because the journal keeps
//! what it says); `tests/house.rs` holds that.

mod cause;
mod channel;
mod clearance;
pub mod codec;
mod codec_table;
mod command;
mod decay;
mod engine;
mod explanation;
mod hold;
mod hold_down;
mod hour;
mod ids;
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
mod words;

pub use clearance::{Bar, TABLE as CLEARANCES, Writer};
pub use codec::{CodecHold, Proposal};
pub use command::{Action, ActionKind, Cadence, Command, EventType, Fact, Order, Record, Refusal};
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
pub use report::{CandidateReport, ChannelReport, MaintenanceReport, TenantReport};
pub use score::Quality;
pub use time::{Span, Time, WallMs};
pub use trial::{CodecTrial, Probation, Promise, Refuted, Verdict};
pub use window::{Measured, SavedBaseline, Summary, Window};
pub use words::{Actor, Health, OpId, Outcome, TenantState};
