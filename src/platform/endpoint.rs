//! Where each operation goes: URLs from the tenant's base and paths, ids as one percent-encoded segment.
//!
//! Must never: let an id or a page reach another resource, or build a URL of another origin than the base's, since the
//! bearer token goes wherever these URLs point.

use super::error::{ErrorClass, PlatformError};
use crate::config::Paths;
use crate::policy::{ChannelId, LookError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// What is percent-encoded in paths, queries and forms: everything but RFC 3986's unreserved characters.
pub const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// An id or a page's name at most, in bytes.
const MAX_NAME: usize = 2048;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// The token.
    Token,
    /// One channel, read.
    Channel,
    /// A page of the list.
    Channels,
    /// A channel, created.
    Create,
    /// One channel, changed.
    Patch,
    /// A telemetry query.
    Telemetry,
    /// A bridge of a call.
    Bridge,
    /// One call, read.
    Call,
    /// A page of a channel's calls.
    Calls,
}

impl Endpoint {
    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Channel => "channel",
            Self::Channels => "channels",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Telemetry => "telemetry",
            Self::Bridge => "bridge",
            Self::Call => "call",
            Self::Calls => "calls",
        }
    }

    /// The scope that the call needs; empty for the token itself.
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Token => "",
            Self::Channel | Self::Channels => "channel:read",
            Self::Create | Self::Patch => "channel:write",
            Self::Telemetry => "telemetry:read (or analytics:read)",
            Self::Bridge => "cti:bridge:write",
            Self::Call | Self::Calls => "cti:calls:read",
        }
    }

    /// Whether it changes the platform.
    pub const fn is_change(self) -> bool {
        matches!(self, Self::Create | Self::Patch | Self::Bridge)
    }

    /// Whether there are tenants that do not have it.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Channels | Self::Telemetry | Self::Calls)
    }

    /// Whether it is about a call, not a channel.
    pub const fn is_of_call(self) -> bool {
        matches!(self, Self::Bridge | Self::Call | Self::Calls)
    }
}

/// The URLs of one tenant.
#[derive(Clone, Debug)]
pub struct Urls {
    base: String,
    paths: Paths,
}

impl Urls {
    /// `base`: http or https, with or without a trailing slash.
    pub fn new(base: &str, paths: Paths) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), paths }
    }

    /// One channel's.
    pub fn channel(&self, id: &ChannelId, attempted: &str) -> Result<String, PlatformError> {
        // A dot segment would be resolved away by whoever parses the URL, encoded or not, and no id is the list's own URL.
        if matches!(id.as_str(), "" | "." | "..") || id.as_str().len() > MAX_NAME {
            return Err(refused(attempted, "this id cannot be part of a path; correct the channel's id"));
        }
        self.checked(&self.paths.channel.replace("{id}", &escaped(id.as_str())), attempted)
    }

    /// A page of the list; the first where `page` is `None`.
    pub fn channels(&self, page: Option<&str>, attempted: &str) -> Result<String, PlatformError> {
        let path = &self.paths.channels;
        match page {
            None => self.checked(path, attempted),
            Some(page) if page.len() > MAX_NAME => {
                Err(refused(attempted, "the platform named the next page in more than 2048 bytes; the list ends here"))
            }
            Some(page) => {
                let join = if path.contains('?') { '&' } else { '?' };
                self.checked(&format!("{path}{join}page={}", escaped(page)), attempted)
            }
        }
    }

    /// Telemetry's.
    pub fn telemetry(&self, attempted: &str) -> Result<String, PlatformError> {
        self.checked(&self.paths.telemetry, attempted)
    }

    /// The bridge of one call.
    pub fn bridge(&self, call: &str, attempted: &str) -> Result<String, PlatformError> {
        self.of_call(&self.paths.bridge, call, attempted)
    }

    /// One call.
    pub fn call(&self, call: &str, attempted: &str) -> Result<String, PlatformError> {
        let path = self.paths.call.as_deref();
        self.of_call(path.ok_or_else(|| refused(attempted, "the tenant has no `paths.call`"))?, call, attempted)
    }

    /// A page of a channel's calls.
    pub fn calls(&self, channel: &ChannelId, page: Option<&str>, attempted: &str) -> Result<String, PlatformError> {
        let path = self.paths.calls.as_deref().ok_or_else(|| refused(attempted, "the tenant has no `paths.calls`"))?;
        let path = path.replace("{id}", &escaped(channel.as_str()));
        match page {
            None => self.checked(&path, attempted),
            Some(page) if page.len() > MAX_NAME => Err(refused(attempted, "the next page's name is too long")),
            Some(page) => {
                let join = if path.contains('?') { '&' } else { '?' };
                self.checked(&format!("{path}{join}page={}", escaped(page)), attempted)
            }
        }
    }

    fn of_call(&self, path: &str, call: &str, attempted: &str) -> Result<String, PlatformError> {
        if matches!(call, "" | "." | "..") || call.len() > MAX_NAME {
            return Err(refused(attempted, "this id cannot be part of a path; correct the call's id"));
        }
        self.checked(&path.replace("{call}", &escaped(call)), attempted)
    }

    fn checked(&self, path: &str, attempted: &str) -> Result<String, PlatformError> {
        let url = format!("{}{path}", self.base);
        let same = match (Url::parse(&self.base), Url::parse(&url)) {
            (Ok(base), Ok(parsed)) => base.origin() == parsed.origin() && parsed.username() == base.username(),
            _ => false,
        };
        if same {
            Ok(url)
        } else {
            Err(refused(
                attempted,
                "base_url and path do not make a URL at the platform; correct them in the configuration",
            ))
        }
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn refused(attempted: &str, message: &str) -> PlatformError {
    PlatformError {
        class: ErrorClass::Fatal,
        look: LookError::Unexpected,
        status: None,
        attempted: attempted.to_owned(),
        message: message.to_owned(),
        retry_after: None,
        sent: false,
    }
}
