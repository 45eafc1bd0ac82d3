//! The keys of everything but policies.

use super::sinks::{EXPORT, FILE, WEBHOOK};
use super::{Format, Key, Kind, MODES, POLICY, Table, absent, or, required};

/// The main file.
pub(crate) static ROOT: Table = Table {
    name: "the main file",
    doc: "Trunkwarden's configuration.",
    keys: &[
        absent(
            "include",
            Kind::List(&Kind::Text(Format::File), 0),
            "More files with [[channels]], [policies.*] and [tenants.*]: globs, relative to this file.",
        ),
        or(
            "include_secrets",
            Kind::List(&Kind::Text(Format::Any), 0),
            "[]",
            "Secrets that included files may name, besides files below their own folder: globs over paths, env:NAME and credential:NAME.",
        ),
        absent("daemon", Kind::Table(&DAEMON), "The process."),
        absent("references", Kind::Table(&REFERENCES), "Targets outside the platforms; left out: none."),
        absent("tenants", Kind::Named(&TENANT), "The tenants, by name."),
        absent("policies", Kind::Named(&POLICY), "The policies, by name; `default` always exists."),
        absent("limits", Kind::Table(&LIMITS), "How much may be changed at once."),
        absent("channels", Kind::Tables(&CHANNEL), "The channels to watch."),
        absent("audit", Kind::Table(&AUDIT), "The audit log."),
        absent("webhooks", Kind::Tables(&WEBHOOK), "Where events are posted."),
    ],
};

/// A file that another one includes.
pub(crate) static INCLUDED: Table = Table {
    name: "an included file",
    doc: "What an included file may hold.",
    keys: &[
        absent("tenants", Kind::Named(&TENANT), "The tenants, by name."),
        absent("policies", Kind::Named(&POLICY), "The policies, by name."),
        absent("channels", Kind::Tables(&CHANNEL), "The channels to watch."),
    ],
};

static DAEMON: Table = Table {
    name: "[daemon]",
    doc: "The process.",
    keys: &[
        or(
            "listen",
            Kind::Text(Format::Listen),
            r#""127.0.0.1:9475""#,
            "Address of the status page, the API and /metrics.",
        ),
        or(
            "state_dir",
            Kind::Text(Format::File),
            r#""/var/lib/trunkwarden""#,
            "Directory of the journal and the control socket.",
        ),
        or(
            "mode",
            Kind::Word(MODES),
            r#""observe""#,
            "Caps every policy's mode; observe decides and records, and changes nothing.",
        ),
        or(
            "hosts",
            Kind::List(&Kind::Text(Format::Host), 0),
            r#"["loopback"]"#,
            "Host names by which the page and the API may be reached, besides addresses and this machine's own name.",
        ),
        absent("tokens", Kind::Table(&TOKENS), "Tokens for writes over TCP."),
    ],
};

static TOKENS: Table = Table {
    name: "[daemon.tokens]",
    doc: "Tokens for writes over TCP.",
    keys: &[absent(
        "operator",
        Kind::Secret,
        "The operator's token, 16 characters at least; left out: writes over TCP are refused (the control socket needs no token).",
    )],
};

