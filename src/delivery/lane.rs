//! The lane of one sink: a delivery that it refused while it took others is retried beside the queue, so that neither waits
//! for the other. After 10 tries, and an hour at least, it becomes a dead letter.
//!
//! While the sink takes nothing at all no delivery is given up: its silence says nothing about this one. Must never: touch a delivery
//! that is not in the lane.

use super::target::Target;
use super::verdict::Verdict;
use super::worker::Surroundings;
use crate::journal::{Batch, LaneDue, MAX_DEAD, OutboxChange};
use crate::policy::WallMs;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long to wait where the journal cannot be read or written; and the longest sleep.
const AGAIN: Duration = Duration::from_secs(1);
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// See the module documentation.
pub struct Lane {
    /// What it works with.
    pub with: Surroundings,
    /// The sink, as it is configured now.
    pub target: watch::Receiver<Arc<Target>>,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Lane {
    /// Works until it is stopped.
    pub async fn run(self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.work() => {}
        }
    }

    async fn work(mut self) {
        let mut commits = self.with.journal.outbox();
        loop {
            commits.borrow_and_update();
            let target = Arc::clone(&self.target.borrow_and_update());
            let Ok(next) = self.next(&target.name).await else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            let wall = self.with.clock.wall();
            let left = next.as_ref().map(|lane| lane.next_at.since(wall).min(LONGEST_SLEEP));
            match next {
                Some(lane) if lane.next_at <= wall && *self.with.journal.writable().borrow() => {
                    if self.attempt(&target, &lane).await.is_err() {
                        tokio::time::sleep(AGAIN).await;
                    }
                }
                _ => {
                    // An attempt that waits for the journal to be writable is not due before the next look.
                    let left = left.map(|left| left.max(Duration::from_millis(10)));
                    tokio::select! {
                        () = tokio::time::sleep(left.unwrap_or(LONGEST_SLEEP)) => {}
                        _ = commits.changed() => {}
                        _ = self.target.changed() => {}
                    }
                }
            }
        }
    }

    async fn next(&self, sink: &str) -> Result<Option<LaneDue>, ()> {
        let (reader, sink) = (self.with.reader(), sink.to_owned());
        let read = tokio::task::spawn_blocking(move || reader.outbox_lane(&sink));
        read.await.map_err(drop)?.map_err(drop)
    }

    async fn attempt(&self, target: &Target, lane: &LaneDue) -> Result<(), ()> {
        let due = &lane.due;
        let (_, verdict) = target.deliver(std::slice::from_ref(due), &self.with.clock).await;
        self.with.meters.attempt(&target.name, verdict.word(), 1);
        let wall = self.with.clock.wall();
        let change = match verdict {
            Verdict::Delivered => {
                self.with.standing.took(&target.name, self.with.clock.now());
                OutboxChange::Delivered { row: due.row, next: None }
            }
            Verdict::Refused(error) | Verdict::Later { error, .. } => {
                let tries = due.tries.saturating_add(1);
                let is_over = tries >= target.max_tries && wall.since(lane.since) >= self.with.pace.lane;
                let takes = self.with.standing.takes(&target.name, self.with.clock.now(), self.with.pace.lane);
                if is_over && takes && self.has_room(&target.name).await {
                    tracing::error!(
                        sink = target.name, %error, seq = due.seq, tries,
                        "a delivery was refused too often and is now a dead letter"
                    );
                    OutboxChange::Dead { row: due.row, seq: due.seq, error }
                } else {
                    let wait = self.with.pace.after(tries);
                    let next_at = WallMs(wall.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
                    OutboxChange::LaneFailed { row: due.row, error, next_at }
                }
            }
        };
        self.with.journal.submit(Batch { outbox: vec![change], ..Batch::default() }).await.map(drop).map_err(drop)
    }

    async fn has_room(&self, sink: &str) -> bool {
        let (reader, sink) = (self.with.reader(), sink.to_owned());
        let read = tokio::task::spawn_blocking(move || reader.outbox_sinks());
        let sinks = read.await.ok().and_then(Result::ok).unwrap_or_default();
        sinks.iter().any(|s| s.name == sink && s.dead < MAX_DEAD)
    }
}
