//! How far a wish gets now: held, confirming, without a candidate, or carried out. The only caller of `act`.

use super::super::channel::Event;
use super::super::command::{Command, EventType};
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::reason::{Cause, Ineligible, Reason};
use super::super::time::Time;
use super::super::words::Actor;
use super::failover::Pick;
use super::{Engine, Want, Wish, channel_record};

impl Engine {
    /// Takes a wish as far as it gets now: held, confirming, without a candidate, or carried out.
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
            let verdict = self.slots[b].confirms(now, wish, age).and_then(|single| single.verdict);
            if !matches!(verdict, Some(Event::Bad | Event::Missing)) {
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

    fn nobody(&mut self, i: SlotId, cause: Cause, against: Vec<(ChannelId, Ineligible)>, out: &mut Vec<Command>) {
        let reason = Reason::NoCandidate { cause, against };
        let slot = &mut self.slots[i];
        // Once for each wish, however often somebody was fit meanwhile.
        if slot.action.wish.as_mut().is_some_and(|wish| !std::mem::replace(&mut wish.nobody_told, true)) {
            let (event, actor) = (EventType::NoCandidate, Actor::Engine);
            out.push(Command::Record(channel_record(&slot.key, event, actor, reason.clone(), (None, None))));
        }
        self.set_reason(i, reason);
    }

    /// Keeps the place for a wish that nothing holds.
    fn take_place(&mut self, now: Time, i: SlotId, want: &Want) {
        if self.needs_place(now, i, want) {
            self.places.take(i, now + self.slots[i].policy.health.timeout * 2);
        } else {
            self.places.leave(i);
        }
    }
}
