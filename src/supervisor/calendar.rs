//! Calendar windows: from cron expressions, durations and time zones to what is open at a moment of calendar time.
//!
//! A pure function of calendar time: a restart, a reload or a stepped clock derives it anew. A start that falls into the
//! hour that a change to summer time leaves out happens at the change; one in the hour that comes twice happens once, the
//! first time. A window lasts its real duration either way.

use crate::config;
use crate::policy::{WallMs, Windows};
use chrono::{Datelike, NaiveDate, Timelike, Utc};
use croner::Cron;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::collections::BTreeMap;

/// Starts that are passed over at the most while one is looked for around a change of the clock.
const TRIES: usize = 10_000;

/// The windows of every policy.
#[derive(Debug)]
pub struct Calendar {
    policies: Vec<Policy>,
    /// What was found holds within this span; `None`: nothing was found yet.
    holds: Option<(WallMs, WallMs)>,
}

#[derive(Debug)]
struct Policy {
    name: String,
    maintenance: Vec<Window>,
    failback: Option<Window>,
}

impl Calendar {
    /// The windows of a checked configuration, by policy.
    pub fn new(policies: &BTreeMap<String, config::Provisioning>) -> Self {
        let policy = |(name, policy): (&String, &config::Provisioning)| Policy {
            name: name.clone(),
            maintenance: policy.maintenance.iter().filter_map(Window::new).collect(),
            failback: policy.failback_window.as_ref().and_then(Window::new),
        };
        Self { policies: policies.iter().map(policy).collect(), holds: None }
    }

    /// What is open at `at`, for every policy; nothing where that cannot have changed since the last call.
    pub fn round(&mut self, at: WallMs) -> Vec<(String, Windows)> {
        if self.holds.is_some_and(|(from, until)| from <= at && at < until) {
            return Vec::new();
        }
        let mut until = WallMs(i64::MAX);
        let mut open = |window: &Window| {
            let (open, changes) = window.state(at);
            until = until.min(changes);
            open
        };
        let found = self.policies.iter().map(|policy| {
            // Not `any`: when each of them changes is wanted.
            let maintenance = policy.maintenance.iter().fold(false, |any, window| open(window) | any);
            (policy.name.clone(), Windows { maintenance, failback: policy.failback.as_ref().is_some_and(&mut open) })
        });
        let found = found.collect();
        self.holds = Some((at, until));
        found
    }
}

/// One recurring window.
#[derive(Debug)]
struct Window {
    cron: Cron,
    lasts_ms: i64,
    zone: TimeZone,
}

impl Window {
    /// `None` for what the configuration would have refused.
    fn new(calendar: &config::Calendar) -> Option<Self> {
        Some(Self {
            cron: config::cron(&calendar.cron)?,
            lasts_ms: i64::try_from(calendar.lasts.as_millis()).ok()?,
            zone: TimeZone::get(&calendar.timezone).ok()?,
        })
    }

    /// Whether it is open at `at`, and the earliest moment after `at` at which that may change.
    fn state(&self, at: WallMs) -> (bool, WallMs) {
        let end = self.last_start(at).map(|start| WallMs(start.0.saturating_add(self.lasts_ms)));
        match end.filter(|end| at < *end) {
            Some(end) => (true, end),
            None => (false, self.next_start(at).unwrap_or(WallMs(i64::MAX))),
        }
    }

    fn last_start(&self, at: WallMs) -> Option<WallMs> {
        let mut civil = chrono_of(self.latest_civil(at)?)?;
        for inclusive in std::iter::once(true).chain(std::iter::repeat_n(false, TRIES)) {
            civil = self.cron.find_previous_occurrence(&civil, inclusive).ok()?;
            match self.moment(civil)? {
                start if start <= at => return Some(start),
                _ => {}
            }
        }
        None
    }

    fn next_start(&self, at: WallMs) -> Option<WallMs> {
        let mut civil = chrono_of(self.zone.to_datetime(timestamp(at)?))?;
        for _ in 0..TRIES {
            civil = self.cron.find_next_occurrence(&civil, false).ok()?;
            match self.moment(civil)? {
                start if start > at => return Some(start),
                _ => {}
            }
        }
        None
    }

    /// The latest time that clocks on the wall have shown by `at`: in an hour that comes twice, what they showed when it
    /// ended the first time.
    fn latest_civil(&self, at: WallMs) -> Option<DateTime> {
        let at = timestamp(at)?;
        let civil = self.zone.to_datetime(at);
        match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Fold { before, .. } if before.to_timestamp(civil).ok()? < at => {
                let change = self.zone.preceding(at).next()?.timestamp();
                Some(before.to_datetime(change))
            }
            _ => Some(civil),
        }
    }

    /// When clocks on the wall show `civil` for the first time, or would have.
    fn moment(&self, civil: chrono::DateTime<Utc>) -> Option<WallMs> {
        let civil = jiff_of(civil)?;
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        let moment = match ambiguous.offset() {
            AmbiguousOffset::Gap { after, .. } => {
                self.zone.following(after.to_timestamp(civil).ok()?).next()?.timestamp()
            }
            _ => ambiguous.compatible().ok()?,
        };
        Some(WallMs(moment.as_millisecond()))
    }
}

fn timestamp(at: WallMs) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.0).ok()
}

/// Wall-clock time in the form that the cron library takes, to the second; its zone means nothing.
fn chrono_of(civil: DateTime) -> Option<chrono::DateTime<Utc>> {
    let part = |value: i8| u32::try_from(value).ok();
    let date = NaiveDate::from_ymd_opt(i32::from(civil.year()), part(civil.month())?, part(civil.day())?)?;
    Some(date.and_hms_opt(part(civil.hour())?, part(civil.minute())?, part(civil.second())?)?.and_utc())
}

fn jiff_of(civil: chrono::DateTime<Utc>) -> Option<DateTime> {
    let part = |value: u32| i8::try_from(value).ok();
    let year = i16::try_from(civil.year()).ok()?;
    let (month, day) = (part(civil.month())?, part(civil.day())?);
    DateTime::new(year, month, day, part(civil.hour())?, part(civil.minute())?, part(civil.second())?, 0).ok()
}

#[cfg(test)]
mod tests;
