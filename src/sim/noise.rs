//! Randomness that depends on nothing but the seed and what it is for, so that every run and every order of asking sees the
//! same values.

use std::f64::consts::TAU;

/// How many past innovations an AR(1) value is summed from: 0.7^16 is below half a percent.
const MEMORY: u64 = 16;
/// How much of a value is left one step later.
const PHI: f64 = 0.7;

/// A hash of `parts`, uniform over u64 (splitmix64's finaliser, folded over the parts).
pub(super) fn hash(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| mix(state ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93)))
}

/// A number for a text (FNV-1a), as a part to hash.
pub(super) fn text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Uniform in [0, 1).
pub(super) fn unit(parts: &[u64]) -> f64 {
    (hash(parts) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Standard normal (Box and Muller).
pub(super) fn normal(parts: &[u64]) -> f64 {
    let h = hash(parts);
    let u = ((h >> 11) as f64 + 1.0) / ((1_u64 << 53) as f64 + 1.0);
    let v = (mix(h) >> 11) as f64 / (1_u64 << 53) as f64;
    (-2.0 * u.ln()).sqrt() * (TAU * v).cos()
}

/// A stationary AR(1) process of variance 1 at `step`, without any state: the sum of its last innovations.
pub(super) fn ar1(seed: u64, stream: u64, step: u64) -> f64 {
    let innovation = (1.0 - PHI * PHI).sqrt();
    let mut weight = innovation;
    let mut sum = 0.0;
    for back in 0..MEMORY {
        sum += weight * normal(&[seed, stream, step.wrapping_sub(back)]);
        weight *= PHI;
    }
    sum
}

const fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
