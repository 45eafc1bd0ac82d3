//! A target, its corpus, and the loop that feeds it.

use crate::mutate::{Form, changed};
use peak_alloc::PeakAlloc;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory that an input may take beside what it takes by its size: buffers, tables and runtimes.
const FREE_BYTES: usize = 8 << 20;
/// Memory that each byte of an input may take: a value of a tree costs many times its bytes.
const BYTES_PER_BYTE: usize = 200;
/// An input that is still being read after this hangs.
const HANGS_AFTER: Duration = Duration::from_mins(1);
/// Tries after which a planted defect counts as not found.
const PLANTED_WITHIN: u64 = 20_000;

/// What a target made of one input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// Something came of it.
    pub accepted: bool,
    /// It reached the planted defect.
    pub planted: bool,
}

/// Feeds one input.
pub type Feed = Box<dyn FnMut(&[u8]) -> Made>;

/// Something that reads.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub form: Form,
    /// How many times as costly as others an input is.
    pub cost: u64,
    /// Makes what feeds it: that outlives the inputs.
    pub open: fn() -> Feed,
}

/// What became of all inputs.
pub struct Told {
    name: &'static str,
    inputs: u64,
    pub accepted: u64,
    pub refused: u64,
    peak: usize,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, inputs, accepted, refused, peak } = self;
        write!(f, "{name}: {inputs} inputs, {accepted} accepted, {refused} refused, at most {peak} bytes for one")
    }
}

/// How many inputs for each target.
pub fn inputs() -> u64 {
    std::env::var("TRUNKWARDEN_FUZZ_INPUTS").map_or(2_000, |text| text.parse().unwrap())
}

fn seed() -> u64 {
    std::env::var("TRUNKWARDEN_FUZZ_SEED").map_or(1, |text| text.parse().unwrap())
}

impl Target {
    pub fn is_asked_for(&self) -> bool {
        std::env::var("TRUNKWARDEN_FUZZ_TARGET").map_or(true, |name| name == self.name)
    }

    /// The documents that it starts from, in order of their names.
    fn corpus(&self) -> Vec<Vec<u8>> {
        let folder = format!("{}/tests/fuzz/corpus/{}", env!("CARGO_MANIFEST_DIR"), self.name);
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read(file).unwrap()).collect()
    }

    /// The corpus as it stands, then `inputs` changed documents.
    pub fn fuzz(&self, inputs: u64) -> Told {
        let corpus = self.corpus();
        let mut feed = (self.open)();
        let watch = Watch::over(self.name);
        let mut told = Told { name: self.name, inputs: 0, accepted: 0, refused: 0, peak: 0 };
        let mut one = |input: &[u8]| {
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            watch.begins(input);
            let made = feed(input);
            watch.ends();
            let took = MEMORY.peak_usage().saturating_sub(before);
            let may = FREE_BYTES + input.len() * BYTES_PER_BYTE;
            assert!(took <= may, "{}: {took} bytes for an input of {}, which may take {may}", self.name, input.len());
            told.peak = told.peak.max(took);
            told.inputs += 1;
            if made.accepted { told.accepted += 1 } else { told.refused += 1 }
        };
        for document in &corpus {
            one(document);
        }
        let mut seeds = self.seeds();
        for _ in 0..(inputs / self.cost).max(1) {
            let (form, seed) = (self.form, seeds.random());
            arbtest::arbtest(|u| {
                one(&changed(u, form, &corpus)?);
                Ok(())
            })
            .seed(sized(seed));
        }
        told
    }

    pub fn finds_the_planted_defect(&self) -> bool {
        let corpus = self.corpus();
        let mut feed = (self.open)();
        let mut seeds = self.seeds();
        (0..PLANTED_WITHIN / self.cost).any(|_| {
            let mut reached = false;
            arbtest::arbtest(|u| {
                reached |= feed(&changed(u, self.form, &corpus)?).planted;
                Ok(())
            })
            .seed(sized(seeds.random()));
            reached
        })
    }

    fn seeds(&self) -> ChaCha8Rng {
        let name = self.name.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        ChaCha8Rng::seed_from_u64(seed() ^ name)
    }
}

/// A seed of arbtest carries the length of its entropy in its lower half.
const fn sized(random: u64) -> u64 {
    (random << 32) | 512
}

/// Ends the process where one input is read for ever, and says which.
struct Watch {
    since: Arc<AtomicU64>,
    input: Arc<Mutex<Vec<u8>>>,
}

impl Watch {
    fn over(name: &'static str) -> Self {
        let watch = Self { since: Arc::default(), input: Arc::default() };
        let (since, input) = (Arc::downgrade(&watch.since), Arc::clone(&watch.input));
        std::thread::spawn(move || {
            let mut seen = (0, Duration::ZERO);
            while let Some(since) = since.upgrade() {
                let now = since.load(Ordering::Relaxed);
                seen = if now == seen.0 && now % 2 == 1 {
                    (now, seen.1 + Duration::from_secs(1))
                } else {
                    (now, Duration::ZERO)
                };
                if seen.1 >= HANGS_AFTER {
                    eprintln!("{name} hangs over {:?}", String::from_utf8_lossy(&input.lock().unwrap()));
                    std::process::exit(101);
                }
                drop(since);
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        watch
    }

    fn begins(&self, input: &[u8]) {
        let mut kept = self.input.lock().unwrap();
        kept.clear();
        kept.extend_from_slice(input);
        self.since.fetch_add(1, Ordering::Relaxed);
    }

    fn ends(&self) {
        self.since.fetch_add(1, Ordering::Relaxed);
    }
}
