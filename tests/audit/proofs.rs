//! Proofs of single entries: that they hold without the log, and hold for nothing else.

use super::place::{Place, rewrite};
use serde_json::json;
use trunkwarden::journal::Proof;

#[test]
fn every_covered_entry_is_proved_by_every_checkpoint_that_covers_it() {
    let place = Place::with(14, 5);
    let (reader, keys) = (place.reader(), [place.key()]);
    let newest = place.newest().size;
    for seq in 1..=newest {
        let proof = reader.prove(seq, None).unwrap();
        let json = serde_json::to_string(&proof).unwrap();
        let checkpoint = Proof::parse(&json).unwrap().verify(&keys).unwrap();
        assert_eq!(checkpoint.size, newest);
        assert!(proof.entry.contains(&format!("\"seq\":{seq},")));
    }
    assert_eq!(reader.prove(3, Some(7)).unwrap().verify(&keys).unwrap().size, 7);
    for (seq, size, words) in [
        (0, None, "entries are numbered from 1"),
        (newest + 1, None, "not covered"),
        (8, Some(7), "not covered"),
        (1, Some(5), "no checkpoint of 5"),
    ] {
        let refused = reader.prove(seq, size).unwrap_err().to_string();
        assert!(refused.contains(words), "{seq} {size:?}: {refused}");
    }
    assert!(Place::new().open(5).reader().prove(2, None).is_err());
}

#[test]
fn a_proof_holds_for_its_entry_and_nothing_else() {
    let place = Place::with(14, 5);
    let keys = [place.key()];
    let proof = place.reader().prove(4, None).unwrap();
    let other = place.reader().prove(5, None).unwrap();
    let earlier = place.reader().prove(4, Some(7)).unwrap();
    let fails = |proof: Proof, why: &str| assert!(proof.verify(&keys).is_err(), "{why}");
    fails(Proof { entry: proof.entry.replace("look", "lock"), ..proof.clone() }, "another text");
    fails(Proof { entry: other.entry.clone(), ..proof.clone() }, "another entry");
    fails(Proof { entry: other.entry.clone(), seq: 5, ..proof.clone() }, "another entry with its number");
    fails(Proof { seq: 5, ..proof.clone() }, "another number");
    fails(Proof { path: other.path.clone(), ..proof.clone() }, "another path");
    fails(Proof { path: vec![], ..proof.clone() }, "no path");
    fails(Proof { path: vec!["x".into()], ..proof.clone() }, "no hashes");
    fails(Proof { checkpoint: earlier.checkpoint.clone(), ..proof.clone() }, "another checkpoint");
    fails(Proof { checkpoint: proof.checkpoint.replace("log.example", "lag.example"), ..proof.clone() }, "another log");
    assert!(proof.verify(&[]).is_err(), "no key");
    assert!(proof.verify(&keys).is_ok());
    assert!(Proof::parse(&json!({"format": "another/1"}).to_string()).is_err());
    let mut more = serde_json::to_value(&proof).unwrap();
    more["comment"] = json!("trust me");
    assert!(Proof::parse(&more.to_string()).is_err());
}

#[test]
fn a_log_that_is_not_what_was_signed_proves_nothing() {
    let place = Place::with(14, 5);
    rewrite(&place.unguarded(), 5, |e| e["actor"] = json!("nobody"));
    let refused = place.reader().prove(9, None).unwrap_err().to_string();
    assert!(refused.contains("not what the checkpoint covers"), "{refused}");
}
