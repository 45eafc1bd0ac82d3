//! Whether somebody may change a tenant's platform now, by the table of `policy/clearance.rs`.
//!
//! Must never: hold back by anything that is not in the table.

use super::{Engine, Slot};
use crate::policy::clearance::{Bar, Writer, bars};
use crate::policy::hold::Hold;
use crate::policy::key::{ChannelId, ChannelKey, TenantId};
use crate::policy::params::Mode;
use crate::policy::tenant::Tenant;

impl Engine {
    /// What holds back `writer`, who wants to change the platform of `tenant`, and there `channel` where it is about one.
    ///
    /// # Errors
    /// The first hold that applies.
    pub fn may_change(&self, tenant: &TenantId, channel: Option<&ChannelId>, writer: Writer) -> Result<(), Hold> {
        let of = self.tenants.find(tenant).map(|t| &self.tenants[t]).filter(|tenant| tenant.live);
        let slot = channel.and_then(|channel| self.slots.find(&ChannelKey::new(tenant.clone(), channel.clone())));
        let approved = of.is_some_and(|tenant| tenant.mass.approved);
        let passes = |hold: &Hold| approved && matches!(hold, Hold::MassChange { .. });
        self.holds(writer, of, slot.map(|i| &self.slots[i])).find(|hold| !passes(hold)).map_or(Ok(()), Err)
    }

    /// What of the table applies now to `writer`, in its order.
    pub(super) fn holds(
        &self,
        writer: Writer,
        tenant: Option<&Tenant>,
        slot: Option<&Slot>,
    ) -> impl Iterator<Item = Hold> {
        bars(writer).filter_map(move |bar| self.hold_of(bar, writer, tenant, slot))
    }

    fn hold_of(&self, bar: Bar, writer: Writer, tenant: Option<&Tenant>, slot: Option<&Slot>) -> Option<Hold> {
        match bar {
            Bar::Journal => (!self.journal).then_some(Hold::Journal),
            Bar::Paused if self.paused => Some(Hold::Paused { tenant: None }),
            Bar::Paused => tenant.filter(|t| t.paused).map(|t| Hold::Paused { tenant: Some(t.id.clone()) }),
            Bar::Network => self.network.lost.then_some(Hold::Network),
            Bar::Blind => tenant.filter(|t| t.blind).map(|_| Hold::Blind),
            Bar::Maintenance => slot.filter(|slot| slot.in_maintenance()).map(|_| Hold::Maintenance),
            Bar::MassChange => {
                tenant.filter(|t| t.mass.held()).map(|t| Hold::MassChange { bad: t.bad(), of: t.configured })
            }
            Bar::Mode => self.hold_of_mode(writer, slot),
        }
    }

    /// An action's mode is asked last of all, by its guards, since then it is known what would be proposed.
    fn hold_of_mode(&self, writer: Writer, slot: Option<&Slot>) -> Option<Hold> {
        let policy = slot.map_or(Mode::Enforce, |slot| slot.policy.mode.0);
        match (writer, self.params.mode.min(policy)) {
            (Writer::Bridge, _) if self.params.mode == Mode::Observe => Some(Hold::Observe),
            (Writer::Rescue, Mode::Observe) => Some(Hold::Observe),
            (Writer::Rescue, Mode::Propose) => Some(Hold::Propose),
            _ => None,
        }
    }
}
