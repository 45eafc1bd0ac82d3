//! How the daemon opens its journal: under which tag, signed by which key, and how often.

use super::Start;
use crate::clock::Clock;
use crate::config::{Config, Proof};
use crate::journal::{self, Options, Signing};

/// The journal's options by the configuration. Makes the signing key where there is none.
pub(super) fn options(config: &Config, clock: Clock) -> Result<Options, Start> {
    let path = config.daemon.state_dir.join("journal.db");
    let Proof { origin, signing_key, checkpoint_entries, checkpoint_interval, .. } = &config.audit.proof;
    let given = signing_key.as_ref().map(|secret| secret.resolve()).transpose();
    let given = given.map_err(|error| Start::Config(format!("`audit.signing_key`: {error}")))?;
    let signer = journal::signer(&path, origin.as_deref(), given.as_ref()).map_err(|error| match error {
        journal::KeyError::Io { .. } => Start::Failed(error.to_string()),
        _ => Start::Config(error.to_string()),
    })?;
    Ok(Options {
        compliance_tag: config.audit.compliance_tag.clone(),
        signing: Some(Signing { signer, entries: u64::from(*checkpoint_entries), interval: *checkpoint_interval }),
        ..Options::new(path, clock)
    })
}
