//! The few calendar jobs. They run as cron expressions in UTC, which survive a stall; per-channel timers live elsewhere.

use crate::clock::Clock;
use crate::config::Proof;
use crate::journal::Journal;
use std::time::Duration;
use tokio::sync::watch;
use tokio_cron_scheduler::{Job, JobScheduler};

/// Every minute: a checkpoint where one is due, for a journal into which nothing is written.
const SEAL: &str = "30 * * * * *";

/// Every night: audit entries past their retention go to the archive, a file a night.
const ARCHIVE: &str = "0 17 3 * * *";

/// Every hour, a few minutes past: the journal gives up what is past its retention.
const PRUNE: &str = "0 7 * * * *";

/// The running scheduler.
pub(super) struct Calendar(JobScheduler);

impl Calendar {
    /// `keeping`: as it is configured by then.
    pub(super) async fn start(
        journal: Journal,
        clock: Clock,
        keeping: watch::Receiver<Keeping>,
    ) -> Result<Self, String> {
        let words = |error| format!("cannot start the calendar jobs: {error}");
        let scheduler = JobScheduler::new_with_channel_size(64).await.map_err(words)?;
        let (sealed, seal_clock) = (journal.clone(), clock.clone());
        let seal = Job::new_async(SEAL, move |_, _| {
            let sealing = sealed.seal(seal_clock.wall());
            Box::pin(async move {
                if let Err(error) = sealing.await {
                    tracing::warn!(%error, "could not make a checkpoint of the audit log");
                }
            })
        });
        let night = Archiving { journal: journal.clone(), clock: clock.clone(), keeping };
        let archive = Job::new_async(ARCHIVE, move |_, _| {
            let night = night.clone();
            Box::pin(async move { _ = night.run().await })
        });
        let prune = Job::new_async(PRUNE, move |_, _| {
            let (journal, now) = (journal.clone(), clock.wall());
            Box::pin(async move {
                if let Err(error) = journal.prune(now).await {
                    tracing::warn!(%error, "could not remove old observations");
                }
            })
        });
        for job in [seal, archive, prune] {
            scheduler.add(job.map_err(words)?).await.map_err(words)?;
        }
        scheduler.start().await.map_err(words)?;
        Ok(Self(scheduler))
    }

    pub(super) async fn stop(mut self) {
        if let Err(error) = self.0.shutdown().await {
            tracing::debug!(%error, "the calendar did not stop cleanly");
        }
    }
}

/// How long audit entries stay in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keeping {
    /// At least; `None`: for ever.
    pub retention: Option<Duration>,
    /// Longer than that at most, for sinks that still wait for them.
    pub hold_for: Duration,
}

impl From<&Proof> for Keeping {
    fn from(proof: &Proof) -> Self {
        Self { retention: proof.retention, hold_for: proof.hold_for }
    }
}

/// What the nightly archive works with.
#[derive(Clone)]
struct Archiving {
    journal: Journal,
    clock: Clock,
    keeping: watch::Receiver<Keeping>,
}

impl Archiving {
    /// Archives what is past its retention now; how many segments. Nothing is archived where entries stay for ever.
    async fn run(&self) -> usize {
        let Keeping { retention, hold_for } = *self.keeping.borrow();
        let Some(retention) = retention else { return 0 };
        let wall = self.clock.wall();
        // Counted from when an entry may be archived, not from when it was written.
        if let Err(error) = self.journal.release_held(wall.back(retention.saturating_add(hold_for))).await {
            tracing::warn!(%error, "entries that sinks still wait for hold back the archive");
        }
        let segments = match self.journal.archive(wall.back(retention)).await {
            Ok(segments) => segments,
            Err(error) => {
                tracing::warn!(%error, "could not archive old audit entries; they stay in the journal");
                return 0;
            }
        };
        tracing::info!(segments, "archived the audit entries past their retention");
        segments
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::journal::{Batch, Entry, Options, Signing, signer};
    use serde_json::Value;

    #[tokio::test]
    async fn entries_are_archived_by_the_retention_that_is_configured_by_then() {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("journal.db"), Clock::system());
        let signing = Signing { signer: signer(&path, None, None).unwrap(), entries: 2, interval: Duration::MAX };
        let options = Options { signing: Some(signing), ..Options::new(path, clock.clone()) };
        let (journal, _) = Journal::open(options).unwrap();
        let entry = Entry {
            at: clock.wall(),
            event_type: "health.changed".to_owned(),
            tenant: Some("acme".to_owned()),
            channel_id: Some("ch-0001".to_owned()),
            actor: "engine".to_owned(),
            reason: "unknown to up: healthy for 2 looks".to_owned(),
            before: Value::Null,
            after: Value::Null,
            op: None,
            operation: None,
            details: Value::Null,
        };
        for _ in 0..6 {
            journal.submit(Batch { entries: vec![entry.clone()], ..Batch::default() }).await.unwrap();
        }
        let keeping = |retention| Keeping { retention, hold_for: Duration::from_hours(24 * 7) };
        let (sender, kept) = watch::channel(keeping(None));
        let night = Archiving { journal, clock, keeping: kept };
        assert_eq!(night.run().await, 0, "for ever");
        sender.send_replace(keeping(Some(Duration::from_hours(24))));
        assert_eq!(night.run().await, 0, "nothing is as old as that");
        sender.send_replace(keeping(Some(Duration::ZERO)));
        // What is written in this very millisecond is not older than it.
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(night.run().await > 0);
    }
}
