//! The few calendar jobs. They run as cron expressions in UTC, which survive a stall; per-channel timers live elsewhere.

use crate::clock::Clock;
use crate::journal::Journal;
use std::time::Duration;
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
    /// `retention`: how long audit entries stay in the journal; `None`: for ever.
    pub(super) async fn start(journal: Journal, clock: Clock, retention: Option<Duration>) -> Result<Self, String> {
        let words = |error| format!("cannot start the calendar jobs: {error}");
        let scheduler = JobScheduler::new_with_channel_size(64).await.map_err(words)?;
        let (sealed, seal_clock) = (journal.clone(), clock.clone());
        let seal = Job::new_async(SEAL, move |_, _| {
            let sealing = sealed.seal(seal_clock.wall());
            Box::pin(async move {
                if let Err(error) = sealing.await {
                    tracing::warn!(%error, "a checkpoint of the audit log could not be made");
                }
            })
        });
        if let Some(retention) = retention {
            let (kept, kept_clock) = (journal.clone(), clock.clone());
            let archive = Job::new_async(ARCHIVE, move |_, _| {
                let (journal, before) = (kept.clone(), kept_clock.wall().back(retention));
                Box::pin(async move {
                    match journal.archive(before).await {
                        Ok(segments) => tracing::info!(segments, "audit entries past their retention are archived"),
                        Err(error) => {
                            tracing::warn!(%error, "old audit entries are not archived and stay in the journal");
                        }
                    }
                })
            });
            scheduler.add(archive.map_err(words)?).await.map_err(words)?;
        }
        let prune = Job::new_async(PRUNE, move |_, _| {
            let (journal, now) = (journal.clone(), clock.wall());
            Box::pin(async move {
                if let Err(error) = journal.prune(now).await {
                    tracing::warn!(%error, "old observations could not be removed");
                }
            })
        });
        scheduler.add(seal.map_err(words)?).await.map_err(words)?;
        scheduler.add(prune.map_err(words)?).await.map_err(words)?;
        scheduler.start().await.map_err(words)?;
        Ok(Self(scheduler))
    }

    pub(super) async fn stop(mut self) {
        if let Err(error) = self.0.shutdown().await {
            tracing::debug!(%error, "the calendar did not stop cleanly");
        }
    }
}
