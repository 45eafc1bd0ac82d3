//! A recurring window of time: for maintenance, and for failback.

use super::key::{Key, duration, or, required, text};
use super::kind::{Format, Table};
use std::time::Duration;

pub(crate) static TABLE: Table = Table {
    name: "a calendar window",
    doc: "A recurring window of time.",
    keys: &[&CRON.row, &FOR.row, &TIMEZONE.row],
};

pub(crate) static CRON: Key<String> =
    required("cron", text(Format::Cron), "When it starts: six fields, seconds first.");
pub(crate) static FOR: Key<Duration> = required("for", duration(1000), "How long it lasts.");
pub(crate) static TIMEZONE: Key<String> = or("timezone", text(Format::TimeZone), r#""UTC""#, "An IANA time zone.");
