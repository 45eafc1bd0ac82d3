//! Windows by calendar time, changes of the clock included. Moments are written as RFC 3339.

use super::*;
use std::time::Duration;

fn wall(text: &str) -> WallMs {
    WallMs(text.parse::<Timestamp>().unwrap().as_millisecond())
}

fn window(cron: &str, hours: u64, timezone: &str) -> config::Calendar {
    config::Calendar { cron: cron.to_owned(), lasts: Duration::from_hours(hours), timezone: timezone.to_owned() }
}

fn state(calendar: &config::Calendar, at: &str) -> (bool, String) {
    let (open, changes) = Window::new(calendar).unwrap().state(wall(at));
    (open, timestamp(changes).map_or_else(|| "never".to_owned(), |t| t.to_string()))
}

fn open(at: &str) -> (bool, String) {
    (true, at.to_owned())
}

fn closed(at: &str) -> (bool, String) {
    (false, at.to_owned())
}

#[test]
fn a_window_opens_at_its_start_and_closes_at_its_end() {
    let daily = window("0 0 3 * * *", 2, "UTC");
    assert_eq!(state(&daily, "2026-11-21T02:59:59.999Z"), closed("2026-11-21T03:00:00Z"));
    assert_eq!(state(&daily, "2026-11-21T03:00:00Z"), open("2026-11-21T05:00:00Z"));
    assert_eq!(state(&daily, "2026-11-21T04:59:59.999Z"), open("2026-11-21T05:00:00Z"));
    assert_eq!(state(&daily, "2026-11-21T05:00:00Z"), closed("2026-11-22T03:00:00Z"));
}

#[test]
fn a_window_follows_its_time_zone() {
    let rome = window("0 0 2 * * Sun", 2, "Europe/Rome");
    assert_eq!(state(&rome, "2026-11-22T00:59:59Z"), closed("2026-11-22T01:00:00Z"));
    assert_eq!(state(&rome, "2026-11-22T01:00:00Z"), open("2026-11-22T03:00:00Z"));
    assert_eq!(state(&rome, "2026-07-04T23:59:00Z"), closed("2026-07-05T00:00:00Z"));
}

#[test]
fn a_start_that_summer_time_leaves_out_happens_at_the_change() {
    // 2026-03-29 02:00 becomes 03:00 in Rome, at 01:00Z.
    let rome = window("0 30 2 * * *", 1, "Europe/Rome");
    assert_eq!(state(&rome, "2026-03-29T00:59:59Z"), closed("2026-03-29T01:00:00Z"));
    assert_eq!(state(&rome, "2026-03-29T01:00:00Z"), open("2026-03-29T02:00:00Z"));
    assert_eq!(state(&rome, "2026-03-29T02:00:00Z"), closed("2026-03-30T00:30:00Z"));
}

#[test]
fn a_start_in_the_hour_that_comes_twice_happens_once() {
    // 2026-10-25 03:00 becomes 02:00 in Rome, at 01:00Z.
    let rome = window("0 30 2 * * *", 1, "Europe/Rome");
    assert_eq!(state(&rome, "2026-10-25T00:29:59Z"), closed("2026-10-25T00:30:00Z"));
    assert_eq!(state(&rome, "2026-10-25T00:30:00Z"), open("2026-10-25T01:30:00Z"));
    assert_eq!(state(&rome, "2026-10-25T01:10:00Z"), open("2026-10-25T01:30:00Z"));
    assert_eq!(state(&rome, "2026-10-25T01:30:00Z"), closed("2026-10-26T01:30:00Z"));
}

#[test]
fn a_window_over_the_change_lasts_its_real_time() {
    let rome = window("0 0 1 * * *", 3, "Europe/Rome");
    assert_eq!(state(&rome, "2026-03-29T00:00:00Z"), open("2026-03-29T03:00:00Z"));
    assert_eq!(state(&rome, "2026-10-25T00:00:00Z"), open("2026-10-25T02:00:00Z"));
}

#[test]
fn windows_that_overlap_are_one() {
    let often = window("0 0 * * * *", 2, "UTC");
    assert!(state(&often, "2026-11-21T04:30:00Z").0);
    assert!(state(&often, "2026-11-21T05:59:59Z").0);
}

#[test]
fn a_day_that_never_comes_never_opens() {
    assert_eq!(state(&window("0 0 0 30 2 *", 1, "UTC"), "2026-11-21T00:00:00Z"), closed("never"));
}

fn calendar() -> Calendar {
    let policy = config::Provisioning {
        maintenance: vec![window("0 0 2 * * *", 1, "UTC"), window("0 0 4 * * *", 1, "UTC")],
        failback_window: Some(window("0 0 3 * * *", 2, "UTC")),
        ..config::Provisioning::default()
    };
    Calendar::new(&[("night".to_owned(), policy)].into())
}

#[test]
fn the_calendar_tells_of_every_change_once() {
    let mut calendar = calendar();
    let mut told = Vec::new();
    let start = wall("2026-11-21T01:00:00Z").0;
    for second in 0..5 * 3600 {
        for (policy, windows) in calendar.round(WallMs(start + second * 1000)) {
            assert_eq!(policy, "night");
            told.push((second / 60, windows.maintenance, windows.failback));
        }
    }
    assert_eq!(
        told,
        [(0, false, false), (60, true, false), (120, false, true), (180, true, true), (240, false, false)]
    );
}

#[test]
fn a_clock_that_is_set_back_is_followed() {
    let mut calendar = calendar();
    assert!(calendar.round(wall("2026-11-21T02:30:00Z"))[0].1.maintenance);
    assert!(!calendar.round(wall("2026-11-21T01:30:00Z"))[0].1.maintenance);
}
