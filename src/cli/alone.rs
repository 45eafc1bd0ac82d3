//! What a command works with where no daemon runs: the same journal and the same clients, in this process.
//!
//! Whatever changes something holds the journal's lock, so that no daemon starts meanwhile, and leaves for the next start
//! what the last minute has spent of each tenant's request limit.

use super::run::{NotStarted, connect, journal_options};
use super::terminal;
use crate::clearance::Denied;
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::journal::{Batch, IdSource, Journal, JournalError, Reader, Recovered};
use crate::platform::Platform;
use crate::policy::{Actor, Engine, Hold, TenantId, Writer};
use crate::supervisor::{recent_requests, recent_state, state_of};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The parts of a daemon that a command needs.
pub(super) struct Alone {
    pub clock: Clock,
    pub counters: Counters,
    /// Another one in memory for a command that only looks: it writes nothing.
    pub journal: Journal,
    /// Reads the journal's file, where there is one.
    pub reader: Option<Reader>,
    pub recovered: Recovered,
    /// The clients of the tenants that the command is about.
    pub platforms: BTreeMap<TenantId, Arc<dyn Platform>>,
    changes: bool,
}

impl Alone {
    /// Opens the journal, with its lock only where something is to be changed, and connects the tenants that are `wanted`.
    pub fn open(config: &Config, changes: bool, wanted: impl Fn(&TenantId) -> bool) -> Result<Self, NotStarted> {
        let failed = |error: JournalError| NotStarted::Failed(error.to_string());
        let (clock, counters) = (Clock::system(), Counters::new());
        let path = config.daemon.state_dir.join("journal.db");
        let (journal, recovered, reader) = if changes {
            let options = journal_options(config, clock.clone())?;
            let (journal, recovered) = Journal::open(options).map_err(failed)?;
            let reader = journal.reader();
            (journal, recovered, Some(reader))
        } else {
            let reader = if path.exists() { Some(Reader::open(&path).map_err(failed)?) } else { None };
            let states = reader.as_ref().map(Reader::states).transpose().map_err(failed)?.unwrap_or_default();
            let journal = Journal::in_memory(IdSource::System, clock.clone()).map_err(failed)?;
            (journal, Recovered { states, ..Recovered::default() }, reader)
        };
        let mut alone = Self { clock, counters, journal, reader, recovered, platforms: BTreeMap::new(), changes };
        alone.connect(config, wanted)?;
        Ok(alone)
    }

    /// Makes the clients, which know what the last minute has spent.
    fn connect(&mut self, config: &Config, wanted: impl Fn(&TenantId) -> bool) -> Result<(), NotStarted> {
        let connect = connect(self.clock.clone(), self.counters.clone());
        let mut recent = recent_requests(config, &self.recovered, self.clock.wall());
        for (id, tenant) in config.tenants.iter().filter(|(id, _)| wanted(id)) {
            let refuse = |why: String| NotStarted::Config(format!("tenant `{id}`: {why}"));
            let secret = tenant.auth.client_secret.resolve().map_err(|error| refuse(error.to_string()))?;
            let platform = connect(tenant, secret, recent.remove(id).into()).map_err(refuse)?;
            self.platforms.insert(id.clone(), platform);
        }
        Ok(())
    }

    /// What holds `writer` back where no daemon runs: the mode, and what the journal remembers, such as a pause.
    pub fn held(&self, config: &Config, tenant: &TenantId, writer: Writer) -> Option<Denied> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut engine = Engine::new(config.params(), now);
        for (key, value) in &self.recovered.states {
            if let Some((part, saved, elapsed)) = state_of(key, value, wall) {
                engine.restore(now, &part, saved, elapsed);
            }
        }
        let hold = engine.may_change(tenant, None, writer).err()?;
        let mut denied = Denied::by(hold, tenant);
        if matches!(denied.hold, Some(Hold::Paused { .. })) {
            denied.why.push_str(", once the daemon runs");
        }
        Some(denied)
    }

    /// Leaves what was sent in the last minute for the next start, and lets the journal go.
    pub async fn close(self) {
        if !self.changes {
            return;
        }
        let wall = self.clock.wall();
        let recent = |(id, platform): (&TenantId, &Arc<dyn Platform>)| {
            recent_state(id.as_str(), &platform.recent_requests(), wall)
        };
        let states = self.platforms.iter().map(recent).collect();
        if let Err(error) = self.journal.submit(Batch { states, ..Batch::default() }).await {
            terminal::complain(&format!("trunkwarden: the requests of this command are not written down: {error}"));
        }
        self.journal.close().await;
    }
}

/// Who gives the orders of a command: the user that runs it.
pub(super) fn who() -> Actor {
    Actor::Operator(format!("uid:{}", rustix::process::getuid().as_raw()))
}
