//! Takes a changed configuration: on SIGHUP, and when a file in one of its folders changes.
//!
//! An invalid file changes nothing and says why. What cannot change without a restart is said plainly.

use super::calendar::Keeping;
use super::places::Places;
use crate::clock::Clock;
use crate::config::{Config, Diagnostic, Proof, load};
use crate::counters::Counters;
use crate::delivery::Delivery;
use crate::http::Access;
use crate::snapshot::SnapshotCell;
use crate::supervisor::Reloads;
use notify_debouncer_full::notify::{EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use sd_notify::NotifyState;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};

/// Editors write in several steps: a change counts once it is this old.
const SETTLE: Duration = Duration::from_millis(500);

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
    watcher: Debouncer<RecommendedWatcher, RecommendedCache>,
    watched: BTreeSet<PathBuf>,
    changes: mpsc::Receiver<()>,
    places: Places,
    look_again: Interval,
}

impl Reloader {
    pub(super) fn new(
        path: PathBuf,
        config: Config,
        reloads: Reloads,
        out: Out,
        counters: Counters,
        clock: Clock,
    ) -> Result<Self, String> {
        let (sender, changes) = mpsc::channel(1);
        let watcher = new_debouncer(SETTLE, None, move |result: DebounceEventResult| {
            let touched =
                |kind: EventKind| matches!(kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
            if result.is_ok_and(|events| events.iter().any(|e| touched(e.kind) && e.paths.iter().any(|p| is_toml(p)))) {
                // One waiting word is enough.
                let _ = sender.try_send(());
            }
        })
        .map_err(|error| format!("cannot watch the configuration for changes: {error}"))?;
        let mut look_again = tokio::time::interval(LOOK_AT_PLACES_EVERY);
        look_again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (watched, places) = (BTreeSet::new(), Places::new(config.read_files()));
        let mut reloader =
            Self { path, config, reloads, out, counters, clock, watcher, watched, changes, places, look_again };
        reloader.watch_folders();
        Ok(reloader)
    }

    /// Waits for a change of a file, and says which kind it is. May be dropped and called again.
    pub(super) async fn changed(&mut self) -> &'static str {
        loop {
            tokio::select! {
                biased;
                Some(()) = self.changes.recv() => return "a configuration file changed",
                _ = self.look_again.tick() => if self.places.moved().await {
                    return "a secret or certificate file changed";
                },
            }
        }
    }

    /// Reads the configuration again and takes it, whole or not at all.
    pub(super) async fn reload(&mut self, why: &str) {
        let _ = sd_notify::notify(&[
            NotifyState::Reloading,
            NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Reloading),
        ]);
        self.places.refresh();
        let taken = self.take(why).await;
        self.counters.config_reload(taken.is_ok(), self.clock.wall());
        match taken {
            Ok(()) => tracing::info!(why, "configuration loaded"),
            Err(error) => {
                tracing::error!(why, "the new configuration is refused, the old one stays: {error}");
                self.reloads.refused(error).await;
            }
        }
        let _ = sd_notify::notify(&[NotifyState::Ready]);
    }

    async fn take(&mut self, why: &str) -> Result<(), String> {
        // Without the lines of the file: what is refused goes into the journal, and from there to every sink.
        let loaded = load(&self.path).map_err(|rejected| rejected.summary())?;
        warn(&loaded.warnings);
        let config = loaded.config;
        for (what, changed) in [
            ("daemon.listen", config.daemon.listen != self.config.daemon.listen),
            ("daemon.state_dir", config.daemon.state_dir != self.config.daemon.state_dir),
            ("audit.compliance_tag", config.audit.compliance_tag != self.config.audit.compliance_tag),
            ("audit", signing(&config) != signing(&self.config)),
        ] {
            if changed {
                tracing::warn!("`{what}` changed; it takes effect at the next restart");
            }
        }
        let sinks = self.out.delivery.prepare(&config).map_err(|error| error.to_string())?;
        let allowed = Access::prepare(&config)?;
        self.reloads.give(&config, why.to_owned()).await.map_err(|error| error.to_string())?;
        self.out.access.take(allowed);
        match self.out.delivery.subscribe(&sinks).await {
            Ok(()) => self.out.delivery.run(sinks, &self.out.snapshot),
            Err(error) => {
                tracing::error!(%error, "the sinks stay as they were: reload once the journal can be written");
            }
        }
        let keeping = Keeping::from(&config.audit.proof);
        if self.out.keeping.send_replace(keeping) != keeping {
            let days = config.audit.proof.retention.map(|kept| kept.as_secs() / 86_400);
            tracing::info!(
                days,
                "`audit.retention_days` or `audit.hold_for` changed; it takes effect at the next nightly archive"
            );
        }
        self.places.keep(config.read_files());
        self.config = config;
        self.watch_folders();
        Ok(())
    }

    /// Folders, not files: editors replace a file by renaming another over it.
    fn watch_folders(&mut self) {
        // The folder of a bare file name is the empty path.
        let folders = self.config.folders.iter().filter_map(|f| Path::new(".").join(f).canonicalize().ok());
        for folder in folders.filter(|f| !self.watched.contains(f)).collect::<Vec<_>>() {
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => _ = self.watched.insert(folder),
                Err(error) => tracing::warn!(
                    folder = %folder.display(), %error, "cannot watch this folder for changes; SIGHUP still reloads"
                ),
            }
        }
    }
}

/// How the log is signed, which the journal takes when it is opened.
fn signing(config: &Config) -> Proof {
    Proof { retention: None, hold_for: Duration::ZERO, ..config.audit.proof.clone() }
}

/// What the configuration's reader thinks worth knowing, one log line each.
pub(super) fn warn(warnings: &[Diagnostic]) {
    for warning in warnings {
        let place = warning.file().map(|f| f.display().to_string()).unwrap_or_default();
        tracing::warn!(file = place, line = warning.line(), "{}", warning.message);
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}
