//! From a parsed TOML table to a [`Section`]: unknown keys, wrong types, bad durations, bounds and syntaxes.
//!
//! Everything that one value alone can be wrong in is found here; what two values say together is the compiler's.

use super::diagnostic::Findings;
use super::keys::{Default, Format, Kind, LONGEST_MS, Row, Table, root};
use super::loc::Loc;
use super::secrets::SecretRef;
use super::section::{Entry, Section, Value};
use super::source::Sources;
use super::syntax;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads tables of one file.
pub(crate) struct Reader<'r> {
    pub sources: &'r Sources,
    pub findings: &'r mut Findings,
    pub file: usize,
}

/// The default of a key, read like a file's value.
pub(crate) fn default_of(key: &'static Row) -> Option<Value> {
    let Default::Toml(text) = key.default else { return None };
    let mut findings = Findings::default();
    let sources = Sources::default();
    let value = DeValue::parse(text).ok()?;
    let mut reader = Reader { sources: &sources, findings: &mut findings, file: 0 };
    let read = reader.value(key.name, &key.kind, &value);
    (findings.errors() == 0).then_some(read)
}

impl Reader<'_> {
    fn loc(&self, span: std::ops::Range<usize>) -> Loc {
        Loc { file: self.file, start: span.start, end: span.end }
    }

    /// A table whose header or braces are at `at`.
    pub fn section(&mut self, table: &'static Table, toml: &DeTable<'_>, at: Loc) -> Section {
        let mut entries = BTreeMap::new();
        for (name, value) in toml {
            let key_at = self.loc(name.span());
            let Some(key) = table.key(name.get_ref()) else {
                self.unknown(table, name.get_ref(), key_at);
                continue;
            };
            let read = self.value(key.name, &key.kind, value);
            entries.insert(key.name.to_owned(), Entry { key_at, at: self.loc(value.span()), value: read });
        }
        for key in table.keys {
            if matches!(key.default, Default::Required) && !entries.contains_key(key.name) {
                self.findings
                    .error(self.sources, at, format!("`{}` is missing in {}", key.name, table.name))
                    .help(format!("{}: {}", key.name, key.doc));
                entries.insert(key.name.to_owned(), Entry { key_at: at, at, value: Value::Broken });
            }
        }
        Section { table, at, entries }
    }

    fn unknown(&mut self, table: &'static Table, name: &str, at: Loc) {
        let shown = syntax::shorten(name);
        let near = syntax::nearest(name, table.keys.iter().map(|key| key.name));
        let message = match near {
            Some(near) => format!("unknown key `{shown}` in {}; did you mean `{near}`?", table.name),
            None => format!("unknown key `{shown}` in {}", table.name),
        };
        let found = self.findings.error(self.sources, at, message).label("unknown key");
        if std::ptr::eq(table, &raw const root::included::TABLE) && root::TABLE.key(name).is_some() {
            found.help(
                "an included file may hold [[channels]], [policies.*] and [tenants.*] only; put it into the main file",
            );
        } else if near.is_none() {
            let known: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
            found.help(format!("known keys: {}", known.join(", ")));
        }
    }

    /// One value of one kind.
    fn value(&mut self, name: &str, kind: &'static Kind, value: &Spanned<DeValue<'_>>) -> Value {
        let at = self.loc(value.span());
        match (kind, value.get_ref()) {
            (Kind::Text(format), DeValue::String(text)) => self.text(name, *format, text, at),
            (Kind::Word(words), DeValue::String(text)) => self.word(name, words, text, at),
            (Kind::Flag, DeValue::Boolean(flag)) => Value::Flag(*flag),
            (Kind::Whole(min, max), DeValue::Integer(whole)) => {
                match i64::from_str_radix(whole.as_str(), whole.radix()).ok().filter(|n| (min..=max).contains(&n)) {
                    Some(whole) => Value::Whole(whole),
                    None => self.broken(at, format!("`{name}` must be between {min} and {max}")),
                }
            }
            (Kind::Number(min, max), DeValue::Integer(_) | DeValue::Float(_)) => {
                match number(value.get_ref()).filter(|n| n.is_finite() && n >= min && n <= max) {
                    Some(number) => Value::Number(number),
                    None => self.broken(at, format!("`{name}` must be a number between {min} and {max}")),
                }
            }
            (Kind::Duration(least), DeValue::String(text)) => self.duration(name, *least, text, at),
            (Kind::Duration(_), DeValue::Integer(_) | DeValue::Float(_)) => self.broken(
                at,
                format!(
                    "`{name}` is a duration and needs a unit in quotes, such as \"250ms\", \"30s\", \"5m\" or \"1h\""
                ),
            ),
            (Kind::Secret, _) | (Kind::TextOrSecret(_), DeValue::Table(_)) => self.secret(name, value, at),
            (Kind::TextOrSecret(format), DeValue::String(text)) => {
                let read = self.text(name, *format, text, at);
                if matches!(read, Value::Broken) && text.contains('@') {
                    self.findings.note(
                        "a URL with a user and a password is a secret: write { file = \"PATH\" }, { env = \"VARIABLE\" } or \
                         { credential = \"NAME\" } in its place",
                    );
                }
                read
            }
            (Kind::List(_, least) | Kind::Tables(_, least), DeValue::Array(list)) if list.len() < *least => {
                self.broken(at, format!("`{name}` must have at least {}", syntax::count(*least, "entry")))
            }
            (Kind::List(of, _), DeValue::Array(list)) => {
                Value::List(list.iter().map(|item| self.item(name, of, item)).collect())
            }
            (Kind::Headers, DeValue::Table(pairs)) => Value::Named(
                pairs
                    .iter()
                    .map(|(key, value)| {
                        let (key_at, at) = (self.loc(key.span()), self.loc(value.span()));
                        let read = match value.get_ref() {
                            DeValue::String(text) => self.text(name, Format::HeaderValue, text, at),
                            DeValue::Table(_) => self.secret(name, value, at),
                            other => self.wrong_type(name, "a string or the place of a secret", other, at),
                        };
                        (key.get_ref().clone().into_owned(), Entry { key_at, at, value: read })
                    })
                    .collect(),
            ),
            (Kind::Table(table), DeValue::Table(inner)) => Value::Section(self.section(table, inner, at)),
            (Kind::Tables(table, _), DeValue::Array(list)) => {
                Value::List(list.iter().map(|item| self.row(name, table, item)).collect())
            }
            (Kind::Named(table), DeValue::Table(inner)) => self.named(name, table, inner),
            (Kind::Tables(..), DeValue::Table(_)) => {
                self.findings
                    .error(self.sources, at, format!("`{name}` is a list: each row has a header of two brackets"))
                    .help(format!("write [[…]] where it says […], such as [[{name}]]"));
                Value::Broken
            }
            (kind, other) => self.wrong_type(name, wanted(kind), other, at),
        }
    }

    fn item(&mut self, name: &str, of: &'static Kind, item: &Spanned<DeValue<'_>>) -> Entry {
        let at = self.loc(item.span());
        Entry { key_at: at, at, value: self.value(name, of, item) }
    }

    fn row(&mut self, name: &str, table: &'static Table, item: &Spanned<DeValue<'_>>) -> Entry {
        let at = self.loc(item.span());
        let value = match item.get_ref() {
            DeValue::Table(inner) => Value::Section(self.section(table, inner, at)),
            other => self.wrong_type(name, "an array of tables", other, at),
        };
        Entry { key_at: at, at, value }
    }

    fn named(&mut self, name: &str, table: &'static Table, toml: &DeTable<'_>) -> Value {
        let mut named = BTreeMap::new();
        for (key, value) in toml {
            let key_at = self.loc(key.span());
            if let Err(why) = syntax::name(key.get_ref()) {
                self.findings.error(self.sources, key_at, format!("a name in [{name}.NAME] {why}"));
                continue;
            }
            let read = match value.get_ref() {
                DeValue::Table(inner) => Value::Section(self.section(table, inner, key_at)),
                other => self.wrong_type(key.get_ref(), "a table", other, self.loc(value.span())),
            };
            named.insert(key.get_ref().clone().into_owned(), Entry { key_at, at: key_at, value: read });
        }
        Value::Named(named)
    }

    fn text(&mut self, name: &str, format: Format, text: &str, at: Loc) -> Value {
        match syntax::check(format, text) {
            Ok(()) => Value::Text(text.to_owned()),
            Err(why) => self.broken(at, format!("`{name}` {why}")),
        }
    }

    fn word(&mut self, name: &str, words: &[&'static str], text: &str, at: Loc) -> Value {
        if words.contains(&text) {
            return Value::Text(text.to_owned());
        }
        let known = syntax::listed(words);
        let shown = syntax::shorten(text);
        let begins = || words.iter().copied().find(|word| word.len() >= 3 && text.starts_with(*word));
        let near = syntax::nearest(text, words.iter().copied()).or_else(begins);
        let message = match near {
            Some(near) => format!("`{name}` cannot be \"{shown}\"; did you mean \"{near}\"?"),
            None => format!("`{name}` cannot be \"{shown}\""),
        };
        self.findings.error(self.sources, at, message).label(format!("one of {known}"));
        Value::Broken
    }

    fn duration(&mut self, name: &str, least: u64, text: &str, at: Loc) -> Value {
        match syntax::duration(text) {
            Err(why) => self.broken(at, format!("`{name}` {why}")),
            Ok(ms) if ms < least => {
                self.broken(at, format!("`{name}` must be at least {}", syntax::spell(Duration::from_millis(least))))
            }
            Ok(ms) if ms > LONGEST_MS => self.broken(at, format!("`{name}` must be at most 8760h")),
            Ok(ms) => Value::Duration(Duration::from_millis(ms)),
        }
    }

    fn secret(&mut self, name: &str, value: &Spanned<DeValue<'_>>, at: Loc) -> Value {
        const FORMS: &str = "{ file = \"PATH\" }, { env = \"VARIABLE\" } or { credential = \"NAME\" } (systemd)";
        let DeValue::Table(table) = value.get_ref() else {
            let found = self.findings.error(
                self.sources,
                at,
                format!("`{name}` is a secret and must not be in the file itself"),
            );
            found
                .label("say where to find it")
                .help(format!("write {FORMS}; and replace this secret, since the file showed it"));
            return Value::Broken;
        };
        let mut pairs = table.iter();
        let (Some((form, place)), None) = (pairs.next(), pairs.next()) else {
            return self.broken(at, format!("`{name}` must be exactly one of {FORMS}"));
        };
        let form_at = self.loc(form.span());
        if !["file", "env", "credential"].contains(&form.get_ref().as_ref()) {
            let near = syntax::nearest(form.get_ref(), ["file", "env", "credential"].into_iter());
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let shown = syntax::shorten(form.get_ref());
            let found = self.findings.error(self.sources, form_at, format!("unknown key `{shown}` in `{name}`{hint}"));
            found.help(format!("write {FORMS}"));
            return Value::Broken;
        }
        let place_at = self.loc(place.span());
        let DeValue::String(text) = place.get_ref() else {
            return self.wrong_type(form.get_ref(), "a string", place.get_ref(), place_at);
        };
        match syntax::secret_place(form.get_ref(), text) {
            Err(why) => self.broken(place_at, format!("`{}` of `{name}` {why}", form.get_ref())),
            Ok(()) => Value::Secret(match form.get_ref().as_ref() {
                "file" => SecretRef::File(text.as_ref().into()),
                "env" => SecretRef::Env(text.clone().into_owned()),
                _ => SecretRef::Credential(text.clone().into_owned()),
            }),
        }
    }

    fn wrong_type(&mut self, name: &str, wanted: &str, found: &DeValue<'_>, at: Loc) -> Value {
        let shown = syntax::shorten(name);
        let message = format!("`{shown}` must be {wanted}, not {}", syntax::article(found.type_str()));
        self.findings.error(self.sources, at, message).label(format!("expected {wanted}"));
        Value::Broken
    }

    fn broken(&mut self, at: Loc, message: String) -> Value {
        self.findings.error(self.sources, at, message);
        Value::Broken
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        // TOML's integers are whole numbers of 64 bits; the bounds of every key are far below where f64 loses digits.
        DeValue::Integer(whole) => i64::from_str_radix(whole.as_str(), whole.radix()).ok().map(|n| n as f64),
        _ => None,
    }
}

fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text(_) | Kind::Word(_) => "a string",
        Kind::Flag => "true or false",
        Kind::Whole(..) => "a whole number",
        Kind::Number(..) => "a number",
        Kind::Duration(_) => "a duration such as \"30s\"",
        Kind::Secret => "the place of a secret",
        Kind::TextOrSecret(_) => "a string or the place of a secret",
        Kind::List(..) => "an array",
        Kind::Headers | Kind::Table(_) | Kind::Named(_) => "a table",
        Kind::Tables(..) => "an array of tables",
    }
}
