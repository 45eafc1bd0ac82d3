//! The bearer token: fetched once for everyone who waits, renewed early, dropped when the platform refuses it.
//!
//! Owns the tokens. Expiry is kept on the monotonic clock. There is one back-off for everything by which no token is had that
//! the platform takes: a token request that fails, whatever its form, and a token that is refused before it was ever
//! accepted. Each endpoint has one of its own beside it, so that one which takes no token at all neither fetches token after
//! token nor silences the others.
//!
//! Must never: show a token, have two token requests under way for one tenant, or hammer a token endpoint.

use super::body;
use super::endpoint::Endpoint;
use super::error::PlatformError;
use super::hints;
use super::transport::Response;
use crate::policy::Time;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Flight, MutexGuard as FlightGuard};

/// What a token lives where the platform does not say, or says nonsense.
const DEFAULT_LIFE: Duration = Duration::from_mins(30);
/// A longer life is not believed.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// Renewed so long before its end; a life of twice that or less is renewed at its half.
const EARLY: Duration = Duration::from_mins(1);
/// After a renewal that failed while the old token still serves.
const RENEW_AGAIN: Duration = Duration::from_secs(10);
const FIRST_BACKOFF: Duration = Duration::from_secs(5);
const LONGEST_BACKOFF: Duration = Duration::from_mins(5);
/// How often a 403 where the same call has worked fetches another token: a gateway may mean an expired one by it.
const FORBIDDEN_AGAIN: Duration = Duration::from_mins(5);

/// Until when nothing is tried, and how long that wait was.
#[derive(Clone, Copy, Debug)]
struct Hold {
    until: Time,
    span: Duration,
}

impl Hold {
    /// The next longer one, from `now` on.
    fn after(before: Option<Self>, now: Time) -> Self {
        let span = before.map_or(FIRST_BACKOFF, |hold| (hold.span * 2).min(LONGEST_BACKOFF));
        Self { until: now + span, span }
    }

    fn holds(before: Option<Self>, now: Time) -> bool {
        before.is_some_and(|hold| now < hold.until)
    }
}

/// A token, and when to stop using it.
pub struct Token {
    secret: SecretString,
    /// Which of the tenant's tokens it is, counted from 1.
    pub generation: u64,
    granted_at: Time,
    renew_at: Time,
    expires_at: Time,
}

impl Token {
    /// The token itself, for a header and for scrubbing.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// What a token answer said.
pub struct Grant {
    secret: SecretString,
    life: Duration,
    /// The scopes granted, where the platform tells them.
    pub scopes: Option<Vec<String>>,
}

impl Grant {
    /// Reads a 200 of the token endpoint (RFC 6749 §5.1). The error quotes nothing.
    pub fn read(response: &Response) -> Result<Self, String> {
        let value = body::json(response)?;
        let secret = value.get("access_token").and_then(Value::as_str).map(str::trim).filter(|token| !token.is_empty());
        let Some(secret) = secret else {
            return Err("200: the token answer has no string `access_token`; check token_path".to_owned());
        };
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("200: the `access_token` holds characters that no header can carry".to_owned());
        }
        let scopes = value.get("scope").or_else(|| value.get("scopes")).and_then(granted);
        Ok(Self { secret: SecretString::from(secret), life: life(value.get("expires_in")), scopes })
    }
}

/// What to do for a token.
pub enum Need<'a> {
    /// Use this one.
    Use(Arc<Token>),
    /// Fetch one, holding this; `Some`: an old one that serves until it expires, should that fail.
    Fetch(FlightGuard<'a, ()>, Option<Arc<Token>>),
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    /// Whether the platform has answered a call with the current token.
    accepted: bool,
    generation: u64,
    /// Fetches that have ended, and how the last one did: who waited through one shares its failure.
    fetches: u64,
    failure: Option<PlatformError>,
    /// No token is fetched before: the last fetch failed, or what it brought was refused.
    hold: Option<Hold>,
    /// A failed fetch is why: calls without a token are refused at once.
    failing: bool,
    /// By name; there are few.
    endpoints: BTreeMap<&'static str, OfEndpoint>,
}

