//! The daemon as a process: its configuration, its start and end, and what the system and `/metrics` say of it.
//!
//! Everything that it writes lies in a temporary folder that goes with it.

use super::{Exposition, Failure, Plan};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::clock::Clock;

/// `USER_HZ`, the unit of processor times in `/proc`: 100 wherever Linux runs today.
const TICKS_PER_SECOND: u64 = 100;
const PATIENCE: Duration = Duration::from_mins(2);

/// A running daemon, killed when dropped.
pub struct Child {
    process: std::process::Child,
    listen: SocketAddr,
    folder: TempDir,
    /// For measuring.
    pub clock: Clock,
    /// From the start of the process to its being ready: reading the configuration and opening the journal.
    pub ready_after: Duration,
}

/// In bytes.
pub struct Memory {
    /// `VmRSS`.
    pub resident: u64,
    /// `VmHWM`.
    pub peak: u64,
}

/// One scrape of `/metrics`.
pub struct Scrape {
    /// What it said; empty where it was compressed.
    pub text: Exposition,
    /// From connecting to the last byte.
    pub took: Duration,
    /// What came over the wire, the head included.
    pub bytes: u64,
}

impl Child {
    /// Starts the daemon and waits until it is ready.
    pub async fn start(plan: &Plan, platform: &str) -> Result<Self, Failure> {
        let clock = Clock::system();
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("trunkwarden.toml");
        fs::write(folder.path().join("client-secret"), "secret\n")?;
        fs::write(&config, configuration(plan, platform, folder.path())?)?;
        let log = fs::File::create(folder.path().join("log"))?;
        let began = clock.now();
        let process = Command::new(env!("CARGO_BIN_EXE_trunkwarden"))
            .args(["run", "--log-format", "json", "--config"])
            .arg(&config)
            // As the systemd unit and the image set it.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut child = Self { process, listen, folder, clock, ready_after: Duration::ZERO };
        while child.listen.port() == 0 {
            child.check_alive()?;
            if child.clock.now().since(began) > PATIENCE {
                return Err(child.failure("is not ready in time"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            child.ready_after = child.clock.now().since(began);
            child.listen = listening(&child.log()).unwrap_or(child.listen);
        }
        Ok(child)
    }

    /// Waits until `channels` channels are up; how long that took.
    pub async fn wait_until_up(&mut self, channels: usize) -> Result<Duration, Failure> {
        let began = self.clock.now();
        loop {
            self.check_alive()?;
            let up = self.scrape(false).await?.text.ones("trunkwarden_channel_health", "state=\"up\"");
            let passed = self.clock.now().since(began);
            if up >= channels {
                return Ok(passed);
            }
            if passed > PATIENCE {
                return Err(self.failure(&format!("found only {up} of {channels} channels up in time")));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Reads `/metrics` as a client that wants the whole at once. HTTP/1.0: the end of the answer ends the connection.
    pub async fn scrape(&self, gzip: bool) -> Result<Scrape, Failure> {
        let (listen, clock) = (self.listen, self.clock.clone());
        let read = move || -> Result<Scrape, Failure> {
            let began = clock.now();
            let mut stream = TcpStream::connect(listen)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let encoding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
            stream.write_all(format!("GET /metrics HTTP/1.0\r\nHost: {listen}\r\n{encoding}\r\n").as_bytes())?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            let took = clock.now().since(began);
            if !answer.starts_with(b"HTTP/1.0 200") {
                return Err("a scrape of /metrics was not answered with 200".into());
            }
            let bytes = answer.len() as u64;
            let text = Exposition::new(if gzip { String::new() } else { String::from_utf8(answer)? });
            Ok(Scrape { text, took, bytes })
        };
        tokio::task::spawn_blocking(read).await?
    }

    /// Processor time so far, the system's share included.
    pub fn cpu(&self) -> Result<Duration, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name, in parentheses, may hold anything; utime and stime are the 14th and 15th fields.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest).ok_or("/proc/PID/stat has no name in it")?;
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    /// Memory now, and its peak.
    pub fn memory(&self) -> Result<Memory, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
            Some(kilobytes * 1024)
        };
        let (resident, peak) = (bytes("VmRSS"), bytes("VmHWM"));
        let missing = || Failure::from("/proc/PID/status does not tell the memory");
        Ok(Memory { resident: resident.ok_or_else(missing)?, peak: peak.ok_or_else(missing)? })
    }

    /// What the disk of the journal takes to keep 8 KiB, sorted: an intent waits for one such commit at least, and for two
    /// where another is under way.
    pub async fn disk(&self) -> Result<Vec<Duration>, Failure> {
        let mut file = fs::File::create(self.folder.path().join("disk"))?;
        let mut took = Vec::new();
        for _ in 0..50 {
            let began = self.clock.now();
            file.write_all(&[0; 8192])?;
            file.sync_data()?;
            took.push(self.clock.now().since(began));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        took.sort_unstable();
        Ok(took)
    }

    /// Asks it to end, and waits for that.
    pub fn stop(mut self) -> Result<(), Failure> {
        let id = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.ok_or("the daemon has no process id")?, rustix::process::Signal::TERM)?;
        let status = self.process.wait()?;
        if status.success() { Ok(()) } else { Err(self.failure(&format!("ended with {status}"))) }
    }

    fn check_alive(&mut self) -> Result<(), Failure> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.failure(&format!("ended with {status}"))),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// An error with the last lines that the daemon logged.
    fn failure(&self, what: &str) -> Failure {
        let log = self.log();
        let mut last: Vec<&str> = log.lines().rev().take(10).collect();
        last.reverse();
        format!("the daemon {what}; its last words:\n{}", last.join("\n")).into()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It has ended already where it was stopped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The machine's load over the last minute.
pub fn load_average() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// Where it listens, as its log says once it is ready.
fn listening(log: &str) -> Option<SocketAddr> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.filter(|line| line["message"] == "ready").find_map(|line| line["listen"].as_str()?.parse().ok())
}

/// Channels in pairs that back each other up; the odd ones have a second backup.
fn configuration(plan: &Plan, platform: &str, folder: &Path) -> Result<String, Failure> {
    let (interval, fast) = (plan.interval.as_secs(), plan.fast_interval.as_millis());
    let folder = folder.display();
    let (state, secret) = (format!("{folder}/state"), format!("{folder}/client-secret"));
    let mut text = format!(
        r#"[daemon]
listen    = "127.0.0.1:0"
state_dir = "{state}"
mode      = "enforce"

[tenants.bench]
base_url            = "{platform}"
requests_per_minute = 60000
[tenants.bench.auth]
client_id     = "cid"
client_secret = {{ file = "{secret}" }}

[policies.default.health]
interval      = "{interval}s"
timeout       = "2s"
fast_interval = "{fast}ms"
[policies.default.telemetry]
interval = "30s"

[limits]
max_concurrent = 1000
max_per_hour   = 100000
mass_hold      = false
"#
    );
    for n in 1..=plan.channels {
        let backups = if n % 2 == 1 { vec![n + 1, (n + 3) % plan.channels + 1] } else { vec![n - 1] };
        let backups: Vec<String> = backups.into_iter().map(|n| format!("\"ch-{n:04}\"")).collect();
        let backups = backups.join(", ");
        write!(text, "\n[[channels]]\nid = \"ch-{n:04}\"\ntenant = \"bench\"\nfailover = [{backups}]\n")?;
    }
    Ok(text)
}
