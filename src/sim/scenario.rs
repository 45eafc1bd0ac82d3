//! A platform and its story as TOML: `[sim]`, `[[channels]]`, and `[[at]]` with one incident each.
//!
//! Strict: an unknown key, a channel that is not there, or an `[[at]]` with no action or two is an error that names its
//! line. Must never open a file: the text is handed in.

use super::incident::{Incident, IncidentError};
use super::options::Options;
use jiff::fmt::serde::unsigned_duration::friendly::compact as friendly;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// A platform and what happens to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// How the platform behaves.
    pub options: Options,
    /// Its channels.
    pub channels: Vec<ChannelSpec>,
    /// What happens, in order of time.
    pub events: Vec<Event>,
}

/// An incident and its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Since the start.
    pub after: Duration,
    /// What happens.
    pub incident: Incident,
}

/// One channel: `[[channels]]`. What is left out is drawn from the seed, or taken from the model of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSpec {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its status at the start; `healthy` where left out.
    #[serde(default)]
    pub status: Option<String>,
    /// `routing.failover_channels`; the next two where left out.
    #[serde(default)]
    pub failover: Option<Vec<String>>,
    /// Codecs in order of preference; OPUS, G729, PCMU where left out.
    #[serde(default)]
    pub codecs: Option<Vec<String>>,
    /// Its usual one-way latency in milliseconds.
    #[serde(default)]
    pub latency_ms: Option<f64>,
    /// Its usual jitter in milliseconds.
    #[serde(default)]
    pub jitter_ms: Option<f64>,
    /// Its usual packet loss in percent.
    #[serde(default)]
    pub loss_pct: Option<f64>,
    /// Carries no calls: it has no telemetry.
    #[serde(default)]
    pub idle: bool,
}

/// Why a scenario cannot be played.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// Not TOML, or not this TOML.
    #[error("{0}")]
    Syntax(String),
    /// A value that the model cannot work with.
    #[error("{line}{message}", line = Line(*.line))]
    Value {
        /// The line, from 1; 0: the whole.
        line: usize,
        /// What is wrong and what to do.
        message: String,
    },
}

struct Line(usize);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => Ok(()),
            line => write!(f, "line {line}: "),
        }
    }
}

/// More channels than a demo or a test needs.
const MAX_CHANNELS: usize = 200_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    sim: toml::Table,
    #[serde(default)]
    channels: Vec<toml::Spanned<ChannelSpec>>,
    #[serde(default)]
    at: Vec<toml::Spanned<RawEvent>>,
}

#[derive(Deserialize)]
struct RawEvent {
    #[serde(with = "friendly::required")]
    after: Duration,
    #[serde(flatten)]
    action: toml::Table,
}

impl Scenario {
    /// A quiet platform of `count` channels, `ch-0001` and on, each with the next two as its backups.
    pub fn quiet(seed: u64, count: usize) -> Self {
        Self { options: Options { seed, ..Options::default() }, channels: numbered(count), events: Vec::new() }
    }

    /// Adds an event; for building a scenario in code.
    #[must_use]
    pub fn at(mut self, after: Duration, incident: Incident) -> Self {
        let place = self.events.partition_point(|e| e.after <= after);
        self.events.insert(place, Event { after, incident });
        self
    }

    /// Reads a scenario.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let raw: Raw = toml::from_str(text).map_err(|e| ScenarioError::Syntax(e.to_string().trim_end().to_owned()))?;
        let (options, count) = sim(raw.sim)?;
        let channels = if raw.channels.is_empty() {
            numbered(count.unwrap_or(6))
        } else if count.is_some() {
            return Err(whole("sim.channels counts channels that [[channels]] names too: keep one of them"));
        } else {
            channels(text, raw.channels)?
        };
        let known: BTreeSet<&str> = channels.iter().map(|c| c.id.as_str()).collect();
        let mut events =
            raw.at.into_iter().map(|raw| event(text, raw, |id| known.contains(id))).collect::<Result<Vec<_>, _>>()?;
        events.sort_by_key(|e| e.after);
        Ok(Self { options, channels, events })
    }
}

fn whole(message: impl Into<String>) -> ScenarioError {
    ScenarioError::Value { line: 0, message: message.into() }
}

fn numbered(count: usize) -> Vec<ChannelSpec> {
    (1..=count.min(MAX_CHANNELS)).map(|n| ChannelSpec { id: format!("ch-{n:04}"), ..ChannelSpec::default() }).collect()
}

fn sim(mut table: toml::Table) -> Result<(Options, Option<usize>), ScenarioError> {
    let count = match table.remove("channels") {
        None => None,
        Some(value) => match value.as_integer().and_then(|n| usize::try_from(n).ok()) {
            Some(n) if (1..=MAX_CHANNELS).contains(&n) => Some(n),
            _ => return Err(whole(format!("sim.channels is {value}: give a number from 1 to {MAX_CHANNELS}"))),
        },
    };
    let options: Options = table.try_into().map_err(|e: toml::de::Error| whole(format!("[sim] {}", e.message())))?;
    if options.page_size == 0 || options.page_size > 10_000 {
        return Err(whole(format!("sim.page_size is {}: give 1 to 10000", options.page_size)));
    }
    if !(0.0..=1.0).contains(&options.missing_items) {
        return Err(whole(format!("sim.missing_items is {}: give 0.0 to 1.0", options.missing_items)));
    }
    if options.health_tick.is_zero() || options.token_lifetime.is_zero() {
        return Err(whole("sim.health_tick and sim.token_lifetime must be longer than 0s"));
    }
    Ok((options, count))
}

fn channels(text: &str, raw: Vec<toml::Spanned<ChannelSpec>>) -> Result<Vec<ChannelSpec>, ScenarioError> {
    let ids: BTreeSet<String> = raw.iter().map(|c| c.get_ref().id.clone()).collect();
    let mut seen = BTreeSet::new();
    for spanned in &raw {
        let spec = spanned.get_ref();
        let fail = |message| Err(ScenarioError::Value { line: line_of(text, spanned.span().start), message });
        if spec.id.is_empty() {
            return fail("a channel has an empty id".to_owned());
        }
        if !seen.insert(&spec.id) {
            return fail(format!("channel {:?} is there twice", spec.id));
        }
        if let Some(id) = spec.failover.iter().flatten().find(|id| !ids.contains(*id)) {
            return fail(format!("the backup {id:?} of {:?} is no channel", spec.id));
        }
    }
    Ok(raw.into_iter().map(toml::Spanned::into_inner).collect())
}

fn event(text: &str, raw: toml::Spanned<RawEvent>, known: impl Fn(&str) -> bool) -> Result<Event, ScenarioError> {
    let line = line_of(text, raw.span().start);
    let fail = |message| ScenarioError::Value { line, message };
    let RawEvent { after, action } = raw.into_inner();
    if action.len() != 1 {
        let names: Vec<&str> = action.keys().map(String::as_str).collect();
        return Err(fail(match names.as_slice() {
            [] => "this [[at]] has no action: give one, such as status = { channel = \"ch-0001\", is = \"unhealthy\" }"
                .to_owned(),
            names => format!("this [[at]] has {} actions ({}): give one", names.len(), names.join(", ")),
        }));
    }
    let incident: Incident =
        toml::Value::Table(action).try_into().map_err(|e: toml::de::Error| fail(e.message().to_owned()))?;
    incident.check(known).map_err(|e: IncidentError| fail(e.to_string()))?;
    Ok(Event { after, incident })
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}
