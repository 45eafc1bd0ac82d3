//! Bridging, by a client of its own token over its tenant's transport and budget.
//!
//! Must never: send a bridge twice unless it is known that the first was not made.

use super::super::body;
use super::super::calls::{BridgeAnswer, BridgeOrder, CallControl, CallDoc, CallPage, text};
use super::super::endpoint::Endpoint;
use super::super::error::PlatformError;
use super::super::transport::Response;
use super::super::{Answer, BridgeWord, Class, scrub};
use super::exchange::Call;
use super::{Client, unlike_page};
use crate::policy::ChannelId;
use bytes::Bytes;
use http::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::time::Duration;

#[async_trait::async_trait]
impl CallControl for Client {
    async fn bridge(&self, order: BridgeOrder<'_>, timeout: Duration) -> Result<Answer<BridgeAnswer>, PlatformError> {
        let attempted = format!("POST bridge of call {}", order.call);
        let call = Call {
            method: Method::POST,
            body: Some(Bytes::from(order.body.to_string())),
            request_id: Some(order.clearance.operation()),
            gate: Some(order.clearance.gate()),
            ..Call::read(Endpoint::Bridge, Class::Call, &attempted, self.urls.bridge(order.call, &attempted)?)
        };
        let exchanged = self.call(&call, timeout).await?;
        self.read(&call, exchanged, |response, _| match body::json(response)? {
            value @ Value::Object(_) => {
                Ok(BridgeAnswer { id: text(&value, "bridgeId"), said: self.said(response, &value) })
            }
            _ => Err(unlike_page(response, "an object")),
        })
    }

    fn reads_calls(&self) -> bool {
        self.settings.paths.call.is_some()
    }

    async fn call(&self, id: &str, class: Class, timeout: Duration) -> Result<Answer<CallDoc>, PlatformError> {
        let attempted = format!("GET call {id}");
        let call = Call::read(Endpoint::Call, class, &attempted, self.urls.call(id, &attempted)?);
        let exchanged = self.call(&call, timeout).await?;
        self.read(&call, exchanged, |response, _| call_called(id, response))
    }

    fn lists_calls(&self) -> bool {
        self.settings.paths.calls.is_some()
    }

    async fn calls(
        &self,
        channel: &ChannelId,
        page: Option<&str>,
        timeout: Duration,
    ) -> Result<Answer<CallPage>, PlatformError> {
        let attempted = format!("GET calls of channel {}", super::printable(channel));
        let call = Call::read(Endpoint::Calls, Class::Call, &attempted, self.urls.calls(channel, page, &attempted)?);
        let exchanged = self.call(&call, timeout).await?;
        self.read(&call, exchanged, |response, unread| {
            CallPage::from_value(&body::json(response)?, unread)
                .ok_or_else(|| unlike_page(response, "an object with an array `calls`"))
        })
    }

    async fn lacking_scopes(&self, timeout: Duration) -> Result<Vec<String>, PlatformError> {
        let Some(granted) = self.authorise_now(timeout).await? else { return Ok(Vec::new()) };
        Ok(self.settings.scopes.iter().filter(|scope| !granted.contains(scope)).cloned().collect())
    }
}

impl Client {
    /// What a success says of the bridge: 202 is no bridge yet, whatever its body.
    fn said(&self, response: &Response, body: &Value) -> BridgeWord {
        let status = response.status.as_u16();
        match BridgeWord::of(body) {
            BridgeWord::Failed(how) => {
                let current = self.auth.current();
                let secrets = [Some(self.settings.client_secret.expose_secret()), current.as_ref().map(|t| t.expose())];
                let secrets: Vec<&str> = secrets.into_iter().flatten().collect();
                let said = scrub::error_text(&response.body, &secrets);
                let how = scrub::shown(&how, &secrets);
                BridgeWord::Failed(match said {
                    Some(said) => {
                        format!("{status}, but the answer reports a failure ({how}). The platform says: {said}")
                    }
                    None => format!("{status}, but the answer reports a failure ({how})"),
                })
            }
            BridgeWord::Pending(how) => BridgeWord::Pending(format!(
                "the platform accepted the bridge, but does not say that it is made ({how})"
            )),
            BridgeWord::Made if response.status == StatusCode::ACCEPTED => BridgeWord::Pending(
                "the platform accepted the bridge, but does not say that it is made (202)".to_owned(),
            ),
            BridgeWord::Made => BridgeWord::Made,
        }
    }
}

/// The call of an answer, which must be the one that was asked for.
fn call_called(id: &str, response: &Response) -> Result<CallDoc, String> {
    match CallDoc::from_value(&body::json(response)?) {
        Some(call) if call.id == id => Ok(call),
        _ => Err(unlike_page(response, "the call that was asked for")),
    }
}
