//! What a good configuration probably does not mean: for `check` alone, which a person reads.
//!
//! None of it is an error, and the daemon's log says nothing of it. Must never judge what an error was found in.

use super::diagnostic::{Diagnostic, Findings, Severity};
use super::documents::Documents;
use super::keys::{Key, failover, limits, policy, quality, root, tenant};
use super::loc::Loc;
use super::model::{Calendar, Config};
use super::secrets::Setting;
use super::section::Section;
use super::sink::{Credentials, HttpSink};
use super::source::Sources;
use super::syntax;
use crate::policy::TenantId;
use std::collections::BTreeSet;
use url::{Host, Url};

/// Keys of a policy on the scale of 0 to 100, and their tables.
static SCORES: [(&Key<Section>, &Key<f64>); 3] = [
    (&policy::FAILOVER, &failover::QUALITY_BELOW),
    (&policy::FAILOVER, &failover::MIN_CANDIDATE_SCORE),
    (&policy::QUALITY, &quality::OPTIMISE_BELOW),
];

/// All of it, in the order of the files; what points nowhere comes last.
pub(super) fn advice(sources: &Sources, documents: &Documents, config: &Config) -> Vec<Diagnostic> {
    let mut advisor = Advisor { sources, documents, config, findings: Findings::default(), bare: Vec::new() };
    advisor.policies();
    advisor.tenants();
    advisor.global_keep_fit();
    advisor.sinks();
    if config.channels.is_empty() && config.provisions.is_empty() {
        advisor.say("no [[channels]] row stands in the configuration: nothing is watched".to_owned());
    }
    let mut all = advisor.findings.finish();
    all.append(&mut advisor.bare);
    all
}

struct Advisor<'a> {
    sources: &'a Sources,
    documents: &'a Documents,
    config: &'a Config,
    findings: Findings,
    bare: Vec<Diagnostic>,
}

