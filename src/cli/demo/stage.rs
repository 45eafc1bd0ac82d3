//! The stage: the simulator and the daemon, each on a loopback socket of its own, in one process.

use crate::cli::run::{Served, Sockets, connect, serve};
use crate::cli::terminal;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::counters::Counters;
use crate::http::Access;
use crate::journal::{Journal, Options, Reader};
use crate::policy::{Health, Time};
use crate::sim::{self, ChannelState, Incident, Model, Scenario};
use crate::supervisor::{Clients, Daemon, Parts, Pulse, Reloads};
use crate::sync::lock;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The daemon's configuration, with places to fill in.
const TEMPLATE: &str = include_str!("policy.toml");
/// The simulated platform.
const PLATFORM: &str = include_str!("platform.toml");

/// See the module.
pub(super) struct Stage {
    daemon: Daemon,
    served: Served,
    model: Arc<Mutex<Model>>,
    clock: Clock,
    stop_sim: CancellationToken,
    _reloads: Reloads,
    _folder: TempDir,
}

impl Stage {
    pub(super) async fn build(listen: SocketAddr) -> Result<Self, String> {
        if !listen.ip().is_loopback() {
            return Err(format!(
                "--listen {listen} is not a loopback address: the demo is for this machine, so use 127.0.0.1 or [::1]"
            ));
        }
        let clock = Clock::system();
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
        let (model, base_url, stop_sim) = start_sim(&clock).await?;
        let config = configure(&folder, &base_url, listen)?;
        let sockets = Sockets::bind(config.daemon.listen, "--listen").await?;
        let options = Options::new(config.daemon.state_dir.join("journal.db"), clock.clone());
        let (journal, recovered) = Journal::open(options).map_err(|error| error.to_string())?;
        let counters = Counters::new();
        let parts = Parts {
            clients: Clients::new(connect(clock.clone(), counters.clone())),
            clock: clock.clone(),
            journal,
            recovered,
            counters,
            publish_every: Duration::from_millis(100),
            keep_observations: true,
            pulse: Pulse::of_a_daemon(|| ()),
        };
        let (daemon, reloads) = Daemon::start(&config, parts).map_err(|error| error.to_string())?;
        let served = serve(&daemon, sockets, clock.clone(), Access::new(&daemon.counters, &clock), None);
        Ok(Self { daemon, served, model, clock, stop_sim, _reloads: reloads, _folder: folder })
    }

    pub(super) fn page(&self) -> SocketAddr {
        self.served.listen
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(super) fn reader(&self) -> Reader {
        self.daemon.reader.clone()
    }

    /// Something happens to the platform.
    pub(super) fn happen(&self, incident: Incident) -> Result<(), String> {
        self.model().apply(self.clock.now().since_origin(), incident).map_err(|error| error.to_string())
    }

    pub(super) fn all_up(&self) -> bool {
        let snapshot = self.daemon.snapshot.read();
        snapshot.channels.len() == 4 && snapshot.channels.values().all(|channel| channel.health == Health::Up)
    }

    pub(super) async fn wait_until_all_up(&self, patience: Duration) -> Result<(), String> {
        let deadline = self.now() + patience;
        while !self.all_up() {
            if self.now() > deadline {
                return Err(format!("not every trunk was up within {} s", patience.as_secs()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Asks the platform itself.
    pub(super) fn expect_route(&self, channel: &str, to: &str) -> Result<(), String> {
        let model = self.model();
        match model.channel(channel).map(ChannelState::primary) {
            Some(route) if route == to => Ok(()),
            route => Err(format!(
                "the platform should send the traffic of {channel} to {to}, but sends it to {}",
                route.unwrap_or("nobody")
            )),
        }
    }

    pub(super) async fn close(mut self) {
        self.daemon.stop.cancel();
        if let Err(why) = self.daemon.stopped().await {
            terminal::complain(&format!("warning: {why}"));
        }
        self.served.stop().await;
        self.stop_sim.cancel();
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.model)
    }
}

async fn start_sim(clock: &Clock) -> Result<(Arc<Mutex<Model>>, String, CancellationToken), String> {
    let scenario = Scenario::parse(PLATFORM).map_err(|error| error.to_string())?;
    let model = Arc::new(Mutex::new(Model::new(scenario)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.map_err(|error| format!("cannot listen on 127.0.0.1 for the simulator: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("the simulator has no address: {error}"))?;
    let stop = CancellationToken::new();
    tokio::spawn(sim::serve(listener, Arc::clone(&model), clock.clone(), stop.clone()));
    Ok((model, format!("http://{address}"), stop))
}

fn configure(folder: &TempDir, base_url: &str, listen: SocketAddr) -> Result<Config, String> {
    let secret = folder.path().join("client-secret");
    std::fs::write(&secret, "secret\n").map_err(|error| format!("cannot write {}: {error}", secret.display()))?;
    let text = TEMPLATE
        .replace("@listen@", &listen.to_string())
        .replace("@state_dir@", &folder.path().join("state").display().to_string())
        .replace("@base_url@", base_url)
        .replace("@secret_file@", &secret.display().to_string());
    let loaded = config::parse_str("demo.toml", &text).map_err(|rejected| rejected.to_string())?;
    Ok(loaded.config)
}
