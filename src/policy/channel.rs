//! One channel's health: the machine that turns answers of the platform into `Up`, `Degraded`, `Down` or `Unknown`.
//!
//! Owns the counts of good and bad looks in a row. Must never: count an error (a fact about the path), or know of time other
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

use super::command::Health;
use super::params::HealthParams;
use super::time::Time;

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

    /// Bad looks in a row, looks that are neither left aside.
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
            (Up, Good) => self.good(1, before),
            (Unknown | Degraded | Down, Good) => self.good(thresholds.rise, before),
            (Down, Bad) => self.bad(1, before),
            (Unknown | Up | Degraded, Bad) => self.bad(thresholds.fall, before),
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
                self.bads = 0;
                Unknown
            }
        };
        if self.health == before {
            return None;
        }
        self.since = now;
        Some(before)
    }

    fn good(&mut self, rise: u32, before: Health) -> Health {
        self.bads = 0;
        self.goods = self.goods.saturating_add(1);
        if self.goods >= rise { Health::Up } else { before }
    }

    fn bad(&mut self, fall: u32, before: Health) -> Health {
        self.goods = 0;
        self.bads = self.bads.saturating_add(1);
        if self.bads >= fall { Health::Down } else { before }
    }
}

#[cfg(test)]
mod tests;
