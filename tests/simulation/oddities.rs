//! How a platform's answers are odd, drawn from the seed: some all day long, which must make no difference at all, and some
//! for a while.

use crate::schedule::Draw;
use rand::Rng;
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use trunkwarden::sim::{FaultKind, Incident, Odd, Oddity, TargetMode};

/// What a careless serialiser or gateway does to every answer of a platform, throughout.
const THROUGHOUT: [Oddity; 13] = [
    Oddity::Bom,
    Oddity::NotANumber,
    Oddity::QuotedNumbers,
    Oddity::NullPriority,
    Oddity::FractionalPriority,
    Oddity::MissingPriority,
    Oddity::EmptyIds,
    Oddity::HalfSurrogate,
    Oddity::RepeatedRows,
    Oddity::SummaryRows,
    Oddity::ExpiredForbidden,
    Oddity::IdleZeros,
    Oddity::UnknownIdRefused,
];

/// What is odd all day long about the platform of this seed: nothing, or one to three things.
pub fn throughout(seed: u64) -> Vec<Odd> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0dd);
    let many = rng.random_range(0..4);
    let mut odd: Vec<Odd> = THROUGHOUT.choose_multiple(&mut rng, many).map(|is| Odd::always(*is)).collect();
    for odd in &mut odd {
        // Where nothing at all is measured, whatever left for quality never comes home.
        odd.share = if odd.is == Oddity::NotANumber { 0.3 } else { *[1.0, 1.0, 0.3].choose(&mut rng).unwrap() };
    }
    if rng.random_bool(0.2) {
        odd.push(Odd::always(if rng.random_bool(0.5) { Oddity::WeakEtag } else { Oddity::GzipEtag }));
    }
    let share = 0.3;
    if rng.random_bool(0.15) {
        // One replica of some: behind by less than `read_lag`.
        let by = Some(Duration::from_secs(rng.random_range(2..28)));
        odd.push(Odd { share, by, ..Odd::always(Oddity::Replica) });
    }
    if rng.random_bool(0.1) {
        let by = Some(Duration::from_secs(rng.random_range(5..40)));
        odd.push(Odd { share, by, ..Odd::always(Oddity::Cached) });
    }
    odd
}

impl Draw {
    /// A list that fails, repeats itself, leaves out or never ends.
    pub fn odd_list(&mut self, at: Duration) {
        use Oddity::{BriefRows, EndlessNext, ListFails, ListSlow, LoopingNext, SkippedRows};
        let is = *[BriefRows, BriefRows, EndlessNext, ListFails, ListFails, ListSlow, LoopingNext, SkippedRows]
            .choose(&mut self.rng)
            .unwrap();
        let lasts = Some(self.span(30.0, 2000.0));
        self.add(at, Incident::Odd(Odd { lasts, ..Odd::always(is) }));
    }

    /// What stands between us and the platform answers in its place.
    pub fn pages(&mut self, at: Duration) {
        use FaultKind::{Page200, Page403, Page404, Page502};
        let kind = *[Page200, Page403, Page404, Page404, Page502].choose(&mut self.rng).unwrap();
        let lasts = self.span(2.0, 400.0);
        let paths = match self.rng.random_range(0..4) {
            0 => vec!["/api/v2/channels".to_owned()],
            1 => vec!["/api/v2/oauth".to_owned()],
            2 => Vec::new(),
            _ => vec![format!("/api/v2/channels/{}", self.channel())],
        };
        self.add(at, Incident::Fault { kind, lasts, paths });
    }

    /// A backup takes no traffic, or says that it does and does not; a channel that prefers it goes down.
    pub fn target_refuses(&mut self, at: Duration) {
        let n = self.rng.random_range(0..self.channels);
        let mode = if self.rng.random_bool(0.5) { TargetMode::Refused } else { TargetMode::Ignored };
        let lasts = self.span(300.0, 3000.0);
        self.add(at, Incident::Target { channel: crate::schedule::id((n + 1) % self.channels), mode, lasts });
        let down = self.span(120.0, 3000.0);
        let soon = self.span(1.0, 60.0);
        self.status(at + soon, &crate::schedule::id(n), "unhealthy");
        self.status(at + down, &crate::schedule::id(n), "healthy");
    }

    /// The clock of one node of many.
    pub fn odd_node(&mut self, at: Duration) {
        let (lasts, by) = (Some(self.span(60.0, 3000.0)), Some(self.span(5.0, 600.0)));
        self.add(at, Incident::Odd(Odd { lasts, by, share: 0.2, ..Odd::always(Oddity::NodeClock) }));
    }
}
