//! Creations: made, refused, or made without a word of it, as an incident wants.

use super::endpoint::Done;
use super::{Due, Model};
use crate::policy::WallMs;
use crate::sim::check;
use crate::sim::incident::CreateMode;
use crate::sim::reply::Draft;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How creations are treated for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Creating {
    pub(super) mode: CreateMode,
    pub(super) until: Duration,
    pub(super) delay: Duration,
}

impl Model {
    pub(super) fn create(
        &mut self,
        now: Duration,
        wall: WallMs,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Done, Draft> {
        let body = check::json_body(headers, body)?;
        check::create(&body, |id| self.store.contains(id))?;
        let creating = self.creating.filter(|creating| now < creating.until);
        let mode = creating.map(|creating| creating.mode);
        match mode {
            Some(CreateMode::Conflict) => {
                return Err(Draft::refuse(StatusCode::CONFLICT, "conflict", "something stands against it"));
            }
            Some(CreateMode::TooMany) => return Err(self.limit.refuse(now, wall)),
            Some(CreateMode::Drop) => {
                let mut shown = body;
                shown.insert("id".to_owned(), json!("ch-never"));
                return Ok(Done::Answer(Draft::json(StatusCode::CREATED, &Value::Object(shown))));
            }
            Some(CreateMode::Late) => {
                let delay = creating.map(|creating| creating.delay).unwrap_or_default();
                self.schedule(now + delay, Due::Creation(body));
                return Ok(Done::Lost);
            }
            Some(CreateMode::LoseAnswer | CreateMode::Broken) | None => {}
        }
        let id = self.add(now, body).ok_or_else(|| Draft::bad("there are too many channels"))?;
        match mode {
            Some(CreateMode::LoseAnswer) => Ok(Done::Lost),
            Some(CreateMode::Broken) => {
                Err(Draft::refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something broke"))
            }
            _ => {
                let channel = self.store.get(&id).ok_or_else(|| check::not_found("it is gone again"))?;
                Ok(Done::Answer(self.show(StatusCode::CREATED, channel, now, headers)))
            }
        }
    }

    /// Adds a channel; its id, unless there are too many.
    pub(super) fn add(&mut self, now: Duration, body: Map<String, Value>) -> Option<String> {
        let id = self.store.create(body, now)?.id.clone();
        self.ledger.tell(now, format!("{id} is created"));
        Some(id)
    }

    /// How many channels were created since the start.
    pub fn created(&self) -> u32 {
        self.store.created()
    }
}
