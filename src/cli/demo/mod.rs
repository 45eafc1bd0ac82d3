//! `trunkwarden demo`: the whole daemon at work on the built-in simulator, over real HTTP, told in plain words.
//!
//! Nothing is staged inside the daemon: the demo only breaks the simulated platform, reads the audit log, and says what it
//! reads there. With `--once` it plays the story one time and ends with 0 only if every act happened, as the audit log and
//! the platform itself show.

mod narrator;
mod stage;
mod story;

use super::logging::{LogArgs, LogFormat};
use super::{failed, signals};
use crate::cli::terminal;
use futures_util::StreamExt;
use std::process::ExitCode;
use std::time::Duration;

/// How long one act may take before the story counts as failed.
const PATIENCE: Duration = Duration::from_secs(45);

/// Watch the daemon save a channel, on the built-in simulator
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Play the story once; exit 0 only if every act happened
    #[arg(long)]
    once: bool,
    /// Where the status page is served; loopback only
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: std::net::SocketAddr,
    /// Show the daemon's own log as well
    #[arg(long)]
    logs: bool,
}

impl Args {
    /// Plays.
    pub async fn run(self) -> ExitCode {
        let log = LogArgs { log_format: LogFormat::Text, log: "info".into() };
        let _log = self.logs.then(|| log.start());
        let mut signals = match signals::to_stop() {
            Ok(signals) => signals,
            Err(why) => return failed(&why),
        };
        let stage = match stage::Stage::build(self.listen).await {
            Ok(stage) => stage,
            Err(why) => return failed(&why),
        };
        terminal::line(&format!(
            "The status page is at http://{}/  (metrics: /metrics, API: /api/v1/channels)",
            stage.page()
        ));
        let played = tokio::select! {
            played = self.play(&stage) => played,
            _ = signals.next() => Ok(()),
        };
        stage.close().await;
        match played {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => failed(&why),
        }
    }

    async fn play(&self, stage: &stage::Stage) -> Result<(), String> {
        let mut first = true;
        loop {
            story::play(stage, PATIENCE, std::mem::take(&mut first)).await?;
            if self.once {
                terminal::line("Every act of the story happened.");
                return Ok(());
            }
            if terminal::try_out("The story starts again in 20 s; Ctrl-C ends it.\n").is_err() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    }
}
