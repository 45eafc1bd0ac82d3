//! `check --online`: tries each tenant as the daemon would, changes nothing, and says who would back whom now.
//!
//! It works under the same request limit as the daemon, and beside it: on a small limit a tenant with many channels and
//! no list takes its time.

use super::super::run::connect;
use crate::cli::terminal;
use crate::cli::terminal::plain;
use crate::clock::Clock;
use crate::config::{Config, Tenant, count};
use crate::counters::Counters;
use crate::journal::Reader;
use crate::platform::{ChannelDoc, Class, ErrorClass, Pages, Platform, PlatformError, Spent};
use crate::policy::{ChannelId, TenantId};
use crate::provision::{self, Desired, Digests, Plan, Surveyor};
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Pages of a list that are read at most.
const MOST_PAGES: usize = 1000;

/// Tries every tenant; 0 only if nothing stands in the way of any.
pub(super) async fn run(config: &Config) -> ExitCode {
    let clock = Clock::system();
    let connect = connect(clock, Counters::new());
    let mut fine = true;
    for (id, tenant) in &config.tenants {
        terminal::line(&format!("tenant {id} at {}", tenant.base_url));
        let platform = tenant
            .auth
            .client_secret
            .resolve()
            .map_err(|error| error.to_string())
            // Nothing is known of the last minute, which a running daemon may have spent: paced from the start.
            .and_then(|secret| connect(tenant, secret, Spent::Unknown));
        match platform {
            Ok(platform) => fine &= Try { config, id, tenant, platform }.run().await,
            Err(why) => {
                terminal::line(&format!("  FAIL  {why}"));
                fine = false;
            }
        }
    }
    ExitCode::from(u8::from(!fine))
}

struct Try<'a> {
    config: &'a Config,
    id: &'a TenantId,
    tenant: &'a Tenant,
    platform: Arc<dyn Platform>,
}

impl Try<'_> {
    async fn run(self) -> bool {
        let mut fine = match self.platform.authorise(TIMEOUT).await {
            Ok(granted) => self.scopes(granted),
            Err(error) => {
                terminal::line(&format!("  FAIL  token: {error}"));
                return false;
            }
        };
        fine &= self.bridging().await;
        let mut docs = BTreeMap::new();
        let mut oldest = Duration::ZERO;
        fine &= self.list(&mut docs, &mut oldest).await;
        let wanted = self.wanted(&docs);
        for id in wanted {
            if docs.contains_key(&id) {
                continue;
            }
            match self.platform.channel(&id, Class::Rest, TIMEOUT).await {
                Ok(answer) => {
                    oldest = oldest.max(answer.asked_at.since(answer.as_of));
                    docs.insert(id, answer.value);
                }
                Err(error) if error.class == ErrorClass::NotFound => {
                    terminal::line(&format!("  FAIL  channel {id}: the platform has no such channel"));
                    fine = false;
                }
                Err(error) => {
                    terminal::line(&format!("  FAIL  channel {id}: {error}"));
                    fine = false;
                }
            }
        }
        fine &= self.cache(oldest);
        self.backing(&docs);
        fine & self.desired().await
    }

    fn scopes(&self, granted: Option<Vec<String>>) -> bool {
        let Some(granted) = granted else {
            terminal::line("  ok    token (the platform does not say which scopes it grants)");
            return true;
        };
        let missing: Vec<&str> =
            self.tenant.auth.scopes.iter().map(String::as_str).filter(|s| !granted.iter().any(|g| g == s)).collect();
        if missing.is_empty() {
            terminal::line("  ok    token with every scope asked for");
        } else {
            terminal::line(&format!(
                "  FAIL  the token lacks {}: have the role granted, or remove them from `auth.scopes`",
                missing.join(", ")
            ));
        }
        missing.is_empty()
    }

    /// Whether calls could be bridged; the rest does not depend on it.
    async fn bridging(&self) -> bool {
        let Some(control) = self.platform.call_control() else { return true };
        match control.lacking_scopes(TIMEOUT).await {
            Ok(lacking) if lacking.is_empty() => {
                terminal::line("  ok    token for bridging");
                return true;
            }
            Ok(lacking) => terminal::line(&format!(
                "  FAIL  the token for bridging lacks {}: have the role granted, or remove [bridge]; everything else works",
                lacking.join(", ")
            )),
            Err(error) => {
                terminal::line(&format!("  FAIL  token for bridging: {error}; everything else works without it"));
            }
        }
        false
    }

    async fn list(&self, docs: &mut BTreeMap<ChannelId, ChannelDoc>, oldest: &mut Duration) -> bool {
        let (mut pages, mut read, mut next) = (Pages::new(MOST_PAGES), 0, None::<String>);
        loop {
            let page = match self.platform.channels(next.as_deref(), Class::Rest, TIMEOUT).await {
                Ok(answer) => {
                    *oldest = (*oldest).max(answer.asked_at.since(answer.as_of));
                    answer.value
                }
                Err(error) => return told_no_list(&error),
            };
            read += 1;
            let turned = pages.next(page.channels.iter().map(|doc| doc.id().as_str()), page.next);
            docs.extend(page.channels.into_iter().map(|doc| (doc.id().clone(), doc)));
            match turned {
                Ok(None) => {
                    terminal::line(&format!(
                        "  ok    list: {} on {}",
                        count(docs.len(), "channel"),
                        count(read, "page")
                    ));
                    return true;
                }
                Ok(turned) => next = turned,
                Err(why) => {
                    terminal::line(&format!(
                        "  ok    list: it has no end ({why}); the remaining channels are asked for one by one"
                    ));
                    return true;
                }
            }
        }
    }

    /// Whether answers are new enough to be evidence: 3 intervals of the shortest one.
    fn cache(&self, oldest: Duration) -> bool {
        if oldest.is_zero() {
            return true;
        }
        let mine = self.config.channels.iter().filter(|c| c.key.tenant == *self.id);
        let shortest = mine.map(|c| c.policy.health.interval).min().unwrap_or(Duration::MAX);
        let fine = oldest < shortest.saturating_mul(3);
        terminal::line(&format!(
            "  {}  answers come from a cache, up to {} s old; make it pass on requests with `Cache-Control: no-cache`",
            if fine { "ok  " } else { "FAIL" },
            oldest.as_secs()
        ));
        fine
    }

    /// The configured channels and whoever may have to carry their traffic.
    fn wanted(&self, docs: &BTreeMap<ChannelId, ChannelDoc>) -> BTreeSet<ChannelId> {
        let mine = self.config.channels.iter().filter(|c| c.key.tenant == *self.id);
        mine.flat_map(|c| {
            let mut ids = candidates(docs, &c.key.channel, c.failover.as_ref());
            ids.push(c.key.channel.clone());
            ids
        })
        .collect()
    }

    /// What `channels plan` would say of this tenant.
    async fn desired(&self) -> bool {
        let desired = provision::desired(self.config);
        if desired.iter().all(|d| d.spec.tenant != *self.id) {
            return true;
        }
        let plan = match plan(self.config, self.id, &*self.platform, &desired).await {
            Ok(plan) => plan,
            Err(why) => {
                terminal::line(&format!("  FAIL  desired channels: {why}"));
                return false;
            }
        };
        for line in provision::plan_text(&plan).lines() {
            terminal::line(&format!("  {}", plain(line)));
        }
        plan.items.iter().all(|item| item.drifts().is_some())
    }

    fn backing(&self, docs: &BTreeMap<ChannelId, ChannelDoc>) {
        for channel in self.config.channels.iter().filter(|c| c.key.tenant == *self.id) {
            let id = &channel.key.channel;
            let Some(doc) = docs.get(id) else { continue };
            let candidates = candidates(docs, id, channel.failover.as_ref());
            let words: Vec<String> =
                candidates.iter().map(|c| format!("{c} ({})", condition(c, docs.get(c)))).collect();
            let backed = match candidates.iter().find(|c| condition(c, docs.get(*c)) == "healthy") {
                Some(first) => format!("would fail over to {first}; candidates: {}", words.join(", ")),
                None if candidates.is_empty() => "has no candidates configured".to_owned(),
                None => format!("has no fit candidate now: {}", words.join(", ")),
            };
            terminal::line(&format!("  {id} is {}; {backed}", condition(id, Some(doc))));
        }
    }
}

