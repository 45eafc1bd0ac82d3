//! The question put to the guards: an action that is wanted or was decided, and what it may pass over.
//!
//! Must never: say whether a hold applies.

use super::super::super::ids::SlotId;
use crate::policy::cause::Cause;
use crate::policy::command::{Action, ActionKind};
use crate::policy::engine::{Engine, Slot, Want};
use crate::policy::hold::{ByApproval, ByOrder, ByRescue, Yields};
use crate::policy::reason::Reason;
use crate::policy::tenant::Tenant;
use crate::policy::time::Time;
use crate::policy::words::Actor;
use std::time::Duration;

/// An action, with all that the guards look at.
pub(super) struct Asked<'a> {
    pub engine: &'a Engine,
    pub now: Time,
    pub i: SlotId,
    pub slot: &'a Slot,
    pub tenant: &'a Tenant,
    pub what: What<'a>,
    pub passes: Passes,
}

/// Which action.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// Wanted; and the target, where it is known.
    Wanted(&'a Want, Option<SlotId>),
    /// In flight, and not sent yet.
    Decided(&'a Action),
}

/// What lets it pass over a hold that yields to that.
#[derive(Clone, Copy)]
pub(super) struct Passes {
    /// It takes traffic off a backup that failed; and whether that is known to be down.
    pub rescue: bool,
    pub off_down: bool,
    /// A person ordered it; and whether by force.
    pub ordered: bool,
    pub forced: bool,
    /// A person approved it; and the tenant's mass change.
    pub approved: bool,
    pub tenant_approved: bool,
    /// It takes back a mistake of ours.
    pub taking_back: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn wanted(engine: &'a Engine, now: Time, i: SlotId, want: &'a Want, target: Option<SlotId>) -> Self {
        let slot = &engine.slots[i];
        let mut asked = Self::new(engine, now, i, What::Wanted(want, target));
        asked.passes.ordered = slot.action.ordered.is_some();
        asked.passes.forced = slot.forced();
        asked.passes.approved = slot.approved_at(now).is_some();
        asked.passes.taking_back = want.takes_back();
        asked
    }

    /// Whoever ordered or approved it signs the action.
    pub(super) fn decided(engine: &'a Engine, now: Time, i: SlotId, action: &'a Action) -> Self {
        let mut asked = Self::new(engine, now, i, What::Decided(action));
        asked.passes.approved = action.actor != Actor::Engine;
        asked
    }

    fn new(engine: &'a Engine, now: Time, i: SlotId, what: What<'a>) -> Self {
        let slot = &engine.slots[i];
        let tenant = &engine.tenants[slot.tenant];
        let off_down = matches!(what.leaves(), Some(Cause::BackupDown { .. }));
        let passes = Passes {
            rescue: off_down || matches!(what.leaves(), Some(Cause::BackupMissing { .. })),
            off_down,
            ordered: false,
            forced: false,
            approved: false,
            tenant_approved: tenant.mass.approved,
            taking_back: false,
        };
        Self { engine, now, i, slot, tenant, what, passes }
    }

    /// How long it is until then.
    pub(super) fn left(&self, until: Option<Time>) -> Option<Duration> {
        until.filter(|until| *until > self.now).map(|until| until.since(self.now))
    }
}

impl Passes {
    /// Whether any of it passes over a hold with such a row.
    pub(super) const fn over(self, yields: Yields) -> bool {
        let rescue = match yields.rescue {
            ByRescue::Never => false,
            ByRescue::OffDown => self.off_down,
            ByRescue::Always => self.rescue,
        };
        let order = match yields.order {
            ByOrder::Never => false,
            ByOrder::Forced => self.forced,
            ByOrder::Always => self.ordered,
        };
        let approval = match yields.approval {
            ByApproval::Never => false,
            ByApproval::OfTenant => self.tenant_approved,
            ByApproval::OfChannel => self.approved,
        };
        rescue || order || approval || (yields.taking_back && self.taking_back)
    }
}

impl<'a> What<'a> {
    /// Why traffic leaves where it goes, its own channel or a backup; `None`: it comes home, or stays.
    pub(super) const fn leaves(self) -> Option<&'a Cause> {
        match self {
            Self::Wanted(Want::Failover(cause) | Want::Cascade(_, cause), _)
            | Self::Decided(Action { reason: Reason::Failover { cause, .. }, .. }) => Some(cause),
            Self::Wanted(..) | Self::Decided(_) => None,
        }
    }

    pub(super) const fn comes_home(self) -> bool {
        matches!(self, Self::Wanted(Want::Failback | Want::Rollback(_), _))
    }

    pub(super) const fn is_codec(self) -> bool {
        matches!(self, Self::Wanted(Want::Codec(_), _) | Self::Decided(Action { kind: ActionKind::Codec { .. }, .. }))
    }
}
