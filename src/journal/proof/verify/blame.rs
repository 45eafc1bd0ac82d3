//! Which entry is to blame where two do not fit together, and in which way.
//!
//! A chain shows that something is wrong at a place; what was done is concluded from the neighbours, which the one who did it
//! left as they were.

use super::entry::Seen;
use super::{Broken, Fault};
use crate::journal::hex::from_hex;
use crate::journal::proof::tree::Hash;
use rusqlite::{Connection, OptionalExtension};

/// An entry that does not follow the one before it, whose hash is `before`; `expected` is the number it should have.
pub(super) fn blame(db: &Connection, before: &Hash, expected: u64, seen: &Seen) -> Broken {
    match seen.number {
        Some(number) if number == expected => untied(expected),
        Some(number) if number > expected => skipped(db, expected),
        Some(number) => earlier(db, expected, number, seen),
        None => Broken::new(expected, Fault::Changed, "its text carries another number, or none"),
    }
    .or_first(before, expected)
}

impl Broken {
    /// There is no entry before the first to blame.
    fn or_first(self, before: &Hash, expected: u64) -> Self {
        if *before == [0; 32] && expected == 1 { Self { seq: 1, ..self } } else { self }
    }
}

/// It has its number, and names another entry before it than there is: that one was changed, and given a hash to match.
fn untied(expected: u64) -> Broken {
    let what = format!("entry {expected} is not tied to it: it is not what was there when {expected} was written");
    Broken::new(expected.saturating_sub(1).max(1), Fault::Changed, what)
}

/// A later entry stands in the place of this one.
fn skipped(db: &Connection, expected: u64) -> Broken {
    let later = "SELECT seq FROM audit WHERE seq > ?1
                 AND CASE WHEN json_valid(entry) THEN json_extract(entry, '$.seq') = ?1 ELSE 0 END LIMIT 1";
    match db.query_row(later, [number(expected)], |r| r.get::<_, i64>(0)).optional() {
        Ok(Some(place)) => Broken::new(
            expected,
            Fault::Reordered,
            format!("its place is taken by an entry that carries another number; it stands at {place}"),
        ),
        _ => Broken::new(
            expected,
            Fault::Missing,
            "an entry that carries another number stands in its place, and it is nowhere: the numbers were closed up",
        ),
    }
}

/// An earlier entry stands in the place of this one.
fn earlier(db: &Connection, expected: u64, carried: u64, seen: &Seen) -> Broken {
    let is_copy = hash_at(db, carried) == Some(seen.hash);
    let is_the_true_one = seen.prev.is_some() && seen.prev == hash_before(db, carried);
    let what = |rest: &str| format!("the entry at {expected} carries another number, {carried}: {rest}");
    match (is_copy, is_the_true_one) {
        (true, _) => Broken::new(expected, Fault::Inserted, what("it is a copy of that one")),
        (false, true) => {
            Broken::new(carried, Fault::Inserted, what("it is the one that was written, and others stand before it"))
        }
        (false, false) => Broken::new(expected, Fault::Reordered, what("it does not belong here")),
    }
}

fn hash_before(db: &Connection, seq: u64) -> Option<Hash> {
    if seq == 1 { Some([0; 32]) } else { hash_at(db, seq.checked_sub(1)?) }
}

fn hash_at(db: &Connection, seq: u64) -> Option<Hash> {
    let hash = db.query_row("SELECT hash FROM audit WHERE seq = ?", [number(seq)], |r| r.get::<_, String>(0));
    from_hex(&hash.ok()?)
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
