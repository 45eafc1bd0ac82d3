//! The endpoints: which one a request means, what it demands, and what it does.
//!
//! A request that is refused anywhere on the way changes nothing.

use super::{Due, Model, Patching};
use crate::platform::Request;
use crate::policy::WallMs;
use crate::sim::channel::ChannelState;
use crate::sim::check;
use crate::sim::incident::{PatchMode, TargetMode};
use crate::sim::ledger::{Effect, PatchRecord};
use crate::sim::oddity::Oddity;
use crate::sim::options::Merge;
use crate::sim::patch::Change;
use crate::sim::reply::Draft;
use crate::sim::telemetry::{self, Present};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use std::time::Duration;

/// Changes that wait to be made; a PATCH that finds the queue full is made at once.
const MAX_PENDING: usize = 10_000;

/// What an endpoint came to.
#[derive(Debug)]
pub(super) enum Done {
    /// An answer.
    Answer(Draft),
    /// The change was made; the answer is lost.
    Lost,
    /// An answer that comes so much later.
    Slow(Draft, Duration),
}

/// What is asked for.
enum Endpoint {
    Token,
    List,
    Create,
    Get(String),
    Patch(String),
    Telemetry,
    Bridge(String),
    Call(String),
    Calls,
}

impl Model {
    /// Answers a request that met no fault.
    pub(super) fn endpoint(
        &mut self,
        now: Duration,
        wall: WallMs,
        uri: &Uri,
        request: &Request,
    ) -> Result<Done, Draft> {
        let endpoint = route(uri.path(), &request.method)?;
        self.limit.count(now, wall)?;
        check::accept(&request.headers)?;
        let body = request.body.as_deref().unwrap_or_default();
        if let Some(scope) = scope(&endpoint) {
            let forbids = self.odd.is(Oddity::ExpiredForbidden, None);
            self.tokens.admit(now, &request.headers, scope, forbids)?;
        }
        let query = check::form(uri.query().unwrap_or("").as_bytes())?;
        let known = |name: &String| match endpoint {
            Endpoint::List => name == "page",
            Endpoint::Calls => name == "page" || name == "channel",
            _ => false,
        };
        if let Some(other) = query.keys().find(|name| !known(name)) {
            return Err(Draft::bad(format!("the parameter {other} is not known")));
        }
        let draft = match endpoint {
            Endpoint::Token => self.tokens.issue(now, &self.options, &request.headers, body),
            Endpoint::List => return self.list(now, query.get("page").map(String::as_str)),
            Endpoint::Get(id) => self.get(now, &id, &request.headers)?,
            Endpoint::Patch(id) => return self.patch(now, &id, &request.headers, body),
            Endpoint::Create => return self.create(now, wall, &request.headers, body),
            Endpoint::Telemetry => {
                let body = check::json_body(&request.headers, body)?;
                let odd = &self.odd;
                telemetry::answer(&mut self.store, &self.options, odd, self.form, Present { now, wall }, &body)?
            }
            Endpoint::Bridge(call) => {
                let body = check::json_body(&request.headers, body)?;
                return self.bridge(now, &call, &request.headers, &body);
            }
            Endpoint::Call(call) => self.calls.get(&call)?,
            Endpoint::Calls => {
                let channel = query.get("channel").ok_or_else(|| Draft::bad("the parameter channel is missing"))?;
                self.calls.page(channel, query.get("page").map(String::as_str), self.options.page_size)
            }
        };
        Ok(Done::Answer(draft))
    }

