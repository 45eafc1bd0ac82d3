//! The second opinion: the script of `docs/audit.md`, which shares no code with the daemon, agrees with it.

use super::archive::archived;
use super::place::{Place, rewrite};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Exit code, and what was said.
fn script(place: &Place, args: &[&str], logs: &[&Path]) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/verify_audit.py");
    let mut command = Command::new("python3");
    command.arg(script).args(["--key", &place.key().to_string()]).args(args).args(logs);
    let output = command.output().expect("python3 is installed; scripts/test sees to it");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn archives(place: &Place) -> Vec<std::path::PathBuf> {
    let mut files: Vec<(u64, std::path::PathBuf)> = std::fs::read_dir(place.archive())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "gz"))
        .map(|p| (p.file_name().unwrap().to_str().unwrap().split('-').nth(1).unwrap().parse().unwrap(), p))
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

#[test]
fn the_script_finds_the_same_head_and_root() {
    let place = archived();
    let verified = place.verify().unwrap();
    let held = place.state().join("held");
    std::fs::write(&held, place.newest().note).unwrap();
    let (files, path) = (archives(&place), place.path());
    let logs: Vec<&Path> = files.iter().map(std::path::PathBuf::as_path).chain([path.as_path()]).collect();
    let (code, said) = script(&place, &["--checkpoint", held.to_str().unwrap()], &logs);
    assert_eq!(code, Some(0), "{said}");
    let want = format!(
        "whole: {} entries, {} checkpoints\nhead {}\nroot {}\n",
        verified.entries, verified.checkpoints, verified.head, verified.root
    );
    assert_eq!(said, want);
    let (code, said) = script(&place, &[], &logs[1..]);
    assert!(code == Some(1) && said.contains("broken at entry 1: "), "without the first archive: {said}");
}

#[test]
fn the_script_knows_what_a_person_accepted() {
    let place = Place::with(20, 5);
    rewrite(&place.unguarded(), 5, |e| e["actor"] = json!("nobody"));
    place.unguarded().execute("DELETE FROM audit WHERE seq > 24", []).unwrap();
    let journal = place.open(5);
    assert_eq!(journal.trust().word(), Some("contradicts"));
    super::place::now(journal.accept("operator:alice".to_owned()));
    super::place::write(&journal, 77);
    super::place::close(journal);
    let (verified, (code, said)) = (place.verify(), script(&place, &[], &[&place.path()]));
    assert_eq!(code == Some(0), verified.is_ok(), "{verified:?} {said}");
}

#[test]
fn the_script_finds_what_is_not_whole() {
    let place = Place::with(8, 5);
    let held = place.state().join("held");
    let kept = place.newest();
    std::fs::write(&held, &kept.note).unwrap();
    let changed = place.copy();
    changed
        .unguarded()
        .execute("UPDATE audit SET entry = replace(entry, 'look 2', 'look 3') WHERE seq = 5", [])
        .unwrap();
    let (code, said) = script(&changed, &[], &[&changed.path()]);
    assert!(code == Some(1) && said.contains("broken at entry 6"), "{said}");
    let rewritten = place.copy();
    rewrite(&rewritten.unguarded(), 5, |e| e["actor"] = json!("nobody"));
    let (code, said) = script(&rewritten, &[], &[&rewritten.path()]);
    assert!(code == Some(1) && said.contains("does not cover"), "{said}");
    let cut = place.copy();
    cut.unguarded().execute("DELETE FROM audit WHERE seq >= ?", [i64::try_from(kept.size).unwrap()]).unwrap();
    let (code, said) = script(&cut, &["--checkpoint", held.to_str().unwrap()], &[&cut.path()]);
    assert!(code == Some(1) && said.contains("cut off"), "{said}");
    let twice = place.state().join("twice");
    std::fs::write(&twice, place.signer.checkpoint(kept.size, &[1; 32])).unwrap();
    for order in [[&held, &twice], [&twice, &held]] {
        let [first, second] = order.map(|path| path.to_str().unwrap());
        let (code, said) = script(&place, &["--checkpoint", first, "--checkpoint", second], &[&place.path()]);
        assert!(code == Some(1) && said.contains("contradict each other"), "{said}");
    }
    let beyond = place.state().join("beyond");
    std::fs::write(&beyond, place.signer.checkpoint(0, &[1; 32])).unwrap();
    let (code, said) = script(&place, &["--checkpoint", beyond.to_str().unwrap()], &[&place.path()]);
    assert!(code == Some(1) && said.contains("of no entries"), "{said}");
    let bare = place.copy();
    bare.unguarded().execute("DELETE FROM audit WHERE seq > 2", []).unwrap();
    let (code, said) = script(&bare, &[], &[&bare.path()]);
    assert!(code == Some(1) && said.contains("covers any of it"), "{said}");
    let (code, said) = script(&place, &["--cover-entries", "0"], &[&place.path()]);
    assert_eq!(code, Some(0), "a clean stop leaves nothing uncovered: {said}");
    let killed = Place::killed();
    assert_eq!(script(&killed, &[], &[&killed.path()]).0, Some(0));
    for little in [["--cover-entries", "3"], ["--cover-hours", "1"]] {
        let (code, said) = script(&killed, &little, &[&killed.path()]);
        assert!(code == Some(1) && said.contains("came after it"), "{said}");
    }
    let planted = place.copy();
    rusqlite::Connection::open(planted.path()).unwrap().execute_batch("CREATE VIEW more AS SELECT 1").unwrap();
    let (code, said) = script(&planted, &[], &[&planted.path()]);
    assert!(code == Some(1) && said.contains("holds a view"), "{said}");
    let mut strange = place.copy();
    strange.signer = trunkwarden::journal::Signer::new("log.example/audit", &[8; 32]).unwrap();
    let (code, said) = script(&strange, &[], &[&strange.path()]);
    assert!(code == Some(1) && said.contains("no good signature"), "{said}");
}
