//! A platform of the test's own, whose every answer the test decides, and a daemon over it.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;
use trunkwarden::clearance::Clearance;
use trunkwarden::clock::Clock;
use trunkwarden::config;
use trunkwarden::counters::Counters;
use trunkwarden::journal::{Filter, IdSource, Journal, JournalError, KeptOperation, Options, WriterMode};
use trunkwarden::platform::{
    Answer, BridgeAnswer, BridgeOrder, BridgeWord, BudgetReading, CallControl, CallDoc, CallPage, ChannelChange,
    ChannelDoc, Class, ErrorClass, ListPage, Platform, PlatformError, TelemetryAnswer, TelemetryQuery,
};
use trunkwarden::policy::{ChannelId, LookError, Sample, Time, WallMs};
use trunkwarden::supervisor::{Clients, Daemon, Parts, Pulse, Reloads};

pub const WALL: WallMs = WallMs(1_795_000_000_000);

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Made at once.
    Made,
    /// Taken, and never made.
    Dropped,
    /// Taken, and made so much later.
    Late(Duration),
}

/// Where the daemon dies of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Before it reaches the platform.
    Unsent,
    /// When the platform has it, before the answer.
    Unanswered,
    /// At the first read-back, with the answer in hand.
    AtReadBack,
}

/// A page by its name: its channels (id, name) and the next page.
pub type Pages = Box<dyn FnMut(Option<&str>) -> (Vec<(&'static str, &'static str)>, Option<String>) + Send>;

/// What the platform holds and how it behaves. It outlives the daemon.
#[derive(Default)]
pub struct Held {
    pub status: BTreeMap<String, String>,
    pub route: BTreeMap<String, String>,
    pub codecs: BTreeMap<String, Value>,
    /// The backups that the platform names.
    pub backups: BTreeMap<String, Vec<String>>,
    /// Packet loss, where there is telemetry.
    pub loss: BTreeMap<String, f64>,
    pub gone: BTreeSet<String>,
    /// Suspect looks at these never get their turn.
    pub starved: BTreeSet<String>,
    /// From this moment on, whoever reads gets an error.
    pub deaf_from: Option<Time>,
    /// Changes are taken and not made.
    pub drops_changes: bool,
    /// Whoever reads runs into a defect of ours.
    pub broken: bool,
    /// The tag of every channel, which is refused whenever it comes back.
    pub refused_tag: Option<String>,
    /// What changes came with as `If-Match`.
    pub matched: Vec<Option<String>>,
    /// Every change that reached the platform.
    pub changes: Vec<(String, Value)>,
    /// Changes that were made.
    pub made: Vec<String>,
    /// Changes still to be made, and when.
    pub late: Vec<(WallMs, String, Value)>,
    /// What becomes of the next change, and where the daemon dies of it; then as usual.
    pub next: Option<(Fate, Option<Death>)>,
    /// The daemon dies at the next read.
    pub dies_at_read: bool,
    /// Requests a minute, where they are fewer than the file's.
    pub limit: Option<u32>,
    /// An amendment is under way so long once it is sent.
    pub amend_takes: Duration,
    /// An amendment waits to be sent until it is called back.
    pub amend_waits: bool,
    /// An amendment has no answer, and is made so much later; `None`: never.
    #[allow(clippy::option_option, reason = "whether, and when")]
    pub amend_lost: Option<Option<Duration>>,
    /// Reads that nobody waits for by the platform's class never get their turn, from here on.
    pub rest_starves: bool,
    /// What each listing shows, page by page, from the name of the page on; without it there is no list.
    pub pages: Option<Pages>,
    /// Every channel that was created.
    pub created: Vec<Value>,
    /// Every single look: at whom, when, in which class.
    pub looks: Vec<(String, Time, Class)>,
    /// Calls can be listed.
    pub has_calls: bool,
    /// So many are on every channel.
    pub calls: usize,
    /// Those that were bridged.
    pub bridged: Vec<String>,
    /// Amendments are taken and not made.
    pub amend_ignored: bool,
    /// Whose credentials are shown, and whether they are there.
    pub credentials: BTreeMap<String, bool>,
    /// Every amendment that was sent, and when.
    pub amended: Vec<(Time, Value)>,
    /// When changes of the engine's reached the platform.
    pub changed_at: Vec<Time>,
    /// Whose telemetry was asked for.
    pub measured: BTreeSet<String>,
}

impl Held {
    fn make(&mut self, id: &str, body: &Value) {
        self.made.push(id.to_owned());
        if let Some(to) = body["routing"]["primary_channel_id"].as_str() {
            self.route.insert(id.to_owned(), to.to_owned());
        }
        if let Some(backups) = body["routing"]["failover_channels"].as_array() {
            let backups = backups.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
            self.backups.insert(id.to_owned(), backups);
        }
        if body["configuration"]["authentication"].is_object() {
            self.credentials.insert(id.to_owned(), true);
        }
        if body["configuration"]["codecs"].is_array() {
            self.codecs.insert(id.to_owned(), body["configuration"]["codecs"].clone());
        }
    }
}

