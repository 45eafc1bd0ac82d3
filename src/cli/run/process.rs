//! The daemon and all that stands around it, from start to stop.
//!
//! Ready is told to systemd once the journal is open and the sockets are bound; the watchdog is fed by the driver's own
//! loop.

use super::look::{self, First};
use super::serve::{Served, Sockets, connect, serve};
use super::{NoDaemon, NotStarted, audit, ended_by, jobs, refusals, reload, stopped};
use crate::cli::logging::Log;
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::delivery::{Delivery, Pace, Sinks, over_http};
use crate::http::Access;
use crate::journal::{Journal, Options, Recovered};
use crate::supervisor::{Clients, Daemon, Parts, Pulse};
use futures_util::StreamExt;
use sd_notify::NotifyState;
use signal_hook::consts::SIGHUP;
use signal_hook_tokio::Signals;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// A snapshot is published at most this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);

/// How long bridges under way may take to end at a stop.
const BRIDGES_WITHIN: Duration = Duration::from_secs(4);

pub(super) struct Process {
    daemon: Daemon,
    served: Served,
    reloader: JoinHandle<()>,
    hangups: mpsc::Sender<()>,
    jobs: jobs::Jobs,
    delivery: Delivery,
    refusals: JoinHandle<()>,
    is_to_stop: bool,
}

impl Process {
    pub(super) async fn start(path: PathBuf, counters: Counters) -> Result<Self, NoDaemon> {
        let failed = |why: String| NoDaemon::from(NotStarted::Failed(why));
        let refused = |why: String| NoDaemon::from(NotStarted::Config(why));
        let first = look::aside().read(|| First::read(path)).await;
        let first = first.map_err(|error| failed(format!("the configuration and what it names: {error}")))?;
        let first = first.map_err(NoDaemon::Rejected)?;
        let (config, clock) = (&first.config, Clock::system());
        let sockets = Sockets::bind(config.daemon.listen, "`daemon.listen`").await.map_err(failed)?;
        let outward = over_http();
        let sinks = Sinks::of(config, &outward).map_err(|error| refused(error.to_string()))?;
        // With the journal, so that its sinks are told of the first entry too.
        let witnessed = audit::witnessed(config).await;
        let options =
            Options { subscriptions: Some(sinks.subscriptions()), witnessed, ..audit::options(config, clock.clone())? };
        let (journal, recovered) = Journal::open(options).map_err(|error| failed(error.to_string()))?;
        let sockets = sockets.with_control(config).map_err(failed)?;
        let access = Access::new(&counters, &clock);
        access.take(Access::prepare(config).map_err(refused)?);
        let kept = journal.clone();
        let delivery = Delivery::new(journal.clone(), clock.clone(), &counters, outward, Pace::default());
        let parts = parts(&clock, &counters, journal, recovered);
        let (daemon, reloads) = Daemon::start(config, parts).map_err(|error| refused(error.to_string()))?;
        counters.config_reload(true, clock.wall());
        delivery.run(sinks, &daemon.snapshot);
        let served = serve(&daemon, sockets, clock.clone(), access.clone(), Some(delivery.clone()));
        let refusals = tokio::spawn(refusals::write(access.clone(), kept.clone(), clock.clone()));
        let (keeping, keeps) = watch::channel(jobs::Keeping::from(&config.audit.proof));
        let jobs = jobs::Jobs::start(kept, clock.clone(), keeps).await.map_err(failed)?;
        say_ready(&served, config, &first.path);
        let out = reload::Out { delivery: delivery.clone(), snapshot: daemon.snapshot.clone(), keeping, access };
        // One waiting word is enough.
        let (hangups, hung_up) = mpsc::channel(1);
        let reloader = reload::Reloader::new(first, reloads, out, (counters, clock), hung_up).map_err(failed)?;
        let reloader = tokio::spawn(reloader.run());
        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status("watching")]);
        Ok(Self { daemon, served, reloader, hangups, jobs, delivery, refusals, is_to_stop: false })
    }

    /// Told to stop before it has lived.
    pub(super) fn told_to_stop(self) -> Self {
        Self { is_to_stop: true, ..self }
    }

    /// Reads the configuration again.
    pub(super) fn hang_up(&self) {
        let _ = self.hangups.try_send(());
    }

    pub(super) async fn live(mut self, mut signals: Signals, log: &Log) -> ExitCode {
        let died = if self.is_to_stop { None } else { self.watch(&mut signals).await };
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        self.reloader.abort();
        self.refusals.abort();
        self.daemon.switchboard.stop(BRIDGES_WITHIN).await;
        self.daemon.stop.cancel();
        // Beside the driver, which closes the journal at its end: what is delivered by then is acknowledged.
        let daemon = async { if died.is_some() { Ok(()) } else { self.daemon.stopped().await } };
        let (stop, ()) = tokio::join!(daemon, self.delivery.stop());
        self.served.stop().await;
        self.jobs.stop().await;
        match died.or(stop.err()) {
            None => stopped(),
            Some(why) => ended_by(&format!("{why}; ending so that it can be started again"), log),
        }
    }

    /// Waits for the end: a signal, or what died.
    async fn watch(&mut self, signals: &mut Signals) -> Option<String> {
        loop {
            tokio::select! {
                biased;
                signal = signals.next() => match signal {
                    Some(SIGHUP) => self.hang_up(),
                    signal => {
                        tracing::info!(signal, "stopping; actions in flight may finish");
                        return None;
                    }
                },
                ended = self.daemon.stopped() => return Some(ended.err().unwrap_or_else(|| "the driver ended".into())),
                ended = self.served.ended() => return Some(ended),
                died = self.delivery.died() => return Some(died),
                ended = &mut self.reloader => {
                    let why = ended.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
                    return Some(format!("the reloader died: {why}"));
                }
            }
        }
    }
}

fn parts(clock: &Clock, counters: &Counters, journal: Journal, recovered: Recovered) -> Parts {
    Parts {
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
    }
}

fn say_ready(served: &Served, config: &Config, path: &Path) {
    tracing::info!(
        listen = %served.listen,
        version = env!("CARGO_PKG_VERSION"),
        mode = config.daemon.mode.name(),
        file = %path.display(),
        tenants = config.tenants.len(),
        channels = config.channels.len() + config.provisions.len(),
        "ready"
    );
}