/// The plan for one tenant, by what the journal knows where there is one.
async fn plan(config: &Config, id: &TenantId, platform: &dyn Platform, all: &[Desired]) -> Result<Plan, String> {
    let path = config.daemon.state_dir.join("journal.db");
    let reader = path.exists().then(|| Reader::open(&path)).transpose().map_err(|error| error.to_string())?;
    let states = reader.as_ref().map(Reader::states).transpose().map_err(|error| error.to_string())?;
    let known = provision::all_known(states.iter().flatten());
    let digests = Digests::new(&config.daemon.state_dir);
    let surveyor = Surveyor::new(Clock::system(), reader, digests);
    let mine = all.iter().filter(|d| d.spec.tenant == *id).map(|d| (d, known.get(&d.key()).cloned()));
    Ok(Plan { items: surveyor.survey(platform, &mine.collect::<Vec<_>>()).await })
}

/// Whoever may have to carry the channel's traffic, in order.
fn candidates(
    docs: &BTreeMap<ChannelId, ChannelDoc>,
    id: &ChannelId,
    configured: Option<&Vec<ChannelId>>,
) -> Vec<ChannelId> {
    match configured {
        Some(configured) => configured.clone(),
        None => docs.get(id).map(|doc| doc.view().failover.unwrap_or_default()).unwrap_or_default(),
    }
}

fn told_no_list(error: &PlatformError) -> bool {
    if error.class == ErrorClass::Unsupported {
        terminal::line("  ok    no list; channels are asked for one by one");
        return true;
    }
    terminal::line(&format!("  FAIL  list: {error}"));
    false
}

/// `healthy` only where a channel is up and carries its own traffic.
fn condition(id: &ChannelId, doc: Option<&ChannelDoc>) -> String {
    let Some(view) = doc.map(ChannelDoc::view) else { return "missing".to_owned() };
    let status = view.status.unwrap_or_else(|| "no status".to_owned());
    match view.primary {
        Some(primary) if primary != *id => format!("{status}, its traffic goes to {primary}"),
        _ => status,
    }
}
