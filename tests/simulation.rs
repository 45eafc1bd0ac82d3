//! Whole days of the real daemon in seconds: driver, prober, executor, journal and client over the simulator's model, under
//! paused time and from a seed, with an oracle on the wire that holds DESIGN.md's list of what it never does against every
//! request.
//!
//! A failure names the world: put its seed into `TRUNKWARDEN_SEEDS` (a number of seeds, or `FROM..TO`) to play it again.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by them")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times that a test draws are small")]

#[path = "simulation/audit.rs"]
mod audit;
#[path = "simulation/desk.rs"]
mod desk;
#[path = "simulation/grounds.rs"]
mod grounds;
#[path = "simulation/judge.rs"]
mod judge;
#[path = "simulation/lag.rs"]
mod lag;
#[path = "simulation/oddities.rs"]
mod oddities;
#[path = "simulation/oracle.rs"]
mod oracle;
#[path = "simulation/patience.rs"]
mod patience;
#[path = "simulation/people.rs"]
mod people;
#[path = "simulation/plain.rs"]
mod plain;
#[path = "simulation/rules.rs"]
mod rules;
#[path = "simulation/schedule.rs"]
mod schedule;
#[path = "simulation/second_thoughts.rs"]
mod second_thoughts;
#[path = "simulation/share.rs"]
mod share;
#[path = "simulation/storms.rs"]
mod storms;
#[path = "simulation/tally.rs"]
mod tally;
#[path = "simulation/trunk.rs"]
mod trunk;
#[path = "simulation/truth.rs"]
mod truth;
#[path = "simulation/wire.rs"]
mod wire;
#[path = "simulation/world.rs"]
mod world;

use oracle::Tally;
use schedule::secs;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wire::Death;
use world::World;

const fn hours(h: u64) -> Duration {
    secs(h * 3600)
}

fn seeds(most: u64) -> Range<u64> {
    let Ok(text) = std::env::var("TRUNKWARDEN_SEEDS") else { return 1..most + 1 };
    match text.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => 1..text.parse::<u64>().unwrap() + 1,
    }
}

#[test]
fn one_hundred_channels_for_a_day() {
    let played = World::new(2026, 100, hours(24)).play();
    let tally = played.tally;
    eprintln!("{tally:?}, {} entries", played.entries.len());
    assert!(tally.failovers > 20 && tally.failbacks > 20, "{tally:?}");
    assert!(tally.cascades > 0 && tally.codecs > 0 && tally.patches_in_doubt > 0, "{tally:?}");
}

/// Of its 1,000 channels 54 could be asked for in a minute; ten pages show them all.
#[test]
fn a_big_tenant_is_seen_from_every_start_on() {
    for seed in seeds(1) {
        let world = World { deaths: vec![Death::After(secs(480))], ..World::new(seed, 1000, secs(1020)) };
        let played = world.play();
        eprintln!("seed {seed}: {} processes, {:?}", played.processes, played.tally);
        assert!(played.tally.failovers >= 4, "{:?}", played.tally);
    }
}

#[test]
fn the_same_seed_gives_byte_identical_audit_entries() {
    let play = |seed| World::new(seed, 20, hours(6)).play().entries;
    let (first, second, other) = (play(7), play(7), play(8));
    for (n, (a, b)) in first.iter().zip(&second).enumerate() {
        assert_eq!(a, b, "entry {n}");
    }
    assert_eq!(first.len(), second.len());
    assert_ne!(first, other);
}

/// Plays a world of every seed, on every core, and says of each that fails how to play it again.
fn play_all(seeds: Range<u64>, lasts: Duration) -> Tally {
    let (next, end) = (AtomicU64::new(seeds.start), seeds.end);
    let (sum, failed) = (Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            match std::panic::catch_unwind(|| World::new(seed, 10, lasts).play()) {
                Ok(played) => sum.lock().unwrap().add(&played.tally),
                Err(_) => failed.lock().unwrap().push(seed),
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} of {} seeds failed, each as told above: {failed:?}",
        failed.len(),
        end - seeds.start
    );
    sum.into_inner().unwrap()
}

/// As many days as `TRUNKWARDEN_DAYS` says, each of a world of its own: a thousand in `scripts/test`, where the code is
/// optimised, and a few where it is not.
#[test]
fn days_of_ten_channels() {
    let days = std::env::var("TRUNKWARDEN_DAYS").map_or(3, |days| days.parse().unwrap());
    let tally = play_all(seeds(days), hours(24));
    eprintln!("{tally:#?}");
    // So many days hold all that can happen; fewer need not.
    for (what, times) in tally.told_of().filter(|_| days >= 100 && std::env::var("TRUNKWARDEN_SEEDS").is_err()) {
        assert!(times > 0, "{what} never happened in {days} days, so nothing is known of it");
    }
}

#[test]
fn many_seeds_never_do_what_is_never_done() {
    let tally = play_all(seeds(20), hours(6));
    eprintln!("{tally:#?}");
}

#[test]
fn a_process_that_dies_anywhere_does_nothing_twice_and_forgets_nothing() {
    for seed in seeds(6) {
        let n = |k: u64| 1 + u32::try_from((seed * 7 + k * 3) % 4).unwrap();
        let minutes = |k: u64| secs(60 + (seed * 7919 + k * 104_729) % 4000);
        let deaths = vec![
            Death::After(minutes(1)),
            Death::Unanswered(n(1)),
            Death::Answered(n(2)),
            Death::Unsent(n(3)),
            Death::After(minutes(2)),
            Death::Unanswered(1),
        ];
        let played = World { deaths, ..World::new(seed, 10, hours(8)) }.play();
        eprintln!("seed {seed}: {} processes, {:?}", played.processes, played.tally);
    }
}
