//! What may go wrong with the platform: one closed list, the same in a scenario's TOML, over the control API and in code.
//!
//! Must never: be applied half. [`crate::sim::Model::apply`] checks an incident before it changes anything.

use super::oddity::Odd;
use super::options::TelemetryForm;
use jiff::fmt::serde::unsigned_duration::friendly::compact as friendly;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// One thing that goes wrong, or is put right. As JSON: `{"status": {"channel": "ch-0001", "is": "unhealthy"}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Incident {
    /// The platform finds a channel in another state.
    Status {
        /// The channel; `*` is every channel.
        channel: String,
        /// The status, such as `healthy`, `degraded` or `unhealthy`; any other text is legal too.
        is: String,
    },
    /// A channel's media gets worse, or better; what is left out stays at the channel's own.
    Telemetry {
        /// The channel; `*` is every channel.
        channel: String,
        /// One-way latency in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latency_ms: Option<f64>,
        /// Jitter in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jitter_ms: Option<f64>,
        /// Packet loss in percent, 0 to 100.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        loss_pct: Option<f64>,
        /// For how long; left out: until the next one for the channel.
        #[serde(default, rename = "for", with = "friendly::optional", skip_serializing_if = "Option::is_none")]
        lasts: Option<Duration>,
    },
    /// The platform, or the path to it, fails.
    Fault {
        /// How.
        kind: FaultKind,
        /// For how long.
        #[serde(rename = "for", with = "friendly::required")]
        lasts: Duration,
        /// Only where the request's path begins with one of these; left out: everywhere. A `401` or `403` spares the token endpoint
        /// unless it is named here.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        paths: Vec<String>,
    },
    /// The platform answers more slowly, and does what it is asked all the same.
    Slow {
        /// How long an answer takes; each varies by up to a half.
        #[serde(with = "friendly::required")]
        latency: Duration,
        /// For how long.
        #[serde(rename = "for", with = "friendly::required")]
        lasts: Duration,
    },
    /// PATCHes are treated otherwise.
    Patch {
        /// How.
        mode: PatchMode,
        /// For how long.
        #[serde(rename = "for", with = "friendly::required")]
        lasts: Duration,
        /// With `delay`: how long after the answer the change is made. 10 s where left out.
        #[serde(default, with = "friendly::optional", skip_serializing_if = "Option::is_none")]
        delay: Option<Duration>,
    },
    /// Creations are treated otherwise.
    Create {
        /// How.
        mode: CreateMode,
        /// For how long.
        #[serde(rename = "for", with = "friendly::required")]
        lasts: Duration,
        /// With `late`: how long after the request the channel is there. 10 s where left out.
        #[serde(default, with = "friendly::optional", skip_serializing_if = "Option::is_none")]
        delay: Option<Duration>,
    },
    /// Somebody else sets fields of a channel, as a PATCH that replaces nothing else.
    Edit {
        /// The channel.
        channel: String,
        /// The fields of each sub-object, such as `{"configuration": {"sip_port": 5061}}`; a text replaces a text.
        set: Map<String, Value>,
    },
    /// Somebody else changes a channel's route.
    Route {
        /// The channel.
        channel: String,
        /// Where its traffic goes; its own id brings it home.
        to: String,
    },
    /// A channel is deleted: 404 from now on.
    Remove {
        /// The channel.
        channel: String,
    },
    /// The list changes; what is left out stays.
    List {
        /// `true`: 404; `false`: it is there again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        absent: Option<bool>,
        /// How much older than a single GET the list is.
        #[serde(default, with = "friendly::optional", skip_serializing_if = "Option::is_none")]
        lag: Option<Duration>,
    },
    /// Telemetry answers change their form.
    TelemetryForm {
        /// The form.
        is: TelemetryForm,
    },
    /// The request limit changes.
    Limit {
        /// Requests in any 60 s; 0: no limit.
        requests_per_minute: u32,
    },
    /// A call begins on a channel. From the first one on, calls that nobody named do not exist.
    Call {
        /// Its id.
        call: String,
        /// The channel.
        channel: String,
        /// `inbound`, `outbound`, `transfer` or `consult`; `inbound` where left out.
        #[serde(default = "inbound")]
        direction: String,
        /// Legs that are on it, its own included; one where left out.
        #[serde(default = "one")]
        legs: u32,
    },
    /// Somebody hangs up.
    HangUp {
        /// The call.
        call: String,
    },
    /// Bridges are treated otherwise.
    Bridge {
        /// How.
        mode: BridgeMode,
        /// For how long.
        #[serde(rename = "for", with = "friendly::required")]
        lasts: Duration,
        /// With `slow` and `late`: how long it takes. 10 s where left out.
        #[serde(default, with = "friendly::optional", skip_serializing_if = "Option::is_none")]
        delay: Option<Duration>,
    },
    /// Answers are odd: see [`Odd`].
    Odd(Odd),
    /// PATCHes that send traffic to a channel are treated otherwise.
    Target {
        /// The channel that is to take the traffic.
        channel: String,
        /// How.
        mode: TargetMode,
        /// For how long.
        #[serde(rename = "for", with = "friendly::required")]
        lasts: Duration,
    },
    /// Every token that was given out is revoked: 401 until a new one is fetched.
    RevokeTokens {},
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { channel, is } => write!(f, "{channel} is {is}"),
            Self::Telemetry { channel, latency_ms, jitter_ms, loss_pct, lasts } => {
                write!(f, "{channel} sounds otherwise:")?;
                for (name, value, unit) in
                    [("latency", latency_ms, "ms"), ("jitter", jitter_ms, "ms"), ("loss", loss_pct, "%")]
                {
                    if let Some(value) = value {
                        write!(f, " {name} {value} {unit}")?;
                    }
                }
                lasts.map_or(Ok(()), |d| write!(f, " for {d:?}"))
            }
            Self::Fault { kind, lasts, paths } if paths.is_empty() => {
                write!(f, "every request meets {} for {lasts:?}", kind.name())
            }
            Self::Fault { kind, lasts, paths } => {
                write!(f, "every request below {} meets {} for {lasts:?}", paths.join(", "), kind.name())
            }
            Self::Slow { latency, lasts } => write!(f, "answers take {latency:?} for {lasts:?}"),
            Self::Patch { mode, lasts, .. } => write!(f, "PATCHes: {mode:?} for {lasts:?}"),
            Self::Create { mode, lasts, .. } => write!(f, "creations: {mode:?} for {lasts:?}"),
            Self::Edit { channel, .. } => write!(f, "somebody else edits {channel}"),
            Self::Route { channel, to } => write!(f, "somebody else routes {channel} to {to}"),
            Self::Remove { channel } => write!(f, "{channel} is deleted"),
            Self::List { absent, lag } => {
                f.write_str("the list")?;
                if let Some(absent) = absent {
                    f.write_str(if *absent { " is gone" } else { " is there" })?;
                }
                lag.map_or(Ok(()), |d| write!(f, " lags by {d:?}"))
            }
            Self::TelemetryForm { is } => write!(f, "telemetry comes {is:?}"),
            Self::Limit { requests_per_minute } => write!(f, "the request limit is {requests_per_minute} a minute"),
            Self::Call { call, channel, .. } => write!(f, "call {call} is on {channel}"),
            Self::HangUp { call } => write!(f, "call {call} is over"),
            Self::Bridge { mode, lasts, .. } => write!(f, "bridges: {mode:?} for {lasts:?}"),
            Self::Odd(odd) => f.write_str(&odd.words()),
            Self::Target { channel, mode, lasts } => write!(f, "routes to {channel}: {mode:?} for {lasts:?}"),
            Self::RevokeTokens {} => f.write_str("every token is revoked"),
        }
    }
}

