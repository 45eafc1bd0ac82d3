//! The platform's REST API: what the supervisor needs of it as a trait, and the client that speaks it.
//!
//! Layers, outermost first: [`Platform`] (typed operations) is implemented by the client, which owns authentication,
//! the request budget, retries and parsing, and sends through a [`Transport`]. The transport is reqwest under the daemon
//! and the simulator's model under simulation, so that everything above the socket is the same code.
//!
//! Must never: hand out a body, log one, or keep `configuration.authentication`; send a token to another host; repeat a
//! PATCH whose outcome is not known (the executor reads back first).

mod auth;
mod backoff;
mod body;
mod bridge_word;
mod budget;
mod calls;
mod channel;
mod client;
mod dates;
mod endpoint;
mod error;
mod hints;
mod http;
mod lane;
mod pages;
mod raw;
mod read_backs;
mod samples;
mod scrub;
mod secret;
mod settings;
mod splice;
mod transport;
mod unread;
mod verdict;

pub use bridge_word::BridgeWord;
pub use budget::{Budget, Spent};
pub use calls::{BridgeAnswer, BridgeOrder, CallBridge, CallControl, CallDoc, CallPage};
pub use channel::{ChannelDoc, ListPage, TelemetryAnswer, TelemetryQuery};
pub use client::{Client, Observer};
pub use dates::Skew;
pub use error::{ErrorClass, PlatformError};
pub(crate) use hints::retry_after;
pub use http::{HttpTransport, TransportBuildError};
pub(crate) use http::{authorities, broken, client, given_up, innermost, pem};
pub(crate) use lane::Lane;
pub use pages::Pages;
pub use raw::Raw;
pub use read_backs::{ReadBack, ReadBacks, read_back};
pub use settings::ClientSettings;
pub use splice::{AsRead, Body, codecs as codecs_at, codecs_as, quoted};
pub use transport::{Request, Response, Transport, TransportError};
pub use unread::{Lapse, Malformed, Unread};

use crate::clearance::Clearance;
use crate::policy::{ChannelId, Time, WallMs};
use std::sync::Arc;
use std::time::Duration;

/// What a request is for: the order in which the budget serves, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Changes, their last looks and the first read-back of each.
    Action,
    /// Bridging of calls: someone on the line waits for it. Below the actions, which carry every call of a channel.
    Call,
    /// Looks at suspect channels and their candidates.
    Suspect,
    /// Later read-backs of changes: a bounded share, so that changes that never show hold up no look and no change.
    ReadBack,
    /// Routine looks.
    Poll,
    /// Telemetry.
    Telemetry,
    /// Everything else.
    Rest,
}

impl Class {
    /// Every class, most urgent first.
    pub const ALL: [Self; 7] =
        [Self::Action, Self::Call, Self::Suspect, Self::ReadBack, Self::Poll, Self::Telemetry, Self::Rest];

    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Call => "call",
            Self::Suspect => "suspect",
            Self::ReadBack => "read_back",
            Self::Poll => "poll",
            Self::Telemetry => "telemetry",
            Self::Rest => "rest",
        }
    }
}

/// An answer with the times that give it its worth as evidence.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// What the platform said.
    pub value: T,
    /// When it was so, as far as the answer tells: asked for then, less its `Age`. What it is worth as evidence goes by this.
    pub as_of: Time,
    /// When the (last) request was sent.
    pub asked_at: Time,
    /// When the answer was complete.
    pub answered_at: Time,
    /// The platform's `Date` header.
    pub date: Option<WallMs>,
}

/// The state of a tenant's request budget, for metrics and for planning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BudgetReading {
    /// Requests a minute that the file allows.
    pub configured: u32,
    /// Requests a minute in force: lower after a 429, until probed upwards again.
    pub limit: u32,
    /// Of those, the requests that looks may take at most: fewer where the platform slows their endpoint alone.
    pub looks: u32,
    /// Slots that could be used now.
    pub available: u32,
    /// Requests that wait for a slot.
    pub waiting: u32,
}

/// What a client tells the observer that it was built with.
#[derive(Clone, Copy, Debug)]
pub enum ClientEvent<'a> {
    /// A request is over.
    Request(&'a RequestEvent),
    /// Part of an answer could not be read and was left out of account.
    Unread(&'a Unread),
}

/// What one request did, for metrics and the log.
#[derive(Clone, Debug)]
pub struct RequestEvent {
    /// `token`, `channel`, `channels`, `create`, `patch`, `telemetry`, `bridge`, `call`, `calls`.
    pub endpoint: &'static str,
    /// The HTTP status, or a word: `timeout`, `connect`, `reset`, `too_large`.
    pub code: String,
    /// From sending to the answer or its abandonment.
    pub took: Duration,
}

/// A change of one channel.
#[derive(Clone, Copy, Debug)]
pub struct ChannelChange<'a> {
    /// The channel.
    pub id: &'a ChannelId,
    /// What is sent.
    pub body: &'a Body,
    /// The `ETag` of what it was decided on.
    pub if_match: Option<&'a str>,
    /// How urgent it is.
    pub class: Class,
}

/// What the supervisor needs of a tenant's platform. Every call waits for its place in the request budget first;
/// `timeout` covers the sending and the answer, not that wait.
#[async_trait::async_trait]
pub trait Platform: Send + Sync + 'static {
    /// `GET` of one channel. Reads are repeated by the client where the table of statuses says so, within `timeout`.
    async fn channel(
        &self,
        id: &ChannelId,
        class: Class,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError>;

    /// One page of the list: the first where `page` is `None`. [`ErrorClass::Unsupported`] where the tenant has no list.
    async fn channels(
        &self,
        page: Option<&str>,
        class: Class,
        timeout: Duration,
    ) -> Result<Answer<ListPage>, PlatformError>;

    /// One telemetry query for one or many channels.
    async fn telemetry(
        &self,
        query: &TelemetryQuery,
        timeout: Duration,
    ) -> Result<Answer<TelemetryAnswer>, PlatformError>;

    /// `PATCH` of one channel: sent at most once for each call. The clearance proves that the operation is on disk.
    /// Only a repetition that is known to be safe is made inside: after a 401, after a 429 (waiting as told), and where the
    /// connection was never made; all within `timeout`. [`ErrorClass::UnknownOutcome`]: it may have been made.
    /// The clearance's gate is asked right before anything is sent: [`ErrorClass::Withdrawn`] where it has closed.
    async fn change_channel(
        &self,
        clearance: &Clearance,
        change: ChannelChange<'_>,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError>;

    /// `POST` of a new channel: sent at most once for each call, with the same repetitions and the same
    /// [`ErrorClass::UnknownOutcome`] as [`Platform::change_channel`].
    async fn create_channel(
        &self,
        clearance: &Clearance,
        body: &serde_json::Value,
        timeout: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError>;

    /// Fetches a token now, whatever is cached: for `check --online`. The scopes granted, where the platform tells them.
    async fn authorise(&self, timeout: Duration) -> Result<Option<Vec<String>>, PlatformError>;

    /// Bridging, where the tenant has it.
    fn call_control(&self) -> Option<Arc<dyn CallControl>> {
        None
    }

    /// Changes the requests a minute that the file allows; slots that are held stay held.
    fn set_limit(&self, requests_per_minute: u32);

    /// The request budget now.
    fn budget(&self) -> BudgetReading;

    /// The request budget itself, for another client of the same tenant.
    fn shared_budget(&self) -> Option<Budget> {
        None
    }

    /// When each request of the last minute was sent, as ages: what a clean stop leaves for the next start.
    fn recent_requests(&self) -> Vec<Duration>;
}
