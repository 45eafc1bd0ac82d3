//! One time line out of many processes: each process's monotonic clock begins anew, and calendar time joins them.
//!
//! Within a process the monotonic clock alone counts, so that a calendar that was set moves nothing. From one process to
//! the next the calendar's difference counts; where it was set back meanwhile, none. Pure.

use crate::policy::{Observation, Time, WallMs};
use std::time::Duration;

/// Where the time line begins, so that what is older than its first fact still lies on it.
const BASE: Duration = Duration::from_hours(1000 * 24);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    last: Option<Last>,
    /// What the process's clock is behind the time line.
    offset: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    raw: Time,
    now: Time,
    wall: WallMs,
}

/// A fact's place on the time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// When it was.
    pub now: Time,
    /// Whether another process tells it than the fact before.
    pub other_process: bool,
}

impl Timeline {
    /// Places the next fact: told at `raw` of its process's clock and at `wall`; `begins`: it says that its process began.
    /// A clock that reads less than before is another process's, whatever the fact says.
    pub fn place(&mut self, wall: WallMs, raw: Time, begins: bool) -> Placed {
        let other_process = self.last.is_some_and(|last| begins || raw < last.raw);
        let now = match self.last {
            None => Time::new(BASE),
            Some(last) if other_process => last.now + wall.since(last.wall),
            Some(last) => last.now + raw.since(last.raw),
        };
        if self.last.is_none() || other_process {
            self.offset = now.since_origin().saturating_sub(raw.since_origin());
        }
        self.last = Some(Last { raw, now, wall });
        Placed { now, other_process }
    }

    /// A moment of the present process's clock on the time line.
    pub fn shift(&self, raw: Time) -> Time {
        raw + self.offset
    }

    /// The same observation on the time line.
    pub fn shift_observation(&self, observation: &mut Observation) {
        let asked_at = match observation {
            Observation::Look { asked_at, .. }
            | Observation::Missing { asked_at }
            | Observation::Failed { asked_at, .. } => asked_at,
            Observation::Telemetry(reading) => &mut reading.asked_at,
        };
        *asked_at = self.shift(*asked_at);
    }

    /// Calendar time at a moment of the time line, by the last fact.
    pub fn wall_at(&self, now: Time) -> WallMs {
        let Some(last) = self.last else { return WallMs::default() };
        let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        WallMs(last.wall.0.saturating_add(ms(now.since(last.now))).saturating_sub(ms(last.now.since(now))))
    }

    /// The moment at which the calendar shows `wall`, the last fact's at the earliest.
    pub fn at_wall(&self, wall: WallMs) -> Option<Time> {
        self.last.map(|last| last.now + wall.since(last.wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::new(Duration::from_millis(ms))
    }

    fn after(timeline: &mut Timeline, wall: i64, raw: u64, begins: bool) -> Duration {
        timeline.place(WallMs(wall), at(raw), begins).now.since_origin().saturating_sub(BASE)
    }

    #[test]
    fn within_a_process_its_own_clock_counts_and_a_calendar_that_is_set_moves_nothing() {
        let mut t = Timeline::default();
        assert_eq!(after(&mut t, 10_000, 5_000, true), Duration::ZERO);
        assert_eq!(after(&mut t, 11_000, 6_000, false), Duration::from_secs(1));
        assert_eq!(after(&mut t, 3_600_000, 7_000, false), Duration::from_secs(2));
        assert_eq!(after(&mut t, 1_000, 8_000, false), Duration::from_secs(3));
    }

    #[test]
    fn from_one_process_to_the_next_the_calendar_counts_and_never_backwards() {
        let mut t = Timeline::default();
        after(&mut t, 10_000, 5_000, true);
        assert_eq!(after(&mut t, 70_000, 100, true), Duration::from_mins(1));
        assert_eq!(after(&mut t, 71_000, 1_100, false), Duration::from_secs(61));
        assert_eq!(after(&mut t, 1_000, 100, true), Duration::from_secs(61));
    }

    #[test]
    fn a_clock_that_reads_less_is_another_process_even_where_its_start_was_not_kept() {
        let mut t = Timeline::default();
        after(&mut t, 10_000, 50_000, true);
        let placed = t.place(WallMs(20_000), at(2_000), false);
        assert!(placed.other_process);
        assert_eq!(placed.now.since_origin(), BASE + Duration::from_secs(10));
    }

    #[test]
    fn what_was_asked_keeps_its_age_in_each_process() {
        let mut t = Timeline::default();
        for (wall, raw) in [(10_000, 5_000), (70_000, 900)] {
            let placed = t.place(WallMs(wall), at(raw), true);
            assert_eq!(placed.now.since(t.shift(at(raw - 250))), Duration::from_millis(250));
        }
    }

    #[test]
    fn calendar_and_time_line_lead_to_each_other() {
        let mut t = Timeline::default();
        let placed = t.place(WallMs(10_000), at(5_000), true);
        assert_eq!(t.wall_at(placed.now + Duration::from_secs(2)), WallMs(12_000));
        assert_eq!(t.wall_at(placed.now.back(Duration::from_secs(2))), WallMs(8_000));
        assert_eq!(t.at_wall(WallMs(12_000)), Some(placed.now + Duration::from_secs(2)));
        assert_eq!(t.at_wall(WallMs(9_000)), Some(placed.now));
    }
}
