//! Signatures as Standard Webhooks 1.0 define them: HMAC-SHA-256 over `id.timestamp.body`, in base64, behind `v1,`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

/// What stands before a secret that is base64.
const PREFIX: &str = "whsec_";

/// A key to sign with.
#[derive(Clone, Debug)]
pub struct SigningKey(SecretSlice<u8>);

/// A secret that begins as one in base64 and is none.
#[derive(Debug, thiserror::Error)]
#[error("a secret that begins with whsec_ must continue in base64; any other text is taken as it is")]
pub struct NotBase64;

impl SigningKey {
    /// The key that `secret` stands for: base64 behind `whsec_`, else its bytes themselves.
    ///
    /// # Errors
    /// Where what follows `whsec_` is no base64, or nothing.
    pub fn of(secret: &SecretString) -> Result<Self, NotBase64> {
        let text = secret.expose_secret();
        let key = match text.strip_prefix(PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| NotBase64)?,
            None => text.as_bytes().to_vec(),
        };
        if key.is_empty() { Err(NotBase64) } else { Ok(Self(key.into())) }
    }

    fn sign(&self, text: &[&[u8]]) -> String {
        // HMAC takes keys of any length (RFC 2104), so this is none that fails.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()) else { return String::new() };
        for part in text {
            mac.update(part);
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The value of `webhook-signature`: one signature for each key, in their order.
pub fn signatures(keys: &[SigningKey], id: &str, timestamp: i64, body: &[u8]) -> String {
    let head = format!("{id}.{timestamp}.");
    keys.iter().map(|key| key.sign(&[head.as_bytes(), body])).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_published_example_has_the_published_signature() {
        // https://github.com/standard-webhooks/standard-webhooks, libraries: the test vector of several of them.
        let key = SigningKey::of(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let signed = signatures(&[key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_key_signs_and_a_broken_secret_is_told() {
        let keys = ["new", "old"].map(|secret| SigningKey::of(&secret.into()).unwrap());
        let both = signatures(&keys, "id", 1, b"{}");
        assert_eq!(both.split(' ').count(), 2);
        assert_eq!(both.split(' ').next_back().unwrap(), signatures(&keys[1..], "id", 1, b"{}"));
        assert!(SigningKey::of(&"whsec_not base64".into()).is_err());
        assert!(SigningKey::of(&"whsec_".into()).is_err());
    }
}
