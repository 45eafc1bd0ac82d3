//! What halves in a fixed time.

use std::time::Duration;

/// The share that is left after `passed` of what halves in `half_life`; nothing where that is zero.
pub(super) fn left_after(passed: Duration, half_life: Duration) -> f64 {
    if half_life.is_zero() {
        return 0.0;
    }
    0.5_f64.powf(passed.as_secs_f64() / half_life.as_secs_f64())
}