pub struct Fake {
    pub held: Arc<Mutex<Held>>,
    pub clock: Clock,
    /// The daemon dies: whoever plays it stops.
    pub death: Arc<Notify>,
}

impl Fake {
    pub fn with<T>(&self, f: impl FnOnce(&mut Held) -> T) -> T {
        f(&mut self.held.lock().unwrap())
    }

    pub fn say(&self, id: &str, status: &str) {
        self.with(|held| held.status.insert(id.to_owned(), status.to_owned()));
    }

    fn doc(&self, id: &ChannelId) -> ChannelDoc {
        let (id, now) = (id.as_str(), self.clock.wall());
        self.with(|held| {
            let (due, later) = std::mem::take(&mut held.late).into_iter().partition(|(at, ..)| *at <= now);
            held.late = later;
            let due: Vec<(WallMs, String, Value)> = due;
            for (_, whose, body) in due {
                held.make(&whose, &body);
            }
            let route = held.route.get(id).cloned().unwrap_or_else(|| id.to_owned());
            let status = held.status.get(id).cloned().unwrap_or_else(|| "healthy".to_owned());
            let mut value =
                json!({ "id": id, "status": status, "routing": { "primary_channel_id": route, "region": "east" } });
            if let Some(backups) = held.backups.get(id) {
                value["routing"]["failover_channels"] = json!(backups);
            }
            if let Some(codecs) = held.codecs.get(id) {
                value["configuration"] = json!({ "codecs": codecs });
                if held.credentials.get(id) == Some(&true) {
                    value["configuration"]["authentication"] = json!({ "username": "u", "password": "***" });
                }
            }
            ChannelDoc::from_value(value, held.refused_tag.clone()).unwrap()
        })
    }

    fn answer<T>(&self, value: T) -> Answer<T> {
        Answer { value, as_of: self.clock.now(), asked_at: self.clock.now(), answered_at: self.clock.now(), date: None }
    }

    async fn die(&self) -> ! {
        self.death.notify_one();
        std::future::pending().await
    }
}

fn error(class: ErrorClass, look: LookError) -> PlatformError {
    let (attempted, message) = ("GET".to_owned(), "as the test wants it".to_owned());
    PlatformError { class, look, status: None, attempted, message, retry_after: None, sent: true }
}

#[async_trait]
impl Platform for Fake {
    async fn channel(&self, id: &ChannelId, class: Class, _: Duration) -> Result<Answer<ChannelDoc>, PlatformError> {
        if class == Class::Suspect && self.with(|held| held.starved.contains(id.as_str())) {
            std::future::pending::<()>().await;
        }
        if class == Class::Rest && self.with(|held| held.rest_starves) {
            std::future::pending::<()>().await;
        }
        self.with(|held| held.looks.push((id.to_string(), self.clock.now(), class)));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!self.with(|held| held.broken), "a defect");
        if class == Class::Action && self.with(|held| std::mem::take(&mut held.dies_at_read)) {
            self.die().await;
        }
        let now = self.clock.now();
        if self.with(|held| held.deaf_from.is_some_and(|from| now >= from)) {
            return Err(error(ErrorClass::Retryable, LookError::Server));
        }
        if self.with(|held| held.gone.contains(id.as_str())) {
            return Err(error(ErrorClass::NotFound, LookError::Unexpected));
        }
        Ok(self.answer(self.doc(id)))
    }

    async fn channels(&self, page: Option<&str>, class: Class, _: Duration) -> Result<Answer<ListPage>, PlatformError> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        // The prober's own looks are single ones.
        let shown = self.with(|held| held.pages.as_mut().filter(|_| class != Class::Poll).map(|pages| pages(page)));
        let Some((rows, next)) = shown else { return Err(error(ErrorClass::Unsupported, LookError::Unexpected)) };
        let row = |(id, name): (&str, &str)| ChannelDoc::from_value(json!({ "id": id, "name": name }), None);
        let channels = rows.into_iter().filter_map(row).collect();
        Ok(self.answer(ListPage { channels, next, ..ListPage::default() }))
    }

    async fn create_channel(
        &self,
        clearance: &Clearance,
        body: &Value,
        _: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        clearance.gate().pass(self.clock.now()).unwrap();
        let id = self.with(|held| {
            held.created.push(body.clone());
            format!("new-{}", held.created.len())
        });
        Ok(self.answer(self.doc(&id.as_str().into())))
    }

    fn call_control(&self) -> Option<Arc<dyn CallControl>> {
        let calls = || Arc::new(Calls { held: Arc::clone(&self.held), clock: self.clock.clone() });
        self.with(|held| held.has_calls).then(|| calls() as Arc<dyn CallControl>)
    }

    async fn telemetry(&self, query: &TelemetryQuery, _: Duration) -> Result<Answer<TelemetryAnswer>, PlatformError> {
        let items = self.with(|held| {
            held.measured.extend(query.channels.iter().map(ToString::to_string));
            let measured = query.channels.iter().filter_map(|id| Some((id.clone(), *held.loss.get(id.as_str())?)));
            let sample =
                |loss| Sample { at: None, latency_ms: Some(20.0), jitter_ms: Some(1.0), packet_loss_pct: Some(loss) };
            measured.flat_map(|(id, loss)| vec![(Some(id), sample(loss)); 3]).collect()
        });
        Ok(self.answer(TelemetryAnswer { items, malformed: 0 }))
    }

    async fn change_channel(
        &self,
        clearance: &Clearance,
        change: ChannelChange<'_>,
        _: Duration,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        match change.class {
            Class::Action => self.act(change).await,
            _ => self.amend(clearance, change).await,
        }
    }

    async fn authorise(&self, _: Duration) -> Result<Option<Vec<String>>, PlatformError> {
        Ok(None)
    }

    fn set_limit(&self, _: u32) {}

    fn budget(&self) -> BudgetReading {
        let limit = self.with(|held| held.limit).unwrap_or(600);
        BudgetReading { configured: 600, limit, looks: limit, available: limit, waiting: 0 }
    }

    fn recent_requests(&self) -> Vec<Duration> {
        Vec::new()
    }
}

