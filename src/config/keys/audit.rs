//! `[audit]`: the audit log.

use super::key::{Key, absent, duration, or, secret, tables, text, whole};
use super::kind::{Format, Table};
use super::sink;
use crate::config::secrets::SecretRef;
use crate::config::section::Section;
use std::time::Duration;

pub(crate) static TABLE: Table = Table {
    name: "[audit]",
    doc: "The audit log.",
    keys: &[
        &COMPLIANCE_TAG.row,
        &ORIGIN.row,
        &SIGNING_KEY.row,
        &CHECKPOINT_ENTRIES.row,
        &CHECKPOINT_INTERVAL.row,
        &RETENTION_DAYS.row,
        &HOLD_FOR.row,
        &WITNESS.row,
        &EXPORT.row,
        &FILE.row,
    ],
};

pub(crate) static COMPLIANCE_TAG: Key<String> =
    or("compliance_tag", text(Format::Any), r#""telephony_channel_audit""#, "The tag that every entry carries.");
pub(crate) static ORIGIN: Key<String> = absent(
    "origin",
    text(Format::Any),
    "The log's name on checkpoints, such as sip.example/audit; left out: trunkwarden/ and digits of the key's hash.",
);
pub(crate) static SIGNING_KEY: Key<SecretRef> = absent(
    "signing_key",
    secret(),
    "The key that signs checkpoints (PRIVATE+KEY+...); left out: {state_dir}/audit.key, made at the first start.",
);
pub(crate) static CHECKPOINT_ENTRIES: Key<u32> =
    or("checkpoint_entries", whole(1, 1_000_000), "1000", "Entries between signed checkpoints.");
pub(crate) static CHECKPOINT_INTERVAL: Key<Duration> =
    or("checkpoint_interval", duration(1000), r#""1h""#, "Time between signed checkpoints, if there are new entries.");
pub(crate) static RETENTION_DAYS: Key<u32> = absent(
    "retention_days",
    whole(1, 36_500),
    "Entries older than this are archived to {state_dir}/archive and removed; left out: never.",
);
pub(crate) static HOLD_FOR: Key<Duration> = or(
    "hold_for",
    duration(60_000),
    r#""7d""#,
    "The longest that a sink may hold back archiving; its remaining entries are then copied as dead letters.",
);
pub(crate) static WITNESS: Key<String> = absent(
    "witness",
    text(Format::SinkName),
    "A sink that is asked at each start which checkpoints it holds; the log is checked against them.",
);
pub(crate) static EXPORT: Key<Vec<Section>> =
    absent("export", tables(&sink::export::TABLE, 0), "Where entries are sent.");
pub(crate) static FILE: Key<Vec<Section>> =
    absent("file", tables(&sink::file::TABLE, 0), "Files that get each entry as a line of JSON.");
