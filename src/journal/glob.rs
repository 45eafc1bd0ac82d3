//! Globs over event types: `*` stands for anything, dots included, and no other character is special.

use std::borrow::Cow;

/// Whether an event type is one that `glob` means.
pub fn event_matches(glob: &str, event_type: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(rest) = parts.next().and_then(|first| event_type.strip_prefix(first)) else { return false };
    let mut rest = rest;
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else { return false };
            rest = rest.get(at + before.len()..).unwrap_or_default();
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

/// The same for SQLite, as the right side of its `GLOB`.
pub(in crate::journal) fn pattern(glob: &str) -> String {
    let mut pattern = String::with_capacity(glob.len());
    for c in glob.chars() {
        match c {
            '?' | '[' => pattern.extend(['[', c, ']']),
            c => pattern.push(c),
        }
    }
    pattern
}

/// Whether a filter asks for more than one type.
pub(in crate::journal) fn is_glob(wanted: &str) -> bool {
    wanted.contains('*') || wanted.ends_with('.')
}

/// What a filter asks for, as a glob: a prefix that ends in a dot means all that begins with it.
pub(in crate::journal) fn of_filter(wanted: &str) -> Cow<'_, str> {
    if wanted.ends_with('.') { Cow::Owned(format!("{wanted}*")) } else { Cow::Borrowed(wanted) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_glob_means_to_us_what_it_means_to_the_database() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        for (glob, event, want) in [
            ("*", "failover.held", true),
            ("*", "", true),
            ("failover.*", "failover.held", true),
            ("failover.*", "failback.held", false),
            ("*.held", "failover.held", true),
            ("*.held", "failover.held.x", false),
            ("f*r.h*d", "failover.held", true),
            ("failover.held", "failover.held", true),
            ("failover.held", "failover.heldx", false),
            ("failover", "failover.held", false),
            ("a*ba", "aba", true),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("aba*aba", "aba", false),
            ("", "failover.held", false),
            ("failover.[h]eld", "failover.held", false),
            ("failover.?eld", "failover.held", false),
        ] {
            let theirs = db.query_row("SELECT ?1 GLOB ?2", [event, &pattern(glob)], |row| row.get::<_, bool>(0));
            assert_eq!((event_matches(glob, event), theirs.unwrap()), (want, want), "{glob} on {event}");
        }
        for (wanted, event, want) in [("failover.", "failover.held", true), ("failover", "failover.held", false)] {
            assert_eq!(event_matches(&of_filter(wanted), event), want, "{wanted} asks for {event}");
        }
    }
}
