//! A table of the file after reading: every value has the kind that [`keys`](super::keys) says, and knows its place.
//!
//! What the reader has complained about stays as [`Value::Broken`], so that the compiler neither misses it nor
//! complains again.

use super::keys::Table;
use super::loc::Loc;
use super::secrets::SecretRef;
use std::collections::BTreeMap;
use std::time::Duration;

/// A value of the kind that its key asks for.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Whole(i64),
    Number(f64),
    Flag(bool),
    Duration(Duration),
    Secret(SecretRef),
    List(Vec<Entry>),
    Section(Section),
    Named(BTreeMap<String, Entry>),
    /// Complained about already.
    Broken,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key, or the value itself in an array.
    pub key_at: Loc,
    /// The value.
    pub at: Loc,
    /// What it is.
    pub value: Value,
}

/// A table that was read, or that is absent.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// Its keys.
    pub table: &'static Table,
    /// Its header, or the next best place.
    pub at: Loc,
    /// What is set.
    pub entries: BTreeMap<String, Entry>,
}

/// A value for use: set in the file, or the key's default.
#[derive(Clone, Debug)]
pub(crate) struct Got<T> {
    /// The key's name.
    pub name: &'static str,
    /// The value.
    pub value: T,
    /// Where it is set; the table's place for a default.
    pub at: Loc,
    /// Whether the file sets it.
    pub set: bool,
    /// Whether it may be checked against others; not where the reader complained already.
    pub sound: bool,
}

impl Section {
    /// A table that the file does not have.
    pub fn absent(table: &'static Table, at: Loc) -> Self {
        Self { table, at, entries: BTreeMap::new() }
    }

    /// This table over `base`: key by key, tables within likewise, arrays as a whole.
    pub fn over(&self, base: &Section) -> Section {
        let mut out = base.clone();
        out.at = self.at;
        lay(&mut out.entries, &self.entries);
        out
    }
}

fn lay(base: &mut BTreeMap<String, Entry>, top: &BTreeMap<String, Entry>) {
    for (name, entry) in top {
        let merged = match (base.get(name).map(|e| &e.value), &entry.value) {
            (Some(Value::Section(below)), Value::Section(above)) => Value::Section(above.over(below)),
            (Some(Value::Named(below)), Value::Named(above)) => {
                let mut both = below.clone();
                lay(&mut both, above);
                Value::Named(both)
            }
            (_, value) => value.clone(),
        };
        base.insert(name.clone(), Entry { value: merged, ..entry.clone() });
    }
}

impl Entry {
    /// The table that it is.
    pub fn section(&self) -> Option<&Section> {
        if let Value::Section(section) = &self.value { Some(section) } else { None }
    }
}