/// How the platform, or the path to it, fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultKind {
    /// Status 500.
    #[serde(rename = "500")]
    Internal,
    /// Status 503.
    #[serde(rename = "503")]
    Unavailable,
    /// Status 429.
    #[serde(rename = "429")]
    TooMany,
    /// Status 401 whatever the token.
    #[serde(rename = "401")]
    Unauthorised,
    /// Status 403.
    #[serde(rename = "403")]
    Forbidden,
    /// No answer at all.
    #[serde(rename = "hang")]
    Hang,
    /// The connection is closed without an answer.
    #[serde(rename = "close")]
    Close,
    /// Status 200 with a body that is not JSON.
    #[serde(rename = "garbage")]
    Garbage,
    /// Status 200 with an empty body.
    #[serde(rename = "empty")]
    Empty,
    /// Status 200 with a body of 32 MiB.
    #[serde(rename = "huge")]
    Huge,
    /// Status 200 with a page in place of an answer.
    #[serde(rename = "page_200")]
    Page200,
    /// Status 403 with a page.
    #[serde(rename = "page_403")]
    Page403,
    /// Status 404 with a page.
    #[serde(rename = "page_404")]
    Page404,
    /// Status 502 with a page.
    #[serde(rename = "page_502")]
    Page502,
}

