//! `[policies.NAME.failover]`: when and where traffic moves, and how it comes back.

use super::calendar;
use super::key::{Key, List, absent, duration, flag, list, number, or, table, whole, word};
use super::kind::Table;
use crate::config::section::Section;
use std::time::Duration;

pub(crate) static TABLE: Table = Table {
    name: "[policies.NAME.failover]",
    doc: "When and where traffic moves, and how it comes back.",
    keys: &[
        &ENABLED.row,
        &ON.row,
        &QUALITY_BELOW.row,
        &QUALITY_FOR.row,
        &BETTER_BY.row,
        &MIN_CANDIDATE_SCORE.row,
        &REQUIRE_SCORE.row,
        &ORDER.row,
        &BLOCK_PERIOD.row,
        &HOLD_DOWN_MAX.row,
        &HOLD_DOWN_HALF_LIFE.row,
        &HOLD_DOWN_SUPPRESS.row,
        &HOLD_DOWN_REUSE.row,
        &ACTION_TIMEOUT.row,
        &VERIFY_FOR.row,
        &MAX_DEPENDENTS.row,
        &FAILBACK.row,
        &FAILBACK_AFTER.row,
        &FAILBACK_BETTER_BY.row,
        &FAILBACK_WINDOW.row,
    ],
};

pub(crate) static ENABLED: Key<bool> = or("enabled", flag(), "true", "Whether the policy moves traffic at all.");
pub(crate) static ON: Key<List<String>> =
    or("on", list(&word(&["unhealthy", "degraded"]), 1), r#"["unhealthy"]"#, "Platform statuses that count as bad.");
pub(crate) static QUALITY_BELOW: Key<f64> =
    absent("quality_below", number(0.0, 100.0), "A sustained score below it is a reason too; left out: off.");
pub(crate) static QUALITY_FOR: Key<Duration> = or(
    "quality_for",
    duration(0),
    r#""5m""#,
    "How long a bad score must last; and how long a route taken for it is on probation at least.",
);
pub(crate) static BETTER_BY: Key<f64> =
    or("better_by", number(0.0, 100.0), "10.0", "How much better a candidate must score, where quality is the reason.");
pub(crate) static MIN_CANDIDATE_SCORE: Key<f64> =
    or("min_candidate_score", number(0.0, 100.0), "60.0", "The least score of a candidate that has one.");
pub(crate) static REQUIRE_SCORE: Key<bool> =
    or("require_score", flag(), "false", "Whether a candidate without a score is unfit.");
pub(crate) static ORDER: Key<String> =
    or("order", word(&["configured", "best"]), r#""configured""#, "How fit candidates are ordered.");
pub(crate) static BLOCK_PERIOD: Key<Duration> = or(
    "block_period",
    duration(1),
    r#""10m""#,
    "After an action, no other on this channel for so long, unless the backup fails too.",
);
pub(crate) static HOLD_DOWN_MAX: Key<Duration> =
    absent("hold_down_max", duration(1), "The block doubles up to this; default 8 x block_period.");
pub(crate) static HOLD_DOWN_HALF_LIFE: Key<Duration> =
    absent("hold_down_half_life", duration(1), "Half-life of the grown block; default 3 x block_period.");
pub(crate) static HOLD_DOWN_SUPPRESS: Key<f64> = absent(
    "hold_down_suppress",
    number(1.0, 1000.0),
    "A penalty of so many block periods suppresses the route until it falls below hold_down_reuse; left out: off.",
);
pub(crate) static HOLD_DOWN_REUSE: Key<f64> =
    absent("hold_down_reuse", number(0.01, 1000.0), "Below this penalty a suppressed route is released; default 1.0.");
pub(crate) static ACTION_TIMEOUT: Key<Duration> =
    or("action_timeout", duration(10), r#""10s""#, "How long the change itself may take.");
pub(crate) static VERIFY_FOR: Key<Duration> =
    or("verify_for", duration(10), r#""30s""#, "Read back until the platform shows the change.");
pub(crate) static MAX_DEPENDENTS: Key<u32> =
    or("max_dependents", whole(1, 100_000), "2", "Channels whose traffic one backup may carry besides its own.");
pub(crate) static FAILBACK: Key<String> =
    or("failback", word(&["auto", "manual", "window"]), r#""auto""#, "How traffic comes back.");
pub(crate) static FAILBACK_AFTER: Key<Duration> =
    or("failback_after", duration(0), r#""15m""#, "Up and good for this long before it comes back.");
pub(crate) static FAILBACK_BETTER_BY: Key<f64> = absent(
    "failback_better_by",
    number(0.0, 100.0),
    "How much better than the backup home must score before it comes back by itself; left out: not compared.",
);
pub(crate) static FAILBACK_WINDOW: Key<Section> =
    absent("failback_window", table(&calendar::TABLE), "When traffic may come back, with failback = \"window\".");
