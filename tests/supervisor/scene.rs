//! The daemon with its real client over the simulator's model, under paused time, and a way between them that the test bends.

use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::clock::Clock;
use trunkwarden::config::{self, Config, Tenant};
use trunkwarden::counters::Counters;
use trunkwarden::journal::{Filter, IdSource, Journal, Options, WriterMode};
use trunkwarden::platform::{Client, ClientSettings, Platform, Request, Response, Transport, TransportError};
use trunkwarden::policy::{Health, TenantId, Time, WallMs};
use trunkwarden::sim::{InProcess, Incident, Model, Scenario};
use trunkwarden::snapshot::Snapshot;
use trunkwarden::supervisor::{Clients, Daemon, Parts, Pulse, Reloads};

const WALL: WallMs = WallMs(1_795_219_200_000);
const SECRET: &str = "s3cret";

/// What the way does to an exchange.
pub enum Bent {
    Straight,
    /// The answer comes so much later, or not at all where that is too late.
    Late(Duration),
    /// Another answer, and the request never arrives.
    Instead(u16, &'static str),
    /// The answer's JSON is changed.
    Edited(Box<dyn FnOnce(&mut Value) + Send>),
}

type Bend = Arc<dyn Fn(&Request) -> Bent + Send + Sync>;

/// A request that left.
pub struct Sent {
    pub at: Time,
    pub what: String,
}

/// See the module.
pub struct Way {
    inner: InProcess,
    clock: Clock,
    bend: Mutex<Bend>,
    pub sent: Mutex<Vec<Sent>>,
}

#[async_trait::async_trait]
impl Transport for Way {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.url.trim_start_matches("http://127.0.0.1:1").to_owned();
        let sent = Sent { at: self.clock.now(), what: format!("{} {path}", request.method) };
        self.sent.lock().unwrap().push(sent);
        let bend = Arc::clone(&self.bend.lock().unwrap());
        let timeout = request.timeout;
        match bend(&request) {
            Bent::Straight => self.inner.send(request).await,
            Bent::Late(late) => {
                tokio::time::sleep(late.min(timeout)).await;
                if late >= timeout { Err(TransportError::Timeout) } else { self.inner.send(request).await }
            }
            Bent::Instead(status, body) => {
                let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
                let headers = [("content-type".parse().unwrap(), kind.parse().unwrap())].into_iter().collect();
                Ok(Response { status: status.try_into().unwrap(), headers, body: body.into() })
            }
            Bent::Edited(edit) => {
                let mut response = self.inner.send(request).await?;
                if let Ok(mut value) = serde_json::from_slice::<Value>(&response.body) {
                    edit(&mut value);
                    response.body = value.to_string().into();
                }
                Ok(response)
            }
        }
    }
}

/// See the module.
pub struct Scene {
    pub daemon: Daemon,
    pub reloads: Reloads,
    pub way: Arc<Way>,
    pub clock: Clock,
    pub model: Arc<Mutex<Model>>,
    folder: TempDir,
    age: Duration,
}

/// How the tenant is configured: `extra` comes before its channels.
pub struct Tuned {
    pub channels: usize,
    pub limit: u32,
    pub interval: u64,
    pub extra: String,
}

impl Tuned {
    pub fn text(&self, folder: &Path) -> String {
        let Self { channels, limit, interval, extra } = self;
        std::fs::write(folder.join("secret"), SECRET).unwrap();
        let folder = folder.display();
        let mut text = format!(
            "[daemon]\nstate_dir = \"{folder}\"\nmode = \"enforce\"\n\
             [tenants.acme]\nbase_url = \"http://127.0.0.1:1\"\nrequests_per_minute = {limit}\n\
             [tenants.acme.auth]\nclient_id = \"cid\"\nclient_secret = {{ file = \"{folder}/secret\" }}\n\
             [policies.default.health]\ninterval = \"{interval}s\"\ntimeout = \"5s\"\n{extra}",
        );
        for n in 1..=*channels {
            write!(text, "[[channels]]\nid = \"ch-{n:04}\"\ntenant = \"acme\"\n").unwrap();
        }
        text
    }
}

impl Scene {
    /// A platform as `told` has it, and a daemon over it.
    pub fn start(tuned: &Tuned, told: impl FnOnce(&mut Scenario)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut scenario = Scenario::quiet(7, tuned.channels);
        SECRET.clone_into(&mut scenario.options.client_secret);
        scenario.options.requests_per_minute = 100_000;
        told(&mut scenario);
        let model = Arc::new(Mutex::new(Model::new(scenario)));
        let text = tuned.text(folder.path());
        Self::process(folder, &text, model, Duration::ZERO, Arc::new(|_: &Request| Bent::Straight))
    }

