//! Creating channels and putting them right, each under an operation that the journal holds.
//!
//! Never as urgent as a failover: both stand at the end of the request budget's queue.

use super::super::channel::ChannelDoc;
use super::super::desired::Warrant;
use super::super::endpoint::Endpoint;
use super::super::error::PlatformError;
use super::super::{Answer, Class, body, scrub};
use super::exchange::Call;
use super::{Client, answer, channel_called, printable};
use crate::policy::ChannelId;
use axum::body::Bytes;
use axum::http::{HeaderValue, Method};
use serde_json::Value;
use std::time::Duration;

impl Client {
    pub(super) async fn create(
        &self,
        warrant: &Warrant,
        wanted: &Value,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        let attempted = "POST a new channel";
        let url = self.urls.channels(None, attempted)?;
        let call = Call { method: Method::POST, ..changing(Endpoint::Create, attempted, url, warrant, wanted) };
        let exchanged = self.call(&call, timeout).await?;
        answer(&call, &exchanged, body::channel)
    }

    pub(super) async fn amend(
        &self,
        warrant: &Warrant,
        id: &ChannelId,
        wanted: &Value,
        if_match: Option<&str>,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        let attempted = format!("PATCH channel {}", printable(id));
        let url = self.urls.channel(id, &attempted)?;
        let call = Call {
            method: Method::PATCH,
            // An ETag was read from a header, so it fits into one.
            if_match: if_match.and_then(|etag| HeaderValue::from_str(etag).ok()),
            ..changing(Endpoint::Patch, &attempted, url, warrant, wanted)
        };
        let exchanged = self.call(&call, timeout).await?;
        answer(&call, &exchanged, |response| channel_called(id, response))
    }
}

fn changing<'a>(endpoint: Endpoint, attempted: &'a str, url: String, warrant: &'a Warrant, wanted: &Value) -> Call<'a> {
    Call {
        body: Some(Bytes::from(wanted.to_string())),
        gate: Some(warrant.gate()),
        hidden: scrub::sensitive_in(wanted),
        ..Call::read(endpoint, Class::Rest, attempted, url)
    }
}
