//! Any single-bit change of what is kept is found.

use super::archive::archived;
use super::place::Place;
use proptest::prelude::*;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use std::sync::OnceLock;

/// Every column of every table that is evidence.
const COLUMNS: [(&str, &str, &str); 19] = [
    ("audit", "seq", "seq"),
    ("audit", "seq", "entry"),
    ("audit", "seq", "hash"),
    ("audit", "seq", "at"),
    ("audit", "seq", "event_type"),
    ("audit", "seq", "tenant"),
    ("audit", "seq", "channel_id"),
    ("checkpoints", "size", "size"),
    ("checkpoints", "size", "root"),
    ("checkpoints", "size", "at"),
    ("checkpoints", "size", "note"),
    ("checkpoints", "size", "frontier"),
    ("segments", "last", "last"),
    ("segments", "last", "first"),
    ("segments", "last", "file"),
    ("segments", "last", "sha256"),
    ("segments", "last", "head"),
    ("segments", "last", "entry"),
    // Once more: most of the bytes are here.
    ("audit", "seq", "entry"),
];

/// A log with an archived part, made once.
fn good() -> &'static Place {
    static GOOD: OnceLock<Place> = OnceLock::new();
    GOOD.get_or_init(|| {
        let place = archived();
        place.verify().unwrap();
        place
    })
}

/// The value with one bit changed; `None` where it has none.
fn flip(value: Value, bit: usize) -> Option<Value> {
    match value {
        Value::Integer(n) => Some(Value::Integer(n ^ (1 << (bit % 64)))),
        Value::Text(text) => {
            let mut bytes = text.into_bytes();
            flip_bytes(&mut bytes, bit)?;
            // What is no text any more is kept as the database would read it from its page.
            Some(String::from_utf8(bytes).map_or_else(|e| Value::Blob(e.into_bytes()), Value::Text))
        }
        Value::Blob(mut bytes) => {
            flip_bytes(&mut bytes, bit)?;
            Some(Value::Blob(bytes))
        }
        Value::Null | Value::Real(_) => None,
    }
}

fn flip_bytes(bytes: &mut [u8], bit: usize) -> Option<()> {
    let bits = bytes.len().checked_mul(8).filter(|bits| *bits > 0)?;
    bytes[bit % bits / 8] ^= 1 << (bit % 8);
    Some(())
}

/// Changes one bit of a row's column; `None` where there is none to change, or the change would break the table's own rules.
fn change(db: &Connection, (table, key, column): (&str, &str, &str), row: usize, bit: usize) -> Option<()> {
    let count: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap();
    let offset = i64::try_from(row).unwrap() % count;
    let (at, value): (i64, Value) = db
        .query_row(&format!("SELECT {key}, {column} FROM {table} ORDER BY {key} LIMIT 1 OFFSET ?"), [offset], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .unwrap();
    let is_text = matches!(value, Value::Text(_));
    let changed = flip(value, bit)?;
    let cast = if is_text && matches!(changed, Value::Blob(_)) { "CAST(?1 AS TEXT)" } else { "?1" };
    db.execute(&format!("UPDATE {table} SET {column} = {cast} WHERE {key} = ?2"), params![changed, at]).ok().map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_bit_of_any_column_is_found(column in 0..COLUMNS.len(), row in 0_usize..1000, bit in 0_usize..100_000) {
        let place = good().copy();
        let db = place.unguarded();
        prop_assume!(change(&db, COLUMNS[column], row, bit).is_some());
        drop(db);
        prop_assert!(place.verify().is_err(), "{:?} of row {row}, bit {bit}", COLUMNS[column]);
    }

    #[test]
    fn a_changed_bit_of_any_archived_file_is_found(file in 0_usize..1000, bit in 0_usize..10_000_000) {
        let place = good().copy();
        let mut files: Vec<_> = std::fs::read_dir(place.archive()).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        let path = &files[file % files.len()];
        let mut bytes = std::fs::read(path).unwrap();
        flip_bytes(&mut bytes, bit).unwrap();
        std::fs::write(path, bytes).unwrap();
        prop_assert!(place.verify().is_err(), "{}, bit {bit}", path.display());
    }
}
