//! Sinks: where audit entries, events and bulk metrics go. First the keys that several kinds of sinks share.

use super::key::{Key, List, Named, absent, duration, headers, list, or, secret, setting, table, text, whole};
use super::kind::Format;
use crate::config::secrets::{SecretRef, Setting};
use crate::config::section::Section;
use std::time::Duration;

const ORDERS: &[&str] = &["set_aside", "strict"];
const ORDER_DOC: &str = "Whether a delivery that is refused again and again is retried beside the queue (set_aside) or holds up the rest (strict).";

pub(crate) static NAME: Key<String> = absent(
    "name",
    text(Format::SinkName),
    "Its name in metrics and the outbox; left out: made from its kind, its host and a digest of its address.",
);
pub(crate) static TOKEN: Key<SecretRef> = absent("token", secret(), "The sink's own bearer token.");
pub(crate) static BASIC: Key<Section> = absent("basic", table(&basic::TABLE), "The sink's own user and password.");
pub(crate) static HEADERS: Key<Named> =
    absent("headers", headers(), "Headers for every request to it; a value may be a secret's place.");
pub(crate) static CLIENT_CERT: Key<String> =
    absent("client_cert", text(Format::File), "A PEM file with our certificate for mutual TLS.");
pub(crate) static CLIENT_KEY: Key<SecretRef> =
    absent("client_key", secret(), "The private key of client_cert, as PEM.");
pub(crate) static CA_FILE: Key<String> =
    absent("ca_file", text(Format::File), "A PEM file with further certificate authorities.");
pub(crate) static PROXY: Key<Setting> =
    absent("proxy", setting(Format::Url), "An HTTP proxy for this sink; none is used unless configured.");
