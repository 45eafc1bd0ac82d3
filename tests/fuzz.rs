//! What reads the words of others, fed with documents that are almost right: real ones, changed in fields, nesting, encoding and
//! bytes. No input may panic, hang, or take memory out of proportion to its size; an order by HTTP is never answered 5xx.
//!
//! The inputs follow from one seed, so that one commit has one verdict: `TRUNKWARDEN_FUZZ_INPUTS` says how many for each target (2,000
//! where it says nothing), `TRUNKWARDEN_FUZZ_SEED` another seed, `TRUNKWARDEN_FUZZ_TARGET` one target. `scripts/fuzz` goes on for
//! minutes by seeds of its own. What once broke something belongs into `tests/fuzz/corpus/`, which is always tried as it stands.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by them")]
#![allow(clippy::cast_possible_truncation, reason = "sizes of small documents")]

#[path = "fuzz/api.rs"]
mod api;
#[path = "fuzz/audit.rs"]
mod audit;
#[path = "fuzz/bench.rs"]
mod bench;
#[path = "fuzz/config.rs"]
mod config;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/platform.rs"]
mod platform;

use bench::{Target, inputs};

/// Memory is counted for the whole process: one at a time.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn targets() -> Vec<Target> {
    [platform::targets(), config::targets(), audit::targets(), api::targets()].concat()
}

/// As many inputs as are asked for, each target.
#[test]
fn nothing_that_is_read_breaks_what_reads_it() {
    let _alone = ALONE.lock();
    for target in targets().iter().filter(|target| target.is_asked_for()) {
        let told = target.fuzz(inputs());
        eprintln!("{told}");
        assert!(
            told.accepted > 0,
            "{}: not one input was taken: the changes are too rough to tell anything",
            target.name
        );
        assert!(
            told.refused > 0,
            "{}: not one input was refused: the changes are too tame to tell anything",
            target.name
        );
    }
}

/// A defect is planted behind each parser, where only a changed document leads: what does not find it finds nothing else.
#[test]
fn a_planted_defect_is_found_by_every_target() {
    let _alone = ALONE.lock();
    for target in targets() {
        assert!(target.finds_the_planted_defect(), "{}: the planted defect was not found", target.name);
    }
}
