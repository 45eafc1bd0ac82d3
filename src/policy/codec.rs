//! Which codec order would sound better under the present conditions, and what gain it promises.
//!
//! Owns the proposal: a permutation of the codecs as read, none lost, none renamed, priorities from 1. The gain is always
//! predicted by the E-model, whatever the scorer. It never proposes a higher bit rate than the policy allows while loss is
//! the impairment, because congestion feeds on it; and it never puts an unknown codec first.
//!
//! Loss is the impairment where half a percent of the packets or more is not played with the present first codec, or
//! where unplayed packets cost that codec more R points than delay does. Packets that come too late count as well: they
//! stood in a queue.

use super::observation::Codec;
use super::params::{CodecParams, Latency, QualityParams};
use super::score::{Conditions, Prediction, codec_values, predict};
use super::trial::Refuted;
use super::window::Summary;
use serde::{Deserialize, Serialize};
use std::fmt;

/// From this share of unplayed packets on, loss is the impairment, in percent.
const LOSSY_PCT: f64 = 0.5;

/// A better codec order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Every codec as read, best first, priorities 1, 2, 3 and so on.
    pub order: Vec<Codec>,
    /// The codec that is first now.
    pub from: String,
    /// The codec that would be first.
    pub to: String,
    /// What the new first codec promises over the present one, in score points; at least the policy's `min_gain`.
    pub gain: f64,
    /// The E-model's score of the present conditions with the new first codec.
    pub predicted: f64,
}

/// Why no other codec order is proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum CodecHold {
    /// The channel shows no codecs.
    NoCodecs,
    /// The first codec has no E-model values, so no gain over it can be predicted.
    UnknownCodec {
        /// Its name as the platform writes it.
        name: String,
    },
    /// No known codec would sound better than the first one.
    AlreadyBest {
        /// The first codec.
        top: String,
    },
    /// The best order promises too little.
    GainTooSmall {
        /// The codec that would be first.
        to: String,
        /// Score points that it promises.
        gain: f64,
        /// Score points that the policy asks for.
        min_gain: f64,
    },
    /// The order was put in place and is still being measured.
    OnTrial {
        /// The codec that was put first.
        to: String,
        /// The score that was predicted.
        predicted: f64,
        /// The score before.
        before: f64,
    },
    /// Nothing has been measured yet since the last change of the codecs or of the route.
    Unmeasured,
    /// The best order was tried not long ago, and was measured worse than what was there before.
    Refuted {
        /// The codec that would be first.
        to: String,
        /// The score that was measured with it.
        measured: f64,
        /// The score before.
        before: f64,
    },
    /// The only codec that would sound well enough needs more bits while packets are being lost.
    BitrateWouldRise {
        /// That codec.
        to: String,
        /// By how much the bit rate would rise, in kbit/s.
        kbit_s: f64,
    },
}

impl fmt::Display for CodecHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCodecs => f.write_str("the channel shows no codecs"),
            Self::UnknownCodec { name } => {
                write!(
                    f,
                    "the first codec, {name}, has no E-model values (quality.codecs), so no gain can be predicted"
                )
            }
            Self::AlreadyBest { top } => write!(f, "{top} is first and suits the conditions best"),
            Self::GainTooSmall { to, gain, min_gain } => {
                write!(f, "{to} first would gain {gain:.1} points, less than min_gain {min_gain:.1}")
            }
            Self::OnTrial { to, predicted, before } => {
                write!(f, "{to} was put first and is being measured: predicted {predicted:.1}, {before:.1} before")
            }
            Self::Unmeasured => f.write_str("no telemetry since the last change"),
            Self::Refuted { to, measured, before } => write!(
                f,
                "{to} first was tried and measured worse ({measured:.1} after {before:.1}), and conditions have not changed"
            ),
            Self::BitrateWouldRise { to, kbit_s } => {
                write!(f, "{to} first would send {kbit_s:.0} kbit/s more while packets are being lost")
            }
        }
    }
}

