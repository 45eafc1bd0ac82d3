//! Tenants: where they are, how they are authorised, and how much may be changed at once.

use super::parts::{Desired, Placed, Read};
use super::policy::Compiled;
use super::{Compiler, path};
use crate::config::keys::tenant::{self, auth, paths};
use crate::config::keys::{limits, root};
use crate::config::loc::Loc;
use crate::config::model::{Auth, Paths, Tenant};
use crate::config::secrets::{SecretRef, Setting};
use crate::config::section::{Section, Value};
use crate::policy::{Latency, Limits, Mode, Patch, READ_LAG};
use http::{HeaderName, header};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

/// The only scope that lets the daemon change a channel.
const WRITE_SCOPE: &str = "channel:write";

impl Compiler<'_> {
    /// Every tenant by name.
    pub(super) fn tenants(
        &mut self,
        limits: &Section,
        daemon: Mode,
        policies: &BTreeMap<String, Compiled>,
        channels: &[Read],
        provisions: &[Desired],
    ) -> BTreeMap<String, Placed> {
        let mut tenants: BTreeMap<String, Placed> = BTreeMap::new();
        let documents = self.documents;
        for (dir, name, at, section) in documents.named(&root::TENANTS) {
            let Some(section) = section else { continue };
            if let Some(first) = tenants.get(name) {
                let first = first.at;
                self.error(at, format!("the tenant `{name}` is defined in two files")).also(first, "the other one");
                continue;
            }
            // As far as any of its channels' policies may go; a tenant without channels changes nothing.
            let used = channels.iter().filter(|read| read.channel.key.tenant.as_str() == name);
            let wanted = provisions.iter().map(|d| &d.provision).filter(|p| p.tenant.as_str() == name);
            let most = used.map(|read| read.channel.policy.mode.0).chain(wanted.map(|p| p.policy.mode.0)).max();
            let most = most.or_else(|| policies.get("default").map(|p| p.policy.mode.0)).unwrap_or_default();
            let mut value = self.tenant(name, section, dir, limits, daemon.min(most));
            value.read_lag = self.read_lag(name, section, channels, provisions);
            tenants.insert(name.to_owned(), Placed { value, at });
        }
        let main = Loc { file: 0, start: 0, end: 0 };
        if tenants.is_empty()
            && self.documents.complete
            && self.documents.documents.iter().all(|d| !d.root.has(&root::TENANTS))
        {
            self.error(main, "no tenant is configured").help("add a [tenants.NAME] table with base_url and auth");
        }
        tenants
    }

    fn tenant(&mut self, name: &str, section: &Section, dir: &Path, limits: &Section, mode: Mode) -> Tenant {
        let base_url = section.get(&tenant::BASE_URL).value.trim_end_matches('/').to_owned();
        Tenant {
            id: name.into(),
            auth: self.auth(name, &section.table(&tenant::AUTH), &base_url, dir, mode),
            base_url,
            requests_per_minute: section.get(&tenant::REQUESTS_PER_MINUTE).value,
            latency: match section.get(&tenant::LATENCY).value.as_str() {
                "round_trip" => Latency::RoundTrip,
                _ => Latency::OneWay,
            },
            read_lag: READ_LAG,
            patch: section.find(&tenant::PATCH).map(|found| match found.value.as_str() {
                "replaces" => Patch::Replaces,
                _ => Patch::Merges,
            }),
            ca_file: path(section, &tenant::CA_FILE, dir),
            proxy: self.setting(section, &tenant::PROXY, &format!("tenants.{name}.proxy"), dir),
            headers: self.headers(name, section, dir),
            bridge: section.find_table(&tenant::BRIDGE).map(|bridge| self.bridge(bridge)),
            paths: paths(&section.table(&tenant::PATHS)),
            limits: limits_of(&section.table(&tenant::LIMITS).over(limits)),
        }
    }

    /// How long its reads may lag: no longer than any of its changes is read back for, or what lags would be called lost.
    fn read_lag(&mut self, name: &str, section: &Section, channels: &[Read], provisions: &[Desired]) -> Duration {
        let used =
            channels.iter().filter(|read| read.channel.key.tenant.as_str() == name).map(|read| &read.channel.policy);
        let wanted = provisions.iter().map(|d| &d.provision).filter(|p| p.tenant.as_str() == name).map(|p| &p.policy);
        let shortest = used.chain(wanted).min_by_key(|policy| policy.failover.verify_for);
        let Some(found) = section.find(&tenant::READ_LAG) else {
            return shortest.map_or(READ_LAG, |policy| READ_LAG.min(policy.failover.verify_for));
        };
        if let Some(policy) = shortest.filter(|policy| policy.failover.verify_for < found.value) {
            let (policy, verify_for) = (policy.name.clone(), policy.failover.verify_for);
            let message = format!("`read_lag` is longer than the time for which policy `{policy}` reads a change back");
            self.error(found.at, message)
                .label(format!("its verify_for is {verify_for:?}"))
                .help("a slower answer would make the change count as lost: raise verify_for, or lower read_lag");
        }
        found.value
    }

    fn auth(&mut self, name: &str, auth: &Section, base_url: &str, dir: &Path, mode: Mode) -> Auth {
        let grant = auth.get(&auth::GRANT);
        if grant.value == "access_key" {
            self.error(grant.at, "the grant \"access_key\" is not available yet")
                .help("use \"client_credentials\" until a later version offers it");
        }
        let token_path = auth.get(&auth::TOKEN_PATH).value;
        let mut scopes: Vec<String> = auth.list(&auth::SCOPES);
        if mode == Mode::Observe {
            scopes.retain(|scope| scope != WRITE_SCOPE);
        } else if auth.has(&auth::SCOPES) && !scopes.iter().any(|scope| scope == WRITE_SCOPE) {
            let message = format!("policies may change channels of `{name}`, but its scopes lack `{WRITE_SCOPE}`");
            self.warning(auth.key_at(&auth::SCOPES), message).label("the platform will refuse every change");
        }
        let what = format!("tenants.{name}.auth.client_secret");
        let secret = self.secret(auth, &auth::CLIENT_SECRET, &what, dir);
        Auth {
            client_id: auth.get(&auth::CLIENT_ID).value,
            // Where it is missing the reader said so, and this configuration is thrown away.
            client_secret: secret.unwrap_or_else(|| SecretRef::Env(String::new())),
            token_url: if token_path.starts_with('/') { format!("{base_url}{token_path}") } else { token_path },
            scopes,
        }
    }

    fn headers(&mut self, tenant: &str, section: &Section, dir: &Path) -> BTreeMap<String, Setting> {
        let mut headers: BTreeMap<String, Setting> = BTreeMap::new();
        let mut seen: HashMap<HeaderName, Loc> = HashMap::new();
        for (name, entry) in section.named(&tenant::HEADERS).into_iter().flatten() {
            let key_at = &entry.key_at;
            let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
                self.error(*key_at, "`headers` has a name that is not a valid HTTP header name");
                continue;
            };
            if is_ours(&parsed) {
                self.error(*key_at, format!("`headers` must not set `{parsed}`: the client sets it by itself"));
            }
            if let Some(first) = seen.get(&parsed) {
                let first = *first;
                self.error(*key_at, format!("`headers` sets `{parsed}` twice")).also(first, "first here");
            }
            seen.insert(parsed.clone(), *key_at);
            let value = match &entry.value {
                Value::Text(text) => Setting::Plain(text.clone()),
                Value::Secret(secret) => {
                    let what = format!("header {parsed} of tenants.{tenant}");
                    Setting::Secret(self.note_secret(secret.clone(), entry.at, &what, dir))
                }
                _ => continue,
            };
            headers.insert(name.clone(), value);
        }
        headers
    }
}

/// Headers that carry the request itself or its authorisation.
fn is_ours(name: &HeaderName) -> bool {
    [
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::COOKIE,
        header::HOST,
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::CACHE_CONTROL,
        header::PRAGMA,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::IF_MATCH,
    ]
    .contains(name)
}

fn paths(paths: &Section) -> Paths {
    let text = |key| paths.get(key).value;
    Paths {
        channels: text(&paths::CHANNELS),
        channel: text(&paths::CHANNEL),
        telemetry: text(&paths::TELEMETRY),
        bridge: text(&paths::BRIDGE),
        call: paths.find(&paths::CALL).map(|found| found.value),
        calls: paths.find(&paths::CALLS).map(|found| found.value),
    }
}

fn limits_of(limits: &Section) -> Limits {
    Limits {
        max_concurrent: limits.get(&limits::MAX_CONCURRENT).value,
        max_per_hour: limits.get(&limits::MAX_PER_HOUR).value,
        keep_fit: limits.get(&limits::KEEP_FIT).value,
        mass_hold: limits.get(&limits::MASS_HOLD).value,
    }
}
