//! What the platform says of a bridge, whichever way it says it. Pure.
//!
//! The contract promises a JSON object and no more. So a bridge is made where nothing in it says otherwise; what it says of a
//! failure, or of not being done yet, is taken at its word, wherever such answers usually say it. Must never: take an empty
//! `error` for one, or a state that it does not know for success.

use serde_json::Value;

/// How deep it is looked into objects such as `bridge` and `result`.
const DEEP: usize = 3;
/// Characters of a state that are shown.
const SHOWN: usize = 64;

const FLAGS: [&str; 5] = ["success", "succeeded", "successful", "ok", "isSuccess"];
const ERRORS: [&str; 7] = ["error", "errors", "fault", "faults", "failure", "errorMessage", "failureReason"];
const STATES: [&str; 6] = ["state", "status", "result", "outcome", "bridgeState", "bridgeStatus"];
const INSIDE: [&str; 5] = ["bridge", "result", "data", "response", "operation"];
const NUMBERS: [&str; 3] = ["status", "statusCode", "code"];

const MADE: [&str; 17] = [
    "ok",
    "success",
    "succeeded",
    "successful",
    "complete",
    "completed",
    "done",
    "finished",
    "created",
    "made",
    "bridged",
    "connected",
    "active",
    "established",
    "up",
    "joined",
    "true",
];
const FAILED: [&str; 19] = [
    "failed",
    "failure",
    "fail",
    "error",
    "errored",
    "rejected",
    "refused",
    "denied",
    "declined",
    "cancelled",
    "canceled",
    "aborted",
    "invalid",
    "unsuccessful",
    "timeout",
    "timed_out",
    "busy",
    "no_answer",
    "false",
];
/// Words for nothing, where an error would stand.
const NOTHING: [&str; 9] = ["", "none", "null", "nil", "no", "false", "0", "ok", "success"];

/// What the platform says of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BridgeWord {
    /// That it is made, or nothing against it.
    Made,
    /// That it is not made yet, or something that is not known to mean either: in what words.
    Pending(String),
    /// That it was not made: in what words.
    Failed(String),
}

impl BridgeWord {
    /// What an answer, or a bridge as a call shows it, says.
    pub fn of(value: &Value) -> Self {
        Self::within(value, DEEP)
    }

    fn within(value: &Value, deep: usize) -> Self {
        let Some(fields) = value.as_object() else { return Self::Made };
        let told = |names: &[&'static str]| -> Vec<(&'static str, &Value)> {
            names.iter().filter_map(|name| Some((*name, fields.get(*name)?))).collect()
        };
        let mut pending = None;
        for (name, value) in told(&FLAGS) {
            if flag(value) == Some(false) {
                return Self::Failed(format!("`{name}` is false"));
            }
        }
        for (name, value) in told(&NUMBERS) {
            if let Some(code) = value.as_u64().filter(|code| (400..600).contains(code)) {
                return Self::Failed(format!("`{name}` is {code}"));
            }
        }
        if let Some((name, _)) = told(&ERRORS).into_iter().find(|(_, value)| !is_nothing(value)) {
            return Self::Failed(format!("it has `{name}`"));
        }
        for (name, state) in told(&STATES).into_iter().filter_map(|(name, value)| Some((name, value.as_str()?))) {
            let word = word(state);
            if FAILED.contains(&word.as_str()) {
                return Self::Failed(format!("`{name}` is \"{}\"", shown(state)));
            }
            if !word.is_empty() && !MADE.contains(&word.as_str()) {
                pending.get_or_insert_with(|| format!("`{name}` is \"{}\"", shown(state)));
            }
        }
        for (_, inner) in told(&INSIDE).into_iter().filter(|_| deep > 0) {
            match Self::within(inner, deep - 1) {
                Self::Made => {}
                Self::Pending(why) => _ = pending.get_or_insert(why),
                failed @ Self::Failed(_) => return failed,
            }
        }
        pending.map_or(Self::Made, Self::Pending)
    }
}

/// `true`, `"true"`, 1; `None`: it says neither.
fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_u64().filter(|n| *n <= 1).map(|n| n == 1),
        Value::String(text) => match word(text).as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a value under `error` says that there is none.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(there) => !there,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => NOTHING.contains(&word(text).as_str()),
        Value::Array(items) => items.iter().all(is_nothing),
        Value::Object(fields) => fields.values().all(is_nothing),
    }
}

/// In small letters, its parts joined by `_`.
fn word(text: &str) -> String {
    let text: String = text.trim().chars().take(SHOWN).collect();
    text.to_ascii_lowercase().replace([' ', '-'], "_")
}

fn shown(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { '?' } else { c }).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name(value: &Value) -> &'static str {
        match BridgeWord::of(value) {
            BridgeWord::Made => "made",
            BridgeWord::Pending(_) => "pending",
            BridgeWord::Failed(_) => "failed",
        }
    }

    #[test]
    fn nothing_against_it_is_a_bridge() {
        for made in [
            json!({}),
            json!({ "bridgeId": "b-1" }),
            json!({ "success": true, "error": null, "errors": [] }),
            json!({ "error": "", "errors": [null, {}], "fault": false, "failure": { "code": 0, "message": "" } }),
            json!({ "error": "none", "status": 200, "code": 0, "state": null }),
            json!({ "state": "Connected" }),
            json!({ "result": { "success": "true", "status": "COMPLETED" } }),
            json!({ "success": "maybe" }),
        ] {
            assert_eq!(name(&made), "made", "{made}");
        }
    }

    #[test]
    fn what_says_that_it_failed_has_failed_wherever_it_says_so() {
        for failed in [
            json!({ "success": false }),
            json!({ "success": "False" }),
            json!({ "success": 0, "bridgeId": "b-1" }),
            json!({ "error": "leg is busy" }),
            json!({ "error": { "code": 17 } }),
            json!({ "success": true, "errors": [{ "message": "no such agent" }] }),
            json!({ "state": "failed" }),
            json!({ "status": "FAILED", "error": null }),
            json!({ "status": 503 }),
            json!({ "bridge": { "state": "Rejected" } }),
            json!({ "data": { "result": { "outcome": "no answer" } } }),
            json!({ "state": "pending", "error": "it broke" }),
        ] {
            assert_eq!(name(&failed), "failed", "{failed}");
        }
    }

    #[test]
    fn what_is_not_done_or_not_known_is_no_bridge_yet() {
        for pending in [
            json!({ "state": "pending" }),
            json!({ "status": "In Progress", "success": true }),
            json!({ "state": "queued", "bridgeId": "b-1" }),
            json!({ "bridge": { "status": "ringing" } }),
            json!({ "state": "quiesced" }),
        ] {
            assert_eq!(name(&pending), "pending", "{pending}");
        }
        let long = json!({ "state": format!("x\n{}", "y".repeat(500)) });
        let BridgeWord::Pending(words) = BridgeWord::of(&long) else { panic!("{long}") };
        assert!(words.len() < 100 && !words.contains('\n'), "{words}");
    }
}
