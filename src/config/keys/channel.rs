//! `[[channels]]`: channels that exist, and channels that are desired.

use super::key::{Key, List, absent, list, or, required, table, text};
use super::kind::{Format, Table};
use crate::config::section::Section;

pub(crate) static TABLE: Table = Table {
    name: "[[channels]]",
    doc: "A channel: one that exists (id), or one that is desired (name and [channels.provision]).",
    keys: &[&ID.row, &NAME.row, &TENANT.row, &POLICY.row, &FAILOVER.row, &CARRIER.row, &PROVISION.row],
};

pub(crate) static ID: Key<String> = absent("id", text(Format::ChannelId), "The channel's id on the platform.");
pub(crate) static NAME: Key<String> =
    absent("name", text(Format::ChannelName), "The name of a desired channel, 3 to 64 characters.");
pub(crate) static TENANT: Key<String> = required("tenant", text(Format::Any), "The tenant that it belongs to.");
pub(crate) static POLICY: Key<String> = or("policy", text(Format::Any), r#""default""#, "Its policy.");
pub(crate) static FAILOVER: Key<List<String>> = absent(
    "failover",
    list(&text(Format::ChannelId), 0),
    "Its backups in order; left out: the platform's routing.failover_channels; []: none.",
);
pub(crate) static CARRIER: Key<String> = absent(
    "carrier",
    text(Format::Any),
    "The carrier it depends on, for the mass hold; left out: its sip_server as read.",
);
pub(crate) static PROVISION: Key<Section> =
    absent("provision", table(&provision::TABLE), "The channel to create where it does not exist yet.");

/// `[channels.provision]`.
pub(crate) mod provision {
    use super::super::key::{Key, List, absent, list, or, port, required, secret, table, tables, text};
    use super::super::kind::{Format, Table};
    use crate::config::secrets::SecretRef;
    use crate::config::section::Section;

    pub(crate) static TABLE: Table = Table {
        name: "[channels.provision]",
        doc: "A channel to create where it does not exist yet.",
        keys: &[
            &SIP_SERVER.row,
            &SIP_PORT.row,
            &USERNAME.row,
            &PASSWORD.row,
            &CODECS.row,
            &FAILOVER.row,
            &HEALTH_CHECK.row,
        ],
    };

    pub(crate) static SIP_SERVER: Key<String> =
        required("sip_server", text(Format::Host), "Host name of the carrier's SIP server.");
    pub(crate) static SIP_PORT: Key<u16> = or("sip_port", port(5060, 5080), "5060", "Its port, 5060 to 5080.");
    pub(crate) static USERNAME: Key<String> = required("username", text(Format::Any), "SIP user.");
    pub(crate) static PASSWORD: Key<SecretRef> = required("password", secret(), "SIP password.");
    pub(crate) static CODECS: Key<Vec<Section>> =
        required("codecs", tables(&super::codec::TABLE, 1), "At least one codec with its priority.");
    pub(crate) static FAILOVER: Key<List<String>> =
        absent("failover", list(&text(Format::ChannelId), 0), "Ids of its backups.");
    pub(crate) static HEALTH_CHECK: Key<Section> =
        absent("health_check", table(&super::health_check::TABLE), "The platform's own check.");
}

/// A row of `codecs` of `[channels.provision]`.
pub(crate) mod codec {
    use super::super::key::{Key, required, whole, word};
    use super::super::kind::Table;

    pub(crate) static TABLE: Table = Table {
        name: "codecs of [channels.provision]",
        doc: "A codec and its priority.",
        keys: &[&NAME.row, &PRIORITY.row],
    };

    pub(crate) static NAME: Key<String> =
        required("name", word(&["PCMU", "PCMA", "G729", "G722", "OPUS"]), "The codec.");
    pub(crate) static PRIORITY: Key<u32> = required("priority", whole(1, 10), "1 to 10; 1 is preferred.");
}

/// `health_check` of `[channels.provision]`: the platform's own.
pub(crate) mod health_check {
    use super::super::key::{Key, or, whole};
    use super::super::kind::Table;

    pub(crate) static TABLE: Table = Table {
        name: "health_check of [channels.provision]",
        doc: "The platform's own check.",
        keys: &[&INTERVAL_SECONDS.row, &TIMEOUT_SECONDS.row],
    };

    pub(crate) static INTERVAL_SECONDS: Key<u32> = or("interval_seconds", whole(30, 300), "60", "30 to 300.");
    pub(crate) static TIMEOUT_SECONDS: Key<u32> =
        or("timeout_seconds", whole(5, 30), "15", "5 to 30, below the interval.");
}
