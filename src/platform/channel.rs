//! Channels as the platform writes them, and what is kept of them.
//!
//! Two things are: the *view*, whose texts are cut and cleaned here and nowhere else, which is judged, shown and stored;
//! and the text of the objects that a change sends back, without `configuration.authentication`. Must never: keep a
//! credential, take one id for another, or let a field that cannot be read cost more than itself.

use super::raw::Raw;
use super::scrub;
use super::splice::{AsRead, Body, codec};
use super::unread::{Malformed, Unread};
use crate::policy::{AuthenticationSeen, ChannelId, ChannelView, Codec, Sample, WallMs};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Characters of a status, and of other short texts, at most.
const STATUS: usize = 64;
/// Characters of a name or an id at most.
const NAME: usize = 256;
/// Backups of a channel at most.
const MAX_BACKUPS: usize = 32;
/// Codecs of a channel at most.
const MAX_CODECS: usize = 64;

/// A channel as read.
#[derive(Clone, PartialEq)]
pub struct ChannelDoc {
    id: ChannelId,
    name: Option<String>,
    kind: Option<String>,
    view: ChannelView,
    etag: Option<String>,
    routing: AsRead,
    configuration: AsRead,
    health_check: AsRead,
}

impl fmt::Debug for ChannelDoc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelDoc").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What an id may be: there, left out, or something that is none.
enum Id {
    Is(ChannelId),
    Absent,
    None,
}

/// Reads one channel, and notes what of it cannot be read.
struct Reader<'a, 'u> {
    id: &'a ChannelId,
    unread: &'u mut Unread,
}

impl ChannelDoc {
    /// The channel of a single `GET`: what it leaves out, it has not. `replaced`: bytes that were no UTF-8 were.
    pub fn read(raw: Raw<'_>, etag: Option<String>, replaced: bool, unread: &mut Unread) -> Option<Self> {
        Self::of(raw, etag, replaced, false, unread)
    }

    /// The channel of a row of the list: what it leaves out is not told.
    pub fn read_row(raw: Raw<'_>, replaced: bool, unread: &mut Unread) -> Option<Self> {
        Self::of(raw, None, replaced, true, unread)
    }

    /// A channel that is held as a value, as a single `GET` would show it.
    #[allow(clippy::needless_pass_by_value, reason = "whoever has a value made it for this")]
    pub fn from_value(value: Value, etag: Option<String>) -> Option<Self> {
        Self::read(Raw::document(&value.to_string()).ok()?, etag, false, &mut Unread::default())
    }

    fn of(raw: Raw<'_>, etag: Option<String>, replaced: bool, row: bool, unread: &mut Unread) -> Option<Self> {
        let [own, name, kind, status, routing, configuration, health_check] =
            raw.pick(["id", "name", "type", "status", "routing", "configuration", "health_check"])?;
        let Id::Is(id) = id(own) else { return None };
        let mut reader = Reader { id: &id, unread };
        let name = reader.text("name", name, NAME);
        let kind = reader.word("type", kind);
        let status = reader.word("status", status);
        let configured = reader.configuration(configuration);
        let view = ChannelView { status, ..reader.routing(routing, row, configured) };
        let part = |read| AsRead::of(read, "authentication", replaced);
        let (routing, configuration, health_check) = (part(routing), part(configuration), part(health_check));
        Some(Self { id, name, kind, view, etag, routing, configuration, health_check })
    }

    /// Its id.
    pub fn id(&self) -> &ChannelId {
        &self.id
    }

    /// Its name, where it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its `type`, where it tells one.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The `ETag` it came with.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// `routing`, `configuration` or `health_check` as read; anything else is absent.
    pub fn as_read(&self, name: &str) -> &AsRead {
        match name {
            "routing" => &self.routing,
            "configuration" => &self.configuration,
            "health_check" => &self.health_check,
            _ => &AsRead::Absent,
        }
    }

    /// Fields of `object` that stood here beside the `changed` ones and are gone or different in `after`, as JSON paths.
    pub fn siblings_lost(&self, after: &Self, object: &str, changed: &[&str]) -> Vec<String> {
        let lost = self.as_read(object).lost(after.as_read(object), changed);
        lost.map(|name| format!("{object}.{name}")).collect()
    }

