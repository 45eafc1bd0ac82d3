//! The log's signing key: made at the first start for its owner alone, or given as a secret; and the public keys that ever
//! signed this log, beside it.
//!
//! `{state_dir}/audit.key` holds `PRIVATE+KEY+NAME+ID+SEED` (0600); `{state_dir}/audit.vkey` a line `NAME+ID+KEY` for each key,
//! oldest first. Must never replace a key that is there, nor show one.

use super::note::{NoteError, Signer, VerifierKey};
use crate::journal::error::JournalError;
use crate::journal::file;
use rand::TryRngCore;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("cannot {attempted} {path}: {why}")]
    Io {
        /// What was being attempted.
        attempted: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// What was given or found is no key.
    #[error("{place} does not hold a {what} key: {source}")]
    Content {
        /// Where it is.
        place: String,
        /// What kind of key was expected.
        what: &'static str,
        /// What is wrong with it.
        source: NoteError,
    },
    /// The configured origin is another one than the key's.
    #[error(
        "`audit.origin` is {origin} and the key in {place} is that of {name}: set `audit.origin` to that, or give the log a new key"
    )]
    Name {
        /// What is configured.
        origin: String,
        /// Where the key is.
        place: String,
        /// What it is named.
        name: String,
    },
}

/// The file of public keys beside `journal`.
pub fn public_keys_file(journal: &Path) -> PathBuf {
    journal.with_file_name("audit.vkey")
}

/// The public keys in a file: one a line; empty lines and those that begin with `#` do not count.
///
/// # Errors
/// Where it cannot be read or a line is no key.
pub fn read_public_keys(path: &Path) -> Result<Vec<VerifierKey>, KeyError> {
    let text = std::fs::read_to_string(path).map_err(io("read", path))?;
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(|l| VerifierKey::parse(l).map_err(|source| content(path, source))).collect()
}

/// The key of the journal at `journal`: `given` where there is one, else `audit.key` beside it, made where it is missing.
/// Notes its public half in `audit.vkey`. A new key is named `origin`, else `trunkwarden/` and eight digits of its own hash:
/// host names change and repeat, and two logs must never share a name.
///
/// # Errors
/// Where a file cannot be read or written, holds no key, or the key has another name than `origin`.
pub fn signer(journal: &Path, origin: Option<&str>, given: Option<&SecretString>) -> Result<Signer, KeyError> {
    file::create_folder(journal).map_err(|error| match error {
        JournalError::Io { attempted, path, why } => KeyError::Io { attempted, path, why },
        other => KeyError::Io { attempted: "create the folder of", path: journal.to_owned(), why: other.to_string() },
    })?;
    let path = journal.with_file_name("audit.key");
    let (place, signer) = match given {
        Some(text) => ("`audit.signing_key`".to_owned(), parse(text, "`audit.signing_key`")?),
        None => (path.display().to_string(), from_file(&path, origin)?),
    };
    let name = signer.public().name();
    if let Some(origin) = origin.filter(|origin| *origin != name) {
        return Err(KeyError::Name { origin: origin.to_owned(), place, name: name.to_owned() });
    }
    note_public(&public_keys_file(journal), signer.public())?;
    Ok(signer)
}

fn from_file(path: &Path, origin: Option<&str>) -> Result<Signer, KeyError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            restrict(path)?;
            parse(&SecretString::from(text), &path.display().to_string())
        }
        Err(e) if e.kind() == ErrorKind::NotFound => create(path, origin),
        Err(e) => Err(io("read", path)(e)),
    }
}

fn parse(text: &SecretString, place: &str) -> Result<Signer, KeyError> {
    Signer::parse(text.expose_secret()).map_err(|source| KeyError::Content {
        place: place.to_owned(),
        what: "signing",
        source,
    })
}

/// Whole or not at all: written beside, synced, then linked, so that a crash leaves no half of a key.
fn create(path: &Path, origin: Option<&str>) -> Result<Signer, KeyError> {
    let mut seed = [0; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut seed).map_err(|e| io("make", path)(std::io::Error::other(e)))?;
    let name = origin.map_or_else(|| name_of(&seed), str::to_owned);
    let signer = Signer::new(&name, &seed).map_err(|source| KeyError::Content {
        place: "`audit.origin`".to_owned(),
        what: "signing",
        source,
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        // Created 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{}", signer.to_secret_text().expose_secret())?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(io("create", path))?;
    Ok(signer)
}

fn name_of(seed: &[u8; 32]) -> String {
    let key = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key();
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(key.as_bytes()));
    format!("trunkwarden/{:08x}", u32::from_be_bytes([a, b, c, d]))
}

fn restrict(path: &Path) -> Result<(), KeyError> {
    let mode = std::fs::metadata(path).map_err(io("look at", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other users could read the signing key; only its owner can now");
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(io("restrict", path))?;
    }
    Ok(())
}

fn note_public(path: &Path, key: &VerifierKey) -> Result<(), KeyError> {
    let known = if path.exists() { read_public_keys(path)? } else { Vec::new() };
    if known.contains(key) {
        return Ok(());
    }
    let append = || {
        let mut file = OpenOptions::new().create(true).append(true).mode(0o644).open(path)?;
        writeln!(file, "{key}")?;
        file.sync_all()
    };
    append().map_err(io("write", path))
}

fn content(path: &Path, source: NoteError) -> KeyError {
    KeyError::Content { place: path.display().to_string(), what: "public", source }
}

fn io(attempted: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> KeyError {
    let path = path.to_owned();
    move |e| KeyError::Io { attempted, path, why: e.to_string() }
}
