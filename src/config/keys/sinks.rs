//! The keys of sinks: where audit entries, events and bulk metrics go.

use super::{Format, Key, Kind, Table, absent, or, required};

const NAME: Key = absent(
    "name",
    Kind::Text(Format::SinkName),
    "Its name in metrics and the outbox; left out: made from its kind, its host and a digest of its address.",
);
const TOKEN: Key = absent("token", Kind::Secret, "The sink's own bearer token.");
const AUTH_BASIC: Key = absent("basic", Kind::Table(&BASIC), "The sink's own user and password.");
const HEADERS: Key =
    absent("headers", Kind::Headers, "Headers for every request to it; a value may be a secret's place.");
const CLIENT_CERT: Key =
    absent("client_cert", Kind::Text(Format::File), "A PEM file with our certificate for mutual TLS.");
const CLIENT_KEY: Key = absent("client_key", Kind::Secret, "The private key of client_cert, as PEM.");
const CA_FILE: Key = absent("ca_file", Kind::Text(Format::File), "A PEM file with further certificate authorities.");
const PROXY: Key =
    absent("proxy", Kind::TextOrSecret(Format::Url), "An HTTP proxy for this sink; none is used unless configured.");
const TIMEOUT: Key = or("timeout", Kind::Duration(100), r#""10s""#, "From sending to the complete answer.");
const MAX_PENDING: Key = or("max_pending", Kind::Whole(1, 100_000_000), "1000000", "Deliveries that may wait on disk.");
const MAX_TRIES: Key = or(
    "max_tries",
    Kind::Whole(10, 1000),
    "10",
    "Attempts, over an hour at least, at a delivery that was set aside before it becomes a dead letter.",
);
const ORDERS: &[&str] = &["set_aside", "strict"];
const ORDER_DOC: &str = "Whether a delivery that is refused again and again is retried beside the queue (set_aside) or holds up the rest (strict).";
const ALL_EVENTS: Key =
    or("events", Kind::List(&Kind::Text(Format::Any), 1), r#"["*"]"#, "Globs over event types; * matches dots too.");

/// `[[audit.export]]`.
pub(super) static EXPORT: Table = Table {
    name: "[[audit.export]]",
    doc: "A sink for audit entries and bulk metrics.",
    keys: &[
        NAME,
        required(
            "url",
            Kind::TextOrSecret(Format::Url),
            "Each entry is posted here; bulk metrics go to {url}/metrics/bulk.",
        ),
        ALL_EVENTS,
        TOKEN,
        AUTH_BASIC,
        HEADERS,
        CLIENT_CERT,
        CLIENT_KEY,
        CA_FILE,
        PROXY,
        TIMEOUT,
        MAX_PENDING,
        or("order", Kind::Word(ORDERS), r#""strict""#, ORDER_DOC),
        MAX_TRIES,
        or("bulk", Kind::Flag, "true", "Whether bulk metrics are sent."),
        or("bulk_interval", Kind::Duration(1000), r#""5m""#, "How often bulk metrics are sent."),
        absent("bulk_cron", Kind::Text(Format::Cron), "When bulk metrics are sent, in UTC; in place of bulk_interval."),
        or("bulk_batch", Kind::Whole(1, 10_000), "500", "Most channels in one request of bulk metrics."),
    ],
};

/// `[[webhooks]]`.
pub(super) static WEBHOOK: Table = Table {
    name: "[[webhooks]]",
    doc: "A subscriber to events.",
    keys: &[
        NAME,
        required("url", Kind::TextOrSecret(Format::Url), "Events are posted here."),
        required("events", Kind::List(&Kind::Text(Format::Any), 1), "Globs over event types; * matches dots too."),
        absent("secret", Kind::Secret, "The signing secret: whsec_ and base64, or any text."),
        absent(
            "secrets",
            Kind::List(&Kind::Secret, 1),
            "Several signing secrets, the newest first: each signs, so that a receiver can change from one to the next.",
        ),
        TOKEN,
        AUTH_BASIC,
        HEADERS,
        CLIENT_CERT,
        CLIENT_KEY,
        CA_FILE,
        PROXY,
        TIMEOUT,
        MAX_PENDING,
        or("order", Kind::Word(ORDERS), r#""set_aside""#, ORDER_DOC),
        MAX_TRIES,
    ],
};

/// `[[audit.file]]`.
pub(super) static FILE: Table = Table {
    name: "[[audit.file]]",
    doc: "A file on this machine that gets each audit entry as a line of JSON.",
    keys: &[
        NAME,
        required("path", Kind::Text(Format::File), "The file; its directory exists. It is created with mode 0600."),
        ALL_EVENTS,
        or(
            "max_bytes",
            Kind::Whole(4096, 1_000_000_000_000),
            "104857600",
            "A file that would grow beyond it is renamed to PATH.1, that one to PATH.2, and so on.",
        ),
        or("keep", Kind::Whole(0, 1000), "5", "Renamed files to keep; older ones are removed."),
        or("order", Kind::Word(&["strict"]), r#""strict""#, "A file takes entries strictly in order."),
        MAX_PENDING,
    ],
};

static BASIC: Table = Table {
    name: "basic of a sink",
    doc: "The sink's own user and password.",
    keys: &[
        required("username", Kind::Text(Format::Any), "The user."),
        required("password", Kind::Secret, "The password."),
    ],
};
