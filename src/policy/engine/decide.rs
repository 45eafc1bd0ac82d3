//! What is wanted for a channel, whether it may be done, and when to look again. The only caller of `act`.

use super::super::channel::Event;
use super::super::command::{ActionKind, Command, EventType};
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::reason::{Cause, Reason};
use super::super::time::Time;
use super::super::words::{Actor, Health};
use super::evidence::Finding;
use super::failover::Pick;
use super::{Engine, Want, Wish, channel_record};

impl Engine {
    /// Since when home has been up and good, for a channel whose traffic is elsewhere.
    pub(super) fn note_home_good(&mut self, now: Time, i: SlotId) {
        let t = self.slots[i].tenant;
        let (blind, seen) = (self.is_blind(t), self.tenants[t].seen_since);
        let slot = &mut self.slots[i];
        let blind = blind || slot.evidence.at < seen;
        let below = slot.quality_now(now).is_some() && slot.telemetry.fine_since.is_none();
        let bad_score = below || slot.telemetry.low_since.is_some() || slot.telemetry.degraded_since.is_some();
        let good = slot.health() == Health::Up
            && slot.evidence.fresh
            && slot.evidence.verdict == Some(Event::Good)
            && !bad_score
            && !blind;
        slot.action.good_since = if good { slot.action.good_since.or(Some(now)) } else { None };
        slot.forget_stale_telemetry(now);
    }

