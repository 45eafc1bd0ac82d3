//! Whether what a change was decided for still holds when it leaves, as far as the answers until then have told.

use crate::oracle::Oracle;
use crate::trunk::{View, Word};
use std::time::Duration;
use trunkwarden::policy::{Action, Cause, Reason};

impl Oracle {
    /// A rescue whose channel, or whose backup, is known to be well again by `by` has lost its ground.
    pub fn still_stands(&self, own: View<'_>, action: &Action, by: Duration) -> Result<(), String> {
        let backup = match &action.reason {
            Reason::Failover { cause: Cause::Down { .. }, .. } if own.last.word == Word::Good => {
                return Err(format!("it is well again, as was answered at {:?}", own.last.answered));
            }
            Reason::Failover { cause: Cause::BackupDown { backup } | Cause::BackupMissing { backup }, .. }
            | Reason::Failback { from: backup, backup_failed: true, .. } => backup.as_str(),
            _ => return Ok(()),
        };
        let seen = self.trunks.get(backup).and_then(|backup| backup.view(by).ok());
        match seen.filter(|seen| seen.last.word == Word::Good) {
            Some(seen) => Err(format!("{backup} is well again, as was answered at {:?}", seen.last.answered)),
            None => Ok(()),
        }
    }
}
