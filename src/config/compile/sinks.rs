//! Where things are sent: audit sinks, files and webhooks.

use super::{Compiler, path};
use crate::config::keys::sink::{self, basic, export, file, webhook};
use crate::config::keys::{Key, List, audit, root};
use crate::config::loc::Loc;
use crate::config::model::Audit;
use crate::config::secrets::Setting;
use crate::config::section::{Section, Value};
use crate::config::sink::{Bulk, BulkWhen, Credentials, Export, FileSink, HttpSink, MAX_SINKS, Order, Webhook};
use crate::config::syntax;
use crate::policy::EventType;
use http::{HeaderName, header};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// What the two kinds of sinks that are reached by HTTP have each for itself.
struct Kind {
    name: &'static str,
    url: &'static Key<Setting>,
    events: &'static Key<List<String>>,
    order: &'static Key<String>,
}

const EXPORT: Kind = Kind { name: "export", url: &export::URL, events: &sink::EVENTS, order: &export::ORDER };
const WEBHOOK: Kind = Kind { name: "webhook", url: &webhook::URL, events: &webhook::EVENTS, order: &webhook::ORDER };

impl Compiler<'_> {
    /// `[audit]`.
    pub(super) fn audit(&mut self, audit: &Section, dir: &Path) -> Audit {
        let exports = audit.rows(&audit::EXPORT).map(|sink| self.export(sink, dir)).collect();
        let files = audit.rows(&audit::FILE).map(|sink| self.file(sink, dir)).collect();
        let proof = self.proof(audit, dir);
        Audit { compliance_tag: audit.get(&audit::COMPLIANCE_TAG).value, proof, exports, files }
    }

    /// `[[webhooks]]`, which stand in the main file only.
    pub(super) fn webhooks(&mut self, root: &Section, dir: &Path) -> Vec<Webhook> {
        root.rows(&root::WEBHOOKS).map(|hook| self.webhook(hook, dir)).collect()
    }

    /// Names are unique, and there are not too many of them.
    pub(super) fn sink_names(&mut self, root: &Section, sinks: (&Audit, &[Webhook])) {
        let (audit_sinks, webhooks) = sinks;
        let audit = root.table(&root::AUDIT);
        let exports = audit.rows(&audit::EXPORT).map(|s| s.at).zip(audit_sinks.exports.iter().map(|e| &e.sink.name));
        let files = audit.rows(&audit::FILE).map(|s| s.at).zip(audit_sinks.files.iter().map(|f| &f.name));
        let hooks = root.rows(&root::WEBHOOKS).map(|s| s.at).zip(webhooks.iter().map(|w| &w.sink.name));
        let mut seen: BTreeMap<String, Loc> = BTreeMap::new();
        let sinks: Vec<(Loc, String)> =
            exports.chain(files).chain(hooks).map(|(at, name)| (at, name.clone())).collect();
        if let Some((at, _)) = sinks.get(MAX_SINKS) {
            self.error(*at, format!("at most {MAX_SINKS} sinks are allowed, files and webhooks included"));
        }
        let with_bulk = audit_sinks.exports.iter().filter(|export| export.bulk.is_some());
        let bulk = with_bulk.filter_map(|export| {
            let (at, name) = sinks.iter().find(|(_, name)| *name == export.sink.name)?;
            Some((*at, Export::bulk_name(name)))
        });
        for (at, name) in sinks.iter().cloned().chain(bulk) {
            if let Some(first) = seen.insert(name.clone(), at) {
                self.error(at, format!("two sinks are named `{name}`"))
                    .also(first, "first here")
                    .help("give each sink its own `name`: metrics and the outbox tell sinks apart by it");
            }
        }
    }

    fn export(&mut self, section: &Section, dir: &Path) -> Export {
        let sink = self.http_sink(section, &EXPORT, dir);
        let cron = section.find(&export::BULK_CRON);
        if cron.is_some() && section.has(&export::BULK_INTERVAL) {
            self.error(section.key_at(&export::BULK_CRON), "`bulk_cron` and `bulk_interval` cannot be set together")
                .also(section.key_at(&export::BULK_INTERVAL), "the other one");
        }
        let when = match cron {
            Some(cron) => BulkWhen::Cron(cron.value),
            None => BulkWhen::Every(section.get(&export::BULK_INTERVAL).value),
        };
        let batch = usize::try_from(section.get(&export::BULK_BATCH).value).unwrap_or(1);
        let bulk = Bulk { when, batch };
        Export { sink, bulk: section.get(&export::BULK).value.then_some(bulk) }
    }

    fn file(&mut self, section: &Section, dir: &Path) -> FileSink {
        let path = dir.join(section.get(&file::PATH).value);
        let shown = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        FileSink {
            name: named(section, || derived("file", &shown, &path.to_string_lossy())),
            events: self.events(section.get(&sink::EVENTS).value),
            max_bytes: section.get(&file::MAX_BYTES).value,
            keep: section.get(&file::KEEP).value,
            max_pending: section.get(&sink::MAX_PENDING).value,
            path,
        }
    }

    /// The globs; one whose category is none of the log's tells of nothing, ever.
    fn events(&mut self, globs: List<String>) -> Vec<String> {
        for (glob, at) in &globs {
            let category = glob.split('.').next().unwrap_or_default();
            let known = EventType::ALL.iter().map(|event| event.category());
            if category.contains('*') || known.clone().any(|known| known == category) {
                continue;
            }
            let near = syntax::nearest(category, known);
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let shown = syntax::shorten(category);
            self.warning(*at, format!("no event type begins with `{shown}`{hint}")).label("this matches nothing");
        }
        globs.into_iter().map(|(glob, _)| glob).collect()
    }

    fn webhook(&mut self, section: &Section, dir: &Path) -> Webhook {
        let sink = self.http_sink(section, &WEBHOOK, dir);
        let mut secrets = Vec::new();
        if section.has(&webhook::SECRET) && section.has(&webhook::SECRETS) {
            self.error(section.key_at(&webhook::SECRETS), "`secret` and `secrets` cannot be set together")
                .also(section.key_at(&webhook::SECRET), "the other one")
                .help("put all of them into `secrets`, newest first");
        }
        secrets.extend(self.secret(section, &webhook::SECRET, &format!("secret of {}", sink.name), dir));
        for (n, (secret, at)) in section.get(&webhook::SECRETS).value.into_iter().enumerate() {
            let what = format!("secret {} of {}", n + 1, sink.name);
            secrets.push(self.note_secret(secret, at, &what, dir));
        }
        Webhook { sink, secrets }
    }

    fn http_sink(&mut self, section: &Section, of: &Kind, dir: &Path) -> HttpSink {
        let name = named(section, || match section.find(of.url).map(|found| found.value) {
            Some(Setting::Plain(url)) => derived(of.name, host(&url), &url),
            Some(Setting::Secret(place)) => derived(of.name, "secret", &place.to_string()),
            None => derived(of.name, "", ""),
        });
        let url = self.setting(section, of.url, &format!("url of {name}"), dir);
        HttpSink {
            credentials: self.credentials(section, &name, dir),
            ca_file: path(section, &sink::CA_FILE, dir),
            proxy: self.setting(section, &sink::PROXY, &format!("proxy of {name}"), dir),
            timeout: section.get(&sink::TIMEOUT).value,
            max_pending: section.get(&sink::MAX_PENDING).value,
            order: order(&section.get(of.order).value),
            max_tries: section.get(&sink::MAX_TRIES).value,
            events: self.events(section.get(of.events).value),
            name,
            // Where it is missing the reader said so, and this configuration is thrown away.
            url: url.unwrap_or_else(|| Setting::Plain(String::new())),
        }
    }

    fn credentials(&mut self, section: &Section, name: &str, dir: &Path) -> Credentials {
        let token = self.secret(section, &sink::TOKEN, &format!("token of {name}"), dir);
        let basic = section.find_table(&sink::BASIC).and_then(|basic| {
            let password = self.secret(basic, &basic::PASSWORD, &format!("password of {name}"), dir)?;
            Some((basic.get(&basic::USERNAME).value, password))
        });
        if section.has(&sink::TOKEN) && section.has(&sink::BASIC) {
            self.error(
                section.key_at(&sink::BASIC),
                "`basic` and `token` cannot be set together: both authorise the request",
            )
            .also(section.key_at(&sink::TOKEN), "the other one");
        }
        let key = self.secret(section, &sink::CLIENT_KEY, &format!("client_key of {name}"), dir);
        let certificate = path(section, &sink::CLIENT_CERT, dir);
        if section.has(&sink::CLIENT_CERT) != section.has(&sink::CLIENT_KEY) {
            let at = if section.has(&sink::CLIENT_CERT) {
                section.key_at(&sink::CLIENT_CERT)
            } else {
                section.key_at(&sink::CLIENT_KEY)
            };
            self.error(at, "`client_cert` and `client_key` go together: set both or neither");
        }
        Credentials { token, basic, headers: self.sink_headers(section, name, dir), client: certificate.zip(key) }
    }

    fn sink_headers(&mut self, section: &Section, name: &str, dir: &Path) -> Vec<(String, Setting)> {
        let mut headers = BTreeMap::new();
        for (header, entry) in section.named(&sink::HEADERS).into_iter().flatten() {
            let Ok(parsed) = HeaderName::from_bytes(header.as_bytes()) else {
                self.error(entry.key_at, "`headers` has a name that is not a valid HTTP header name");
                continue;
            };
            if let Some(why) = reserved(&parsed) {
                self.error(entry.key_at, format!("`headers` must not set `{parsed}`: {why}"));
            }
            let value = match &entry.value {
                Value::Text(text) => Setting::Plain(text.clone()),
                Value::Secret(secret) => Setting::Secret(self.note_secret(
                    secret.clone(),
                    entry.at,
                    &format!("header {parsed} of {name}"),
                    dir,
                )),
                _ => continue,
            };
            if headers.insert(parsed.to_string(), value).is_some() {
                self.error(entry.key_at, format!("`headers` sets `{parsed}` twice"));
            }
        }
        headers.into_iter().collect()
    }
}

/// By its word; the reader has checked the word.
fn order(word: &str) -> Order {
    if word == "set_aside" { Order::SetAside } else { Order::Strict }
}

fn named(section: &Section, or: impl FnOnce() -> String) -> String {
    section.find(&sink::NAME).map_or_else(or, |found| found.value)
}

/// The same for the same address, and without what a path may hold: services put secrets into it.
fn derived(kind: &str, place: &str, address: &str) -> String {
    let digest = Sha256::digest(address.as_bytes());
    let short = digest.iter().take(4).fold(0_u32, |all, byte| (all << 8) | u32::from(*byte));
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let place: String = place.chars().map(plain).take(40).collect();
    format!("{kind}-{place}-{short:08x}")
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Why a header is not for the file to set.
fn reserved(name: &HeaderName) -> Option<&'static str> {
    let ours = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::PROXY_AUTHORIZATION,
    ];
    match name.as_str() {
        "authorization" => Some("use `token` or `basic`"),
        "idempotency-key" => Some("it carries the delivery's id"),
        other if other.starts_with("webhook-") => Some("it carries the signature"),
        _ if ours.contains(name) => Some("the client sets it by itself"),
        _ => None,
    }
}