/// What is known of one endpoint.
#[derive(Clone, Copy, Default)]
struct OfEndpoint {
    /// A call there has worked with a token of these scopes.
    worked: bool,
    /// A token just fetched was refused there: no other is fetched for its sake before.
    hold: Option<Hold>,
    /// A 403 fetches no other token before.
    forbidden_again: Time,
}

/// The token of one tenant.
#[derive(Default)]
pub struct Auth {
    state: Mutex<State>,
    flight: Flight<()>,
}

impl Auth {
    /// The refusal to give at once, without a request: no token was had a short while ago.
    pub fn refusal(&self, now: Time) -> Option<PlatformError> {
        let state = self.state();
        let hold = state.hold.filter(|hold| state.failing && now < hold.until)?;
        if usable(&state, now).is_some() {
            return None;
        }
        let mut error = state.failure.clone()?;
        error.sent = false;
        error.retry_after = Some(hold.until.since(now));
        Some(error)
    }

    /// A token for a call, or the turn to fetch one. Waits while another call fetches, unless an old token still serves.
    pub async fn need(&self, now: impl Fn() -> Time) -> Result<Need<'_>, PlatformError> {
        let (seen, old) = {
            let state = self.state();
            let at = now();
            let old = usable(&state, at);
            if let Some(token) = &old
                && (at < token.renew_at || Hold::holds(state.hold, at))
            {
                return Ok(Need::Use(Arc::clone(token)));
            }
            (state.fetches, old)
        };
        let guard = match (self.flight.try_lock(), old) {
            (Ok(guard), _) => guard,
            (Err(_), Some(token)) => return Ok(Need::Use(token)),
            (Err(_), None) => self.flight.lock().await,
        };
        let state = self.state();
        let at = now();
        let old = usable(&state, at);
        match &old {
            Some(token) if at < token.renew_at => Ok(Need::Use(Arc::clone(token))),
            _ => match &state.failure {
                Some(error) if state.fetches != seen => Err(error.clone()),
                _ => {
                    drop(state);
                    Ok(Need::Fetch(guard, old))
                }
            },
        }
    }

    /// The turn to fetch, whatever is cached.
    pub async fn insist(&self) -> FlightGuard<'_, ()> {
        self.flight.lock().await
    }

    /// A fetch that was asked for at `asked_at` brought a token.
    pub fn granted(&self, grant: &Grant, asked_at: Time) -> Arc<Token> {
        let mut state = self.state();
        state.generation += 1;
        state.fetches += 1;
        let early = if grant.life <= EARLY * 2 { grant.life / 2 } else { grant.life.saturating_sub(EARLY) };
        let token = Arc::new(Token {
            secret: grant.secret.clone(),
            generation: state.generation,
            granted_at: asked_at,
            renew_at: asked_at + early,
            expires_at: asked_at + grant.life,
        });
        state.token = Some(Arc::clone(&token));
        state.accepted = false;
        state.failure = None;
        // How long the wait was stays known until a token is accepted: what this one is worth is not known yet.
        state.failing = false;
        token
    }

    /// A fetch failed: the next one comes after 5 s, doubling up to 5 min, whatever the failure was.
    pub fn failed(&self, error: &PlatformError, now: Time) {
        let mut state = self.state();
        state.fetches += 1;
        state.failure = Some(error.clone());
        state.hold = Some(Hold::after(state.hold, now));
        state.failing = true;
        if let Some(old) = usable(&state, now) {
            state.token = Some(Arc::new(Token {
                secret: old.secret.clone(),
                generation: old.generation,
                granted_at: old.granted_at,
                renew_at: now + RENEW_AGAIN,
                expires_at: old.expires_at,
            }));
        }
    }

    /// The last failure was a secret's that has been replaced since: the next fetch need not wait.
    pub fn forgiven(&self) {
        let mut state = self.state();
        state.hold = None;
        state.failing = false;
        state.failure = None;
    }

    /// The platform answered 401 to token `generation` at `endpoint`. `true`: repeat the call, with another token. One that
    /// was accepted before is dropped at once; one that never was only when its back-off is over, and none for the sake of an
    /// endpoint that refused its predecessor too.
    pub fn refused(&self, generation: u64, endpoint: Endpoint, now: Time) -> bool {
        let mut state = self.state();
        let Some(granted_at) = state.token.as_ref().filter(|t| t.generation == generation).map(|t| t.granted_at) else {
            return true;
        };
        if Hold::holds(state.endpoint(endpoint).hold, now) {
            return false;
        }
        if !state.accepted {
            // From its fetch on: one that was fetched long ago may have been revoked since.
            let hold = state.hold.unwrap_or_else(|| Hold::after(None, granted_at));
            state.hold = Some(hold);
            if now < hold.until {
                return false;
            }
        }
        state.token = None;
        true
    }

    /// The platform answered 401 at `endpoint` to the token `generation`, with which the call was repeated.
    pub fn refused_again(&self, generation: u64, endpoint: Endpoint, now: Time) {
        let mut state = self.state();
        let of = state.endpoint(endpoint);
        of.hold = Some(Hold::after(of.hold, now));
        if !state.accepted && state.token.as_ref().is_some_and(|token| token.generation == generation) {
            state.hold = Some(Hold::after(state.hold, now));
        }
    }

    /// The platform answered 403 at `endpoint`. `true`: the call worked before, so that an expired token may be meant; repeat
    /// it with another one. Once in 5 minutes.
    pub fn forbidden(&self, generation: u64, endpoint: Endpoint, now: Time) -> bool {
        let mut state = self.state();
        let replaced = state.token.as_ref().is_none_or(|token| token.generation != generation);
        let of = state.endpoint(endpoint);
        if !of.worked || (now < of.forbidden_again && !replaced) {
            return false;
        }
        if !replaced {
            of.forbidden_again = now + FORBIDDEN_AGAIN;
            state.token = None;
        }
        true
    }

    /// The platform answered a call at `endpoint` with token `generation`. `worked`: and did what it asked for.
    pub fn accepted(&self, generation: u64, endpoint: Endpoint, worked: bool) {
        let mut state = self.state();
        if state.token.as_ref().is_some_and(|token| token.generation == generation) {
            state.accepted = true;
            if !state.failing {
                state.hold = None;
            }
        }
        let of = state.endpoint(endpoint);
        of.worked |= worked;
        of.hold = None;
    }

    /// The current token, for scrubbing.
    pub fn current(&self) -> Option<Arc<Token>> {
        self.state().token.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn endpoint(&mut self, endpoint: Endpoint) -> &mut OfEndpoint {
        self.endpoints.entry(endpoint.name()).or_default()
    }
}

fn usable(state: &State, now: Time) -> Option<Arc<Token>> {
    state.token.as_ref().filter(|token| now < token.expires_at).cloned()
}

/// Seconds as a number, or as text; [`DEFAULT_LIFE`] where they are missing, not positive, or no number.
fn life(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => hints::seconds(text).map(|life| life.as_secs_f64()),
        _ => None,
    };
    seconds
        .filter(|seconds| *seconds >= 1.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())).ok())
        .unwrap_or(DEFAULT_LIFE)
}

/// Scopes as one text, divided by spaces or commas, or as a list.
fn granted(scopes: &Value) -> Option<Vec<String>> {
    let words = |text: &str| -> Vec<String> {
        text.split([' ', ',', '\t', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    match scopes {
        Value::String(text) => Some(words(text)),
        Value::Array(all) => Some(all.iter().filter_map(Value::as_str).flat_map(words).collect()),
        _ => None,
    }
}
