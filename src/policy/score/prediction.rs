//! What a call over a path would sound like with one codec: the rating, and every part that it came from.
//!
//! Owns the sum of delays and of losses. Ta = one-way network delay + de-jitter buffer + the codec's frame and
//! look-ahead; a packet that comes after the buffer counts like a lost one (equal effect, RFC 3611 section 4.7).

use super::Conditions;
use super::emodel::{Call, Line, Rating, WIDEBAND_SCALE, mos};
use super::playout::Playout;
use crate::policy::params::{CodecValues, QualityParams};

/// What the E-model says of one codec under some conditions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// R on the narrowband scale of ITU-T G.107; 93.2 is a call without impairment, below 0 is possible.
    pub r_factor: f64,
    /// Mean opinion score, 1 to 4.5.
    pub mos: f64,
    /// R clamped to 0 to 100.
    pub score: f64,
    /// R points that delay costs (Id), on the narrowband scale.
    pub delay_cost: f64,
    /// R points that lost and late packets cost (Ie,eff less Ie), on the narrowband scale.
    pub loss_cost: f64,
    /// Packets that are not played, lost in the network or later than the buffer, in percent.
    pub unplayed_pct: f64,
    /// What the delay and the loss are made of.
    pub path: Path,
    /// The terms of R, on the codec's own scale.
    pub rating: Rating,
}

/// How a call gets from mouth to ear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// One-way network delay in milliseconds.
    pub network_ms: f64,
    /// The codec's frame and look-ahead in milliseconds.
    pub codec_ms: f64,
    /// The de-jitter buffer.
    pub playout: Playout,
    /// Packets lost in the network, in percent.
    pub lost_pct: f64,
}

impl Path {
    /// The path of a call by this codec under these conditions.
    pub fn new(conditions: &Conditions, codec: &CodecValues) -> Self {
        Self {
            network_ms: conditions.one_way_ms,
            codec_ms: codec.frame_ms,
            playout: Playout::for_jitter(conditions.jitter_ms),
            lost_pct: conditions.packet_loss_pct,
        }
    }

    /// A path whose whole delay from mouth to ear is known, buffer and codec included, and all of whose unplayed packets
    /// are counted in `lost_pct`.
    pub const fn mouth_to_ear(delay_ms: f64, lost_pct: f64) -> Self {
        let playout = Playout { buffer_ms: 0.0, late_pct: 0.0 };
        Self { network_ms: delay_ms, codec_ms: 0.0, playout, lost_pct }
    }

    /// Mouth-to-ear delay (Ta) in milliseconds.
    pub fn delay_ms(&self) -> f64 {
        self.network_ms + self.playout.buffer_ms + self.codec_ms
    }

    /// Packets that are not played (Ppl), in percent.
    pub fn unplayed_pct(&self) -> f64 {
        self.playout.unplayed_pct(self.lost_pct)
    }
}

/// What the E-model says of a codec under these conditions.
pub fn predict(params: &QualityParams, conditions: &Conditions, codec: &CodecValues) -> Prediction {
    rate(params, &Path::new(conditions, codec), codec)
}

/// What the E-model says of a codec on this path.
pub fn rate(params: &QualityParams, path: &Path, codec: &CodecValues) -> Prediction {
    let call = Call {
        one_way_ms: path.delay_ms(),
        loss_pct: path.unplayed_pct(),
        burst_r: params.burst_r,
        ie: codec.ie,
        bpl: codec.bpl,
    };
    let line = Line { advantage: params.advantage, ..Line::default() };
    // Costs are told on the narrowband scale, the one on which codecs are compared.
    let (rating, scale) =
        if codec.wideband { (line.rating_wideband(&call), WIDEBAND_SCALE) } else { (line.rating(&call), 1.0) };
    let r_factor = rating.r() / scale;
    Prediction {
        r_factor,
        mos: mos(r_factor),
        score: r_factor.clamp(0.0, 100.0),
        delay_cost: rating.id / scale,
        loss_cost: (rating.ie_eff - call.ie) / scale,
        unplayed_pct: call.loss_pct,
        path: *path,
        rating,
    }
}
