//! The keys of the configuration file: every table, every key, its kind, its default and what it means.
//!
//! The only list of them, a module for each table. The reader checks files against it, the compiler reads values and
//! defaults by it, the schema for editors is printed from it, and the mask hides the value of every key that is not known
//! here as harmless. Whoever reads a value names its [`Key`], which knows the value's type.

pub(crate) mod audit;
pub(crate) mod calendar;
pub(crate) mod channel;
pub(crate) mod daemon;
pub(crate) mod failover;
mod key;
mod kind;
pub(crate) mod limits;
pub(crate) mod policy;
pub(crate) mod quality;
pub(crate) mod references;
pub(crate) mod root;
pub(crate) mod sink;
pub(crate) mod tenant;

pub(crate) use key::{Key, List, Named};
pub(crate) use kind::{Default, Format, Kind, LONGEST_MS, Row, Table};

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
            if let Kind::Table(inner) | Kind::Tables(inner, _) | Kind::Named(inner) = key.kind
                && depth > 0
            {
                find(inner, name, found, secret, depth - 1);
            }
        }
    }
    let (mut found, mut secret) = (false, false);
    find(&root::TABLE, name, &mut found, &mut secret, 8);
    found && !secret
}

/// Whether the value of a key of this name is a URL, by the key and not by how the value looks.
pub(crate) fn is_url(name: &str) -> bool {
    fn find(table: &'static Table, name: &str, depth: u8) -> bool {
        table.keys.iter().any(|key| match key.kind {
            Kind::Text(Format::Url | Format::TokenPath) => key.name == name,
            Kind::Table(inner) | Kind::Tables(inner, _) | Kind::Named(inner) if depth > 0 => {
                find(inner, name, depth - 1)
            }
            _ => false,
        })
    }
    find(&root::TABLE, name, 8)
}

/// Whether a secret may stand behind a key of this name.
pub(crate) fn is_secret(name: &str) -> bool {
    fn find(table: &'static Table, name: &str, depth: u8) -> bool {
        table.keys.iter().any(|key| {
            (key.name == name && is_kept(&key.kind))
                || match key.kind {
                    Kind::Table(inner) | Kind::Tables(inner, _) | Kind::Named(inner) if depth > 0 => {
                        find(inner, name, depth - 1)
                    }
                    _ => false,
                }
        })
    }
    find(&root::TABLE, name, 8)
}
