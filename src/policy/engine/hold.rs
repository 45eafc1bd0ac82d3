//! What holds back an action that is wanted, and what is told of it.

use super::super::command::{Actor, Command, EventType};
use super::super::guard::Hold;
use super::super::key::ChannelId;
use super::super::params::{Failback, Mode};
use super::super::reason::Reason;
use super::super::time::Time;
use super::{Engine, Slot, Want, Wish, channel_record};

impl Engine {
    /// What forbids an action of this kind now, its target left aside.
    pub(super) fn guards(&self, now: Time, i: usize, want: &Want) -> Result<(), Hold> {
        let slot = &self.slots[i];
        let tenant = &self.tenants[slot.tenant];
        self.still(slot)?;
        if tenant.blind {
            return Err(Hold::Blind);
        }
        if tenant.mass.held && !tenant.mass.approved {
            return Err(Hold::MassChange { bad: tenant.bad(), of: tenant.configured });
        }
        let left = |until: Option<Time>| until.filter(|until| *until > now).map(|until| until.since(now));
        if let Some(left) = left(slot.retry_at) {
            return Err(Hold::Backoff { failures: slot.failures, left });
        }
        if matches!(want, Want::Failback) {
            way_home(now, slot)?;
        }
        if !matches!(want, Want::Cascade(..)) {
            if let Some(left) = left(slot.blocked_until) {
                return Err(Hold::Blocked { left });
            }
            if let (Want::Codec(_), Some(left)) = (want, left(slot.codec_until)) {
                return Err(Hold::Cooldown { left });
            }
            let limits = tenant.params.limits;
            if tenant.in_flight >= limits.max_concurrent {
                return Err(Hold::MaxConcurrent { max: limits.max_concurrent });
            }
            if tenant.actions_last_hour(now) >= limits.max_per_hour {
                return Err(Hold::MaxPerHour { max: limits.max_per_hour });
            }
        }
        self.keep_fit(i, want, None)?;
        // A decision that was made and may not be carried out is not made again until something else changes.
        match &slot.held {
            Some(Hold::Observe | Hold::Propose) => self.mode_allows(now, i),
            _ => Ok(()),
        }
    }

    /// What forbids sending whatever was decided: the journal, and people.
    pub(super) fn still(&self, slot: &Slot) -> Result<(), Hold> {
        let tenant = &self.tenants[slot.tenant];
        if !self.journal {
            return Err(Hold::Journal);
        }
        if self.paused {
            return Err(Hold::Paused { tenant: None });
        }
        if tenant.paused {
            return Err(Hold::Paused { tenant: Some(tenant.id.clone()) });
        }
        Ok(())
    }

    pub(super) fn mode(&self, slot: &Slot) -> Mode {
        self.params.mode.min(slot.policy.mode.0)
    }

    /// Asked last, when everything else is decided: whether it may be carried out.
    pub(super) fn mode_allows(&self, now: Time, i: usize) -> Result<(), Hold> {
        let slot = &self.slots[i];
        match self.mode(slot) {
            Mode::Enforce => Ok(()),
            Mode::Propose if slot.approved.as_ref().is_some_and(|(until, _)| now < *until) => Ok(()),
            Mode::Propose => Err(Hold::Propose),
            Mode::Observe => Err(Hold::Observe),
        }
    }

    /// An action is wanted and may not be made now: told once for each episode and hold.
    pub(super) fn hold(&mut self, i: usize, hold: Hold, to: Option<ChannelId>, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        let Some(wish) = &mut slot.wish else { return };
        let to = to.or_else(|| match &slot.reason {
            Reason::Held { to, hold: before, .. } if before.label() == hold.label() => to.clone(),
            _ => None,
        });
        let reason = Reason::Held { wanted: wish.want.name().to_owned(), to, hold: hold.clone() };
        if wish.told & hold.bit() == 0 {
            wish.told |= hold.bit();
            let event = match wish.want {
                Want::Failover(_) | Want::Cascade(..) => EventType::FailoverHeld,
                Want::Failback => EventType::FailbackHeld,
                Want::Codec(_) => EventType::CodecHeld,
            };
            let told = channel_record(&slot.key, event, Actor::Engine, reason.clone(), (None, None));
            out.push(Command::Record(told));
        }
        slot.held = Some(hold);
        self.set_reason(i, reason);
    }

    /// What was held is free: last looks count from now on.
    pub(super) fn unhold(&mut self, now: Time, i: usize, mut wish: Wish) -> Wish {
        if self.slots[i].held.take().is_some() {
            wish.since = now;
            wish.seq = self.seq;
            wish.asked = None;
            self.slots[i].wish = Some(wish.clone());
            self.mark_changed(i);
        }
        wish
    }
}

/// What forbids taking traffic home without a person.
fn way_home(now: Time, slot: &Slot) -> Result<(), Hold> {
    match slot.policy.failover.failback {
        _ if slot.approved.as_ref().is_some_and(|(until, _)| now < *until) => Ok(()),
        _ if slot.foreign => Err(Hold::ForeignRoute),
        Failback::Auto => Ok(()),
        Failback::Manual => Err(Hold::FailbackManual),
        Failback::Window => Err(Hold::FailbackWindow),
    }
}
