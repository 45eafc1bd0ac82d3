//! The end of the driver: what is in flight may finish within the grace time; what does not stays open in the journal for
//! the next start. Must never: start anything new.

use super::Driver;
use crate::policy::{Command, OpId};
use std::time::Duration;

/// How long actions in flight may take to finish.
const GRACE: Duration = Duration::from_secs(8);

impl Driver {
    /// What the engine would start now waits for the next start, and is not recorded.
    fn start_nothing_new(&mut self) {
        let started = |command: &Command| match command {
            Command::Act(action) => Some(action.op),
            _ => None,
        };
        let ops: Vec<OpId> = self.commands.iter().filter_map(started).collect();
        self.commands.retain(|c| matches!(c, Command::Record(r) if r.op.is_none_or(|op| !ops.contains(&op))));
    }

    /// Lets what is in flight finish, writes down what the next start needs, and closes the journal.
    pub(super) async fn finish(mut self) {
        let deadline = self.clock.now() + GRACE;
        while !self.in_flight.is_empty() {
            let left = deadline.since(self.clock.now());
            let Ok(Some(told)) = tokio::time::timeout(left, self.told.1.recv()).await else { break };
            let now = self.clock.now();
            self.beat(now);
            self.told(now, told);
            self.start_nothing_new();
            self.carry_out();
        }
        if !self.in_flight.is_empty() {
            tracing::warn!(
                open = self.in_flight.len(),
                "stopping with actions in flight; the next start reads the platform back first"
            );
        }
        let recent: Vec<(String, Vec<Duration>)> =
            self.platforms.iter().map(|(id, platform)| (id.to_string(), platform.recent_requests())).collect();
        self.ledger.stop(self.clock.now(), &mut self.engine, recent).await;
    }
}
