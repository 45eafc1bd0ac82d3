//! Takes a changed configuration: on SIGHUP, and when one of its files, or one that it names, holds something else.
//!
//! An invalid file changes nothing and says why. What cannot change without a restart is said plainly. A task of its own:
//! whatever a file system does, signals and the end of the process do not wait for it.

use super::folders::Folders;
use super::jobs::Keeping;
use super::look::{self, First, Look, New, Seen};
use super::places::{Places, Stamps};
use crate::clock::Clock;
use crate::config::{Aside, Config, Proof};
use crate::counters::Counters;
use crate::delivery::Delivery;
use crate::http::Access;
use crate::snapshot::SnapshotCell;
use crate::supervisor::Reloads;
use sd_notify::NotifyState;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};

/// How often the places of secrets and certificates are held against what they were: some of what changes them (links that
/// are swapped, folders of other machines) tells nobody.
const LOOK_AT_PLACES_EVERY: Duration = Duration::from_secs(2);

/// What takes a new configuration beside the driver.
pub(super) struct Out {
    /// What leaves.
    pub delivery: Delivery,
    /// What bulk metrics are read from.
    pub snapshot: SnapshotCell,
    /// Who may come in over TCP.
    pub access: Access,
    /// How long audit entries stay in the journal.
    pub keeping: watch::Sender<Keeping>,
}

pub(super) struct Reloader {
    path: PathBuf,
    config: Config,
    reloads: Reloads,
    out: Out,
    counters: Counters,
    clock: Clock,
    hangups: mpsc::Receiver<()>,
    folders: Folders,
    places: Places,
    look_again: Interval,
    reading: Aside,
    /// What is to be tried again, since no answer came.
    owed: Option<Why>,
    /// Why the last configuration was not taken, or not whole.
    lacking: Option<String>,
}

/// Why the configuration is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Signal,
    File,
    Secret,
}

impl Why {
    const fn words(self) -> &'static str {
        match self {
            Self::Signal => "SIGHUP",
            Self::File => "a configuration file changed",
            Self::Secret => "a secret or certificate file changed",
        }
    }
}

