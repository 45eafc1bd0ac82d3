//! The tables of the main file and of a file that it includes.

use super::key::{Key, List, Named, absent, list, named, or, table, tables, text};
use super::kind::{Format, Table};
use super::{audit, channel, daemon, limits, policy, references, sink, tenant};
use crate::config::section::Section;

pub(crate) static TABLE: Table = Table {
    name: "the main file",
    doc: "Trunkwarden's configuration.",
    keys: &[
        &INCLUDE.row,
        &INCLUDE_SECRETS.row,
        &DAEMON.row,
        &REFERENCES.row,
        &TENANTS.row,
        &POLICIES.row,
        &LIMITS.row,
        &CHANNELS.row,
        &AUDIT.row,
        &WEBHOOKS.row,
    ],
};

pub(crate) static INCLUDE: Key<List<String>> = absent(
    "include",
    list(&text(Format::File), 0),
    "More files with [[channels]], [policies.*] and [tenants.*]: globs, relative to this file.",
);
pub(crate) static INCLUDE_SECRETS: Key<List<String>> = or(
    "include_secrets",
    list(&text(Format::Any), 0),
    "[]",
    "Secrets that included files may name, besides files below their own folder: globs over paths, env:NAME and credential:NAME.",
);
pub(crate) static DAEMON: Key<Section> = absent("daemon", table(&daemon::TABLE), "The process.");
pub(crate) static REFERENCES: Key<Section> =
    absent("references", table(&references::TABLE), "Targets outside the platforms; left out: none.");
pub(crate) static TENANTS: Key<Named> = absent("tenants", named(&tenant::TABLE), "The tenants, by name.");
pub(crate) static POLICIES: Key<Named> =
    absent("policies", named(&policy::TABLE), "The policies, by name; `default` always exists.");
pub(crate) static LIMITS: Key<Section> = absent("limits", table(&limits::TABLE), "How much may be changed at once.");
pub(crate) static CHANNELS: Key<Vec<Section>> =
    absent("channels", tables(&channel::TABLE, 0), "The channels to watch.");
pub(crate) static AUDIT: Key<Section> = absent("audit", table(&audit::TABLE), "The audit log.");
pub(crate) static WEBHOOKS: Key<Vec<Section>> =
    absent("webhooks", tables(&sink::webhook::TABLE, 0), "Where events are posted.");

/// A file that another one includes.
pub(crate) mod included {
    use super::super::kind::Table;

    pub(crate) static TABLE: Table = Table {
        name: "an included file",
        doc: "What an included file may hold.",
        keys: &[&super::TENANTS.row, &super::POLICIES.row, &super::CHANNELS.row],
    };
}
