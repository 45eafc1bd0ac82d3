//! `[tenants.NAME]`: a tenant of the platform.

use super::key::{Key, Named, absent, duration, headers, or, required, setting, table, text, whole, word};
use super::kind::{Format, Table};
use super::limits;
use crate::config::secrets::Setting;
use crate::config::section::Section;
use std::time::Duration;

pub(crate) static TABLE: Table = Table {
    name: "[tenants.NAME]",
    doc: "A tenant of the platform.",
    keys: &[
        &BASE_URL.row,
        &REQUESTS_PER_MINUTE.row,
        &LATENCY.row,
        &READ_LAG.row,
        &PATCH.row,
        &CA_FILE.row,
        &PROXY.row,
        &HEADERS.row,
        &AUTH.row,
        &BRIDGE.row,
        &PATHS.row,
        &LIMITS.row,
    ],
};

pub(crate) static BASE_URL: Key<String> =
    required("base_url", text(Format::Url), "The platform's API: http or https, no query.");
pub(crate) static REQUESTS_PER_MINUTE: Key<u32> = or(
    "requests_per_minute",
    whole(1, 100_000),
    "60",
    "Our share of the tenant's request limit, all endpoints together.",
);
pub(crate) static LATENCY: Key<String> =
    or("latency", word(&["one_way", "round_trip"]), r#""one_way""#, "What the platform's latency_ms means.");
pub(crate) static READ_LAG: Key<Duration> = absent(
    "read_lag",
    duration(0),
    "How long reads may lag behind writes; left out: 30s, or the shortest verify_for of its policies.",
);
pub(crate) static PATCH: Key<String> = absent(
    "patch",
    word(&["merges", "replaces"]),
    "What the platform does with fields that a PATCH omits; left out: learnt from one codec change at a time.",
);
pub(crate) static CA_FILE: Key<String> =
    absent("ca_file", text(Format::File), "A PEM file with further certificate authorities.");
pub(crate) static PROXY: Key<Setting> = absent(
    "proxy",
    setting(Format::Url),
    "An HTTP proxy for this tenant; none is used unless configured. One with a user and password is a secret's place.",
);
pub(crate) static HEADERS: Key<Named> =
    absent("headers", headers(), "Headers for every request to this tenant; a value may be a secret's place.");
pub(crate) static AUTH: Key<Section> = required("auth", table(&auth::TABLE), "How the daemon gets its token.");
pub(crate) static BRIDGE: Key<Section> = absent("bridge", table(&bridge::TABLE), "Bridging of calls; left out: none.");
pub(crate) static PATHS: Key<Section> =
    absent("paths", table(&paths::TABLE), "Paths below base_url; {id} and {call} are replaced, percent-encoded.");
pub(crate) static LIMITS: Key<Section> =
    absent("limits", table(&limits::of_tenant::TABLE), "Overrides [limits], key by key.");

/// `[tenants.NAME.auth]`.
pub(crate) mod auth {
    use super::super::key::{Key, List, list, or, required, secret, text, word};
    use super::super::kind::{Format, Table};
    use crate::config::secrets::SecretRef;

    pub(crate) static TABLE: Table = Table {
        name: "[tenants.NAME.auth]",
        doc: "How the daemon gets its token.",
        keys: &[&GRANT.row, &CLIENT_ID.row, &CLIENT_SECRET.row, &TOKEN_PATH.row, &SCOPES.row],
    };

    pub(crate) static GRANT: Key<String> =
        or("grant", word(&["client_credentials", "access_key"]), r#""client_credentials""#, "The OAuth grant.");
    pub(crate) static CLIENT_ID: Key<String> = required("client_id", text(Format::Any), "The OAuth client.");
    pub(crate) static CLIENT_SECRET: Key<SecretRef> = required("client_secret", secret(), "The OAuth client's secret.");
    pub(crate) static TOKEN_PATH: Key<String> = or(
        "token_path",
        text(Format::TokenPath),
        r#""/api/v2/oauth/token""#,
        "The token endpoint: a path below base_url, or an absolute URL.",
    );
    pub(crate) static SCOPES: Key<List<String>> = or(
        "scopes",
        list(&text(Format::Scope), 1),
        r#"["channel:read", "channel:write", "telemetry:read", "analytics:read"]"#,
        "Scopes to ask for; channel:write is never asked for in observe mode.",
    );
}

/// `[tenants.NAME.bridge]`.
pub(crate) mod bridge {
    use super::super::key::{Key, List, duration, list, or, text, whole, word};
    use super::super::kind::{Format, Table};
    use std::time::Duration;

    pub(crate) static TABLE: Table = Table {
        name: "[tenants.NAME.bridge]",
        doc: "Bridging of calls.",
        keys: &[&SCOPES.row, &MAX_LEGS.row, &TARGET_TYPES.row, &TIMEOUT.row, &DEADLINE.row, &VERIFY_FOR.row],
    };

    pub(crate) static SCOPES: Key<List<String>> = or(
        "scopes",
        list(&text(Format::Scope), 1),
        r#"["cti:calls:read", "cti:calls:write", "cti:bridge:write"]"#,
        "Scopes of the token for bridging.",
    );
    pub(crate) static MAX_LEGS: Key<u32> =
        or("max_legs", whole(2, 8), "8", "Most legs of one bridge, the call's own included.");
    pub(crate) static TARGET_TYPES: Key<List<String>> = or(
        "target_types",
        list(&word(&["phone", "sip", "agent", "extension"]), 1),
        r#"["phone", "sip"]"#,
        "What a call may be bridged to.",
    );
    pub(crate) static TIMEOUT: Key<Duration> =
        or("timeout", duration(100), r#""10s""#, "How long one request may take.");
    pub(crate) static DEADLINE: Key<Duration> =
        or("deadline", duration(1000), r#""30s""#, "How long after the order a bridge may still be sent.");
    pub(crate) static VERIFY_FOR: Key<Duration> = or(
        "verify_for",
        duration(100),
        r#""10s""#,
        "How long the call is read back when it is not known whether it was bridged.",
    );
}

/// `[tenants.NAME.paths]`.
pub(crate) mod paths {
    use super::super::key::{Key, absent, or, text};
    use super::super::kind::{Format, Table};

    pub(crate) static TABLE: Table = Table {
        name: "[tenants.NAME.paths]",
        doc: "Paths below base_url; {id} and {call} are replaced, percent-encoded.",
        keys: &[&CHANNELS.row, &CHANNEL.row, &TELEMETRY.row, &BRIDGE.row, &CALL.row, &CALLS.row],
    };

    pub(crate) static CHANNELS: Key<String> =
        or("channels", text(Format::Path), r#""/api/v2/channels""#, "The list of channels.");
    pub(crate) static CHANNEL: Key<String> =
        or("channel", text(Format::PathWithId), r#""/api/v2/channels/{id}""#, "One channel.");
    pub(crate) static TELEMETRY: Key<String> =
        or("telemetry", text(Format::Path), r#""/api/v2/telemetry/metrics""#, "Telemetry queries.");
    pub(crate) static BRIDGE: Key<String> =
        or("bridge", text(Format::PathWithCall), r#""/api/v2/cti/calls/{call}/bridge""#, "Bridging a call.");
    pub(crate) static CALL: Key<String> =
        absent("call", text(Format::PathWithCall), "Reading one call; left out: an unknown outcome stays unknown.");
    pub(crate) static CALLS: Key<String> =
        absent("calls", text(Format::QueryWithId), "A channel's calls, for rescue; left out: off.");
}
