//! One entry by itself: its hash, its form, and whether the columns that are searched say what it says.

use super::scan::{Fields, scan};
use crate::clock::rfc3339;
use crate::journal::hex::from_hex;
use crate::journal::proof::chain::canonical;
use crate::journal::proof::tree::{self, Hash};
use crate::policy::WallMs;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Entries that tell of what is kept in tables of their own.
const TOLD: [&str; 3] = ["journal.checkpoint", "journal.archived", "journal.accepted"];

/// An entry as it is kept.
#[derive(Debug)]
pub(in crate::journal) struct Kept {
    /// Its row's number, or its place in an archive.
    pub seq: i64,
    pub text: String,
    /// What a row repeats of it; an archive repeats nothing.
    pub columns: Option<Columns>,
}

/// The other columns of an entry's row.
#[derive(Debug)]
pub(in crate::journal) struct Columns {
    pub hash: String,
    pub at: i64,
    pub event_type: String,
    pub tenant: Option<String>,
    pub channel_id: Option<String>,
}

/// What is wrong with an entry by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) enum Wrong {
    Hash,
    NoJson,
    Form,
    Columns,
}

impl Wrong {
    pub(in crate::journal) const fn words(self) -> &'static str {
        match self {
            Self::Hash => "its text does not have the hash that is kept with it",
            Self::NoJson => "its text is no JSON",
            Self::Form => "its text is not in canonical form (RFC 8785)",
            Self::Columns => "the columns that are searched do not agree with its text",
        }
    }
}

/// An entry, looked at.
#[derive(Debug)]
pub(in crate::journal) struct Seen {
    pub seq: i64,
    pub wrong: Option<Wrong>,
    pub hash: Hash,
    pub leaf: Hash,
    /// The number in its text.
    pub number: Option<u64>,
    /// The hash of the entry before it, by its text.
    pub prev: Option<Hash>,
    /// The whole of an entry that tells of a checkpoint or an archive.
    pub told: Option<Box<Value>>,
}

impl Kept {
    pub(in crate::journal) fn look(&self) -> Seen {
        let bytes = self.text.as_bytes();
        let mut seen = Seen {
            seq: self.seq,
            wrong: None,
            hash: Sha256::digest(bytes).into(),
            leaf: tree::leaf(bytes),
            number: None,
            prev: None,
            told: None,
        };
        if self.columns.as_ref().is_some_and(|c| from_hex(&c.hash) != Some(seen.hash)) {
            seen.wrong = Some(Wrong::Hash);
            return seen;
        }
        match scan(&self.text) {
            Some(fields) if !fields.event_type.is_some_and(|event| TOLD.contains(&event)) => {
                seen.number = fields.seq;
                seen.prev = fields.prev_hash.and_then(from_hex);
                if self.columns.as_ref().is_some_and(|columns| !columns.agree(&fields)) {
                    seen.wrong = Some(Wrong::Columns);
                }
            }
            _ => self.look_closely(&mut seen),
        }
        seen
    }

    /// What the quick look does not know, or has to hand on whole.
    fn look_closely(&self, seen: &mut Seen) {
        let Ok(entry) = serde_json::from_str::<Value>(&self.text) else {
            seen.wrong = Some(Wrong::NoJson);
            return;
        };
        seen.number = entry.get("seq").and_then(Value::as_u64);
        seen.prev = entry.get("prev_hash").and_then(Value::as_str).and_then(from_hex);
        if canonical(&entry).ok().as_deref() != Some(self.text.as_str()) {
            seen.wrong = Some(Wrong::Form);
        } else if self.columns.as_ref().is_some_and(|columns| !columns.agree(&Fields::of(&entry))) {
            seen.wrong = Some(Wrong::Columns);
        }
        if entry.get("event_type").and_then(Value::as_str).is_some_and(|event| TOLD.contains(&event)) {
            seen.told = Some(Box::new(entry));
        }
    }
}

impl Columns {
    /// A row of `seq, entry, hash, at, event_type, tenant, channel_id`.
    pub(in crate::journal) fn kept(r: &rusqlite::Row<'_>) -> rusqlite::Result<Kept> {
        let columns =
            Self { hash: r.get(2)?, at: r.get(3)?, event_type: r.get(4)?, tenant: r.get(5)?, channel_id: r.get(6)? };
        Ok(Kept { seq: r.get(0)?, text: r.get(1)?, columns: Some(columns) })
    }

    fn agree(&self, fields: &Fields<'_>) -> bool {
        fields.event_type == Some(self.event_type.as_str())
            && fields.tenant == self.tenant.as_deref()
            && fields.channel_id == self.channel_id.as_deref()
            && fields.timestamp == Some(rfc3339(WallMs(self.at)).as_str())
    }
}
