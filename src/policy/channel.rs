//! One channel's health: the machine that turns answers of the platform into `Up`, `Degraded`, `Down` or `Unknown`.
//!
//! Owns the counts of good and bad looks. Must never: count an error (a fact about the path), or know of time other
//! than the moment it is handed.
//!
//! ```text
//!                     rise good looks
//!      ┌────────────────────────────────────────┐
//!      │            rise good looks             ▼
//!  ┌───┴─────┐     ┌──────────┐   rise good   ┌────┐
//!  │ Unknown ├────►│ Degraded ├──────────────►│ Up │
//!  └─┬───▲───┘other└─┬────▲───┘◄──────────────┴┬─▲─┘
//!    │   │           │    └ other    other     │ │ rise good looks
//!    │   │ stale,    │ fall bad looks          │ │
//!    │   │ missing   ▼                         │ │
//!    │  (from any) ┌──────┐   fall bad looks   │ │
//!    └────────────►│ Down │◄───────────────────┘ │
//!   fall bad looks └──┬───┘                      │
//!                     └──────────────────────────┘   (other: stays Down)
//! ```
//! A bad look resets the good ones and the other way round; any other status resets the good ones and leaves the bad ones.
//! Where `fall_of` is above `fall`, a good look does not reset the bad ones: `fall` bad looks among the last `fall_of` are
//! enough, so that a channel that flaps goes down too. Coming up forgets them.

use super::params::HealthParams;
use super::time::Time;
use super::words::Health;

/// What happened to a channel, as far as its health is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The platform said `healthy`.
    Good,
    /// The platform said a status that the policy fails over on.
    Bad,
    /// The platform said anything else.
    Neither,
    /// The look failed: says nothing.
    Failed,
    /// The evidence has become too old.
    Stale,
    /// The platform has no such channel.
    Missing,
}

/// What is known of one channel's health, and how it is about to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    health: Health,
    goods: u32,
    bads: u32,
    /// Bad looks in a row.
    row: u32,
    /// The last looks, the newest in the lowest bit; 1: bad.
    history: u64,
    since: Time,
}

impl Machine {
    /// Nothing is known, as of `now`.
    pub fn new(now: Time) -> Self {
        Self { since: now, ..Self::default() }
    }

    /// What is known.
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Good looks in a row.
    pub const fn goods(&self) -> u32 {
        self.goods
    }

    /// Bad looks in a row, or among the last `fall_of` where those are more; looks that are neither left aside.
    pub const fn bads(&self) -> u32 {
        self.bads
    }

    /// Since when its health is what it is.
    pub const fn since(&self) -> Time {
        self.since
    }

    /// Takes one event. The health before, where it changed.
    pub fn step(&mut self, now: Time, event: Event, thresholds: &HealthParams) -> Option<Health> {
        use Event::{Bad, Failed, Good, Missing, Neither, Stale};
        use Health::{Degraded, Down, Unknown, Up};
        let before = self.health;
        self.health = match (before, event) {
            (Up, Good) => self.good(1, before, thresholds),
            (Unknown | Degraded | Down, Good) => self.good(thresholds.rise, before, thresholds),
            (Down, Bad) => self.bad(1, before, thresholds),
            (Unknown | Up | Degraded, Bad) => self.bad(thresholds.fall, before, thresholds),
            (Unknown | Up | Degraded, Neither) => {
                self.goods = 0;
                Degraded
            }
            (Down, Neither) => {
                self.goods = 0;
                Down
            }
            (Unknown | Up | Degraded | Down, Failed) => before,
            (Unknown | Up | Degraded | Down, Stale | Missing) => {
                self.goods = 0;
                self.forget_bads();
                Unknown
            }
        };
        if self.health == before {
            return None;
        }
        self.since = now;
        Some(before)
    }

    fn good(&mut self, rise: u32, before: Health, thresholds: &HealthParams) -> Health {
        self.row = 0;
        self.note(false, thresholds);
        self.goods = self.goods.saturating_add(1);
        if self.goods < rise {
            return before;
        }
        if before != Health::Up {
            self.forget_bads();
        }
        Health::Up
    }

    fn bad(&mut self, fall: u32, before: Health, thresholds: &HealthParams) -> Health {
        self.goods = 0;
        self.row = self.row.saturating_add(1);
        self.note(true, thresholds);
        if self.bads >= fall { Health::Down } else { before }
    }

    fn note(&mut self, bad: bool, thresholds: &HealthParams) {
        self.history = self.history << 1 | u64::from(bad);
        let among = if thresholds.fall_of > thresholds.fall {
            let last = u64::MAX >> 64_u32.saturating_sub(thresholds.fall_of).min(63);
            (self.history & last).count_ones()
        } else {
            0
        };
        self.bads = self.row.max(among);
    }

    const fn forget_bads(&mut self) {
        self.bads = 0;
        self.row = 0;
        self.history = 0;
    }
}

#[cfg(test)]
mod tests;
