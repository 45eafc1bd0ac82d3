//! The commands as people type them: what they print, and the exit code.

use super::archive::archived;
use super::place::{Place, close, now, write};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkwarden"));
    command.args(args);
    command
}

pub fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn of<'a>(place: &'a Path, args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--journal", place.to_str().unwrap()]].concat()
}

pub fn on(place: &Place, args: &[&str]) -> Output {
    run(&of(&place.path(), args))
}

#[test]
fn verify_says_what_holds_and_what_is_not_shown() {
    let place = archived();
    let key = place.key().to_string();
    let output = on(&place, &["audit", "verify", "--key", &key]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for words in ["whole: ", "all signed", "are archived, read and complete", "no checkpoint from elsewhere"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let held = place.state().join("held");
    std::fs::write(&held, place.newest().note).unwrap();
    let output = on(&place, &["audit", "verify", "--key", &key, "--checkpoint", held.to_str().unwrap(), "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["whole"], &json["remarks"]), (&Value::Bool(true), &serde_json::json!([])), "{json}");

    // The key beside the journal serves where there is one, and is doubted.
    let output = on(&place, &["audit", "verify"]);
    let journal = place.path().display().to_string();
    let words =
        format!("trunkwarden: no public key: there is no audit.vkey beside {journal}; give it with --key audit.vkey\n");
    assert_eq!((output.status.code(), said(&output)), (Some(1), words));
    std::fs::write(place.state().join("audit.vkey"), format!("# ours\n{key}\n")).unwrap();
    let output = on(&place, &["audit", "verify"]);
    assert!(output.status.success() && said(&output).contains("key is the one beside the journal"));
    let output = on(&place, &["audit", "key"]);
    assert_eq!(said(&output), format!("{key}\n"));

    let db = place.unguarded();
    let seq: u64 = db
        .query_row("SELECT max(seq) FROM audit WHERE event_type = 'health.changed'", [], |r| r.get(0))
        .map(|seq: i64| u64::try_from(seq).unwrap())
        .unwrap();
    let changed =
        "UPDATE audit SET entry = replace(entry, 'look', 'lock') WHERE event_type = 'health.changed' AND seq = ?";
    db.execute(changed, [i64::try_from(seq).unwrap()]).unwrap();
    drop(db);
    let output = on(&place, &["audit", "verify", "--key", &key]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains(&format!("broken at entry {seq} (changed): ")), "{}", said(&output));
    let json: Value = serde_json::from_slice(&on(&place, &["audit", "verify", "--json"]).stdout).unwrap();
    assert_eq!((json["seq"].as_u64(), json["fault"].as_str()), (Some(seq), Some("changed")));
}

#[test]
fn what_cannot_be_verified_fails_in_words() {
    let place = Place::with(3, 5);
    let other = Place::new();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["audit", "verify", "--key", "no-such-file"], 1, "no such file"),
        (&["audit", "verify", "--checkpoint", "no-such-file"], 1, "cannot read no-such-file"),
        (&["audit", "verify", "--archive", "a", "--without-archive"], 2, "cannot be used with"),
        (&["audit", "prove", "999"], 1, "there is no entry 999: the log ends with entry "),
        (&["audit", "prove", "0"], 1, "entries are numbered from 1"),
        (&["audit", "prove", "x"], 2, "expected an entry's number"),
    ];
    for (args, code, words) in cases {
        let output = on(&place, args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{args:?}: {}", said(&output));
    }
    let output = on(&other, &["audit", "verify"]);
    assert!(output.status.code() == Some(1) && said(&output).contains("there is no journal at"), "{}", said(&output));
    let strange = trunkwarden::journal::Signer::new("log.example/audit", &[9; 32]).unwrap();
    let output = on(&place, &["audit", "verify", "--key", &strange.public().to_string()]);
    assert!(output.status.code() == Some(1) && said(&output).contains("no signature"), "{}", said(&output));
}

#[test]
fn a_proof_is_given_and_checked_where_the_log_is_not() {
    let place = Place::with(9, 5);
    let output = on(&place, &["audit", "prove", "4"]);
    assert!(output.status.success(), "{}", said(&output));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &output.stdout).unwrap();
    let (proof, key) = (file.path().to_str().unwrap(), place.key().to_string());
    let output = run(&["audit", "verify-proof", proof, "--key", &key]);
    assert!(output.status.success() && said(&output).contains("entry 4 is in log.example/audit"), "{}", said(&output));
    let text = std::fs::read_to_string(file.path()).unwrap().replace("look 1", "look 7");
    std::fs::write(file.path(), text).unwrap();
    assert_eq!(run(&["audit", "verify-proof", proof, "--key", &key]).status.code(), Some(1));
    assert_eq!(run(&["audit", "verify-proof", proof]).status.code(), Some(2), "without a key nothing is shown");
}

#[test]
fn an_export_is_every_line_as_it_was_hashed_or_a_table() {
    let place = archived();
    let output = on(&place, &["audit", "export"]);
    let lines: Vec<&str> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    assert_eq!(lines.len() as u64, place.verify().unwrap().entries);
    let mut before = "0".repeat(64);
    for line in &lines {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["prev_hash"], before);
        before = super::place::sha256(line.as_bytes());
    }
    assert!(
        lines.iter().any(|line| line.contains("\"event_type\":\"journal.checkpoint\"")),
        "checkpoints leave with it"
    );

    let args = ["audit", "export", "--format", "csv", "--channel", "ch-0002", "--event", "health."];
    let output = on(&place, &args);
    let mut table = csv::Reader::from_reader(output.stdout.as_slice());
    assert_eq!(table.headers().unwrap().iter().next_back(), Some("hash"));
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 12);
    assert!(rows.iter().all(|row| &row[4] == "ch-0002" && &row[2] == "health.changed" && row[14].len() == 64));
    assert_eq!(&rows[0][10], "{\"n\":1,\"words\":\"ключ, \\\"quoted\\\"\\n\"}");
    let output = on(&place, &["audit", "export", "--from", "2026-11-18T11:06:41Z", "--to", "2026-11-18T11:06:43Z"]);
    assert_eq!(said(&output).lines().count(), 2);
    assert_eq!(said(&on(&place, &["audit", "export", "--tenant", "nobody"])), "");
}

