//! One call: its place in the budget, its token, its attempts, all within its time.
//!
//! The time of a call runs while something is under way or a repetition is waited for, never while a slot is waited for.

use super::super::auth::{Grant, Need, Token};
use super::super::budget::{QueueFull, Slot};
use super::super::endpoint::{ESCAPED, Endpoint};
use super::super::error::{ErrorClass, PlatformError};
use super::super::transport::{Request, Response, TransportError};
use super::super::{Class, ClientEvent, RequestEvent, verdict};
use super::Client;
use crate::journal::Gate;
use crate::policy::{LookError, Time};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::utf8_percent_encode;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Attempts of one call at most; the repetition after a 401 is none of them.
const ATTEMPTS: u32 = 3;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-cxone-request-id");
const FETCHING: &str = "POST for a token";

/// What is to be sent.
pub struct Call<'a> {
    pub endpoint: Endpoint,
    pub class: Class,
    pub attempted: &'a str,
    pub method: Method,
    pub url: String,
    pub body: Option<Bytes>,
    pub if_match: Option<HeaderValue>,
    /// Asks for an answer that nobody encodes on the way, since that alters its tag.
    pub unencoded: bool,
    /// Kept on every repetition: `X-CXone-Request-ID`.
    pub request_id: Option<Uuid>,
    /// What may still stop it before it is sent.
    pub gate: Option<&'a Gate>,
    /// What of the body must not be shown where the platform repeats it.
    pub hidden: Vec<String>,
}

impl<'a> Call<'a> {
    /// A `GET`.
    pub fn read(endpoint: Endpoint, class: Class, attempted: &'a str, url: String) -> Self {
        Self {
            endpoint,
            class,
            attempted,
            method: Method::GET,
            url,
            body: None,
            if_match: None,
            unencoded: false,
            request_id: None,
            gate: None,
            hidden: Vec::new(),
        }
    }
}

/// A success, and when.
pub struct Exchanged {
    pub response: Response,
    pub asked_at: Time,
    pub answered_at: Time,
}

/// How one attempt ended, other than well.
enum Ended {
    /// The token was refused, and another may be had: repeat at once.
    Renew,
    /// The client secret was refused, and its place holds another one by now: repeat at once.
    Reread,
    Failed(PlatformError),
}

/// What a call does once at most.
#[derive(Clone, Copy, Default)]
struct Once {
    renewed: bool,
    reread: bool,
}

impl From<PlatformError> for Ended {
    fn from(error: PlatformError) -> Self {
        Self::Failed(error)
    }
}

