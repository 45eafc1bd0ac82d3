//! Bridging of calls: the contract's schema, the call's legs, and a request id that is the same bridge when it is repeated.

use super::endpoint::Done;
use super::{Due, Model};
use crate::sim::calls::Calls;
use crate::sim::check;
use crate::sim::incident::BridgeMode;
use crate::sim::reply::Draft;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Request ids that are remembered.
const REMEMBERED: usize = 10_000;
/// Legs at most, the call's own included.
const MAX_LEGS: usize = 8;

/// How bridges are treated for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bridging {
    pub(super) mode: BridgeMode,
    pub(super) until: Duration,
    pub(super) delay: Duration,
}

/// A bridge that passed every check.
#[derive(Debug)]
pub(super) struct Made {
    call: String,
    request: String,
    targets: Vec<(String, String)>,
}

/// The bridges that were made, by request id.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    by_request: BTreeMap<String, Value>,
    order: VecDeque<String>,
    made: u64,
}

impl Bridges {
    /// How many bridges were made, repetitions not counted.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// Makes it: the call has its targets' legs from now on. Nothing where the call is over by now.
    pub(super) fn make(&mut self, calls: &mut Calls, made: Made) -> Option<Value> {
        if self.by_request.contains_key(&made.request) {
            return None;
        }
        let call = calls.live(&made.call).ok()?;
        self.made += 1;
        let bridge = format!("bridge-{:06}", self.made);
        call.legs.extend(made.targets);
        call.bridges.push((made.request.clone(), bridge.clone()));
        let answer = json!({ "bridgeId": bridge, "callId": made.call, "status": "bridged" });
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_request.remove(&oldest);
        }
        self.order.push_back(made.request.clone());
        self.by_request.insert(made.request, answer.clone());
        Some(answer)
    }
}

impl Model {
    /// `POST` of the bridge endpoint for `call`.
    pub(super) fn bridge(
        &mut self,
        now: Duration,
        call: &str,
        headers: &HeaderMap,
        body: &Map<String, Value>,
    ) -> Result<Done, Draft> {
        let request = check::header(headers, "x-cxone-request-id")
            .filter(|id| !id.trim().is_empty() && id.len() <= 128)
            .ok_or_else(|| Draft::bad("X-CXone-Request-ID is missing"))?;
        schema(call, body)?;
        if let Some(first) = self.bridges.by_request.get(request).filter(|_| self.options.request_ids) {
            return Ok(Done::Answer(Draft::json(StatusCode::OK, first)));
        }
        let targets = targets_of(body);
        let bridging = self.bridging.filter(|bridging| now < bridging.until);
        let there = self.calls.live(call)?;
        if !there.bridges.is_empty() || bridging.is_some_and(|b| b.mode == BridgeMode::Busy) {
            return Err(Draft::refuse(StatusCode::CONFLICT, "conflict", "the call is bridged already"));
        }
        if there.legs.len() + targets.len() > MAX_LEGS {
            return Err(Draft::bad(format!("a call has at most {MAX_LEGS} legs")));
        }
        let made = Made { call: call.to_owned(), request: request.to_owned(), targets };
        if bridging.is_some_and(|b| b.mode == BridgeMode::Failed) {
            let answer = json!({ "success": false, "callId": call, "error": "the target does not answer" });
            return Ok(Done::Answer(Draft::json(StatusCode::OK, &answer)));
        }
        if let Some(Bridging { mode: BridgeMode::Pending, delay, .. }) = bridging {
            self.schedule(now + delay, Due::Bridge(made));
            let answer = json!({ "callId": call, "status": "pending" });
            return Ok(Done::Answer(Draft::json(StatusCode::ACCEPTED, &answer)));
        }
        if let Some(Bridging { mode: BridgeMode::Late, delay, .. }) = bridging {
            self.schedule(now + delay, Due::Bridge(made));
            return Ok(Done::Lost);
        }
        let answer = self.bridges.make(&mut self.calls, made).unwrap_or_default();
        self.ledger.tell(now, format!("call {call} is bridged"));
        let draft = Draft::json(StatusCode::OK, &answer);
        Ok(match bridging {
            Some(Bridging { mode: BridgeMode::LoseAnswer, .. }) => Done::Lost,
            Some(Bridging { mode: BridgeMode::Slow, delay, .. }) => Done::Slow(draft, delay),
            _ => Done::Answer(draft),
        })
    }
}

fn targets_of(body: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |target: &Value, name: &str| target.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let targets = body.get("targets").and_then(Value::as_array).into_iter().flatten();
    targets.map(|target| (text(target, "type"), text(target, "value"))).collect()
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
