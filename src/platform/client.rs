//! The client: [`Platform`] over any [`Transport`]. Each operation is a call, and each call goes through [`Client::call`].
//!
//! Must never: send a change twice unless it is known that the first was not made, or put a body into an error.

mod calls;
mod change;
mod exchange;
#[cfg(test)]
mod tests;

use super::auth::Auth;
use super::backoff::Jitter;
use super::body;
use super::budget::Budget;
use super::channel::{ChannelDoc, ListPage, TelemetryAnswer, TelemetryQuery};
use super::endpoint::{Endpoint, Urls};
use super::error::PlatformError;
use super::hints::{self, Age};
use super::secret::Rotating;
use super::settings::ClientSettings;
use super::transport::{Response, Transport};
use super::unread::{Malformed, Unread};
use super::verdict;
use super::{Answer, BudgetReading, CallControl, ChannelChange, Class, ClientEvent, Platform, samples};
use crate::clearance::Clearance;
use crate::clock::Clock;
use crate::policy::{ChannelId, WallMs};
use bytes::Bytes;
use exchange::{Call, Exchanged};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::sync::Arc;
use std::time::Duration;

/// Called after each request, from the task that made it: it must not block.
pub type Observer = Arc<dyn Fn(ClientEvent<'_>) + Send + Sync>;

/// One tenant's platform.
pub struct Client {
    settings: ClientSettings,
    urls: Urls,
    headers: HeaderMap,
    transport: Arc<dyn Transport>,
    clock: Clock,
    observer: Observer,
    budget: Budget,
    auth: Auth,
    secret: Rotating,
    jitter: Jitter,
    /// The same tenant with the token for bridging.
    calls: Option<Arc<Self>>,
}

impl Client {
    /// A client without a token yet; its request budget starts now.
    pub fn new(settings: ClientSettings, transport: Arc<dyn Transport>, clock: Clock, observer: Observer) -> Self {
        let budget = Budget::of(settings.requests_per_minute, &settings.recent, &clock);
        let calls = settings.bridge_scopes.clone().map(|scopes| {
            let settings = ClientSettings { scopes, bridge_scopes: None, ..settings.clone() };
            let (transport, clock, observer) = (Arc::clone(&transport), clock.clone(), Arc::clone(&observer));
            Arc::new(Self::over(settings, transport, clock, observer, budget.clone(), None))
        });
        Self::over(settings, transport, clock, observer, budget, calls)
    }

    fn over(
        settings: ClientSettings,
        transport: Arc<dyn Transport>,
        clock: Clock,
        observer: Observer,
        budget: Budget,
        calls: Option<Arc<Self>>,
    ) -> Self {
        Self {
            urls: Urls::new(&settings.base_url, settings.paths.clone()),
            headers: fixed_headers(&settings),
            budget,
            calls,
            jitter: Jitter::new(settings.seed),
            auth: Auth::default(),
            secret: Rotating::new(settings.client_secret.clone(), settings.secret_from.clone()),
            settings,
            transport,
            clock,
            observer,
        }
    }
}

#[async_trait::async_trait]
impl Platform for Client {
    async fn channel(
        &self,
        id: &ChannelId,
        class: Class,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        let attempted = format!("GET channel {}", printable(id));
        let url = self.urls.channel(id, &attempted)?;
        let call = Call { unencoded: true, ..Call::read(Endpoint::Channel, class, &attempted, url) };
        let exchanged = self.call(&call, timeout).await?;
        self.read(&call, exchanged, |response, unread| channel_called(id, response, unread))
    }

    async fn channels(
        &self,
        page: Option<&str>,
        class: Class,
        timeout: Duration,
    ) -> Result<Answer<ListPage>, PlatformError> {
        let attempted = "GET channels";
        let call = Call::read(Endpoint::Channels, class, attempted, self.urls.channels(page, attempted)?);
        let exchanged = self.call(&call, timeout).await?;
        self.read(&call, exchanged, body::list)
    }

    async fn telemetry(
        &self,
        query: &TelemetryQuery,
        timeout: Duration,
    ) -> Result<Answer<TelemetryAnswer>, PlatformError> {
        let attempted = match query.channels.as_slice() {
            [one] => format!("POST telemetry query for channel {}", printable(one)),
            many => format!("POST telemetry query for {} channels", many.len()),
        };
        let url = self.urls.telemetry(&attempted)?;
        let call = Call {
            method: Method::POST,
            body: Some(Bytes::from(body::telemetry_query(query).to_string())),
            ..Call::read(Endpoint::Telemetry, Class::Telemetry, &attempted, url)
        };
        let exchanged = self.call(&call, timeout).await?;
        self.read(&call, exchanged, |response, unread| samples::telemetry(response, query, unread))
    }

    async fn change_channel(
        &self,
        clearance: &Clearance,
        change: ChannelChange<'_>,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        self.change(clearance, change, timeout).await
    }

    async fn create_channel(
        &self,
        clearance: &Clearance,
        body: &serde_json::Value,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        self.create(clearance, body, timeout).await
    }

    async fn authorise(&self, timeout: Duration) -> Result<Option<Vec<String>>, PlatformError> {
        self.authorise_now(timeout).await
    }

    fn call_control(&self) -> Option<Arc<dyn CallControl>> {
        self.calls.clone().map(|calls| calls as Arc<dyn CallControl>)
    }

    fn set_limit(&self, requests_per_minute: u32) {
        self.budget.set_limit(requests_per_minute);
    }

    fn budget(&self) -> BudgetReading {
        self.budget.reading()
    }

    fn shared_budget(&self) -> Option<Budget> {
        Some(self.budget.clone())
    }

    fn recent_requests(&self) -> Vec<Duration> {
        self.budget.recent()
    }
}

impl Client {
    /// Turns an answer into a value; what cannot be read is an error of the answer's shape. What of it could not be read
    /// is told, and its body, which may hold passwords, overwritten.
    fn read<T>(
        &self,
        call: &Call<'_>,
        exchanged: Exchanged,
        read: impl FnOnce(&Response, &mut Unread) -> Result<T, String>,
    ) -> Result<Answer<T>, PlatformError> {
        let Exchanged { response, asked_at, answered_at } = exchanged;
        let mut unread = Unread::default();
        let value = whole(&response).and_then(|()| read(&response, &mut unread)).map_err(|why| {
            unread.note(Malformed::Answer, || call.attempted.to_owned());
            verdict::of_shape(call.endpoint, call.attempted, response.status.as_u16(), why)
        });
        let age = match hints::age(&response.headers) {
            Age::Of(age) => age,
            Age::None => Duration::ZERO,
            Age::Odd => {
                unread.note(Malformed::Age, || call.attempted.to_owned());
                Duration::ZERO
            }
        };
        if unread.lapses().next().is_some() {
            (self.observer)(ClientEvent::Unread(&unread));
        }
        // A cache keeps the date of the answer that it keeps.
        let date = hints::date(&response.headers)
            .map(|date| WallMs(date.0.saturating_add(i64::try_from(age.as_millis()).unwrap_or(0))));
        body::wipe(response.body);
        Ok(Answer { value: value?, as_of: asked_at.back(age), asked_at, answered_at, date })
    }
}

/// Nobody asked for a part of an answer.
fn whole(response: &Response) -> Result<(), String> {
    match response.status {
        StatusCode::PARTIAL_CONTENT => Err("206: a partial answer, though the whole was asked for".to_owned()),
        _ => Ok(()),
    }
}

/// The channel of an answer, which must be the one that was asked for: acting on another's word would be worse than on none.
fn channel_called(id: &ChannelId, response: &Response, unread: &mut Unread) -> Result<ChannelDoc, String> {
    let channel = body::channel(response, unread)?;
    if channel.id() == id {
        Ok(channel)
    } else {
        Err(format!("{}: the answer is another channel than the one asked for", response.status.as_u16()))
    }
}

/// An answer of another shape, in words that quote nothing of it.
fn unlike_page(response: &Response, expected: &str) -> String {
    format!("{}: the answer ({} bytes) is not {expected}", response.status.as_u16(), response.body.len())
}

/// An id in a message: on one line, and not endless.
fn printable(id: &ChannelId) -> String {
    super::scrub::clean(id.as_str(), 80).0
}

/// The headers that every request carries. Those that decide how a request is read are the client's own.
fn fixed_headers(settings: &ClientSettings) -> HeaderMap {
    let own = [
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::CACHE_CONTROL,
        header::PRAGMA,
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::IF_MATCH,
        header::HOST,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
    ];
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.extend(hints::FRESH);
    for (name, value) in &settings.headers {
        let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else { continue };
        if !own.contains(&name) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}
