//! JSON as it was written: slices of an answer, taken apart one value at a time.
//!
//! Nothing is built and nothing is checked before it is asked for, so that what cannot be read costs its own item or field
//! alone: a row is told from the next by brackets and quotes, whatever is inside. A slice is the platform's own text, byte
//! for byte: big numbers, the order of keys, keys that stand twice and the form of a number are all still there, and two
//! answers can be compared without being understood.
//!
//! Lenient where no other reading is possible: a byte order mark, a comma before a closing bracket, a control character or
//! half a surrogate in a text, a number in quotes. Must never: let depth or length of an answer decide how much is held.

use serde_json::{Map, Number, Value};
use std::borrow::Cow;

mod scan;

use scan::{blank, decimal, end_of, unescape};

/// What stands for a character that cannot be shown or was never one.
pub const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// One JSON value as it stands in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

/// One field of an object, with the places of its name and its value in the object's text.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Its name, unescaped.
    pub name: Cow<'a, str>,
    /// Where the quote before its name stands.
    pub from: usize,
    /// Its value.
    pub value: Raw<'a>,
    /// Where its value begins.
    pub value_at: usize,
}

impl Member<'_> {
    /// Where its value ends.
    pub fn to(&self) -> usize {
        self.value_at + self.value.0.len()
    }
}

/// An answer's bytes as text: without a byte order mark, and what is no UTF-8 replaced. Whether anything was replaced.
pub fn decode(body: &[u8]) -> (Cow<'_, str>, bool) {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let replaced = matches!(text, Cow::Owned(_));
    (text, replaced)
}

impl Raw<'static> {
    /// An object without fields.
    pub const EMPTY: Self = Self("{}");
}

impl<'a> Raw<'a> {
    /// The one value that `text` holds; where it breaks (as an offset) otherwise.
    pub fn document(text: &'a str) -> Result<Self, usize> {
        let start = blank(text, 0);
        let end = end_of(text, start).ok_or(text.len())?;
        let rest = blank(text, end);
        // Some platforms end a body with a NUL.
        if text.get(rest..).is_some_and(|rest| rest.bytes().all(|byte| byte == 0 || byte.is_ascii_whitespace())) {
            text.get(start..end).map(Self).ok_or(start)
        } else {
            Err(rest)
        }
    }

