//! `[policies.NAME]`: thresholds and permissions, shared by any number of channels.

use super::key::{Key, MODES, absent, duration, or, table, tables, text, word};
use super::kind::{Format, Table};
use super::{calendar, failover, quality};
use crate::config::section::Section;
use std::time::Duration;

pub(crate) static TABLE: Table = Table {
    name: "[policies.NAME]",
    doc: "Thresholds and permissions, shared by any number of channels.",
    keys: &[
        &MODE.row,
        &PROPOSE_FOR.row,
        &INHERIT.row,
        &HEALTH.row,
        &TELEMETRY.row,
        &QUALITY.row,
        &FAILOVER.row,
        &CODEC.row,
        &PROVISIONING.row,
        &RESCUE.row,
        &MAINTENANCE.row,
    ],
};

pub(crate) static MODE: Key<String> =
    or("mode", word(MODES), r#""enforce""#, "How far it may go; capped by daemon.mode.");
pub(crate) static PROPOSE_FOR: Key<Duration> =
    or("propose_for", duration(1000), r#""15m""#, "In mode propose: how long an operator has to approve.");
pub(crate) static INHERIT: Key<String> =
    absent("inherit", text(Format::Any), "The policy to start from; left out: the built-in defaults, not `default`.");
pub(crate) static HEALTH: Key<Section> = absent("health", table(&health::TABLE), "How a channel is looked at.");
pub(crate) static TELEMETRY: Key<Section> =
    absent("telemetry", table(&telemetry::TABLE), "How telemetry is asked for.");
pub(crate) static QUALITY: Key<Section> = absent("quality", table(&quality::TABLE), "How telemetry becomes a score.");
pub(crate) static FAILOVER: Key<Section> = absent("failover", table(&failover::TABLE), "When and where traffic moves.");
pub(crate) static CODEC: Key<Section> = absent("codec", table(&codec::TABLE), "When codecs are re-prioritised.");
pub(crate) static PROVISIONING: Key<Section> =
    absent("provisioning", table(&provisioning::TABLE), "What happens where a desired channel is missing or differs.");
pub(crate) static RESCUE: Key<Section> =
    absent("rescue", table(&rescue::TABLE), "Rescue of calls after a failover; left out: off.");
pub(crate) static MAINTENANCE: Key<Vec<Section>> =
    absent("maintenance", tables(&calendar::TABLE, 0), "Windows in which its channels are in maintenance.");

/// `[policies.NAME.health]`.
pub(crate) mod health {
    use super::super::key::{Key, absent, duration, or, whole};
    use super::super::kind::Table;
    use std::time::Duration;

    pub(crate) static TABLE: Table = Table {
        name: "[policies.NAME.health]",
        doc: "How a channel is looked at, and what makes it up or down.",
        keys: &[&INTERVAL.row, &TIMEOUT.row, &FAST_INTERVAL.row, &FALL.row, &FALL_OF.row, &RISE.row],
    };

    pub(crate) static INTERVAL: Key<Duration> =
        or("interval", duration(100), r#""30s""#, "How often a channel is looked at; 100ms at least.");
    pub(crate) static TIMEOUT: Key<Duration> =
        or("timeout", duration(10), r#""10s""#, "How long a look may take; below interval.");
    pub(crate) static FAST_INTERVAL: Key<Duration> =
        or("fast_interval", duration(100), r#""2s""#, "How often while suspect, and for its candidates.");
    pub(crate) static FALL: Key<u32> = or("fall", whole(1, 1000), "3", "Bad looks before it is down.");
    pub(crate) static FALL_OF: Key<u32> =
        absent("fall_of", whole(1, 64), "Among so many looks; left out: as many as fall, so in a row.");
    pub(crate) static RISE: Key<u32> = or("rise", whole(1, 1000), "2", "Good looks in a row before it is up again.");
}

/// `[policies.NAME.telemetry]`.
pub(crate) mod telemetry {
    use super::super::key::{Key, duration, or, whole};
    use super::super::kind::Table;
    use std::time::Duration;

    pub(crate) static TABLE: Table = Table {
        name: "[policies.NAME.telemetry]",
        doc: "How telemetry is asked for and summed up.",
        keys: &[&INTERVAL.row, &WINDOW.row, &BUCKET.row, &MIN_SAMPLES.row],
    };

    pub(crate) static INTERVAL: Key<Duration> =
        or("interval", duration(100), r#""1m""#, "How often telemetry is asked for.");
    pub(crate) static WINDOW: Key<Duration> =
        or("window", duration(100), r#""5m""#, "The span that is asked for and scored.");
    pub(crate) static BUCKET: Key<Duration> = or("bucket", duration(100), r#""1m""#, "The query's interval.");
    pub(crate) static MIN_SAMPLES: Key<u32> =
        or("min_samples", whole(1, 100_000), "2", "Fewer accepted samples in the window: no score.");
}

/// `[policies.NAME.codec]`.
pub(crate) mod codec {
    use super::super::key::{Key, absent, duration, flag, number, or, text};
    use super::super::kind::{Format, Table};
    use std::time::Duration;

    pub(crate) static TABLE: Table = Table {
        name: "[policies.NAME.codec]",
        doc: "When codecs are re-prioritised.",
        keys: &[
            &ENABLED.row,
            &COOLDOWN.row,
            &MIN_GAIN.row,
            &RESTORE_AFTER.row,
            &MAX_BITRATE_INCREASE.row,
            &DTMF_MODE.row,
            &RTP_PAYLOAD_TYPE.row,
        ],
    };

    pub(crate) static ENABLED: Key<bool> =
        or("enabled", flag(), "true", "Whether the policy re-prioritises codecs at all.");
    pub(crate) static COOLDOWN: Key<Duration> =
        or("cooldown", duration(0), r#""10m""#, "The least time between two codec changes of a channel.");
    pub(crate) static MIN_GAIN: Key<f64> =
        or("min_gain", number(0.0, 100.0), "5.0", "Score points that the new order must promise.");
    pub(crate) static RESTORE_AFTER: Key<Duration> =
        or("restore_after", duration(0), r#""1h""#, "Good conditions for this long: back to the order as first read.");
    pub(crate) static MAX_BITRATE_INCREASE: Key<f64> = or(
        "max_bitrate_increase",
        number(0.0, 10_000.0),
        "0",
        "kbit/s; 0: never a higher bit rate while loss is the impairment.",
    );
    pub(crate) static DTMF_MODE: Key<String> =
        absent("dtmf_mode", text(Format::Any), "Sent with a codec change only where set, else as read.");
    pub(crate) static RTP_PAYLOAD_TYPE: Key<String> =
        absent("rtp_payload_type", text(Format::Any), "Sent with a codec change only where set, else as read.");
}

/// `[policies.NAME.provisioning]`.
pub(crate) mod provisioning {
    use super::super::key::{Key, duration, or, word};
    use super::super::kind::Table;
    use std::time::Duration;

    pub(crate) static TABLE: Table = Table {
        name: "[policies.NAME.provisioning]",
        doc: "What happens where a desired channel is missing or differs.",
        keys: &[&MODE.row, &INTERVAL.row, &SETTLE_FOR.row],
    };

    pub(crate) static MODE: Key<String> = or(
        "mode",
        word(&["report", "create", "enforce"]),
        r#""report""#,
        "What the daemon does by itself: say so, create what is missing, or also put back what differs.",
    );
    pub(crate) static INTERVAL: Key<Duration> =
        or("interval", duration(1000), r#""5m""#, "How often what is desired is held against the platform.");
    pub(crate) static SETTLE_FOR: Key<Duration> =
        or("settle_for", duration(1000), r#""5m""#, "How long after a creation of unknown outcome no other is sent.");
}

/// `[policies.NAME.rescue]`.
pub(crate) mod rescue {
    use super::super::key::{Key, List, list, or, required, text, whole, word};
    use super::super::kind::{Format, Table};

    pub(crate) static TABLE: Table = Table {
        name: "[policies.NAME.rescue]",
        doc: "Rescue of calls after a failover.",
        keys: &[&TARGET.row, &MAX_CALLS.row, &PER_MINUTE.row, &DIRECTIONS.row],
    };

    pub(crate) static TARGET: Key<String> =
        required("target", text(Format::PhoneTarget), "Where calls are bridged to, such as phone:+12025550100.");
    pub(crate) static MAX_CALLS: Key<u32> = or("max_calls", whole(1, 100_000), "20", "Calls at most for one failover.");
    pub(crate) static PER_MINUTE: Key<u32> = or("per_minute", whole(1, 100_000), "10", "Calls a minute at most.");
    pub(crate) static DIRECTIONS: Key<List<String>> = or(
        "directions",
        list(&word(&["inbound", "outbound", "transfer", "consult"]), 1),
        r#"["inbound"]"#,
        "Which calls, by direction.",
    );
}
