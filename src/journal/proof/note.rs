//! Signed notes and checkpoints: C2SP `signed-note` and `tlog-checkpoint`, with Ed25519 (RFC 8032).
//!
//! A checkpoint's text is three lines: the origin, the number of entries, the tree's root in base64. A signature line is
//! `— NAME BASE64(key id || signature)`; the key id is the first four bytes of `SHA-256(NAME || 0x0A || 0x01 || public key)`.
//! Pure: text in, text out. Must never show a private key: `Debug` of a signer is its name.

use super::tree::Hash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// Longest note that is read, in bytes.
pub const MAX_NOTE: usize = 64 * 1024;

/// How a signature line begins: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// The signature type of Ed25519 in key ids and keys.
const ED25519: u8 = 1;

/// Why a note, a checkpoint or a key is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not written as the specification has it.
    #[error("it is no {what}: {why}")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// None of its signatures is by a known key.
    #[error("no signature on it is by a key that was given")]
    Unsigned,
    /// A signature by a known key does not fit the text.
    #[error("the signature of {name} is not one over this text")]
    Forged {
        /// The key's name.
        name: String,
    },
}

/// Whether this can be a key's name: 1 to 200 bytes without spaces, control characters and `+`.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// A public key with its name: the text form is `NAME+ID+KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl VerifierKey {
    /// Reads `NAME+ID+KEY`.
    ///
    /// # Errors
    /// Where it is not of that form, or its id is not that of its name and key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, key) = parts(text.trim(), "public key")?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| malformed("public key", "it is no point of the curve"))?;
        if key_id(name, &key) != id {
            return Err(malformed("public key", "its id is not that of its name and key"));
        }
        Ok(Self { name: name.to_owned(), id, key })
    }

    /// Its name, which is the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, hex(self.id), encode(self.key.as_bytes()))
    }
}

/// A private key with its name. The text form is `PRIVATE+KEY+NAME+ID+SEED`.
#[derive(Clone)]
pub struct Signer {
    public: VerifierKey,
    key: SigningKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("name", &self.public.name).finish_non_exhaustive()
    }
}

impl Signer {
    /// The key of `seed` under `name`.
    ///
    /// # Errors
    /// Where the name is empty, longer than 200 bytes, or holds spaces, control characters or `+`.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(malformed("name of a key", "it has 1 to 200 bytes, no space, no control character and no `+`"));
        }
        let key = SigningKey::from_bytes(seed);
        let verifying = key.verifying_key();
        let public = VerifierKey { name: name.to_owned(), id: key_id(name, &verifying), key: verifying };
        Ok(Self { public, key })
    }

    /// Reads `PRIVATE+KEY+NAME+ID+SEED`.
    ///
    /// # Errors
    /// Where it is not of that form, or its id is not that of its name and key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        const WHAT: &str = "private key";
        let rest =
            text.trim().strip_prefix("PRIVATE+KEY+").ok_or(malformed(WHAT, "it does not begin with PRIVATE+KEY+"))?;
        let (name, id, seed) = parts(rest, WHAT)?;
        let signer = Self::new(name, &seed)?;
        if signer.public.id == id { Ok(signer) } else { Err(malformed(WHAT, "its id is not that of its name and key")) }
    }

    /// The text form, which is a secret.
    pub fn to_secret_text(&self) -> secrecy::SecretString {
        let Self { public, key } = self;
        format!("PRIVATE+KEY+{}+{}+{}", public.name, hex(public.id), encode(key.as_bytes())).into()
    }

    /// The public half.
    pub const fn public(&self) -> &VerifierKey {
        &self.public
    }

    /// The signed checkpoint of the first `size` entries, whose tree has `root`.
    pub fn checkpoint(&self, size: u64, root: &Hash) -> String {
        let text = format!("{}\n{size}\n{}\n", self.public.name, STANDARD.encode(root));
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let signed = [self.public.id.as_slice(), &signature].concat();
        format!("{text}\n{DASH}{} {}\n", self.public.name, STANDARD.encode(signed))
    }
}

/// A checkpoint: what a log had at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries it covers: 1 to `size`.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// The whole note, signatures included.
    pub note: String,
}