impl Reloader {
    /// `hangups`: a word for each SIGHUP.
    pub(super) fn new(
        first: First,
        reloads: Reloads,
        out: Out,
        (counters, clock): (Counters, Clock),
        hangups: mpsc::Receiver<()>,
    ) -> Result<Self, String> {
        let mut look_again = tokio::time::interval(LOOK_AT_PLACES_EVERY);
        look_again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let First { path, config, stamps } = first;
        let mut folders = Folders::new()?;
        folders.watch(&config.folders);
        let places = Places::new(stamps, Aside::new(LOOK_AT_PLACES_EVERY));
        let (reading, owed, lacking) = (look::aside(), None, None);
        Ok(Self {
            path,
            config,
            reloads,
            out,
            counters,
            clock,
            hangups,
            folders,
            places,
            look_again,
            reading,
            owed,
            lacking,
        })
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let why = self.next().await;
            self.reload(why).await;
        }
    }

    /// Waits for a reason to read the configuration again.
    async fn next(&mut self) -> Why {
        loop {
            tokio::select! {
                biased;
                Some(()) = self.hangups.recv() => return Why::Signal,
                () = self.folders.changed() => return Why::File,
                _ = self.look_again.tick() => if let Some(why) = self.owed.take() {
                    return why;
                } else if let Some(why) = self.moved().await {
                    return why;
                },
            }
        }
    }

    async fn moved(&mut self) -> Option<Why> {
        let moved = self.places.moved().await;
        let is_secret = moved.iter().any(|file| !self.config.files.contains(file));
        (!moved.is_empty()).then_some(if is_secret { Why::Secret } else { Why::File })
    }

    /// Reads the configuration again and takes it, whole or not at all. A file event that leaves everything as it was is no
    /// reload.
    async fn reload(&mut self, why: Why) {
        let Seen { mut stamps, read } = self.look(why).await;
        let new = match read {
            Ok(Some(new)) => Ok(new),
            Ok(None) => {
                stamps.retain(|file, _| self.config.files.contains(file));
                return self.places.read(stamps);
            }
            Err(error) => Err(error),
        };
        let _ = sd_notify::notify(&[
            NotifyState::Reloading,
            NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Reloading),
        ]);
        self.places.read(stamps.clone());
        let taken = match new {
            Ok(new) => self.take(*new, stamps, why).await,
            Err(error) => Err(error),
        };
        self.conclude(taken, why).await;
        let _ = sd_notify::notify(&[NotifyState::Ready]);
    }

    async fn conclude(&mut self, taken: Result<Option<String>, String>, why: Why) {
        // What is known to be wrong is told again to whoever asks, and not for each file that comes or goes.
        if why != Why::Signal && taken.is_err() && taken.as_ref().err() == self.lacking.as_ref() {
            return;
        }
        self.counters.config_reload(taken.is_ok(), self.clock.wall());
        self.lacking = match taken {
            Ok(lacking) => lacking,
            Err(error) => {
                tracing::error!(why = why.words(), "the new configuration is refused, the old one stays: {error}");
                self.reloads.refused(error.clone()).await;
                Some(error)
            }
        };
    }

    async fn look(&mut self, why: Why) -> Seen {
        let is_news_only = why == Why::File && self.lacking.is_none();
        let look = Look {
            path: self.path.clone(),
            known: self.places.files(),
            unless: is_news_only.then(|| self.config.digest.clone()),
            delivery: self.out.delivery.clone(),
        };
        self.reading.read(move || look.look()).await.unwrap_or_else(|error| {
            self.owed = Some(why);
            Seen { stamps: Stamps::new(), read: Err(format!("the configuration and what it names: {error}")) }
        })
    }

    /// What of it was not taken, though the rest is in force.
    async fn take(&mut self, new: New, stamps: Stamps, why: Why) -> Result<Option<String>, String> {
        let New { config, sinks, allowed } = new;
        self.tell_what_waits(&config);
        let told = self.reloads.give(&config, why.words().to_owned()).await.map_err(|error| error.to_string())?;
        self.out.access.take(allowed);
        let lacking = match self.out.delivery.subscribe(&sinks).await {
            Ok(()) => {
                self.out.delivery.run(sinks, &self.out.snapshot);
                tracing::info!("{told}");
                None
            }
            Err(error) => {
                let lacking = format!("its sinks are not taken and stay as they were: {error}");
                tracing::error!("{told}; but {lacking}; reload once the journal can be written");
                Some(lacking)
            }
        };
        self.keep(&config);
        self.places.keep(stamps);
        self.folders.watch(&config.folders);
        self.config = config;
        Ok(lacking)
    }

    /// Warns of what takes effect at the next restart only.
    fn tell_what_waits(&self, config: &Config) {
        for (what, changed) in [
            ("daemon.listen", config.daemon.listen != self.config.daemon.listen),
            ("daemon.state_dir", config.daemon.state_dir != self.config.daemon.state_dir),
            ("audit.compliance_tag", config.audit.compliance_tag != self.config.audit.compliance_tag),
            ("audit", signing(config) != signing(&self.config)),
        ] {
            if changed {
                tracing::warn!("`{what}` changed; it takes effect at the next restart");
            }
        }
    }

    fn keep(&self, config: &Config) {
        let keeping = Keeping::from(&config.audit.proof);
        if self.out.keeping.send_replace(keeping) != keeping {
            let days = config.audit.proof.retention.map(|kept| kept.as_secs() / 86_400);
            tracing::info!(
                days,
                "`audit.retention_days` or `audit.hold_for` changed; it takes effect at the next nightly archive"
            );
        }
    }
}

/// How the log is signed, which the journal takes when it is opened.
fn signing(config: &Config) -> Proof {
    Proof { retention: None, hold_for: Duration::ZERO, ..config.audit.proof.clone() }
}
