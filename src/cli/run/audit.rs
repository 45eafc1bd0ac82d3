//! How the daemon opens its journal: under which tag, signed by which key, and how often; and how it shows what was signed.

use super::NotStarted;
use crate::clock::Clock;
use crate::config::{Config, Proof, SecretRef};
use crate::delivery;
use crate::http::{AcceptOrder, CheckpointView};
use crate::journal::note::Checkpoint;
use crate::journal::{self, Journal, Options, Reader, Signing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use std::time::Duration;

/// The journal's options by the configuration: for a command too, since the log is held against what was signed in any case.
/// Makes the signing key where there is none.
pub(in crate::cli) fn options(config: &Config, clock: Clock) -> Result<Options, NotStarted> {
    let path = config.daemon.state_dir.join("journal.db");
    let Proof { origin, signing_key, checkpoint_entries, checkpoint_interval, .. } = &config.audit.proof;
    let given = signing_key.as_ref().map(SecretRef::resolve).transpose();
    let given = given.map_err(|error| NotStarted::Config(format!("`audit.signing_key`: {error}")))?;
    let signer = journal::signer(&path, origin.as_deref(), given.as_ref()).map_err(|error| match error {
        journal::KeyError::Io { .. } => NotStarted::Failed(error.to_string()),
        _ => NotStarted::Config(error.to_string()),
    })?;
    Ok(Options {
        compliance_tag: config.audit.compliance_tag.clone(),
        signing: Some(Signing { signer, entries: u64::from(*checkpoint_entries), interval: *checkpoint_interval }),
        ..Options::new(path, clock)
    })
}

/// How long the witness may take to tell.
const WITNESS_WITHIN: Duration = Duration::from_secs(15);

/// The checkpoints that the witness holds. One that cannot be asked is no reason not to start.
pub(super) async fn witnessed(config: &Config) -> Vec<Checkpoint> {
    match tokio::time::timeout(WITNESS_WITHIN, delivery::witnessed(config)).await {
        Ok(None) => Vec::new(),
        Ok(Some(Ok(held))) => held,
        Ok(Some(Err(why))) => {
            tracing::warn!("{why}; the audit log is checked only against what is on this machine");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!("the witness takes too long; the audit log is checked only against what is on this machine");
            Vec::new()
        }
    }
}

/// How long an acceptance waits for the disk.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(8);

/// The way for a person's acceptance of the log.
pub(super) fn accept(journal: Journal) -> AcceptOrder {
    Arc::new(move |who| {
        let (trust, accepted) = (journal.trust(), journal.clone());
        Box::pin(async move {
            let Some(why) = trust.why().map(str::to_owned) else { return Ok(None) };
            match tokio::time::timeout(ACCEPTED_WITHIN, accepted.accept(who)).await {
                Ok(Ok(())) => Ok(Some(why)),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the journal does not answer; check the status before repeating it".to_owned()),
            }
        })
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
