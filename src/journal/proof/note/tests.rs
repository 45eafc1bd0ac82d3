//! Notes against the published examples of other implementations, and against every change of a byte.

use super::*;

/// The example of Go's `golang.org/x/mod/sumdb/note`.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SAID: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn signer() -> Signer {
    Signer::new("trunkwarden/test", &[7; 32]).unwrap()
}

#[test]
fn keys_of_other_implementations_are_read_and_written_alike() {
    for text in [PETER, "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"] {
        assert_eq!(VerifierKey::parse(text).unwrap().to_string(), text);
    }
    assert!(VerifierKey::parse(&PETER.replace("c74f20a3", "c74f20a4")).is_err());
    assert!(VerifierKey::parse(&PETER.replace("PeterNeumann", "Peter")).is_err());
}

#[test]
fn a_note_that_another_implementation_signed_holds() {
    let key = VerifierKey::parse(PETER).unwrap();
    let (text, signatures) = open(SAID).unwrap();
    let (name, id, bytes) = signature(signatures.trim_end()).unwrap();
    assert_eq!((name, id), (key.name.as_str(), key.id));
    let given = Signature::from_bytes(&bytes.try_into().unwrap());
    key.key.verify_strict(text.as_bytes(), &given).unwrap();
}

#[test]
fn a_checkpoint_has_the_form_of_the_specification() {
    let note = signer().checkpoint(42, &[0xab; 32]);
    let lines: Vec<&str> = note.split('\n').collect();
    let [origin, size, root, blank, signature, end] = lines.as_slice() else { panic!("{note}") };
    assert_eq!((*origin, *size, *blank, *end), ("trunkwarden/test", "42", "", ""));
    assert_eq!(*root, STANDARD.encode([0xab; 32]));
    assert!(signature.starts_with("\u{2014} trunkwarden/test "), "{signature}");
    let read = Checkpoint::parse(&note).unwrap();
    assert_eq!((read.size, read.root, read.origin.as_str()), (42, [0xab; 32], "trunkwarden/test"));
    read.verify(&[signer().public().clone()]).unwrap();
}

#[test]
fn a_signature_by_another_key_or_under_another_name_does_not_count() {
    let read = Checkpoint::parse(&signer().checkpoint(42, &[0xab; 32])).unwrap();
    let others =
        [Signer::new("trunkwarden/test", &[8; 32]).unwrap(), Signer::new("trunkwarden/other", &[7; 32]).unwrap()];
    let keys: Vec<VerifierKey> = others.iter().map(|s| s.public().clone()).collect();
    assert_eq!(read.verify(&keys), Err(NoteError::Unsigned));
    assert_eq!(read.verify(&[]), Err(NoteError::Unsigned));
}

#[test]
fn any_change_of_a_checkpoint_is_found() {
    let (note, keys) = (signer().checkpoint(42, &[0xab; 32]), [signer().public().clone()]);
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let held = Checkpoint::parse(&changed).and_then(|c| c.verify(&keys));
            assert!(held.is_err(), "byte {at}, bit {bit}: {changed}");
        }
    }
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let good = signer().checkpoint(42, &[0xab; 32]);
    for bad in
        ["", "\n\n", "a\n1\n", &good.replace("\n42\n", "\n042\n"), &good.replace("\n42\n", "\n+42\n"), good.trim_end()]
    {
        assert!(Checkpoint::parse(bad).is_err(), "{bad:?}");
    }
    // Lines that a later version may add are passed over, and signed all the same.
    let parsed = Checkpoint::parse(&good.replacen("\n\n", "\nmore\n\n", 1)).unwrap();
    assert!(matches!(parsed.verify(&[signer().public().clone()]), Err(NoteError::Forged { .. })));
}

#[test]
fn a_private_key_is_read_as_it_was_written_and_never_shown() {
    use secrecy::ExposeSecret;
    let text = signer().to_secret_text();
    let again = Signer::parse(text.expose_secret()).unwrap();
    assert_eq!(again.public(), signer().public());
    assert!(Signer::parse(&text.expose_secret().replace("test", "tset")).is_err());
    let seed = STANDARD.encode([[ED25519].as_slice(), &[7; 32]].concat());
    assert!(text.expose_secret().ends_with(&seed));
    assert!(!format!("{again:?} {text:?}").contains(&seed[..20]));
    for bad in ["", "a b", "a+b", "a\u{a0}b", "a\nb"] {
        assert!(Signer::new(bad, &[7; 32]).is_err(), "{bad:?}");
    }
}
