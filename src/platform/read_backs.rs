//! How a change is read back: one loop and one pace for everybody who waits for a change to show.
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

/// What one read-back says of the change.
#[derive(Debug)]
pub enum ReadBack<T> {
    /// What came of it is known.
    Settled(T),
    /// It does not show.
    NotYet {
        /// How old the answer is; `None`: there was none, or it does not tell.
        as_of: Option<Time>,
        /// What that means, should nothing more be read.
        word: T,
    },
}

/// Reads until what came of the change is known, or its time is over: the last word.
pub async fn read_back<T, F: Future<Output = ReadBack<T>>>(
    reads: &mut ReadBacks,
    mut read: impl FnMut(Class) -> F,
) -> T {
    loop {
        let class = reads.turn().await;
        match read(class).await {
            ReadBack::Settled(word) => return word,
            ReadBack::NotYet { as_of, word } if reads.are_over_by(as_of) => return word,
            ReadBack::NotYet { .. } => {}
        }
    }
}

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
    async fn turn(&mut self) -> Class {
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

    /// Whether what the last one said is the last word. It was begun at the end or after it; and its answer is not of before
    /// that, since one may come from a cache, unless as much time again has passed: answers that are too old by then stay so.
    fn are_over_by(&self, as_of: Option<Time>) -> bool {
        let (Some(begun), Some(until)) = (self.begun, self.until) else { return false };
        let given_up = || begun >= until + until.since(self.since).max(LONGEST);
        as_of.map_or(begun >= until, |as_of| as_of >= until || given_up())
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
            assert!(!reads.are_over_by(None), "they have no end");
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
        let mut asked = Vec::new();
        let word = read_back(&mut reads, |_| {
            let at = clock.now();
            asked.push(at);
            async move { ReadBack::NotYet { as_of: None, word: at } }
        });
        assert_eq!(word.await, until, "one is begun at the end itself");
        assert!(asked.iter().rev().skip(1).all(|at| *at < until));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_is_no_last_word_for_as_long_again() {
        let clock = Clock::virtual_from(WallMs(0));
        let until = clock.now() + secs(30);
        let mut reads = ReadBacks::new(&clock, Class::Action, clock.now()).until(until);
        let old = |_| async { ReadBack::NotYet { as_of: Some(until.back(secs(1))), word: clock.now() } };
        assert!(read_back(&mut reads, old).await >= until + secs(30));

        let until = clock.now() + secs(30);
        let mut reads = ReadBacks::new(&clock, Class::Action, clock.now()).until(until);
        let fresh = |_| async { ReadBack::NotYet { as_of: Some(clock.now()), word: clock.now() } };
        assert_eq!(read_back(&mut reads, fresh).await, until);
        let mut reads = ReadBacks::new(&clock, Class::Action, clock.now());
        assert_eq!(read_back(&mut reads, |_| async { ReadBack::Settled(7) }).await, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_came_late_is_followed_by_one_at_once() {
        let clock = Clock::virtual_from(WallMs(0));
        let until = clock.now() + secs(30);
        let mut reads = ReadBacks::new(&clock, Class::Action, clock.now()).until(until);
        reads.turn().await;
        tokio::time::sleep(secs(50)).await;
        assert!(!reads.are_over_by(None));
        reads.turn().await;
        assert_eq!(clock.now(), until + secs(20));
        assert!(reads.are_over_by(None));
    }
}
