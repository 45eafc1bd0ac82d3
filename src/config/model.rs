//! The checked configuration. Whoever holds one may trust every value in it: the compiler is the only one who builds it.

use super::secrets::{SecretRef, Setting};
use super::sink::{Export, FileSink, Webhook};
use crate::policy::{ChannelId, ChannelKey, Codec, GlobalLimits, Latency, Limits, Mode, Params, Policy, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Every file that it came from, the main one first.
    pub files: Vec<PathBuf>,
    /// A digest of their names and of what they hold, in hex.
    pub digest: String,
    /// Every folder that a file of it came from or, by an `include`, may come from: what a reload watches.
    pub folders: BTreeSet<PathBuf>,
    /// The process.
    pub daemon: Daemon,
    /// Targets that tell whether our own network is there.
    pub references: References,
    /// How much may be changed at once over all tenants.
    pub global_limits: GlobalLimits,
    /// The tenants, by name.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// The policies, by name, as the engine takes them.
    pub policies: BTreeMap<String, Arc<Policy>>,
    /// What the engine does not need of each policy, by name.
    pub provisioning: BTreeMap<String, Provisioning>,
    /// The channels with an id, in the order of the files.
    pub channels: Vec<Channel>,
    /// The channels that are desired by name.
    pub provisions: Vec<Provision>,
    /// The audit log.
    pub audit: Audit,
    /// Webhooks.
    pub webhooks: Vec<Webhook>,
}

impl Config {
    /// What the engine works by.
    pub fn params(&self) -> Params {
        Params {
            mode: self.daemon.mode,
            global: self.global_limits,
            tenants: self
                .tenants
                .iter()
                .map(|(id, t)| {
                    let params = crate::policy::TenantParams {
                        latency: t.latency,
                        limits: t.limits,
                        read_lag: t.read_lag,
                        patch: t.patch,
                    };
                    (id.clone(), params)
                })
                .collect(),
            channels: self
                .channels
                .iter()
                .map(|c| crate::policy::ChannelParams {
                    key: c.key.clone(),
                    policy: Arc::clone(&c.policy),
                    failover: c.failover.clone(),
                    carrier: c.carrier.clone(),
                })
                .collect(),
        }
    }
}

/// `[daemon]`.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// Where status page, API and metrics are served.
    pub listen: SocketAddr,
    /// Where the journal and the control socket live.
    pub state_dir: PathBuf,
    /// Caps every policy's mode.
    pub mode: Mode,
    /// Names that a request's `Host` may bear, besides those of this machine and addresses.
    pub hosts: Vec<String>,
    /// The operator's token for writes over TCP; `None`: they are refused.
    pub operator_token: Option<SecretRef>,
}

/// `[references]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Host and port of each; empty: none is asked.
    pub targets: Vec<String>,
    /// How often each is tried.
    pub interval: Duration,
    /// How long a connection may take; below `interval`.
    pub timeout: Duration,
}

/// `[tenants.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// `http` or `https`, without a trailing slash.
    pub base_url: String,
    /// Our share of the tenant's request limit, all endpoints together.
    pub requests_per_minute: u32,
    /// What the platform's `latency_ms` means.
    pub latency: Latency,
    /// How long what is read may lag behind what was written.
    pub read_lag: Duration,
    /// What the platform does with what a `PATCH` leaves out; `None`: found out.
    pub patch: Option<crate::policy::Patch>,
    /// A PEM file with further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// A proxy's URL.
    pub proxy: Option<Setting>,
    /// Headers for every request.
    pub headers: BTreeMap<String, Setting>,
    /// How it is authorised.
    pub auth: Auth,
    /// Bridging, where the tenant has it.
    pub bridge: Option<Bridge>,
    /// Paths, relative to `base_url`.
    pub paths: Paths,
    /// How much may be changed at once.
    pub limits: Limits,
}

/// `[tenants.NAME.auth]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// The OAuth client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretRef,
    /// The absolute URL of the token endpoint.
    pub token_url: String,
    /// The scopes asked for.
    pub scopes: Vec<String>,
}

/// `[tenants.NAME.bridge]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bridge {
    /// The scopes of the token for bridging.
    pub scopes: Vec<String>,
    /// Most legs of one bridge, the call's own included.
    pub max_legs: u32,
    /// The types of targets that are allowed, of `phone`, `sip`, `agent` and `extension`.
    pub target_types: Vec<String>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long after the order a bridge may still be sent.
    pub deadline: Duration,
    /// How long a call is read back where it is not known whether it was bridged.
    pub verify_for: Duration,
}

