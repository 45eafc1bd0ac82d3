//! What a score is made of: one impairment after the other, each costing what the rating loses by it.
//!
//! Reads the model, adds none of its own. Must never: be part of a decision.

use super::{Conditions, UNNAMED, codec_values, predict};
use crate::policy::explanation::ScoreParts;
use crate::policy::params::{CodecValues, Latency, QualityParams};
use crate::policy::window::Summary;

/// The rating of a channel taken apart: a flawless call, then the codec, the network's delay, its loss, and jitter.
pub fn parts(params: &QualityParams, latency: Latency, summary: &Summary, codec_in_use: Option<&str>) -> ScoreParts {
    let all = Conditions::new(params, latency, &summary.measured());
    let values = codec_in_use.and_then(|name| codec_values(&params.codecs, name));
    let known = codec_in_use.filter(|_| values.is_some());
    let codec = values.unwrap_or(UNNAMED);
    let rate = |conditions: &Conditions, codec: &CodecValues| predict(params, conditions, codec).r_factor;
    let nothing = Conditions { one_way_ms: 0.0, jitter_ms: 0.0, packet_loss_pct: 0.0 };
    let delayed = Conditions { one_way_ms: all.one_way_ms, ..nothing };
    let lossy = Conditions { packet_loss_pct: all.packet_loss_pct, ..delayed };
    let best = rate(&nothing, &CodecValues { frame_ms: 0.0, ..UNNAMED });
    let coded = rate(&nothing, &codec);
    let (delayed, lossy, r_factor) = (rate(&delayed, &codec), rate(&lossy, &codec), rate(&all, &codec));
    ScoreParts {
        best,
        codec: known.map(str::to_owned),
        codec_cost: best - coded,
        delay_cost: coded - delayed,
        loss_cost: delayed - lossy,
        jitter_cost: lossy - r_factor,
        r_factor,
    }
}