    /// A field of one of these objects, built; `None` where it is absent or `null`.
    pub fn field(&self, part: &str, name: &str) -> Option<Value> {
        self.as_read(part).raw()?.get(name).filter(|raw| !raw.is_null()).map(Raw::value)
    }

    /// What the engine decides by. Fields of another type than the contract's count as missing.
    pub fn view(&self) -> ChannelView {
        self.view.clone()
    }

    /// Its id and what the engine decides by.
    pub fn into_view(self) -> (ChannelId, ChannelView) {
        (self.id, self.view)
    }

    /// The body of a change: each of these objects as read, with the fields given (as JSON) in place of its own, behind
    /// the fields `first`. Why there can be none otherwise.
    pub fn change(&self, first: &[(&str, &str)], parts: &[(&str, Vec<(&str, String)>)]) -> Result<Body, String> {
        let mut texts = Vec::new();
        for (name, changes) in parts {
            texts.push((*name, self.as_read(name).with(name, changes)?));
        }
        let fields: Vec<(&str, &str)> =
            first.iter().copied().chain(texts.iter().map(|(name, text)| (*name, text.as_str()))).collect();
        Body::of(&fields)
    }
}

impl Reader<'_, '_> {
    fn routing(&mut self, raw: Option<Raw<'_>>, row: bool, view: ChannelView) -> ChannelView {
        let told = raw.is_some_and(|raw| !raw.is_null());
        let picked = self.object("routing", raw, ["primary_channel_id", "failover_channels"]);
        let [primary, backups] = picked.unwrap_or_default();
        let (primary, unrouted) = match id(primary) {
            Id::Is(id) => (Some(id), false),
            Id::Absent => (None, if told { picked.is_none() } else { row }),
            Id::None => {
                self.note(Malformed::Route, "routing.primary_channel_id");
                (None, true)
            }
        };
        ChannelView { primary, unrouted, failover: self.backups(backups), ..view }
    }

    fn configuration(&mut self, raw: Option<Raw<'_>>) -> ChannelView {
        let names = ["codecs", "dtmf_mode", "rtp_payload_type", "sip_server", "authentication"];
        let picked = self.object("configuration", raw, names);
        let [codecs, dtmf_mode, rtp_payload_type, sip_server, shown] = picked.unwrap_or_default();
        ChannelView {
            codecs: self.codecs(codecs),
            dtmf_mode: self.word("configuration.dtmf_mode", dtmf_mode),
            rtp_payload_type: self.word("configuration.rtp_payload_type", rtp_payload_type),
            sip_server: self.text("configuration.sip_server", sip_server, NAME),
            authentication: shown.and_then(seen),
            ..ChannelView::default()
        }
    }

