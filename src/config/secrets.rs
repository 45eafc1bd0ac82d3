//! From where a secret is found to the secret. It never logs one, and its errors name the place only.

use super::keys::Format;
use super::syntax;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
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
    #[error("cannot read the secret file {path}: {source}")]
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
    /// Using it as the value that it is for.
    #[error("the text in {place} {why}")]
    Value {
        /// Where it stands.
        place: String,
        /// The end of the sentence.
        why: String,
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

/// Where a secret is found. The secret itself is read at `run`, and never kept in a [`Config`](crate::config::Config).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// A file; a trailing newline does not count.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential: a file of that name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// A value that may be a secret: it stands in the file, or in the place that the file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// It stands in the file.
    Plain(String),
    /// It is a secret.
    Secret(SecretRef),
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

impl fmt::Display for SecretRef {
    /// As messages name the place; never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(variable) => write!(f, "the environment variable {variable}"),
            Self::Credential(name) => write!(f, "the credential {name}"),
        }
    }
}

impl Setting {
    /// The value, read from its place where it is a secret.
    ///
    /// # Errors
    ///
    /// As [`SecretRef::resolve`].
    pub fn resolve(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Plain(text) => Ok(SecretString::from(text.clone())),
            Self::Secret(secret) => secret.resolve(),
        }
    }

    /// The value, which is to be a URL that may carry a user and a password.
    ///
    /// # Errors
    ///
    /// As [`SecretRef::resolve`], and where it is no URL; the error repeats nothing of it.
    pub fn resolve_url(&self) -> Result<SecretString, SecretError> {
        let value = self.resolve()?;
        let refuse = |why| SecretError::Value { place: self.place(), why };
        let text = value.expose_secret();
        match self {
            // The file's own was checked when it was read.
            Self::Plain(_) => {}
            Self::Secret(_) => syntax::check(Format::SecretUrl, text).map_err(refuse)?,
        }
        Ok(value)
    }

    /// Where it stands, for messages.
    pub fn place(&self) -> String {
        match self {
            Self::Plain(_) => "the configuration".to_owned(),
            Self::Secret(secret) => secret.to_string(),
        }
    }

    /// The place of the secret that it is.
    pub fn secret(&self) -> Option<&SecretRef> {
        if let Self::Secret(secret) = self { Some(secret) } else { None }
    }
}

fn from_file(path: &Path) -> Result<SecretString, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_path_buf(), source };
    let refuse = |why| SecretError::Content { path: path.to_path_buf(), why };
    let mut text = Vec::new();
    let file = super::file::open(path).map_err(failed)?;
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
