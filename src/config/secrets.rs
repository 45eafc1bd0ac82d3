//! From where a secret is found to the secret. It never logs one, and its errors name the place only.

use super::model::SecretRef;
use secrecy::SecretString;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest secret, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A token that people show has at least so many characters: a shorter one could be guessed.
pub const MIN_TOKEN_LENGTH: usize = 16;

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Reading its file.
    #[error("the secret file {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Taking a file's content for a secret.
    #[error("the secret file {path} {why}")]
    Content {
        /// The file.
        path: PathBuf,
        /// The end of the sentence.
        why: &'static str,
    },
    /// Reading an environment variable.
    #[error("the environment variable {variable} {why}")]
    Env {
        /// Its name.
        variable: String,
        /// The end of the sentence.
        why: &'static str,
    },
    /// Looking for a systemd credential.
    #[error(
        "the credential {name} cannot be found: CREDENTIALS_DIRECTORY is not set; run under systemd with LoadCredential={name}:PATH"
    )]
    NoCredentials {
        /// The credential's name.
        name: String,
    },
}

impl SecretRef {
    /// Reads the secret from its place. One trailing newline of a file does not count.
    ///
    /// # Errors
    ///
    /// Where the place does not exist, cannot be read, or holds nothing.
    pub fn resolve(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::File(path) => from_file(path),
            Self::Env(variable) => {
                let refuse = |why| SecretError::Env { variable: variable.clone(), why };
                match std::env::var(variable) {
                    Err(std::env::VarError::NotPresent) => Err(refuse("is not set")),
                    Err(std::env::VarError::NotUnicode(_)) => Err(refuse("is not UTF-8")),
                    Ok(value) if value.is_empty() => Err(refuse("is empty")),
                    Ok(value) => Ok(SecretString::from(value)),
                }
            }
            Self::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
                None => Err(SecretError::NoCredentials { name: name.clone() }),
                Some(directory) => from_file(&Path::new(&directory).join(name)),
            },
        }
    }
}

fn from_file(path: &Path) -> Result<SecretString, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_path_buf(), source };
    let refuse = |why| SecretError::Content { path: path.to_path_buf(), why };
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_SECRET_BYTES {
        return Err(refuse("is too large for a secret (64 KiB at most)"));
    }
    if text.last() == Some(&b'\n') {
        text.pop();
        if text.last() == Some(&b'\r') {
            text.pop();
        }
    }
    let text = String::from_utf8(text).map_err(|_| refuse("is not UTF-8"))?;
    if text.is_empty() { Err(refuse("is empty")) } else { Ok(SecretString::from(text)) }
}
