//! Parts of the configuration on their way: compiled, with the places at which later checks point.

use crate::config::loc::Loc;
use crate::config::model::{Channel, Provision, Tenant};
use crate::config::section::Got;

/// A tenant and where it stands.
pub(super) struct Placed {
    pub value: Tenant,
    pub at: Loc,
}

/// A channel and where its parts stand.
pub(super) struct Read {
    pub channel: Channel,
    pub tenant: Got<String>,
    pub backups: Vec<(String, Loc)>,
}

/// A desired channel and where its parts stand.
pub(super) struct Desired {
    pub provision: Provision,
    /// Its `[channels.provision]`.
    pub at: Loc,
    pub backups: Vec<(String, Loc)>,
}
