//! What `trunkwarden score` answers: as JSON with every number in full, or in words.

use crate::policy::score::Prediction;
use crate::policy::score::emodel::{Rating, WIDEBAND_SCALE};
use crate::policy::{CodecValues, QualityParams, Scorer};
use serde::Serialize;
use std::fmt;

/// The answer; its fields are the keys of the JSON. `ro`, `is`, `id`, `ie_eff` and `advantage` are on the codec's own
/// scale, where `r = ro - is - id - ie_eff + advantage`; `r_factor` is always on the narrowband one.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// R on the narrowband scale of ITU-T G.107, the one on which codecs are compared.
    r_factor: f64,
    /// Mean opinion score, 1 to 4.5.
    mos: f64,
    /// By the policy's scorer, 0 to 100.
    score: f64,
    /// Mouth-to-ear delay (Ta) in milliseconds: network, buffer and codec.
    delay_ms: f64,
    /// Delay impairment.
    id: f64,
    /// Effective equipment impairment.
    ie_eff: f64,
    /// Basic signal-to-noise ratio.
    ro: f64,
    /// Simultaneous impairment.
    is: f64,
    /// Advantage factor, on the codec's own scale.
    advantage: f64,
    /// R on the codec's own scale.
    r: f64,
    /// `narrowband` (R to 100) or `wideband` (R to 129).
    scale: &'static str,
    /// `emodel` or `tiers`.
    scorer: &'static str,
    /// What users would say (ITU-T G.109).
    opinion: &'static str,
    network_delay_ms: f64,
    buffer_delay_ms: f64,
    codec_delay_ms: f64,
    /// Packets lost in the network, in percent.
    loss_pct: f64,
    /// Packets later than the buffer, in percent of those that come.
    late_pct: f64,
    /// Packets that are not played, in percent (Ppl).
    effective_loss_pct: f64,
    burst_r: f64,
    codec: String,
    ie: f64,
    bpl: f64,
    plc: bool,
}

impl Answer {
    pub(super) fn new(
        name: &str,
        codec: &CodecValues,
        params: &QualityParams,
        prediction: &Prediction,
        score: f64,
    ) -> Self {
        let (path, Rating { ro, is, id, ie_eff, advantage }) = (&prediction.path, prediction.rating);
        Self {
            r_factor: prediction.r_factor,
            mos: prediction.mos,
            score,
            delay_ms: path.delay_ms(),
            id,
            ie_eff,
            ro,
            is,
            advantage,
            r: prediction.rating.r(),
            scale: if codec.wideband { "wideband" } else { "narrowband" },
            scorer: if matches!(params.scorer, Scorer::Emodel) { "emodel" } else { "tiers" },
            opinion: opinion(prediction.r_factor),
            network_delay_ms: path.network_ms,
            buffer_delay_ms: path.playout.buffer_ms,
            codec_delay_ms: path.codec_ms,
            loss_pct: path.lost_pct,
            late_pct: path.playout.late_pct,
            effective_loss_pct: path.unplayed_pct(),
            burst_r: params.burst_r,
            codec: name.to_owned(),
            ie: codec.ie,
            bpl: codec.bpl,
            plc: codec.plc,
        }
    }

    /// One line of JSON.
    pub(super) fn json(&self) -> String {
        // Numbers and plain text always serialize: every number of an answer is finite.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { r_factor, mos, score, delay_ms, id, ie_eff, ro, is, advantage, .. } = self;
        writeln!(f, "{}: score {score:.1}, R {r_factor:.2}, MOS {mos:.3}: {}", self.codec, self.opinion)?;
        writeln!(
            f,
            "  delay  {delay_ms:.1} ms from mouth to ear = {:.1} network + {:.1} de-jitter buffer + {:.1} codec",
            self.network_delay_ms, self.buffer_delay_ms, self.codec_delay_ms
        )?;
        writeln!(
            f,
            "  loss   {:.2} % not played = {:.2} % lost, and {:.2} % of the rest too late; BurstR {:.1}",
            self.effective_loss_pct, self.loss_pct, self.late_pct, self.burst_r
        )?;
        writeln!(
            f,
            "  codec  Ie {:.2}, Bpl {:.2}{}",
            self.ie,
            self.bpl,
            if self.plc { ", lost packets concealed" } else { "" }
        )?;
        write!(
            f,
            "  R      {ro:.2} Ro - {is:.2} Is - {id:.2} Id (delay) - {ie_eff:.2} Ie,eff (codec and loss) + {advantage:.2} A = {:.2}",
            self.r
        )?;
        if self.scale == "wideband" {
            write!(f, "\n         on the wideband scale; / {WIDEBAND_SCALE} = {r_factor:.2} on the narrowband one")?;
        }
        if self.scorer == "tiers" {
            write!(f, "\n  score  by the policy's table of tiers, which sees latency and jitter only")?;
        }
        Ok(())
    }
}

/// The categories of ITU-T G.109, by R.
const fn opinion(r: f64) -> &'static str {
    match r {
        90.0.. => "users very satisfied",
        80.0.. => "users satisfied",
        70.0.. => "some users dissatisfied",
        60.0.. => "many users dissatisfied",
        50.0.. => "nearly all users dissatisfied",
        _ => "not recommended",
    }
}
