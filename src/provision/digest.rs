//! Notices that a password has changed without keeping it: HMAC-SHA-256 under a key beside the journal.
//!
//! A bare hash of a password could be guessed by whoever reads the journal; without the key this one cannot.

use hmac::{Hmac, KeyInit, Mac};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The key's length in bytes.
const KEY: usize = 32;

/// Makes digests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Digests(PathBuf);

/// Why there is no digest.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot {attempted} the key {path} that detects changed passwords: {why}; it must be a file of {KEY} bytes that belongs to the daemon"
)]
pub struct DigestError {
    attempted: &'static str,
    path: PathBuf,
    why: String,
}

impl Digests {
    /// With the key in `state_dir`; it is made when it is first needed.
    pub fn new(state_dir: &Path) -> Self {
        Self(state_dir.join("provision.key"))
    }

    /// The digest of a channel's password, in hex. The same password of another channel has another one.
    ///
    /// # Errors
    /// Where the key cannot be read or made.
    pub fn of(&self, tenant: &str, name: &str, password: &SecretString) -> Result<String, DigestError> {
        let key = match self.read()? {
            Some(key) => key,
            None => self.make()?,
        };
        self.under(key, tenant, name, password)
    }

    /// The same, without making the key; `None`: there is none, so that no digest was ever kept.
    ///
    /// # Errors
    /// Where the key cannot be read.
    pub fn by_key(&self, tenant: &str, name: &str, password: &SecretString) -> Result<Option<String>, DigestError> {
        self.read()?.map(|key| self.under(key, tenant, name, password)).transpose()
    }

    fn under(&self, key: [u8; KEY], tenant: &str, name: &str, password: &SecretString) -> Result<String, DigestError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|e| self.error("use", e.to_string()))?;
        for part in [tenant, name, password.expose_secret()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let bytes = mac.finalize().into_bytes();
        Ok(bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    fn read(&self) -> Result<Option<[u8; KEY]>, DigestError> {
        match std::fs::File::open(&self.0) {
            Ok(mut file) => {
                let mut key = [0; KEY];
                file.read_exact(&mut key).map_err(|e| self.error("read", e.to_string()))?;
                Ok(Some(key))
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.error("read", e.to_string())),
        }
    }

    fn make(&self) -> Result<[u8; KEY], DigestError> {
        let failed = |e: std::io::Error| self.error("make", e.to_string());
        let mut key = [0; KEY];
        rand::rng().fill_bytes(&mut key);
        // Whole or not there: a key that was written half would be refused for ever.
        let beside = self.0.with_extension("key.new");
        let _ = std::fs::remove_file(&beside);
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed)?;
        file.write_all(&key).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&beside, &self.0).map_err(failed)?;
        Ok(key)
    }

    fn error(&self, attempted: &'static str, why: String) -> DigestError {
        DigestError { attempted, path: self.0.clone(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_same_again_and_tells_passwords_channels_and_keys_apart() {
        let folder = tempfile::tempdir().unwrap();
        let secret = |text: &str| SecretString::from(text);
        let digest =
            |tenant: &str, name: &str, text: &str| Digests::new(folder.path()).of(tenant, name, &secret(text)).unwrap();
        let one = digest("acme", "trunk", "canary");
        assert_eq!(one, digest("acme", "trunk", "canary"), "the key is kept");
        assert_eq!(one.len(), 64);
        assert!(
            [digest("acme", "trunk", "canarz"), digest("acme", "trunl", "canary"), digest("acmet", "runk", "canary")]
                .iter()
                .all(|other| *other != one)
        );
        let other = tempfile::tempdir().unwrap();
        assert_eq!(Digests::new(other.path()).by_key("acme", "trunk", &secret("canary")).unwrap(), None);
        assert!(!other.path().join("provision.key").exists(), "asking makes no key");
        assert_eq!(Digests::new(folder.path()).by_key("acme", "trunk", &secret("canary")).unwrap().unwrap(), one);
        assert_ne!(one, Digests::new(other.path()).of("acme", "trunk", &secret("canary")).unwrap());
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(folder.path().join("provision.key")).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_is_too_short_is_an_error_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("provision.key"), b"short").unwrap();
        let error = Digests::new(folder.path()).of("acme", "trunk", &SecretString::from("canary")).unwrap_err();
        assert!(error.to_string().contains("provision.key"), "{error}");
        assert_eq!(std::fs::read(folder.path().join("provision.key")).unwrap(), b"short");
    }
}
