//! The token endpoint, strict to the letter, and the tokens that it gave out.

use super::check;
use super::noise;
use super::options::{Options, SCOPES};
use super::reply::Draft;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Live tokens at most; a client that fetches more loses its oldest.
const MAX_TOKENS: usize = 1_000;

/// The tokens that were given out, by their text.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    live: BTreeMap<String, Token>,
    issued: u64,
}

#[derive(Debug)]
struct Token {
    serial: u64,
    expires: Duration,
    scopes: BTreeSet<String>,
}

impl Tokens {
    /// `POST` of the token endpoint.
    pub(super) fn issue(&mut self, now: Duration, options: &Options, headers: &HeaderMap, body: &[u8]) -> Draft {
        match self.try_issue(now, options, headers, body) {
            Ok(answer) | Err(answer) => answer,
        }
    }

    fn try_issue(
        &mut self,
        now: Duration,
        options: &Options,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Draft, Draft> {
        check::content_type(headers, "application/x-www-form-urlencoded")?;
        let form = check::form(body)?;
        let field = |name: &str| {
            form.get(name)
                .filter(|v| !v.is_empty())
                .map(String::as_str)
                .ok_or_else(|| oauth_error("invalid_request", format!("the field {name} is missing")))
        };
        if field("grant_type")? != "client_credentials" {
            return Err(oauth_error("unsupported_grant_type", "grant_type must be client_credentials"));
        }
        if let Some(other) =
            form.keys().find(|k| !["grant_type", "client_id", "client_secret", "scope"].contains(&k.as_str()))
        {
            return Err(oauth_error("invalid_request", format!("the field {other} is not known")));
        }
        if field("client_id")? != options.client_id || field("client_secret")? != options.client_secret {
            return Err(Draft::refuse(StatusCode::UNAUTHORIZED, "invalid_client", "client id or secret is wrong"));
        }
        let scopes: BTreeSet<String> = field("scope")?.split(' ').map(str::to_owned).collect();
        if let Some(other) = scopes.iter().find(|s| !SCOPES.contains(&s.as_str())) {
            return Err(oauth_error("invalid_scope", format!("the scope {other:?} is not known")));
        }
        if let Some(other) = scopes.iter().find(|s| !options.scopes.contains(s)) {
            return Err(oauth_error("invalid_scope", format!("this client may not have the scope {other}")));
        }
        let lifetime = options.token_lifetime;
        let text = self.keep(now + lifetime, options.seed, scopes);
        // A fraction of a second is not expressible: rounding down keeps the promise.
        Ok(Draft::json(
            StatusCode::OK,
            &json!({ "access_token": text, "token_type": "Bearer", "expires_in": lifetime.as_secs() }),
        ))
    }

    fn keep(&mut self, expires: Duration, seed: u64, scopes: BTreeSet<String>) -> String {
        if self.live.len() >= MAX_TOKENS {
            let oldest = self.live.iter().min_by_key(|(_, t)| t.serial).map(|(text, _)| text.clone());
            oldest.map(|text| self.live.remove(&text));
        }
        self.issued += 1;
        let serial = self.issued;
        let text = format!("sim-token-{serial}-{:016x}", noise::hash(&[seed, noise::text("token"), serial]));
        self.live.insert(text.clone(), Token { serial, expires, scopes });
        text
    }

    /// Checks the bearer token of a request, and that it may do what needs `scope`.
    /// `forbids`: what is no longer good is answered 403, as some gateways do.
    pub(super) fn admit(
        &mut self,
        now: Duration,
        headers: &HeaderMap,
        scope: &str,
        forbids: bool,
    ) -> Result<(), Draft> {
        let unauthorised = |message: &str| Draft::refuse(StatusCode::UNAUTHORIZED, "invalid_token", message);
        let no_longer = |message: &str| {
            let status = if forbids { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
            Draft::refuse(status, "invalid_token", message)
        };
        let text = check::header(headers, "authorization")
            .and_then(|h| h.strip_prefix("Bearer "))
            .ok_or_else(|| unauthorised("the bearer token is missing"))?;
        let token = self.live.get(text).ok_or_else(|| no_longer("the token is not known"))?;
        if now >= token.expires {
            self.live.remove(text);
            return Err(no_longer("the token has expired"));
        }
        if !token.scopes.contains(scope) {
            let message = format!("the scope {scope} is missing");
            return Err(Draft::refuse(StatusCode::FORBIDDEN, "insufficient_scope", message));
        }
        Ok(())
    }

    pub(super) fn revoke(&mut self) {
        self.live.clear();
    }

    /// How many were given out since the start.
    pub(super) fn issued(&self) -> u64 {
        self.issued
    }
}

fn oauth_error(error: &str, message: impl Into<String>) -> Draft {
    Draft::refuse(StatusCode::BAD_REQUEST, error, message)
}
