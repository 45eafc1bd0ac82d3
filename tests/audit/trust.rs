//! What a start does with a log that is not what was signed, or of which nothing was: not signed, not acted on, until a person
//! has accepted it; and what verification says of it then.

use super::place::{Place, close, found, now, rewrite, write};
use futures_util::FutureExt;
use rusqlite::Connection;
use serde_json::json;
use trunkwarden::journal::note::Checkpoint;
use trunkwarden::journal::{
    Against, Batch, Cover, Fault, Filter, Journal, JournalError, Options, Signer, Trust, VerifierKey,
};

/// Somebody who can write the disk and does not have the key.
type Hand = Box<dyn Fn(&Place)>;

fn remembered(place: &Place) -> std::path::PathBuf {
    place.state().join("audit.signed")
}

fn forget(place: &Place) {
    std::fs::remove_file(remembered(place)).unwrap();
}

/// Another history that agrees with itself, without any checkpoint.
fn rewritten(db: &Connection) {
    db.execute("DELETE FROM checkpoints", []).unwrap();
    let newest: i64 = db.query_row("SELECT max(seq) FROM audit", [], |r| r.get(0)).unwrap();
    for seq in 1..=newest {
        rewrite(db, seq, |e| {
            e["event_type"] = json!("health.changed");
            e["details"] = json!({});
        });
    }
    db.execute("UPDATE audit SET event_type = 'health.changed'", []).unwrap();
}

/// A checkpoint over all of it by another key of the same name.
fn signed_by_another(db: &Connection, signer: &Signer) {
    let texts: Vec<String> = db
        .prepare("SELECT entry FROM audit ORDER BY seq")
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut tree = trunkwarden::journal::tree::Frontier::default();
    for text in &texts {
        tree.push(trunkwarden::journal::tree::leaf(text.as_bytes()));
    }
    let note = signer.checkpoint(tree.size(), &tree.root());
    let root = note.lines().nth(2).unwrap().to_owned();
    db.execute(
        "INSERT INTO checkpoints (size, root, at, note, frontier) VALUES (?, ?, 1, ?, ?)",
        rusqlite::params![i64::try_from(tree.size()).unwrap(), root, note, tree.to_bytes()],
    )
    .unwrap();
}

fn sql(statements: &'static str) -> Hand {
    Box::new(move |place| place.unguarded().execute_batch(statements).unwrap())
}

fn strange() -> Signer {
    Signer::new("log.example/audit", &[8; 32]).unwrap()
}

/// What is done, and what a start finds then.
fn cases() -> Vec<(&'static str, Hand, Option<&'static str>)> {
    const CUT: &str = "DELETE FROM audit WHERE seq > 7";
    const BACK: &str = "DELETE FROM checkpoints WHERE size > 6; DELETE FROM audit WHERE seq > 7";
    vec![
        ("nothing", Box::new(|_| ()), None),
        ("cut off behind its checkpoint", sql(CUT), Some("contradicts")),
        ("put back to an earlier checkpoint", sql(BACK), Some("contradicts")),
        (
            "put back, with what is beside the key",
            Box::new(|place| {
                place.unguarded().execute_batch(BACK).unwrap();
                let note: String = Connection::open(place.path())
                    .unwrap()
                    .query_row("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1", [], |r| r.get(0))
                    .unwrap();
                std::fs::write(remembered(place), note).unwrap();
            }),
            None,
        ),
        ("its checkpoints taken out", Box::new(|place| rewritten(&place.unguarded())), Some("contradicts")),
        (
            "its checkpoints taken out, and what is beside the key",
            Box::new(|place| {
                rewritten(&place.unguarded());
                forget(place);
            }),
            Some("unsigned"),
        ),
        (
            "signed by another key of that name",
            Box::new(|place| {
                let db = place.unguarded();
                rewritten(&db);
                signed_by_another(&db, &strange());
                let keys = format!("{}\n{}\n", place.key(), strange().public());
                std::fs::write(place.state().join("audit.vkey"), keys).unwrap();
                forget(place);
            }),
            Some("unsigned"),
        ),
        (
            "a new file in its place",
            Box::new(|place| {
                for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
                    let _ = std::fs::remove_file(place.state().join(name));
                }
            }),
            Some("contradicts"),
        ),
        (
            "a checkpoint under the key's name that it did not sign",
            sql("UPDATE checkpoints SET note = replace(note, char(10) || size || char(10), char(10) || (size + 1) || char(10)),
                 size = size + 1 WHERE size = (SELECT max(size) FROM checkpoints)"),
            Some("contradicts"),
        ),
        (
            "the newest entries, that no checkpoint covers, are others; and so are those before them",
            Box::new(|place| rewrite(&place.unguarded(), 5, |e| e["actor"] = json!("nobody"))),
            // The tree goes on from the one that was signed: whoever verifies sees it.
            None,
        ),
    ]
}

fn count(place: &Place, table: &str) -> i64 {
    let db = Connection::open(place.path()).unwrap();
    db.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap()
}

