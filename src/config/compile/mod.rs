//! From what was read to a checked [`Config`]: everything that two values say together.
//!
//! Each file here turns one kind of table into its part of the configuration. They never stop at an error: the result
//! of a run with errors is thrown away, but its messages are not.

mod calls;
mod channel;
mod damping;
mod files;
mod parts;
mod policy;
mod proof;
mod provision;
mod references;
mod sinks;
mod state_dir;
mod tenant;

use super::diagnostic::{self, Finding, Findings};
use super::documents::{Documents, OPERATOR, SecretUse};
use super::keys::daemon::{self, tokens};
use super::keys::tenant::REQUESTS_PER_MINUTE;
use super::keys::{Key, limits, root};
use super::loc::Loc;
use super::model::{Config, Daemon};
use super::secrets::{SecretRef, Setting};
use super::section::Section;
use super::source::Sources;
use super::{plan, syntax};
use crate::policy::plan::{ACTION_REQUESTS, reserve};
use crate::policy::{GlobalLimits, Mode, TenantId};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// What every part of the compiler is given.
pub(crate) struct Compiler<'c> {
    pub sources: &'c Sources,
    pub findings: &'c mut Findings,
    pub documents: &'c Documents,
    pub secrets: Vec<SecretUse>,
    /// What included files may name as secrets, by the main file.
    pub allowed: Vec<String>,
}

/// Compiles; `None` where there was no main file to compile.
pub(crate) fn compile(
    sources: &Sources,
    findings: &mut Findings,
    documents: &Documents,
) -> (Option<Config>, Vec<SecretUse>) {
    let mut compiler = Compiler { sources, findings, documents, secrets: Vec::new(), allowed: Vec::new() };
    let config = compiler.config();
    (config, compiler.secrets)
}

