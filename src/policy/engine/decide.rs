//! What is wanted for a channel, whether it may be done, and when to look again. The only caller of `act`.

use super::super::channel::Event;
use super::super::codec;
use super::super::command::{ActionKind, Actor, Cadence, Command, EventType, Health};
use super::super::failover::Pick;
use super::super::guard::Hold;
use super::super::key::ChannelId;
use super::super::observation::Codec;
use super::super::params::{Failback, Mode};
use super::super::reason::{Cause, Reason};
use super::super::time::Time;
use super::slot::CodecWant;
use super::{Engine, Slot, Want, Wish, channel_record};
use std::cmp::Reverse;
use std::time::Duration;

impl Engine {
    /// Evaluates every channel of a tenant that wants something.
    pub(super) fn evaluate_wanting(&mut self, now: Time, t: usize, out: &mut Vec<Command>) {
        let wanting: Vec<usize> = self.tenants[t].wanting.iter().copied().collect();
        for i in wanting {
            self.evaluate(now, i, out);
        }
    }

    /// Evaluates every channel that wants something.
    pub(super) fn evaluate_all_wanting(&mut self, now: Time, out: &mut Vec<Command>) {
        for t in 0..self.tenants.len() {
            self.evaluate_wanting(now, t, out);
        }
    }

    /// Decides what is to be done for one channel, and does it. Ends in a reason.
    pub(super) fn evaluate(&mut self, now: Time, i: usize, out: &mut Vec<Command>) {
        if !self.slots[i].live {
            return;
        }
        if self.slots[i].configured {
            self.note_home_good(now, i);
            match self.wanted(now, i) {
                Ok(want) => {
                    self.wish(now, i, want);
                    self.pursue(now, i, out);
                }
                Err(reason) => {
                    self.unwish(i);
                    self.set_reason(i, reason);
                }
            }
        } else {
            let reason = self.quiet_reason(i);
            self.set_reason(i, reason);
        }
        self.refresh_suspect(i, out);
        self.arm(now, i);
    }

    /// Since when home has been up and good, for a channel whose traffic is elsewhere.
    fn note_home_good(&mut self, now: Time, i: usize) {
        let slot = &mut self.slots[i];
        let bad_score = slot.quality_now(now).is_some_and(|q| q.score < slot.policy.quality.optimise_below);
        let good = slot.health() == Health::Up && slot.fresh && slot.verdict == Some(Event::Good) && !bad_score;
        slot.good_since = if good { slot.good_since.or(Some(now)) } else { None };
        if slot.quality_now(now).is_none() {
            slot.low_since = None;
            slot.fine_since = None;
        }
    }