/// The codec order that suits the conditions best: codecs by predicted score, equals in their present order. Behind them
/// stand those that were refuted and those whose bit rate must not rise now, then those without E-model values. Codecs of equal priority keep the
/// order in which they were read.
///
/// It is proposed only where another codec comes first and promises `min_gain` at least. A codec in `refuted` is not put
/// first while conditions are those that it was refuted under ([`Refuted::outdated`]).
pub fn propose(
    codec: &CodecParams,
    quality: &QualityParams,
    latency: Latency,
    summary: &Summary,
    codecs: &[Codec],
    refuted: &[&Refuted],
) -> Result<Proposal, CodecHold> {
    let weighed = weigh(codec, quality, latency, summary, codecs, refuted)?;
    let Weighed { entries, present, valid } = &weighed;
    let held_back = || {
        refuted_gain(entries, present, valid, codec.min_gain)
            .or_else(|| held_back_gain(entries, present, codec.min_gain))
    };
    match entries.first() {
        Some(best) if best.codec != present.codec => {
            let gain = best.score() - present.score();
            if gain < codec.min_gain {
                let to = best.codec.name.clone();
                let min_gain = codec.min_gain;
                return Err(held_back().unwrap_or(CodecHold::GainTooSmall { to, gain, min_gain }));
            }
            Ok(weighed.proposal(best, renumbered(entries.iter().map(|entry| entry.codec))))
        }
        _ => Err(held_back().unwrap_or(CodecHold::AlreadyBest { top: present.codec.name.clone() })),
    }
}

/// An order that a person approved, where it is still of these codecs and its first one may still come first and promises
/// `min_gain`; whatever else would suit the conditions better by now.
pub(super) fn propose_approved(
    codec: &CodecParams,
    quality: &QualityParams,
    latency: Latency,
    summary: &Summary,
    codecs: &[Codec],
    refuted: &[&Refuted],
    approved: &[Codec],
) -> Option<Proposal> {
    let weighed = weigh(codec, quality, latency, summary, codecs, refuted).ok()?;
    let mut order: Vec<&Codec> = approved.iter().collect();
    order.sort_by_key(|codec| codec.priority);
    let top = &order.first()?.name;
    let first = weighed.entries.iter().find(|entry| entry.codec.name == *top)?;
    let free = first.known.is_some() && !first.held_back && !first.refuted && first.codec != weighed.present.codec;
    let promises = first.score() - weighed.present.score() >= codec.min_gain;
    (free && promises && same_names(approved, codecs)).then(|| weighed.proposal(first, renumbered(order.into_iter())))
}

/// Codecs by what they promise.
struct Weighed<'a> {
    /// The best first.
    entries: Vec<Entry<'a>>,
    /// The codec that is first now.
    present: Entry<'a>,
    /// Those refuted that count under these conditions.
    valid: Vec<&'a Refuted>,
}

impl Weighed<'_> {
    fn proposal(&self, first: &Entry<'_>, order: Vec<Codec>) -> Proposal {
        Proposal {
            order,
            from: self.present.codec.name.clone(),
            to: first.codec.name.clone(),
            gain: first.score() - self.present.score(),
            predicted: first.score(),
        }
    }
}

