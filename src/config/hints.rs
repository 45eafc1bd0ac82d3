//! What a person probably meant by a line that is no TOML.

use super::keys::{Kind, root};

/// Whether the line is a header and its key, or one of this name within a policy or `[audit]`, takes several tables.
pub(super) fn is_list(key: &str, line: &str) -> bool {
    let within = ["maintenance", "export", "file"];
    let header = line.trim_start().starts_with('[');
    header && (within.contains(&key) || root::TABLE.key(key).is_some_and(|key| matches!(key.kind, Kind::Tables(..))))
}

/// What helps with it, where that can be told.
pub(super) fn of_line(line: &str) -> Option<&'static str> {
    if line.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}', '\u{201e}']) {
        return Some("use straight quotes: \"text\"");
    }
    let key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let rest = line.trim_start().trim_start_matches(key);
    let begins = rest.len() < line.trim_start().len();
    (begins && rest.trim_start().starts_with(':')).then_some("use = between a key and its value, not a colon")
}
