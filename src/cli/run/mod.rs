//! `trunkwarden run`: the daemon's life as a process.
//!
//! Ready is told to systemd once the journal is open and the sockets are bound; the watchdog is fed by the driver's own
//! loop. SIGTERM and SIGINT drain, SIGHUP and a changed file reload; a task that dies ends the process with 1, so that
//! systemd starts it again.

mod audit;
mod jobs;
mod places;
mod refusals;
mod reload;
mod serve;

pub(super) use audit::options as journal_options;
pub(super) use serve::{Served, Sockets, connect, serve};

use super::EX_CONFIG;
use super::config_arg::ConfigArg;
use super::logging::{Log, LogArgs};
use super::signals;
use crate::clock::Clock;
use crate::config::{Config, load};
use crate::counters::Counters;
use crate::delivery::{Delivery, Pace, Sinks, over_http};
use crate::http::Access;
use crate::journal::{Journal, Options};
use crate::supervisor::{Clients, Daemon, Parts, Pulse};
use futures_util::StreamExt;
use sd_notify::NotifyState;
use signal_hook::consts::SIGHUP;
use signal_hook_tokio::Signals;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A snapshot is published at most this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);

/// How long bridges under way may take to end at a stop.
const BRIDGES_WITHIN: Duration = Duration::from_secs(4);

/// Run the daemon
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    log: LogArgs,
}

impl Args {
    /// Runs until told to stop.
    pub async fn run(self) -> ExitCode {
        keep_to_itself();
        let log = self.log.start();
        let config = match load(&self.config.path) {
            Ok(loaded) => {
                reload::warn(&loaded.warnings);
                loaded.config
            }
            Err(rejected) => {
                // A terminal sees the lines of the file; a log, which others read, does not.
                let terminal = std::io::stderr().is_terminal();
                log.say(&if terminal { rejected.to_string() } else { rejected.summary() });
                return ExitCode::from(EX_CONFIG);
            }
        };
        match Process::start(config, self.config.path, &log).await {
            Ok(process) => process.live(&log).await,
            Err(NotStarted::Config(why)) => {
                log.say(&format!("error: {why}"));
                ExitCode::from(EX_CONFIG)
            }
            Err(NotStarted::Failed(why)) => ended_by(&why, &log),
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

/// Why nothing was started, in one sentence.
pub(super) enum NotStarted {
    /// The configuration is to blame.
    Config(String),
    /// Something else is.
    Failed(String),
}

struct Process {
    daemon: Daemon,
    served: Served,
    reloader: reload::Reloader,
    signals: Signals,
    jobs: jobs::Jobs,
    delivery: Delivery,
    refusals: JoinHandle<()>,
}

impl Process {
    async fn start(config: Config, path: PathBuf, log: &Log) -> Result<Self, NotStarted> {
        let failed = |why: String| NotStarted::Failed(why);
        let clock = Clock::system();
        // Signals first: one that comes while starting is answered as soon as the loop runs.
        let signals = signals::and(&[SIGHUP]).map_err(failed)?;
        let sockets = Sockets::bind(config.daemon.listen, "`daemon.listen`").await.map_err(failed)?;
        let outward = over_http();
        let sinks = Sinks::of(&config, &outward).map_err(|error| NotStarted::Config(error.to_string()))?;
        // With the journal, so that its sinks are told of the first entry too.
        let witnessed = audit::witnessed(&config).await;
        let options = Options {
            subscriptions: Some(sinks.subscriptions()),
            witnessed,
            ..audit::options(&config, clock.clone())?
        };
        let (journal, recovered) = Journal::open(options).map_err(|error| failed(error.to_string()))?;
        let sockets = sockets.with_control(&config).map_err(failed)?;
        let counters = Counters::new();
        log.counted_by(&counters);
        let access = Access::new(&counters, &clock);
        access.take(Access::prepare(&config).map_err(NotStarted::Config)?);
        let pruner = journal.clone();
        let delivery = Delivery::new(journal.clone(), clock.clone(), &counters, outward, Pace::default());
        let parts = Parts {
            clients: Clients::new(connect(clock.clone(), counters.clone())),
            clock: clock.clone(),
            journal,
            recovered,
            counters: counters.clone(),
            publish_every: PUBLISH_EVERY,
            keep_observations: true,
            pulse: Pulse::of_a_daemon(|| {
                // Without systemd there is nobody to tell.
                let _ = sd_notify::notify(&[NotifyState::Watchdog]);
            }),
        };
        let (daemon, reloads) = Daemon::start(&config, parts).map_err(|error| NotStarted::Config(error.to_string()))?;
        counters.config_reload(true, clock.wall());
        delivery.run(sinks, &daemon.snapshot);
        let served = serve(&daemon, sockets, clock.clone(), access.clone(), Some(delivery.clone()));
        let refusals = tokio::spawn(refusals::write(access.clone(), pruner.clone(), clock.clone()));
        let (keeping, kept) = watch::channel(jobs::Keeping::from(&config.audit.proof));
        let jobs = jobs::Jobs::start(pruner, clock.clone(), kept).await.map_err(failed)?;
        let out = reload::Out { delivery: delivery.clone(), snapshot: daemon.snapshot.clone(), keeping, access };
        let reloader = reload::Reloader::new(path, config, reloads, out, counters, clock).map_err(failed)?;
        tracing::info!(listen = %served.listen, "ready");
        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status("watching")]);
        Ok(Self { daemon, served, reloader, signals, jobs, delivery, refusals })
    }

    async fn live(mut self, log: &Log) -> ExitCode {
        let died = loop {
            tokio::select! {
                biased;
                signal = self.signals.next() => match signal {
                    Some(SIGHUP) => self.reloader.reload("SIGHUP").await,
                    signal => {
                        tracing::info!(signal, "stopping; actions in flight may finish");
                        break None;
                    }
                },
                why = self.reloader.changed() => self.reloader.reload(why).await,
                ended = self.daemon.stopped() => break Some(ended.err().unwrap_or_else(|| "the driver ended".into())),
                ended = self.served.ended() => break Some(ended),
                died = self.delivery.died() => break Some(died),
            }
        };
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        self.refusals.abort();
        self.daemon.switchboard.stop(BRIDGES_WITHIN).await;
        self.daemon.stop.cancel();
        // Beside the driver, which closes the journal at its end: what is delivered by then is acknowledged.
        let daemon = async { if died.is_some() { Ok(()) } else { self.daemon.stopped().await } };
        let (stopped, ()) = tokio::join!(daemon, self.delivery.stop());
        self.served.stop().await;
        self.jobs.stop().await;
        match died.or(stopped.err()) {
            None => {
                tracing::info!("stopped");
                ExitCode::SUCCESS
            }
            Some(why) => ended_by(&format!("{why}; ending so that it can be started again"), log),
        }
    }
}

/// One clear line behind what was logged, and 1.
fn ended_by(why: &str, log: &Log) -> ExitCode {
    log.say(&format!("trunkwarden: {why}"));
    ExitCode::FAILURE
}
