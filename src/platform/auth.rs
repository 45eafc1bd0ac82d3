//! The bearer token: fetched once for everyone who waits, renewed early, dropped when the platform refuses it.
//!
//! Owns the client secret and the tokens. Expiry is kept on the monotonic clock. Must never: show either, have two token
//! requests under way for one tenant, or hammer a token endpoint that has refused us.

use super::body;
use super::error::{ErrorClass, PlatformError};
use super::transport::Response;
use crate::policy::Time;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
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
const FIRST_BACKOFF: Duration = Duration::from_secs(30);
const LONGEST_BACKOFF: Duration = Duration::from_mins(5);

/// A token, and when to stop using it.
pub struct Token {
    secret: SecretString,
    /// Which of the tenant's tokens it is, counted from 1.
    pub generation: u64,
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
        let secret = value.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
        let Some(secret) = secret else {
            return Err("200: the token answer has no text `access_token`; check token_path".to_owned());
        };
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("200: the `access_token` holds characters that no header can carry".to_owned());
        }
        let scopes = value
            .get("scope")
            .and_then(Value::as_str)
            .map(|scopes| scopes.split_whitespace().map(str::to_owned).collect());
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
    generation: u64,
    /// Fetches that have ended, and how the last one did: who waited through one shares its failure.
    fetches: u64,
    failure: Option<PlatformError>,
    /// Until when a refusal is believed without asking again, and how long that was.
    refused: Option<(Time, Duration)>,
    /// A token just fetched was refused: until then a 401 fetches no other.
    distrusted_until: Time,
}

/// The token of one tenant.
#[derive(Default)]
pub struct Auth {
    state: Mutex<State>,
    flight: Flight<()>,
}

impl Auth {
    /// The refusal to give at once, without a request: the token endpoint refused us a short while ago.
    pub fn refusal(&self, now: Time) -> Option<PlatformError> {
        let state = self.state();
        let until = state.refused.filter(|(until, _)| now < *until)?.0;
        if usable(&state, now).is_some() {
            return None;
        }
        let mut error = state.failure.clone()?;
        error.sent = false;
        error.retry_after = Some(until.since(now));
        Some(error)
    }

    /// A token for a call, or the turn to fetch one. Waits while another call fetches, unless an old token still serves.
    pub async fn need(&self, now: impl Fn() -> Time) -> Result<Need<'_>, PlatformError> {
        let (seen, old) = {
            let state = self.state();
            let at = now();
            let old = usable(&state, at);
            if let Some(token) = &old
                && (at < token.renew_at || state.refused.is_some_and(|(until, _)| at < until))
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
            renew_at: asked_at + early,
            expires_at: asked_at + grant.life,
        });
        state.token = Some(Arc::clone(&token));
        state.failure = None;
        state.refused = None;
        token
    }

    /// A fetch failed. A refusal is believed for 30 s, doubling up to 5 min.
    pub fn failed(&self, error: &PlatformError, now: Time) {
        let mut state = self.state();
        state.fetches += 1;
        state.failure = Some(error.clone());
        if error.class == ErrorClass::NotAuthorised {
            let span = state.refused.map_or(FIRST_BACKOFF, |(_, last)| (last * 2).min(LONGEST_BACKOFF));
            state.refused = Some((now + span, span));
        }
        if let Some(old) = usable(&state, now) {
            state.token = Some(Arc::new(Token {
                secret: old.secret.clone(),
                generation: old.generation,
                renew_at: now + RENEW_AGAIN,
                expires_at: old.expires_at,
            }));
        }
    }

    /// The platform answered 401 to token `generation`. `true`: repeat the call, with a new token. The token is dropped only
    /// if it is still the current one, and none is dropped for a while after a new one was refused as well.
    pub fn drop_refused(&self, generation: u64, now: Time) -> bool {
        let mut state = self.state();
        match &state.token {
            Some(token) if token.generation == generation => {
                if now < state.distrusted_until {
                    return false;
                }
                state.token = None;
                true
            }
            _ => true,
        }
    }

    /// The platform answered 401 to a token just fetched.
    pub fn distrust(&self, now: Time) {
        self.state().distrusted_until = now + FIRST_BACKOFF;
    }

    /// The platform accepted a token.
    pub fn accepted(&self) {
        self.state().distrusted_until = Time::ZERO;
    }

    /// The current token, for scrubbing.
    pub fn current(&self) -> Option<Arc<Token>> {
        self.state().token.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn usable(state: &State, now: Time) -> Option<Arc<Token>> {
    state.token.as_ref().filter(|token| now < token.expires_at).cloned()
}

/// Seconds as a number, or as text; [`DEFAULT_LIFE`] where they are missing, not positive, or no number.
fn life(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    seconds
        .filter(|seconds| *seconds >= 1.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())).ok())
        .unwrap_or(DEFAULT_LIFE)
}
