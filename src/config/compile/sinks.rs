//! Where things are sent: audit sinks, files and webhooks.

use super::{Compiler, path};
use crate::config::model::Audit;
use crate::config::secrets::{SecretRef, Setting};
use crate::config::section::{Entry, Section, Value};
use crate::config::sink::{Bulk, BulkWhen, Credentials, Export, FileSink, HttpSink, MAX_SINKS, Order, Webhook};
use crate::config::source::Loc;
use crate::config::syntax;
use crate::policy::EventType;
use http::{HeaderName, header};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

impl Compiler<'_> {
    /// `[audit]`.
    pub(super) fn audit(&mut self, audit: &Section, dir: &Path) -> Audit {
        let exports = audit.tables("export").iter().map(|sink| self.export(sink, dir)).collect();
        let files = audit.tables("file").iter().map(|sink| self.file(sink, dir)).collect();
        let proof = self.proof(audit, dir);
        Audit { compliance_tag: audit.get::<String>("compliance_tag").value, proof, exports, files }
    }

    /// `[[webhooks]]`, which stand in the main file only.
    pub(super) fn webhooks(&mut self) -> Vec<Webhook> {
        let documents = self.documents;
        documents.rows("webhooks").map(|(dir, hook)| self.webhook(hook, dir)).collect()
    }

    /// Names are unique, and there are not too many of them.
    pub(super) fn sink_names(&mut self, audit: &Section, sinks: (&Audit, &[Webhook])) {
        let (audit_sinks, webhooks) = sinks;
        let exports =
            audit.tables("export").into_iter().map(|s| s.at).zip(audit_sinks.exports.iter().map(|e| &e.sink.name));
        let files = audit.tables("file").into_iter().map(|s| s.at).zip(audit_sinks.files.iter().map(|f| &f.name));
        let documents = self.documents;
        let hooks = documents.rows("webhooks").map(|(_, s)| s.at).zip(webhooks.iter().map(|w| &w.sink.name));
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
        let sink = self.http_sink(section, "export", dir);
        let cron = section.find::<String>("bulk_cron");
        if cron.is_some() && section.has("bulk_interval") {
            self.error(section.key_at("bulk_cron"), "`bulk_cron` and `bulk_interval` cannot be set together")
                .also(section.key_at("bulk_interval"), "the other one");
        }
        let when = match cron {
            Some(cron) => BulkWhen::Cron(cron.value),
            None => BulkWhen::Every(section.get::<Duration>("bulk_interval").value),
        };
        let batch: u32 = section.get("bulk_batch").value;
        let bulk = Bulk { when, batch: usize::try_from(batch).unwrap_or(1) };
        Export { sink, bulk: section.get::<bool>("bulk").value.then_some(bulk) }
    }

    fn file(&mut self, section: &Section, dir: &Path) -> FileSink {
        let path = dir.join(section.get::<String>("path").value);
        let shown = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let max_bytes: i64 = section.get("max_bytes").value;
        FileSink {
            name: named(section, || derived("file", &shown, &path.to_string_lossy())),
            events: self.events(section),
            max_bytes: u64::try_from(max_bytes).unwrap_or(u64::MAX),
            keep: section.get("keep").value,
            max_pending: section.get("max_pending").value,
            path,
        }
    }

    /// The globs; one whose category is none of the log's tells of nothing, ever.
    fn events(&mut self, section: &Section) -> Vec<String> {
        let globs = section.texts("events");
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
        let sink = self.http_sink(section, "webhook", dir);
        let mut secrets = Vec::new();
        if section.has("secret") && section.has("secrets") {
            self.error(section.key_at("secrets"), "`secret` and `secrets` cannot be set together")
                .also(section.key_at("secret"), "the other one")
                .help("put all of them into `secrets`, newest first");
        }
        secrets.extend(self.secret(section, "secret", &format!("secret of {}", sink.name), dir));
        for (n, entry) in section.get::<Vec<Entry>>("secrets").value.into_iter().enumerate() {
            if let Value::Secret(secret) = entry.value {
                let what = format!("secret {} of {}", n + 1, sink.name);
                secrets.push(self.note_secret(secret, entry.at, &what, dir));
            }
        }
        Webhook { sink, secrets }
    }

    fn http_sink(&mut self, section: &Section, kind: &str, dir: &Path) -> HttpSink {
        let plain = section.find::<String>("url").map(|found| found.value);
        let secret = section.find::<Option<SecretRef>>("url").and_then(|found| found.value);
        let name = named(section, || match (&plain, &secret) {
            (Some(url), _) => derived(kind, host(url), url),
            (None, Some(place)) => derived(kind, "secret", &place.to_string()),
            (None, None) => derived(kind, "", ""),
        });
        let url = self.setting(section, "url", &format!("url of {name}"), dir);
        HttpSink {
            credentials: self.credentials(section, &name, dir),
            ca_file: path(section, "ca_file", dir),
            proxy: self.setting(section, "proxy", &format!("proxy of {name}"), dir),
            timeout: section.get("timeout").value,
            max_pending: section.get("max_pending").value,
            order: order(section),
            max_tries: section.get("max_tries").value,
            events: self.events(section),
            name,
            // Where it is missing the reader said so, and this configuration is thrown away.
            url: url.unwrap_or_else(|| Setting::Plain(String::new())),
        }
    }

    fn credentials(&mut self, section: &Section, name: &str, dir: &Path) -> Credentials {
        let token = self.secret(section, "token", &format!("token of {name}"), dir);
        let basic = section.find_table("basic").and_then(|basic| {
            let password = self.secret(basic, "password", &format!("password of {name}"), dir)?;
            Some((basic.get::<String>("username").value, password))
        });
        if section.has("token") && section.has("basic") {
            self.error(
                section.key_at("basic"),
                "`basic` and `token` cannot be set together: both authorise the request",
            )
            .also(section.key_at("token"), "the other one");
        }
        let key = self.secret(section, "client_key", &format!("client_key of {name}"), dir);
        let certificate = path(section, "client_cert", dir);
        if section.has("client_cert") != section.has("client_key") {
            let at = section.key_at(if section.has("client_cert") { "client_cert" } else { "client_key" });
            self.error(at, "`client_cert` and `client_key` go together: set both or neither");
        }
        Credentials { token, basic, headers: self.sink_headers(section, name, dir), client: certificate.zip(key) }
    }

    fn sink_headers(&mut self, section: &Section, name: &str, dir: &Path) -> Vec<(String, Setting)> {
        let mut headers = BTreeMap::new();
        for (header, entry) in section.named("headers").into_iter().flatten() {
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
fn order(section: &Section) -> Order {
    if section.get::<String>("order").value == "set_aside" { Order::SetAside } else { Order::Strict }
}

fn named(section: &Section, or: impl FnOnce() -> String) -> String {
    section.find::<String>("name").map_or_else(or, |found| found.value)
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
