//! `[daemon]`: the process.

use super::key::{Key, List, MODES, absent, list, or, table, text, word};
use super::kind::{Format, Table};
use crate::config::section::Section;

pub(crate) static TABLE: Table = Table {
    name: "[daemon]",
    doc: "The process.",
    keys: &[&LISTEN.row, &STATE_DIR.row, &MODE.row, &HOSTS.row, &TOKENS.row],
};

pub(crate) static LISTEN: Key<String> =
    or("listen", text(Format::Listen), r#""127.0.0.1:9475""#, "Address of the status page, the API and /metrics.");
pub(crate) static STATE_DIR: Key<String> = or(
    "state_dir",
    text(Format::File),
    r#""/var/lib/trunkwarden""#,
    "Directory of the journal and the control socket.",
);
pub(crate) static MODE: Key<String> = or(
    "mode",
    word(MODES),
    r#""observe""#,
    "Caps every policy's mode; observe decides and records, and changes nothing.",
);
pub(crate) static HOSTS: Key<List<String>> = or(
    "hosts",
    list(&text(Format::Host), 0),
    r#"["loopback"]"#,
    "Host names by which the page and the API may be reached, besides addresses and this machine's own name.",
);
pub(crate) static TOKENS: Key<Section> = absent("tokens", table(&tokens::TABLE), "Tokens for writes over TCP.");

/// `[daemon.tokens]`.
pub(crate) mod tokens {
    use super::super::key::{Key, absent, secret};
    use super::super::kind::Table;
    use crate::config::secrets::SecretRef;

    pub(crate) static TABLE: Table =
        Table { name: "[daemon.tokens]", doc: "Tokens for writes over TCP.", keys: &[&OPERATOR.row] };
    pub(crate) static OPERATOR: Key<SecretRef> = absent(
        "operator",
        secret(),
        "The operator's token, 16 characters at least; left out: writes over TCP are refused (the control socket needs no token).",
    );
}
