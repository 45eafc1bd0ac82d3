//! What is known of an archived segment: its row, and what the entry that tells of it says.

use serde_json::{Value, json};

/// An archived segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::journal) struct Segment {
    /// Its first entry's number.
    pub first: u64,
    /// Its last entry's number, which is a checkpoint's size.
    pub last: u64,
    /// The file's name in the archive's folder.
    pub file: String,
    /// The file's SHA-256, in hex.
    pub sha256: String,
    /// The hash of its last entry, in hex.
    pub head: String,
    /// The number of the entry that tells of it.
    pub entry: u64,
}

impl Segment {
    /// What the entry that tells of it says.
    pub(in crate::journal) fn details(&self) -> Value {
        let Self { first, last, file, sha256, head, .. } = self;
        json!({ "file": file, "first": first, "head": head, "last": last, "sha256": sha256 })
    }

    /// Whether `entry` tells of it.
    pub(in crate::journal) fn agrees(&self, entry: &Value) -> bool {
        entry.get("event_type").and_then(Value::as_str) == Some("journal.archived")
            && entry.get("details") == Some(&self.details())
    }
}