    /// What is wanted now, or why nothing is.
    pub(super) fn wanted(&self, now: Time, i: SlotId) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        if let Some(flight) = &slot.action.flight {
            return Err(Reason::InFlight { kind: flight.action.kind.name().to_owned() });
        }
        if let Some(unsure) = &slot.action.unsure {
            return Err(Reason::Unsure { kind: unsure.kept.kind.name().to_owned() });
        }
        if slot.evidence.missing || slot.route.read.is_none() {
            return Err(self.quiet_reason(i));
        }
        if let Some(ordered) = &slot.action.ordered {
            return Ok(ordered.want());
        }
        match &slot.route.read {
            Some(route) if slot.away() => self.wanted_away(now, i, route),
            _ => self.wanted_home(now, i),
        }
    }

    fn wanted_home(&self, now: Time, i: SlotId) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        if slot.finding() == Finding::Failed {
            if !slot.policy.failover.enabled {
                return Err(Reason::FailoverOff);
            }
            let status = slot.evidence.status.clone().unwrap_or_default();
            return Ok(Want::Failover(Cause::Down { looks: slot.evidence.machine.bads(), status }));
        }
        if slot.finding() != Finding::Works {
            return Err(self.quiet_reason(i));
        }
        let (wants, reason) = self.remedies(now, i);
        self.choose(slot, wants).ok_or(reason)
    }

    fn wanted_away(&self, now: Time, i: SlotId, route: &ChannelId) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        if let Some(b) = self.sibling(slot, route).filter(|_| slot.policy.failover.enabled) {
            let backup = &self.slots[b];
            // One such answer may be a mistake on the way: it counts against a target, and moves nothing.
            if backup.evidence.missing && backup.evidence.missing_looks >= backup.policy.health.fall {
                return Ok(Want::Cascade(b, Cause::BackupMissing { backup: route.clone() }));
            }
            if backup.health() == Health::Down && backup.last_bad() {
                return Ok(Want::Cascade(b, Cause::BackupDown { backup: route.clone() }));
            }
        }
        let (wants, reason) = self.ways_home(now, i, route);
        self.choose(slot, wants).ok_or(reason)
    }

    /// The reason where nothing is wanted at home: what is known of the channel's health.
    pub(super) fn quiet_reason(&self, i: SlotId) -> Reason {
        let slot = &self.slots[i];
        let thresholds = &slot.policy.health;
        let (good, rise) = (slot.evidence.machine.goods(), thresholds.rise);
        match slot.health() {
            _ if slot.evidence.missing => slot.missing_reason(),
            _ if slot.evidence.at.is_none() => Reason::NotSeen,
            _ if !slot.evidence.fresh => Reason::Stale { limit: self.stale_limit(i) },
            Health::Down if !slot.last_bad() => Reason::Recovering { good, rise },
            _ if slot.last_bad() => {
                let bad = slot.evidence.machine.bads();
                Reason::Suspect { bad, fall: thresholds.fall, status: slot.evidence.status.clone() }
            }
            Health::Up => Reason::Fine,
            Health::Degraded => Reason::Degraded { status: slot.evidence.status.clone() },
            Health::Unknown | Health::Down => Reason::Settling { good, rise },
        }
    }

    pub(super) fn wish(&mut self, now: Time, i: SlotId, want: Want) {
        self.forget_lapsed(now, i, &want);
        let seq = self.seq;
        let slot = &mut self.slots[i];
        match &mut slot.action.wish {
            Some(wish) if wish.want.same_episode(&want) => wish.want = want,
            _ => {
                // What was proposed in vain is not proposed again as long as it is wanted.
                let before = slot.action.lapsed.iter().find(|lapsed| lapsed.want.same_episode(&want));
                let (recorded, proposed) =
                    before.map(|lapsed| (lapsed.recorded.clone(), lapsed.proposed)).unwrap_or_default();
                let (looked, asked) = (None, None);
                slot.action.wish =
                    Some(Wish { want, since: now, seq, looked, asked, recorded, proposed, nobody_told: false });
                slot.action.held = None;
                slot.action.no_candidate = false;
                // What a person approved was something else.
                slot.action.approved = None;
                self.tenants[slot.tenant].wanting.insert(i);
                self.places.forget(i);
            }
        }
    }

    /// Nothing is wanted any more.
    pub(super) fn unwish(&mut self, i: SlotId) {
        let slot = &mut self.slots[i];
        if slot.action.wish.take().is_some() {
            self.tenants[slot.tenant].wanting.remove(&i);
            slot.action.held = None;
            slot.action.no_candidate = false;
            slot.action.approved = None;
            self.places.forget(i);
            self.mark_changed(i);
        }
        self.slots[i].action.lapsed.clear();
    }

    /// Follows a wish as far as it goes now: held, confirming, without a candidate, or done.
    pub(super) fn pursue(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let Some(wish) = self.slots[i].action.wish.clone() else { return };
        if let Err(hold) = self.guards(now, i, &wish.want) {
            self.note_no_candidate(i, self.nobody_is_fit(now, i, &wish.want));
            return self.hold(now, i, hold, None, out);
        }
        self.take_place(now, i, &wish.want);
        let wish = self.unhold(now, i, wish);
        let mut awaiting = self.unconfirmed(now, i, &wish);
        match wish.want.clone() {
            Want::Failover(cause) | Want::Cascade(_, cause) => match self.pick_noting(now, i, &wish) {
                Pick::Take { target, passed_over } if awaiting.is_empty() => {
                    return self.move_to(now, i, target, cause, passed_over, out);
                }
                Pick::Take { .. } => {}
                Pick::Wait { asked } => {
                    self.slots[i].action.wish.as_mut().map(|wish| wish.asked.get_or_insert(now));
                    awaiting.extend(asked);
                }
                Pick::Nobody { against, asked } => {
                    self.places.leave(i);
                    self.nobody(i, cause, against, out);
                    if !asked.is_empty() {
                        awaiting.extend(asked);
                        self.look_again(now, i, &wish, &awaiting, out);
                    }
                    return;
                }
            },
            Want::Failback if awaiting.is_empty() => return self.take_home(now, i, None, out),
            Want::Rollback(cause) if awaiting.is_empty() => return self.take_home(now, i, Some(cause), out),
            Want::Codec(want) if awaiting.is_empty() => return self.change_codecs(now, i, want, out),
            Want::Failback | Want::Rollback(_) | Want::Codec(_) => {}
        }
        self.look_again(now, i, &wish, &awaiting, out);
        let awaiting = awaiting.iter().map(|c| self.slots[*c].id().clone()).collect();
        self.set_reason(i, Reason::Confirming { wanted: wish.want.name().to_owned(), awaiting });
    }

    /// The channels, candidates left aside, whose last look is still to come.
    fn unconfirmed(&self, now: Time, i: SlotId, wish: &Wish) -> Vec<SlotId> {
        let slot = &self.slots[i];
        let age = slot.last_look_for();
        let own = slot.confirms(now, wish, age);
        let verdict = own.and_then(|single| single.verdict);
        let mut awaiting = Vec::new();
        let confirmed = match &wish.want {
            Want::Failover(Cause::Quality { .. } | Cause::Degraded { .. } | Cause::Ordered { .. })
            | Want::Cascade(..)
            | Want::Codec(_) => own.is_some(),
            Want::Failover(_) => verdict == Some(Event::Bad),
            Want::Failback | Want::Rollback(_) => verdict == Some(Event::Good),
        };
        if !confirmed {
            awaiting.push(i);
        }
        if let Want::Cascade(b, _) = wish.want {
            let told = self.slots[b].confirms(now, wish, age).and_then(|single| single.verdict);
            if !matches!(told, Some(Event::Bad | Event::Missing)) {
                awaiting.push(b);
            }
        }
        awaiting
    }

    /// Asks for last looks: at once, and again where they do not come. They go ahead of everything else in the request
    /// budget, so they are not hurried after where nobody has answered one.
    fn look_again(&mut self, now: Time, i: SlotId, wish: &Wish, at: &[SlotId], out: &mut Vec<Command>) {
        if wish.looked.is_some_and(|looked| now.since(looked) < self.slots[i].look_again_after()) {
            return;
        }
        if let Some(wish) = &mut self.slots[i].action.wish {
            wish.looked = Some(now);
        }
        for (n, c) in at.iter().enumerate() {
            if !at[..n].contains(c) {
                out.push(Command::LookNow { channel: self.slots[*c].key.clone() });
            }
        }
    }

    /// Looks for a target, and notes whether there is any.
    fn pick_noting(&mut self, now: Time, i: SlotId, wish: &Wish) -> Pick {
        let pick = self.pick(now, i, wish);
        self.note_no_candidate(i, matches!(pick, Pick::Nobody { .. }));
        pick
    }

    fn note_no_candidate(&mut self, i: SlotId, none: bool) {
        if std::mem::replace(&mut self.slots[i].action.no_candidate, none) != none {
            self.mark_changed(i);
        }
    }

    fn nobody(
        &mut self,
        i: SlotId,
        cause: Cause,
        against: Vec<(ChannelId, super::super::reason::Ineligible)>,
        out: &mut Vec<Command>,
    ) {
        let reason = Reason::NoCandidate { cause, against };
        let slot = &mut self.slots[i];
        // Once for each wish, however often somebody was fit meanwhile.
        if slot.action.wish.as_mut().is_some_and(|wish| !std::mem::replace(&mut wish.nobody_told, true)) {
            let (event, actor) = (EventType::NoCandidate, Actor::Engine);
            out.push(Command::Record(channel_record(&slot.key, event, actor, reason.clone(), (None, None))));
        }
        self.set_reason(i, reason);
    }
}

/// The change of a failover, failback or codec action, as facts.
pub(super) fn facts(kind: &ActionKind, own: &ChannelId) -> (Option<super::Fact>, Option<super::Fact>) {
    use super::Fact;
    match kind {
        ActionKind::Failover { from, to } => (Some(Fact::Route(from.clone())), Some(Fact::Route(to.clone()))),
        ActionKind::Failback { from } => (Some(Fact::Route(from.clone())), Some(Fact::Route(own.clone()))),
        ActionKind::Codec { order, before, .. } => {
            (Some(Fact::Codecs(before.clone())), Some(Fact::Codecs(order.clone())))
        }
    }
}