    /// What is wanted now, or why nothing is.
    fn wanted(&self, now: Time, i: usize) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        if let Some(flight) = &slot.flight {
            return Err(Reason::InFlight { kind: flight.action.kind.name().to_owned() });
        }
        if let Some(unsure) = &slot.unsure {
            return Err(Reason::Unsure { kind: unsure.kept.kind.name().to_owned() });
        }
        if slot.missing || slot.route.is_none() {
            return Err(self.quiet_reason(i));
        }
        match &slot.route {
            Some(route) if slot.away() => self.wanted_away(now, i, route),
            _ => self.wanted_home(now, i),
        }
    }

    fn wanted_home(&self, now: Time, i: usize) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        let rules = &slot.policy.failover;
        if slot.health() == Health::Down && slot.last_bad() {
            if !rules.enabled {
                return Err(Reason::FailoverOff);
            }
            let status = slot.status.clone().unwrap_or_default();
            return Ok(Want::Failover(Cause::Down { looks: slot.machine.bads(), status }));
        }
        if !matches!(slot.health(), Health::Up | Health::Degraded) {
            return Err(self.quiet_reason(i));
        }
        let Some(quality) = slot.quality_now(now) else { return Err(self.quiet_reason(i)) };
        if let (Some(below), Some(since)) = (rules.quality_below, slot.low_since) {
            let lasted = now.since(since);
            if rules.enabled && lasted >= rules.quality_for {
                return Ok(Want::Failover(Cause::Quality { score: quality.score, below, lasted }));
            }
        }
        if slot.health() == Health::Up && !slot.last_bad() && slot.policy.codec.enabled {
            return self.wanted_codec(now, i, quality.score);
        }
        Err(self.quiet_reason(i))
    }

    fn wanted_codec(&self, now: Time, i: usize, score: f64) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        let policy = &slot.policy;
        if score < policy.quality.optimise_below {
            let Some(summary) = &slot.summary else { return Err(self.quiet_reason(i)) };
            let latency = self.tenants[slot.tenant].params.latency;
            return match codec::propose(&policy.codec, &policy.quality, latency, summary, &slot.codecs) {
                Ok(proposal) => Ok(Want::Codec(CodecWant::Improve(proposal))),
                Err(hold) => Err(Reason::CodecKept { score, hold }),
            };
        }
        let first =
            slot.codecs_first.as_ref().filter(|first| same_names(first, &slot.codecs) && **first != slot.codecs);
        match (first, slot.fine_since) {
            (Some(first), Some(since)) if now.since(since) >= policy.codec.restore_after => {
                Ok(Want::Codec(CodecWant::Restore(first.clone())))
            }
            _ => Err(self.quiet_reason(i)),
        }
    }

    fn wanted_away(&self, now: Time, i: usize, route: &ChannelId) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        let rules = &slot.policy.failover;
        if let Some(b) = self.sibling(slot, route).filter(|_| rules.enabled) {
            let backup = &self.slots[b];
            if backup.missing {
                return Ok(Want::Cascade(b, Cause::BackupMissing { backup: route.clone() }));
            }
            if backup.health() == Health::Down && backup.last_bad() {
                return Ok(Want::Cascade(b, Cause::BackupDown { backup: route.clone() }));
            }
        }
        let good_for = slot.good_since.map(|since| now.since(since));
        if good_for.is_none_or(|good_for| good_for < rules.failback_after) {
            let (home, failback_after) = (slot.health(), rules.failback_after);
            return Err(Reason::Away { at: route.clone(), home, good_for, failback_after });
        }
        if matches!(slot.moved_for, Some(Cause::Quality { .. })) && slot.quality_now(now).is_none() {
            return Err(Reason::AwayUnmeasured { at: route.clone() });
        }
        Ok(Want::Failback)
    }

    /// The reason where nothing is wanted at home: what is known of the channel's health.
    fn quiet_reason(&self, i: usize) -> Reason {
        let slot = &self.slots[i];
        let thresholds = &slot.policy.health;
        let (good, rise) = (slot.machine.goods(), thresholds.rise);
        match slot.health() {
            _ if slot.missing => Reason::Missing,
            _ if slot.evidence.is_none() => Reason::NotSeen,
            _ if !slot.fresh => Reason::Stale { limit: self.stale_limit(i) },
            Health::Down if !slot.last_bad() => Reason::Recovering { good, rise },
            _ if slot.last_bad() => {
                let bad = slot.machine.bads();
                Reason::Suspect { bad, fall: thresholds.fall, status: slot.status.clone() }
            }
            Health::Up => Reason::Fine,
            Health::Degraded => Reason::Degraded { status: slot.status.clone() },
            Health::Unknown | Health::Down => Reason::Settling { good, rise },
        }
    }

    fn wish(&mut self, now: Time, i: usize, want: Want) {
        let seq = self.seq;
        let slot = &mut self.slots[i];
        match &mut slot.wish {
            Some(wish) if wish.want.same_episode(&want) => wish.want = want,
            _ => {
                slot.wish = Some(Wish { want, since: now, seq, looked: None, asked: None, told: 0 });
                slot.held = None;
                slot.no_candidate = false;
                self.tenants[slot.tenant].wanting.insert(i);
            }
        }
    }

    /// Nothing is wanted any more.
    pub(super) fn unwish(&mut self, i: usize) {
        let slot = &mut self.slots[i];
        if slot.wish.take().is_some() {
            self.tenants[slot.tenant].wanting.remove(&i);
            slot.held = None;
            slot.no_candidate = false;
            slot.approved = None;
            slot.approved_home = false;
            self.mark_changed(i);
        }
    }

    /// Follows a wish as far as it goes now: held, confirming, without a candidate, or done.
    fn pursue(&mut self, now: Time, i: usize, out: &mut Vec<Command>) {
        let Some(wish) = self.slots[i].wish.clone() else { return };
        if let Err(hold) = self.guards(now, i, &wish.want) {
            return self.hold(i, hold, None, out);
        }
        let wish = self.unhold(now, i, wish);
        let mut awaiting = self.unconfirmed(now, i, &wish);
        match wish.want.clone() {
            Want::Failover(cause) | Want::Cascade(_, cause) => match self.pick(now, i, &wish) {
                Pick::Take { target, passed_over } if awaiting.is_empty() => {
                    return self.move_to(now, i, target, cause, passed_over, out);
                }
                Pick::Take { .. } => {}
                Pick::Wait { asked } => {
                    self.slots[i].wish.as_mut().map(|wish| wish.asked.get_or_insert(now));
                    awaiting.extend(asked);
                }
                Pick::Nobody { against, asked } => {
                    self.nobody(i, cause, against, out);
                    if !asked.is_empty() {
                        awaiting.extend(asked);
                        self.look_again(now, i, &wish, &awaiting, out);
                    }
                    return;
                }
            },
            Want::Failback if awaiting.is_empty() => return self.take_home(now, i, false, out),
            Want::Codec(want) if awaiting.is_empty() => return self.change_codecs(now, i, want, out),
            Want::Failback | Want::Codec(_) => {}
        }
        self.look_again(now, i, &wish, &awaiting, out);
        let awaiting = awaiting.iter().map(|c| self.slots[*c].id().clone()).collect();
        self.set_reason(i, Reason::Confirming { wanted: wish.want.name().to_owned(), awaiting });
    }

    /// The channels, candidates left aside, whose last look is still to come.
    fn unconfirmed(&self, now: Time, i: usize, wish: &Wish) -> Vec<usize> {
        let slot = &self.slots[i];
        let age = slot.last_look_for();
        let own = slot.confirms(now, wish, age);
        let verdict = own.and_then(|single| single.verdict);
        let mut awaiting = Vec::new();
        let confirmed = match &wish.want {
            Want::Failover(Cause::Quality { .. }) | Want::Cascade(..) | Want::Codec(_) => own.is_some(),
            Want::Failover(_) => verdict == Some(Event::Bad),
            Want::Failback => verdict == Some(Event::Good),
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

    /// Asks for last looks: at once, and again where they do not come.
    fn look_again(&mut self, now: Time, i: usize, wish: &Wish, at: &[usize], out: &mut Vec<Command>) {
        let fast = self.slots[i].policy.health.fast_interval;
        if wish.looked.is_some_and(|looked| now.since(looked) < fast) {
            return;
        }
        if let Some(wish) = &mut self.slots[i].wish {
            wish.looked = Some(now);
        }
        for (n, c) in at.iter().enumerate() {
            if !at[..n].contains(c) {
                out.push(Command::LookNow { channel: self.slots[*c].key.clone() });
            }
        }
    }

    fn nobody(
        &mut self,
        i: usize,
        cause: Cause,
        against: Vec<(ChannelId, super::super::reason::Ineligible)>,
        out: &mut Vec<Command>,
    ) {
        let reason = Reason::NoCandidate { cause, against };
        let slot = &mut self.slots[i];
        if !std::mem::replace(&mut slot.no_candidate, true) {
            let (event, actor) = (EventType::NoCandidate, Actor::Engine);
            out.push(Command::Record(channel_record(&slot.key, event, actor, reason.clone(), (None, None))));
        }
        self.set_reason(i, reason);
    }

    /// What forbids an action of this kind now, its target left aside.
    fn guards(&self, now: Time, i: usize, want: &Want) -> Result<(), Hold> {
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
            way_home(slot)?;
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
    fn unhold(&mut self, now: Time, i: usize, mut wish: Wish) -> Wish {
        if self.slots[i].held.take().is_some() {
            wish.since = now;
            wish.seq = self.seq;
            wish.asked = None;
            self.slots[i].wish = Some(wish.clone());
            self.mark_changed(i);
        }
        wish
    }

    fn suspect(&self, i: usize) -> bool {
        let slot = &self.slots[i];
        let bad = slot.configured && slot.last_bad() && slot.fresh && slot.health() != Health::Down;
        let stranded = matches!(&slot.wish, Some(Wish { want: Want::Failover(_) | Want::Cascade(..), .. }));
        bad || (stranded && slot.held.is_none()) || slot.unsure.is_some()
    }

    fn refresh_suspect(&mut self, i: usize, out: &mut Vec<Command>) {
        let suspect = self.suspect(i);
        if self.slots[i].suspect == suspect {
            return;
        }
        self.slots[i].suspect = suspect;
        self.refresh_cadence(i, out);
        for n in 0..self.slots[i].needs.len() {
            let Some(&c) = self.slots[i].needs.get(n) else { break };
            self.refresh_cadence(c, out);
        }
    }

    /// Orders another cadence where another one is due.
    pub(super) fn refresh_cadence(&mut self, i: usize, out: &mut Vec<Command>) {
        let slot = &self.slots[i];
        if !self.started || !slot.live {
            return;
        }
        let health = &slot.policy.health;
        let users = slot.users.iter().filter_map(|u| self.slots.get(*u)).filter(|user| user.suspect);
        let fast = users.map(|user| user.policy.health.fast_interval).min();
        let fast = if slot.suspect { Some(fast.unwrap_or(Duration::MAX).min(health.fast_interval)) } else { fast };
        let interval = fast.unwrap_or(health.interval).min(health.interval);
        let cadence = Cadence { interval, timeout: health.timeout, suspect: fast.is_some() };
        if slot.cadence != Some(cadence) {
            out.push(Command::Watch { channel: slot.key.clone(), cadence });
            self.slots[i].cadence = Some(cadence);
        }
    }

    pub(super) fn set_reason(&mut self, i: usize, reason: Reason) {
        if self.slots[i].reason != reason {
            self.slots[i].reason = reason;
            self.mark_changed(i);
        }
    }

    /// The next moment at which time alone changes something for the channel.
    fn due(&self, now: Time, i: usize) -> Option<Time> {
        let slot = &self.slots[i];
        let policy = &slot.policy;
        let stale = slot.evidence.filter(|_| slot.fresh).map(|at| at + self.stale_limit(i));
        if slot.quiet() {
            return stale.filter(|at| *at > now);
        }
        let wish = slot.wish.as_ref();
        let looked = wish.and_then(|wish| wish.looked).map(|at| at + policy.health.fast_interval);
        let patience = wish.and_then(|wish| wish.asked).map(|at| at + policy.health.timeout);
        let home = slot.good_since.filter(|_| slot.away()).map(|at| at + policy.failover.failback_after);
        let low = slot.low_since.map(|at| at + policy.failover.quality_for);
        let fine = slot.fine_since.filter(|_| slot.codecs_first.is_some()).map(|at| at + policy.codec.restore_after);
        let hour = match slot.held {
            Some(Hold::MaxPerHour { .. }) => self.tenants[slot.tenant].next_within_hour(),
            _ => None,
        };
        let unsure = slot.unsure.as_ref().map(|unsure| unsure.until);
        let all = [stale, looked, patience, home, low, fine, hour, unsure];
        let blocks = [slot.blocked_until, slot.retry_at, slot.codec_until].into_iter().filter(|_| wish.is_some());
        all.into_iter().chain(blocks).flatten().filter(|at| *at > now).min()
    }

    /// Sees to it that the channel is evaluated when it is due. A later deadline than the one set waits for that one.
    pub(super) fn arm(&mut self, now: Time, i: usize) {
        let Some(due) = self.due(now, i) else { return };
        if self.slots[i].armed.is_some_and(|armed| armed <= due) {
            return;
        }
        self.slots[i].armed = Some(due);
        self.deadlines.push(Reverse((due, i)));
        if self.deadlines.len() > 4 * self.slots.len() + 64 {
            let slots = &self.slots;
            self.deadlines.retain(|Reverse((at, i))| slots[*i].live && slots[*i].armed == Some(*at));
        }
    }

    /// The slot of another channel of the same tenant.
    pub(super) fn sibling(&self, slot: &Slot, id: &ChannelId) -> Option<usize> {
        // Where traffic goes is always among the needs, which are few; the index would need a key built.
        slot.needs.iter().copied().find(|n| self.slots[*n].id() == id)
    }
}

/// What forbids taking traffic home without a person.
fn way_home(slot: &Slot) -> Result<(), Hold> {
    match slot.policy.failover.failback {
        _ if slot.approved_home => Ok(()),
        _ if slot.foreign => Err(Hold::ForeignRoute),
        Failback::Auto => Ok(()),
        Failback::Manual => Err(Hold::FailbackManual),
        Failback::Window => Err(Hold::FailbackWindow),
    }
}

pub(super) fn same_names(a: &[Codec], b: &[Codec]) -> bool {
    let names = |codecs: &[Codec]| {
        let mut names: Vec<String> = codecs.iter().map(|codec| codec.name.clone()).collect();
        names.sort();
        names
    };
    names(a) == names(b)
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