    fn process(folder: TempDir, text: &str, model: Arc<Mutex<Model>>, age: Duration, bend: Bend) -> Self {
        let clock = Clock::virtual_from(WallMs(WALL.0 + i64::try_from(age.as_millis()).unwrap()));
        let inner = InProcess::older(Arc::clone(&model), clock.clone(), age);
        let way = Arc::new(Way { inner, clock: clock.clone(), bend: Mutex::new(bend), sent: Mutex::default() });
        let options = Options {
            mode: WriterMode::Inline,
            ids: IdSource::Seeded(1),
            ..Options::new(folder.path().join("journal.db"), clock.clone())
        };
        let (journal, recovered) = Journal::open(options).unwrap();
        let (transport, time) = (Arc::clone(&way), clock.clone());
        let connect = Box::new(move |tenant: &Tenant, secret: SecretString, spent| {
            let settings = ClientSettings::of(tenant, secret, spent, 7);
            let transport = Arc::clone(&transport) as Arc<dyn Transport>;
            Ok(Arc::new(Client::new(settings, transport, time.clone(), Arc::new(|_| ()))) as Arc<dyn Platform>)
        });
        let parts = Parts {
            clock: clock.clone(),
            journal,
            recovered,
            clients: Clients::new(connect),
            counters: Counters::new(),
            publish_every: Duration::from_millis(10),
            keep_observations: false,
            pulse: Pulse::of_a_daemon(|| ()),
        };
        let (daemon, reloads) = Daemon::start(&parse(text), parts).unwrap();
        Self { daemon, reloads, way, clock, model, folder, age }
    }

    /// Stops it and starts another one on the same state, `later`.
    pub async fn again(mut self, tuned: &Tuned, later: Duration) -> Self {
        self.daemon.stop.cancel();
        self.daemon.stopped().await.unwrap();
        let age = self.age + self.clock.now().since_origin() + later;
        let bend = Arc::clone(&self.way.bend.lock().unwrap());
        let text = tuned.text(self.folder.path());
        Self::process(self.folder, &text, self.model, age, bend)
    }

    pub async fn reload(&mut self, tuned: &Tuned) {
        let config = parse(&tuned.text(self.folder.path()));
        self.reloads.give(&config, "a test wants it".to_owned()).await.unwrap();
    }

    pub fn bend(&self, bend: impl Fn(&Request) -> Bent + Send + Sync + 'static) {
        *self.way.bend.lock().unwrap() = Arc::new(bend);
    }

    pub fn say(&self, channel: &str, is: &str) {
        let now = self.age + self.clock.now().since_origin();
        let incident = Incident::Status { channel: channel.to_owned(), is: is.to_owned() };
        self.model.lock().unwrap().apply(now, incident).unwrap();
    }

    /// How many requests whose method and path begin so have left since `since`.
    pub fn sent(&self, what: &str, since: Time) -> usize {
        let sent = self.way.sent.lock().unwrap();
        sent.iter().filter(|sent| sent.at >= since && sent.what.starts_with(what)).count()
    }

    /// The most requests that left within any minute.
    pub fn fullest_minute(&self) -> usize {
        let times: Vec<Time> = self.way.sent.lock().unwrap().iter().map(|sent| sent.at).collect();
        let within = |n: usize| times[n..].iter().take_while(|at| at.since(times[n]) < Duration::from_mins(1)).count();
        (0..times.len()).map(within).max().unwrap_or_default()
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.daemon.snapshot.read()
    }

    pub fn effective(&self) -> Duration {
        self.snapshot().tenants[&TenantId::from("acme")].effective_interval
    }

    /// Channels by their health.
    pub fn healths(&self) -> BTreeMap<Health, usize> {
        let mut healths = BTreeMap::new();
        self.snapshot().channels.values().for_each(|channel| *healths.entry(channel.health).or_default() += 1);
        healths
    }

    pub fn up(&self) -> usize {
        self.healths().get(&Health::Up).copied().unwrap_or_default()
    }

    /// How often the audit log tells of this event.
    pub fn told(&self, event: &str) -> usize {
        let filter = Filter { limit: 10_000, ..Filter::default() };
        let entries = self.daemon.reader.entries(&filter).unwrap().entries;
        entries.iter().filter(|entry| entry["event_type"] == event).count()
    }
}

fn parse(text: &str) -> Config {
    config::parse_str("test.toml", text).unwrap_or_else(|rejected| panic!("{rejected}")).config
}

/// Whether it asks for a page of the list.
pub fn is_list(request: &Request) -> bool {
    request.method == "GET" && request.url.contains("/api/v2/channels") && !request.url.contains("/channels/")
}

pub fn is_telemetry(request: &Request) -> bool {
    request.url.contains("/telemetry/")
}
