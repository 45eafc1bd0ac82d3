//! A platform, a configuration with a fast policy, and the daemon between them.

use super::daemon::{self, Daemon};
use super::platform::Platform;
use reqwest::Client;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::clock::Clock;
use trunkwarden::journal::{Filter, Reader};
use trunkwarden::sim::Scenario;

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

/// The client secret that the platform knows.
pub const SECRET: &str = "canary-client-secret";

const CONFIG: &str = r#"
[daemon]
listen    = "127.0.0.1:0"
state_dir = "@state_dir@"
mode      = "enforce"

[tenants.acme]
base_url            = "@base_url@"
requests_per_minute = 6000
[tenants.acme.auth]
client_id     = "cid"
client_secret = { file = "@secret_file@" }

[policies.default]
[policies.default.health]
interval      = "500ms"
timeout       = "450ms"
fast_interval = "100ms"
fall          = 3
rise          = 2
[policies.default.telemetry]
interval    = "1s"
window      = "5s"
bucket      = "1s"
min_samples = 2
[policies.default.failover]
block_period   = "1s"
failback_after = "1s"
action_timeout = "2s"
verify_for     = "5s"
[policies.default.codec]
enabled = false
"#;

/// The channels of the configuration: the first has the next two as its backups, the others have none.
fn channels(count: usize) -> String {
    let backups = |n| if n == 1 { r#"["ch-0002", "ch-0003"]"# } else { "[]" };
    let channel = |n| format!("\n[[channels]]\nid = \"ch-{n:04}\"\ntenant = \"acme\"\nfailover = {}\n", backups(n));
    (1..=count).map(channel).collect()
}

/// A platform whose only limit is the machine's.
pub fn unlimited(count: usize) -> Scenario {
    let mut scenario = Scenario::quiet(7, count);
    scenario.options.requests_per_minute = 0;
    scenario.options.health_tick = Duration::from_secs(1);
    SECRET.clone_into(&mut scenario.options.client_secret);
    scenario
}

pub struct World {
    pub platform: Platform,
    pub folder: TempDir,
    daemon: Option<Daemon>,
    page: Option<SocketAddr>,
    starts: usize,
    client: Client,
}

impl World {
    /// Four channels, all up, and the daemon at work.
    pub async fn at_work() -> Self {
        let mut world = Self::of(unlimited(4), str::to_owned).await;
        world.start().await;
        world.all_up().await;
        world
    }

    /// A platform and a configuration for its channels, which `edit` may change; no daemon yet.
    pub async fn of(scenario: Scenario, edit: impl FnOnce(&str) -> String) -> Self {
        let count = scenario.channels.len();
        let platform = Platform::serve(scenario).await;
        let folder = tempfile::tempdir().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(Duration::from_secs(15)).no_proxy().build().unwrap();
        let world = Self { platform, folder, daemon: None, page: None, starts: 0, client };
        let secret = world.folder.path().join("secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let text = format!("{CONFIG}{}", channels(count))
            .replace("@state_dir@", world.state_dir().to_str().unwrap())
            .replace("@base_url@", &world.platform.url)
            .replace("@secret_file@", secret.to_str().unwrap());
        std::fs::write(world.config(), edit(&text)).unwrap();
        world
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("trunkwarden.toml")
    }

    pub fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Replaces the configuration as an editor does: a new file, renamed over the old one.
    pub fn rewrite(&self, edit: impl FnOnce(&str) -> String) {
        let text = edit(&std::fs::read_to_string(self.config()).unwrap());
        let beside = self.folder.path().join("trunkwarden.new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, self.config()).unwrap();
    }

    pub async fn start(&mut self) {
        self.start_as(daemon::binary()).await;
    }

    pub async fn start_as(&mut self, command: tokio::process::Command) {
        self.starts += 1;
        let log = self.folder.path().join(format!("log-{}", self.starts));
        let mut daemon = Daemon::spawn(command, &self.config(), log);
        self.page = Some(daemon.ready().await);
        self.daemon = Some(daemon);
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// The daemon, to end it.
    pub fn take_daemon(&mut self) -> Daemon {
        self.daemon.take().unwrap()
    }

    pub fn page(&self) -> SocketAddr {
        self.page.unwrap()
    }

    /// What all daemons of this test have logged.
    pub fn logs(&self) -> String {
        (1..=self.starts)
            .map(|n| std::fs::read_to_string(self.folder.path().join(format!("log-{n}"))).unwrap())
            .collect()
    }

    /// The status and the body of a page of the daemon.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(format!("http://{}{path}", self.page())).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await.1).unwrap()
    }

    pub async fn channels(&self) -> Vec<Value> {
        self.json("/api/v1/channels").await["channels"].as_array().unwrap().clone()
    }

    pub async fn channel(&self, id: &str) -> Value {
        self.json(&format!("/api/v1/channels/acme/{id}")).await
    }

    pub async fn tenant(&self) -> Value {
        self.json("/api/v1/tenants").await["tenants"][0].clone()
    }

    /// The value of a series of `/metrics`, written as it stands there.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.get("/metrics").await.1;
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until the series has this value: what is shown follows what is known within moments.
    pub async fn metric_becomes(&self, series: &str, value: f64) {
        let wanted = Some(value);
        self.until(&format!("{series} is {value}"), async || self.metric(series).await == wanted).await;
    }

    /// `trunkwarden ARGS --config …`, to its end.
    pub async fn cli(&self, args: &[&str]) -> Output {
        let mut command = daemon::binary();
        command.args(args).arg("--config").arg(self.config());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.output().await.unwrap()
    }

    pub async fn order(&self, args: &[&str]) {
        let output = self.cli(args).await;
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn journal(&self) -> Reader {
        Reader::open(&self.state_dir().join("journal.db")).unwrap()
    }

    /// The audit log, oldest first.
    pub fn audit(&self) -> Vec<Value> {
        let filter = Filter { limit: 1000, ..Filter::default() };
        let mut entries = self.journal().entries(&filter).unwrap().entries;
        entries.reverse();
        entries
    }

    /// Entries of one type, of one channel (`""`: of any, or of none).
    pub fn entries(&self, event: &str, channel: &str) -> Vec<Value> {
        let mut entries = self.audit();
        entries.retain(|e| e["event_type"] == event && (channel.is_empty() || e["channel_id"] == channel));
        entries
    }

    /// Waits for the `nth` entry of this type, from 1, and brings it.
    pub async fn nth_entry(&self, nth: usize, event: &str, channel: &str) -> Value {
        let what = format!("{event} of {channel:?}, {nth} times");
        self.until(&what, async || self.entries(event, channel).len() >= nth).await;
        self.entries(event, channel).remove(nth - 1)
    }

    pub async fn entry(&self, event: &str, channel: &str) -> Value {
        self.nth_entry(1, event, channel).await
    }

    pub async fn all_up(&self) {
        self.until("every channel is up", async || {
            let channels = self.channels().await;
            !channels.is_empty() && channels.iter().all(|c| c["health"] == "up")
        })
        .await;
    }

    /// Waits until `holds`; where it never does, says what the daemon logged.
    pub async fn until(&self, what: &str, holds: impl AsyncFnMut() -> bool) {
        assert!(came_true(holds).await, "in {PATIENCE:?} it did not come true that {what}; the log:\n{}", self.logs());
    }

    /// The audit chain is whole, and no action was repeated or left open.
    pub fn verify_journal(&self) {
        let journal = self.journal();
        journal.verify().unwrap();
        assert_eq!(journal.open_operations().unwrap(), []);
    }
}

/// Waits until `holds`.
pub async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    assert!(came_true(holds).await, "in {PATIENCE:?} it did not come true that {what}");
}

async fn came_true(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let clock = Clock::system();
    while !holds().await {
        if clock.now().since_origin() > PATIENCE {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}