fn weigh<'a>(
    codec: &CodecParams,
    quality: &QualityParams,
    latency: Latency,
    summary: &Summary,
    codecs: &'a [Codec],
    refuted: &[&'a Refuted],
) -> Result<Weighed<'a>, CodecHold> {
    let conditions = Conditions::new(quality, latency, &summary.measured());
    let mut entries: Vec<Entry<'_>> = codecs.iter().map(|c| Entry::new(c, quality, &conditions)).collect();
    entries.sort_by_key(|entry| entry.codec.priority);
    let present = entries.first().ok_or(CodecHold::NoCodecs)?.clone();
    let Some(now) = present.known else {
        return Err(CodecHold::UnknownCodec { name: present.codec.name.clone() });
    };
    if loss_is_the_impairment(&now.prediction) {
        let most = now.kbit_s + codec.max_bitrate_increase;
        for entry in &mut entries {
            entry.held_back = entry.known.is_some_and(|known| known.kbit_s > most);
        }
    }
    let score_of =
        |name: &str| entries.iter().find(|e| e.codec.name == name)?.known.map(|known| known.prediction.score);
    let outdated = |old: &Refuted| score_of(&old.from).is_some_and(|score| old.outdated(codec, score));
    let valid: Vec<&Refuted> = refuted.iter().copied().filter(|old| !outdated(old)).collect();
    for entry in entries.iter_mut().filter(|entry| entry.codec != present.codec) {
        entry.refuted = valid.iter().any(|old| old.to == entry.codec.name);
    }
    entries.sort_by(Entry::rank);
    Ok(Weighed { entries, present, valid })
}

/// A codec of the channel and what is known of it.
#[derive(Clone)]
struct Entry<'a> {
    codec: &'a Codec,
    known: Option<Known>,
    held_back: bool,
    refuted: bool,
}

#[derive(Clone, Copy)]
struct Known {
    prediction: Prediction,
    kbit_s: f64,
}

impl<'a> Entry<'a> {
    fn new(codec: &'a Codec, quality: &QualityParams, conditions: &Conditions) -> Self {
        let known = codec_values(&quality.codecs, &codec.name)
            .map(|values| Known { prediction: predict(quality, conditions, &values), kbit_s: values.kbit_s });
        Self { codec, known, held_back: false, refuted: false }
    }

    fn score(&self) -> f64 {
        self.known.map_or(0.0, |known| known.prediction.score)
    }

    /// Which of two comes first; `Equal` leaves them as they are.
    fn rank(&self, other: &Self) -> std::cmp::Ordering {
        let place = |entry: &Self| match entry.known {
            Some(_) if !entry.held_back && !entry.refuted => 0,
            Some(_) => 1,
            None => 2,
        };
        place(self).cmp(&place(other)).then_with(|| other.score().total_cmp(&self.score()))
    }
}

fn loss_is_the_impairment(present: &Prediction) -> bool {
    present.unplayed_pct >= LOSSY_PCT || present.loss_cost > present.delay_cost
}

/// The best of the codecs that were held back, where it is what the policy waits for.
fn held_back_gain(entries: &[Entry<'_>], present: &Entry<'_>, min_gain: f64) -> Option<CodecHold> {
    let best = entries.iter().find(|entry| entry.held_back)?;
    let gain = best.score() - present.score();
    let kbit_s = best.known?.kbit_s - present.known?.kbit_s;
    (gain > 0.0 && gain >= min_gain).then(|| CodecHold::BitrateWouldRise { to: best.codec.name.clone(), kbit_s })
}

/// The best of the codecs that were refuted, where it is what would be put first.
fn refuted_gain(entries: &[Entry<'_>], present: &Entry<'_>, valid: &[&Refuted], min_gain: f64) -> Option<CodecHold> {
    let best = entries.iter().find(|entry| entry.refuted && !entry.held_back)?;
    let gain = best.score() - present.score();
    let old = valid.iter().find(|old| old.to == best.codec.name)?;
    let (to, measured, before) = (old.to.clone(), old.measured, old.before);
    (gain > 0.0 && gain >= min_gain).then_some(CodecHold::Refuted { to, measured, before })
}

fn renumbered<'a>(codecs: impl Iterator<Item = &'a Codec>) -> Vec<Codec> {
    (1..).zip(codecs).map(|(priority, codec)| Codec { name: codec.name.clone(), priority }).collect()
}

/// Whether both are of the same codecs, in whatever order.
pub(super) fn same_names(a: &[Codec], b: &[Codec]) -> bool {
    let names = |codecs: &[Codec]| {
        let mut names: Vec<String> = codecs.iter().map(|codec| codec.name.clone()).collect();
        names.sort();
        names
    };
    names(a) == names(b)
}

#[cfg(test)]
mod tests;
