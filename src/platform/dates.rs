//! How far our calendar is from the platform's, by the `Date` of its last answers. Pure.
//!
//! The platform has many nodes, and one of them may be wrong: the median of the last answers counts, and what stands apart
//! from the others is left out.

use std::collections::VecDeque;

/// Answers that are held against each other.
const KEPT: usize = 9;

/// Our calendar minus the platform's, by its last answers.
#[derive(Clone, Debug, Default)]
pub struct Skew(VecDeque<i64>);

impl Skew {
    /// Takes one more answer's reading in, in milliseconds, and tells what all of them say together.
    pub fn note(&mut self, skew_ms: i64) -> i64 {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(skew_ms);
        let mut sorted: Vec<i64> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        // Of two that disagree, the first stays until a third one tells.
        match (sorted.as_slice(), self.0.front()) {
            ([_, _], Some(first)) => *first,
            _ => sorted.get(sorted.len() / 2).copied().unwrap_or(skew_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(readings: &[i64]) -> Vec<i64> {
        let mut skew = Skew::default();
        readings.iter().map(|reading| skew.note(*reading)).collect()
    }

    #[test]
    fn a_node_whose_clock_stands_apart_moves_nothing() {
        assert_eq!(told(&[100, 3_600_000, 110, 90, -86_400_000, 100]), [100, 100, 110, 110, 100, 100]);
        assert_eq!(told(&[3_600_000, 100, 110]), [3_600_000, 3_600_000, 110]);
    }

    #[test]
    fn a_calendar_that_was_set_right_is_followed_within_a_few_answers() {
        let readings: Vec<i64> = [7000; 20].into_iter().chain([0; 5]).collect();
        assert_eq!(told(&readings).last(), Some(&0));
    }
}
