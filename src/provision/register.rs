//! What is known of desired channels, by name: shared between provisioning, which brings them about, and the daemon, which watches them.

use super::known::Known;
use crate::policy::TenantId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A desired channel, by its tenant and its name.
pub type Key = (TenantId, String);
/// What is known of desired channels, shared with the daemon that watches them.
pub type Register = Arc<Mutex<BTreeMap<Key, Known>>>;
