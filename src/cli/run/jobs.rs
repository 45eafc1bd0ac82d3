//! The few jobs that run by the calendar, in UTC, and so survive a stall. Timers of channels live elsewhere.

use crate::clock::Clock;
use crate::config::Proof;
use crate::journal::Journal;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// A job: what it is called, when it runs, and what it does.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    /// A cron expression of six fields, seconds first.
    schedule: &'static str,
    run: fn(Keeper) -> Run,
}

type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

const JOBS: [Row; 3] = [
    // Every minute, for a journal into which nothing is written.
    Row { name: "seal", schedule: "30 * * * * *", run: |keeper| Box::pin(keeper.seal()) },
    // Every night, one file.
    Row { name: "archive", schedule: "0 17 3 * * *", run: |keeper| Box::pin(keeper.archive()) },
    // Every hour, a few minutes past.
    Row { name: "prune", schedule: "0 7 * * * *", run: |keeper| Box::pin(keeper.prune()) },
];

/// The running scheduler.
pub(super) struct Jobs(JobScheduler);

impl Jobs {
    /// `keeping`: as it is configured by then.
    pub(super) async fn start(
        journal: Journal,
        clock: Clock,
        keeping: watch::Receiver<Keeping>,
    ) -> Result<Self, String> {
        let scheduled = Self::schedule(&JOBS, &Keeper { journal, clock, keeping }).await;
        scheduled.map_err(|error| format!("cannot start the calendar jobs: {error}"))
    }

    async fn schedule(rows: &[Row], keeper: &Keeper) -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new_with_channel_size(64).await?;
        for &Row { name, schedule, run } in rows {
            let keeper = keeper.clone();
            let job = Job::new_async(schedule, move |_, _| {
                tracing::debug!(job = name, "a calendar job runs");
                run(keeper.clone())
            });
            scheduler.add(job?).await?;
        }
        scheduler.start().await?;
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

/// What the jobs work with.
#[derive(Clone)]
struct Keeper {
    journal: Journal,
    clock: Clock,
    keeping: watch::Receiver<Keeping>,
}

impl Keeper {
    /// Makes a signed checkpoint where one is due.
    async fn seal(self) {
        if let Err(error) = self.journal.seal(self.clock.wall()).await {
            tracing::warn!(%error, "could not make a checkpoint of the audit log");
        }
    }

    /// Archives what is past its retention now. Nothing is archived where entries stay for ever.
    async fn archive(self) {
        let Keeping { retention, hold_for } = *self.keeping.borrow();
        let Some(retention) = retention else { return };
        let wall = self.clock.wall();
        // Counted from when an entry may be archived, not from when it was written.
        if let Err(error) = self.journal.release_held(wall.back(retention.saturating_add(hold_for))).await {
            tracing::warn!(%error, "entries that sinks still wait for hold back the archive");
        }
        match self.journal.archive(wall.back(retention)).await {
            Ok(segments) => tracing::info!(segments, "archived the audit entries past their retention"),
            Err(error) => tracing::warn!(%error, "could not archive old audit entries; they stay in the journal"),
        }
    }

    /// Has the journal give up what is past its retention.
    async fn prune(self) {
        if let Err(error) = self.journal.prune(self.clock.wall()).await {
            tracing::warn!(%error, "could not remove old observations");
        }
    }
}

#[cfg(test)]
#[path = "jobs_tests.rs"]
mod tests;
