//! How the daemon opens its journal: under which tag, signed by which key, and how often; and how it shows what was signed.

use super::Start;
use crate::clock::Clock;
use crate::config::{Config, Proof, SecretRef};
use crate::http::CheckpointView;
use crate::journal::{self, Options, Reader, Signing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The journal's options by the configuration. Makes the signing key where there is none.
pub(super) fn options(config: &Config, clock: Clock) -> Result<Options, Start> {
    let path = config.daemon.state_dir.join("journal.db");
    let Proof { origin, signing_key, checkpoint_entries, checkpoint_interval, .. } = &config.audit.proof;
    let given = signing_key.as_ref().map(SecretRef::resolve).transpose();
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

/// The newest checkpoint, and the keys that ever signed.
pub(super) fn newest_checkpoint(reader: &Reader) -> Result<Option<CheckpointView>, String> {
    let Some(newest) = reader.newest_checkpoint().map_err(|error| error.to_string())? else { return Ok(None) };
    let keys = journal::public_keys_file(reader.path());
    // The demo's journal has no keys beside it, and no checkpoints.
    let keys = journal::read_public_keys(&keys).unwrap_or_default();
    Ok(Some(CheckpointView {
        size: newest.size,
        root: STANDARD.encode(newest.root),
        origin: newest.origin,
        note: newest.note,
        keys: keys.iter().map(ToString::to_string).collect(),
    }))
}
