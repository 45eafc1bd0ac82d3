//! A story of an hour and a half: a trunk fails and heals, another one flaps for less than its threshold.

use secrecy::SecretString;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::clock::{Clock, rfc3339};
use trunkwarden::config::{self, Tenant};
use trunkwarden::counters::Counters;
use trunkwarden::journal::{IdSource, Journal, Options, WriterMode};
use trunkwarden::platform::{Client, ClientSettings, Platform, Transport};
use trunkwarden::policy::WallMs;
use trunkwarden::sim::{InProcess, Incident, Model, Scenario};
use trunkwarden::supervisor::{Clients, Daemon, Parts, Pulse};

/// 2025-11-21T00:00:00Z: over, by any clock that runs these tests.
const BEGINNING: i64 = 1_763_683_200_000;
const SECRET: &str = "canary-client-secret";

pub const fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub struct Story {
    folder: TempDir,
}

impl Story {
    pub const FAILED: Duration = secs(120);
    pub const HEALED: Duration = secs(1200);
    pub const FLAP: Duration = secs(3000);
    const END: Duration = secs(5400);

    pub fn told() -> Self {
        Self::tell(&[Self::END])
    }

    /// The first process ends while traffic is away.
    pub fn told_in_two_processes() -> Self {
        Self::tell(&[secs(600), Self::END])
    }

    fn tell(ends: &[Duration]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let story = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(story.folder().join("secret"), SECRET).unwrap();
        story.configured("fall = 20", "trunkwarden.toml");
        let status = |id: &str, is: &str| Incident::Status { channel: id.to_owned(), is: is.to_owned() };
        let mut scenario = Scenario::quiet(7, 3)
            .at(Self::FAILED, status("ch-0001", "unhealthy"))
            .at(Self::HEALED, status("ch-0001", "healthy"))
            .at(Self::FLAP, status("ch-0002", "unhealthy"))
            .at(Self::FLAP + secs(36), status("ch-0002", "healthy"));
        SECRET.clone_into(&mut scenario.options.client_secret);
        let model = Arc::new(Mutex::new(Model::new(scenario)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let clock = Clock::virtual_from(WallMs(BEGINNING));
            for end in ends {
                story.live(&model, &clock, *end).await;
            }
        });
        story
    }

    async fn live(&self, model: &Arc<Mutex<Model>>, clock: &Clock, until: Duration) {
        let config = config::load(&self.folder().join("trunkwarden.toml")).unwrap().config;
        let options = Options {
            mode: WriterMode::Inline,
            ids: IdSource::Seeded(7),
            ..Options::new(config.daemon.state_dir.join("journal.db"), clock.clone())
        };
        let (journal, recovered) = Journal::open(options).unwrap();
        let transport: Arc<dyn Transport> = Arc::new(InProcess::new(Arc::clone(model), clock.clone()));
        let parts = Parts {
            clients: connect(transport, clock.clone()),
            clock: clock.clone(),
            journal,
            recovered,
            counters: Counters::new(),
            publish_every: secs(10),
            keep_observations: true,
            pulse: Pulse::of_a_daemon(|| ()),
        };
        let (mut daemon, _reloads) = Daemon::start(&config, parts).unwrap();
        let left = until.saturating_sub(clock.now().since_origin());
        assert!(tokio::time::timeout(left, daemon.stopped()).await.is_err(), "the daemon ended early");
        daemon.stop.cancel();
        daemon.stopped().await.unwrap();
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn journal(&self) -> String {
        self.folder().join("state/journal.db").to_str().unwrap().to_owned()
    }

    /// A moment of the story.
    pub fn at(after: Duration) -> String {
        rfc3339(WallMs(BEGINNING + i64::try_from(after.as_millis()).unwrap()))
    }

    /// The story's configuration with another line under `health`, under this name.
    pub fn configured(&self, health: &str, name: &str) -> String {
        let path = self.folder().join(name);
        let channels: String = ["ch-0001", "ch-0002", "ch-0003"]
            .map(|id| format!("[[channels]]\nid = \"{id}\"\ntenant = \"acme\"\n"))
            .concat();
        let text = format!(
            "[daemon]\nstate_dir = \"state\"\nmode = \"enforce\"\n\
             [tenants.acme]\nbase_url = \"https://platform.example\"\n\
             [tenants.acme.auth]\nclient_id = \"cid\"\nclient_secret = {{ file = \"{}\" }}\n\
             [policies.default.health]\n{health}\n\
             [policies.default.failover]\nfailback_after = \"5m\"\n{channels}",
            self.folder().join("secret").display()
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs the program; under the story's configuration, unless another one is named.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkwarden"));
        command.args(arguments);
        if !arguments.contains(&"--config") {
            command.arg("--config").arg(self.folder().join("trunkwarden.toml"));
        }
        command.env("COLUMNS", "200").output().unwrap()
    }
}

fn connect(transport: Arc<dyn Transport>, clock: Clock) -> Clients {
    Clients::new(Box::new(move |tenant: &Tenant, client_secret: SecretString, recent| {
        let settings = ClientSettings::of(tenant, client_secret, recent, 7);
        Ok(Arc::new(Client::new(settings, Arc::clone(&transport), clock.clone(), Arc::new(|_| ())))
            as Arc<dyn Platform>)
    }))
}