    fn object<'a, const N: usize>(
        &mut self,
        path: &str,
        raw: Option<Raw<'a>>,
        names: [&str; N],
    ) -> Option<[Option<Raw<'a>>; N]> {
        let picked = raw.filter(|raw| !raw.is_null())?.pick(names);
        if picked.is_none() {
            self.note(Malformed::Field, path);
        }
        picked
    }

    fn array<'a>(&mut self, path: &str, raw: Option<Raw<'a>>) -> Option<Raw<'a>> {
        let raw = raw.filter(|raw| !raw.is_null())?;
        if !raw.is_array() {
            self.note(Malformed::Field, path);
            return None;
        }
        Some(raw)
    }

    /// A text, cut and cleaned; numbers and truth values as they are written. `None` where it is absent, `null` or blank.
    fn text(&mut self, path: &str, raw: Option<Raw<'_>>, most: usize) -> Option<String> {
        let text = self.written(path, raw)?;
        Some(self.clean(path, &text, most))
    }

    /// A short text, without the white space around it.
    fn word(&mut self, path: &str, raw: Option<Raw<'_>>) -> Option<String> {
        let text = self.written(path, raw)?;
        Some(self.clean(path, text.trim(), STATUS))
    }

    fn written<'a>(&mut self, path: &str, raw: Option<Raw<'a>>) -> Option<Cow<'a, str>> {
        let raw = raw.filter(|raw| !raw.is_null())?;
        let as_it_is = || raw.number().is_some() || matches!(raw.as_str(), "true" | "false");
        let text = raw.string().or_else(|| as_it_is().then(|| raw.as_str().into()));
        if text.is_none() {
            self.note(Malformed::Field, path);
        }
        text.filter(|text| !text.trim().is_empty())
    }

    fn clean(&mut self, path: &str, text: &str, most: usize) -> String {
        let (text, changed) = scrub::clean(text, most);
        if changed {
            self.note(Malformed::Text, path);
        }
        text
    }

    fn backups(&mut self, raw: Option<Raw<'_>>) -> Option<Vec<ChannelId>> {
        let path = "routing.failover_channels";
        let mut backups = Vec::new();
        for (n, item) in self.array(path, raw)?.items().enumerate() {
            match id(Some(item)) {
                Id::Is(id) if backups.len() < MAX_BACKUPS => backups.push(id),
                _ => self.unread.note(Malformed::Backup, || format!("channel {}: {path}[{n}]", self.id)),
            }
        }
        Some(backups)
    }

    fn codecs(&mut self, raw: Option<Raw<'_>>) -> Option<Vec<Codec>> {
        let path = "configuration.codecs";
        let mut codecs = Vec::new();
        for (n, item) in self.array(path, raw)?.items().enumerate() {
            match codec(item) {
                Some(codec) if codecs.len() < MAX_CODECS => codecs.push(codec),
                _ => self.unread.note(Malformed::Codec, || format!("channel {}: {path}[{n}]", self.id)),
            }
        }
        Some(codecs)
    }

    fn note(&mut self, what: Malformed, path: &str) {
        self.unread.note(what, || format!("channel {}: {path}", self.id));
    }
}

/// An id is a text that nothing has to be cut from or replaced in, blanks around it included. A blank one is left out.
fn id(raw: Option<Raw<'_>>) -> Id {
    let Some(raw) = raw.filter(|raw| !raw.is_null()) else { return Id::Absent };
    match raw.string() {
        Some(text) if text.trim().is_empty() => Id::Absent,
        Some(text) if is_id(&text) => Id::Is(ChannelId::from(text.as_ref())),
        _ => Id::None,
    }
}

fn is_id(text: &str) -> bool {
    let short = text.len() <= NAME * 4 && text.chars().count() <= NAME;
    short && text.trim() == text && scrub::is_clean(text)
}

/// The channel that something is told of; `None` where it is not said which, `Err` where what is said is no id.
pub(super) fn whose(raw: Option<Raw<'_>>) -> Result<Option<ChannelId>, ()> {
    match id(raw) {
        Id::Is(id) => Ok(Some(id)),
        Id::Absent => Ok(None),
        Id::None => Err(()),
    }
}

/// What stands in an `authentication` object, its values left out.
fn seen(raw: Raw<'_>) -> Option<AuthenticationSeen> {
    let [user, password] = raw.pick(["username", "password"])?;
    let text =
        |raw: Option<Raw<'_>>| raw.and_then(Raw::string).filter(|text| !text.is_empty()).map(|text| digest(&text));
    Some(AuthenticationSeen { user: text(user), password: text(password).is_some() })
}

/// FNV-1a: by it a name is known again from one process to the next, and not told.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A page of the list.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// The channels on it. Entries that are no channels are left out and counted in `malformed`.
    pub channels: Vec<ChannelDoc>,
    /// Entries that are no channels, and those beyond the bound of a page.
    pub malformed: u32,
    /// The next page, as the platform named it; `None`: this was the last.
    pub next: Option<String>,
}

/// A telemetry query.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryQuery {
    /// The channels to ask for.
    pub channels: Vec<ChannelId>,
    /// The platform's summing interval.
    pub bucket: Duration,
    /// Start of the span.
    pub from: WallMs,
    /// End of the span.
    pub to: WallMs,
}

/// A telemetry answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TelemetryAnswer {
    /// The items, each with its channel where the platform named it. Out-of-range values are passed on as they came.
    pub items: Vec<(Option<ChannelId>, Sample)>,
    /// Items that could not be read.
    pub malformed: u32,
}

#[cfg(test)]
mod tests;
