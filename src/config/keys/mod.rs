//! The keys of the configuration file: every table, every key, its kind, its default and what it means.
//!
//! The only list of them. The reader checks files against it, the compiler takes defaults from it, the schema for
//! editors is printed from it, and the mask hides the value of every key that is not known here as harmless.

mod policy;
mod root;
mod sinks;

pub(crate) use policy::POLICY;
pub(crate) use root::{INCLUDED, ROOT};

/// How far a policy, or the daemon, may go.
const MODES: &[&str] = &["observe", "propose", "enforce"];

/// A table: its place in the file, what it is for, and its keys.
#[derive(Debug)]
pub(crate) struct Table {
    /// How messages name it, such as `[tenants.NAME.auth]`.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

impl Table {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    /// As it stands in the file.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// What holds where it is left out.
    pub default: Default,
    /// One sentence for editors.
    pub doc: &'static str,
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    /// It must be given.
    Required,
    /// Nothing: the feature is off, or the compiler derives a value.
    Absent,
    /// This value, written in TOML.
    Toml(&'static str),
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A string of a syntax.
    Text(Format),
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number within these bounds.
    Whole(i64, i64),
    /// A finite number within these bounds.
    Number(f64, f64),
    /// A duration of at least so many milliseconds.
    Duration(u64),
    /// Where a secret is found; never the secret.
    Secret,
    /// An array of at least so many of one kind.
    List(&'static Kind, usize),
    /// A string of this syntax, or the place of a secret that is one. It may hold a secret either way.
    TextOrSecret(Format),
    /// A table with names of the user's choice, each with a header's value or the place of a secret that is one.
    Headers,
    /// One table.
    Table(&'static Table),
    /// An array of tables.
    Tables(&'static Table),
    /// A table with names of the user's choice, each with a table.
    Named(&'static Table),
}

/// The syntax of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Anything but nothing.
    Any,
    /// Anything but nothing, which names a file or directory.
    File,
    /// IP address and port.
    Listen,
    /// `http` or `https`, no user, query or fragment.
    Url,
    /// The same where it is a secret: it may carry all of them.
    SecretUrl,
    /// A path below `base_url` without placeholders.
    Path,
    /// A path with `{id}`.
    PathWithId,
    /// A path with `{call}`.
    PathWithCall,
    /// A path with `{id}` that may have a query.
    QueryWithId,
    /// A path below `base_url`, or a whole URL.
    TokenPath,
    /// A scope token of RFC 6749.
    Scope,
    /// The value of an HTTP header.
    HeaderValue,
    /// A channel's id.
    ChannelId,
    /// A channel's name, 3 to 64 characters.
    ChannelName,
    /// A host name or IP address.
    Host,
    /// Either with a port.
    HostPort,
    /// A cron expression of six fields.
    Cron,
    /// An IANA time zone.
    TimeZone,
    /// `phone:+E.164`.
    PhoneTarget,
    /// The name of a sink: 1 to 64 of letters, digits, `.`, `-` and `_`.
    SinkName,
}

/// 8760 hours: no duration of the file may be longer, so that no sum of them overflows.
pub(crate) const LONGEST_MS: u64 = 8760 * 3600 * 1000;

const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, default: Default::Required, doc }
}

const fn absent(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, default: Default::Absent, doc }
}

const fn or(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default: Default::Toml(default), doc }
}

/// Whether a value of this kind is a secret, or a list of them.
const fn is_kept(kind: &Kind) -> bool {
    matches!(kind, Kind::Secret | Kind::TextOrSecret(_) | Kind::List(Kind::Secret, _))
}

/// Whether the value of a key of this name may stand in a message: it is known, and nowhere a secret.
pub(crate) fn is_harmless(name: &str) -> bool {
    fn find(table: &'static Table, name: &str, found: &mut bool, secret: &mut bool, depth: u8) {
        for key in table.keys {
            if key.name == name {
                *found = true;
                *secret |= matches!(key.kind, Kind::Headers) || is_kept(&key.kind);
            }
            if let Kind::Table(inner) | Kind::Tables(inner) | Kind::Named(inner) = key.kind
                && depth > 0
            {
                find(inner, name, found, secret, depth - 1);
            }
        }
    }
    let (mut found, mut secret) = (false, false);
    find(&ROOT, name, &mut found, &mut secret, 8);
    found && !secret
}

/// Whether the value of a key of this name is a URL, by the key and not by how the value looks.
pub(crate) fn is_url(name: &str) -> bool {
    fn find(table: &'static Table, name: &str, depth: u8) -> bool {
        table.keys.iter().any(|key| match key.kind {
            Kind::Text(Format::Url | Format::TokenPath) => key.name == name,
            Kind::Table(inner) | Kind::Tables(inner) | Kind::Named(inner) if depth > 0 => find(inner, name, depth - 1),
            _ => false,
        })
    }
    find(&ROOT, name, 8)
}

/// Whether a secret may stand behind a key of this name.
pub(crate) fn is_secret(name: &str) -> bool {
    fn find(table: &'static Table, name: &str, depth: u8) -> bool {
        table.keys.iter().any(|key| {
            (key.name == name && is_kept(&key.kind))
                || match key.kind {
                    Kind::Table(inner) | Kind::Tables(inner) | Kind::Named(inner) if depth > 0 => {
                        find(inner, name, depth - 1)
                    }
                    _ => false,
                }
        })
    }
    find(&ROOT, name, 8)
}
