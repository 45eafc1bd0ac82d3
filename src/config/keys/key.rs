//! A key and the type of its values, so that who reads a value can mistake neither.

use super::kind::{Default, Format, Kind, Row, Table};
use crate::config::loc::Loc;
use crate::config::secrets::{SecretRef, Setting};
use crate::config::section::{Entry, Section};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

/// How far a policy, or the daemon, may go.
pub(super) const MODES: &[&str] = &["observe", "propose", "enforce"];

/// The values of an array, each with its place.
pub(crate) type List<T> = Vec<(T, Loc)>;

/// The entries of a table with names of the user's choice.
pub(crate) type Named = BTreeMap<String, Entry>;

/// A key whose values are read as `T`.
#[derive(Debug)]
pub(crate) struct Key<T> {
    /// What stands in its table's list.
    pub row: Row,
    values: PhantomData<fn() -> T>,
}

/// A kind whose values are read as `T`.
pub(super) struct Of<T>(Kind, PhantomData<fn() -> T>);

/// A key that must be given.
pub(super) const fn required<T>(name: &'static str, of: Of<T>, doc: &'static str) -> Key<T> {
    key(name, of, Default::Required, doc)
}

/// A key that may be left out, and then has no value.
pub(super) const fn absent<T>(name: &'static str, of: Of<T>, doc: &'static str) -> Key<T> {
    key(name, of, Default::Absent, doc)
}

/// A key with a default, written in TOML.
pub(super) const fn or<T>(name: &'static str, of: Of<T>, default: &'static str, doc: &'static str) -> Key<T> {
    key(name, of, Default::Toml(default), doc)
}

const fn key<T>(name: &'static str, Of(kind, values): Of<T>, default: Default, doc: &'static str) -> Key<T> {
    Key { row: Row { name, kind, default, doc }, values }
}

/// A string of a syntax.
pub(super) const fn text(format: Format) -> Of<String> {
    Of(Kind::Text(format), PhantomData)
}

/// One of these words.
pub(super) const fn word(words: &'static [&'static str]) -> Of<String> {
    Of(Kind::Word(words), PhantomData)
}

/// `true` or `false`.
pub(super) const fn flag() -> Of<bool> {
    Of(Kind::Flag, PhantomData)
}

/// A whole number within these bounds.
pub(super) const fn whole(least: u32, most: u32) -> Of<u32> {
    Of(Kind::Whole(least as i64, most as i64), PhantomData)
}

/// A port within these bounds.
pub(super) const fn port(least: u16, most: u16) -> Of<u16> {
    Of(Kind::Whole(least as i64, most as i64), PhantomData)
}

/// A number of bytes within these bounds.
pub(super) const fn bytes(least: u32, most: i64) -> Of<u64> {
    Of(Kind::Whole(least as i64, most), PhantomData)
}

/// A finite number within these bounds.
pub(super) const fn number(least: f64, most: f64) -> Of<f64> {
    Of(Kind::Number(least, most), PhantomData)
}

/// A duration of at least so many milliseconds.
pub(super) const fn duration(least_ms: u64) -> Of<Duration> {
    Of(Kind::Duration(least_ms), PhantomData)
}

/// Where a secret is found.
pub(super) const fn secret() -> Of<SecretRef> {
    Of(Kind::Secret, PhantomData)
}

/// A string of a syntax, or where a secret is found that is one.
pub(super) const fn setting(format: Format) -> Of<Setting> {
    Of(Kind::TextOrSecret(format), PhantomData)
}

/// Headers: a [`Setting`] by each name.
pub(super) const fn headers() -> Of<Named> {
    Of(Kind::Headers, PhantomData)
}

/// An array of at least so many.
pub(super) const fn list<T>(of: &'static Of<T>, least: usize) -> Of<List<T>> {
    Of(Kind::List(&of.0, least), PhantomData)
}

/// One table.
pub(super) const fn table(table: &'static Table) -> Of<Section> {
    Of(Kind::Table(table), PhantomData)
}

/// An array of at least so many tables.
pub(super) const fn tables(table: &'static Table, least: usize) -> Of<Vec<Section>> {
    Of(Kind::Tables(table, least), PhantomData)
}

/// A table of tables, by names of the user's choice.
pub(super) const fn named(table: &'static Table) -> Of<Named> {
    Of(Kind::Named(table), PhantomData)
}
