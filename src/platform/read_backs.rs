//! When a change is read back: one pace for everybody who waits for a change to show.
//!
//! The first read-back is asked for at once and as urgently as its change. Each later one waits for half as long as the
//! change is old and goes in a class of its own ([`Class::ReadBack`]), so that what never shows costs less and less, and no
//! look waits behind it. Must never: call the time over before a read-back was asked for after its end.

use super::Class;
use crate::clock::Clock;
use crate::policy::Time;
use std::time::Duration;

/// The shortest pause between two read-backs.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30);

/// The read-backs of one change.
#[derive(Debug)]
pub struct ReadBacks {
    clock: Clock,
    class: Class,
    since: Time,
    until: Option<Time>,
    /// When the last one was begun.
    begun: Option<Time>,
}

impl ReadBacks {
    /// Of a change that is as urgent as `class` and was made at `since`. They have no end yet.
    pub fn new(clock: &Clock, class: Class, since: Time) -> Self {
        Self { clock: clock.clone(), class, since, until: None, begun: None }
    }

    /// They end with the first answer that was asked for at `until` or later.
    #[must_use]
    pub const fn until(mut self, until: Time) -> Self {
        self.until = Some(until);
        self
    }

    /// Waits for the turn of the next one; the class that it is asked for in.
    pub async fn turn(&mut self) -> Class {
        let now = self.clock.now();
        let Some(last) = self.begun else {
            self.begun = Some(now);
            return self.class;
        };
        let mut pause = pause(now.since(self.since));
        if let Some(until) = self.until.filter(|until| last < *until) {
            pause = pause.min(until.since(now));
        }
        tokio::time::sleep(pause).await;
        self.begun = Some(self.clock.now());
        Class::ReadBack
    }

    /// Whether the last one was begun at the end or after it: what it says, error or answer, is the last word.
    pub fn are_over(&self) -> bool {
        self.begun.is_some_and(|begun| self.is_after_end(begun))
    }

    /// Whether an answer that is as old as `as_of` is the last word: one may wait for its turn until after the end, or come
    /// from a cache and be of before it.
    pub fn are_over_by(&self, as_of: Time) -> bool {
        self.begun.is_some() && self.is_after_end(as_of)
    }

    /// Whether the last one was begun when as much time again had passed: answers that are too old by then stay so.
    pub fn are_given_up(&self) -> bool {
        let (Some(begun), Some(until)) = (self.begun, self.until) else { return false };
        begun >= until + until.since(self.since).max(LONGEST)
    }

    fn is_after_end(&self, at: Time) -> bool {
        self.until.is_some_and(|until| at >= until)
    }
}

/// The pause before the next read-back of a change that is so old.
fn pause(age: Duration) -> Duration {
    (age / 2).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::WallMs;

    const fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_goes_with_its_change_and_the_others_ever_more_seldom() {
        let clock = Clock::virtual_from(WallMs(0));
        let mut reads = ReadBacks::new(&clock, Class::Call, clock.now());
        let mut at = Vec::new();
        while clock.now() < Time::ZERO + secs(600) {
            let class = reads.turn().await;
            assert_eq!(class, if at.is_empty() { Class::Call } else { Class::ReadBack });
            at.push(clock.now());
            assert!(!reads.are_over());
        }
        let pauses: Vec<Duration> = at.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        assert_eq!(pauses[0], SHORTEST);
        assert!(pauses.is_sorted() && pauses.last() == Some(&LONGEST), "{pauses:?}");
        assert_eq!(at.iter().filter(|at| at.since(Time::ZERO) <= secs(30)).count(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn they_end_with_what_was_asked_for_after_the_end() {
        let clock = Clock::virtual_from(WallMs(0));
        let until = clock.now() + secs(30);
        let mut reads = ReadBacks::new(&clock, Class::Action, clock.now()).until(until);
        while !reads.are_over() {
            assert!(clock.now() < until);
            reads.turn().await;
        }
        assert_eq!(clock.now(), until, "one is begun at the end itself");
        assert!(!reads.are_over_by(until.back(secs(1))) && reads.are_over_by(until), "an old answer is no last word");
        assert!(!reads.are_given_up());
        while !reads.are_given_up() {
            reads.turn().await;
        }
        assert!(clock.now() >= until + secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_came_late_is_followed_by_one_at_once() {
        let clock = Clock::virtual_from(WallMs(0));
        let until = clock.now() + secs(30);
        let mut reads = ReadBacks::new(&clock, Class::Action, clock.now()).until(until);
        reads.turn().await;
        tokio::time::sleep(secs(50)).await;
        assert!(!reads.are_over());
        reads.turn().await;
        assert_eq!(clock.now(), until + secs(20));
        assert!(reads.are_over());
    }
}
