//! The keys of a policy.

use super::{Format, Kind, MODES, Table, absent, or, required};

/// `[policies.NAME]`.
pub(crate) static POLICY: Table = Table {
    name: "[policies.NAME]",
    doc: "Thresholds and permissions, shared by any number of channels.",
    keys: &[
        or("mode", Kind::Word(MODES), r#""enforce""#, "How far it may go; capped by daemon.mode."),
        or("propose_for", Kind::Duration(1000), r#""15m""#, "In mode propose: how long an operator has to approve."),
        absent(
            "inherit",
            Kind::Text(Format::Any),
            "The policy to start from; left out: the built-in defaults, not `default`.",
        ),
        absent("health", Kind::Table(&HEALTH), "How a channel is looked at."),
        absent("telemetry", Kind::Table(&TELEMETRY), "How telemetry is asked for."),
        absent("quality", Kind::Table(&QUALITY), "How telemetry becomes a score."),
        absent("failover", Kind::Table(&FAILOVER), "When and where traffic moves."),
        absent("codec", Kind::Table(&CODEC), "When codecs are re-prioritised."),
        absent(
            "provisioning",
            Kind::Table(&PROVISIONING),
            "What happens where a desired channel is missing or differs.",
        ),
        absent("rescue", Kind::Table(&RESCUE), "Rescue of calls after a failover; left out: off."),
        absent("maintenance", Kind::Tables(&CALENDAR), "Windows in which its channels are in maintenance."),
    ],
};

static HEALTH: Table = Table {
    name: "[policies.NAME.health]",
    doc: "How a channel is looked at, and what makes it up or down.",
    keys: &[
        or("interval", Kind::Duration(100), r#""30s""#, "How often a channel is looked at; 100ms at least."),
        or("timeout", Kind::Duration(10), r#""10s""#, "How long a look may take; below interval."),
        or("fast_interval", Kind::Duration(100), r#""2s""#, "How often while suspect, and for its candidates."),
        or("fall", Kind::Whole(1, 1000), "3", "Bad looks before it is down."),
        absent("fall_of", Kind::Whole(1, 64), "Among so many looks; left out: as many as fall, so in a row."),
        or("rise", Kind::Whole(1, 1000), "2", "Good looks in a row before it is up again."),
    ],
};

static TELEMETRY: Table = Table {
    name: "[policies.NAME.telemetry]",
    doc: "How telemetry is asked for and summed up.",
    keys: &[
        or("interval", Kind::Duration(100), r#""1m""#, "How often telemetry is asked for."),
        or("window", Kind::Duration(100), r#""5m""#, "The span that is asked for and scored."),
        or("bucket", Kind::Duration(100), r#""1m""#, "The query's interval."),
        or("min_samples", Kind::Whole(1, 100_000), "2", "Fewer accepted samples in the window: no score."),
    ],
};

static QUALITY: Table = Table {
    name: "[policies.NAME.quality]",
    doc: "How telemetry becomes a score of 0 to 100.",
    keys: &[
        or(
            "scorer",
            Kind::Word(&["emodel", "tiers"]),
            r#""emodel""#,
            "The E-model of ITU-T G.107, or the table of tiers.",
        ),
        or("optimise_below", Kind::Number(0.0, 100.0), "80.0", "Below it, codecs are re-prioritised."),
        or(
            "summary",
            Kind::Word(&["mean", "p50", "p75", "p90", "p95", "p99"]),
            r#""mean""#,
            "How the window's samples become one number for each metric: the mean, or a nearest-rank percentile.",
        ),
        or(
            "one_way_share",
            Kind::Number(0.0, 1.0),
            "0.5",
            "Share of the latency that is one-way delay, where the tenant's latency is round_trip.",
        ),
        or("advantage", Kind::Number(0.0, 20.0), "0.0", "Advantage factor A (ITU-T G.107), added to R."),
        or("burst_r", Kind::Number(1.0, 8.0), "1.0", "Burst ratio BurstR (ITU-T G.107); 1: losses are random."),
        absent(
            "degraded_by",
            Kind::Number(0.1, 100.0),
            "A score so many points below the channel's own baseline of 24 h, for quality_for, is a reason too; left out: off.",
        ),
        or(
            "tiers",
            Kind::Tables(&TIER),
            "[{ latency_ms = 150, jitter_ms = 30, score = 100 }, { latency_ms = 250, jitter_ms = 50, score = 85 }, \
             { latency_ms = 400, jitter_ms = 80, score = 60 }]",
            "The first row whose bounds both hold (<) gives the score.",
        ),
        or("otherwise", Kind::Number(0.0, 100.0), "40.0", "The score where no row of tiers holds."),
        absent("codecs", Kind::Named(&CODEC_VALUES), "E-model values by codec name."),
    ],
};

/// A row of `tiers`.
static TIER: Table = Table {
    name: "a row of tiers",
    doc: "Holds where latency and jitter are both below its bounds.",
    keys: &[
        required("latency_ms", Kind::Number(0.001, 1e6), "Upper bound of one-way latency, exclusive."),
        required("jitter_ms", Kind::Number(0.001, 1e6), "Upper bound of jitter, exclusive."),
        required("score", Kind::Number(0.0, 100.0), "The score, 0 to 100."),
    ],
};

/// E-model values of one codec.
static CODEC_VALUES: Table = Table {
    name: "[policies.NAME.quality.codecs.NAME]",
    doc: "What the E-model needs to know of a codec; what is left out stays as built in.",
    keys: &[
        absent("ie", Kind::Number(0.0, 95.0), "Equipment impairment factor Ie (ITU-T G.113)."),
        absent("bpl", Kind::Number(0.1, 1000.0), "Packet-loss robustness factor Bpl (ITU-T G.113)."),
        absent("plc", Kind::Flag, "Whether lost packets are concealed; selects Bpl 25.1 for PCMU and PCMA."),
        absent("wideband", Kind::Flag, "Whether Ie and Bpl are on the wideband scale of ITU-T G.107.1."),
        absent("kbit_s", Kind::Number(0.1, 10_000.0), "Bit rate without headers, in kbit/s."),
        absent("frame_ms", Kind::Number(0.0, 1000.0), "Frame and look-ahead, in milliseconds."),
    ],
};

static FAILOVER: Table = Table {
    name: "[policies.NAME.failover]",
    doc: "When and where traffic moves, and how it comes back.",
    keys: &[
        or("enabled", Kind::Flag, "true", "Whether the policy moves traffic at all."),
        or(
            "on",
            Kind::List(&Kind::Word(&["unhealthy", "degraded"]), 1),
            r#"["unhealthy"]"#,
            "Platform statuses that count as bad.",
        ),
        absent("quality_below", Kind::Number(0.0, 100.0), "A sustained score below it is a reason too; left out: off."),
        or(
            "quality_for",
            Kind::Duration(0),
            r#""5m""#,
            "How long a bad score must last; and how long a route taken for it is on probation at least.",
        ),
        or(
            "better_by",
            Kind::Number(0.0, 100.0),
            "10.0",
            "How much better a candidate must score, where quality is the reason.",
        ),
        or("min_candidate_score", Kind::Number(0.0, 100.0), "60.0", "The least score of a candidate that has one."),
        or("require_score", Kind::Flag, "false", "Whether a candidate without a score is unfit."),
        or("order", Kind::Word(&["configured", "best"]), r#""configured""#, "How fit candidates are ordered."),
        or(
            "block_period",
            Kind::Duration(1),
            r#""10m""#,
            "After an action, no other on this channel for so long, unless the backup fails too.",
        ),
        absent("hold_down_max", Kind::Duration(1), "The block doubles up to this; default 8 x block_period."),
        absent("hold_down_half_life", Kind::Duration(1), "Half-life of the grown block; default 3 x block_period."),
        absent(
            "hold_down_suppress",
            Kind::Number(1.0, 1000.0),
            "A penalty of so many block periods suppresses the route until it falls below hold_down_reuse; left out: off.",
        ),
        absent(
            "hold_down_reuse",
            Kind::Number(0.01, 1000.0),
            "Below this penalty a suppressed route is released; default 1.0.",
        ),
        or("action_timeout", Kind::Duration(10), r#""10s""#, "How long the change itself may take."),
        or("verify_for", Kind::Duration(10), r#""30s""#, "Read back until the platform shows the change."),
        or(
            "max_dependents",
            Kind::Whole(1, 100_000),
            "2",
            "Channels whose traffic one backup may carry besides its own.",
        ),
        or("failback", Kind::Word(&["auto", "manual", "window"]), r#""auto""#, "How traffic comes back."),
        or("failback_after", Kind::Duration(0), r#""15m""#, "Up and good for this long before it comes back."),
        absent(
            "failback_better_by",
            Kind::Number(0.0, 100.0),
            "How much better than the backup home must score before it comes back by itself; left out: not compared.",
        ),
        absent("failback_window", Kind::Table(&CALENDAR), "When traffic may come back, with failback = \"window\"."),
    ],
};

static CODEC: Table = Table {
    name: "[policies.NAME.codec]",
    doc: "When codecs are re-prioritised.",
    keys: &[
        or("enabled", Kind::Flag, "true", "Whether the policy re-prioritises codecs at all."),
        or("cooldown", Kind::Duration(0), r#""10m""#, "The least time between two codec changes of a channel."),
        or("min_gain", Kind::Number(0.0, 100.0), "5.0", "Score points that the new order must promise."),
        or(
            "restore_after",
            Kind::Duration(0),
            r#""1h""#,
            "Good conditions for this long: back to the order as first read.",
        ),
        or(
            "max_bitrate_increase",
            Kind::Number(0.0, 10_000.0),
            "0",
            "kbit/s; 0: never a higher bit rate while loss is the impairment.",
        ),
        absent("dtmf_mode", Kind::Text(Format::Any), "Sent with a codec change only where set, else as read."),
        absent("rtp_payload_type", Kind::Text(Format::Any), "Sent with a codec change only where set, else as read."),
    ],
};

static PROVISIONING: Table = Table {
    name: "[policies.NAME.provisioning]",
    doc: "What happens where a desired channel is missing or differs.",
    keys: &[
        or(
            "mode",
            Kind::Word(&["report", "create", "enforce"]),
            r#""report""#,
            "What the daemon does by itself: say so, create what is missing, or also put back what differs.",
        ),
        or("interval", Kind::Duration(1000), r#""5m""#, "How often what is desired is held against the platform."),
        or(
            "settle_for",
            Kind::Duration(1000),
            r#""5m""#,
            "How long after a creation of unknown outcome no other is sent.",
        ),
    ],
};

/// `rescue`.
static RESCUE: Table = Table {
    name: "[policies.NAME.rescue]",
    doc: "Rescue of calls after a failover.",
    keys: &[
        required("target", Kind::Text(Format::PhoneTarget), "Where calls are bridged to, such as phone:+12025550100."),
        or("max_calls", Kind::Whole(1, 100_000), "20", "Calls at most for one failover."),
        or("per_minute", Kind::Whole(1, 100_000), "10", "Calls a minute at most."),
        or(
            "directions",
            Kind::List(&Kind::Word(&["inbound", "outbound", "transfer", "consult"]), 1),
            r#"["inbound"]"#,
            "Which calls, by direction.",
        ),
    ],
};

/// A recurring window of time.
static CALENDAR: Table = Table {
    name: "a calendar window",
    doc: "A recurring window of time.",
    keys: &[
        required("cron", Kind::Text(Format::Cron), "When it starts: six fields, seconds first."),
        required("for", Kind::Duration(1000), "How long it lasts."),
        or("timezone", Kind::Text(Format::TimeZone), r#""UTC""#, "An IANA time zone."),
    ],
};