impl Compiler<'_> {
    fn config(&mut self) -> Option<Config> {
        let main = self.documents.documents.first()?;
        let (root, dir) = (&main.root, main.dir.as_path());
        self.allowed = self.include_secrets(root);
        let daemon = self.daemon(&root.table(&root::DAEMON), dir);
        let policies = self.policies();
        let channels = self.channels(&policies);
        let provisions = self.provisions(&policies);
        let tenants = self.tenants(&root.table(&root::LIMITS), daemon.mode, &policies, &channels, &provisions);
        self.references(&channels, &tenants);
        self.desired(&provisions, &channels, &policies, daemon.mode);
        let limits = root.table(&root::LIMITS);
        let audit = self.audit(&root.table(&root::AUDIT), dir);
        let webhooks = self.webhooks(root, dir);
        self.sink_names(root, (&audit, &webhooks));
        self.witness(&root.table(&root::AUDIT), (&audit, &webhooks));
        self.sink_files(&root.table(&root::AUDIT), &audit, &daemon.state_dir);
        self.own_secrets(&daemon.state_dir);
        let config = Config {
            global_limits: GlobalLimits {
                max_concurrent: limits.find(&limits::GLOBAL_MAX_CONCURRENT).map(|found| found.value),
                max_per_hour: limits.find(&limits::GLOBAL_MAX_PER_HOUR).map(|found| found.value),
                keep_fit: limits.find(&limits::GLOBAL_KEEP_FIT).map(|found| found.value),
            },
            files: self.sources.names(),
            digest: self.sources.digest(),
            folders: BTreeSet::new(),
            daemon,
            references: self.reference_targets(&root.table(&root::REFERENCES)),
            tenants: tenants.into_iter().map(|(name, tenant)| (name.as_str().into(), tenant.value)).collect(),
            provisioning: policies.iter().map(|(name, p)| (name.clone(), p.provisioning.clone())).collect(),
            policies: policies.into_iter().map(|(name, p)| (name, p.policy)).collect(),
            channels: channels.into_iter().map(|read| read.channel).collect(),
            provisions: provisions.into_iter().map(|desired| desired.provision).collect(),
            audit,
            webhooks,
        };
        self.plans(&config);
        self.rescues(&config);
        Some(config)
    }

    fn daemon(&mut self, daemon: &Section, dir: &Path) -> Daemon {
        let tokens = daemon.table(&daemon::TOKENS);
        Daemon {
            listen: daemon
                .get(&daemon::LISTEN)
                .value
                .parse()
                .unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, 9475))),
            state_dir: self.state_dir(daemon, dir),
            mode: mode(&daemon.get(&daemon::MODE).value),
            // The word for the names of this machine, which always pass.
            hosts: daemon.list(&daemon::HOSTS).into_iter().filter(|host| host != "loopback").collect(),
            operator_token: self.secret(&tokens, &tokens::OPERATOR, OPERATOR, dir),
        }
    }

    /// A warning for each tenant whose polls do not fit its limit.
    fn plans(&mut self, config: &Config) {
        if self.findings.errors() > 0 {
            return;
        }
        let documents = self.documents;
        for (_, name, at, section) in documents.named(&root::TENANTS) {
            self.action_fits(config, name, at, section);
            let plan = plan::plan(config, &name.into());
            if plan.fits {
                continue;
            }
            let limit = section.filter(|s| s.has(&REQUESTS_PER_MINUTE)).map_or(at, |s| s.key_at(&REQUESTS_PER_MINUTE));
            let message = format!(
                "polling the channels of `{name}` one by one needs {:.0} requests a minute, and its limit leaves {:.0} for polls",
                plan.needed_per_minute.ceil(),
                plan.available_per_minute.floor(),
            );
            self.warning(limit, message).help(format!(
                "unless the tenant has the channel list, looks will be {} apart: set health.interval to \"{}\", or raise requests_per_minute",
                syntax::spell(plan.effective_interval),
                syntax::spell(plan.fitting_interval),
            ));
        }
    }

    /// A warning where what one action has to ask for does not fit into the time that its evidence is good for: then the change
    /// waits for a slot until it is called back, again and again.
    fn action_fits(&mut self, config: &Config, name: &str, at: Loc, section: Option<&Section>) {
        let Some(tenant) = config.tenants.get(&TenantId::from(name)) else { return };
        let limit = tenant.requests_per_minute;
        if reserve(limit) >= ACTION_REQUESTS {
            return;
        }
        let least = (limit..=ACTION_REQUESTS * 10).find(|limit| reserve(*limit) >= ACTION_REQUESTS).unwrap_or(limit);
        let at = section.filter(|s| s.has(&REQUESTS_PER_MINUTE)).map_or(at, |s| s.key_at(&REQUESTS_PER_MINUTE));
        let message = format!(
            "at {limit} requests a minute `{name}` may never fail over: a failover needs {ACTION_REQUESTS} requests within its \
             action_timeout (a last look at the channel and at its target, and the change)"
        );
        self.warning(at, message).help(format!("set requests_per_minute to {least} or more"));
    }

    fn error(&mut self, at: Loc, message: impl Into<String>) -> Finding<'_> {
        self.findings.error(self.sources, at, message)
    }

    fn warning(&mut self, at: Loc, message: impl Into<String>) -> Finding<'_> {
        self.findings.warning(self.sources, at, message)
    }

    /// A secret's place, with a relative file made relative to `dir`; noted for `check`.
    fn secret(&mut self, section: &Section, key: &Key<SecretRef>, name: &str, dir: &Path) -> Option<SecretRef> {
        let found = section.find(key)?;
        Some(self.note_secret(found.value, found.at, name, dir))
    }

    /// The same for a secret that was found elsewhere.
    fn note_secret(&mut self, found: SecretRef, at: Loc, name: &str, dir: &Path) -> SecretRef {
        let secret = match found {
            SecretRef::File(path) => SecretRef::File(dir.join(path)),
            other => other,
        };
        if let Some(place) = diagnostic::place(self.sources, at, "") {
            self.secrets.push(SecretUse { name: name.to_owned(), secret: secret.clone(), place, at });
        }
        if at.file != 0 {
            self.included_secret(&secret, at, name, dir);
        }
        secret
    }

    /// A value that may be a secret, where the key is set rightly.
    fn setting(&mut self, section: &Section, key: &Key<Setting>, name: &str, dir: &Path) -> Option<Setting> {
        let found = section.find(key)?;
        Some(match found.value {
            Setting::Secret(secret) => Setting::Secret(self.note_secret(secret, found.at, name, dir)),
            plain @ Setting::Plain(_) => plain,
        })
    }

    /// An error for a name that nothing has, with the nearest one that something has.
    fn unknown<'n>(&mut self, at: Loc, what: &str, name: &str, known: impl Iterator<Item = &'n str>) {
        // A file that could not be read may hold it.
        if !self.documents.complete {
            return;
        }
        let name_shown = syntax::shorten(name);
        let message = match syntax::nearest(name, known) {
            Some(near) => format!("no {what} `{name_shown}` is configured; did you mean `{near}`?"),
            None => format!("no {what} `{name_shown}` is configured"),
        };
        self.error(at, message).label(format!("unknown {what}"));
    }
}

/// A mode by its word; the reader has checked the word.
fn mode(word: &str) -> Mode {
    match word {
        "enforce" => Mode::Enforce,
        "propose" => Mode::Propose,
        _ => Mode::Observe,
    }
}

/// A path of the file, relative to the file's directory.
fn path(section: &Section, key: &Key<String>, dir: &Path) -> Option<PathBuf> {
    section.find(key).map(|found| dir.join(found.value))
}
