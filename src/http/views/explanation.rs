//! What explains a channel, in the API's words: freshness, the score's parts, blocks, and what an action would need.

use super::QualityWatchView;
use crate::clock::rfc3339;
use crate::policy::{ChannelReport, ScoreParts, Time};
use serde::{Deserialize, Serialize};

/// What explains a channel's state, with the ages and remaining times of the moment of the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplanationView {
    /// What would have to change for an action, in words.
    pub needed: String,
    /// Whether the evidence is fresh; otherwise nothing is decided by it.
    pub evidence_fresh: bool,
    /// Evidence older than this is stale.
    pub evidence_stale_after_seconds: f64,
    /// Age of the last answer to a look at it alone.
    pub single_look_age_seconds: Option<f64>,
    /// Age of the last telemetry.
    pub telemetry_age_seconds: Option<f64>,
    /// Telemetry older than this is stale.
    pub telemetry_stale_after_seconds: f64,
    /// Good looks in a row before it is up.
    pub rise: u32,
    /// Bad looks in a row before it is down.
    pub fall: u32,
    /// Others whose traffic it carries, or is about to.
    pub carries: u32,
    /// What the score is made of.
    pub score_parts: Option<ScoreParts>,
    /// What is watched for the sake of quality.
    #[serde(default)]
    pub quality: QualityWatchView,
    /// What blocks an action for a time.
    pub blocks: Vec<BlockView>,
    /// The penalty of its moves; null: there is none that counts.
    pub hold_down: Option<HoldDownView>,
    /// The last change of the reason.
    pub last_change: Option<LastChangeView>,
}

/// Something that blocks an action for a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockView {
    /// `move`, `codec`, or an attempt that failed: `retry_failover`, `retry_failback`, `retry_codec`.
    pub kind: String,
    /// Time left.
    pub left_seconds: f64,
}

/// The penalty that a channel's moves have left behind, as of the answer.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct HoldDownView {
    /// In block periods: 1 after the first move, doubled by each further one.
    pub penalty: f64,
    /// It halves in this time.
    pub half_life_seconds: f64,
    /// It grows no further than this.
    pub ceiling: f64,
    /// The penalty below which the route is released, where it has reached the suppress limit.
    pub reuse: Option<f64>,
}

/// When the reason last became another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastChangeView {
    /// When, RFC 3339.
    pub at: String,
    /// What it was until then, in words.
    pub was: String,
}

impl ExplanationView {
    pub(super) fn of(c: &ChannelReport, now: Time) -> Self {
        let explanation = &c.explanation;
        let passed = now.since(c.as_of);
        let age = |age: Option<std::time::Duration>| age.map(|age| (age + passed).as_secs_f64());
        let blocks = explanation.blocks_after(passed);
        Self {
            needed: c.outlook_at(now),
            evidence_fresh: explanation.fresh,
            evidence_stale_after_seconds: explanation.stale_after.as_secs_f64(),
            single_look_age_seconds: age(explanation.single_look_age),
            telemetry_age_seconds: age(explanation.telemetry_age),
            telemetry_stale_after_seconds: explanation.telemetry_stale_after.as_secs_f64(),
            rise: explanation.rise,
            fall: explanation.fall,
            carries: explanation.carries,
            score_parts: explanation.score_parts.clone(),
            quality: QualityWatchView::of(&explanation.quality, passed),
            blocks: blocks
                .map(|b| BlockView { kind: b.kind.name().to_owned(), left_seconds: b.left.as_secs_f64() })
                .collect(),
            hold_down: explanation.hold_down.map(|held| HoldDownView {
                penalty: held.penalty_after(passed),
                half_life_seconds: held.half_life.as_secs_f64(),
                ceiling: held.ceiling,
                reuse: held.reuse,
            }),
            last_change: explanation
                .last_change
                .as_ref()
                .map(|change| LastChangeView { at: rfc3339(change.at), was: change.was.clone() }),
        }
    }
}
