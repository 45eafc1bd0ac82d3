//! Whether two reasons differ in substance: elapsed and remaining times, scores and counts are ignored, so that the journal keeps
//! changes and not every evaluation.

use super::{Cause, Ineligible, Reason};
use crate::policy::codec::CodecHold;
use std::time::Duration;

impl Reason {
    /// Whether this differs in substance from `other`: passing time and newly measured or counted values make no difference.
    pub fn differs(&self, other: &Self) -> bool {
        std::mem::discriminant(self) != std::mem::discriminant(other)
            || (self != other && self.still() != other.still())
    }

    /// The same without elapsed and remaining times, scores, and looks in a row.
    fn still(&self) -> Self {
        let mut still = self.clone();
        match &mut still {
            Self::Held { hold, .. } | Self::CalledBack { hold } => hold.steady(),
            Self::Away { good_for: Some(good_for), .. } | Self::CodecRestored { good_for } => {
                *good_for = Duration::ZERO;
            }
            Self::Failback { good_for, cause, .. } => {
                *good_for = Duration::ZERO;
                cause.iter_mut().for_each(Cause::still);
            }
            Self::Failover { cause, passed_over: against, .. } | Self::NoCandidate { cause, against } => {
                cause.still();
                for (_, why) in against {
                    why.still();
                }
            }
            Self::CodecKept { score, hold } => {
                *score = 0.0;
                if let CodecHold::GainTooSmall { gain, .. } = hold {
                    *gain = 0.0;
                }
            }
            Self::Missing { looks, .. } => *looks = 0,
            Self::Suspect { bad, .. } => *bad = 0,
            Self::Settling { good, .. } | Self::Recovering { good, .. } => *good = 0,
            _ => {}
        }
        still
    }
}

impl Cause {
    fn still(&mut self) {
        match self {
            Self::Quality { score, lasted, .. } => (*score, *lasted) = (0.0, Duration::ZERO),
            Self::Degraded { score, baseline, lasted, .. } => (*score, *baseline, *lasted) = (0.0, 0.0, Duration::ZERO),
            Self::Rollback { measured, home, .. } => (*measured, *home) = (None, 0.0),
            Self::Down { looks, .. } => *looks = 0,
            Self::BackupDown { .. } | Self::BackupMissing { .. } | Self::Ordered { .. } => {}
        }
    }
}

impl Ineligible {
    fn still(&mut self) {
        match self {
            Self::ScoreTooLow { score, .. } | Self::NotBetter { score: Some(score), .. } => *score = 0.0,
            _ => {}
        }
    }
}
