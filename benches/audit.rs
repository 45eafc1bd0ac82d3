//! `cargo bench --bench audit`: how long it takes to verify a signed log of a million entries, and to prove one of them.
//!
//! `ENTRIES=N` for another size; `JOURNAL=FILE` keeps the log there, and takes one that is there already.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "it measures")]

use futures_util::FutureExt;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trunkwarden::clock::Clock;
use trunkwarden::journal::{Against, Batch, Entry, Journal, Options, Reader, Signer, Signing, WriterMode};
use trunkwarden::policy::WallMs;

/// Entries in one commit.
const BATCH: usize = 1000;

/// The aim for a million entries.
const AIM: Duration = Duration::from_secs(10);

fn main() {
    let count = std::env::var("ENTRIES").map_or(1_000_000, |n| n.parse().expect("ENTRIES is a number"));
    let scratch = tempfile::tempdir().unwrap();
    let path = std::env::var("JOURNAL").map_or_else(|_| scratch.path().join("journal.db"), PathBuf::from);
    let signer = Signer::new("bench.example/audit", &[7; 32]).unwrap();
    if !path.exists() {
        let (took, ()) = timed(|| fill(&path, count, &signer));
        println!("written     {count} entries in {took:.2?} ({:.0} a second)", count as f64 / took.as_secs_f64());
    }
    let reader = Reader::open(&path).unwrap();
    let against = Against { keys: Some(vec![signer.public().clone()]), ..Against::default() };
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let (took, verified) = timed(|| reader.verify_against(&against).unwrap());
        println!("verified    {} entries, {} checkpoints in {took:.2?}", verified.entries, verified.checkpoints);
        best = best.min(took);
    }
    let (took, proof) = timed(|| reader.prove(count as u64 / 2, None).unwrap());
    println!("proved      entry {} by {} hashes in {took:.2?}", proof.seq, proof.path.len());
    let (took, _) = timed(|| Journal::open(options(&path, &signer)).unwrap());
    println!("opened      in {took:.2?}");
    let scaled = best.mul_f64(1_000_000.0 / count as f64);
    let verdict = if scaled < AIM { "within" } else { "over" };
    println!("a million entries verify in {scaled:.2?}: {verdict} the aim of {AIM:?}");
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let done = work();
    (began.elapsed(), done)
}

fn options(path: &Path, signer: &Signer) -> Options {
    let signing = Signing { signer: signer.clone(), entries: 1000, interval: Duration::from_hours(1) };
    let options = Options::new(path.to_owned(), Clock::system());
    Options { mode: WriterMode::Inline, signing: Some(signing), ..options }
}

/// Entries as the daemon writes them, of a few hundred bytes each.
fn fill(path: &Path, count: usize, signer: &Signer) {
    let (journal, _) = Journal::open(options(path, signer)).unwrap();
    for batch in 0..count.div_ceil(BATCH) {
        let entries = (0..BATCH.min(count - batch * BATCH)).map(|n| entry(batch * BATCH + n)).collect();
        journal.submit(Batch { entries, ..Batch::default() }).now_or_never().unwrap().unwrap();
    }
    journal.close().now_or_never().unwrap();
}

fn entry(n: usize) -> Entry {
    Entry {
        at: WallMs(1_795_000_000_000 + i64::try_from(n).unwrap()),
        event_type: "health.changed".into(),
        tenant: Some(format!("tenant-{}", n % 20)),
        channel_id: Some(format!("ch-{:05}", n % 5000)),
        actor: "engine".into(),
        reason: "3 looks in a row were bad: unhealthy by the platform's word".into(),
        before: json!({"health": "up"}),
        after: json!({"health": "down"}),
        op: None,
        operation: None,
        details: json!({"reason": {"became": {"from": "up", "to": "down", "looks": 3}}, "n": n}),
    }
}