pub(crate) static TIMEOUT: Key<Duration> =
    or("timeout", duration(100), r#""10s""#, "From sending to the complete answer.");
pub(crate) static MAX_PENDING: Key<u32> =
    or("max_pending", whole(1, 100_000_000), "1000000", "Deliveries that may wait on disk.");
pub(crate) static MAX_TRIES: Key<u32> = or(
    "max_tries",
    whole(10, 1000),
    "10",
    "Attempts, over an hour at least, at a delivery that was set aside before it becomes a dead letter.",
);
pub(crate) static EVENTS: Key<List<String>> =
    or("events", list(&text(Format::Any), 1), r#"["*"]"#, "Globs over event types; * matches dots too.");

/// `[[audit.export]]`.
pub(crate) mod export {
    use super::super::key::{Key, absent, duration, flag, or, required, setting, text, whole, word};
    use super::super::kind::{Format, Table};
    use super::{ORDER_DOC, ORDERS};
    use crate::config::secrets::Setting;
    use std::time::Duration;

    pub(crate) static TABLE: Table = Table {
        name: "[[audit.export]]",
        doc: "A sink for audit entries and bulk metrics.",
        keys: &[
            &super::NAME.row,
            &URL.row,
            &super::EVENTS.row,
            &super::TOKEN.row,
            &super::BASIC.row,
            &super::HEADERS.row,
            &super::CLIENT_CERT.row,
            &super::CLIENT_KEY.row,
            &super::CA_FILE.row,
            &super::PROXY.row,
            &super::TIMEOUT.row,
            &super::MAX_PENDING.row,
            &ORDER.row,
            &super::MAX_TRIES.row,
            &BULK.row,
            &BULK_INTERVAL.row,
            &BULK_CRON.row,
            &BULK_BATCH.row,
        ],
    };

    pub(crate) static URL: Key<Setting> =
        required("url", setting(Format::Url), "Each entry is posted here; bulk metrics go to {url}/metrics/bulk.");
    pub(crate) static ORDER: Key<String> = or("order", word(ORDERS), r#""strict""#, ORDER_DOC);
    pub(crate) static BULK: Key<bool> = or("bulk", flag(), "true", "Whether bulk metrics are sent.");
    pub(crate) static BULK_INTERVAL: Key<Duration> =
        or("bulk_interval", duration(1000), r#""5m""#, "How often bulk metrics are sent.");
    pub(crate) static BULK_CRON: Key<String> =
        absent("bulk_cron", text(Format::Cron), "When bulk metrics are sent, in UTC; in place of bulk_interval.");
    pub(crate) static BULK_BATCH: Key<u32> =
        or("bulk_batch", whole(1, 10_000), "500", "Most channels in one request of bulk metrics.");
}

/// `[[webhooks]]`.
pub(crate) mod webhook {
    use super::super::key::{Key, List, absent, list, or, required, secret, setting, text, word};
    use super::super::kind::{Format, Table};
    use super::{ORDER_DOC, ORDERS};
    use crate::config::secrets::{SecretRef, Setting};

    pub(crate) static TABLE: Table = Table {
        name: "[[webhooks]]",
        doc: "A subscriber to events.",
        keys: &[
            &super::NAME.row,
            &URL.row,
            &EVENTS.row,
            &SECRET.row,
            &SECRETS.row,
            &super::TOKEN.row,
            &super::BASIC.row,
            &super::HEADERS.row,
            &super::CLIENT_CERT.row,
            &super::CLIENT_KEY.row,
            &super::CA_FILE.row,
            &super::PROXY.row,
            &super::TIMEOUT.row,
            &super::MAX_PENDING.row,
            &ORDER.row,
            &super::MAX_TRIES.row,
        ],
    };

    pub(crate) static URL: Key<Setting> = required("url", setting(Format::Url), "Events are posted here.");
    pub(crate) static EVENTS: Key<List<String>> =
        required("events", list(&text(Format::Any), 1), "Globs over event types; * matches dots too.");
    pub(crate) static SECRET: Key<SecretRef> =
        absent("secret", secret(), "The signing secret: whsec_ and base64, or any text.");
    pub(crate) static SECRETS: Key<List<SecretRef>> = absent(
        "secrets",
        list(&secret(), 1),
        "Several signing secrets, the newest first: each signs, so that a receiver can change from one to the next.",
    );
    pub(crate) static ORDER: Key<String> = or("order", word(ORDERS), r#""set_aside""#, ORDER_DOC);
}

/// `[[audit.file]]`.
pub(crate) mod file {
    use super::super::key::{Key, bytes, or, required, text, whole, word};
    use super::super::kind::{Format, Table};

    pub(crate) static TABLE: Table = Table {
        name: "[[audit.file]]",
        doc: "A file on this machine that gets each audit entry as a line of JSON.",
        keys: &[
            &super::NAME.row,
            &PATH.row,
            &super::EVENTS.row,
            &MAX_BYTES.row,
            &KEEP.row,
            &ORDER.row,
            &super::MAX_PENDING.row,
        ],
    };

    pub(crate) static PATH: Key<String> =
        required("path", text(Format::File), "The file; its directory exists. It is created with mode 0600.");
    pub(crate) static MAX_BYTES: Key<u64> = or(
        "max_bytes",
        bytes(4096, 1_000_000_000_000),
        "104857600",
        "A file that would grow beyond it is renamed to PATH.1, that one to PATH.2, and so on.",
    );
    pub(crate) static KEEP: Key<u32> =
        or("keep", whole(0, 1000), "5", "Renamed files to keep; older ones are removed.");
    pub(crate) static ORDER: Key<String> =
        or("order", word(&["strict"]), r#""strict""#, "A file takes entries strictly in order.");
}

/// `basic` of a sink.
pub(crate) mod basic {
    use super::super::key::{Key, required, secret, text};
    use super::super::kind::{Format, Table};
    use crate::config::secrets::SecretRef;

    pub(crate) static TABLE: Table = Table {
        name: "basic of a sink",
        doc: "The sink's own user and password.",
        keys: &[&USERNAME.row, &PASSWORD.row],
    };

    pub(crate) static USERNAME: Key<String> = required("username", text(Format::Any), "The user.");
    pub(crate) static PASSWORD: Key<SecretRef> = required("password", secret(), "The password.");
}
