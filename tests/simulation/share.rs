//! Our share of the tenant's limit: a place is held from a request's leaving until a minute after its answer, or after nobody
//! waits for it any more; whatever it asks for, a token included.

use std::collections::VecDeque;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// The places that are held.
#[derive(Debug, Default)]
pub struct Share {
    under_way: usize,
    over: VecDeque<Duration>,
}

impl Share {
    /// A request leaves; answers how many places are held now, its own included.
    pub fn leaves(&mut self, now: Duration) -> usize {
        while self.over.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
            self.over.pop_front();
        }
        self.under_way += 1;
        self.under_way + self.over.len()
    }

    /// Its answer is there, or is waited for no longer.
    pub fn ends(&mut self, now: Duration) {
        self.under_way = self.under_way.saturating_sub(1);
        self.over.push_back(now);
    }
}