fn cover(place: &Place) -> Against {
    Against { cover: Some(Cover { entries: 5, within: super::place::HOUR }), ..place.against() }
}

fn accept(journal: &Journal) -> Result<(), JournalError> {
    journal.accept("operator:alice".to_owned()).now_or_never().unwrap().map(drop)
}

#[test]
fn a_log_that_is_not_what_was_signed_is_neither_signed_nor_written_until_it_is_accepted() {
    for (name, hand, want) in cases() {
        let place = Place::with(20, 5);
        hand(&place);
        let before = if place.path().exists() { count(&place, "checkpoints") } else { 0 };
        let journal = place.open(5);
        assert_eq!(journal.trust().word(), want, "{name}: {:?}", journal.trust());
        let entries = count(&place, "audit");
        let written = journal.submit(Batch { entries: vec![super::place::entry(99)], ..Batch::default() });
        let written = written.now_or_never().unwrap();
        if want == Some("contradicts") {
            assert!(matches!(written, Err(JournalError::Contradicts { .. })), "{name}: {written:?}");
            assert!(!*journal.writable().borrow() && count(&place, "audit") == entries, "{name}");
        } else {
            written.unwrap();
            (0..12).for_each(|n| write(&journal, 100 + n));
        }
        let signed = count(&place, "checkpoints") - before;
        assert_eq!(signed == 0, want.is_some(), "{name}: {signed} checkpoints were signed");
        close(journal);
        if want.is_none() {
            continue;
        }
        // A start changes nothing about it; a person does.
        let journal = place.open(5);
        assert_eq!(journal.trust().word(), want, "{name}, at the next start");
        accept(&journal).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(journal.trust(), Trust::Sound);
        assert!(*journal.writable().borrow(), "{name}");
        assert!(matches!(accept(&journal), Err(JournalError::Unfit { .. })), "{name}: once");
        (0..12).for_each(|n| write(&journal, 200 + n));
        close(journal);
        let filter = Filter { event_type: Some("journal.accepted".into()), ..Filter::default() };
        let told = place.reader().entries(&filter).unwrap().entries;
        assert_eq!((told.len(), told[0]["actor"].as_str().unwrap()), (1, "operator:alice"), "{name}");
        let verified = place.reader().verify_against(&cover(&place)).unwrap_or_else(|b| panic!("{name}: {b}"));
        assert_eq!(verified.accepted, [told[0]["seq"].as_u64().unwrap()], "{name}");
        assert_eq!(place.open(5).trust(), Trust::Sound, "{name}");
    }
}

#[test]
fn what_a_witness_holds_is_held_against_the_log() {
    let place = Place::with(20, 5);
    let witnessed = place.newest();
    let open = |place: &Place, witnessed: &[Checkpoint]| {
        let options = Options { witnessed: witnessed.to_vec(), ..place.options(5) };
        Journal::open(options).unwrap().0.trust()
    };
    assert_eq!(open(&place.copy(), std::slice::from_ref(&witnessed)), Trust::Sound);
    // The whole state directory put back to an earlier day.
    let back = Place::with(5, 5);
    assert_eq!(open(&back.copy(), &[]), Trust::Sound);
    let found = open(&back.copy(), std::slice::from_ref(&witnessed));
    assert!(matches!(&found, Trust::Contradicts(why) if why.contains("cut off")), "{found:?}");
    // As long, and another one.
    let other = Place::new();
    let journal = other.open(5);
    (50..70).for_each(|n| write(&journal, n));
    close(journal);
    let found = open(&other.copy(), std::slice::from_ref(&witnessed));
    assert!(matches!(&found, Trust::Contradicts(why) if why.contains("not those")), "{found:?}");
    // What somebody else signed says nothing.
    let note = strange().checkpoint(999, &[1; 32]);
    assert_eq!(open(&place.copy(), &[Checkpoint::parse(&note).unwrap()]), Trust::Sound);
}

#[test]
fn what_was_accepted_still_is_not_what_was_signed() {
    let place = Place::with(20, 5);
    let kept = place.newest();
    place.unguarded().execute("DELETE FROM audit WHERE seq > 7", []).unwrap();
    let journal = place.open(5);
    accept(&journal).unwrap();
    (0..30).for_each(|n| write(&journal, 200 + n));
    close(journal);
    place.verify().unwrap();
    assert_eq!(found(&place.verify_with(&kept)).1, Fault::Rewritten, "the one that was kept elsewhere tells");
    assert!(count(&place, "refuted") > 0);

    // Whoever writes the disk takes out what was set aside, or sets aside more.
    for (statements, words) in [
        ("DELETE FROM refuted", "are not all kept"),
        ("INSERT INTO refuted SELECT size, note, 3 FROM checkpoints LIMIT 1", "no entry names"),
    ] {
        let copy = place.copy();
        copy.unguarded().execute_batch(statements).unwrap();
        let broken = copy.verify().unwrap_err();
        assert!(broken.to_string().contains(words), "{broken}");
    }
}

