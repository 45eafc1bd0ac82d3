//! A state directory with a signed log in it, and what somebody may do to it.

use futures_util::FutureExt;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::clock::Clock;
use trunkwarden::journal::note::Checkpoint;
use trunkwarden::journal::{
    Against, Batch, Broken, Entry, Fault, Journal, Options, Pending, Reader, Signer, Signing, Verified, VerifierKey,
    WriterMode,
};
use trunkwarden::policy::WallMs;

pub const T0: WallMs = WallMs(1_795_000_000_000);
pub const FAR: WallMs = WallMs(T0.0 + 10_000_000_000_000);
pub const HOUR: Duration = Duration::from_hours(1);

pub struct Place {
    dir: TempDir,
    pub signer: Signer,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), signer: Signer::new("log.example/audit", &[7; 32]).unwrap() }
    }

    /// A closed log of `count` entries of the test's, a checkpoint after every `every`; what the journal adds comes on top.
    pub fn with(count: usize, every: u64) -> Self {
        let place = Self::new();
        let journal = place.open(every);
        (0..count).for_each(|n| write(&journal, n));
        close(journal);
        place
    }

    /// A log of a process that was killed: four entries after its only checkpoint, the last of them an hour and a half later.
    pub fn killed() -> Self {
        let place = Self::new();
        let journal = place.open(100);
        (0..4).for_each(|n| write(&journal, n));
        let at = WallMs(Clock::system().wall().0 + 5_400_000);
        now(journal.submit(Batch { entries: vec![Entry { at, ..entry(4) }], ..Batch::default() }));
        drop(journal);
        place
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn path(&self) -> PathBuf {
        self.state().join("journal.db")
    }

    pub fn archive(&self) -> PathBuf {
        self.state().join("archive")
    }

    pub fn options(&self, every: u64) -> Options {
        let signing = Signing { signer: self.signer.clone(), entries: every, interval: HOUR };
        Options { mode: WriterMode::Inline, signing: Some(signing), ..Options::new(self.path(), Clock::system()) }
    }

    pub fn open(&self, every: u64) -> Journal {
        Journal::open(self.options(every)).unwrap().0
    }

    pub fn reader(&self) -> Reader {
        Reader::open(&self.path()).unwrap()
    }

    pub fn key(&self) -> VerifierKey {
        self.signer.public().clone()
    }

    /// What an auditor with the public key holds the log against.
    pub fn against(&self) -> Against {
        Against { keys: Some(vec![self.key()]), ..Against::default() }
    }

    pub fn verify(&self) -> Result<Verified, Broken> {
        self.reader().verify_against(&self.against())
    }

    /// Against a checkpoint that was kept elsewhere, too.
    pub fn verify_with(&self, held: &Checkpoint) -> Result<Verified, Broken> {
        self.reader().verify_against(&Against { held: vec![held.clone()], ..self.against() })
    }

    pub fn newest(&self) -> Checkpoint {
        self.reader().newest_checkpoint().unwrap().unwrap()
    }

    /// The database without the rules that it enforces.
    /// They are back once it is dropped: without them the file would not be taken for a journal at all.
    pub fn unguarded(&self) -> Unguarded {
        let db = Connection::open(self.path()).unwrap();
        // Nothing here has to outlast the machine.
        db.pragma_update(None, "synchronous", "OFF").unwrap();
        let rules: Vec<(String, String)> = db
            .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for (name, _) in &rules {
            db.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        Unguarded { db, rules: rules.into_iter().map(|(_, sql)| sql).collect() }
    }

    /// Another place with the same files.
    pub fn copy(&self) -> Self {
        let copy = Self { dir: TempDir::new().unwrap(), signer: self.signer.clone() };
        copy_folder(&self.state(), &copy.state());
        copy
    }
}

/// A journal whose rules stand aside.
pub struct Unguarded {
    db: Connection,
    rules: Vec<String>,
}

impl Deref for Unguarded {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.db
    }
}

impl Drop for Unguarded {
    fn drop(&mut self) {
        for rule in &self.rules {
            // A table that the test took away takes its rules with it.
            let _ = self.db.execute_batch(rule);
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|e| (e.path(), e.file_name())).unwrap();
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

pub fn entry(n: usize) -> Entry {
    Entry {
        at: WallMs(T0.0 + i64::try_from(n).unwrap() * 1000),
        event_type: "health.changed".into(),
        tenant: Some("acme".into()),
        channel_id: Some(format!("ch-{:04}", n % 3 + 1)),
        actor: "engine".into(),
        reason: format!("look {n} was the one"),
        before: json!({"health": "up"}),
        after: json!({"health": "down"}),
        op: None,
        operation: None,
        details: json!({"n": n, "words": "ключ, \"quoted\"\n"}),
    }
}

pub fn write(journal: &Journal, n: usize) {
    now(journal.submit(Batch { entries: vec![entry(n)], ..Batch::default() }));
}

/// The answer of a journal that is written in line.
pub fn now(pending: Pending) {
    pending.now_or_never().expect("in line, the answer is there at once").unwrap();
}

pub fn close(journal: Journal) {
    journal.close().now_or_never().unwrap();
}

/// What verification found, for a look at all of it.
pub fn found(result: &Result<Verified, Broken>) -> (u64, Fault) {
    let broken = result.as_ref().expect_err("it is broken");
    (broken.seq, broken.fault)
}

/// The chain rewritten from `seq` on, so that it is whole again: what somebody does who can write and cannot sign.
pub fn rewrite(db: &Connection, seq: i64, edit: impl Fn(&mut Value)) {
    let rows: Vec<(i64, String)> = db
        .prepare("SELECT seq, entry FROM audit WHERE seq >= ? ORDER BY seq")
        .unwrap()
        .query_map([seq], |r| Ok((r.get(0)?, r.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut before: Option<String> = None;
    for (number, text) in rows {
        let mut entry: Value = serde_json::from_str(&text).unwrap();
        if number == seq {
            edit(&mut entry);
        }
        if let Some(hash) = before {
            entry["prev_hash"] = json!(hash);
        }
        let text = serde_json_canonicalizer::to_string(&entry).unwrap();
        let hash = sha256(text.as_bytes());
        db.execute("UPDATE audit SET entry = ?, hash = ? WHERE seq = ?", rusqlite::params![text, hash, number])
            .unwrap();
        before = Some(hash);
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |hex, b| hex + &format!("{b:02x}"))
}
