//! From measured conditions to a score of 0 to 100: what a call over the channel would sound like.
//!
//! Owns the join between telemetry, the de-jitter buffer ([`playout`]), the transmission model ([`emodel`]) and the plain
//! alternative ([`tiers`]), and how far a channel has fallen below its own baseline. Every codec is predicted on one scale, the narrowband R of ITU-T G.107 (a wideband codec's R
//! divided by 1.29, as ITU-T G.107.1 maps it to MOS), so that predictions may be compared. It never decides anything.

pub mod emodel;
mod parts;
pub mod playout;
mod prediction;
mod quality;
pub mod tiers;

pub use parts::parts;
pub use prediction::{Path, Prediction, predict, rate};
pub use quality::Quality;

use super::params::{CodecTable, CodecValues, Latency, QualityParams, Scorer};
use super::window::{Measured, Summary};

/// What a call without a named codec is predicted with: Ie and Bpl are the defaults of ITU-T G.107 table 3.
const UNNAMED: CodecValues =
    CodecValues { ie: 0.0, bpl: 4.3, plc: false, wideband: false, kbit_s: 64.0, frame_ms: 20.0 };
/// Bpl of G.711 without loss concealment (ITU-T G.113 Appendix I).
pub const G711_BPL: f64 = 4.3;
/// Bpl of G.711 with the concealment of ITU-T G.711 Appendix I (ITU-T G.113 Appendix I).
pub const G711_BPL_CONCEALED: f64 = 25.1;

/// What the path does to a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// One-way network delay in milliseconds.
    pub one_way_ms: f64,
    /// Jitter in milliseconds.
    pub jitter_ms: f64,
    /// Packets lost in the network, in percent.
    pub packet_loss_pct: f64,
}

/// The quality of a channel. R and MOS come from the E-model whatever the scorer; the score comes from the scorer.
///
/// `codec_in_use` is the codec that calls are expected to use, the first by priority. Where it is `None` or not in the
/// table, R is that of the defaults of ITU-T G.107 (Ie 0, Bpl 4.3).
pub fn quality(params: &QualityParams, latency: Latency, summary: &Summary, codec_in_use: Option<&str>) -> Quality {
    let values = codec_in_use.and_then(|name| codec_values(&params.codecs, name)).unwrap_or(UNNAMED);
    let now = Conditions::new(params, latency, &summary.measured());
    let prediction = predict(params, &now, &values);
    let usual_score = |usual: &Measured| {
        let usual = Conditions::new(params, latency, usual);
        score(params, &usual, &predict(params, &usual, &values))
    };
    Quality {
        score: score(params, &now, &prediction),
        baseline: summary.usual.as_ref().map(usual_score),
        latency_ms: now.one_way_ms,
        jitter_ms: now.jitter_ms,
        packet_loss_pct: now.packet_loss_pct,
        r_factor: prediction.r_factor,
        mos: prediction.mos,
        samples: summary.samples,
    }
}

/// The score by the policy's scorer, 0 to 100. `prediction` is that of the same conditions.
pub fn score(params: &QualityParams, conditions: &Conditions, prediction: &Prediction) -> f64 {
    match &params.scorer {
        Scorer::Emodel => prediction.score,
        Scorer::Tiers { rows, otherwise } => {
            tiers::score(rows, *otherwise, conditions.one_way_ms, conditions.jitter_ms)
        }
    }
}

/// By how many score points a channel is below its own baseline, where that is the policy's `degraded_by` or more. `None`
/// where it is less, where no baseline is known, and where the policy does not ask for it.
pub fn degradation(params: &QualityParams, quality: &Quality) -> Option<f64> {
    let points = quality.baseline? - quality.score;
    params.degraded_by.filter(|least| points >= *least).map(|_| points)
}

/// A codec's values by its name in any case, with the concealment that its `plc` promises. `None` where the table does
/// not know the codec.
pub fn codec_values(table: &CodecTable, name: &str) -> Option<CodecValues> {
    let name = name.to_ascii_uppercase();
    let mut values = *table.0.get(&name)?;
    let g711 = matches!(name.as_str(), "PCMU" | "PCMA");
    if g711 && values.plc && (values.bpl - G711_BPL).abs() < 1e-9 {
        values.bpl = G711_BPL_CONCEALED;
    }
    Some(values)
}

impl Conditions {
    /// What the platform measured; of a round trip, the policy's share counts as one-way delay.
    pub fn new(params: &QualityParams, latency: Latency, measured: &Measured) -> Self {
        let one_way_ms = match latency {
            Latency::OneWay => measured.latency_ms,
            Latency::RoundTrip => measured.latency_ms * params.one_way_share,
        };
        Self { one_way_ms, jitter_ms: measured.jitter_ms, packet_loss_pct: measured.packet_loss_pct }
    }
}

#[cfg(test)]
mod tests;
