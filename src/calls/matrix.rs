//! Which legs are bridged to which. Pure.
//!
//! A bridge carries media both ways, so a pair has no direction: 0:1 and 1:0 are the same pair.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Two legs that are bridged. Leg 0 is the call itself, leg n is target n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// One leg.
    pub source: usize,
    /// The other.
    pub target: usize,
}

impl Pair {
    /// Whether both bridge the same two legs.
    pub fn is_same(self, other: Self) -> bool {
        self == other || (self.source, self.target) == (other.target, other.source)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.target)
    }
}

/// Each target bridged to the call: what holds where no matrix is given.
pub fn star(targets: usize) -> Vec<Pair> {
    (1..=targets).map(|target| Pair { source: 0, target }).collect()
}

/// The legs, of `legs`, that no chain of pairs joins to leg 0; pairs of legs that there are not are passed over.
pub fn cut_off(pairs: &[Pair], legs: usize) -> Vec<usize> {
    let mut heard = vec![false; legs];
    let mut next = vec![0];
    while let Some(leg) = next.pop() {
        match heard.get_mut(leg) {
            Some(heard) if !*heard => *heard = true,
            _ => continue,
        }
        next.extend(pairs.iter().filter_map(|pair| match (pair.source, pair.target) {
            (source, target) if source == leg => Some(target),
            (source, target) if target == leg => Some(source),
            _ => None,
        }));
    }
    heard.iter().enumerate().filter(|(_, heard)| !**heard).map(|(leg, _)| leg).collect()
}

/// Whether every one of `legs` is joined to leg 0.
pub fn reaches_all(pairs: &[Pair], legs: usize) -> bool {
    cut_off(pairs, legs).is_empty()
}
