//! From measured conditions to a score of 0 to 100: what a call over the channel would sound like.
//!
//! Owns the join between telemetry, the de-jitter buffer ([`playout`]), the transmission model ([`emodel`]) and the plain
//! alternative ([`tiers`]). Every codec is predicted on one scale, the narrowband R of ITU-T G.107 (a wideband codec's R
//! divided by 1.29, as ITU-T G.107.1 maps it to MOS), so that predictions may be compared. It never decides anything.

pub mod emodel;
mod parts;
pub mod playout;
pub mod tiers;

pub use parts::parts;

use super::params::{CodecTable, CodecValues, Latency, QualityParams, Scorer};
use super::report::Quality;
use super::window::Summary;

/// What a call without a named codec is predicted with: Ie and Bpl are the defaults of ITU-T G.107 table 3.
const UNNAMED: CodecValues =
    CodecValues { ie: 0.0, bpl: 4.3, plc: false, wideband: false, kbit_s: 64.0, frame_ms: 20.0 };
/// Bpl of G.711 without and with the concealment of ITU-T G.711 Appendix I (ITU-T G.113 Appendix I).
const G711_BPL: f64 = 4.3;
const G711_BPL_CONCEALED: f64 = 25.1;

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

/// What the E-model says of one codec under some conditions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// R on the narrowband scale of ITU-T G.107; 93.2 is a call without impairment, below 0 is possible.
    pub r_factor: f64,
    /// Mean opinion score, 1 to 4.5.
    pub mos: f64,
    /// R clamped to 0 to 100.
    pub score: f64,
    /// R points that delay costs (Id).
    pub delay_cost: f64,
    /// R points that lost and late packets cost (Ie,eff less Ie).
    pub loss_cost: f64,
    /// Packets that are not played, lost in the network or later than the buffer, in percent.
    pub unplayed_pct: f64,
}

/// The quality of a channel. R and MOS come from the E-model whatever the scorer; the score comes from the scorer.
///
/// `codec_in_use` is the codec that calls are expected to use, the first by priority. Where it is `None` or not in the
/// table, R is that of the defaults of ITU-T G.107 (Ie 0, Bpl 4.3).
pub fn quality(params: &QualityParams, latency: Latency, summary: &Summary, codec_in_use: Option<&str>) -> Quality {
    let conditions = Conditions::new(latency, summary);
    let values = codec_in_use.and_then(|name| codec_values(&params.codecs, name)).unwrap_or(UNNAMED);
    let prediction = predict(&conditions, &values);
    let score = match &params.scorer {
        Scorer::Emodel => prediction.score,
        Scorer::Tiers { rows, otherwise } => {
            tiers::score(rows, *otherwise, conditions.one_way_ms, conditions.jitter_ms)
        }
    };
    Quality {
        score,
        latency_ms: conditions.one_way_ms,
        jitter_ms: conditions.jitter_ms,
        packet_loss_pct: conditions.packet_loss_pct,
        r_factor: prediction.r_factor,
        mos: prediction.mos,
        samples: summary.samples,
    }
}

/// What the E-model says of a codec. A codec's frame and look-ahead and the de-jitter buffer add to the network's delay;
/// packets that come after the buffer count like lost ones (RFC 3611 section 4.7).
pub fn predict(conditions: &Conditions, codec: &CodecValues) -> Prediction {
    let playout = playout::Playout::for_jitter(conditions.jitter_ms);
    let call = emodel::Call {
        one_way_ms: conditions.one_way_ms + playout.buffer_ms + codec.frame_ms,
        loss_pct: playout.unplayed_pct(conditions.packet_loss_pct),
        burst_r: 1.0,
        ie: codec.ie,
        bpl: codec.bpl,
    };
    let line = emodel::Line::default();
    // Costs stay on the narrowband scale, the one on which codecs are compared.
    let (r_factor, scale) = if codec.wideband {
        (line.r_wideband(&call) / emodel::WIDEBAND_SCALE, emodel::WIDEBAND_SCALE)
    } else {
        (line.r(&call), 1.0)
    };
    Prediction {
        r_factor,
        mos: emodel::mos(r_factor),
        score: r_factor.clamp(0.0, 100.0),
        delay_cost: line.id(call.one_way_ms),
        loss_cost: (call.ie_eff() - call.ie) / scale,
        unplayed_pct: call.loss_pct,
    }
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
    /// The conditions of a window; half of a round trip counts as one-way delay.
    pub fn new(latency: Latency, summary: &Summary) -> Self {
        let one_way_ms = match latency {
            Latency::OneWay => summary.latency_ms,
            Latency::RoundTrip => summary.latency_ms / 2.0,
        };
        Self { one_way_ms, jitter_ms: summary.jitter_ms, packet_loss_pct: summary.packet_loss_pct }
    }
}

#[cfg(test)]
mod tests;
