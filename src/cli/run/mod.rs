//! `trunkwarden run`: the daemon's life as a process.
//!
//! Signals are listened for before anything else, and whatever is being read. SIGTERM and SIGINT drain, SIGHUP and a changed
//! file reload; a task that dies ends the process with 1, so that systemd starts it again.

mod audit;
mod folders;
mod jobs;
mod look;
mod places;
mod process;
mod refusals;
mod reload;
mod serve;

pub(super) use audit::options as journal_options;
pub(super) use serve::{Served, Sockets, connect, serve};

use super::EX_CONFIG;
use super::config_arg::ConfigArg;
use super::logging::{Log, LogArgs};
use super::signals;
use crate::config::Rejected;
use crate::counters::Counters;
use futures_util::StreamExt;
use process::Process;
use signal_hook::consts::SIGHUP;
use signal_hook_tokio::Signals;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a start that is told to stop may take to be over.
const START_WITHIN: Duration = Duration::from_secs(5);

/// Run the daemon
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    log: LogArgs,
}

/// Why nothing was started, in one sentence.
pub(super) enum NotStarted {
    /// The configuration is to blame.
    Config(String),
    /// Something else is.
    Failed(String),
}

/// Why there is no daemon.
enum NoDaemon {
    /// The files are wrong.
    Rejected(Rejected),
    /// What they name, or something else.
    NotStarted(NotStarted),
}

impl From<NotStarted> for NoDaemon {
    fn from(why: NotStarted) -> Self {
        Self::NotStarted(why)
    }
}

impl Args {
    /// Runs until told to stop.
    pub async fn run(self) -> ExitCode {
        // First of all: until then a signal ends the process in its own way.
        let signals = signals::and(&[SIGHUP]);
        keep_to_itself();
        let log = self.log.start();
        let mut signals = match signals {
            Ok(signals) => signals,
            Err(why) => return ended_by(&why, &log),
        };
        let counters = Counters::new();
        log.counted_by(&counters);
        let starting = tokio::spawn(Process::start(self.config.path, counters));
        match started(&mut signals, starting).await {
            Some(Ok(process)) => process.live(signals, &log).await,
            Some(Err(why)) => why.report(&log),
            None => stopped(),
        }
    }
}

/// What comes of the start; `None`: a signal ended it.
async fn started(
    signals: &mut Signals,
    mut starting: JoinHandle<Result<Process, NoDaemon>>,
) -> Option<Result<Process, NoDaemon>> {
    let mut is_outdated = false;
    loop {
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                // It may have read what was there before.
                Some(SIGHUP) => is_outdated = true,
                signal => {
                    tracing::info!(signal, "stopping before the start is over");
                    let start = tokio::time::timeout(START_WITHIN, &mut starting).await;
                    starting.abort();
                    let Ok(Ok(Ok(process))) = start else { return None };
                    return Some(Ok(process.told_to_stop()));
                }
            },
            start = &mut starting => {
                let start = start.unwrap_or_else(|died| {
                    Err(NotStarted::Failed(format!("the start died: {died}")).into())
                });
                return Some(start.inspect(|process| if is_outdated { process.hang_up() }));
            }
        }
    }
}

/// Its memory holds tokens, secrets and SIP passwords: it is written to no core file and read by no other process of the
/// same user. As far as the system lets it: the unit says so too.
fn keep_to_itself() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

impl NoDaemon {
    fn report(self, log: &Log) -> ExitCode {
        match self {
            Self::Rejected(rejected) => {
                // A terminal sees the lines of the file; a log, which others read, does not.
                let terminal = std::io::stderr().is_terminal();
                log.say(&if terminal { rejected.to_string() } else { rejected.summary() });
                ExitCode::from(EX_CONFIG)
            }
            Self::NotStarted(NotStarted::Config(why)) => {
                log.say(&format!("error: {why}"));
                ExitCode::from(EX_CONFIG)
            }
            Self::NotStarted(NotStarted::Failed(why)) => ended_by(&why, log),
        }
    }
}

fn stopped() -> ExitCode {
    tracing::info!("stopped");
    ExitCode::SUCCESS
}

/// One clear line behind what was logged, and 1.
fn ended_by(why: &str, log: &Log) -> ExitCode {
    log.say(&format!("trunkwarden: {why}"));
    ExitCode::FAILURE
}