#[test]
fn nobody_accepts_a_log_without_the_key() {
    let place = Place::with(20, 5);
    let db = place.unguarded();
    // An entry that accepts, made to fit; the checkpoints after it are gone.
    let seq = i64::try_from(place.newest().size).unwrap();
    db.execute("DELETE FROM checkpoints WHERE size >= ?", [seq]).unwrap();
    db.execute("UPDATE audit SET event_type = 'journal.accepted' WHERE seq = ?", [seq + 1]).unwrap();
    rewrite(&db, seq + 1, |e| {
        e["event_type"] = json!("journal.accepted");
        e["details"] = json!({ "set_aside": [] });
    });
    drop(db);
    let broken = place.verify().unwrap_err();
    assert!(broken.to_string().contains("no checkpoint that holds covers it"), "{broken}");
}

#[test]
fn too_little_cover_is_no_cover() {
    let place = Place::killed();
    assert!(place.verify().is_ok());
    let with = |entries, within| {
        let cover = Some(Cover { entries, within });
        place.reader().verify_against(&Against { cover, ..place.against() })
    };
    assert!(with(5, super::place::HOUR * 2).is_ok());
    assert_eq!(found(&with(3, super::place::HOUR * 2)), (3, Fault::Checkpoint), "four came after it");
    assert_eq!(found(&with(5, super::place::HOUR)), (3, Fault::Checkpoint), "an hour and a half later");
    let bare = Place::with(5, 5);
    rewritten(&bare.unguarded());
    assert!(bare.verify().is_ok(), "it agrees with itself");
    assert_eq!(found(&bare.reader().verify_against(&cover(&bare))), (1, Fault::Checkpoint));
}

#[test]
fn what_is_not_ours_in_the_file_is_refused_before_anything_is_read() {
    let others: Vec<VerifierKey> = vec![strange().public().clone()];
    for (planted, words) in [
        (
            "ALTER TABLE audit RENAME TO hidden; CREATE VIEW audit AS SELECT * FROM hidden WHERE seq < 3",
            "is not as trunkwarden creates it",
        ),
        ("CREATE VIEW more AS SELECT * FROM audit", "its view `more`"),
        (
            "CREATE TRIGGER quiet AFTER INSERT ON outbox BEGIN DELETE FROM outbox WHERE sink = 'nms'; END",
            "its trigger `quiet`",
        ),
        ("CREATE TABLE extra (x)", "its table `extra`"),
        ("CREATE INDEX extra ON audit (hash)", "its index `extra`"),
        (
            "DROP TRIGGER audit_no_update; CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT 1; END",
            "its trigger `audit_no_update`",
        ),
    ] {
        let place = Place::with(5, 5);
        Connection::open(place.path()).unwrap().execute_batch(planted).unwrap();
        let refused = Journal::open(place.options(5)).unwrap_err().to_string();
        assert!(refused.contains(words), "{planted}: {refused}");
        let refused = trunkwarden::journal::Reader::open(&place.path()).unwrap_err().to_string();
        assert!(refused.contains(words), "{planted}: {refused}");
    }
    // A rule that is gone is refused where anything would be written.
    let place = Place::with(5, 5);
    Connection::open(place.path()).unwrap().execute_batch("DROP TRIGGER audit_no_update").unwrap();
    let refused = Journal::open(place.options(5)).unwrap_err().to_string();
    assert!(refused.contains("`audit_no_update` is missing"), "{refused}");
    assert!(place.reader().verify_against(&Against { keys: Some(others), ..Against::default() }).is_err());
    now(Place::new().open(5).submit(Batch::default()));
}

#[test]
fn a_state_directory_that_others_can_change_is_refused_and_a_foreign_file_left_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    for mode in [0o777, 0o770, 0o1777, 0o702] {
        let place = Place::with(1, 5);
        std::fs::set_permissions(place.state(), std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = Journal::open(place.options(5)).unwrap_err().to_string();
        assert!(refused.contains("other users can write to it") && refused.contains("chmod go-w"), "{refused}");
        let refused = trunkwarden::journal::signer(&place.path(), None, None).unwrap_err().to_string();
        assert!(refused.contains("other users can write"), "no key is made there either: {refused}");
    }
    let place = Place::new();
    std::fs::create_dir_all(place.state()).unwrap();
    let foreign = Connection::open(place.path()).unwrap();
    foreign.execute_batch("CREATE TABLE accounts (x); INSERT INTO accounts VALUES (1)").unwrap();
    drop(foreign);
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = std::fs::read(place.path()).unwrap();
    let refused = Journal::open(place.options(5)).unwrap_err().to_string();
    assert!(refused.contains("another program"), "{refused}");
    let there = std::fs::metadata(place.path()).unwrap();
    assert_eq!((there.permissions().mode() & 0o777, std::fs::read(place.path()).unwrap()), (0o644, before));
    // Nor is a link followed to where it leads.
    let linked = Place::new();
    std::fs::create_dir_all(linked.state()).unwrap();
    std::os::unix::fs::symlink(place.path(), linked.path()).unwrap();
    assert!(Journal::open(linked.options(5)).unwrap_err().to_string().contains("a link"));
}
