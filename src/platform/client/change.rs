//! Changes of channels: the PATCH of one that is there, and the POST of a new one, each once what permits it is on disk.

use super::super::channel::ChannelDoc;
use super::super::endpoint::Endpoint;
use super::super::error::PlatformError;
use super::super::{Answer, ChannelChange, Class, body, hints, scrub};
use super::exchange::Call;
use super::{Client, channel_called, printable};
use crate::clearance::Clearance;
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use std::time::Duration;

impl Client {
    pub(super) async fn change(
        &self,
        clearance: &Clearance,
        change: ChannelChange<'_>,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        let attempted = format!("PATCH channel {}", printable(change.id));
        let call = Call {
            method: Method::PATCH,
            body: Some(Bytes::from(change.body.as_str().to_owned())),
            if_match: change.if_match.and_then(hints::strong),
            gate: Some(clearance.gate()),
            hidden: scrub::sensitive_in(&serde_json::from_str(change.body.as_str()).unwrap_or_default()),
            ..Call::read(Endpoint::Patch, change.class, &attempted, self.urls.channel(change.id, &attempted)?)
        };
        let exchanged = self.call(&call, timeout).await?;
        self.read(&call, exchanged, |response, unread| channel_called(change.id, response, unread))
    }

    /// Never as urgent as a failover: it stands at the end of the request budget's queue.
    pub(super) async fn create(
        &self,
        clearance: &Clearance,
        wanted: &Value,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        let attempted = "POST a new channel";
        let call = Call {
            method: Method::POST,
            body: Some(Bytes::from(wanted.to_string())),
            gate: Some(clearance.gate()),
            hidden: scrub::sensitive_in(wanted),
            ..Call::read(Endpoint::Create, Class::Rest, attempted, self.urls.channels(None, attempted)?)
        };
        let exchanged = self.call(&call, timeout).await?;
        self.read(&call, exchanged, body::channel)
    }
}
