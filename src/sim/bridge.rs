//! Bridging of calls, as far as the contract's schema goes. A repeated request id gets the answer of the first.

use super::check;
use super::reply::Draft;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Request ids that are remembered.
const REMEMBERED: usize = 10_000;
/// Legs at most, the call's own included.
const MAX_LEGS: usize = 8;

/// The bridges that were made, by request id.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    by_request: BTreeMap<String, Value>,
    order: VecDeque<String>,
    made: u64,
}

impl Bridges {
    /// `POST` of the bridge endpoint for `call`.
    pub(super) fn bridge(
        &mut self,
        call: &str,
        headers: &HeaderMap,
        body: &Map<String, Value>,
    ) -> Result<Draft, Draft> {
        let request = check::header(headers, "x-cxone-request-id")
            .filter(|id| !id.trim().is_empty() && id.len() <= 128)
            .ok_or_else(|| Draft::bad("X-CXone-Request-ID is missing"))?;
        schema(call, body)?;
        if let Some(first) = self.by_request.get(request) {
            return Ok(Draft::json(StatusCode::OK, first));
        }
        self.made += 1;
        let answer = json!({ "bridgeId": format!("bridge-{:06}", self.made), "callId": call, "status": "bridged" });
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_request.remove(&oldest);
        }
        self.order.push_back(request.to_owned());
        self.by_request.insert(request.to_owned(), answer.clone());
        Ok(Draft::json(StatusCode::OK, &answer))
    }

    /// How many bridges were made, repetitions not counted.
    pub(super) fn made(&self) -> u64 {
        self.made
    }
}

fn schema(call: &str, body: &Map<String, Value>) -> Result<(), Draft> {
    check::only(body, "", &["callId", "targets", "direction", "bridgeMatrix", "dtmf"])?;
    let field = |name: &str| check::required(body, "", name);
    let named = check::text(field("callId")?, "callId")?;
    if named != call || uuid::Uuid::try_parse(named).is_err() {
        return Err(Draft::bad("callId must be the UUID in the path"));
    }
    check::one_of(field("direction")?, "direction", &["inbound", "outbound", "transfer", "consult"])?;
    check::one_of(field("dtmf")?, "dtmf", &["RFC2833", "INFO", "PULSE"])?;
    let targets = check::array(field("targets")?, "targets")?;
    if targets.is_empty() || targets.len() >= MAX_LEGS {
        return Err(Draft::bad(format!("targets must be 1 to {}", MAX_LEGS - 1)));
    }
    for target in targets {
        self::target(check::object(target, "targets[]")?)?;
    }
    matrix(check::array(field("bridgeMatrix")?, "bridgeMatrix")?, targets.len())
}

fn target(target: &Map<String, Value>) -> Result<(), Draft> {
    check::only(target, "targets[].", &["type", "value"])?;
    let kind = check::text(check::required(target, "targets[].", "type")?, "targets[].type")?;
    let value = check::text(check::required(target, "targets[].", "value")?, "targets[].value")?;
    let digits = value.strip_prefix('+').unwrap_or("");
    let e164 =
        (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    match kind {
        "phone" if !e164 => Err(Draft::bad("targets[].value must be E.164")),
        "" => Err(Draft::bad("targets[].type is empty")),
        _ if value.is_empty() => Err(Draft::bad("targets[].value is empty")),
        _ => Ok(()),
    }
}

fn matrix(pairs: &[Value], targets: usize) -> Result<(), Draft> {
    if pairs.is_empty() {
        return Err(Draft::bad("bridgeMatrix must have at least one pair"));
    }
    let mut seen = BTreeSet::new();
    for pair in pairs {
        let pair = check::object(pair, "bridgeMatrix[]")?;
        check::only(pair, "bridgeMatrix[].", &["source", "target"])?;
        let leg = |name: &str| {
            check::required(pair, "bridgeMatrix[].", name)?
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| *n <= targets)
                .ok_or_else(|| Draft::bad(format!("bridgeMatrix[].{name} must be a leg from 0 to {targets}")))
        };
        let (source, target) = (leg("source")?, leg("target")?);
        if source == target {
            return Err(Draft::bad("bridgeMatrix bridges a leg to itself"));
        }
        if !seen.insert((source, target)) {
            return Err(Draft::bad("bridgeMatrix has a pair twice"));
        }
    }
    Ok(())
}
