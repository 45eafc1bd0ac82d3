//! A bridge as requested, and the check that turns it into one that may be sent. Pure: it finds everything that is wrong at
//! once, and each fault names its field and what to do.

use super::matrix::{self, Pair};
use crate::config::target::{Kind, Target, check_target};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;

/// Targets, or pairs, that are looked at; what is beyond is one fault.
const MOST: usize = 64;

/// A bridge as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Whom to bridge the call to, in the order of the legs from 1 on.
    pub targets: Vec<GivenTarget>,
    /// `inbound`, `outbound`, `transfer` or `consult`.
    pub direction: String,
    /// Which legs to bridge; left out: each target to the call itself.
    #[serde(default, rename = "bridgeMatrix")]
    pub matrix: Option<Vec<GivenPair>>,
    /// `RFC2833`, `INFO` or `PULSE`; left out: `RFC2833`.
    #[serde(default)]
    pub dtmf: Option<String>,
}

/// A target as given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenTarget {
    /// `phone`, `sip`, `agent` or `extension`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A number, a URI, an id.
    pub value: String,
}

/// A pair as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenPair {
    /// One leg.
    pub source: i64,
    /// The other.
    pub target: i64,
}

/// What a tenant allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Legs at most, the call's own included.
    pub max_legs: usize,
    /// The types of targets.
    pub kinds: Vec<Kind>,
}

/// The direction of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Someone calls us.
    Inbound,
    /// We call someone.
    Outbound,
    /// The call is handed over.
    Transfer,
    /// Someone is asked beside the call.
    Consult,
}

impl Direction {
    const ALL: [Self; 4] = [Self::Inbound, Self::Outbound, Self::Transfer, Self::Consult];

    /// As the platform writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Transfer => "transfer",
            Self::Consult => "consult",
        }
    }
}

/// How key tones are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtmf {
    /// As RTP events (RFC 2833, now RFC 4733).
    Rfc2833,
    /// As SIP INFO.
    Info,
    /// As pulses.
    Pulse,
}

impl Dtmf {
    const ALL: [Self; 3] = [Self::Rfc2833, Self::Info, Self::Pulse];

    /// As the platform writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc2833 => "RFC2833",
            Self::Info => "INFO",
            Self::Pulse => "PULSE",
        }
    }
}

/// A bridge that may be sent. Only [`check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    call: String,
    targets: Vec<Target>,
    direction: Direction,
    matrix: Vec<Pair>,
    dtmf: Dtmf,
}

impl Bridge {
    /// The call.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Whom it is bridged to.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The direction.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Which legs are bridged.
    pub fn matrix(&self) -> &[Pair] {
        &self.matrix
    }

    /// The body that the contract wants.
    pub fn body(&self) -> Value {
        let target = |target: &Target| json!({ "type": target.kind().name(), "value": target.value() });
        json!({
            "callId": self.call,
            "targets": self.targets.iter().map(target).collect::<Vec<_>>(),
            "direction": self.direction.name(),
            "bridgeMatrix": self.matrix,
            "dtmf": self.dtmf.name(),
        })
    }
}

/// Something that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The field, such as `targets[1].value`.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Checks a request for `call`; with the bridge come warnings.
///
/// # Errors
/// Everything that is wrong, in the order of the fields.
pub fn check(call: &str, request: &Request, rules: &Rules) -> Result<(Bridge, Vec<String>), Vec<Fault>> {
    let mut faults = Faults::default();
    if !is_call_id(call) {
        faults.add("callId", "give the call's id: 1 to 128 letters, digits and any of - _ . ~ : @, and not . or ..");
    }
    let (targets, warnings) = targets(&request.targets, rules, &mut faults);
    let directions = Direction::ALL.map(|d| (d.name(), d));
    let direction = word("direction", &request.direction, &directions, &mut faults);
    let pairs = pairs(request.matrix.as_deref(), request.targets.len(), &mut faults);
    let dtmfs = Dtmf::ALL.map(|d| (d.name(), d));
    let dtmf = match &request.dtmf {
        None => Some(Dtmf::Rfc2833),
        Some(given) => word("dtmf", given, &dtmfs, &mut faults),
    };
    match (direction, dtmf) {
        (Some(direction), Some(dtmf)) if faults.0.is_empty() => {
            Ok((Bridge { call: call.to_owned(), targets, direction, matrix: pairs, dtmf }, warnings))
        }
        _ => Err(faults.0),
    }
}

