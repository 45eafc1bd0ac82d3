//! `[limits]`: how much may be changed at once, over all and for one tenant.

use super::key::{Key, absent, flag, or, whole};
use super::kind::Table;

pub(crate) static TABLE: Table = Table {
    name: "[limits]",
    doc: "How much may be changed at once, for each tenant and over all of them.",
    keys: &[
        &MAX_CONCURRENT.row,
        &MAX_PER_HOUR.row,
        &KEEP_FIT.row,
        &MASS_HOLD.row,
        &GLOBAL_MAX_CONCURRENT.row,
        &GLOBAL_MAX_PER_HOUR.row,
        &GLOBAL_KEEP_FIT.row,
    ],
};

pub(crate) static MAX_CONCURRENT: Key<u32> = or("max_concurrent", whole(1, 100_000), "3", "Actions in flight.");
pub(crate) static MAX_PER_HOUR: Key<u32> = or("max_per_hour", whole(1, 100_000), "30", "Actions in any hour.");
pub(crate) static KEEP_FIT: Key<u32> =
    or("keep_fit", whole(0, 1_000_000), "1", "Channels that must be Up after an action.");
pub(crate) static MASS_HOLD: Key<bool> = or(
    "mass_hold",
    flag(),
    "true",
    "Hold when half of the tenant's channels, and half of its carriers, turn bad at once.",
);
pub(crate) static GLOBAL_MAX_CONCURRENT: Key<u32> = absent(
    "global_max_concurrent",
    whole(1, 100_000),
    "Actions in flight over all tenants; left out: as many as their own limits allow.",
);
pub(crate) static GLOBAL_MAX_PER_HOUR: Key<u32> = absent(
    "global_max_per_hour",
    whole(1, 100_000),
    "Actions in any hour over all tenants; left out: as many as their own limits allow.",
);
pub(crate) static GLOBAL_KEEP_FIT: Key<u32> = absent(
    "global_keep_fit",
    whole(1, 1_000_000),
    "Channels of all tenants that must be Up after a failover; left out: as many as their own limits say.",
);

/// `[tenants.NAME.limits]`, over `[limits]`.
pub(crate) mod of_tenant {
    use super::super::kind::Table;

    pub(crate) static TABLE: Table = Table {
        name: "[tenants.NAME.limits]",
        doc: "How much may be changed at once for this tenant.",
        keys: &[&super::MAX_CONCURRENT.row, &super::MAX_PER_HOUR.row, &super::KEEP_FIT.row, &super::MASS_HOLD.row],
    };
}
