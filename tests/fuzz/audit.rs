//! What proves the audit log: checkpoints, keys, proofs, and the file itself.

use crate::bench::{Feed, Made, Target};
use crate::mutate::Form;
use std::path::Path;
use trunkwarden::journal::note::Checkpoint;
use trunkwarden::journal::{Proof, Reader, Signer, VerifierKey, read_public_keys};

pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "note", form: Form::Lines, cost: 1, open: note },
        Target { name: "key", form: Form::Lines, cost: 4, open: key },
        Target { name: "proof", form: Form::Json, cost: 1, open: proof },
        Target { name: "log", form: Form::Binary, cost: 20, open: log },
    ]
}

fn public_key(origin: &str) -> VerifierKey {
    Signer::new(origin, &[7; 32]).unwrap().public().clone()
}

fn note() -> Feed {
    let keys = [public_key("trunkwarden/test")];
    Box::new(move |input| {
        let Ok(text) = std::str::from_utf8(input) else { return Made::default() };
        let Ok(read) = Checkpoint::parse(text) else { return Made::default() };
        let signed = read.verify(&keys).is_ok();
        Made { accepted: true, planted: !signed && read.size != 42 }
    })
}

fn key() -> Feed {
    let folder = tempfile::tempdir().unwrap();
    Box::new(move |input| {
        let file = folder.path().join("keys");
        std::fs::write(&file, input).unwrap();
        let keys = read_public_keys(&file);
        let secret = std::str::from_utf8(input).ok().and_then(|text| Signer::parse(text.trim()).ok());
        let planted = keys.as_ref().is_ok_and(|keys| keys.len() > 2);
        Made { accepted: keys.is_ok_and(|keys| !keys.is_empty()) || secret.is_some(), planted }
    })
}

fn proof() -> Feed {
    let keys = [public_key("log.example/audit")];
    Box::new(move |input| {
        let Ok(text) = std::str::from_utf8(input) else { return Made::default() };
        let Ok(proof) = Proof::parse(text) else { return Made::default() };
        let held = proof.verify(&keys);
        Made { accepted: true, planted: held.is_err() && proof.verify(&[]).is_err() }
    })
}

/// A journal file whose bytes were changed: verified, searched and listed.
fn log() -> Feed {
    let folder = tempfile::tempdir().unwrap();
    Box::new(move |input| {
        let file = folder.path().join("journal.db");
        for beside in ["journal.db-wal", "journal.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(beside));
        }
        std::fs::write(&file, input).unwrap();
        read(&file)
    })
}

fn read(file: &Path) -> Made {
    let Ok(reader) = Reader::open(file) else { return Made::default() };
    let entries = reader.entries(&trunkwarden::journal::Filter::default());
    let verified = reader.verify();
    let _ = (reader.head(), reader.open_operations(), reader.states());
    Made { accepted: verified.is_ok(), planted: verified.is_err() && entries.is_ok() }
}