impl Advisor<'_> {
    fn say(&mut self, message: String) {
        self.bare.push(Diagnostic::bare(Severity::Warning, message));
    }

    fn policies(&mut self) {
        let documents = self.documents;
        let used = self.used_policies();
        for (_, name, at, section) in documents.named(&root::POLICIES) {
            if name != "default" && !used.contains(name) {
                self.findings.warning(self.sources, at, format!("no channel uses the policy `{name}`"));
            }
            let Some(section) = section else { continue };
            for (table, key) in SCORES {
                self.fraction(section, table, key);
            }
            self.windows(name, section, at);
        }
    }

    /// Policies of channels, and those that they inherit from.
    fn used_policies(&self) -> BTreeSet<String> {
        let channels = self.config.channels.iter().map(|channel| channel.policy.name.clone());
        let desired = self.config.provisions.iter().map(|desired| desired.policy.name.clone());
        let mut used: BTreeSet<String> = channels.chain(desired).collect();
        let parent = |name: &str| {
            let (_, _, _, section) = self.documents.named(&root::POLICIES).find(|(_, known, ..)| *known == name)?;
            section?.find(&policy::INHERIT).map(|found| found.value)
        };
        let mut next: Vec<String> = used.iter().cloned().collect();
        while let Some(name) = next.pop() {
            if let Some(parent) = parent(&name).filter(|parent| used.insert(parent.clone())) {
                next.push(parent);
            }
        }
        used
    }

    /// A score that is written as a share of one.
    fn fraction(&mut self, policy: &Section, table: &Key<Section>, key: &Key<f64>) {
        let Some(found) = policy.find_table(table).and_then(|table| table.find(key)) else { return };
        let (key, score) = (found.name, found.value);
        if score > 0.0 && score <= 1.0 {
            let message = format!("`{key}` is {score} on a scale of 0 to 100; did you mean {}?", score * 100.0);
            self.findings.warning(self.sources, found.at, message);
        }
    }

    /// Windows that never open.
    fn windows(&mut self, name: &str, section: &Section, at: Loc) {
        let Some(rules) = self.config.provisioning.get(name) else { return };
        let failback = rules.failback_window.iter().map(|window| ("failback_window", window));
        let maintenance = rules.maintenance.iter().map(|window| ("maintenance", window));
        for (key, Calendar { cron, .. }) in failback.chain(maintenance).filter(|(_, window)| never(&window.cron)) {
            let place = match key {
                "maintenance" => Some(section.key_at(&policy::MAINTENANCE)),
                _ => section.find_table(&policy::FAILOVER).map(|table| table.key_at(&failover::FAILBACK_WINDOW)),
            };
            let message = format!("`{key}` of policy `{name}` never opens: no day fits its cron \"{cron}\"");
            self.findings.warning(self.sources, place.unwrap_or(at), message);
        }
    }

    fn tenants(&mut self) {
        let (documents, config) = (self.documents, self.config);
        for (_, name, at, section) in documents.named(&root::TENANTS) {
            let id = TenantId::from(name);
            let (Some(its), Some(section)) = (config.tenants.get(&id), section) else { continue };
            if let Some(host) = in_the_clear(&its.base_url) {
                let at = section.find(&tenant::BASE_URL).map_or(at, |found| found.at);
                let message = format!("the client secret and the tokens of `{name}` go to {host} without encryption");
                self.findings.warning(self.sources, at, message).help("use https");
            }
            let channels = config.channels.iter().filter(|channel| channel.key.tenant == id).count()
                + config.provisions.iter().filter(|desired| desired.tenant == id).count();
            let keep_fit = its.limits.keep_fit;
            let main = documents.documents.first().map(|main| &main.root);
            let own = section.find_table(&tenant::LIMITS).and_then(|own| own.find(&limits::KEEP_FIT));
            let all = || main?.find_table(&root::LIMITS)?.find(&limits::KEEP_FIT);
            let set = own.or_else(all);
            if let Some(set) = set
                && channels > 0
                && too_many(keep_fit, channels)
            {
                let message = format!(
                    "`keep_fit` is {keep_fit} and `{name}` has {channels} channels: none of them can ever be moved"
                );
                self.findings.warning(self.sources, set.at, message);
            }
        }
    }

    fn global_keep_fit(&mut self) {
        let channels = self.config.channels.len() + self.config.provisions.len();
        let Some(keep_fit) = self.config.global_limits.keep_fit.filter(|keep| too_many(*keep, channels)) else {
            return;
        };
        if channels > 0 {
            self.say(format!(
                "`global_keep_fit` is {keep_fit} and there are {channels} channels: none of them can ever be moved"
            ));
        }
    }

    fn sinks(&mut self) {
        let config = self.config;
        let exports = config.audit.exports.iter().map(|export| &export.sink);
        let hooks = config.webhooks.iter().map(|hook| &hook.sink);
        for HttpSink { name, url, credentials, .. } in exports.chain(hooks) {
            let Setting::Plain(url) = url else { continue };
            let Credentials { token, basic, .. } = credentials;
            if let Some(host) = in_the_clear(url).filter(|_| token.is_some() || basic.is_some()) {
                self.say(format!("the credentials of the sink `{name}` go to {host} without encryption: use https"));
            }
        }
    }
}

/// Whether so many can never be up.
fn too_many(keep_fit: u32, channels: usize) -> bool {
    usize::try_from(keep_fit).is_ok_and(|keep_fit| keep_fit > channels)
}

/// Whether no moment ever fits the expression.
fn never(cron: &str) -> bool {
    syntax::cron(cron).is_some_and(|cron| cron.find_next_occurrence(&chrono::DateTime::UNIX_EPOCH, false).is_err())
}

/// The host, where what is sent there can be read on the way.
fn in_the_clear(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "http")?;
    let own = match url.host()? {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    (!own).then(|| url.host_str().unwrap_or_default().to_owned())
}
