//! Reading a [`Section`] by key: what the file sets, or the key's default.

use super::reader::default_of;
use super::secrets::SecretRef;
use super::section::{Entry, Got, Section, Value};
use super::source::Loc;
use std::time::Duration;

/// What a [`Value`] can be taken as.
pub(crate) trait Take: Default {
    /// The value, where it is of this type.
    fn take(value: &Value) -> Option<Self>;
}

macro_rules! take {
    ($($type:ty, $variant:ident);*) => {$(
        impl Take for $type {
            fn take(value: &Value) -> Option<Self> {
                if let Value::$variant(inner) = value { Some(inner.clone()) } else { None }
            }
        }
    )*};
}
take!(String, Text; i64, Whole; f64, Number; bool, Flag; Duration, Duration; Vec<Entry>, List);

impl Take for u32 {
    fn take(value: &Value) -> Option<Self> {
        i64::take(value).and_then(|whole| Self::try_from(whole).ok())
    }
}

impl Take for Option<SecretRef> {
    fn take(value: &Value) -> Option<Self> {
        if let Value::Secret(inner) = value { Some(Some(inner.clone())) } else { None }
    }
}

impl Section {
    /// The value of a key, or its default.
    pub fn get<T: Take>(&self, name: &str) -> Got<T> {
        debug_assert!(self.table.key(name).is_some(), "{} has no key {name}", self.table.name);
        if let Some(entry) = self.entries.get(name) {
            let value = T::take(&entry.value);
            return Got { at: entry.at, set: true, sound: value.is_some(), value: value.unwrap_or_default() };
        }
        let value = self.table.key(name).and_then(default_of).and_then(|value| T::take(&value));
        Got { at: self.at, set: false, sound: value.is_some(), value: value.unwrap_or_default() }
    }

    /// The value of a key where the file sets it rightly.
    pub fn find<T: Take>(&self, name: &str) -> Option<Got<T>> {
        Some(self.get(name)).filter(|got| got.set && got.sound)
    }

    /// The tables of an array, or the default's.
    pub fn tables(&self, name: &str) -> Vec<Section> {
        self.get::<Vec<Entry>>(name).value.iter().filter_map(Entry::section).cloned().collect()
    }

    /// The strings of an array, or the default's, with their places.
    pub fn texts(&self, name: &str) -> Vec<(String, Loc)> {
        let list = self.get::<Vec<Entry>>(name).value;
        list.into_iter()
            .filter_map(|e| if let Value::Text(text) = e.value { Some((text, e.at)) } else { None })
            .collect()
    }
}
