//! One process of the real binary. It dies with this value.

use super::world::until;
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use trunkwarden::clock::Clock;

/// The real binary; what the tests' own environment says must not reach it.
pub fn binary() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_trunkwarden")))
}

/// The same, with the signal ignored that the kernel sends to whoever writes past the limit of a file's size, as it is
/// where a disk is full.
pub fn binary_without_xfsz() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_trunkwarden")]);
    clean(command)
}

fn clean(mut command: Command) -> Command {
    for name in ["TRUNKWARDEN_LOG", "TRUNKWARDEN_LOG_FORMAT", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    command
}

pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// `trunkwarden run`, its log in a file.
    pub fn spawn(mut command: Command, config: &Path, log: PathBuf) -> Self {
        let stderr = std::fs::File::create(&log).unwrap();
        let child = command.arg("run").arg("--config").arg(config).stderr(stderr).spawn().unwrap();
        Self { child, log }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// `kill -9`, and no more of it when this returns.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// `kill -9` at once, without giving way to anything else in the test.
    pub fn kill_now(mut self) {
        self.child.start_kill().unwrap();
        while self.child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
    }

    /// Its end, and how long that took to come.
    pub async fn ended(mut self) -> (ExitStatus, Duration) {
        let clock = Clock::system();
        let status = tokio::time::timeout(Duration::from_secs(40), self.child.wait()).await;
        (
            status.unwrap_or_else(|_| panic!("it did not end; its log: {}", self.log())).unwrap(),
            clock.now().since_origin(),
        )
    }

    /// SIGTERM, and its end.
    pub async fn stop(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await.0
    }

    /// Where its page is, once it says so.
    pub async fn ready(&mut self) -> SocketAddr {
        let mut found = None;
        until("the daemon is ready", async || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}; its log: {}", self.log());
            }
            found = self.log().lines().find_map(address);
            found.is_some()
        })
        .await;
        found.unwrap()
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    if line.starts_with('{') {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        return line["listen"].as_str()?.parse().ok();
    }
    let (_, rest) = line.split_once("ready listen=")?;
    rest.split_whitespace().next()?.parse().ok()
}
