//! A world: the platform's model with its incidents, and one process after the other of the real daemon that looks after it,
//! under time that is not real and from one seed.

use crate::audit;
use crate::oracle::{BEAT_EVERY, Oracle, Tally};
use crate::patience::Patience;
use crate::people::{Deed, away, deeds, orders_of_a_round};
use crate::rules::{BIG, Mode, Rules, SECRET};
use crate::schedule::{Rival, schedule, secs, starts};
use crate::second_thoughts::SecondThoughts;
use crate::wire::{Death, Wire};
use secrecy::SecretString;
use std::collections::VecDeque;
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
use trunkwarden::policy::{Order, WallMs};
use trunkwarden::sim::{Event, InProcess, Incident, Merge, Model, RetryAfter, Scenario};
use trunkwarden::supervisor::{Clients, Counters, Daemon, Parts, Pulse};

/// 2026-11-21T00:00:00Z.
const BEGINNING: i64 = 1_795_219_200_000;
/// The world is looked at so often, to see whether anything is overdue.
const GLANCE: Duration = secs(30);

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
        self.try_play().unwrap_or_else(|why| {
            let seed = self.seed;
            panic!("{self:?}: {why}\nplay it again: TRUNKWARDEN_SEEDS={seed}..{} (and TRUNKWARDEN_TELL=ch-…)", seed + 1)
        })
    }

    fn try_play(&self) -> Result<Played, String> {
        let folder = tempfile::tempdir().unwrap();
        let rules = self.rules();
        let plot = if self.is_big() {
            starts(self.seed, self.channels, &self.deaths)
        } else {
            schedule(self.seed, self.channels, self.lasts, self.quiet())
        };
        let model = Arc::new(Mutex::new(Model::new(self.scenario(&plot.incidents))));
        let calm = self.lasts.saturating_sub(self.quiet());
        let mut stage = Stage {
            world: self,
            config: self.config(&folder),
            thoughts: Arc::new(Mutex::new(SecondThoughts::new(self.seed, calm, Arc::clone(&model)))),
            model,
            oracle: Oracle::shared(rules.clone(), self.channels),
            patience: Patience::new(rules, &plot.incidents),
            deeds: deeds(self.seed, self.channels, self.lasts, self.quiet()),
            rivals: plot.rivals.into_iter().map(|rival| (rival, None)).collect(),
            folder: folder.path(),
        };
        let routed = |(at, incident): &(Duration, Incident)| matches!(incident, Incident::Route { .. }).then_some(*at);
        stage.oracle.lock().unwrap().meddled = plot.incidents.iter().filter_map(routed).collect();
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
            if let Ok(id) = std::env::var("TRUNKWARDEN_TELL") {
                tell(&stage.oracle.lock().unwrap().journal(), &id);
            }
            if let Some(why) = stage.oracle.lock().unwrap().violations.first() {
                return Err(format!("process {processes}: {why}"));
            }
            match lived? {
                End::Died(at) => now = at + secs(1 + (self.seed + processes as u64 * 7) % 90),
                End::Stopped(entries) => {
                    let mut tally = stage.oracle.lock().unwrap().tally.clone();
                    (tally.rescues, tally.homecomings) = (stage.patience.rescues, stage.patience.homecomings);
                    tally.tell(&entries);
                    return Ok(Played { entries, tally, processes });
                }
            }
        }
    }

    fn rules(&self) -> Rules {
        Rules::of(self.seed, self.channels)
    }

    /// Whether it is about one tenant's starts, and not about days.
    const fn is_big(&self) -> bool {
        self.channels >= BIG
    }

    /// How long nothing new goes wrong at the end.
    fn quiet(&self) -> Duration {
        (self.lasts / 5).max(secs(3600)).min(secs(9000))
    }

    fn scenario(&self, incidents: &[(Duration, Incident)]) -> Scenario {
        let mut scenario = Scenario::quiet(self.seed, self.channels);
        SECRET.clone_into(&mut scenario.options.client_secret);
        scenario.options.retry_after = RetryAfter::Varied;
        scenario.options.page_size = if self.is_big() { 100 } else { 40 };
        scenario.options.etag = self.seed % 2 == 1;
        scenario.options.missing_items = 0.05;
        scenario.options.odd = crate::oddities::throughout(self.seed);
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
        let event = |(after, incident): &(Duration, Incident)| Event { after: *after, incident: incident.clone() };
        scenario.events = incidents.iter().map(event).collect();
        scenario
    }

    fn config(&self, folder: &TempDir) -> Config {
        std::fs::write(folder.path().join("client-secret"), SECRET).unwrap();
        let text = self.rules().toml(self.channels, folder.path());
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
    patience: Patience,
    deeds: VecDeque<(Duration, Deed)>,
    thoughts: Arc<Mutex<SecondThoughts>>,
    /// Each with the time since which it has seen another route than its own.
    rivals: Vec<(Rival, Option<Duration>)>,
    folder: &'a Path,
}

