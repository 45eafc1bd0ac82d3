//! What a table of the file is made of: its keys, and what the value of each may be.

/// A table: its place in the file, what it is for, and its keys.
#[derive(Debug)]
pub(crate) struct Table {
    /// How messages name it, such as `[tenants.NAME.auth]`.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [&'static Row],
}

impl Table {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Row> {
        self.keys.iter().find(|key| key.name == name).copied()
    }
}

/// One key of a table, as the reader, the schema and the mask need it: without the type of its values.
#[derive(Debug)]
pub(crate) struct Row {
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
#[derive(Clone, Copy, Debug)]
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
    /// An array of at least so many tables.
    Tables(&'static Table, usize),
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
