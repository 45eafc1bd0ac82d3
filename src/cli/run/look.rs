//! Reads a configuration whole: its files, and what they name. In a thread of its own, since any of them may be on a file
//! system that does not answer.

use super::places::{Stamps, stamps};
use crate::config::{Aside, Config, Diagnostic, Rejected, load};
use crate::delivery::{Delivery, Sinks};
use crate::http::{Access, Allowed};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// How long all of it may take.
const WITHIN: Duration = Duration::from_secs(10);

/// Where every reading of a process takes place.
pub(super) fn aside() -> Aside {
    Aside::new(WITHIN)
}

/// The configuration that a process starts with.
pub(super) struct First {
    pub path: PathBuf,
    pub config: Config,
    /// What its files were.
    pub stamps: Stamps,
}

impl First {
    /// Reads it, and makes sure that what it names answers. Blocks.
    pub(super) fn read(path: PathBuf) -> Result<Self, Rejected> {
        let loaded = load(&path)?;
        warn(&loaded.warnings);
        let stamps = stamps(loaded.config.read_files());
        Ok(Self { path, config: loaded.config, stamps })
    }
}

/// A look at the files while the daemon runs.
pub(super) struct Look {
    pub path: PathBuf,
    /// The files that the configuration in force has, and names.
    pub known: BTreeSet<PathBuf>,
    /// The digest of a configuration that is not taken again.
    pub unless: Option<String>,
    pub delivery: Delivery,
}

/// What a look brought.
pub(super) struct Seen {
    /// What the files were before they were read.
    pub stamps: Stamps,
    /// `None`: the configuration that was not to be taken again. An error holds no line of a file, since it goes into the
    /// journal, and from there to every sink.
    pub read: Result<Option<Box<New>>, String>,
}

/// A configuration that may be taken.
pub(super) struct New {
    pub config: Config,
    pub sinks: Sinks,
    pub allowed: Allowed,
}

impl Look {
    /// Blocks.
    pub(super) fn look(self) -> Seen {
        let mut stamps = stamps(self.known.clone());
        let read = self.read(&mut stamps);
        Seen { stamps, read }
    }

    fn read(self, known: &mut Stamps) -> Result<Option<Box<New>>, String> {
        let loaded = load(&self.path).map_err(|rejected| rejected.summary())?;
        let config = loaded.config;
        if self.unless.is_some_and(|digest| digest == config.digest) {
            return Ok(None);
        }
        warn(&loaded.warnings);
        let files = config.read_files();
        known.retain(|file, _| files.contains(file));
        known.extend(stamps(files.into_iter().filter(|file| !known.contains_key(file)).collect()));
        let sinks = self.delivery.prepare(&config).map_err(|error| error.to_string())?;
        let allowed = Access::prepare(&config)?;
        Ok(Some(Box::new(New { config, sinks, allowed })))
    }
}

/// What the configuration's reader thinks worth knowing, one log line each.
fn warn(warnings: &[Diagnostic]) {
    for warning in warnings {
        let place = warning.file().map(|f| f.display().to_string()).unwrap_or_default();
        tracing::warn!(file = place, line = warning.line(), "{}", warning.message);
    }
}
