//! Reading a [`Section`] by key: what the file sets, or the key's default.

use super::keys::{Key, Kind, List, Named};
use super::loc::Loc;
use super::reader::default_of;
use super::secrets::{SecretRef, Setting};
use super::section::{Entry, Got, Section, Value};
use std::ptr;
use std::time::Duration;

/// What a [`Value`] can be taken as.
pub(crate) trait Take: Sized {
    /// The value, where it is of this type.
    fn take(value: &Value) -> Option<Self>;
}

macro_rules! take {
    ($($type:ty: $variant:ident($inner:ident) => $taken:expr;)*) => {$(
        impl Take for $type {
            fn take(value: &Value) -> Option<Self> {
                if let Value::$variant($inner) = value { $taken } else { None }
            }
        }
    )*};
}
take! {
    String: Text(text) => Some(text.clone());
    bool: Flag(flag) => Some(*flag);
    u16: Whole(whole) => Self::try_from(*whole).ok();
    u32: Whole(whole) => Self::try_from(*whole).ok();
    u64: Whole(whole) => Self::try_from(*whole).ok();
    f64: Number(number) => Some(*number);
    Duration: Duration(duration) => Some(*duration);
    SecretRef: Secret(secret) => Some(secret.clone());
    Vec<Section>: List(list) => Some(list.iter().filter_map(Entry::section).cloned().collect());
}

impl Take for Setting {
    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(Self::Plain(text.clone())),
            Value::Secret(secret) => Some(Self::Secret(secret.clone())),
            _ => None,
        }
    }
}

impl<T: Take> Take for List<T> {
    fn take(value: &Value) -> Option<Self> {
        let Value::List(list) = value else { return None };
        Some(list.iter().filter_map(|entry| Some((T::take(&entry.value)?, entry.at))).collect())
    }
}

impl Section {
    /// What the file sets of a key. A key of another table is a fault of this program, which every test looks for.
    fn entry<T>(&self, key: &Key<T>) -> Option<&Entry> {
        debug_assert!(
            self.table.keys.iter().any(|row| ptr::eq(*row, &raw const key.row)),
            "{} has no key {}",
            self.table.name,
            key.row.name
        );
        self.entries.get(key.row.name)
    }

    /// The value of a key, or its default.
    pub fn get<T: Take + Default>(&self, key: &'static Key<T>) -> Got<T> {
        let entry = self.entry(key);
        let value = match entry {
            Some(entry) => T::take(&entry.value),
            None => default_of(&key.row).and_then(|value| T::take(&value)),
        };
        Got {
            name: key.row.name,
            at: entry.map_or(self.at, |entry| entry.at),
            set: entry.is_some(),
            sound: value.is_some(),
            value: value.unwrap_or_default(),
        }
    }

    /// The value of a key where the file sets it rightly.
    pub fn find<T: Take>(&self, key: &Key<T>) -> Option<Got<T>> {
        let entry = self.entry(key)?;
        Some(Got { name: key.row.name, value: T::take(&entry.value)?, at: entry.at, set: true, sound: true })
    }

    /// The values of an array, or the default's, without their places.
    pub fn list<T: Take>(&self, key: &'static Key<List<T>>) -> Vec<T> {
        self.get(key).value.into_iter().map(|(value, _)| value).collect()
    }

    /// Whether the file has the key, rightly or not.
    pub fn has<T>(&self, key: &Key<T>) -> bool {
        self.entry(key).is_some()
    }

    /// Where a key stands; the table's place where it does not.
    pub fn key_at<T>(&self, key: &Key<T>) -> Loc {
        self.entry(key).map_or(self.at, |entry| entry.key_at)
    }

    /// A table within; an empty one where it is absent or broken.
    pub fn table(&self, key: &Key<Section>) -> Section {
        let Kind::Table(table) = key.row.kind else { return Self::absent(self.table, self.at) };
        self.find_table(key).cloned().unwrap_or_else(|| Self::absent(table, self.at))
    }

    /// A table within, where it is present.
    pub fn find_table(&self, key: &Key<Section>) -> Option<&Section> {
        self.entry(key).and_then(Entry::section)
    }

    /// The tables of an array, as far as the file sets it rightly.
    pub fn rows(&self, key: &Key<Vec<Section>>) -> impl Iterator<Item = &Section> {
        let list = match self.entry(key).map(|entry| &entry.value) {
            Some(Value::List(list)) => list.as_slice(),
            _ => &[],
        };
        list.iter().filter_map(Entry::section)
    }

    /// The entries of a table with free names.
    pub fn named(&self, key: &Key<Named>) -> Option<&Named> {
        match self.entry(key).map(|entry| &entry.value) {
            Some(Value::Named(named)) => Some(named),
            _ => None,
        }
    }
}
