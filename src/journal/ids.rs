//! Ids of entries and operations: UUIDv7 (RFC 9562), so that they sort by the time at which they were given.

use crate::policy::WallMs;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::{Builder, NoContext, Timestamp, Uuid};

/// Where the random part of an id comes from. The time part is the journal's clock in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdSource {
    /// The operating system.
    System,
    /// A seed: the same seed and the same submissions give the same ids.
    Seeded(u64),
}

/// Gives ids, one after the other.
#[derive(Debug)]
pub(in crate::journal) enum Ids {
    System,
    Seeded(Box<ChaCha8Rng>),
}

impl Ids {
    /// `given` grows with what the journal holds already: a seeded source that is opened again on the same file must not
    /// give the same ids again.
    pub(in crate::journal) fn new(source: IdSource, given: u64) -> Self {
        match source {
            IdSource::System => Self::System,
            IdSource::Seeded(seed) => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(given);
                Self::Seeded(Box::new(rng))
            }
        }
    }

    /// The next id, given at `wall`; a time before 1970 counts as 1970.
    pub(in crate::journal) fn next(&mut self, wall: WallMs) -> Uuid {
        let ms = u64::try_from(wall.0).unwrap_or(0);
        match self {
            Self::System => {
                let nanos = u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000;
                Uuid::new_v7(Timestamp::from_unix(NoContext, ms / 1000, nanos))
            }
            Self::Seeded(rng) => {
                let mut random = [0; 10];
                rng.fill_bytes(&mut random);
                Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
            }
        }
    }
}
