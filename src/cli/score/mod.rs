//! `trunkwarden score`: the scorer as a calculator. What a call would sound like under conditions that are typed in, by
//! the same model as the daemon's, with every part that the result came from.
//!
//! It owns the question: which values are allowed, and one clear line where one is not. It reads nothing but the
//! configuration file, and that only where asked to. `answer` is what it prints.

mod answer;

use super::EX_CONFIG;
use crate::cli::terminal;
use crate::config::{self, Config, Rejected};
use crate::policy::score::{self, Conditions, G711_BPL, G711_BPL_CONCEALED, Path as CallPath};
use crate::policy::{CodecValues, Latency, Measured, QualityParams, Scorer};
use answer::Answer;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use thiserror::Error;

/// What `--policy` means where it is left out.
const DEFAULT_POLICY: &str = "default";

/// Says what a call would sound like: R, MOS and score, and their parts.
///
/// Latency and jitter are those of the network; the de-jitter buffer and the codec add to them. With
/// `--mouth-to-ear-ms` the whole delay is given instead, and the E-model is asked alone.
#[derive(Debug, Args)]
pub struct Score {
    /// Network latency in milliseconds, one-way unless --round-trip: 0 to 60000.
    #[arg(long, value_name = "MS", allow_hyphen_values = true)]
    latency_ms: Option<String>,
    /// Jitter (RFC 3550) in milliseconds: 0 to 60000.
    #[arg(long, value_name = "MS", allow_hyphen_values = true)]
    jitter_ms: Option<String>,
    /// Packets lost in the network, in percent: 0 to 100.
    #[arg(long, value_name = "PCT", allow_hyphen_values = true)]
    loss_pct: Option<String>,
    /// Instead of latency and jitter: the whole delay (Ta) in milliseconds, buffer and codec included: 0 to 60000.
    #[arg(long, value_name = "MS", allow_hyphen_values = true)]
    mouth_to_ear_ms: Option<String>,
    /// Codec: PCMU, PCMA, G729, G722, OPUS, or one of the policy's.
    #[arg(long, value_name = "NAME", default_value = "PCMU")]
    codec: String,
    /// Whether PCMU or PCMA conceals lost packets: on, off; left out: as the policy says, off by default.
    #[arg(long, value_name = "on|off")]
    plc: Option<String>,
    /// Burst ratio BurstR, 1 to 8; left out: as the policy says, 1 (random loss) by default.
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    burst_r: Option<String>,
    /// Advantage factor A, 0 to 20; left out: as the policy says, 0 by default.
    #[arg(long, value_name = "A", allow_hyphen_values = true)]
    advantage: Option<String>,
    /// The latency is a round trip; the policy's `one_way_share` of it, a half by default, is one-way.
    #[arg(long)]
    round_trip: bool,
    /// Codec values, scorer and the other keys of [policies.NAME.quality] come from this configuration file.
    #[arg(long, value_name = "F")]
    config: Option<PathBuf>,
    /// Which policy of that file; left out: default.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// JSON instead of words.
    #[arg(long)]
    json: bool,
}

/// Why there is no answer.
#[derive(Debug, Error)]
enum Refusal {
    #[error("--{flag} {given:?} is not allowed: it must be a number from {least} to {most}")]
    Number { flag: &'static str, given: String, least: f64, most: f64 },
    #[error(
        "--{flag} is missing: give --latency-ms, --jitter-ms and --loss-pct (or --mouth-to-ear-ms and --loss-pct), since a missing value is not 0"
    )]
    Missing { flag: &'static str },
    #[error("--mouth-to-ear-ms is the whole delay, so it does not go with --{flag}")]
    WholeDelay { flag: &'static str },
    #[error("--mouth-to-ear-ms goes with the E-model only, and this policy's scorer is tiers")]
    WholeDelayOfTiers,
    #[error("--plc {0:?} is not allowed: it must be on or off")]
    Concealment(String),
    #[error(
        "--plc does not go with --codec {0:?}: only PCMU and PCMA are rated with and without it; the Bpl of other codecs includes their own concealment"
    )]
    ConcealmentOf(String),
    #[error("--codec {given:?} has no E-model values; known: {known} (others need quality.codecs and --config)")]
    Codec { given: String, known: String },
    #[error("--policy needs --config, the file that defines policies")]
    PolicyWithoutConfig,
    #[error("--policy {given:?} is not in the configuration file; known: {known}")]
    Policy { given: String, known: String },
    #[error("{0}")]
    Config(#[from] Rejected),
}

impl Score {
    /// Prints the answer to stdout and ends with 0; a value that is not allowed is one line on stderr and 2, a bad
    /// configuration file 78.
    pub fn run(self) -> ExitCode {
        match self.answer() {
            Ok(answer) => {
                let text = if self.json { answer.json() } else { answer.to_string() };
                terminal::line(&text);
                ExitCode::SUCCESS
            }
            Err(Refusal::Config(rejected)) => {
                terminal::complain(&rejected.to_string());
                ExitCode::from(EX_CONFIG)
            }
            Err(refusal) => {
                terminal::complain(&format!("trunkwarden: {refusal}"));
                ExitCode::from(2)
            }
        }
    }

