//! Calls: their legs and the bridges on them.
//!
//! The contract says what a bridge is asked with, not what a call looks like when it is read. Here it is `{"callId",
//! "channelId", "direction", "status", "legs": [{"type", "value"}], "bridges": [{"requestId", "bridgeId"}]}`, and a
//! channel's calls come as `{"calls": […], "next": …}`. A platform that no scenario gave a call bridges any.

use super::check;
use super::reply::Draft;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Calls at once; more than any test or demo needs.
const MOST: usize = 200_000;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallState {
    /// Its id.
    pub id: String,
    /// The channel that it came over; none where nobody said.
    pub channel: Option<String>,
    /// `inbound`, `outbound`, `transfer` or `consult`.
    pub direction: String,
    /// Whether somebody hung up.
    pub over: bool,
    /// Where its legs go (type, value), its own first.
    pub legs: Vec<(String, String)>,
    /// The bridges on it: request id and bridge id.
    pub bridges: Vec<(String, String)>,
}

impl CallState {
    /// As the platform shows it.
    pub fn shown(&self) -> Value {
        let legs: Vec<Value> = self.legs.iter().map(|(kind, value)| json!({ "type": kind, "value": value })).collect();
        let bridge = |(request, bridge): &(String, String)| json!({ "requestId": request, "bridgeId": bridge });
        json!({
            "callId": self.id,
            "channelId": self.channel,
            "direction": self.direction,
            "status": if self.over { "ended" } else { "active" },
            "legs": legs,
            "bridges": self.bridges.iter().map(bridge).collect::<Vec<_>>(),
        })
    }
}

/// The calls, by id.
#[derive(Debug, Default)]
pub(super) struct Calls {
    by_id: BTreeMap<String, CallState>,
    /// Whether a scenario has named calls: then there are no others.
    told: bool,
}

impl Calls {
    /// A call begins; one of the same id is replaced.
    pub(super) fn begin(&mut self, id: &str, channel: &str, direction: &str, legs: u32) {
        self.told = true;
        if self.by_id.len() < MOST {
            let legs = (0..legs.max(1)).map(|n| ("party".to_owned(), format!("{id}/{n}"))).collect();
            let call = CallState {
                id: id.to_owned(),
                channel: Some(channel.to_owned()),
                direction: direction.to_owned(),
                over: false,
                legs,
                bridges: Vec::new(),
            };
            self.by_id.insert(id.to_owned(), call);
        }
    }

    /// Somebody hangs up.
    pub(super) fn end(&mut self, id: &str) {
        self.told = true;
        if let Some(call) = self.by_id.get_mut(id) {
            call.over = true;
        }
    }

    /// Every call.
    pub(super) fn iter(&self) -> impl Iterator<Item = &CallState> {
        self.by_id.values()
    }

    /// A call that is on; 404 otherwise.
    pub(super) fn live(&mut self, id: &str) -> Result<&mut CallState, Draft> {
        if !self.told && self.by_id.len() < MOST {
            self.by_id.entry(id.to_owned()).or_insert_with(|| CallState {
                id: id.to_owned(),
                channel: None,
                direction: "inbound".to_owned(),
                over: false,
                legs: vec![("party".to_owned(), format!("{id}/0"))],
                bridges: Vec::new(),
            });
        }
        self.by_id
            .get_mut(id)
            .filter(|call| !call.over)
            .ok_or_else(|| check::not_found("there is no such call any more"))
    }

    /// `GET` of one call.
    pub(super) fn get(&self, id: &str) -> Result<Draft, Draft> {
        let call = self.by_id.get(id).ok_or_else(|| check::not_found("there is no such call"))?;
        Ok(Draft::json(StatusCode::OK, &call.shown()))
    }

    /// A page of the calls on `channel`.
    pub(super) fn page(&self, channel: &str, cursor: Option<&str>, size: usize) -> Draft {
        let from = cursor.map_or(Bound::Unbounded, |cursor| Bound::Excluded(cursor.to_owned()));
        let mut rest = self
            .by_id
            .range((from, Bound::Unbounded))
            .map(|(_, call)| call)
            .filter(|call| !call.over && call.channel.as_deref() == Some(channel))
            .peekable();
        let page: Vec<&CallState> = rest.by_ref().take(size).collect();
        let next = rest.peek().and(page.last()).map(|last| last.id.clone());
        let calls: Vec<Value> = page.iter().map(|call| call.shown()).collect();
        Draft::json(StatusCode::OK, &json!({ "calls": calls, "next": next }))
    }
}
