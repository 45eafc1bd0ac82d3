//! How each tenant's calls are bridged: its platform, what it allows, and how long things may take.

use super::request::Rules;
use crate::config::target::Kind;
use crate::config::{self, Config};
use crate::platform::{CallControl, Platform};
use crate::policy::TenantId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How a tenant's calls are bridged.
#[derive(Clone)]
pub struct Line {
    /// Its platform.
    pub control: Arc<dyn CallControl>,
    /// What it allows.
    pub rules: Rules,
    /// How long one request may take.
    pub timeout: Duration,
    /// Until when, from its beginning on, a bridge may be sent.
    pub deadline: Duration,
    /// How long a call is read back.
    pub verify_for: Duration,
}

/// The lines of every tenant that has bridging.
pub fn lines(config: &Config, platforms: &BTreeMap<TenantId, Arc<dyn Platform>>) -> BTreeMap<TenantId, Line> {
    let line = |tenant: &config::Tenant| {
        let bridge = tenant.bridge.as_ref()?;
        Some(Line {
            control: platforms.get(&tenant.id)?.call_control()?,
            rules: Rules {
                max_legs: usize::try_from(bridge.max_legs).unwrap_or(usize::MAX),
                kinds: bridge.target_types.iter().filter_map(|name| Kind::of(name)).collect(),
            },
            timeout: bridge.timeout,
            deadline: bridge.deadline,
            verify_for: bridge.verify_for,
        })
    };
    config.tenants.values().filter_map(|tenant| Some((tenant.id.clone(), line(tenant)?))).collect()
}
