//! What passes over a hold: a rescue, a person's order, an approval, and taking back a mistake of ours.
//!
//! Must never: say whether one of them is at hand. That is `engine/guards.rs`'s.

/// What passes over a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yields {
    /// A rescue: traffic has to leave a backup that failed.
    pub rescue: ByRescue,
    /// A person's order to move traffic.
    pub order: ByOrder,
    /// A person's approval.
    pub approval: ByApproval,
    /// Taking back a route or a codec order of ours that proved a mistake.
    pub taking_back: bool,
}

/// Which rescue passes over a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByRescue {
    /// None does.
    Never,
    /// The one off a backup that is down. That the platform has a backup no more may be a mistake of the way.
    OffDown,
    /// The one off a backup that is down or missing.
    Always,
}

/// Which order passes over a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByOrder {
    /// None does.
    Never,
    /// One that is forced.
    Forced,
    /// Any.
    Always,
}

/// Which approval passes over a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByApproval {
    /// None does.
    Never,
    /// The tenant's (`approve TENANT`).
    OfTenant,
    /// That of what is proposed for the channel (`approve TENANT/CHANNEL`).
    OfChannel,
}

impl Yields {
    /// Nothing passes over it.
    pub(super) const TO_NOTHING: Self =
        Self { rescue: ByRescue::Never, order: ByOrder::Never, approval: ByApproval::Never, taking_back: false };
    /// A limit on how much is done at a time.
    pub(in crate::policy) const LIMIT: Self =
        Self { rescue: ByRescue::OffDown, order: ByOrder::Forced, ..Self::TO_NOTHING };
    /// What has to be up afterwards.
    pub(super) const KEEP_FIT: Self = Self { rescue: ByRescue::Always, order: ByOrder::Forced, ..Self::TO_NOTHING };
    /// It waits for a person's word.
    pub(super) const TO_A_PERSON: Self =
        Self { order: ByOrder::Always, approval: ByApproval::OfChannel, ..Self::TO_NOTHING };
    /// The same, but for what takes a mistake back.
    pub(super) const TO_A_PERSON_OR_TAKING_BACK: Self = Self { taking_back: true, ..Self::TO_A_PERSON };
}
