//! A world: the platform's model with its incidents, and one process after the other of the real daemon that looks after it,
//! under time that is not real and from one seed.

use crate::audit;
use crate::oracle::{BASE, Oracle, SECRET, Tally};
use crate::schedule::{schedule, secs};
use crate::trunk::Rules;
use crate::wire::{Death, Wire};
use secrecy::SecretString;
use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;
use trunkwarden::clock::Clock;
use trunkwarden::config::{self, Config, Tenant};
use trunkwarden::journal::{IdSource, Journal, Options, Reader, Recovered, WriterMode};
use trunkwarden::platform::{Client, ClientSettings, Platform};
use trunkwarden::policy::{Order, TenantId, WallMs};
use trunkwarden::sim::{Event, InProcess, Merge, Model, RetryAfter, Scenario};
use trunkwarden::supervisor::{Clients, Counters, Daemon, Parts};

/// 2026-11-21T00:00:00Z.
const BEGINNING: i64 = 1_795_219_200_000;
/// A person looks at the daemon so often.
const ROUND: Duration = secs(20 * 60);

/// A world to be.
#[derive(Clone, Debug)]
pub struct World {
    pub seed: u64,
    pub channels: usize,
    pub lasts: Duration,
    /// How the processes before the last one die. Then the journal is a file.
    pub deaths: Vec<Death>,
}

/// What became of it.
#[derive(Debug)]
pub struct Played {
    pub entries: Vec<String>,
    pub tally: Tally,
    pub processes: usize,
}

impl World {
    pub fn new(seed: u64, channels: usize, lasts: Duration) -> Self {
        Self { seed, channels, lasts, deaths: Vec::new() }
    }

    /// Plays it to its end.
    ///
    /// # Panics
    /// Where the oracle objects; the message says how to play it again.
    pub fn play(&self) -> Played {
        self.try_play().unwrap_or_else(|why| panic!("{self:?}: {why}"))
    }

    fn try_play(&self) -> Result<Played, String> {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage {
            world: self,
            config: self.config(&folder),
            model: Arc::new(Mutex::new(Model::new(self.scenario()))),
            oracle: Oracle::shared(self.rules()),
            folder: folder.path(),
        };
        let mut now = Duration::ZERO;
        let mut processes = 0;
        loop {
            let death = self.deaths.get(processes).copied();
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let lived = runtime.block_on(stage.live(now, processes, death));
            // Whatever was under way in the process is gone with it.
            drop(runtime);
            processes += 1;
            if let Some(why) = stage.oracle.lock().unwrap().violations.first() {
                return Err(format!("process {processes}: {why}"));
            }
            match lived? {
                End::Died(at) => now = at + secs(1 + (self.seed + processes as u64 * 7) % 90),
                End::Stopped(entries) => {
                    let tally = stage.oracle.lock().unwrap().tally.clone();
                    return Ok(Played { entries, tally, processes });
                }
            }
        }
    }

    /// The policy, which differs from seed to seed.
    fn rules(&self) -> Rules {
        let of = |choices: &[u64]| secs(choices[usize::try_from(self.seed).unwrap() % choices.len()]);
        Rules {
            interval: secs(30),
            fall: 3,
            rise: 2,
            on: if self.seed % 4 == 3 { vec!["unhealthy".into(), "degraded".into()] } else { vec!["unhealthy".into()] },
            action_timeout: secs(10),
            verify_for: secs(30),
            block_period: of(&[600, 300, 120]),
            failback_after: of(&[900, 300]),
            cooldown: secs(600),
            max_dependents: if self.seed.is_multiple_of(5) { 1 } else { 2 },
            max_concurrent: 3,
            max_per_hour: if self.seed % 4 == 2 && self.channels <= 20 { 10 } else { 30 },
            requests_per_minute: 80,
        }
    }