    fn answer(&self) -> Result<Answer, Refusal> {
        let params = self.params()?;
        let codec = self.codec_values(&params)?;
        let packet_loss_pct = required("loss-pct", self.loss_pct.as_deref(), 100.0)?;
        let (conditions, path) = if let Some(whole) = &self.mouth_to_ear_ms {
            self.refuse_beside_whole_delay(&params)?;
            let delay_ms = number("mouth-to-ear-ms", whole, 0.0, 60_000.0)?;
            let conditions = Conditions { one_way_ms: delay_ms, jitter_ms: 0.0, packet_loss_pct };
            (conditions, CallPath::mouth_to_ear(delay_ms, packet_loss_pct))
        } else {
            let latency_ms = required("latency-ms", self.latency_ms.as_deref(), 60_000.0)?;
            let jitter_ms = required("jitter-ms", self.jitter_ms.as_deref(), 60_000.0)?;
            let latency = if self.round_trip { Latency::RoundTrip } else { Latency::OneWay };
            let conditions = Conditions::new(&params, latency, &Measured { latency_ms, jitter_ms, packet_loss_pct });
            (conditions, CallPath::new(&conditions, &codec))
        };
        let prediction = score::rate(&params, &path, &codec);
        let score = score::score(&params, &conditions, &prediction);
        Ok(Answer::new(&self.codec.to_ascii_uppercase(), &codec, &params, &prediction, score))
    }

    /// The policy's way of scoring, with what the command line sets instead.
    fn params(&self) -> Result<QualityParams, Refusal> {
        let mut params = match (&self.config, &self.policy) {
            (None, None) => QualityParams::default(),
            (None, Some(_)) => return Err(Refusal::PolicyWithoutConfig),
            (Some(file), name) => of_policy(&config::load(file)?.config, name.as_deref())?,
        };
        if let Some(given) = &self.burst_r {
            params.burst_r = number("burst-r", given, 1.0, 8.0)?;
        }
        if let Some(given) = &self.advantage {
            params.advantage = number("advantage", given, 0.0, 20.0)?;
        }
        Ok(params)
    }

    fn codec_values(&self, params: &QualityParams) -> Result<CodecValues, Refusal> {
        let unknown = || {
            let known = params.codecs.0.keys().cloned().collect::<Vec<_>>().join(", ");
            Refusal::Codec { given: self.codec.clone(), known }
        };
        let mut values = score::codec_values(&params.codecs, &self.codec).ok_or_else(unknown)?;
        let plc = match self.plc.as_deref() {
            None => return Ok(values),
            Some("on") => true,
            Some("off") => false,
            Some(other) => return Err(Refusal::Concealment(other.to_owned())),
        };
        if !["PCMU", "PCMA"].iter().any(|name| self.codec.eq_ignore_ascii_case(name)) {
            return Err(Refusal::ConcealmentOf(self.codec.clone()));
        }
        values.plc = plc;
        values.bpl = if plc { G711_BPL_CONCEALED } else { G711_BPL };
        Ok(values)
    }

    fn refuse_beside_whole_delay(&self, params: &QualityParams) -> Result<(), Refusal> {
        if !matches!(params.scorer, Scorer::Emodel) {
            return Err(Refusal::WholeDelayOfTiers);
        }
        let given = [
            ("latency-ms", self.latency_ms.is_some()),
            ("jitter-ms", self.jitter_ms.is_some()),
            ("round-trip", self.round_trip),
        ];
        given.iter().find(|(_, given)| *given).map_or(Ok(()), |(flag, _)| Err(Refusal::WholeDelay { flag }))
    }
}

fn of_policy(config: &Config, name: Option<&str>) -> Result<QualityParams, Refusal> {
    let name = name.unwrap_or(DEFAULT_POLICY);
    let known = || config.policies.keys().cloned().collect::<Vec<_>>().join(", ");
    let policy = config.policies.get(name).ok_or_else(|| Refusal::Policy { given: name.to_owned(), known: known() })?;
    Ok(policy.quality.clone())
}

fn required(flag: &'static str, given: Option<&str>, most: f64) -> Result<f64, Refusal> {
    number(flag, given.ok_or(Refusal::Missing { flag })?, 0.0, most)
}

/// A finite number within its bounds; whatever else was typed is refused.
fn number(flag: &'static str, given: &str, least: f64, most: f64) -> Result<f64, Refusal> {
    let parsed = given.parse::<f64>().ok().filter(|value| (least..=most).contains(value));
    // Adding 0 turns a typed -0 into 0.
    parsed.map(|value| value + 0.0).ok_or_else(|| Refusal::Number { flag, given: given.to_owned(), least, most })
}