    fn list(&self, now: Duration, cursor: Option<&str>) -> Result<Done, Draft> {
        if self.list_absent {
            return Err(check::not_found("this tenant has no list of channels"));
        }
        if self.odd.is(Oddity::ListFails, None) {
            return Err(Draft::refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the list cannot be made"));
        }
        let (behind, age) = self.odd.behind(now, None);
        let endless = cursor.and_then(|cursor| cursor.strip_prefix("more-")).and_then(|n| n.parse::<u64>().ok());
        let cursor = cursor.filter(|_| endless.is_none());
        let (mut channels, mut next) = self
            .store
            .page(cursor, self.options.page_size, now, self.list_lag + behind)
            .ok_or_else(|| Draft::bad("page is no cursor of ours"))?;
        self.odd_rows(&mut channels);
        if next.is_none() && self.odd.is(Oddity::LoopingNext, None) {
            next = self.store.page(None, 1, now, Duration::ZERO).and_then(|(_, next)| next);
        }
        if (next.is_none() || endless.is_some()) && self.odd.is(Oddity::EndlessNext, None) {
            next = Some(format!("more-{}", endless.unwrap_or(0) + 1));
        }
        // Put together from what the channels keep: a page is most of what the model does in a long simulation.
        let mut body = b"{\"channels\":[".to_vec();
        for (n, channel) in channels.iter().enumerate() {
            body.extend_from_slice(if n > 0 { b"," } else { b"" });
            body.extend_from_slice(channel);
        }
        body.extend_from_slice(format!("],\"next\":{}}}", json!(next)).as_bytes());
        let draft = Draft { age, ..Draft::raw(StatusCode::OK, body.into()) };
        Ok(match self.odd.met(Oddity::ListSlow, None) {
            Some(slow) => Done::Slow(draft, slow.by()),
            None => Done::Answer(draft),
        })
    }

    /// What careless paging does to the rows of a page.
    fn odd_rows(&self, rows: &mut Vec<Bytes>) {
        for row in rows.iter_mut() {
            if let Some(odd) = self.odd.show(row, true) {
                *row = odd;
            }
        }
        if self.odd.is(Oddity::SkippedRows, None) && rows.len() > 1 {
            rows.pop();
        }
        if self.odd.is(Oddity::RepeatedRows, None)
            && let Some(first) = rows.first().cloned()
        {
            rows.extend([first.clone(), first]);
        }
        if self.odd.is(Oddity::SummaryRows, None) {
            rows.push(Bytes::from(json!({ "type": "summary", "count": rows.len() }).to_string()));
        }
    }

    fn get(&self, now: Duration, id: &str, headers: &HeaderMap) -> Result<Draft, Draft> {
        let channel = self.store.get(id).ok_or_else(|| no_channel(id))?;
        let (behind, age) = self.odd.behind(now, Some(id));
        let draft = self.show(StatusCode::OK, channel, now, headers);
        if behind.is_zero() {
            return Ok(draft);
        }
        let body = channel.shown_late(now, behind);
        Ok(Draft { body: self.odd.show(&body, false).unwrap_or(body), age, ..draft })
    }

    pub(super) fn show(&self, status: StatusCode, channel: &ChannelState, now: Duration, headers: &HeaderMap) -> Draft {
        let body = channel.shown(now);
        let draft = Draft::raw(status, self.odd.show(&body, false).unwrap_or(body));
        if !self.options.etag {
            return draft;
        }
        let strong = channel.etag();
        let gzip = check::header(headers, "accept-encoding").is_some_and(|codings| codings.contains("gzip"));
        let etag = if self.odd.is(Oddity::WeakEtag, Some(channel.id())) {
            format!("W/{strong}")
        } else if gzip && self.odd.is(Oddity::GzipEtag, Some(channel.id())) {
            format!("{}-gzip\"", strong.trim_end_matches('"'))
        } else {
            strong
        };
        draft.with(header::ETAG, etag)
    }

    fn patch(&mut self, now: Duration, id: &str, headers: &HeaderMap, body: &[u8]) -> Result<Done, Draft> {
        let outcome = self.try_patch(now, id, headers, body);
        let (status, effect) = match &outcome {
            Ok((Done::Answer(draft) | Done::Slow(draft, _), effect)) => (Some(draft.status.as_u16()), *effect),
            Ok((Done::Lost, effect)) => (None, *effect),
            Err(draft) => (Some(draft.status.as_u16()), Effect::Refused),
        };
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        self.ledger.patch(PatchRecord { at: now, channel: id.to_owned(), body, status, effect });
        outcome.map(|(done, _)| done)
    }

    fn try_patch(
        &mut self,
        now: Duration,
        id: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(Done, Effect), Draft> {
        let channel = self.store.get(id).ok_or_else(|| no_channel(id))?;
        let mut body = check::json_body(headers, body)?;
        if self.odd.lenient {
            check::as_meant(&mut body);
        }
        check::patch(&body, |id| self.store.contains(id), |id| channel.backups().any(|backup| backup == id))?;
        check::credentials(&body, channel.document())?;
        if self.options.etag
            && check::header(headers, "if-match").is_some_and(|tag| tag != "*" && tag != channel.etag())
        {
            let message = "the channel has changed since it was read";
            return Err(Draft::refuse(StatusCode::PRECONDITION_FAILED, "precondition_failed", message));
        }
        let to = body.get("routing").and_then(|routing| routing.get("primary_channel_id")).and_then(Value::as_str);
        let target = to.and_then(|to| self.targets.get(to)).filter(|(_, until)| now < *until).map(|(mode, _)| *mode);
        if target == Some(TargetMode::Refused) {
            return Err(Draft::bad("this channel does not take the traffic of others at present"));
        }
        let patching = self.patching.filter(|p| now < p.until);
        let merge = match patching {
            Some(Patching { mode: PatchMode::Lose, .. }) => Merge::Lose,
            Some(Patching { mode: PatchMode::Replace, .. }) => Merge::Replace,
            _ => self.options.patch,
        };
        let change = Change { channel: id.to_owned(), body, merge };
        let delay = match patching {
            Some(Patching { mode: PatchMode::Delay, delay, .. }) => delay,
            _ => self.options.patch_delay,
        };
        let effect = if target.is_some() || patching.is_some_and(|p| p.mode == PatchMode::Drop) {
            Effect::Dropped
        } else if delay.is_zero() || self.agenda.len() >= MAX_PENDING {
            self.make(now, &change);
            Effect::Applied
        } else {
            self.schedule(now + delay, Due::Change(change));
            Effect::Delayed
        };
        if patching.is_some_and(|p| p.mode == PatchMode::LoseAnswer) {
            return Ok((Done::Lost, effect));
        }
        let channel = self.store.get(id).ok_or_else(|| no_channel(id))?;
        Ok((Done::Answer(self.show(StatusCode::OK, channel, now, headers)), effect))
    }
}

fn no_channel(id: &str) -> Draft {
    check::not_found(format!("there is no channel {id:?}"))
}

/// The scope that an endpoint needs; `None`: no token.
fn scope(endpoint: &Endpoint) -> Option<&'static str> {
    Some(match endpoint {
        Endpoint::Token => return None,
        Endpoint::List | Endpoint::Get(_) => "channel:read",
        Endpoint::Create | Endpoint::Patch(_) => "channel:write",
        Endpoint::Telemetry => "telemetry:read",
        Endpoint::Bridge(_) => "cti:bridge:write",
        Endpoint::Call(_) | Endpoint::Calls => "cti:calls:read",
    })
}

/// Which endpoint a path and a method mean: 404 for another path, 405 for another method.
fn route(path: &str, method: &Method) -> Result<Endpoint, Draft> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let wrong =
        || Draft::refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the method is not allowed here");
    let (get, post, is_patch) = (method == Method::GET, method == Method::POST, method == Method::PATCH);
    let endpoint = match segments.as_slice() {
        ["api", "v2", "oauth", "token"] | ["oauth", "token"] => post.then_some(Endpoint::Token),
        ["api", "v2", "channels"] if get => Some(Endpoint::List),
        ["api", "v2", "channels"] => post.then_some(Endpoint::Create),
        ["api", "v2", "channels", id] if get => Some(Endpoint::Get(check::decode(id)?)),
        ["api", "v2", "channels", id] if is_patch => Some(Endpoint::Patch(check::decode(id)?)),
        ["api", "v2", "telemetry", "metrics"] => post.then_some(Endpoint::Telemetry),
        ["api", "v2", "cti", "calls", call, "bridge"] if post => Some(Endpoint::Bridge(check::decode(call)?)),
        ["api", "v2", "cti", "calls"] if get => Some(Endpoint::Calls),
        ["api", "v2", "cti", "calls", call] if get => Some(Endpoint::Call(check::decode(call)?)),
        ["api", "v2", "channels", _]
        | ["api", "v2", "cti", "calls"]
        | ["api", "v2", "cti", "calls", _]
        | ["api", "v2", "cti", "calls", _, "bridge"] => None,
        _ => return Err(check::not_found("there is nothing at this path")),
    };
    endpoint.ok_or_else(wrong)
}