    /// Its text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Whether it is an object all of whose fields can be told apart.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{') && self.members().sound()
    }

    /// Whether it is an array all of whose items can be told apart.
    pub fn is_array(self) -> bool {
        self.0.starts_with('[') && self.items().sound()
    }

    /// Whether it is a value that JSON knows, and no bare word.
    pub fn is_json(self) -> bool {
        self.is_object()
            || self.is_array()
            || self.string().is_some()
            || matches!(self.0, "null" | "true" | "false")
            || self.number().is_some()
    }

    /// The fields of an object, up to where it breaks; none of anything else.
    pub fn members(self) -> Members<'a> {
        Members(Parts::of(self.0, '{', b'}'))
    }

    /// The items of an array, up to where it breaks; none of anything else.
    pub fn items(self) -> Items<'a> {
        Items(Parts::of(self.0, '[', b']'))
    }

    /// A field of an object; the last one, where it stands twice.
    pub fn get(self, name: &str) -> Option<Self> {
        self.members().filter(|member| member.name == name).last().map(|member| member.value)
    }

    /// These fields of an object, in one pass; `None` where it is no object, or not all of its fields can be told apart.
    pub fn pick<const N: usize>(self, names: [&str; N]) -> Option<[Option<Self>; N]> {
        if !self.0.starts_with('{') {
            return None;
        }
        let mut found = [None; N];
        let mut members = self.members();
        for member in members.by_ref() {
            if let Some((_, place)) = names.iter().zip(&mut found).find(|(name, _)| **name == member.name) {
                *place = Some(member.value);
            }
        }
        (!members.0.broken).then_some(found)
    }

    /// The text of a string, unescaped; `None` of anything else.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let inside = self.0.strip_prefix('"')?.strip_suffix('"')?;
        Some(if inside.contains('\\') { Cow::Owned(unescape(inside)) } else { Cow::Borrowed(inside) })
    }

    /// A finite number, also one in quotes.
    pub fn number(self) -> Option<f64> {
        let quoted = self.string();
        let token = quoted.as_deref().unwrap_or(self.0).trim();
        let begins = token.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
        token.parse().ok().filter(|number: &f64| begins && number.is_finite())
    }

    /// A whole number that is not negative, however it is written: `1`, `1.0`, `"1"`.
    pub fn whole(self) -> Option<u64> {
        let number = self.number().filter(|n| n.fract() == 0.0 && (0.0..9e15).contains(n))?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in range")]
        Some(number as u64)
    }

    /// The value built, for what is small: texts as [`Raw::string`] reads them, what cannot be read as `null`.
    pub fn value(self) -> Value {
        match self.0.as_bytes().first() {
            Some(b'{') => {
                Value::Object(self.members().map(|m| (m.name.into_owned(), m.value.value())).collect::<Map<_, _>>())
            }
            Some(b'[') => Value::Array(self.items().map(Self::value).collect()),
            Some(b'"') => self.string().map_or(Value::Null, |text| Value::String(text.into_owned())),
            _ => match self.0 {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                token => token
                    .parse::<Number>()
                    .ok()
                    .or_else(|| Number::from_f64(self.number()?))
                    .map_or(Value::Null, Value::Number),
            },
        }
    }

    /// Whether both say the same: numbers by their value, texts unescaped, objects whatever the order of their fields.
    pub fn same(self, other: Self) -> bool {
        if self.0 == other.0 {
            return true;
        }
        match (self.0.as_bytes().first(), other.0.as_bytes().first()) {
            (Some(b'{'), Some(b'{')) => {
                let fields =
                    |of: Self| of.members().map(|m| (m.name, m.value)).collect::<std::collections::BTreeMap<_, _>>();
                let (mine, theirs) = (fields(self), fields(other));
                mine.len() == theirs.len() && mine.iter().zip(&theirs).all(|((a, x), (b, y))| a == b && x.same(*y))
            }
            (Some(b'['), Some(b'[')) => {
                let (mut mine, mut theirs) = (self.items(), other.items());
                loop {
                    match (mine.next(), theirs.next()) {
                        (None, None) => return true,
                        (Some(a), Some(b)) if a.same(b) => {}
                        _ => return false,
                    }
                }
            }
            (Some(b'"'), Some(b'"')) => self.string() == other.string(),
            (Some(b'"'), _) | (_, Some(b'"')) => false,
            _ => decimal(self.0).is_some_and(|mine| decimal(other.0) == Some(mine)),
        }
    }
}

/// What is left of an object or an array.
#[derive(Clone, Debug)]
struct Parts<'a> {
    text: &'a str,
    at: usize,
    close: u8,
    done: bool,
    broken: bool,
}

/// The fields of an object.
#[derive(Clone, Debug)]
pub struct Members<'a>(Parts<'a>);

/// The items of an array.
#[derive(Clone, Debug)]
pub struct Items<'a>(Parts<'a>);

impl<'a> Parts<'a> {
    fn of(text: &'a str, open: char, close: u8) -> Self {
        Self { text, at: 1, close, done: !text.starts_with(open), broken: false }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Stands before the next part, or is done.
    fn begin(&mut self) -> Option<()> {
        if self.done {
            return None;
        }
        self.at = blank(self.text, self.at);
        if self.byte()? == self.close {
            self.done = true;
            return None;
        }
        Some(())
    }

    fn value(&mut self) -> Option<Raw<'a>> {
        let end = end_of(self.text, self.at)?;
        let value = self.text.get(self.at..end).map(Raw)?;
        self.at = blank(self.text, end);
        match self.byte()? {
            b',' => self.at += 1,
            close if close == self.close => {}
            _ => return None,
        }
        Some(value)
    }

    fn member(&mut self) -> Option<Member<'a>> {
        let from = self.at;
        let end = end_of(self.text, from).filter(|_| self.byte() == Some(b'"'))?;
        let name = Raw(self.text.get(from..end)?).string()?;
        self.at = blank(self.text, end);
        if self.byte()? != b':' {
            return None;
        }
        self.at = blank(self.text, self.at + 1);
        let value_at = self.at;
        Some(Member { name, from, value: self.value()?, value_at })
    }

    fn part<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.begin()?;
        let part = read(self);
        (self.done, self.broken) = (part.is_none(), part.is_none());
        part
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        self.0.part(Parts::member)
    }
}

impl Members<'_> {
    fn sound(mut self) -> bool {
        self.by_ref().for_each(drop);
        !self.0.broken
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        self.0.part(Parts::value)
    }
}

impl Items<'_> {
    fn sound(mut self) -> bool {
        self.by_ref().for_each(drop);
        !self.0.broken
    }
}

#[cfg(test)]
mod tests;