    fn scenario(&self) -> Scenario {
        let mut scenario = Scenario::quiet(self.seed, self.channels);
        SECRET.clone_into(&mut scenario.options.client_secret);
        scenario.options.retry_after = RetryAfter::Varied;
        scenario.options.page_size = 40;
        scenario.options.etag = self.seed % 2 == 1;
        scenario.options.missing_items = 0.05;
        scenario.options.clock_skew_seconds = i64::try_from(self.seed % 7).unwrap() * 20 - 60;
        if self.seed.is_multiple_of(3) {
            // Whoever does not hear of a change cannot see it at once either.
            scenario.options.patch_delay = secs(12);
        }
        // Every other trunk prefers a codec that bears no loss.
        for spec in scenario.channels.iter_mut().step_by(2) {
            spec.codecs = Some(["PCMU", "G729", "OPUS"].map(str::to_owned).to_vec());
        }
        if self.seed % 3 == 1 {
            scenario.options.patch = Merge::Replace;
        }
        let quiet = (self.lasts / 5).max(secs(3600));
        let mut events: Vec<Event> = schedule(self.seed, self.channels, self.lasts, quiet)
            .into_iter()
            .map(|(after, incident)| Event { after, incident })
            .collect();
        events.sort_by_key(|event| event.after);
        scenario.events = events;
        scenario
    }

    fn config(&self, folder: &TempDir) -> Config {
        let rules = self.rules();
        let secret = folder.path().join("client-secret");
        std::fs::write(&secret, SECRET).unwrap();
        let on: Vec<String> = rules.on.iter().map(|on| format!("{on:?}")).collect();
        let quality = if self.seed % 3 == 2 { "quality_below = 50.0" } else { "" };
        let degraded =
            if self.seed.is_multiple_of(2) { "[policies.default.quality]\ndegraded_by = 12.0\n" } else { "" };
        let order = if self.seed.is_multiple_of(2) { "configured" } else { "best" };
        let mut text = format!(
            "[daemon]\nstate_dir = \"{state}\"\nmode = \"enforce\"\n\
             [tenants.acme]\nbase_url = \"{BASE}\"\nrequests_per_minute = {rpm}\n\
             [tenants.acme.auth]\nclient_id = \"cid\"\nclient_secret = {{ file = \"{secret}\" }}\n\
             [limits]\nmax_per_hour = {per_hour}\n\
             [policies.default.failover]\non = [{on}]\norder = \"{order}\"\nblock_period = \"{block}s\"\n\
             failback_after = \"{back}s\"\nmax_dependents = {dependents}\n{quality}\n{degraded}",
            state = folder.path().join("state").display(),
            secret = secret.display(),
            rpm = rules.requests_per_minute,
            per_hour = rules.max_per_hour,
            on = on.join(", "),
            block = rules.block_period.as_secs(),
            back = rules.failback_after.as_secs(),
            dependents = rules.max_dependents,
        );
        for n in 0..self.channels {
            write!(text, "[[channels]]\nid = \"{}\"\ntenant = \"acme\"\n", crate::schedule::id(n)).unwrap();
        }
        config::parse_str("world.toml", &text).unwrap_or_else(|rejected| panic!("{rejected}")).config
    }
}

enum End {
    /// At this time of the world.
    Died(Duration),
    /// At the end of the world, with these audit entries.
    Stopped(Vec<String>),
}

/// What outlives a process.
struct Stage<'a> {
    world: &'a World,
    config: Config,
    model: Arc<Mutex<Model>>,
    oracle: Arc<Mutex<Oracle>>,
    folder: &'a Path,
}

