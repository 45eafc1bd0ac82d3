//! Which candidate takes the traffic, and why each other one is not eligible. Must never: change anything.

use super::super::channel::Event;
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::params::Order;
use super::super::reason::{Cause, Ineligible};
use super::super::time::Time;
use super::super::words::Health;
use super::{Engine, Slot, Want, Wish};

/// What came of looking for a target.
#[derive(Debug)]
pub(super) enum Pick {
    /// This one.
    Take { target: SlotId, passed_over: Vec<(ChannelId, Ineligible)> },
    /// A preferred one has still to answer its last look.
    Wait { asked: Vec<SlotId> },
    /// Nobody. `asked` might still answer, and are looked at on.
    Nobody { against: Vec<(ChannelId, Ineligible)>, asked: Vec<SlotId> },
}

/// How a target stands.
enum Standing {
    /// Nothing speaks against it, and a last look found it good.
    Fit,
    /// Nothing speaks against it, and no last look has found it good.
    Unanswered,
    Against(Ineligible),
}

impl Engine {
    /// What speaks against channel `c` for any traffic but its own: what is known of it, and since when.
    pub(super) fn unfit(&self, c: SlotId) -> Option<Ineligible> {
        let slot = &self.slots[c];
        let seen_since = self.tenants[slot.tenant].seen_since;
        if slot.evidence.missing {
            return Some(Ineligible::Missing);
        }
        if slot.in_maintenance() {
            return Some(Ineligible::InMaintenance);
        }
        if slot.evidence.at.is_none() {
            return Some(Ineligible::NotSeen);
        }
        if slot.route.read.is_none() || slot.route.unread {
            return Some(Ineligible::RouteNotRead);
        }
        if slot.health() != Health::Up || !slot.evidence.fresh {
            return Some(Ineligible::NotUp { health: slot.health() });
        }
        if slot.evidence.verdict != Some(Event::Good) {
            return Some(Ineligible::LastLookNotGood { status: slot.evidence.status.clone() });
        }
        if seen_since.is_some_and(|seen| slot.evidence.at.is_none_or(|at| at < seen)) {
            return Some(Ineligible::NotSeenSinceBlind);
        }
        // Its route as last read: what is not believed yet counts against it all the same.
        let read = slot.route.doubts.route.as_ref().map(|doubt| &doubt.of).filter(|read| *read != slot.id());
        let away = slot.route.read.as_ref().filter(|_| slot.away());
        read.or(away).map(|to| Ineligible::RoutedElsewhere { to: to.clone() })
    }

    /// What speaks against candidate `c` for the traffic of `user`, a last look left aside. `needed`: the score that a move
    /// for quality needs it to have.
    pub(super) fn against(&self, now: Time, user: SlotId, c: SlotId, needed: Option<f64>) -> Option<Ineligible> {
        let (mover, slot) = (&self.slots[user], &self.slots[c]);
        if user == c {
            return Some(Ineligible::Itself);
        }
        if let Some(against) = self.unfit(c) {
            return Some(against);
        }
        if let Some(kind) = slot.pending() {
            return Some(Ineligible::InFlight { kind: kind.to_owned() });
        }
        let rules = &mover.policy.failover;
        let carries = slot.route.carries.saturating_sub(u32::from(mover.route.loads.contains(&Some(c))));
        if carries >= rules.max_dependents && !mover.forced() {
            return Some(Ineligible::Full { carries, max_dependents: rules.max_dependents });
        }
        let score = slot.quality_now(now).map(|quality| quality.score);
        match (score, needed) {
            (Some(score), _) if score < rules.min_candidate_score => {
                Some(Ineligible::ScoreTooLow { score, min: rules.min_candidate_score })
            }
            (None, _) if rules.require_score => Some(Ineligible::NoScore),
            (Some(score), Some(needed)) if score < needed => Some(Ineligible::NotBetter { score: Some(score), needed }),
            (None, Some(needed)) => Some(Ineligible::NotBetter { score: None, needed }),
            _ => None,
        }
    }

    /// What speaks against a candidate that is fit: a change to it failed in this episode, and another fit one was tried less
    /// often.
    pub(super) fn comes_after(&self, now: Time, user: SlotId, c: SlotId, needed: Option<f64>) -> Option<Ineligible> {
        let slot = &self.slots[user];
        let times = slot.tried(now, self.slots[c].id());
        let first = |other: &SlotId| {
            slot.tried(now, self.slots[*other].id()) < times && self.against(now, user, *other, needed).is_none()
        };
        (times > 0 && slot.candidates.iter().any(first)).then_some(Ineligible::ChangeFailed { times })
    }

    /// The candidates of `user` as they are tried: scored ones first, in the configured order or the best first.
    pub(super) fn ranked(&self, now: Time, user: SlotId) -> Vec<SlotId> {
        let slot = &self.slots[user];
        let score = |c: &SlotId| self.slots[*c].quality_now(now).map_or(-1.0, |quality| quality.score);
        let mut order = slot.candidates.clone();
        match slot.policy.failover.order {
            Order::Configured => order.sort_by_key(|c| score(c) < 0.0),
            Order::Best => order.sort_by(|a, b| score(b).total_cmp(&score(a))),
        }
        order
    }

    /// The score that a candidate needs, where quality is why traffic moves.
    pub(super) fn needed_score(&self, now: Time, user: SlotId, want: &Want) -> Option<f64> {
        let Want::Failover(Cause::Quality { score, .. } | Cause::Degraded { score, .. }) = want else { return None };
        let slot = &self.slots[user];
        let own = slot.quality_now(now).map_or(*score, |quality| quality.score);
        Some(own + slot.policy.failover.better_by)
    }