/// `[tenants.NAME.paths]`; `{id}` and `{call}` are replaced, percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The list.
    pub channels: String,
    /// One channel.
    pub channel: String,
    /// Telemetry queries.
    pub telemetry: String,
    /// Bridging a call.
    pub bridge: String,
    /// Reading one call; `None`: the tenant has no way to.
    pub call: Option<String>,
    /// A channel's calls; `None`: the tenant has no such list.
    pub calls: Option<String>,
}

/// `[[channels]]` with an id.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Tenant and id.
    pub key: ChannelKey,
    /// Its policy.
    pub policy: Arc<Policy>,
    /// Its backups; `None`: the platform's.
    pub failover: Option<Vec<ChannelId>>,
    /// What it fails together with; `None`: its SIP server as read.
    pub carrier: Option<String>,
}

/// `[[channels]]` with a `[channels.provision]` table: desired, by name.
#[derive(Clone, Debug)]
pub struct Provision {
    /// The tenant.
    pub tenant: TenantId,
    /// The name, 3 to 64 characters.
    pub name: String,
    /// Its policy once it exists.
    pub policy: Arc<Policy>,
    /// What it fails together with; `None`: its SIP server as read.
    pub carrier: Option<String>,
    /// Host name of the carrier's SIP server.
    pub sip_server: String,
    /// Its port, 5060 to 5080.
    pub sip_port: u16,
    /// SIP user.
    pub username: String,
    /// SIP password.
    pub password: SecretRef,
    /// At least one, priorities 1 to 10.
    pub codecs: Vec<Codec>,
    /// Ids of its backups; `None`: none at its creation, and afterwards as the platform has them.
    pub failover: Option<Vec<ChannelId>>,
    /// The platform's own check; `None`: the defaults at its creation, and afterwards as the platform has it.
    pub health_check: Option<HealthCheck>,
}

/// `health_check` of `[channels.provision]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// 30 to 300 s.
    pub interval_seconds: u32,
    /// 5 to 30 s, below the interval.
    pub timeout_seconds: u32,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self { interval_seconds: 60, timeout_seconds: 15 }
    }
}

/// What the daemon does by itself where a desired channel is missing or differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProvisioningMode {
    /// It says so.
    #[default]
    Report,
    /// It creates what does not exist yet, and says what differs.
    Create,
    /// It also puts back what differs.
    Enforce,
}

/// What of a policy is not the engine's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provisioning {
    /// What the daemon does by itself where a desired channel is missing or differs.
    pub mode: ProvisioningMode,
    /// How often what is desired is held against the platform.
    pub interval: Duration,
    /// How long after a creation of unknown outcome no other is sent.
    pub settle_for: Duration,
    /// Call rescue.
    pub rescue: Option<Rescue>,
    /// Maintenance windows.
    pub maintenance: Vec<Calendar>,
    /// The window for failback, where `failback = "window"`.
    pub failback_window: Option<Calendar>,
}

/// `rescue`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rescue {
    /// Where calls are bridged to, such as `phone:+12025550100`.
    pub target: String,
    /// Calls at most for one failover.
    pub max_calls: u32,
    /// Calls a minute at most.
    pub per_minute: u32,
    /// Which calls, by direction.
    pub directions: Vec<String>,
}

/// A recurring window of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// When it starts: a cron expression with seconds.
    pub cron: String,
    /// How long it lasts.
    pub lasts: Duration,
    /// An IANA time zone.
    pub timezone: String,
}

/// `[audit]`.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The tag that every entry carries.
    pub compliance_tag: String,
    /// What proves the log.
    pub proof: Proof,
    /// Where entries are sent.
    pub exports: Vec<Export>,
    /// Files that get each entry.
    pub files: Vec<FileSink>,
}

/// What of `[audit]` proves the log: signed checkpoints, and how long entries stay in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The log's name; `None`: the key's.
    pub origin: Option<String>,
    /// The signing key; `None`: `{state_dir}/audit.key`.
    pub signing_key: Option<SecretRef>,
    /// A checkpoint after so many entries.
    pub checkpoint_entries: u32,
    /// A checkpoint after this time, where there is anything new.
    pub checkpoint_interval: Duration,
    /// Entries older than this are archived and removed; `None`: never.
    pub retention: Option<Duration>,
    /// The longest that a sink holds back archiving.
    pub hold_for: Duration,
    /// The sink that is asked at a start which checkpoints it holds.
    pub witness: Option<String>,
}
