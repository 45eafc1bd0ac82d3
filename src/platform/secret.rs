//! The client secret in force, and the place from which it may be read again: a secret is rotated where it lies.
//!
//! Must never: show it, or read its place on a thread that others wait for.

use crate::config::{Aside, SecretRef};
use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

/// How long its place may take to be read.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// A secret and where it comes from.
pub struct Rotating {
    current: ArcSwap<SecretString>,
    from: Option<SecretRef>,
    reading: Aside,
}

impl Rotating {
    /// `from`: its place; `None`: it has none, and stays as it is.
    pub fn new(secret: SecretString, from: Option<SecretRef>) -> Self {
        Self { current: ArcSwap::from_pointee(secret), from, reading: Aside::new(READ_WITHIN) }
    }

    /// The secret in force.
    pub fn current(&self) -> Arc<SecretString> {
        self.current.load_full()
    }

    /// Reads the place again; whether another secret is there. One that cannot be read changes nothing.
    pub async fn reread(&self) -> bool {
        let Some(from) = self.from.clone() else { return false };
        let Ok(Ok(read)) = self.reading.read(move || from.resolve()).await else { return false };
        if read.expose_secret() == self.current().expose_secret() {
            return false;
        }
        self.current.store(Arc::new(read));
        true
    }
}