    /// Whether traffic has to move and no candidate is fit to take it, as far as is known without a last look.
    pub(super) fn nobody_is_fit(&self, now: Time, user: SlotId, want: &Want) -> bool {
        let slot = &self.slots[user];
        let home = match want {
            Want::Failover(Cause::Ordered { .. }) | Want::Failback | Want::Rollback(_) | Want::Codec(_) => {
                return false;
            }
            Want::Failover(_) => false,
            Want::Cascade(..) => home_against(slot).is_none(),
        };
        let needed = self.needed_score(now, user, want);
        !home && slot.candidates.iter().all(|c| self.against(now, user, *c, needed).is_some())
    }

    /// Looks for the target of `wish`.
    pub(super) fn pick(&self, now: Time, user: SlotId, wish: &Wish) -> Pick {
        let slot = &self.slots[user];
        if let Want::Failover(Cause::Ordered { .. }) = wish.want {
            return self.pick_ordered(now, slot, wish);
        }
        let ranked = self.targets(now, user, wish);
        // What a person approved goes first while it is fit; then the candidates that no change to them failed in this episode.
        let approved = slot.approved_at(now).and_then(|approved| approved.to.as_ref());
        let mut order = ranked.clone();
        order.sort_by_key(|c| {
            let id = self.slots[*c].id();
            (Some(id) != approved, slot.tried(now, id))
        });
        let patience_over = wish.asked.is_some_and(|at| now.since(at) >= slot.policy.health.timeout);
        let (mut against, mut asked) = (Vec::new(), Vec::new());
        for (n, &c) in order.iter().enumerate() {
            let id = || self.slots[c].id().clone();
            match self.stands(now, user, wish, c) {
                Standing::Fit => {
                    let before = ranked.iter().take_while(|other| **other != c);
                    let put_back = before.filter(|other| !order[..n].contains(other));
                    against.extend(put_back.map(|other| self.put_back(now, user, wish, *other)));
                    return Pick::Take { target: c, passed_over: against };
                }
                Standing::Against(why) => against.push((id(), why)),
                Standing::Unanswered if patience_over => {
                    asked.push(c);
                    against.push((id(), Ineligible::Unconfirmed));
                }
                Standing::Unanswered => {
                    asked.push(c);
                    // Later ones are asked too, so that none of them costs a wait of its own.
                    let needed = self.needed_score(now, user, &wish.want);
                    let fit = |c: &SlotId| self.against(now, user, *c, needed).is_none();
                    let later: Vec<SlotId> = ranked.into_iter().filter(|c| !asked.contains(c) && fit(c)).collect();
                    asked.extend(later);
                    return Pick::Wait { asked };
                }
            }
        }
        Pick::Nobody { against, asked }
    }

    /// Where its traffic could go, the first choice first: in a cascade home, then the candidates as they are ranked.
    fn targets(&self, now: Time, user: SlotId, wish: &Wish) -> Vec<SlotId> {
        let home = matches!(wish.want, Want::Cascade(..)).then_some(user);
        home.into_iter().chain(self.ranked(now, user).into_iter().filter(|c| *c != user)).collect()
    }

    /// How a target stands: what is known of it, and what its last look says.
    fn stands(&self, now: Time, user: SlotId, wish: &Wish, c: SlotId) -> Standing {
        let slot = &self.slots[user];
        let needed = self.needed_score(now, user, &wish.want);
        let against = if c == user { home_against(slot) } else { self.against(now, user, c, needed) };
        match against {
            Some(why) => Standing::Against(why),
            None if self.confirms_good(now, slot, wish, c) => Standing::Fit,
            None => Standing::Unanswered,
        }
    }

    /// Why another target goes before `c`, which is ranked higher.
    fn put_back(&self, now: Time, user: SlotId, wish: &Wish, c: SlotId) -> (ChannelId, Ineligible) {
        let id = self.slots[c].id();
        let why = match self.stands(now, user, wish, c) {
            Standing::Against(why) => why,
            Standing::Fit | Standing::Unanswered => Ineligible::ChangeFailed { times: self.slots[user].tried(now, id) },
        };
        (id.clone(), why)
    }
}

impl Engine {
    /// Whether a last look found channel `c` good.
    pub(super) fn confirms_good(&self, now: Time, user: &Slot, wish: &Wish, c: SlotId) -> bool {
        let confirmed = self.slots[c].confirms(now, wish, user.last_look_for());
        confirmed.is_some_and(|single| single.verdict == Some(Event::Good))
    }

    /// The target that a person named, once its last look has confirmed it. What speaks against it ended the order before.
    fn pick_ordered(&self, now: Time, slot: &Slot, wish: &Wish) -> Pick {
        let target = slot.action.ordered.as_ref().and_then(|ordered| self.sibling(slot, ordered.to.as_ref()?));
        match target {
            Some(c) if self.confirms_good(now, slot, wish, c) => Pick::Take { target: c, passed_over: Vec::new() },
            target => Pick::Wait { asked: target.into_iter().collect() },
        }
    }
}

/// What speaks against taking traffic home, a last look left aside.
pub(super) fn home_against(slot: &Slot) -> Option<Ineligible> {
    match slot.health() {
        _ if slot.evidence.missing => Some(Ineligible::Missing),
        _ if slot.in_maintenance() => Some(Ineligible::InMaintenance),
        Health::Up if slot.evidence.fresh && slot.evidence.verdict == Some(Event::Good) => None,
        Health::Up => Some(Ineligible::LastLookNotGood { status: slot.evidence.status.clone() }),
        health => Some(Ineligible::NotUp { health }),
    }
}