impl Client {
    /// Sends until it succeeds, may not be repeated, or its time is over.
    pub(super) async fn call(&self, call: &Call<'_>, timeout: Duration) -> Result<Exchanged, PlatformError> {
        let mut left = timeout;
        let mut attempt = 1;
        let mut once = Once::default();
        loop {
            let error = match self.attempt(call, &mut left, once).await {
                Ok(exchanged) => return Ok(exchanged),
                Err(Ended::Renew) => {
                    came_back(call);
                    once.renewed = true;
                    continue;
                }
                Err(Ended::Reread) => {
                    came_back(call);
                    once.reread = true;
                    continue;
                }
                Err(Ended::Failed(error)) => error,
            };
            let wait = error.retry_after.unwrap_or_else(|| self.jitter.before(attempt));
            if error.class == ErrorClass::Retryable {
                came_back(call);
            }
            if error.class != ErrorClass::Retryable || attempt >= ATTEMPTS || wait >= left {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            left = left.saturating_sub(wait);
            attempt += 1;
        }
    }

    /// Fetches a token whatever is cached, as [`Class::Rest`].
    pub(super) async fn authorise_now(&self, timeout: Duration) -> Result<Option<Vec<String>>, PlatformError> {
        let slot = self.slot(Class::Rest, Endpoint::Token, FETCHING).await?;
        let mut left = timeout;
        let turn = self.within(&mut left, FETCHING, self.auth.insist()).await?;
        let mut fetched = self.fetch(slot, &mut left).await;
        if let Err(error) = &fetched
            && self.reread_secret(error).await
        {
            fetched = self.fetch(self.slot(Class::Rest, Endpoint::Token, FETCHING).await?, &mut left).await;
        }
        drop(turn);
        fetched.map(|(_, scopes)| scopes)
    }

    async fn attempt(&self, call: &Call<'_>, left: &mut Duration, once: Once) -> Result<Exchanged, Ended> {
        if let Some(mut refusal) = self.auth.refusal(self.clock.now()) {
            call.attempted.clone_into(&mut refusal.attempted);
            return Err(refusal.into());
        }
        let slot = self.slot_for(call).await?;
        let (token, slot) = self.authorised(call, slot, left, once).await?;
        self.passes(call)?;
        let (sent, asked_at, answered_at) =
            self.send(call.endpoint, self.request(call, &token, *left), slot, left).await;
        let response = sent.map_err(|error| verdict::of_transport(call.endpoint, call.attempted, &error))?;
        let (generation, at) = (token.generation, call.endpoint);
        let again = match response.status {
            StatusCode::UNAUTHORIZED if once.renewed => {
                self.auth.refused_again(generation, at, answered_at);
                false
            }
            StatusCode::UNAUTHORIZED => self.auth.refused(generation, at, answered_at),
            StatusCode::FORBIDDEN if !once.renewed && !verdict::is_page(&response) => {
                self.auth.forbidden(generation, at, answered_at)
            }
            _ => false,
        };
        if again {
            return Err(Ended::Renew);
        }
        if verdict::accepts_token(&response) {
            self.auth.accepted(generation, at, response.status.is_success());
        }
        if response.status.is_success() {
            return Ok(Exchanged { response, asked_at, answered_at });
        }
        Err(self.refused(call.endpoint, call.attempted, &response, Some(&token), &call.hidden).into())
    }

    /// A token for the call, and the slot for it: the one given, unless a token had to be fetched with it.
    async fn authorised(
        &self,
        call: &Call<'_>,
        slot: Slot,
        left: &mut Duration,
        once: Once,
    ) -> Result<(Arc<Token>, Slot), Ended> {
        let (turn, old) = match self.within(left, call.attempted, self.auth.need(|| self.clock.now())).await?? {
            Need::Use(token) => return Ok((token, slot)),
            Need::Fetch(turn, old) => (turn, old),
        };
        let fetched = self.fetch(slot, left).await;
        // While the turn is held: whoever waits for it sees the new secret.
        let reread = match &fetched {
            Err(error) if !once.reread => self.reread_secret(error).await,
            _ => false,
        };
        drop(turn);
        let token = match (fetched, old) {
            (Err(_), _) if reread => return Err(Ended::Reread),
            (Ok((token, _)), _) | (Err(_), Some(token)) => token,
            (Err(mut error), None) => {
                error.attempted = format!("{} ({FETCHING})", call.attempted);
                // The token request left; the call itself did not.
                error.sent = false;
                return Err(error.into());
            }
        };
        Ok((token, self.slot_for(call).await?))
    }

    /// One token request. Whoever calls it holds the turn.
    async fn fetch(&self, slot: Slot, left: &mut Duration) -> Result<(Arc<Token>, Option<Vec<String>>), PlatformError> {
        let request = self.token_request(*left);
        let (sent, asked_at, answered_at) = self.send(Endpoint::Token, request, slot, left).await;
        let granted = match sent {
            Ok(response) if response.status.is_success() => Grant::read(&response)
                .map_err(|why| verdict::of_shape(Endpoint::Token, FETCHING, response.status.as_u16(), why)),
            Ok(response) => Err(self.refused(Endpoint::Token, FETCHING, &response, None, &[])),
            Err(error) => Err(verdict::of_transport(Endpoint::Token, FETCHING, &error)),
        };
        match granted {
            Ok(grant) => Ok((self.auth.granted(&grant, asked_at), grant.scopes)),
            Err(error) => {
                self.auth.failed(&error, answered_at);
                Err(error)
            }
        }
    }

    /// Before the client secret is given up as refused, its place is read again. Whether it holds another one by now: then
    /// the refusal was the old one's.
    async fn reread_secret(&self, error: &PlatformError) -> bool {
        if error.status.is_none() || !self.secret.reread().await {
            return false;
        }
        tracing::info!(tenant = %self.settings.tenant, "the client secret was refused; its file now holds another one, which is used");
        self.auth.forgiven();
        true
    }

    /// Sends within the time that is left, holding the slot, and tells the observer.
    async fn send(
        &self,
        endpoint: Endpoint,
        request: Request,
        mut slot: Slot,
        left: &mut Duration,
    ) -> (Result<Response, TransportError>, Time, Time) {
        let asked_at = self.clock.now();
        slot.begin();
        let sent = match tokio::time::timeout(request.timeout, self.transport.send(request)).await {
            Ok(sent) => sent,
            Err(_) => Err(TransportError::Timeout),
        };
        drop(slot);
        let answered_at = self.clock.now();
        let took = answered_at.since(asked_at);
        *left = left.saturating_sub(took);
        let code = match &sent {
            Ok(response) => response.status.as_str().to_owned(),
            Err(error) => verdict::code(error).to_owned(),
        };
        (self.observer)(ClientEvent::Request(&RequestEvent { endpoint: endpoint.name(), code, took }));
        (sent, asked_at, answered_at)
    }

    /// The error of an answer outside 2xx; a 429 also slows its endpoint down, or the tenant.
    fn refused(
        &self,
        endpoint: Endpoint,
        attempted: &str,
        response: &Response,
        token: Option<&Arc<Token>>,
        hidden: &[String],
    ) -> PlatformError {
        let (current, secret) = (self.auth.current(), self.secret.current());
        let tokens = token.into_iter().chain(current.as_ref()).map(|token| token.expose());
        let secrets: Vec<&str> =
            tokens.chain([secret.expose_secret()]).chain(hidden.iter().map(String::as_str)).collect();
        let error = verdict::of_status(endpoint, attempted, response, &secrets, self.clock.wall());
        if response.status == StatusCode::TOO_MANY_REQUESTS {
            self.budget.throttled(endpoint, error.retry_after.unwrap_or_else(|| self.jitter.after_limit()));
        }
        error
    }

    /// A slot for the call, unless its gate closes while it waits.
    async fn slot_for(&self, call: &Call<'_>) -> Result<Slot, PlatformError> {
        let Some(gate) = call.gate else { return self.slot(call.class, call.endpoint, call.attempted).await };
        self.may_send(call)?;
        tokio::select! {
            biased;
            slot = self.slot(call.class, call.endpoint, call.attempted) => slot,
            () = gate.closed(self.clock.now()) => Err(withdrawn(call, gate.closed_because(self.clock.now()))),
        }
    }

    /// The last word before sending: a change may have been called back by now.
    fn passes(&self, call: &Call<'_>) -> Result<(), PlatformError> {
        let passed = call.gate.map_or(Ok(()), |gate| gate.pass(self.clock.now()));
        passed.map_err(|why| withdrawn(call, Some(why)))
    }

    fn may_send(&self, call: &Call<'_>) -> Result<(), PlatformError> {
        match call.gate.and_then(|gate| gate.closed_because(self.clock.now())) {
            None => Ok(()),
            why => Err(withdrawn(call, why)),
        }
    }

    async fn slot(&self, class: Class, endpoint: Endpoint, attempted: &str) -> Result<Slot, PlatformError> {
        self.budget.acquire(class, endpoint).await.map_err(|full: QueueFull| PlatformError {
            class: ErrorClass::Retryable,
            look: LookError::RateLimited,
            status: None,
            attempted: attempted.to_owned(),
            message: full.to_string(),
            retry_after: Some(Duration::from_mins(1)),
            sent: false,
        })
    }

    /// Waits for `what` within the time that is left.
    async fn within<T>(
        &self,
        left: &mut Duration,
        attempted: &str,
        what: impl Future<Output = T>,
    ) -> Result<T, PlatformError> {
        let began = self.clock.now();
        let out_of_time = || PlatformError {
            class: ErrorClass::Retryable,
            look: LookError::Timeout,
            status: None,
            attempted: attempted.to_owned(),
            message: "it was too late to send it".to_owned(),
            retry_after: None,
            sent: false,
        };
        let done = tokio::time::timeout(*left, what).await.map_err(|_| out_of_time())?;
        *left = left.saturating_sub(self.clock.now().since(began));
        if left.is_zero() { Err(out_of_time()) } else { Ok(done) }
    }

    fn request(&self, call: &Call<'_>, token: &Token, timeout: Duration) -> Request {
        let mut headers = self.headers.clone();
        if let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", token.expose())) {
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
        }
        if call.body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if call.unencoded {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if let Some(etag) = &call.if_match {
            headers.insert(header::IF_MATCH, etag.clone());
        }
        if let Some(id) = call.request_id
            && let Ok(id) = HeaderValue::try_from(id.to_string())
        {
            headers.insert(REQUEST_ID, id);
        }
        Request { method: call.method.clone(), url: call.url.clone(), headers, body: call.body.clone(), timeout }
    }

    fn token_request(&self, timeout: Duration) -> Request {
        let (scope, secret) = (self.settings.scopes.join(" "), self.secret.current());
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", self.settings.client_id.as_str()),
            ("client_secret", secret.expose_secret()),
            ("scope", scope.as_str()),
        ];
        let form: Vec<String> = fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ESCAPED)))
            .collect();
        let mut headers = self.headers.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let body = Some(Bytes::from(form.join("&")));
        Request { method: Method::POST, url: self.settings.token_url.clone(), headers, body, timeout }
    }
}

/// It is known not to have been made.
fn came_back(call: &Call<'_>) {
    if let Some(gate) = call.gate {
        gate.came_back();
    }
}

fn withdrawn(call: &Call<'_>, why: Option<String>) -> PlatformError {
    PlatformError {
        class: ErrorClass::Withdrawn,
        look: LookError::Unexpected,
        status: None,
        attempted: call.attempted.to_owned(),
        message: why.unwrap_or_else(|| "called back before it was sent".to_owned()),
        retry_after: None,
        sent: false,
    }
}
