//! When checkpoints are made, what they cover, and whose they are.

use super::place::{HOUR, Place, T0, close, entry, now, write};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::clock::Clock;
use trunkwarden::journal::note::Checkpoint;
use trunkwarden::journal::{Batch, Filter, Journal, KeyError, Options, Reader, WriterMode, signer};
use trunkwarden::policy::WallMs;

/// Sizes of all checkpoints, by the entries that tell of them.
fn sizes(reader: &Reader) -> Vec<u64> {
    let filter = Filter { event_type: Some("journal.checkpoint".into()), limit: 1000, ..Filter::default() };
    let mut sizes: Vec<u64> =
        reader.entries(&filter).unwrap().entries.iter().map(|e| e["details"]["size"].as_u64().unwrap()).collect();
    sizes.reverse();
    sizes
}

#[test]
fn a_checkpoint_comes_first_then_after_so_many_entries_and_at_a_clean_stop() {
    let place = Place::new();
    let journal = place.open(10);
    // The first entry is signed at once, with the one that tells of the key.
    write(&journal, 0);
    assert_eq!(sizes(&place.reader()), [2]);
    (1..9).for_each(|n| write(&journal, n));
    assert_eq!(sizes(&place.reader()), [2]);
    write(&journal, 9);
    assert_eq!(sizes(&place.reader()), [2, 12], "ten entries after that, its own included");
    write(&journal, 10);
    close(journal);
    assert_eq!(sizes(&place.reader()), [2, 12, 14], "what was new at the stop");
    let verified = place.verify().unwrap();
    assert_eq!((verified.entries, verified.checkpoints, verified.covered), (15, 3, 14));

    let journal = place.open(10);
    now(journal.seal(WallMs(T0.0 * 2)));
    close(journal);
    assert_eq!(sizes(&place.reader()), [2, 12, 14], "nothing but a checkpoint is new");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_comes_after_its_interval_also_where_nothing_is_written_then() {
    let place = Place::new();
    let clock = Clock::virtual_from(T0);
    let journal = Journal::open(Options { clock: clock.clone(), ..place.options(1000) }).unwrap().0;
    write(&journal, 0);
    write(&journal, 1);
    tokio::time::advance(HOUR.saturating_sub(Duration::from_secs(1))).await;
    now(journal.seal(clock.wall()));
    assert_eq!(journal.counters().checkpoint_size, 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    now(journal.seal(clock.wall()));
    let counters = journal.counters();
    assert_eq!((counters.checkpoint_size, counters.checkpoint_at), (4, Some(clock.wall())));
    tokio::time::advance(HOUR).await;
    write(&journal, 2);
    assert_eq!(journal.counters().checkpoint_size, 6, "with the commit that comes when it is due");
    // A calendar that was set back by a day does not put the next one off by a day.
    clock.step_wall(-86_400_000);
    write(&journal, 3);
    assert_eq!(journal.counters().checkpoint_size, 8);
    place.verify().unwrap();
}

#[tokio::test]
async fn the_writer_thread_signs_alike() {
    let place = Place::new();
    let options = Options { mode: WriterMode::Thread, ..place.options(50) };
    let journal = Journal::open(options).unwrap().0;
    for round in 0..4 {
        let batch = |n| Batch { entries: vec![entry(n)], ..Batch::default() };
        let answers: Vec<_> = (0..100).map(|n| journal.submit(batch(round * 100 + n))).collect();
        for answer in answers {
            answer.await.unwrap();
        }
    }
    journal.close().await;
    let verified = place.verify().unwrap();
    assert!(verified.checkpoints >= 4 && verified.covered == verified.entries - 1, "{verified:?}");
}

#[test]
fn the_entry_of_a_checkpoint_carries_the_note_and_its_root_is_the_trees() {
    let place = Place::with(5, 3);
    let filter = Filter { event_type: Some("journal.checkpoint".into()), ..Filter::default() };
    for entry in place.reader().entries(&filter).unwrap().entries {
        let note = Checkpoint::parse(entry["details"]["note"].as_str().unwrap()).unwrap();
        note.verify(&[place.key()]).unwrap();
        assert_eq!(entry["seq"].as_u64().unwrap(), note.size + 1);
        assert_eq!(entry["details"]["origin"], "log.example/audit");
        assert_eq!(entry["channel_id"], Value::Null);
        let leaves: Vec<_> = texts(&place).iter().map(|t| trunkwarden::journal::tree::leaf(t.as_bytes())).collect();
        let covered = &leaves[..usize::try_from(note.size).unwrap()];
        assert_eq!(trunkwarden::journal::tree::root(covered), note.root);
    }
}

fn texts(place: &Place) -> Vec<String> {
    place.reader().entries_after(&Filter::default(), 0, 1000).unwrap().into_iter().map(|l| l.text).collect()
}

#[test]
fn a_start_goes_on_with_the_tree_where_it_was() {
    let place = Place::new();
    for n in 0..6 {
        let journal = place.open(4);
        write(&journal, n);
        // Every other process dies without a goodbye.
        if n % 2 == 0 { close(journal) } else { drop(journal) }
    }
    let first = place.verify().unwrap();
    // A frontier that cannot be trusted is not: the tree is built anew from the entries.
    let spoilt = place.copy();
    spoilt.unguarded().execute("UPDATE checkpoints SET frontier = zeroblob(length(frontier))", []).unwrap();
    let journal = spoilt.open(4);
    write(&journal, 99);
    close(journal);
    let again = spoilt.newest();
    assert!(again.size > first.covered);
    let journal = place.open(4);
    write(&journal, 99);
    close(journal);
    assert_eq!(place.newest().size, again.size);
    assert!(place.verify_with(&place.newest()).is_ok());
}

#[test]
fn a_log_that_lost_its_end_is_not_gone_on_with() {
    let place = Place::with(5, 3);
    place.unguarded().execute("DELETE FROM audit WHERE seq > 3", []).unwrap();
    let unsigned = Options { signing: None, ..place.options(3) };
    let refused = Journal::open(unsigned).unwrap_err().to_string();
    assert!(refused.contains("cut off") && refused.contains("restore a backup"), "{refused}");
    assert_eq!(Journal::open(place.options(3)).unwrap().0.trust().word(), Some("contradicts"));
    // Killed, so that no checkpoint covers what is missing.
    let place = Place::new();
    let journal = place.open(1000);
    (0..5).for_each(|n| write(&journal, n));
    drop(journal);
    place.unguarded().execute("DELETE FROM audit WHERE seq = 4", []).unwrap();
    let refused = Journal::open(place.options(3)).unwrap_err().to_string();
    assert!(refused.contains("missing") && refused.contains("journal check"), "{refused}");
}

#[test]
fn a_key_is_told_once_and_so_is_the_next_one() {
    let place = Place::with(2, 100);
    let mut other = place.copy();
    close(place.open(100));
    std::fs::write(other.state().join("audit.vkey"), format!("{}\n", place.key())).unwrap();
    other.signer = trunkwarden::journal::Signer::new("log.example/audit", &[8; 32]).unwrap();
    let journal = other.open(100);
    // Whose the other key is, nobody can tell but a person.
    write(&journal, 3);
    assert_eq!(journal.trust().word(), Some("unsigned"));
    now(journal.accept("operator:alice".to_owned()));
    close(journal);
    let told = |place: &Place| -> Vec<Value> {
        let filter = Filter { event_type: Some("journal.key_changed".into()), ..Filter::default() };
        place.reader().entries(&filter).unwrap().entries.iter().map(|e| e["after"]["key"].clone()).collect()
    };
    assert_eq!(told(&place), [json!(place.key().to_string())]);
    assert_eq!(told(&other), [json!(other.key().to_string()), json!(place.key().to_string())]);
    // Each checkpoint is checked under the key of its time: both are needed, and one alone is not enough.
    let both = vec![place.key(), other.key()];
    let with =
        |keys| other.reader().verify_against(&trunkwarden::journal::Against { keys: Some(keys), ..Default::default() });
    assert!(with(both).is_ok());
    assert!(with(vec![place.key()]).is_err() && with(vec![other.key()]).is_err() && with(vec![]).is_err());
}

#[test]
fn a_checkpoint_kept_from_after_the_log_was_given_another_key_and_name_holds() {
    let mut place = Place::with(2, 100);
    let (first, kept) = (place.key(), place.newest());
    std::fs::write(place.state().join("audit.vkey"), format!("{first}\n")).unwrap();
    place.signer = trunkwarden::journal::Signer::new("trunkwarden/00000001", &[8; 32]).unwrap();
    let journal = place.open(100);
    now(journal.accept("operator:alice".to_owned()));
    write(&journal, 3);
    close(journal);
    let (keys, held) = (Some(vec![first, place.key()]), vec![kept, place.newest()]);
    let against = trunkwarden::journal::Against { keys, held, ..Default::default() };
    place.reader().verify_against(&against).unwrap();
}

#[test]
fn a_journal_of_the_first_version_is_brought_up_to_date() {
    let place = Place::with(3, 100);
    let db = place.unguarded();
    let intents = include_str!("../journal/second_schema.sql").split_once("CREATE TABLE intents").unwrap().1;
    let (intents, _) = intents.split_once("STRICT;").unwrap();
    let before = format!("DROP TABLE operations; CREATE TABLE intents{intents}STRICT;");
    db.execute_batch("DROP TABLE checkpoints; DROP TABLE segments; DELETE FROM audit; PRAGMA user_version = 1;")
        .and_then(|()| db.execute_batch(&before))
        .unwrap();
    drop(db);
    std::fs::remove_file(place.state().join("audit.signed")).unwrap();
    let refused = Reader::open(&place.path()).unwrap_err().to_string();
    assert!(refused.contains("older trunkwarden"), "{refused}");
    let journal = place.open(100);
    write(&journal, 0);
    close(journal);
    assert!(place.verify().is_ok());
    assert!(place.reader().entries(&Filter::default()).is_ok());
}

// --- the key ---

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_key_is_made_once_for_its_owner_alone() {
    let dir = TempDir::new().unwrap();
    let journal = dir.path().join("state/journal.db");
    let first = signer(&journal, None, None).unwrap();
    let file = journal.with_file_name("audit.key");
    assert_eq!(mode(&file), 0o600);
    let name = first.public().name();
    assert!(name.starts_with("trunkwarden/") && name.len() == 20, "{name}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(signer(&journal, None, None).unwrap().public(), first.public());
    assert_eq!(mode(&file), 0o600, "taken away again");
    let public = std::fs::read_to_string(journal.with_file_name("audit.vkey")).unwrap();
    assert_eq!(public, format!("{}\n", first.public()), "noted once");

    let named = dir.path().join("other/journal.db");
    assert_eq!(signer(&named, Some("sip.example/audit"), None).unwrap().public().name(), "sip.example/audit");
    let refused = signer(&named, Some("sip.example/other"), None).unwrap_err();
    assert!(matches!(refused, KeyError::Name { .. }), "{refused}");
}

#[test]
fn a_key_that_is_given_is_used_and_not_written_down() {
    let dir = TempDir::new().unwrap();
    let journal = dir.path().join("journal.db");
    let own = Place::new().signer;
    let given = signer(&journal, None, Some(&own.to_secret_text())).unwrap();
    assert_eq!(given.public(), own.public());
    assert!(!journal.with_file_name("audit.key").exists());
    let secret = "canary-no-key".to_owned();
    let refused = signer(&journal, None, Some(&secret.clone().into())).unwrap_err().to_string();
    assert!(refused.contains("`audit.signing_key`") && !refused.contains(&secret), "{refused}");
    std::fs::write(journal.with_file_name("audit.key"), &secret).unwrap();
    let refused = signer(&journal, None, None).unwrap_err().to_string();
    assert!(refused.contains("audit.key") && !refused.contains(&secret), "{refused}");
}

/// Compiles only while a secret cannot be serialised: were it `Serialize`, the `_` below would be ambiguous.
#[test]
fn secrets_cannot_be_serialised() {
    trait Ambiguous<A> {
        fn holds() -> bool {
            true
        }
    }
    impl<T: ?Sized> Ambiguous<()> for T {}
    struct Serialisable;
    impl<T: ?Sized + serde::Serialize> Ambiguous<Serialisable> for T {}
    assert!(<secrecy::SecretString as Ambiguous<_>>::holds());
    assert!(<trunkwarden::journal::Signer as Ambiguous<_>>::holds());
    assert!(<trunkwarden::config::SecretRef as Ambiguous<_>>::holds());
    assert!(<trunkwarden::config::Config as Ambiguous<_>>::holds());
}