/// The contract shows a UUID and does not say that a call's id must be one; so any id is taken that is safe in a path, a
/// log line and a label.
fn is_call_id(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.~:@".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(fine) && text != "." && text != ".."
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(Fault { field: field.into(), message: message.into() });
    }
}

fn targets(given: &[GivenTarget], rules: &Rules, faults: &mut Faults) -> (Vec<Target>, Vec<String>) {
    if given.is_empty() {
        faults.add("targets", "name at least one target, such as phone:+12025550100");
    }
    let legs = given.len().saturating_add(1);
    if legs > rules.max_legs {
        let most = rules.max_legs.saturating_sub(1);
        faults.add(
            "targets",
            format!(
                "{legs} legs, counting the call's own; {} are allowed: name at most {most} targets",
                rules.max_legs
            ),
        );
    }
    let (mut targets, mut warnings): (Vec<(usize, Target)>, Vec<String>) = Default::default();
    for (at, given) in given.iter().enumerate().take(MOST) {
        let Some(kind) = Kind::of(&given.kind).filter(|kind| rules.kinds.contains(kind)) else {
            let known: Vec<&str> = rules.kinds.iter().map(|kind| kind.name()).collect();
            faults.add(format!("targets[{at}].type"), format!("this tenant allows {}", known.join(", ")));
            continue;
        };
        match check_target(kind, &given.value) {
            Err(why) => faults.add(format!("targets[{at}].value"), why),
            Ok((target, warning)) => {
                if let Some((first, _)) = targets.iter().find(|(_, known)| known.is_same(&target)) {
                    faults
                        .add(format!("targets[{at}]"), format!("the same as targets[{first}]: name each target once"));
                }
                warnings.extend(warning);
                targets.push((at, target));
            }
        }
    }
    (targets.into_iter().map(|(_, target)| target).collect(), warnings)
}

fn pairs(given: Option<&[GivenPair]>, targets: usize, faults: &mut Faults) -> Vec<Pair> {
    let Some(given) = given else { return matrix::star(targets.min(MOST)) };
    if given.is_empty() {
        faults.add("bridgeMatrix", "give at least one pair, or leave it out to bridge each target to the call");
    }
    if given.len() > MOST {
        faults.add("bridgeMatrix", format!("{} pairs; at most {MOST} are allowed", given.len()));
    }
    let before = faults.0.len();
    let mut pairs: Vec<(usize, Pair)> = Vec::new();
    for (at, given) in given.iter().enumerate().take(MOST) {
        let mut leg = |name: &str, leg: i64| {
            let leg = usize::try_from(leg).ok().filter(|leg| *leg <= targets);
            if leg.is_none() {
                faults.add(format!("bridgeMatrix[{at}].{name}"), format!("give a leg from 0 (the call) to {targets}"));
            }
            leg
        };
        let (source, target) = (leg("source", given.source), leg("target", given.target));
        let (Some(source), Some(target)) = (source, target) else { continue };
        let pair = Pair { source, target };
        if source == target {
            faults.add(format!("bridgeMatrix[{at}]"), "a leg cannot be bridged to itself");
        } else if let Some((first, _)) = pairs.iter().find(|(_, known)| known.is_same(pair)) {
            let why =
                format!("the same two legs as bridgeMatrix[{first}]: a bridge goes both ways, give each pair once");
            faults.add(format!("bridgeMatrix[{at}]"), why);
        }
        pairs.push((at, pair));
    }
    let pairs: Vec<Pair> = pairs.into_iter().map(|(_, pair)| pair).collect();
    // Where a pair is wrong, what it leaves unreached is that fault once more.
    if faults.0.len() == before && !pairs.is_empty() {
        for leg in matrix::cut_off(&pairs, targets.min(MOST) + 1) {
            faults.add(
                "bridgeMatrix",
                format!("leg {leg} would hear nobody: join it to leg 0, directly or by another leg"),
            );
        }
    }
    pairs
}

fn word<T: Copy>(field: &str, given: &str, known: &[(&'static str, T)], faults: &mut Faults) -> Option<T> {
    let found = known.iter().find(|(name, _)| *name == given).map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        faults.add(field, format!("give one of {}", names.join(", ")));
    }
    found
}
