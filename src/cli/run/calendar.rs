//! The few calendar jobs. They run as cron expressions in UTC, which survive a stall; per-channel timers live elsewhere.

use crate::clock::Clock;
use crate::journal::Journal;
use tokio_cron_scheduler::{Job, JobScheduler};

/// Every hour, a few minutes past: the journal gives up what is past its retention.
const PRUNE: &str = "0 7 * * * *";

/// The running scheduler.
pub(super) struct Calendar(JobScheduler);

impl Calendar {
    pub(super) async fn start(journal: Journal, clock: Clock) -> Result<Self, String> {
        let words = |error| format!("cannot start the calendar jobs: {error}");
        let scheduler = JobScheduler::new_with_channel_size(64).await.map_err(words)?;
        let prune = Job::new_async(PRUNE, move |_, _| {
            let (journal, now) = (journal.clone(), clock.wall());
            Box::pin(async move {
                if let Err(error) = journal.prune(now).await {
                    tracing::warn!(%error, "old observations could not be removed");
                }
            })
        });
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
