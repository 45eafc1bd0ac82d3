//! Numbers and durations as people read them.

use std::time::Duration;

/// `0 s`, `12 s`, `3 min 5 s`, `2 h 4 min`, `3 d 4 h`.
pub(super) fn lasting(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3600 => two(s / 60, "min", s % 60, "s"),
        3600..86_400 => two(s / 3600, "h", s % 3600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// An interval, which may be well below a second: `250 ms`, `2.5 s`, `30 s`, `1 min 30 s`.
pub(super) fn interval(d: Duration) -> String {
    match d.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms @ 1000..60_000 if ms % 1000 != 0 => format!("{:.1} s", d.as_secs_f64()),
        _ => lasting(d),
    }
}

/// A measured value with one decimal.
pub(super) fn one(value: f64) -> String {
    format!("{value:.1}")
}

/// An amount with thousands apart: `12 345`.
pub(super) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

fn two(big: u64, big_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 { format!("{big} {big_unit}") } else { format!("{big} {big_unit} {small} {small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::{count, interval, lasting};
    use std::time::Duration;

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = [0, 59, 60, 61, 3600, 7500, 90_000].map(|s| lasting(Duration::from_secs(s)));
        assert_eq!(shown, ["0 s", "59 s", "1 min", "1 min 1 s", "1 h", "2 h 5 min", "1 d 1 h"]);
        assert_eq!([250, 2500, 30_000].map(|ms| interval(Duration::from_millis(ms))), ["250 ms", "2.5 s", "30 s"]);
        assert_eq!([7, 1000, 1_234_567].map(count), ["7", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }
}
