//! Blindness: a tenant whose looks fail is blind; and if no reference target outside the platforms answers either, our own
//! network is down and every tenant is blind at once.
//!
//! While a tenant is blind nothing is done, and no time counts as having been up. Sight comes back channel by channel, each with
//! its own fresh evidence. With reference targets, a tenant is blind at once, but it is recorded only once they have shown whose
//! fault it is: one entry for our own network, otherwise one for each platform.
//!
//! Must never: take an error, or a reference target, for evidence of a channel.

use super::super::command::{Command, EventType, Fact};
use super::super::ids::{SlotId, TenantIx};
use super::super::key::TenantId;
use super::super::reason::Reason;
use super::super::time::Time;
use super::super::words::{Actor, TenantState};
use super::{Engine, record};

/// What the reference targets say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Network {
    /// Targets that answered, of those that ever did.
    pub answered: u32,
    pub of: u32,
    /// None of them answers any more.
    pub lost: bool,
}

impl Engine {
    /// Whether nothing can be seen of a tenant.
    pub(super) fn is_blind(&self, t: TenantIx) -> bool {
        self.network.lost || self.tenants[t].blind
    }

    /// One more look of the tenant ended; whether the tenant can be seen follows from all of them.
    pub(super) fn note_sight(&mut self, now: Time, i: SlotId, answered: bool, out: &mut Vec<Command>) {
        if self.network.lost {
            // Whatever fails now is explained by that; whatever is answered counts once it is over.
            return;
        }
        let t = self.slots[i].tenant;
        let tenant = &mut self.tenants[t];
        tenant.looks.note(now, i, answered);
        let failing = tenant.looks.failing(tenant.watched);
        match (tenant.blind, failing) {
            (false, true) => {
                tenant.blind = true;
                tenant.blind_untold = true;
                if self.network.of == 0 {
                    self.tell_blind(t, out);
                }
            }
            (true, false) if tenant.looks.answered() => {
                tenant.blind = false;
                tenant.seen_since = Some(now);
                if !std::mem::take(&mut tenant.blind_untold) {
                    let (failed, of) = tenant.looks.counts();
                    let id = Some(tenant.id.clone());
                    out.push(blindness(EventType::BlindLeft, id, Reason::Seen { failed, of }, false));
                }
            }
            _ => return,
        }
        self.sight_changed(t);
    }

    /// So many of the reference targets that ever answered do now. Whether that said anything new.
    pub(super) fn on_references(&mut self, now: Time, answered: u32, of: u32, out: &mut Vec<Command>) -> bool {
        let before = self.network;
        self.network = Network { answered, of, lost: of > 0 && answered == 0 };
        let untold = self.tenants.iter().any(|tenant| tenant.blind_untold);
        if (before.answered, before.of) == (answered, of) && !untold {
            return false;
        }
        match (before.lost, self.network.lost) {
            (false, true) => {
                out.push(blindness(EventType::BlindEntered, None, Reason::NetworkLost { of }, true));
                self.all_sight_changed();
            }
            (true, false) => {
                for tenant in self.tenants.iter_mut() {
                    // What failed meanwhile was no platform's fault.
                    tenant.looks.clear();
                    tenant.seen_since = Some(now);
                    if std::mem::take(&mut tenant.blind_untold) {
                        tenant.blind = false;
                    }
                }
                out.push(blindness(EventType::BlindLeft, None, Reason::NetworkBack { answered, of }, false));
                self.all_sight_changed();
            }
            (false, false) => {
                for t in self.tenants.ids() {
                    if self.tenants[t].blind_untold {
                        self.tell_blind(t, out);
                    }
                }
            }
            (true, true) => {}
        }
        true
    }

    fn tell_blind(&mut self, t: TenantIx, out: &mut Vec<Command>) {
        let references = Some((self.network.answered, self.network.of)).filter(|(_, of)| *of > 0);
        let tenant = &mut self.tenants[t];
        tenant.blind_untold = false;
        let (failed, of) = tenant.looks.counts();
        let reason = Reason::Blind { failed, of, references };
        out.push(blindness(EventType::BlindEntered, Some(tenant.id.clone()), reason, true));
    }

    fn all_sight_changed(&mut self) {
        for t in self.tenants.ids() {
            self.sight_changed(t);
        }
    }

    /// Those that want something, and those whose time of being up no longer counts.
    fn sight_changed(&mut self, t: TenantIx) {
        let touched: Vec<SlotId> = self
            .slots
            .ids()
            .filter(|i| {
                let slot = &self.slots[*i];
                slot.live
                    && slot.tenant == t
                    && (slot.action.wish.is_some() || slot.action.good_since.is_some() && slot.away())
            })
            .collect();
        for i in touched {
            self.touch(i);
        }
    }
}

fn blindness(event: EventType, tenant: Option<TenantId>, reason: Reason, blind: bool) -> Command {
    let state = |blind| Some(Fact::Tenant(if blind { TenantState::Blind } else { TenantState::Seen }));
    let mut record = record(event, tenant, None, Actor::Engine, reason);
    (record.before, record.after) = (state(!blind), state(blind));
    Command::Record(record)
}