impl Stage<'_> {
    /// One process, from its start at `began` to its death or to the end of the world.
    async fn live(&mut self, began: Duration, nth: usize, death: Option<Death>) -> Result<End, String> {
        let clock = Clock::virtual_from(WallMs(BEGINNING + i64::try_from(began.as_millis()).unwrap()));
        let (journal, recovered, reader) = self.journal(&clock);
        self.oracle.lock().unwrap().process_starts(began, reader.clone(), nth > 0);
        let (died, speaks) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let wire = Arc::new(Wire {
            inner: InProcess::older(Arc::clone(&self.model), clock.clone(), began),
            oracle: Arc::clone(&self.oracle),
            clock: clock.clone(),
            began,
            death,
            died: Arc::clone(&died),
            patches: AtomicU32::new(0),
            thoughts: Arc::clone(&self.thoughts),
            speaks: Arc::clone(&speaks),
        });
        let (heart, pulse) = (Arc::clone(&self.oracle), clock.clone());
        let parts = Parts {
            clients: connect(&wire, &clock, self.world.seed),
            clock: clock.clone(),
            journal,
            recovered,
            counters: Counters::new(),
            publish_every: secs(120),
            keep_observations: false,
            pulse: Pulse {
                every: BEAT_EVERY,
                on_beat: Box::new(move || heart.lock().unwrap().beat(began + pulse.now().since_origin())),
            },
        };
        let (mut daemon, _reloads) = Daemon::start(&self.config, parts).map_err(|e| e.to_string())?;
        let left = self.world.lasts.saturating_sub(began);
        let lives_for = match death {
            Some(Death::After(lives_for)) => lives_for.min(left),
            _ => left,
        };
        self.patience.restarts(began);
        let now = || began + clock.now().since_origin();
        let ends = began + lives_for;
        let mut glance = began;
        while now() < ends {
            let deed = self.deeds.front().map_or(ends, |(at, _)| *at);
            let wake = glance.min(deed).min(ends).saturating_sub(now());
            tokio::select! {
                biased;
                () = died.notified() => return Ok(End::Died(now())),
                ended = daemon.stopped() => return Err(format!("the daemon ended by itself: {ended:?}")),
                () = speaks.notified() => {}
                () = tokio::time::sleep(wake) => {}
            }
            let ordered = self.thoughts.lock().unwrap().given();
            self.gives(ordered, &daemon, &now).await;
            while let Some((_, deed)) = self.deeds.pop_front_if(|(at, _)| *at <= now()) {
                self.does(deed, &daemon, &now).await;
            }
            if glance <= now() {
                glance = now() + GLANCE;
                self.glances(now(), &daemon)?;
            }
        }
        if matches!(death, Some(Death::After(_))) && lives_for < left {
            return Ok(End::Died(now()));
        }
        if !self.world.is_big() {
            self.at_rest(&daemon)?;
        }
        daemon.stop.cancel();
        daemon.stopped().await?;
        let oracle = self.oracle.lock().unwrap();
        audit::check(&reader, &oracle, BEGINNING).map(End::Stopped)
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

    /// Somebody does something.
    async fn does(&self, deed: Deed, daemon: &Daemon, now: &impl Fn() -> Duration) {
        let snapshot = daemon.snapshot.read();
        let orders = match deed {
            Deed::Give(order) => vec![order],
            Deed::Home { nth, force } => {
                let order = |channel| Order::Failback { channel, force };
                away(&snapshot, nth).map(order).into_iter().collect()
            }
            Deed::Round => orders_of_a_round(&snapshot, self.oracle.lock().unwrap().desk.paused(now())),
        };
        self.gives(orders, daemon, now).await;
    }

    /// Somebody gives orders.
    async fn gives(&self, orders: Vec<Order>, daemon: &Daemon, now: &impl Fn() -> Duration) {
        for order in orders {
            let given = now();
            self.oracle.lock().unwrap().given(given, &order);
            let before = self.oracle.lock().unwrap().entries_on_disk();
            let answer = daemon.orders.give(order.clone(), "anna".to_owned()).await;
            self.oracle.lock().unwrap().taken_means_on_disk(given, &order, answer.is_ok(), before);
            let desk = &mut self.oracle.lock().unwrap().desk;
            match answer {
                Ok(()) => desk.taken(given, now(), &order),
                Err(_) => desk.refused(given, &order),
            }
        }
    }

    /// Lets rivals do what they do, and sees whether anything is overdue.
    fn glances(&mut self, now: Duration, daemon: &Daemon) -> Result<(), String> {
        let mut model = self.model.lock().unwrap();
        model.advance(now);
        let mut thoughts = self.thoughts.lock().unwrap();
        thoughts.put_right(now, &mut model);
        self.patience.disturbed = thoughts.twice();
        drop(thoughts);
        for (rival, since) in self.rivals.iter_mut().filter(|(rival, _)| (rival.from..rival.until).contains(&now)) {
            let there = model.channel(&rival.channel).is_none_or(|c| c.primary() == rival.to);
            *since = (!there).then(|| since.unwrap_or(now));
            if since.is_some_and(|since| now >= since + rival.after) {
                let (channel, to) = (rival.channel.clone(), rival.to.clone());
                // One of the two may have been deleted: then there is nothing to fight for.
                let _ = model.apply(now, Incident::Route { channel, to });
                self.oracle.lock().unwrap().meddled.push(now);
            }
        }
        if !self.oracle.lock().unwrap().violations.is_empty() {
            return Err("the oracle objects".to_owned());
        }
        let snapshot = daemon.snapshot.read();
        let paused = snapshot.tenants.values().any(|tenant| tenant.report.paused);
        let oracle = self.oracle.lock().unwrap();
        let said = |id: &str| {
            let report = snapshot.channels.iter().find(|(key, _)| key.channel.as_str() == id);
            report.map(|(_, report)| report.reason_text.clone())
        };
        self.patience
            .look(now, &model, &oracle, paused)
            .map_err(|(id, why)| format!("at {:.0} s: {why}; the daemon says: {:?}", now.as_secs_f64(), said(&id)))
    }

    /// After a long quiet everything is at home again, except where a channel is gone.
    fn at_rest(&self, daemon: &Daemon) -> Result<(), String> {
        let snapshot = daemon.snapshot.read();
        let model = self.model.lock().unwrap();
        for channel in model.channels() {
            let report = snapshot.channels.iter().find(|(key, _)| key.channel.as_str() == channel.id());
            let said = report.map(|(_, report)| (report.route.as_ref().map(ToString::to_string), &report.reason_text));
            if channel.primary() != channel.id() && self.world.rules().mode == Mode::Enforce {
                let at = channel.primary();
                return Err(format!("the traffic of {} is still at {at} in the end: {said:?}", channel.id()));
            }
            if said.as_ref().is_none_or(|(route, _)| route.as_deref() != Some(channel.primary())) {
                let at = channel.primary();
                return Err(format!("{} is at {at} in the end, and the daemon says {said:?}", channel.id()));
            }
        }
        Ok(())
    }
}

/// What the audit log says of one channel, and of all: for whoever looks into a failure.
fn tell(entries: &[String], id: &str) {
    let entries = entries.iter().map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
    for entry in entries.filter(|entry| entry["channel_id"].as_str().is_none_or(|of| id == "*" || of == id)) {
        let at: jiff::Timestamp = entry["timestamp"].as_str().unwrap().parse().unwrap();
        let at = (at.as_millisecond() - BEGINNING) as f64 / 1000.0;
        eprintln!("{at:10.1} {} {} {}: {}", entry["event_type"], entry["channel_id"], entry["actor"], entry["reason"]);
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