impl Fake {
    /// A change of the engine's.
    async fn act(&self, change: ChannelChange<'_>) -> Result<Answer<ChannelDoc>, PlatformError> {
        let ChannelChange { id, body, if_match, .. } = change;
        let body: &Value = &serde_json::from_str(body.as_str()).unwrap();
        self.with(|held| held.matched.push(if_match.map(str::to_owned)));
        if if_match.is_some() {
            return Err(error(ErrorClass::Conflict, LookError::Unexpected));
        }
        let next = self.with(|held| held.next.take());
        let (fate, death) = next.unwrap_or((Fate::Made, None));
        if death == Some(Death::Unsent) {
            self.die().await;
        }
        let now = self.clock.wall();
        self.with(|held| {
            held.changes.push((id.to_string(), body.clone()));
            held.changed_at.push(self.clock.now());
            match fate {
                _ if held.drops_changes => {}
                Fate::Dropped => {}
                Fate::Made => held.make(id.as_str(), body),
                Fate::Late(after) => {
                    let at = WallMs(now.0 + i64::try_from(after.as_millis()).unwrap());
                    held.late.push((at, id.to_string(), body.clone()));
                }
            }
            held.dies_at_read = death == Some(Death::AtReadBack);
        });
        if death == Some(Death::Unanswered) {
            self.die().await;
        }
        Ok(self.answer(self.doc(id)))
    }

    /// A channel put right.
    async fn amend(
        &self,
        clearance: &Clearance,
        change: ChannelChange<'_>,
    ) -> Result<Answer<ChannelDoc>, PlatformError> {
        let ChannelChange { id, body, .. } = change;
        let body: &Value = &serde_json::from_str(body.as_str()).unwrap();
        if self.with(|held| held.amend_waits) {
            clearance.gate().closed(self.clock.now()).await;
        }
        if let Err(why) = clearance.gate().pass(self.clock.now()) {
            return Err(PlatformError { message: why, ..error(ErrorClass::Withdrawn, LookError::Unexpected) });
        }
        let (takes, lost) = self.with(|held| {
            held.amended.push((self.clock.now(), body.clone()));
            (held.amend_takes, held.amend_lost)
        });
        tokio::time::sleep(takes).await;
        if let Some(lands) = lost {
            let now = self.clock.wall().0;
            let at = lands.map(|after| WallMs(now + i64::try_from(after.as_millis()).unwrap()));
            self.with(|held| held.late.extend(at.map(|at| (at, id.to_string(), body.clone()))));
            return Err(error(ErrorClass::UnknownOutcome, LookError::Timeout));
        }
        self.with(|held| {
            if !held.amend_ignored {
                held.make(id.as_str(), body);
            }
        });
        Ok(self.answer(self.doc(id)))
    }
}

/// Calls as the test has them; each can be bridged.
struct Calls {
    held: Arc<Mutex<Held>>,
    clock: Clock,
}

impl Calls {
    fn answer<T>(&self, value: T) -> Answer<T> {
        let now = self.clock.now();
        Answer { value, asked_at: now, answered_at: now, as_of: now, date: None }
    }
}