impl Checkpoint {
    /// Reads a checkpoint without looking at its signatures.
    ///
    /// # Errors
    /// Where it is not written as the specification has it.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        const WHAT: &str = "checkpoint";
        let (text, _) = open(note)?;
        let mut lines = text.lines();
        let origin = lines.next().filter(|l| !l.is_empty()).ok_or(malformed(WHAT, "it has no origin"))?;
        let size = lines.next().and_then(decimal).ok_or(malformed(WHAT, "its second line is no number of entries"))?;
        let root = lines.next().and_then(|l| strict(l)?.try_into().ok());
        let root = root.ok_or(malformed(WHAT, "its third line is no hash in base64"))?;
        Ok(Self { origin: origin.to_owned(), size, root, note: note.to_owned() })
    }

    /// Whether one of `keys` has signed it, under the name that is its origin. Every signature by one of them must be good;
    /// those of others are passed over, as the specification says.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] or [`NoteError::Forged`].
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<(), NoteError> {
        let (text, signatures) = open(&self.note)?;
        let mut good = false;
        for line in signatures.lines() {
            let (name, id, signature) = signature(line)?;
            let Some(key) = keys.iter().find(|k| k.name == name && k.id == id && k.name == self.origin) else {
                continue;
            };
            let signature = <[u8; 64]>::try_from(signature).map(|bytes| Signature::from_bytes(&bytes));
            let holds = signature.is_ok_and(|s| key.key.verify_strict(text.as_bytes(), &s).is_ok());
            if !holds {
                return Err(NoteError::Forged { name: name.to_owned() });
            }
            good = true;
        }
        if good { Ok(()) } else { Err(NoteError::Unsigned) }
    }
}

/// A note's text, its last newline included, and its signature lines.
fn open(note: &str) -> Result<(&str, &str), NoteError> {
    const WHAT: &str = "signed note";
    if note.len() > MAX_NOTE {
        return Err(malformed(WHAT, "it is too long"));
    }
    if note.chars().any(|c| c < ' ' && c != '\n') {
        return Err(malformed(WHAT, "it holds control characters"));
    }
    let at = note.rfind("\n\n").ok_or(malformed(WHAT, "no blank line stands before its signatures"))?;
    let (text, signatures) = (note.get(..=at), note.get(at + 2..));
    let (Some(text), Some(signatures)) = (text, signatures) else { return Err(malformed(WHAT, "it is cut off")) };
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(malformed(WHAT, "its signatures are missing or cut off"));
    }
    signatures.lines().try_for_each(|line| signature(line).map(drop))?;
    Ok((text, signatures))
}

/// A signature line: name, key id, signature.
fn signature(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), NoteError> {
    let read = || {
        let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = strict(encoded)?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        (is_name(name) && !signature.is_empty()).then(|| (name, *id, signature.to_vec()))
    };
    read().ok_or(malformed("signed note", "a signature line is not of the form `\u{2014} NAME BASE64`"))
}

/// `NAME+ID+BASE64(0x01 || 32 bytes)`.
fn parts<'t>(text: &'t str, what: &'static str) -> Result<(&'t str, [u8; 4], [u8; 32]), NoteError> {
    let read = || {
        // Base64 may hold a `+`: the name and the id do not, so the first two separate.
        let (name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let id = u32::from_str_radix(id, 16).ok().filter(|_| id.len() == 8)?.to_be_bytes();
        let key = strict(key)?;
        let key = key.strip_prefix(&[ED25519])?.try_into().ok()?;
        is_name(name).then_some((name, id, key))
    };
    read().ok_or(malformed(what, "it is not of the form NAME+ID+KEY with an Ed25519 key"))
}

fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name);
    hash.update([b'\n', ED25519]);
    hash.update(key.as_bytes());
    let hash: Hash = hash.finalize().into();
    let [a, b, c, d, ..] = hash;
    [a, b, c, d]
}

/// A number as it is written: no sign, no leading zero.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// Base64 in its one canonical form.
fn strict(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn encode(key: &[u8; 32]) -> String {
    STANDARD.encode([[ED25519].as_slice(), key].concat())
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

const fn malformed(what: &'static str, why: &'static str) -> NoteError {
    NoteError::Malformed { what, why }
}

#[cfg(test)]
mod tests;