impl Stage<'_> {
    /// One process, from its start at `began` to its death or to the end of the world.
    async fn live(&self, began: Duration, nth: usize, death: Option<Death>) -> Result<End, String> {
        let clock = Clock::virtual_from(WallMs(BEGINNING + i64::try_from(began.as_millis()).unwrap()));
        let (journal, recovered, reader) = self.journal(&clock);
        self.oracle.lock().unwrap().process_starts(began, reader.clone(), nth > 0);
        let died = Arc::new(Notify::new());
        let wire = Arc::new(Wire {
            inner: InProcess::older(Arc::clone(&self.model), clock.clone(), began),
            oracle: Arc::clone(&self.oracle),
            clock: clock.clone(),
            began,
            death,
            died: Arc::clone(&died),
            patches: AtomicU32::new(0),
        });
        let (heart, pulse) = (Arc::clone(&self.oracle), clock.clone());
        let parts = Parts {
            clients: connect(&wire, &clock, self.world.seed),
            clock: clock.clone(),
            journal,
            recovered,
            counters: Counters::new(),
            publish_every: secs(60),
            keep_observations: false,
            on_beat: Box::new(move || heart.lock().unwrap().beat(began + pulse.now().since_origin())),
        };
        let (mut daemon, _reloads) = Daemon::start(&self.config, parts).map_err(|e| e.to_string())?;
        let left = self.world.lasts.saturating_sub(began);
        let lives_for = match death {
            Some(Death::After(lives_for)) => lives_for.min(left),
            _ => left,
        };
        let ends = clock.now() + lives_for;
        while clock.now() < ends {
            let pause = ROUND.min(ends.since(clock.now()));
            tokio::select! {
                biased;
                () = died.notified() => return Ok(End::Died(began + clock.now().since_origin())),
                ended = daemon.stopped() => return Err(format!("the daemon ended by itself: {ended:?}")),
                () = tokio::time::sleep(pause) => self.a_person_looks(&daemon).await,
            }
        }
        if matches!(death, Some(Death::After(_))) && lives_for < left {
            return Ok(End::Died(began + clock.now().since_origin()));
        }
        self.at_rest(&daemon)?;
        daemon.stop.cancel();
        daemon.stopped().await?;
        audit::check(&reader, &self.world.rules()).map(End::Stopped)
    }

    fn journal(&self, clock: &Clock) -> (Journal, Recovered, Reader) {
        let ids = IdSource::Seeded(self.world.seed);
        if self.world.deaths.is_empty() {
            let journal = Journal::in_memory(ids, clock.clone()).unwrap();
            let reader = journal.reader();
            return (journal, Recovered::default(), reader);
        }
        let path = self.folder.join("state/journal.db");
        let options = Options { mode: WriterMode::Inline, ids, ..Options::new(path, clock.clone()) };
        let (journal, recovered) = Journal::open(options).unwrap();
        let reader = journal.reader();
        (journal, recovered, reader)
    }

    /// Resumes what a fight with another controller has paused, and takes over routes that others have set.
    async fn a_person_looks(&self, daemon: &Daemon) {
        let snapshot = daemon.snapshot.read();
        let acme = TenantId::from("acme");
        if snapshot.tenants.get(&acme).is_some_and(|tenant| tenant.report.paused) {
            let _ = daemon.orders.give(Order::Resume { tenant: Some(acme) }, "anna".to_owned()).await;
        }
        let foreign = snapshot.channels.values().filter(|c| c.configured && c.route_foreign);
        for channel in foreign {
            self.oracle.lock().unwrap().acknowledged(channel.key.channel.as_str());
            let order = Order::Acknowledge { channel: channel.key.clone() };
            let _ = daemon.orders.give(order, "anna".to_owned()).await;
        }
    }

    /// After a long quiet everything is at home again, except where a channel is gone.
    fn at_rest(&self, daemon: &Daemon) -> Result<(), String> {
        let snapshot = daemon.snapshot.read();
        let model = self.model.lock().unwrap();
        for channel in model.channels() {
            let report = snapshot.channels.iter().find(|(key, _)| key.channel.as_str() == channel.id());
            let said = report.map(|(_, report)| (report.route.as_ref().map(ToString::to_string), &report.reason_text));
            if channel.primary() != channel.id() {
                let at = channel.primary();
                return Err(format!("the traffic of {} is still at {at} in the end: {said:?}", channel.id()));
            }
            if said.as_ref().is_none_or(|(route, _)| route.as_deref() != Some(channel.id())) {
                return Err(format!("{} is at home in the end, and the daemon says {said:?}", channel.id()));
            }
        }
        Ok(())
    }
}

fn connect(wire: &Arc<Wire>, clock: &Clock, seed: u64) -> Clients {
    let (wire, clock) = (Arc::clone(wire), clock.clone());
    Clients::new(Box::new(move |tenant: &Tenant, client_secret: SecretString, recent| {
        let settings = ClientSettings::of(tenant, client_secret, recent, seed);
        let transport = Arc::clone(&wire) as Arc<dyn trunkwarden::platform::Transport>;
        Ok(Arc::new(Client::new(settings, transport, clock.clone(), Arc::new(|_| ()))) as Arc<dyn Platform>)
    }))
}