static REFERENCES: Table = Table {
    name: "[references]",
    doc: "Targets outside the platforms: where none of them answers, our own network is down and nothing is done.",
    keys: &[
        required(
            "targets",
            Kind::List(&Kind::Text(Format::HostPort), 1),
            "Hosts and ports to which a TCP connection is opened; at most 16.",
        ),
        or("interval", Kind::Duration(100), r#""10s""#, "How often each is tried."),
        or("timeout", Kind::Duration(10), r#""3s""#, "How long a connection may take; below interval."),
    ],
};

static TENANT: Table = Table {
    name: "[tenants.NAME]",
    doc: "A tenant of the platform.",
    keys: &[
        required("base_url", Kind::Text(Format::Url), "The platform's API: http or https, no query."),
        or(
            "requests_per_minute",
            Kind::Whole(1, 100_000),
            "60",
            "Our share of the tenant's request limit, all endpoints together.",
        ),
        or("latency", Kind::Word(&["one_way", "round_trip"]), r#""one_way""#, "What the platform's latency_ms means."),
        absent(
            "read_lag",
            Kind::Duration(0),
            "How long reads may lag behind writes; left out: 30s, or the shortest verify_for of its policies.",
        ),
        absent(
            "patch",
            Kind::Word(&["merges", "replaces"]),
            "What the platform does with fields that a PATCH omits; left out: learnt from one codec change at a time.",
        ),
        absent("ca_file", Kind::Text(Format::File), "A PEM file with further certificate authorities."),
        absent(
            "proxy",
            Kind::TextOrSecret(Format::Url),
            "An HTTP proxy for this tenant; none is used unless configured. One with a user and password is a secret's place.",
        ),
        absent("headers", Kind::Headers, "Headers for every request to this tenant; a value may be a secret's place."),
        required("auth", Kind::Table(&AUTH), "How the daemon gets its token."),
        absent("bridge", Kind::Table(&BRIDGE), "Bridging of calls; left out: none."),
        absent("paths", Kind::Table(&PATHS), "Paths below base_url; {id} and {call} are replaced, percent-encoded."),
        absent("limits", Kind::Table(&TENANT_LIMITS), "Overrides [limits], key by key."),
    ],
};

static AUTH: Table = Table {
    name: "[tenants.NAME.auth]",
    doc: "How the daemon gets its token.",
    keys: &[
        or("grant", Kind::Word(&["client_credentials", "access_key"]), r#""client_credentials""#, "The OAuth grant."),
        required("client_id", Kind::Text(Format::Any), "The OAuth client."),
        required("client_secret", Kind::Secret, "The OAuth client's secret."),
        or(
            "token_path",
            Kind::Text(Format::TokenPath),
            r#""/api/v2/oauth/token""#,
            "The token endpoint: a path below base_url, or an absolute URL.",
        ),
        or(
            "scopes",
            Kind::List(&Kind::Text(Format::Scope), 1),
            r#"["channel:read", "channel:write", "telemetry:read", "analytics:read"]"#,
            "Scopes to ask for; channel:write is never asked for in observe mode.",
        ),
    ],
};

static BRIDGE: Table = Table {
    name: "[tenants.NAME.bridge]",
    doc: "Bridging of calls.",
    keys: &[
        or(
            "scopes",
            Kind::List(&Kind::Text(Format::Scope), 1),
            r#"["cti:calls:read", "cti:calls:write", "cti:bridge:write"]"#,
            "Scopes of the token for bridging.",
        ),
        or("max_legs", Kind::Whole(2, 8), "8", "Most legs of one bridge, the call's own included."),
        or(
            "target_types",
            Kind::List(&Kind::Word(&["phone", "sip", "agent", "extension"]), 1),
            r#"["phone", "sip"]"#,
            "What a call may be bridged to.",
        ),
        or("timeout", Kind::Duration(100), r#""10s""#, "How long one request may take."),
        or("deadline", Kind::Duration(1000), r#""30s""#, "How long after the order a bridge may still be sent."),
        or(
            "verify_for",
            Kind::Duration(100),
            r#""10s""#,
            "How long the call is read back when it is not known whether it was bridged.",
        ),
    ],
};

static PATHS: Table = Table {
    name: "[tenants.NAME.paths]",
    doc: "Paths below base_url; {id} and {call} are replaced, percent-encoded.",
    keys: &[
        or("channels", Kind::Text(Format::Path), r#""/api/v2/channels""#, "The list of channels."),
        or("channel", Kind::Text(Format::PathWithId), r#""/api/v2/channels/{id}""#, "One channel."),
        or("telemetry", Kind::Text(Format::Path), r#""/api/v2/telemetry/metrics""#, "Telemetry queries."),
        or("bridge", Kind::Text(Format::PathWithCall), r#""/api/v2/cti/calls/{call}/bridge""#, "Bridging a call."),
        absent(
            "call",
            Kind::Text(Format::PathWithCall),
            "Reading one call; left out: an unknown outcome stays unknown.",
        ),
        absent("calls", Kind::Text(Format::QueryWithId), "A channel's calls, for rescue; left out: off."),
    ],
};

static LIMITS: Table = Table {
    name: "[limits]",
    doc: "How much may be changed at once, for each tenant and over all of them.",
    keys: &[
        MAX_CONCURRENT,
        MAX_PER_HOUR,
        KEEP_FIT,
        MASS_HOLD,
        absent(
            "global_max_concurrent",
            Kind::Whole(1, 100_000),
            "Actions in flight over all tenants; left out: as many as their own limits allow.",
        ),
        absent(
            "global_max_per_hour",
            Kind::Whole(1, 100_000),
            "Actions in any hour over all tenants; left out: as many as their own limits allow.",
        ),
        absent(
            "global_keep_fit",
            Kind::Whole(1, 1_000_000),
            "Channels of all tenants that must be Up after a failover; left out: as many as their own limits say.",
        ),
    ],
};

static TENANT_LIMITS: Table = Table {
    name: "[tenants.NAME.limits]",
    doc: "How much may be changed at once for this tenant.",
    keys: &[MAX_CONCURRENT, MAX_PER_HOUR, KEEP_FIT, MASS_HOLD],
};

const MAX_CONCURRENT: Key = or("max_concurrent", Kind::Whole(1, 100_000), "3", "Actions in flight.");
const MAX_PER_HOUR: Key = or("max_per_hour", Kind::Whole(1, 100_000), "30", "Actions in any hour.");
const KEEP_FIT: Key = or("keep_fit", Kind::Whole(0, 1_000_000), "1", "Channels that must be Up after an action.");
const MASS_HOLD: Key = or(
    "mass_hold",
    Kind::Flag,
    "true",
    "Hold when half of the tenant's channels, and half of its carriers, turn bad at once.",
);

static CHANNEL: Table = Table {
    name: "[[channels]]",
    doc: "A channel: one that exists (id), or one that is desired (name and [channels.provision]).",
    keys: &[
        absent("id", Kind::Text(Format::ChannelId), "The channel's id on the platform."),
        absent("name", Kind::Text(Format::ChannelName), "The name of a desired channel, 3 to 64 characters."),
        required("tenant", Kind::Text(Format::Any), "The tenant that it belongs to."),
        or("policy", Kind::Text(Format::Any), r#""default""#, "Its policy."),
        absent(
            "failover",
            Kind::List(&Kind::Text(Format::ChannelId), 0),
            "Its backups in order; left out: the platform's routing.failover_channels; []: none.",
        ),
        absent(
            "carrier",
            Kind::Text(Format::Any),
            "The carrier it depends on, for the mass hold; left out: its sip_server as read.",
        ),
        absent("provision", Kind::Table(&PROVISION), "The channel to create where it does not exist yet."),
    ],
};

static PROVISION: Table = Table {
    name: "[channels.provision]",
    doc: "A channel to create where it does not exist yet.",
    keys: &[
        required("sip_server", Kind::Text(Format::Host), "Host name of the carrier's SIP server."),
        or("sip_port", Kind::Whole(5060, 5080), "5060", "Its port, 5060 to 5080."),
        required("username", Kind::Text(Format::Any), "SIP user."),
        required("password", Kind::Secret, "SIP password."),
        required("codecs", Kind::Tables(&CODEC_PLACE), "At least one codec with its priority."),
        absent("failover", Kind::List(&Kind::Text(Format::ChannelId), 0), "Ids of its backups."),
        absent("health_check", Kind::Table(&HEALTH_CHECK), "The platform's own check."),
    ],
};

static CODEC_PLACE: Table = Table {
    name: "codecs of [channels.provision]",
    doc: "A codec and its priority.",
    keys: &[
        required("name", Kind::Word(&["PCMU", "PCMA", "G729", "G722", "OPUS"]), "The codec."),
        required("priority", Kind::Whole(1, 10), "1 to 10; 1 is preferred."),
    ],
};

static HEALTH_CHECK: Table = Table {
    name: "health_check of [channels.provision]",
    doc: "The platform's own check.",
    keys: &[
        or("interval_seconds", Kind::Whole(30, 300), "60", "30 to 300."),
        or("timeout_seconds", Kind::Whole(5, 30), "15", "5 to 30, below the interval."),
    ],
};

static AUDIT: Table = Table {
    name: "[audit]",
    doc: "The audit log.",
    keys: &[
        or(
            "compliance_tag",
            Kind::Text(Format::Any),
            r#""telephony_channel_audit""#,
            "The tag that every entry carries.",
        ),
        absent(
            "origin",
            Kind::Text(Format::Any),
            "The log's name on checkpoints, such as sip.example/audit; left out: trunkwarden/ and digits of the key's hash.",
        ),
        absent(
            "signing_key",
            Kind::Secret,
            "The key that signs checkpoints (PRIVATE+KEY+...); left out: {state_dir}/audit.key, made at the first start.",
        ),
        or("checkpoint_entries", Kind::Whole(1, 1_000_000), "1000", "Entries between signed checkpoints."),
        or(
            "checkpoint_interval",
            Kind::Duration(1000),
            r#""1h""#,
            "Time between signed checkpoints, if there are new entries.",
        ),
        absent(
            "retention_days",
            Kind::Whole(1, 36_500),
            "Entries older than this are archived to {state_dir}/archive and removed; left out: never.",
        ),
        or(
            "hold_for",
            Kind::Duration(60_000),
            r#""7d""#,
            "The longest that a sink may hold back archiving; its remaining entries are then copied as dead letters.",
        ),
        absent(
            "witness",
            Kind::Text(Format::SinkName),
            "A sink that is asked at each start which checkpoints it holds; the log is checked against them.",
        ),
        absent("export", Kind::Tables(&EXPORT), "Where entries are sent."),
        absent("file", Kind::Tables(&FILE), "Files that get each entry as a line of JSON."),
    ],
};