#[test]
fn a_cell_that_a_spreadsheet_would_run_is_text() {
    let place = Place::new();
    let journal = place.open(100);
    let formulas = ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\u{ff1d}1", "it is 1=1"];
    for formula in formulas {
        let entry = trunkwarden::journal::Entry { reason: formula.to_owned(), ..super::place::entry(1) };
        now(journal.submit(trunkwarden::journal::Batch { entries: vec![entry], ..Default::default() }));
    }
    close(journal);
    let output = on(&place, &["audit", "export", "--format", "csv", "--event", "health."]);
    let mut table = csv::Reader::from_reader(output.stdout.as_slice());
    let cells: Vec<String> = table.records().map(|row| row.unwrap()[6].to_owned()).collect();
    let mut want: Vec<String> = formulas.iter().map(|formula| format!("'{formula}")).collect();
    want[8] = formulas[8].to_owned();
    assert_eq!(cells, want);
}

#[test]
fn a_log_that_no_checkpoint_covers_does_not_verify_under_a_key() {
    let place = Place::new();
    let journal = place.open(100_000);
    (0..2010).for_each(|n| write(&journal, n % 3));
    drop(journal);
    let key = place.key().to_string();
    let output = on(&place, &["audit", "verify", "--key", &key]);
    let text = said(&output);
    assert!(output.status.code() == Some(1) && text.contains("came after it"), "{text}");
    assert_eq!(on(&place, &["audit", "verify"]).status.code(), Some(1), "no key at all, and checkpoints to check");
    std::fs::write(place.state().join("audit.vkey"), format!("{key}\n")).unwrap();
    assert!(said(&on(&place, &["audit", "verify"])).contains("came after it"), "the one that is configured");
}

#[test]
fn tail_shows_the_newest_and_follows() {
    let place = Place::with(20, 100);
    let output = on(&place, &["audit", "tail", "-n", "3", "--event", "health."]);
    let text = said(&output);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(
        text.lines().last().unwrap().ends_with("health.changed acme/ch-0002 engine: look 19 was the one"),
        "{text}"
    );

    let path = place.path();
    let mut child = command(&of(&path, &["audit", "tail", "-f", "-n", "1", "--json", "--event", "health.*"]))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["details"]["n"].clone();
    assert_eq!(next(), 19);
    let journal = place.open(100);
    for n in 20..23 {
        write(&journal, n);
        assert_eq!(next(), n);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    close(journal);
}

#[test]
fn check_and_backup_work_beside_a_daemon_that_writes() {
    let place = archived();
    let journal = place.open(5);
    write(&journal, 50);
    let output = on(&place, &["journal", "check"]);
    assert!(output.status.success() && said(&output).contains("is sound: "), "{}", said(&output));
    let copy = place.state().join("copy.db");
    let output = on(&place, &["journal", "backup", copy.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let entries = place.verify().unwrap().entries;
    let copied = trunkwarden::journal::Reader::open(&copy).unwrap().verify().unwrap();
    assert_eq!(copied.entries, entries);
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let output = on(&place, &["journal", "backup", copy.to_str().unwrap()]);
    assert!(output.status.code() == Some(1) && said(&output).contains("already exists"), "{}", said(&output));
    // A copy that is put back is gone on with.
    write(&journal, 51);
    now(journal.prune(super::place::T0));
    close(journal);
    for name in ["journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(place.state().join(name));
    }
    std::fs::copy(&copy, place.path()).unwrap();
    let journal = place.open(5);
    // A backup is a shorter log than the one that was signed last.
    assert_eq!(journal.trust().word(), Some("contradicts"));
    now(journal.accept("operator:alice".to_owned()));
    write(&journal, 52);
    close(journal);
    assert!(place.verify().unwrap().entries > entries);
}

#[test]
fn a_journal_that_is_not_sound_is_said_to_be_so_and_what_to_do() {
    let rules = Place::with(9, 5);
    let db = rusqlite::Connection::open(rules.path()).unwrap();
    db.execute_batch("DROP TRIGGER audit_no_update").unwrap();
    let changed = Place::with(9, 5);
    changed.unguarded().execute("UPDATE audit SET actor = 1", []).unwrap_err();
    let db = changed.unguarded();
    db.execute("UPDATE audit SET entry = replace(entry, 'look', 'lock') WHERE seq = 4", []).unwrap();
    drop(db);
    let damaged = Place::with(400, 500);
    let mut bytes = std::fs::read(damaged.path()).unwrap();
    bytes[16384..].iter_mut().for_each(|b| *b ^= 0x5a);
    std::fs::write(damaged.path(), bytes).unwrap();
    for (place, words) in [
        (&rules, "which protects the log, is missing"),
        (&changed, "broken at entry 4 (changed)"),
        (&damaged, "damaged"),
    ] {
        let output = on(place, &["journal", "check"]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(words) || words == "damaged", "{words}: {text}");
        assert!(text.contains("restore a backup"), "{text}");
    }
    let copy = changed.state().join("copy.db");
    let output = on(&changed, &["journal", "backup", copy.to_str().unwrap()]);
    assert!(output.status.code() == Some(1) && !copy.exists(), "{}", said(&output));
}
