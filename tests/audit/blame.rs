//! Who did what to which entry, as far as the log can tell; and what only a checkpoint from elsewhere can.

use super::place::{Place, close, found, rewrite, write};
use rusqlite::{Connection, params};
use serde_json::json;
use trunkwarden::journal::Fault;

type Tamper = Box<dyn Fn(&Connection)>;

fn sql(statements: &'static str) -> Tamper {
    Box::new(move |db| db.execute_batch(statements).unwrap())
}

#[test]
fn the_first_bad_entry_is_named_and_what_was_done_to_it() {
    let cases: Vec<(&str, Tamper, (u64, Fault))> = vec![
        (
            "changed",
            sql("UPDATE audit SET entry = replace(entry, 'look 4', 'look 5') WHERE seq = 7"),
            (7, Fault::Changed),
        ),
        (
            "its hash too",
            Box::new(|db| {
                let text: String = db
                    .query_row("SELECT replace(entry, 'look 4', 'look 5') FROM audit WHERE seq = 7", [], |r| r.get(0))
                    .unwrap();
                db.execute(
                    "UPDATE audit SET entry = ?1, hash = ?2 WHERE seq = 7",
                    params![text, super::place::sha256(text.as_bytes())],
                )
                .unwrap();
            }),
            (7, Fault::Changed),
        ),
        ("removed", sql("DELETE FROM audit WHERE seq = 7"), (7, Fault::Missing)),
        (
            "removed and closed up",
            sql("DELETE FROM audit WHERE seq = 7; UPDATE audit SET seq = seq - 1 WHERE seq > 7"),
            (7, Fault::Missing),
        ),
        (
            "swapped",
            sql(
                "UPDATE audit SET seq = -1 WHERE seq = 7; UPDATE audit SET seq = 7 WHERE seq = 8; UPDATE audit SET seq = 8 WHERE seq = -1",
            ),
            (7, Fault::Reordered),
        ),
        (
            "a copy put in",
            sql("UPDATE audit SET seq = -seq - 1 WHERE seq > 7; UPDATE audit SET seq = -seq WHERE seq < 0;
            INSERT INTO audit SELECT 8, entry, hash, at, event_type, tenant, channel_id FROM audit WHERE seq = 7"),
            (8, Fault::Inserted),
        ),
        (
            "a forged one put in, chained to the one before",
            Box::new(|db| {
                let (text, before): (String, String) = db
                    .query_row("SELECT a.entry, b.hash FROM audit a, audit b WHERE a.seq = 7 AND b.seq = 6", [], |r| {
                        Ok((r.get(0)?, r.get(1)?))
                    })
                    .unwrap();
                db.execute_batch(
                    "UPDATE audit SET seq = -seq - 1 WHERE seq > 6; UPDATE audit SET seq = -seq WHERE seq < 0",
                )
                .unwrap();
                let text = text.replace("look 4", "look 0");
                assert!(text.contains(&before));
                db.execute(
                    "INSERT INTO audit SELECT 7, ?1, ?2, at, event_type, tenant, channel_id FROM audit WHERE seq = 8",
                    params![text, super::place::sha256(text.as_bytes())],
                )
                .unwrap();
            }),
            (7, Fault::Inserted),
        ),
        ("cut off", sql("DELETE FROM audit WHERE seq > 11"), (12, Fault::Truncated)),
        (
            "a row that holds no text",
            sql("UPDATE audit SET entry = CAST(x'ff' AS TEXT) WHERE seq = 7"),
            (7, Fault::Changed),
        ),
        (
            "rewritten from there on",
            Box::new(|db| rewrite(db, 7, |e| e["reason"] = json!("nothing happened"))),
            (3, Fault::Rewritten),
        ),
        ("a checkpoint taken out", sql("DELETE FROM checkpoints WHERE size = 12"), (13, Fault::Checkpoint)),
        (
            "a checkpoint made up",
            sql("INSERT INTO checkpoints SELECT 3, root, at, note, frontier FROM checkpoints WHERE size = 12"),
            (3, Fault::Checkpoint),
        ),
    ];
    // Entry 2 tells of the key; 3, 13 and 15 of the checkpoints of 2, 12 and 14 entries.
    let good = Place::with(11, 10);
    assert_eq!(good.verify().unwrap().entries, 15);
    for (name, tamper, want) in cases {
        let place = good.copy();
        tamper(&place.unguarded());
        let result = place.verify();
        assert_eq!(found(&result), want, "{name}: {result:?}");
    }
}

#[test]
fn who_can_write_and_not_sign_is_found_by_the_checkpoints() {
    let place = Place::with(20, 5);
    let before = place.newest();
    rewrite(&place.unguarded(), 5, |e| e["actor"] = json!("nobody"));
    let result = place.verify();
    assert_eq!(found(&result).1, Fault::Rewritten, "{result:?}");
    // With the checkpoints gone and their entries made harmless, the log agrees with itself; the one kept elsewhere tells.
    let db = place.unguarded();
    db.execute("DELETE FROM checkpoints", []).unwrap();
    db.execute("UPDATE audit SET event_type = 'health.changed'", []).unwrap();
    let rows: Vec<i64> = (1..=place.reader().head().unwrap().unwrap().0).map(|n| i64::try_from(n).unwrap()).collect();
    for seq in rows {
        rewrite(&db, seq, |e| e["event_type"] = json!("health.changed"));
    }
    assert!(place.verify().is_ok(), "{:?}", place.verify());
    let result = place.verify_with(&before);
    assert_eq!(found(&result), (1, Fault::Rewritten), "{result:?}");
}

#[test]
fn a_log_cut_back_to_an_earlier_checkpoint_is_found_by_one_from_elsewhere_alone() {
    let place = Place::with(20, 5);
    let kept = place.newest();
    let db = place.unguarded();
    db.execute_batch("DELETE FROM checkpoints WHERE size > 6; DELETE FROM audit WHERE seq > 7").unwrap();
    assert_eq!(place.verify().unwrap().entries, 7, "nothing in it shows that there was more");
    let result = place.verify_with(&kept);
    assert_eq!(found(&result), (8, Fault::Truncated), "{result:?}");
}

#[test]
fn an_earlier_checkpoint_holds_while_the_log_grows_and_another_logs_does_not() {
    let place = Place::with(5, 100);
    let kept = place.newest();
    let journal = place.open(100);
    (5..50).for_each(|n| write(&journal, n));
    close(journal);
    assert!(place.verify_with(&kept).is_ok());
    let other = Place::with(6, 100);
    assert_eq!(found(&other.verify_with(&kept)).1, Fault::Rewritten);
    let mut renamed = place.copy();
    renamed.signer = trunkwarden::journal::Signer::new("another.example", &[7; 32]).unwrap();
    let strange = renamed.signer.checkpoint(kept.size, &kept.root);
    let strange = trunkwarden::journal::note::Checkpoint::parse(&strange).unwrap();
    assert_eq!(found(&place.verify_with(&strange)).1, Fault::Checkpoint);
}

#[test]
fn verifying_is_no_matter_of_whether_a_daemon_writes() {
    let place = Place::new();
    let journal = place.open(10);
    for n in 0..30 {
        write(&journal, n);
        assert!(place.verify().is_ok());
    }
}

#[test]
fn a_row_before_the_first_entry_is_found_before_and_after_a_cut() {
    for place in [Place::with(5, 100), super::archive::archived()] {
        for number in [0, -3] {
            let copy = place.copy();
            copy.unguarded()
                .execute(
                    "INSERT INTO audit SELECT ?, entry, hash, at, event_type, tenant, channel_id
                     FROM audit ORDER BY seq DESC LIMIT 1",
                    [number],
                )
                .unwrap();
            // Whoever reads the log newest first is shown it.
            let filter = trunkwarden::journal::Filter { limit: 1000, ..Default::default() };
            let shown = copy.reader().entries(&filter).unwrap().entries;
            assert_eq!(shown.first().unwrap()["hash"], shown.last().unwrap()["hash"]);
            assert_eq!(found(&copy.verify()), (1, Fault::Inserted));
        }
    }
}
