//! What holds back an action that is wanted, and what is told of it.

use super::super::channel::Event;
use super::super::command::{Action, ActionKind, Actor, Command, EventType, OpId};
use super::super::failover::home_against;
use super::super::hold::Hold;
use super::super::key::ChannelId;
use super::super::observation::ranked;
use super::super::params::{Failback, Mode};
use super::super::reason::{Cause, Ineligible, Reason};
use super::super::time::Time;
use super::{Engine, Slot, Want, Wish, channel_record};

impl Engine {
    /// What forbids an action of this kind now, its target left aside.
    pub(super) fn guards(&self, now: Time, i: usize, want: &Want) -> Result<(), Hold> {
        let slot = &self.slots[i];
        let tenant = &self.tenants[slot.tenant];
        self.still(slot, matches!(want, Want::Cascade(_, Cause::BackupDown { .. })))?;
        if slot.forced() {
            return Ok(());
        }
        if let Want::Failover(cause) = want {
            stays_fit(slot, cause)?;
        }
        if matches!(want, Want::Codec(_)) {
            self.credentials_at_risk(i)?;
        }
        let left = |until: Option<Time>| until.filter(|until| *until > now).map(|until| until.since(now));
        let retry = slot.retries.of(want.purpose());
        if let Some(left) = left(retry.at) {
            let failures = retry.failures_at(now, slot.policy.failover.block_period);
            return Err(Hold::Backoff { failures, left });
        }
        if matches!(want, Want::Failback | Want::Rollback(_)) {
            self.way_home(now, slot, want)?;
        }
        if !want.is_cascade() {
            if let Some(left) = left(slot.blocked_until).filter(|_| !want.takes_back()) {
                return Err(Hold::Blocked { left });
            }
            if let (Want::Codec(_), Some(left), false) = (want, left(slot.codec_until), want.takes_back()) {
                return Err(Hold::Cooldown { left });
            }
        }
        if !want.passes_limits() {
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
        if let Some(Hold::Observe | Hold::Propose | Hold::Lapsed { .. }) = &slot.held {
            self.mode_allows(now, i)?;
        }
        self.place(now, i, want)
    }

    /// What forbids sending whatever was decided: the journal, people, and what is known of the tenant as a whole. `rescue`:
    /// it takes traffic off a backup that is down, to another one: whoever works on the channel itself is not disturbed by that.
    pub(super) fn still(&self, slot: &Slot, rescue: bool) -> Result<(), Hold> {
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
        if self.network.lost {
            return Err(Hold::Network);
        }
        if tenant.blind {
            return Err(Hold::Blind);
        }
        if slot.in_maintenance() && !rescue {
            return Err(Hold::Maintenance);
        }
        if tenant.mass.held() && !tenant.mass.approved {
            return Err(Hold::MassChange { bad: tenant.bad(), of: tenant.configured });
        }
        Ok(())
    }

    /// What forbids sending a change that is in flight and was not sent yet.
    pub(super) fn may_still_send(&self, op: OpId) -> Result<(), Reason> {
        let flight = self.ops.get(&op).and_then(|i| Some((&self.slots[*i], self.slots[*i].flight.as_ref()?)));
        let hold = match flight {
            Some((slot, flight)) => match self.still_stands(slot, &flight.action) {
                Ok(()) => return Ok(()),
                Err(hold) => hold,
            },
            None => Hold::Unwatched,
        };
        Err(Reason::CalledBack { hold })
    }

    /// Between decision and sending the ground may give way: a person, the target, or the channel itself.
    fn still_stands(&self, slot: &Slot, action: &Action) -> Result<(), Hold> {
        self.still(slot, matches!(&action.reason, Reason::Failover { cause: Cause::BackupDown { .. }, .. }))?;
        if !slot.configured {
            return Err(Hold::Unwatched);
        }
        match self.mode(slot) {
            Mode::Observe => return Err(Hold::Observe),
            Mode::Propose if action.actor == Actor::Engine => return Err(Hold::Propose),
            Mode::Propose | Mode::Enforce => {}
        }
        if let Reason::Failover { cause, .. } = &action.reason {
            stays_fit(slot, cause)?;
        }
        if let (ActionKind::Codec { .. }, Some(hold)) = (&action.kind, self.codecs_ended(slot)) {
            return Err(hold);
        }
        let well_again = |id: &ChannelId| {
            self.lookup(slot, id).is_some_and(|c| !self.slots[c].missing && self.slots[c].verdict == Some(Event::Good))
        };
        let outdated = match &action.reason {
            Reason::Failover { cause: Cause::Down { .. }, .. } => !slot.last_bad(),
            Reason::Failover { cause: Cause::BackupDown { backup } | Cause::BackupMissing { backup }, .. }
            | Reason::Failback { from: backup, backup_failed: true, .. } => well_again(backup),
            Reason::Codec { .. } | Reason::CodecUndone { .. } | Reason::CodecRestored { .. } => slot.last_bad(),
            _ => false,
        };
        if outdated {
            return Err(Hold::Outdated);
        }
        let unfit = match &action.kind {
            ActionKind::Failover { to, .. } => {
                let against = self.lookup(slot, to).map_or(Some(Ineligible::NotSeen), |c| self.unfit(c));
                against.map(|against| (to, against))
            }
            ActionKind::Failback { .. } => home_against(slot).map(|against| (slot.id(), against)),
            ActionKind::Codec { .. } => None,
        };
        match unfit {
            Some((target, against)) => Err(Hold::Unfit { target: target.clone(), against }),
            None => Ok(()),
        }
    }

    pub(super) fn mode(&self, slot: &Slot) -> Mode {
        self.params.mode.min(slot.policy.mode.0)
    }

    /// Asked last, when everything else is decided: whether it may be carried out.
    pub(super) fn mode_allows(&self, now: Time, i: usize) -> Result<(), Hold> {
        let slot = &self.slots[i];
        match self.mode(slot) {
            Mode::Enforce => Ok(()),
            Mode::Propose if slot.ordered.is_some() => Ok(()),
            Mode::Propose if slot.approved_at(now).is_some() => Ok(()),
            Mode::Propose => Err(proposal(now, slot)),
            Mode::Observe => Err(Hold::Observe),
        }
    }

    /// An action is wanted and may not be made now: told once for each episode and hold.
    pub(super) fn hold(&mut self, now: Time, i: usize, hold: Hold, to: Option<ChannelId>, out: &mut Vec<Command>) {
        self.line_up(now, i, &hold);
        let slot = &mut self.slots[i];
        let Some(wish) = &mut slot.wish else { return };
        let to = to.or_else(|| match &slot.reason {
            Reason::Held { to, hold: before, .. }
                if before.label() == hold.label() || matches!(hold, Hold::Lapsed { .. }) =>
            {
                to.clone()
            }
            _ => None,
        });
        // What was decided and waits for a person is named, so that he knows what he approves.
        let decided = matches!(hold, Hold::Propose | Hold::Lapsed { .. } | Hold::Observe);
        let order = wish.want.order().filter(|_| decided);
        let order = order.map(|order| ranked(order).into_iter().map(str::to_owned).collect());
        let reason = Reason::Held { wanted: wish.want.name().to_owned(), to, order, hold: hold.clone() };
        if hold == Hold::Propose {
            wish.proposed.get_or_insert(now);
        }
        if wish.recorded.insert(hold.label()) {
            let event = match wish.want {
                _ if matches!(hold, Hold::Lapsed { .. }) => EventType::Lapsed,
                Want::Failover(_) | Want::Cascade(..) => EventType::FailoverHeld,
                Want::Failback | Want::Rollback(_) => EventType::FailbackHeld,
                Want::Codec(_) => EventType::CodecHeld,
            };
            let told = channel_record(&slot.key, event, Actor::Engine, reason.clone(), (None, None));
            out.push(Command::Record(told));
        }
        if matches!(hold, Hold::Lapsed { .. })
            && wish.want.is_choice()
            && !slot.lapsed.iter().any(|lapsed| lapsed.want.same_episode(&wish.want))
        {
            slot.lapsed.push(wish.clone());
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

    /// What forbids taking traffic home without a person. A move that proved a mistake waits for no window and has a margin
    /// of its own.
    fn way_home(&self, now: Time, slot: &Slot, want: &Want) -> Result<(), Hold> {
        match slot.policy.failover.failback {
            _ if slot.approved_at(now).is_some() => Ok(()),
            _ if slot.ordered.is_some() => Ok(()),
            _ if slot.foreign => Err(Hold::ForeignRoute),
            _ if matches!(slot.moved_for, Some(Cause::Ordered { .. })) => Err(Hold::OrderedRoute),
            Failback::Manual => Err(Hold::FailbackManual),
            Failback::Auto | Failback::Window if want.takes_back() => Ok(()),
            Failback::Window if !slot.windows.failback => Err(Hold::FailbackWindow),
            Failback::Auto | Failback::Window => self.better_at_home(now, slot),
        }
    }

    /// Whether home scores better than the backup by the policy's margin, as of now: scores are those of a whole window, and
    /// for how long home has been good was asked before. A side that is not measured holds nothing: a line without calls has
    /// no telemetry, and traffic would never come home.
    fn better_at_home(&self, now: Time, slot: &Slot) -> Result<(), Hold> {
        let Some(better_by) = slot.policy.failover.failback_better_by else { return Ok(()) };
        let backup = slot.route.as_ref().and_then(|route| self.sibling(slot, route)).map(|b| &self.slots[b]);
        let scores = backup.and_then(|backup| Some((slot.quality_now(now)?, backup, backup.quality_now(now)?)));
        match scores {
            Some((home, backup, there)) if home.score < there.score + better_by => Err(Hold::FailbackMargin {
                home: slot.id().clone(),
                home_score: home.score,
                backup: backup.id().clone(),
                backup_score: there.score,
                better_by,
            }),
            _ => Ok(()),
        }
    }
}

/// Those it carries are asked first: what leaves for quality alone is no fit backup any more.
fn stays_fit(slot: &Slot, cause: &Cause) -> Result<(), Hold> {
    if slot.carries > 0 && cause.is_quality() { Err(Hold::Carries { others: slot.carries }) } else { Ok(()) }
}

/// What an action that nobody has approved waits for, or waited for in vain.
fn proposal(now: Time, slot: &Slot) -> Hold {
    let after = slot.policy.propose_for.0;
    let proposed = slot.wish.as_ref().and_then(|wish| wish.proposed);
    if proposed.is_some_and(|at| now.since(at) >= after) { Hold::Lapsed { after } } else { Hold::Propose }
}
