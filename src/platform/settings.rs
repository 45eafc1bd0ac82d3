//! What a client is built with.

use super::budget::Spent;
use crate::config::{Paths, SecretRef, Setting, Tenant};
use crate::policy::TenantId;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;

/// One tenant's platform and how to be authorised there. `Debug` shows no secret and no header's value.
#[derive(Clone)]
pub struct ClientSettings {
    /// Its name.
    pub tenant: TenantId,
    /// `http` or `https`.
    pub base_url: String,
    /// Paths, relative to `base_url`.
    pub paths: Paths,
    /// The OAuth client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Where the secret is read again before it is given up as refused; `None`: nowhere.
    pub secret_from: Option<SecretRef>,
    /// The absolute URL of the token endpoint.
    pub token_url: String,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// The scopes of the token for bridging; `None`: the tenant has no bridging.
    pub bridge_scopes: Option<Vec<String>>,
    /// Headers for every request. Those that are not HTTP, or that the client sets itself, are left out.
    pub headers: BTreeMap<String, String>,
    /// Our share of the tenant's request limit.
    pub requests_per_minute: u32,
    /// What is known of the last minute's requests.
    pub recent: Spent,
    /// Where jitter begins.
    pub seed: u64,
}

impl ClientSettings {
    /// Those of a tenant as configured, with what the file does not hold.
    pub fn of(tenant: &Tenant, client_secret: SecretString, recent: Spent, seed: u64) -> Self {
        Self {
            tenant: tenant.id.clone(),
            base_url: tenant.base_url.clone(),
            paths: tenant.paths.clone(),
            client_id: tenant.auth.client_id.clone(),
            client_secret,
            secret_from: Some(tenant.auth.client_secret.clone()),
            token_url: tenant.auth.token_url.clone(),
            scopes: tenant.auth.scopes.clone(),
            bridge_scopes: tenant.bridge.as_ref().map(|bridge| bridge.scopes.clone()),
            // Those that are secrets are put in by whoever reads them.
            headers: tenant.headers.iter().filter_map(plain).collect(),
            requests_per_minute: tenant.requests_per_minute,
            recent,
            seed,
        }
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("tenant", &self.tenant)
            .field("base_url", &self.base_url)
            .field("requests_per_minute", &self.requests_per_minute)
            .finish_non_exhaustive()
    }
}

fn plain((name, value): (&String, &Setting)) -> Option<(String, String)> {
    match value {
        Setting::Plain(text) => Some((name.clone(), text.clone())),
        Setting::Secret(_) => None,
    }
}
