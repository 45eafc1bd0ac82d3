//! The de-jitter buffer: how jitter becomes delay and loss, since the E-model has no term for it.
//!
//! The receiver is taken to have an adaptive buffer of four times the jitter, the rule of Ramjee, Kurose, Towsley and
//! Schulzrinne (IEEE INFOCOM 1994), of 20 ms at least (one packet) and 200 ms at most (beyond, talking suffers more from
//! the delay than from the gaps).
//!
//! Transit times are taken to vary by a Laplace distribution of scale `s`. The platform's jitter is read as that of
//! RFC 3550 section 6.4.1, the mean difference of two transit times, which is 1.5 s for that distribution. A packet whose
//! transit exceeds the mean by more than the buffer `b` is not played: a share of exp(-b / s) / 2, which is 0.12 % while
//! the buffer follows the jitter, and grows above 50 ms, where it cannot. Both delay and loss never fall as jitter rises.

/// Buffer per jitter.
const BUFFER_PER_JITTER: f64 = 4.0;
/// The least buffer, in milliseconds.
const LEAST_MS: f64 = 20.0;
/// The largest buffer, in milliseconds.
const MOST_MS: f64 = 200.0;
/// The mean difference of two Laplace variables, per their scale.
const JITTER_PER_SCALE: f64 = 1.5;

/// What the buffer does under some jitter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playout {
    /// Delay that the buffer adds, in milliseconds.
    pub buffer_ms: f64,
    /// Packets that come too late, in percent of those that come.
    pub late_pct: f64,
}

impl Playout {
    /// The buffer under `jitter_ms` (0 or more, in milliseconds).
    pub fn for_jitter(jitter_ms: f64) -> Self {
        let buffer_ms = (BUFFER_PER_JITTER * jitter_ms).clamp(LEAST_MS, MOST_MS);
        let late_pct = if jitter_ms > 0.0 { 50.0 * (-buffer_ms * JITTER_PER_SCALE / jitter_ms).exp() } else { 0.0 };
        Self { buffer_ms, late_pct }
    }

    /// Packets that are not played, in percent, where the network loses `lost_pct` percent.
    pub fn unplayed_pct(&self, lost_pct: f64) -> f64 {
        lost_pct + (100.0 - lost_pct) * self.late_pct / 100.0
    }
}
