//! `[references]`: targets outside the platforms.

use super::key::{Key, List, duration, list, or, required, text};
use super::kind::{Format, Table};
use std::time::Duration;

pub(crate) static TABLE: Table = Table {
    name: "[references]",
    doc: "Targets outside the platforms: where none of them answers, our own network is down and nothing is done.",
    keys: &[&TARGETS.row, &INTERVAL.row, &TIMEOUT.row],
};

pub(crate) static TARGETS: Key<List<String>> = required(
    "targets",
    list(&text(Format::HostPort), 1),
    "Hosts and ports to which a TCP connection is opened; at most 16.",
);
pub(crate) static INTERVAL: Key<Duration> = or("interval", duration(100), r#""10s""#, "How often each is tried.");
pub(crate) static TIMEOUT: Key<Duration> =
    or("timeout", duration(10), r#""3s""#, "How long a connection may take; below interval.");