impl FaultKind {
    /// Its name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internal => "500",
            Self::Unavailable => "503",
            Self::TooMany => "429",
            Self::Unauthorised => "401",
            Self::Forbidden => "403",
            Self::Hang => "hang",
            Self::Close => "close",
            Self::Garbage => "garbage",
            Self::Empty => "empty",
            Self::Huge => "huge",
            Self::Page200 => "page_200",
            Self::Page403 => "page_403",
            Self::Page404 => "page_404",
            Self::Page502 => "page_502",
        }
    }
}

/// How a PATCH is treated for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchMode {
    /// Answered 200, and nothing happens.
    Drop,
    /// Answered 200 with the channel as it was; the change is made later.
    Delay,
    /// The change is made; the connection is closed without an answer.
    LoseAnswer,
    /// Sub-objects are replaced, not merged.
    Replace,
    /// Sub-objects are replaced, and credentials that were not sent are lost.
    Lose,
}

/// How a PATCH that sends traffic to one channel is treated for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetMode {
    /// Answered 400, in the platform's words.
    Refused,
    /// Answered 200, and nothing happens.
    Ignored,
}

/// How a creation is treated for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateMode {
    /// The channel is created; the connection is closed without an answer.
    LoseAnswer,
    /// The connection is closed without an answer; the channel is created later.
    Late,
    /// Answered 500, and the channel is created all the same.
    Broken,
    /// Answered 201, and nothing is created.
    Drop,
    /// Answered 409.
    Conflict,
    /// Answered 429.
    TooMany,
}

/// How a bridge is treated for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BridgeMode {
    /// It is made; the connection is closed without an answer.
    LoseAnswer,
    /// It is made; the answer comes late.
    Slow,
    /// The connection is closed without an answer, and it is made later.
    Late,
    /// 409: someone else is bridging the call.
    Busy,
    /// Answered 200 with a body that says it failed; it is not made.
    Failed,
    /// Answered 202, and made later.
    Pending,
}

fn inbound() -> String {
    "inbound".to_owned()
}

const fn one() -> u32 {
    1
}

/// Why an incident cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum IncidentError {
    /// It names a channel that the platform does not have.
    #[error("no channel {0:?}: name one that the platform has")]
    NoSuchChannel(String),
    /// A value out of its range.
    #[error("{what} is {value}: give {range}")]
    OutOfRange {
        /// Which value.
        what: &'static str,
        /// The value.
        value: f64,
        /// The range.
        range: &'static str,
    },
    /// An incident without content.
    #[error("{0} changes nothing: say what changes")]
    Nothing(&'static str),
}

impl Incident {
    /// Checks it against the channels that there are.
    pub fn check(&self, known: impl Fn(&str) -> bool) -> Result<(), IncidentError> {
        let there = |id: &String| if known(id) { Ok(()) } else { Err(IncidentError::NoSuchChannel(id.clone())) };
        match self {
            Self::Status { channel, .. } if channel == "*" => Ok(()),
            Self::Status { channel, .. }
            | Self::Remove { channel }
            | Self::Edit { channel, .. }
            | Self::Target { channel, .. }
            | Self::Call { channel, .. } => there(channel),
            Self::Route { channel, to } => there(channel).and_then(|()| there(to)),
            Self::Telemetry { channel, latency_ms, jitter_ms, loss_pct, .. } => {
                if channel != "*" {
                    there(channel)?;
                }
                in_range("latency_ms", *latency_ms, 60_000.0, "0 to 60000")?;
                in_range("jitter_ms", *jitter_ms, 60_000.0, "0 to 60000")?;
                in_range("loss_pct", *loss_pct, 100.0, "0 to 100")
            }
            Self::Odd(odd) => {
                odd.channel.as_ref().map_or(Ok(()), there)?;
                in_range("share", Some(odd.share), 1.0, "0 to 1")
            }
            Self::List { absent: None, lag: None } => Err(IncidentError::Nothing("list")),
            _ => Ok(()),
        }
    }
}

fn in_range(what: &'static str, value: Option<f64>, max: f64, range: &'static str) -> Result<(), IncidentError> {
    match value {
        Some(value) if !(0.0..=max).contains(&value) => Err(IncidentError::OutOfRange { what, value, range }),
        _ => Ok(()),
    }
}
