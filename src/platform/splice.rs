//! What is sent back of what was read: the platform's own text with single values changed, byte for byte otherwise.
//!
//! Platforms merge or replace sub-objects, so a change carries the whole of what stands beside it. Where that is not known
//! to the letter, nothing is sent. Must never: hold `configuration.authentication`, or show a text.

use super::raw::{REPLACEMENT, Raw};
use crate::policy::Codec;
use serde_json::Value;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of an object that is kept to be sent back, at most.
pub const KEPT: usize = 64 * 1024;

/// The JSON body of a change. It may hold a password: it is shown nowhere, and overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(Zeroizing<String>);

impl Body {
    /// `fields`, each with its value as JSON text. An error where one is not JSON to the letter, naming it.
    pub fn of(fields: &[(&str, &str)]) -> Result<Self, String> {
        let mut text =
            Zeroizing::new(String::with_capacity(2 + fields.iter().map(|(n, v)| n.len() + v.len() + 4).sum::<usize>()));
        for (name, value) in fields {
            serde_json::from_str::<serde::de::IgnoredAny>(value).map_err(|_| {
                format!("`{name}` as read is not JSON to the letter, so it cannot be sent back as it was")
            })?;
            let begins = text.is_empty();
            text.push_str(if begins { "{" } else { "," });
            text.push_str(&quoted(name));
            text.push(':');
            text.push_str(value);
        }
        text.push_str(if fields.is_empty() { "{}" } else { "}" });
        Ok(Self(text))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Value> for Body {
    fn from(value: &Value) -> Self {
        Self(Zeroizing::new(value.to_string()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body ({} bytes)", self.0.len())
    }
}

/// An object of a channel, as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AsRead {
    /// It was not there, or `null`.
    #[default]
    Absent,
    /// Its text.
    Kept(Box<str>),
    /// It was there and cannot be sent back; why.
    Lost(&'static str),
}

impl AsRead {
    /// Keeps an object without its fields `secret`. `replaced`: bytes of the answer that are no UTF-8 were replaced.
    pub fn of(read: Option<Raw<'_>>, secret: &str, replaced: bool) -> Self {
        match read.filter(|raw| !raw.is_null()) {
            None => Self::Absent,
            Some(raw) if !raw.is_object() => Self::Lost("it is not an object"),
            Some(raw) if replaced && raw.as_str().contains(REPLACEMENT) => Self::Lost("it is not UTF-8"),
            Some(raw) => match without(raw, secret) {
                text if text.len() > KEPT => Self::Lost("it is longer than 64 KiB"),
                text => Self::Kept(text.into_boxed_str()),
            },
        }
    }

    /// Its text, where it was kept.
    pub fn raw(&self) -> Option<Raw<'_>> {
        match self {
            Self::Kept(text) => Raw::document(text).ok(),
            Self::Absent | Self::Lost(_) => None,
        }
    }

    /// Its text with each of `changes` in place of what stands there, or behind what stands there; the values are JSON.
    pub fn with(&self, name: &str, changes: &[(&str, String)]) -> Result<String, String> {
        match self {
            Self::Absent => Ok(with(Raw::EMPTY, changes)),
            Self::Kept(text) => Ok(Raw::document(text).map_or_else(|_| String::new(), |raw| with(raw, changes))),
            Self::Lost(why) => Err(format!("`{name}` as read cannot be sent back: {why}")),
        }
    }
}

impl AsRead {
    /// The fields, other than `but`, that are gone or say something else in `after`.
    pub fn lost<'a>(&'a self, after: &'a Self, but: &'a [&str]) -> impl Iterator<Item = std::borrow::Cow<'a, str>> {
        let now = after.raw();
        let kept = move |name: &str, was: Raw<'_>| now.and_then(|now| now.get(name)).is_some_and(|is| is.same(was));
        // Of a field that stands twice the last one counts.
        let fields: std::collections::BTreeMap<_, _> =
            self.raw().into_iter().flat_map(Raw::members).map(|member| (member.name, member.value)).collect();
        fields
            .into_iter()
            .filter(move |(name, was)| !but.contains(&name.as_ref()) && !kept(name, *was))
            .map(|(name, _)| name)
    }

    /// Whether a codec without a priority, which no order names, is gone in `after`.
    pub fn loses_codecs(&self, after: &Self) -> bool {
        let unordered = |part: &'_ Self| -> Vec<String> {
            let codecs = part.raw().and_then(|part| part.get("codecs"));
            let items = codecs.iter().flat_map(|codecs| codecs.items());
            items.filter(|item| codec(*item).is_none()).map(|item| item.as_str().to_owned()).collect()
        };
        let is = unordered(after);
        let same = |a: &str, b: &str| Raw::document(a).is_ok_and(|a| Raw::document(b).is_ok_and(|b| a.same(b)));
        unordered(self).iter().any(|was| !is.iter().any(|is| same(was, is)))
    }
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The codecs as read at the priorities of `order`: those that it names stand in its order in the places that they had
/// among themselves, each with whatever else is kept with it; whatever it does not name stays where it is. An error where
/// it names one that was not read.
pub fn codecs(read: Raw<'_>, order: &[Codec]) -> Result<String, String> {
    let items: Vec<Raw<'_>> = read.items().collect();
    let mut known: Vec<(usize, Codec)> =
        items.iter().enumerate().filter_map(|(place, item)| Some((place, codec(*item)?))).collect();
    known.sort_by_key(|(place, codec)| (codec.priority, *place));
    let mut chosen = Vec::new();
    let mut wanted: Vec<&Codec> = order.iter().collect();
    wanted.sort_by_key(|codec| codec.priority);
    for codec in wanted {
        let found = known.iter().position(|(_, read)| read.name == codec.name);
        let found = found.ok_or_else(|| format!("the platform no longer shows the codec {}", codec.name))?;
        let (place, read) = known.remove(found);
        let item = items.get(place).copied().unwrap_or(Raw::EMPTY);
        let text =
            if read.priority == codec.priority { item.as_str().to_owned() } else { at_priority(item, codec.priority) };
        chosen.push((place, text));
    }
    let mut places: Vec<usize> = chosen.iter().map(|(place, _)| *place).collect();
    places.sort_unstable();
    let mut text = String::with_capacity(read.as_str().len() + 16);
    for (place, item) in items.iter().enumerate() {
        text.push_str(if place == 0 { "[" } else { "," });
        match places.binary_search(&place) {
            Ok(turn) => text.push_str(chosen.get(turn).map_or("", |(_, text)| text)),
            Err(_) => text.push_str(item.as_str()),
        }
    }
    text.push_str(if items.is_empty() { "[]" } else { "]" });
    Ok(text)
}

/// Exactly the codecs of `desired`, each with whatever was read with it.
pub fn codecs_as(read: Option<Raw<'_>>, desired: &[Codec]) -> String {
    let mut items: Vec<Raw<'_>> = read.into_iter().flat_map(Raw::items).collect();
    let mut texts = Vec::new();
    for wanted in desired {
        let is_it = |item: &Raw<'_>| item.get("name").and_then(Raw::string).is_some_and(|name| name == wanted.name);
        texts.push(match items.iter().position(is_it).map(|place| items.remove(place)) {
            Some(item) if codec(item).as_ref() == Some(wanted) => item.as_str().to_owned(),
            Some(item) => at_priority(item, wanted.priority),
            None => format!("{{\"name\":{},\"priority\":{}}}", quoted(&wanted.name), wanted.priority),
        });
    }
    format!("[{}]", texts.join(","))
}

/// A codec that can be ordered: it has a name and a whole priority.
pub fn codec(item: Raw<'_>) -> Option<Codec> {
    let [name, priority] = item.pick(["name", "priority"])?;
    let name = name?.string()?;
    let is_name = !name.trim().is_empty() && name.chars().count() <= 64 && super::scrub::is_clean(&name);
    let priority = u32::try_from(priority?.whole()?).ok()?;
    is_name.then(|| Codec { name: name.into_owned(), priority })
}

/// A priority in quotes stays in quotes.
fn at_priority(item: Raw<'_>, priority: u32) -> String {
    let in_quotes = item.get("priority").is_some_and(|read| read.as_str().starts_with('"'));
    let priority = if in_quotes { quoted(&priority.to_string()) } else { priority.to_string() };
    with(item, &[("priority", priority)])
}

fn with(object: Raw<'_>, changes: &[(&str, String)]) -> String {
    let text = object.as_str();
    let mut out = String::with_capacity(text.len() + 64);
    let (mut done, mut end) = (0, None);
    for member in object.members() {
        if let Some((_, value)) = changes.iter().find(|(name, _)| member.name == *name) {
            out.push_str(text.get(done..member.value_at).unwrap_or_default());
            out.push_str(value);
            done = member.to();
        }
        end = Some(member.to());
    }
    let missing = changes.iter().filter(|(name, _)| object.get(name).is_none());
    let at = end.unwrap_or(1);
    out.push_str(text.get(done..at).unwrap_or_default());
    let mut first = end.is_none();
    for (name, value) in missing {
        out.push_str(if std::mem::take(&mut first) { "" } else { "," });
        out.push_str(&quoted(name));
        out.push(':');
        out.push_str(value);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// The object without every field of that name; all else as it stands.
fn without(object: Raw<'_>, name: &str) -> String {
    let text = object.as_str();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let (mut kept, mut last) = (false, 1);
    for member in object.members() {
        if member.name != name {
            // Before the first that stays stands what stood before the first, and no comma.
            let before =
                if kept { part(last, member.from) } else { part(0, object.members().next().map_or(1, |m| m.from)) };
            out.push_str(before);
            out.push_str(part(member.from, member.to()));
            kept = true;
        }
        last = member.to();
    }
    match (kept, last) {
        (true, _) => out + part(last, text.len()),
        (false, 1) => text.to_owned(),
        (false, _) => "{}".to_owned(),
    }
}

#[cfg(test)]
mod tests;
