//! Decides a batch that is wanted only for a time: either the writer commits it, or its submitter has given up on it. Exactly
//! one of them wins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const OPEN: u8 = 0;
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;

/// Shared by the two of them.
#[derive(Clone, Debug, Default)]
pub(in crate::journal) struct Claim(Arc<AtomicU8>);

impl Claim {
    /// The writer's, once nothing but the batch itself stands between it and the commit: whether it is still wanted.
    pub(in crate::journal) fn take(&self) -> bool {
        match self.0.compare_exchange(OPEN, TAKEN, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(now) => now == TAKEN,
        }
    }

    /// The giver's: whether it is never committed from now on.
    pub(in crate::journal) fn withdraw(&self) -> bool {
        match self.0.compare_exchange(OPEN, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(now) => now == WITHDRAWN,
        }
    }

    pub(in crate::journal) fn is_withdrawn(&self) -> bool {
        self.0.load(Ordering::Acquire) == WITHDRAWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_two_has_the_last_word() {
        let claim = Claim::default();
        assert!(claim.take() && claim.take(), "a group that is tried again batch by batch takes it again");
        assert!(!claim.withdraw() && !claim.is_withdrawn());
        let claim = Claim::default();
        assert!(claim.withdraw() && claim.is_withdrawn());
        assert!(!claim.take());
    }
}