#[async_trait]
impl CallControl for Calls {
    async fn bridge(&self, order: BridgeOrder<'_>, _: Duration) -> Result<Answer<BridgeAnswer>, PlatformError> {
        if let Err(why) = order.clearance.gate().pass(self.clock.now()) {
            return Err(PlatformError { message: why, ..error(ErrorClass::Withdrawn, LookError::Unexpected) });
        }
        self.held.lock().unwrap().bridged.push(order.call.to_owned());
        Ok(self.answer(BridgeAnswer { id: None, said: BridgeWord::Made }))
    }

    fn reads_calls(&self) -> bool {
        false
    }

    async fn call(&self, _: &str, _: Class, _: Duration) -> Result<Answer<CallDoc>, PlatformError> {
        Err(error(ErrorClass::Unsupported, LookError::Unexpected))
    }

    fn lists_calls(&self) -> bool {
        true
    }

    async fn calls(&self, _: &ChannelId, _: Option<&str>, _: Duration) -> Result<Answer<CallPage>, PlatformError> {
        let call = |n| CallDoc { id: format!("call-{n}"), direction: Some("inbound".into()), ..CallDoc::default() };
        let calls = (1..=self.held.lock().unwrap().calls).map(call).collect();
        Ok(self.answer(CallPage { calls, ..CallPage::default() }))
    }

    async fn lacking_scopes(&self, _: Duration) -> Result<Vec<String>, PlatformError> {
        Ok(Vec::new())
    }
}

pub struct World {
    pub daemon: Daemon,
    pub platform: Arc<Fake>,
    pub reloads: Reloads,
    _folder: Option<TempDir>,
}

/// `a` with the backups `b` and `c`, and `d`.
pub fn file(folder: &Path) -> String {
    std::fs::write(folder.join("secret"), "s3cret").unwrap();
    let channel =
        |id: &str, backups: &str| format!("[[channels]]\nid = \"{id}\"\ntenant = \"acme\"\nfailover = {backups}\n");
    format!(
        "[daemon]\nstate_dir = \"{folder}\"\nmode = \"enforce\"\n\
         [tenants.acme]\nbase_url = \"http://127.0.0.1:1\"\nrequests_per_minute = 600\n\
         [tenants.acme.auth]\nclient_id = \"cid\"\nclient_secret = {{ file = \"{folder}/secret\" }}\n{}{}{}{}",
        channel("a", r#"["b", "c"]"#),
        channel("b", "[]"),
        channel("c", "[]"),
        channel("d", "[]"),
        folder = folder.display()
    )
}

impl World {
    pub fn start(orphans: Vec<KeptOperation>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = file(folder.path());
        let world = Self::over(folder.path(), &text, Arc::default(), WALL, orphans);
        Self { _folder: Some(folder), ..world }
    }

    /// A daemon with this configuration on the state in `folder`, over a platform that holds this, at this time of day.
    pub fn over(folder: &Path, text: &str, held: Arc<Mutex<Held>>, wall: WallMs, orphans: Vec<KeptOperation>) -> Self {
        let clock = Clock::virtual_from(wall);
        let config = parse(text);
        let platform = Arc::new(Fake { held, clock: clock.clone(), death: Arc::default() });
        let given = Arc::clone(&platform);
        let mode = WriterMode::Inline;
        let options =
            Options { mode, ids: IdSource::Seeded(1), ..Options::new(folder.join("journal.db"), clock.clone()) };
        let (journal, mut recovered) = Journal::open(options).unwrap();
        recovered.open.extend(orphans);
        let parts = Parts {
            clock,
            journal,
            recovered,
            clients: Clients::new(Box::new(move |_, _, _| Ok(Arc::clone(&given) as Arc<dyn Platform>))),
            counters: Counters::new(),
            publish_every: Duration::from_millis(100),
            keep_observations: false,
            pulse: Pulse::of_a_daemon(|| ()),
        };
        let (daemon, reloads) = Daemon::start(&config, parts).unwrap();
        Self { daemon, platform, reloads, _folder: None }
    }

    /// How often the audit log tells of this event.
    pub fn told(&self, event: &str) -> Result<usize, JournalError> {
        Ok(self.entries()?.iter().filter(|entry| entry["event_type"] == event).count())
    }

    /// The audit log, newest first.
    pub fn entries(&self) -> Result<Vec<Value>, JournalError> {
        Ok(self.daemon.reader.entries(&Filter { limit: 1000, ..Filter::default() })?.entries)
    }

    pub fn changes(&self) -> usize {
        self.platform.with(|held| held.changes.len())
    }
}

pub fn parse(text: &str) -> config::Config {
    config::parse_str("test.toml", text).unwrap_or_else(|rejected| panic!("{rejected}")).config
}
